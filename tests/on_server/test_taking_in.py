"""The jobs that open and lay out an old installation: by a user without rights, within a folder of his (P33, P36)."""

from __future__ import annotations

import io
import os
import pwd
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks.import_readers import readers
from tasks.on_server import taking_in
from tasks.on_server.job import Complaint, Progress
from tests.on_server.archives import Z, zipped
from tests.on_server.test_aes import by_aes
from tests.product.old_installations import OldOne, packed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
USER = "games"
"""One of Debian's own, with a group of the same name; a draft's user has one, too."""


class Place:
    """An import's folder on a server."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tree, self.storage = folder, folder / "tree", folder / "draft" / "storage"
        folder.chmod(0o711)
        (folder / "readers.pyz").write_bytes(readers())
        self.storage.mkdir(parents=True)
        self.tree.mkdir()
        for path in (self.tree, self.storage):
            shutil.chown(path, USER, USER)
        self.progress = Progress(folder)

    def offer(self, data: bytes) -> None:
        archive = self.folder / "archive"
        archive.write_bytes(data)
        shutil.chown(archive, "root", USER)
        archive.chmod(0o640)

    def read(self, password: str = "", **more: Any) -> dict[str, Any]:
        request = {
            "folder": str(self.folder), "user": USER, "name": "old.zip", "password": password, "entries": 5000,
            "bytes": 64 * 2**20, **more,
        }  # fmt: skip
        return taking_in.read(request, self.progress)

    def lay_out(self, old: OldOne) -> dict[str, Any]:
        where = {"root": old.folder.rstrip("/"), "base": old.base, "config": old.config.rstrip("/")}
        request = {"folder": str(self.folder), "user": USER, "storage": str(self.storage), **where}
        return taking_in.lay_out({**request, "most_bytes": 64 * 2**20})


@pytest.fixture
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Place(Path(name))


def test_an_installation_is_opened_and_laid_out_by_its_own_user(place: Place) -> None:
    old = OldOne(users=2, mails=3, extra={"storage/filter_scripts/evil.php": b"<?php"})
    place.offer(packed(old.files() | {"dump.sql": old.dump()}, "tar.gz"))
    told = place.read()
    assert told["dumps"][0]["survey"]["candidates"] == [["", "phlymail"]]
    assert place.lay_out(old)["files"] == 2 * 4
    files = {path.relative_to(place.storage): path for path in place.storage.rglob("*") if path.is_file()}
    assert len(files) == 2 * 4
    assert {path.stat().st_uid for path in files.values()} == {pwd.getpwnam(USER).pw_uid}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}


def test_an_archive_with_a_password_is_opened_by_it_alone(place: Place) -> None:
    old = OldOne(users=1)
    files = old.files() | {"dump.sql": old.dump()}
    place.offer(zipped(*(by_aes(path.encode(), content, 3) for path, content in files.items())))
    assert place.read("falsch")["refused"]["code"] == "wrong_password"
    told = place.read("geheim")
    assert (told["opened"]["encrypted"], told["opened"]["old_encryption"]) == ("all", False)


def test_what_a_reader_refuses_is_told_and_leaves_nothing(place: Place) -> None:
    place.offer(zipped(Z(b"a"), Z(b"../../etc/cron.d/x")))
    assert place.read()["refused"]["code"] == "leads_out"
    assert list(place.tree.iterdir()) == []


def test_a_dump_that_can_not_be_taken_is_told_beside_one_that_can(place: Place) -> None:
    old = OldOne(users=1)
    files = old.files() | {"dump.sql": old.dump(), "other.sql": b"CREATE TABLE a (b int);\nDROP DATABASE x;\n"}
    place.offer(packed(files, "zip"))
    dumps = {dump["path"]: dump for dump in place.read()["dumps"]}
    assert "survey" in dumps["dump.sql"]
    assert dumps["other.sql"]["refused"]["code"] == "statement"


def test_an_archive_that_its_user_may_not_read_is_no_customers_fault(place: Place) -> None:
    place.offer(packed({"a": b"b"}, "zip"))
    (place.folder / "archive").chmod(0o600)
    with pytest.raises(Complaint, match="Permission denied"):
        place.read()


def test_a_reader_that_says_too_much_is_ended(place: Place) -> None:
    """Root holds no more of it than an answer may have."""
    endless = io.BytesIO()
    with zipfile.ZipFile(endless, "w") as archive:
        archive.writestr("__main__.py", "import sys\nwhile True: sys.stdout.write('x' * 65536)\n")
    (place.folder / "readers.pyz").write_bytes(endless.getvalue())
    place.offer(packed({"a": b"b"}, "zip"))
    with pytest.raises(Complaint, match="more than 16 MiB"):
        place.read()


def test_a_reader_that_says_nothing_is_no_customers_fault(place: Place) -> None:
    (place.folder / "readers.pyz").write_bytes(b"no program")
    place.offer(packed({"a": b"b"}, "zip"))
    with pytest.raises(Complaint, match="without a word"):
        place.read()
