"""Every file with its sum; what did not change is not read again; what differs is named."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tasks.on_server import file_tree

if TYPE_CHECKING:
    from pathlib import Path


LATER = 2**62
"""A moment at which all that is there has settled."""


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


def test_of_a_folder_that_changes_only_what_has_settled_is_kept_so_that_nothing_changes_unseen(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that changes twice within the grain of its marks looks as if it had not."""
    assert {entry[0] for entry in file_tree.tree(str(folder), changing=True).values()} == {"d"}  # they have no sum
    monkeypatch.setattr(file_tree.time, "time_ns", lambda: LATER)
    whole = file_tree.tree(str(folder), changing=True)
    assert whole == file_tree.tree(str(folder))


def test_what_goes_while_a_changing_folder_is_read_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sums, inbox = file_tree._sum, folder / "user/1/email/inbox"
    for number in range(50):
        (inbox / f"mail-{number}").write_text("From: b\n")

    def gone(file: str) -> str:
        for one in inbox.iterdir():
            one.unlink()
        monkeypatch.setattr(file_tree, "_sum", sums)
        return sums(file)

    monkeypatch.setattr(file_tree.time, "time_ns", lambda: LATER)
    monkeypatch.setattr(file_tree, "_sum", gone)
    found = file_tree.tree(str(folder), changing=True)
    assert not [path for path in found if path.startswith("user/1/email/inbox/mail-")]
    assert "user/1/email/inbox" in found


def test_in_the_stop_only_what_has_changed_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted while the customer works, the folder costs the stop one look at each file, and no reading of it."""
    inbox = folder / "user/1/email/inbox"
    for number in range(200):
        (inbox / f"mail-{number}").write_text("From: b\n")
    monkeypatch.setattr(file_tree.time, "time_ns", lambda: LATER)
    live = file_tree.tree(str(folder), changing=True)
    (inbox / "mail-7").write_text("From: c\n")
    (inbox / "new").write_text("From: d\n")
    (inbox / "mail-9").unlink()
    read: list[str] = []
    sums = file_tree._sum
    monkeypatch.setattr(file_tree, "_sum", lambda file: read.append(file) or sums(file))
    last = file_tree.tree(str(folder), live)
    assert sorted(read) == [str(inbox / "mail-7"), str(inbox / "new")]
    assert last == file_tree.tree(str(folder))
