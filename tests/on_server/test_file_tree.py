"""Every file with its sum; what did not change is not read again; what differs is named."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tasks.on_server import file_tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "user/1/email/inbox").mkdir(parents=True)
    (root / "user/1/email/inbox/mail").write_text("From: a\n")
    (root / "Grüße\n.txt").write_text("ü")
    (root / "link").symlink_to("/etc/passwd")
    os.mkfifo(root / "pipe")
    return root


def test_files_links_and_folders_are_listed_and_links_not_followed(folder: Path) -> None:
    entries = file_tree.tree(str(folder))
    assert {path: entry[0] for path, entry in entries.items()} == {
        "user": "d", "user/1": "d", "user/1/email": "d", "user/1/email/inbox": "d", "user/1/email/inbox/mail": "f",
        "Grüße\n.txt": "f", "link": "l", "pipe": "o",
    }  # fmt: skip
    assert entries["link"][2] == "/etc/passwd"
    assert file_tree.totals(entries)["files"] == 2


def test_the_list_is_read_back_as_it_was_written(folder: Path, tmp_path: Path) -> None:
    entries = file_tree.tree(str(folder))
    file_tree.write_lines(str(tmp_path / "list"), entries)
    assert file_tree.read_lines(str(tmp_path / "list")) == entries
    assert file_tree.read_lines(str(tmp_path / "nothing")) == {}


def test_the_root_sum_changes_with_content_and_mode_and_not_with_times(folder: Path) -> None:
    before = file_tree.root_sum(file_tree.tree(str(folder)))
    mail = folder / "user/1/email/inbox/mail"
    os.utime(mail, (1, 1))
    assert file_tree.root_sum(file_tree.tree(str(folder))) == before
    mail.chmod(0o600)
    changed = file_tree.root_sum(file_tree.tree(str(folder)))
    assert changed != before
    mail.write_text("From: b\n")
    assert file_tree.root_sum(file_tree.tree(str(folder))) not in {before, changed}


def test_what_did_not_change_keeps_its_sum_unread(folder: Path) -> None:
    known = file_tree.tree(str(folder))
    marked = {path: [*entry[:2], "known", *entry[3:]] if entry[0] == "f" else entry for path, entry in known.items()}
    (folder / "user/1/email/inbox/mail").write_text("From: somebody else\n")
    again = file_tree.tree(str(folder), marked)
    assert again["Grüße\n.txt"][2] == "known"
    assert again["user/1/email/inbox/mail"][2] not in {"known", known["user/1/email/inbox/mail"][2]}


def test_differences_are_named_and_counted(folder: Path) -> None:
    wanted = file_tree.tree(str(folder))
    (folder / "user/1/email/inbox/mail").write_text("From: b\n")
    (folder / "link").unlink()
    (folder / "new").write_text("")
    found = file_tree.differences(wanted, file_tree.tree(str(folder)))
    assert found == ["link is missing", "new is too much", "user/1/email/inbox/mail differs"]
    assert file_tree.differences(wanted, {}, most=2)[-1] == "and 6 more"
