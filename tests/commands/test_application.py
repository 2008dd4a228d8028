"""An instance's tree: each script really run as root, in folders where the instance has laid its traps."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hosting.commands.application import ensure_code, prepare_installation, seal
from hosting.commands.command import as_user
from hosting.commands.files import ensure_file, ensure_link, read_if_there
from hosting.policy.values import ReleaseFacts, ReleaseId
from hosting.product.layout import InstanceLayout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

    from hosting.commands.command import Command

USER = "www-data"
"""Any user without rights that has a group of the same name."""

LAYOUT = InstanceLayout("bcd234", 1, ReleaseFacts(ReleaseId("ab" * 32), 40470, "4.04.70", "free", 1))
CLOSED = ("filter_scripts", "autoupdate", "update")
RELEASE = (
    "storage/config/current.build",
    "storage/update/.htaccess",
    "install/step.php",
    "installer.php",
    "runonce.php",
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as the scripts have it on a server")


class Server:
    """The folders of a server below another root, one instance with its release in them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in RELEASE:
            file = self.at(LAYOUT.unpacked) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("40470")
        for folder in (LAYOUT.code.parent, LAYOUT.step_lock.parent, LAYOUT.storage):
            self.at(folder).mkdir(parents=True)
        self.at(LAYOUT.data).chmod(0o755)
        self.as_instance("true")
        subprocess.run(("chown", f"{USER}:", self.at(LAYOUT.storage)), check=True)
        self.at(LAYOUT.storage).chmod(0o700)
        self.foreign = root / "foreign"
        self.foreign.write_text("not the instance's")
        self.foreign.chmod(0o640)

    def at(self, path: PurePosixPath) -> Path:
        """A place of the layout."""
        return self.root / str(path).lstrip("/")

    def run(self, command: Command) -> str:
        """Run a script with its places below our root, as our user."""
        words = [word.replace(LAYOUT.user, USER) for word in command.argv]
        words = [f"{self.root}{word}" if word.startswith(("/srv/", "/run/")) else word for word in words]
        done = subprocess.run(words, input=command.stdin, capture_output=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()

    def as_instance(self, *words: str | Path) -> None:
        """What a process of the instance does."""
        argv = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *map(str, words))
        subprocess.run(argv, check=True, timeout=20)

    def trap(self, *names: str) -> None:
        """The instance puts links to a foreign file where files of its storage are expected."""
        for name in names:
            file = self.at(LAYOUT.storage) / name
            self.as_instance("rm", "-rf", file)
            self.as_instance("ln", "-s", self.foreign, file)

    @property
    def harmed(self) -> bool:
        """Whether the foreign file is another than before."""
        found = self.foreign.stat()
        return (found.st_uid, found.st_mode & 0o777, self.foreign.read_text()) != (0, 0o640, "not the instance's")


@pytest.fixture
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as root:  # pytest's own is closed to other users
        Path(root).chmod(0o755)
        yield Server(Path(root))


def state(path: Path) -> str:
    found = path.lstat()
    return f"{path.owner()}:{path.group()}:{found.st_mode & 0o777:o}"


def test_the_tree_is_made_and_then_found_unchanged(server: Server) -> None:
    assert server.run(ensure_code(LAYOUT)) == "changed"
    storage = server.at(LAYOUT.storage)
    assert (storage / "config/current.build").read_text() == "40470"
    assert {state(path) for path in storage.rglob("*") if path.is_file()} == {f"{USER}:{USER}:600"}
    assert {state(path) for path in storage.rglob("*") if path.is_dir()} == {f"{USER}:{USER}:700"}
    assert server.run(ensure_code(LAYOUT)) == "unchanged"


def test_the_storage_s_folders_for_code_are_closed_and_then_found_unchanged(server: Server) -> None:
    server.run(ensure_code(LAYOUT))
    assert server.run(seal(LAYOUT)) == "changed"
    storage = server.at(LAYOUT.storage)
    assert [state(storage / name) for name in CLOSED] == [f"root:{USER}:750"] * len(CLOSED)
    assert (storage / "update/.htaccess").read_text() == "40470"
    assert server.run(seal(LAYOUT)) == "unchanged"
    assert server.run(ensure_code(LAYOUT)) == "unchanged"


def test_a_seal_that_was_cut_off_is_finished(server: Server) -> None:
    server.run(ensure_code(LAYOUT))
    (server.at(LAYOUT.storage) / "update").rename(server.at(LAYOUT.data) / ".closed-update")
    assert server.run(seal(LAYOUT)) == "changed"
    assert (server.at(LAYOUT.storage) / "update/.htaccess").read_text() == "40470"
    assert not list(server.at(LAYOUT.data).glob(".closed-*"))


def test_root_follows_no_link_that_an_instance_laid(server: Server) -> None:
    server.run(ensure_code(LAYOUT))
    server.trap("config/current.build", "config/current.build.part", "config/driver.mysql.ini.php")
    with pytest.raises(AssertionError, match="Permission denied"):
        server.run(ensure_code(LAYOUT))
    server.trap(*CLOSED)
    with pytest.raises(AssertionError, match="Operation not permitted"):
        server.run(seal(LAYOUT))
    assert not server.harmed
    assert all((server.at(LAYOUT.storage) / name).is_dir() for name in CLOSED)


def test_preparing_an_installation_clears_no_other_s_settings(server: Server) -> None:
    server.run(ensure_code(LAYOUT))
    other = server.root / "other"
    other.mkdir()
    (other / "choices.ini.php").write_text("another's")
    server.trap("config")
    (server.at(LAYOUT.storage) / "config").unlink()
    server.as_instance("ln", "-s", other, server.at(LAYOUT.storage) / "config")
    with pytest.raises(AssertionError, match="Permission denied"):
        server.run(prepare_installation(LAYOUT))
    assert (other / "choices.ini.php").exists()


def test_what_is_done_as_the_instance_reaches_no_further_than_the_instance(server: Server) -> None:
    server.run(ensure_code(LAYOUT))
    server.as_instance("ln", "-sfn", server.root / "srv", server.at(LAYOUT.storage) / "config-away")
    inside, away = LAYOUT.storage / "config", LAYOUT.storage / "config-away"
    own = f"{USER}:{USER}"
    assert server.run(as_user(ensure_file(inside / "x", "y", own, "600"), USER)) == "changed"
    assert state(server.at(inside) / "x") == f"{own}:600"
    assert server.run(as_user(ensure_link(inside / "l", "/nowhere"), USER)) == "changed"
    for command in (ensure_file(away / "x", "y", own, "600"), ensure_link(away / "x", "/nowhere")):
        with pytest.raises(AssertionError, match="Permission denied"):
            server.run(as_user(command, USER))
    server.trap("config/x")
    with pytest.raises(AssertionError, match="Permission denied"):
        server.run(as_user(read_if_there(inside / "x"), USER))


def test_reading_what_an_instance_wrote_has_a_bound(server: Server) -> None:
    server.run(ensure_code(LAYOUT))
    big = LAYOUT.storage / "big"
    server.as_instance("truncate", "--size=1G", server.at(big))
    assert len(server.run(replace(read_if_there(big), seconds=5))) <= 2**18
    server.as_instance("mkfifo", server.at(LAYOUT.storage) / "pipe")
    assert server.run(read_if_there(LAYOUT.storage / "pipe")) == ""
