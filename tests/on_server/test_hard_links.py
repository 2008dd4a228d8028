"""A folder held by hard links: what its tables name at the moment is there, and what is changed afterwards is seen."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from tasks.on_server.folder_copy import drop
from tasks.on_server.hard_links import HardLinks

EMAIL = "storage/user/1/email"
ROUNDS = 25
WRITERS = 3
STAYS = 5
PAUSE_SECONDS = 0.0005


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "instance"
    (root / "storage/user/1/email/inbox").mkdir(parents=True)
    (root / "storage/user/1/email/waste").mkdir()
    (root / "storage/user/1/email/inbox/one").write_text("one")
    (root / "choices.ini.php").write_text("system_salt = abc")
    (root / "link").symlink_to("/nowhere")
    os.mkfifo(root / "pipe.ini")
    root.chmod(0o750)
    return root


@pytest.fixture
def held(source: Path, tmp_path: Path) -> HardLinks:
    point = tmp_path / "point"
    point.mkdir()
    return HardLinks(str(source), point / "data", tmp_path / "aside")


def whole(folder: Path) -> dict[str, tuple[int, str]]:
    """All that lies in a folder: mode, and content of files or target of links."""
    found = {}
    for place in folder.rglob("*"):
        what = str(place.readlink()) if place.is_symlink() else place.read_text() if place.is_file() else ""
        found[str(place.relative_to(folder))] = (place.lstat().st_mode, what)
    return found


def test_it_is_as_the_folder_is_at_the_moment_whatever_was_there_before(held: HardLinks, source: Path) -> None:
    inbox = source / "storage/user/1/email/inbox"
    (inbox / "goes").write_text("goes")
    (inbox / "replaced").write_text("old")
    (source / "storage/user/2/files").mkdir(parents=True)
    (source / "becomes a folder").write_text("")
    (source / "becomes a file/with folders").mkdir(parents=True)
    (source / "becomes a file/with folders/and files").write_text("in it")
    (source / "becomes a file/settings.ini").write_text("in it")
    held.prepare()
    (inbox / "goes").unlink()
    (inbox / "comes").write_text("comes")
    (inbox / "part").write_text("new")
    (inbox / "part").rename(inbox / "replaced")
    (source / "storage/user/2/files").rmdir()
    (source / "becomes a folder").unlink()
    (source / "becomes a folder").mkdir()
    shutil.rmtree(source / "becomes a file")
    (source / "becomes a file").write_text("")
    (source / "choices.ini.php").write_text("system_salt = def")
    inbox.chmod(0o700)
    held.hold()
    assert whole(held.target) == whole(source)
    assert not held.brought_back("becomes a file/with folders/and files")
    assert (held.target.stat().st_mode, held.tree({}).keys()) == (source.stat().st_mode, whole(source).keys())


def test_what_the_product_writes_in_place_is_copied_and_all_else_linked(held: HardLinks, source: Path) -> None:
    held.prepare()
    held.hold()
    (source / "choices.ini.php").write_text("")
    assert (held.target / "choices.ini.php").read_text() == "system_salt = abc"
    mail = "storage/user/1/email/inbox/one"
    assert (held.target / mail).stat().st_ino == (source / mail).stat().st_ino


def test_what_went_since_the_first_look_is_there_again_where_somebody_names_it(held: HardLinks, source: Path) -> None:
    mail = "storage/user/1/email/inbox/one"
    held.prepare()
    (source / mail).unlink()
    (source / "storage/user/1/email/inbox").rmdir()
    held.hold()
    entries = held.tree({})
    assert not (held.target / mail).parent.exists()
    assert held.brought_back(mail)
    assert (held.target / mail).read_text() == "one"
    settled = held.settled(entries)
    assert settled.keys() - entries.keys() == {mail, "storage/user/1/email/inbox"}
    assert held.settled(settled) is settled


def test_no_path_leads_out_of_what_is_held(held: HardLinks, source: Path, tmp_path: Path) -> None:
    inbox, outside = "storage/user/1/email/inbox", tmp_path / "outside"
    outside.mkdir()
    (source / inbox / "away").symlink_to(outside)
    (source / inbox / "two").write_text("two")
    held.prepare()
    held.hold()
    for path in (f"{inbox}/away/two", f"{inbox}/../../../../../../outside/two", f"{outside}/two", "", ".."):
        assert not held.brought_back(path), path
    assert list(outside.iterdir()) == []


def test_a_file_that_is_changed_in_place_afterwards_gets_a_copy_of_its_own_and_another_sum(
    held: HardLinks, source: Path
) -> None:
    mail = "storage/user/1/email/inbox/one"
    held.prepare()
    held.hold()
    entries = held.tree({})
    assert held.settled(entries) is entries
    (source / mail).write_text("two")
    settled = held.settled(entries)
    assert {path for path in entries if settled[path][2] != entries[path][2]} == {mail}
    (source / mail).write_text("three")
    assert held.settled(settled) is settled
    assert (held.target / mail).read_text() == "two"


def test_a_link_more_or_less_does_not_make_a_file_be_read_again(held: HardLinks, source: Path, tmp_path: Path) -> None:
    held.prepare()
    held.hold()
    marked = {path: [*entry[:2], "known", *entry[3:]] for path, entry in held.tree({}).items()}
    drop(held.target.parent)
    next_one = HardLinks(str(source), tmp_path / "next", tmp_path / "next aside")
    next_one.prepare()
    next_one.hold()
    assert next_one.tree(marked)["storage/user/1/email/inbox/one"][2] == "known"


def test_a_folder_that_is_not_there_is_told(held: HardLinks, source: Path) -> None:
    source.rename(source.with_name("elsewhere"))
    with pytest.raises(FileNotFoundError):
        held.prepare()


class Product:
    """What writes to a folder as the product does: its rows are a set here, and their table a lock."""

    def __init__(self, root: Path) -> None:
        self.root, self.rows, self.table = root, set[str](), threading.Lock()
        self.stopped = threading.Event()
        for name in ("inbox", "waste"):
            (root / EMAIL / name).mkdir(parents=True)

    def come(self, name: str) -> None:
        """A mail: its file, then its row."""
        (self.root / f"{EMAIL}/inbox/{name}").write_text(name)
        with self.table:
            self.rows.add(f"{EMAIL}/inbox/{name}")

    def waste(self, name: str) -> None:
        """Moved to the waste: its file, then its row."""
        (self.root / f"{EMAIL}/inbox/{name}").rename(self.root / f"{EMAIL}/waste/{name}")
        with self.table:
            self.rows.remove(f"{EMAIL}/inbox/{name}")
            self.rows.add(f"{EMAIL}/waste/{name}")

    def remove(self, name: str) -> None:
        """Gone for good: its row, then its file."""
        with self.table:
            self.rows.remove(f"{EMAIL}/waste/{name}")
        (self.root / f"{EMAIL}/waste/{name}").unlink()

    def live(self, who: int) -> None:
        """Mails that come, are moved later on, and go: a few at a time."""
        number = 0
        while not self.stopped.wait(PAUSE_SECONDS):
            number += 1
            self.come(f"{who}-{number}")
            if number > STAYS:
                self.waste(f"{who}-{number - STAYS}")
            if number > 2 * STAYS:
                self.remove(f"{who}-{number - 2 * STAYS}")


def lost(held: HardLinks, rows: set[str]) -> list[str]:
    """What was named at the moment and is not in its place, nor comes back to it."""
    return [row for row in rows if not (held.target / row).exists() and not held.brought_back(row)]


def test_nothing_is_lost_that_the_tables_name_while_mails_come_are_moved_and_go(tmp_path: Path) -> None:
    product, missed, named = Product(tmp_path / "instance"), list[str](), 0
    writers = [threading.Thread(target=product.live, args=(who,)) for who in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        while len(product.rows) < WRITERS * STAYS:  # they never become fewer
            product.stopped.wait(PAUSE_SECONDS)
        for number in range(ROUNDS):
            point = tmp_path / f"point{number}"
            point.mkdir()
            held = HardLinks(str(product.root), point / "data", tmp_path / f"aside{number}")
            held.prepare()
            with product.table:
                held.hold()
                rows = set(product.rows)
            named += len(rows)
            missed += lost(held, rows)
    finally:
        product.stopped.set()
        for writer in writers:
            writer.join()
    assert named > ROUNDS
    assert missed == []


class Overtaken(HardLinks):
    """A look during which a file is moved from the folder that is looked into last to the one that was first."""

    moving = ""

    def _look_into(self, descriptor: int, folder: str, seen: set[str], *, own: bool) -> None:
        super()._look_into(descriptor, folder, seen, own=own)
        first, name = folder.rstrip("/"), self.moving
        last = first.replace("inbox", "waste") if first.endswith("inbox") else first.replace("waste", "inbox")
        if last != first and name and (place := Path(self.source, last, name)).exists():
            place.rename(Path(self.source, first, name))
            self.moving = ""


def test_a_mail_that_is_moved_behind_the_look_at_its_folder_is_seen_by_the_second_look(tmp_path: Path) -> None:
    product = Product(tmp_path / "instance")
    (tmp_path / "point").mkdir()
    held = Overtaken(str(product.root), tmp_path / "point/data", tmp_path / "aside")
    held.prepare()
    for name in ("inbox", "waste"):  # whichever is looked into first
        (product.root / EMAIL / name / f"from {name}").write_text("mail")
    last = order_of(product.root / EMAIL)[-1]
    held.moving = f"from {last}"
    held.hold()
    assert held.moving == ""
    assert held.brought_back(f"{EMAIL}/{last}/from {last}")
    assert {place.name for place in (held.target / EMAIL / last).iterdir()} == {f"from {last}"}


def order_of(folder: Path) -> list[str]:
    """The folders below, in the order in which they are looked into."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]
