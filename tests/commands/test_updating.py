"""An instance's code on its way to another release: what it serves from is never deleted (P17)."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hosting.commands import updating

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.commands.command import Command


def drop(tree: Path, current: Path) -> tuple[int, str, str]:
    command = updating.drop_tree(PurePosixPath(tree), PurePosixPath(current))
    done = subprocess.run(command.argv, capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def test_code_is_dropped_only_while_the_instance_serves_from_another(tmp_path: Path) -> None:
    storage, current = tmp_path / "storage", tmp_path / "current"
    storage.mkdir()
    (storage / "mail").write_text("kept")
    old, new = tmp_path / "40470", tmp_path / "40471"
    for tree in (old, new):
        tree.mkdir()
        (tree / "storage").symlink_to(storage)
    current.symlink_to("40470")
    assert drop(old, current) == (5, "", f"the instance serves from {old}")
    assert (drop(new, current)[1], new.exists(), old.exists()) == ("changed", False, True)
    assert drop(new, current)[1] == "unchanged"
    current.unlink()
    current.symlink_to("40471")  # leads to nothing yet
    assert drop(old, current)[1] == "changed"
    assert (storage / "mail").read_text() == "kept"


@pytest.fixture
def layout() -> Iterator[Any]:
    """A data folder of a user's who is not root, below folders that he may pass."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        files = root / "data/storage/user/1/files"
        files.mkdir(parents=True)
        (files / "letter").write_text("as it was")
        (files / "settings.ini").write_text("as it was")
        (files / "away").symlink_to("/etc/hostname")
        (files / "gone").write_text("")
        subprocess.run(["chown", "-hR", "daemon:daemon", str(root / "data")], check=True)
        closed = root / "data/storage/closed"
        closed.write_text("root's")
        closed.chmod(0o600)
        yield SimpleNamespace(data=root / "data", kept=root / "kept", user="daemon")


@pytest.mark.skipif(os.geteuid() != 0, reason="it copies as root")
def test_a_copy_made_ahead_is_brought_to_the_moment_of_the_stop_and_no_write_reaches_it(layout: Any) -> None:
    def ran(command: Command) -> str:
        done = subprocess.run(command.argv, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    files, kept = (folder / "storage/user/1/files" for folder in (layout.data, layout.kept / "data"))
    for _ in range(2):
        assert ran(updating.copy_files_ahead(layout)) == "changed"
    assert sorted(one.name for one in kept.iterdir()) == ["away", "gone", "letter"]
    (files / "gone").unlink()
    (files / "letter").write_text("as it is")
    assert ran(updating.copy_rest_of_files(layout)) == "changed"
    (files / "letter").write_text("as a release left it")
    (files / "settings.ini").write_text("as a release left it")
    assert ran(updating.copy_rest_of_files(layout)) == "unchanged"
    assert sorted(one.name for one in kept.iterdir()) == ["away", "letter", "settings.ini"]
    assert [(kept / name).read_text() for name in ("letter", "settings.ini")] == ["as it is", "as it was"]
    assert (kept / "away").readlink() == Path("/etc/hostname")
    assert (layout.kept / "data/storage/closed").read_text() == "root's"
    assert ((kept / "letter").owner(), layout.kept.stat().st_mode & 0o777) == ("daemon", 0o700)
