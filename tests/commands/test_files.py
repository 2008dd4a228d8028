"""Files, folders and links: each command really run, twice, on this machine."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from hosting.commands.command import TRY_LATER
from hosting.commands.files import ensure_file, ensure_folders, ensure_gone, ensure_link, ensure_log

if TYPE_CHECKING:
    from hosting.commands.command import Command

ME = f"{pwd.getpwuid(os.geteuid()).pw_name}:{grp.getgrgid(os.getegid()).gr_name}"


def run(command: Command) -> str:
    done = subprocess.run(command.argv, input=command.stdin, capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def mode(path: Path) -> str:
    return f"{path.lstat().st_mode & 0o7777:o}"


@pytest.mark.parametrize("name", ["plain.conf", "with blank.conf", "-n", "ümlaut", "a;b"])
def test_a_file_is_made_and_then_found_unchanged(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    command = ensure_file(PurePosixPath(file), "Grüße\n", ME, "640")
    assert run(command) == "changed"
    assert (file.read_text(encoding="utf-8"), mode(file)) == ("Grüße\n", "640")
    before = file.stat().st_ino
    assert run(command) == "unchanged"
    assert file.stat().st_ino == before
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("damage", ["content", "mode", "link", "leftover", "folder beside it"])
def test_a_damaged_file_is_made_whole(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "file"
    other = tmp_path / "other"
    other.write_text("other")
    command = ensure_file(PurePosixPath(file), "right", ME, "600")
    run(command)
    match damage:
        case "content":
            file.write_text("wrong")
        case "mode":
            file.chmod(0o644)
        case "link":
            file.unlink()
            file.symlink_to(other)
        case "leftover":
            file.write_text("wrong")
            (tmp_path / ".file.phm-new").symlink_to(other)
        case _:
            file.write_text("wrong")
            (tmp_path / ".file.phm-new").mkdir()
    assert run(command) == "changed"
    assert (file.is_symlink(), file.read_text(), mode(file)) == (False, "right", "600")
    assert other.read_text() == "other"
    assert sorted(tmp_path.iterdir()) == [file, other]


def test_folders_are_made_in_order_and_then_found_unchanged(tmp_path: Path) -> None:
    outer, inner = PurePosixPath(tmp_path / "outer"), PurePosixPath(tmp_path / "outer/in ner")
    command = ensure_folders((outer, ME, "750"), (inner, ME, "700"))
    assert run(command) == "changed"
    assert (mode(Path(outer)), mode(Path(inner))) == ("750", "700")
    assert run(command) == "unchanged"
    Path(inner).chmod(0o777)
    assert run(command) == "changed"
    assert mode(Path(inner)) == "700"


def test_a_link_is_switched_and_what_it_pointed_to_stays(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    link = tmp_path / "current"
    first = ensure_link(PurePosixPath(link), "a")
    assert [run(first), run(first)] == ["changed", "unchanged"]
    assert run(ensure_link(PurePosixPath(link), "b")) == "changed"
    assert link.readlink() == Path("b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "current"]


def test_what_must_not_be_there_goes_once_links_too(tmp_path: Path) -> None:
    dangling = tmp_path / "dangling"
    dangling.symlink_to("nowhere")
    file = tmp_path / "file"
    file.touch()
    command = ensure_gone(PurePosixPath(dangling), PurePosixPath(file))
    assert [run(command), run(command)] == ["changed", "unchanged"]
    assert list(tmp_path.iterdir()) == []


def test_a_log_keeps_what_is_in_it(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    command = ensure_log(PurePosixPath(log), ME, "640")
    assert run(command) == "changed"
    log.write_text("a line\n")
    assert run(command) == "unchanged"
    log.chmod(0o666)
    assert run(command) == "changed"
    assert (log.read_text(), mode(log)) == ("a line\n", "640")


@pytest.mark.parametrize("kept", [0, 3])
def test_a_connection_that_ends_early_leaves_the_file_as_it_was(tmp_path: Path, kept: int) -> None:
    """What was sent ends with the connection, and a script reads that as the end of the content."""
    file = tmp_path / "certificate.key"
    run(ensure_file(PurePosixPath(file), "the old key", ME, "600"))
    command = ensure_file(PurePosixPath(file), "the new key", ME, "600")
    done = subprocess.run(command.argv, input=command.stdin[:kept], capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (TRY_LATER, b"the content came in part only\n")
    assert file.read_text() == "the old key"
    assert list(tmp_path.iterdir()) == [file]
