"""What a draft holds is held against what its database names, and neither's paths are held in memory (P33)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.on_server import counting
from tasks.on_server.job import Progress
from tests.inventory.databases import PrivateMariadb

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_files_and_rows_are_counted_and_some_of_them_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    users = tmp_path / "storage/user/1"
    for path in ("email/inbox/a.1", "email/inbox/b.1", "files/gr\u00fcn", "files/nobody", "contacts/7"):
        (users / path).parent.mkdir(parents=True, exist_ok=True)
        (users / path).write_bytes(b"12345")
    server = PrivateMariadb()
    try:
        monkeypatch.setenv("MYSQL_UNIX_PORT", f"{server.folder}/socket")
        monkeypatch.setattr(counting, "DATABASES", tmp_path)
        (tmp_path / "phm_x").mkdir()
        (tmp_path / "phm_x/a.ibd").write_bytes(b"x" * 8192)
        missing = " UNION ALL ".join(f"SELECT 'storage/user/1/email/inbox/{number:02}'" for number in range(30))
        named = [
            {"what": "mails", "sql": f"SELECT 'storage/user/1/email/inbox/a.1' UNION ALL {missing}"},
            {"what": "files", "sql": "SELECT 'storage/user/1/files/gr\u00fcn'"},
        ]
        told = counting.count({"data": str(tmp_path), "database": "phm_x", "named": named}, Progress(tmp_path))
    finally:
        server.remove()
    assert (told["files"], told["bytes"], told["database_bytes"]) == (5, 25, 8192)
    mails = told["named"]["mails"]
    assert (mails["named"], mails["missing"], len(mails["examples"])) == (31, 30, counting.LISTED)
    assert told["named"]["files"] == {"named": 1, "missing": 0, "examples": []}
    assert told["examples"] == ["storage/user/1/email/inbox/b.1", "storage/user/1/files/nobody"]
    assert told["unnamed"] == 2
