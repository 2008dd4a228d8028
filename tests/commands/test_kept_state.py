"""A folder's files as they are told and read back, whatever they are called."""

from __future__ import annotations

import subprocess
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from hosting.commands import replication
from hosting.commands.kept_state import list_files, parse_files

if TYPE_CHECKING:
    from pathlib import Path


def test_files_are_listed_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b/Grüße\nx").write_text("four")
    (tmp_path / "link").symlink_to("/nowhere/at/all")
    (tmp_path / "empty").touch()
    command = list_files(PurePosixPath(tmp_path))
    out = subprocess.run(command.argv, capture_output=True, check=True, text=True, timeout=30).stdout
    found = parse_files(out)
    assert {path: size for path, (size, _) in found.items()} == {"a b/Grüße\nx": 4, "empty": 0}
    assert parse_files("") == {}


def test_a_mark_tells_null_from_nothing_and_is_asked_of_some_parts_alone() -> None:
    said = replication.marks("phm_a", "mails", ["id", "sub`ject"], 1024, [3, 70]).sql
    row = "CONCAT_WS('#', `id`, `sub``ject`, ISNULL(`id`), ISNULL(`sub``ject`))"
    assert said == f"SELECT MD5({row}) FROM `phm_a`.`mails` WHERE MOD(CRC32({row}), 1024) IN (3, 70)"
    asked = replication.parts("phm_a", "mails", ["id", "sub`ject"], 1024).sql
    assert asked.startswith(f"SELECT MOD(CRC32({row}), 1024), COUNT(*), BIT_XOR(CRC32({row})), SUM(CRC32({row})) FROM")
