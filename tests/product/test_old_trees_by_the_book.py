"""Old installations by other eyes, on the whole way from the archive to what is loaded and laid out (P33 to P35)."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hosting.policy.import_conditions import Booked, Outcome, Request, decide
from hosting.policy.terms import STANDARD
from hosting.product.conversion import settings_of
from hosting.product.old_installation import put_together
from hosting.product.settings import Relay, instance_choices
from tasks.on_server.old_installation.bounds import Bounds
from tasks.on_server.old_installation.dump_reader import Wanted, pass_on, survey, survey_of
from tasks.on_server.old_installation.layout import lay_out
from tasks.on_server.old_installation.opening import open_archive
from tasks.on_server.old_installation.scratch import Scratch
from tasks.on_server.old_installation.tree_survey import survey_tree
from tests.product.book_tree import BookTree, mail, uidl
from tests.product.old_installations import packed
from tests.product.old_trees_by_the_book import TREES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.product.old_installation import Found

BOUNDS = Bounds(entries=5000, bytes=64 * 2**20)
NEW = settings_of(instance_choices("de", Relay("relay.example", 25), "phlyLabs", online=False))
REQUEST = Request("bcdfgh", "https://files.example.com/a.zip", is_secured=True)
by_title = pytest.mark.parametrize("old", TREES, ids=lambda old: old.title)


def pieces(scratch: Scratch, path: str) -> Iterator[bytes]:
    with scratch.read(tuple(path.split("/"))) as file:
        while piece := file.read(777):
            yield piece


def parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)


def looked_through(scratch: Scratch, old: BookTree, form: str = "zip") -> Found:
    """What the worker knows of it, by the answers that the readers give as JSON."""
    opened = open_archive(io.BytesIO(packed(old.files(), form)), f"old.{form}", scratch, BOUNDS, None)
    found = survey_tree(scratch)
    dumps = []
    for path in found.dumps:
        dump = survey(pieces(scratch, path))
        dumps.append({"path": path, "survey": dump.as_json() | {"candidates": dump.candidates()}})
    told = {"opened": opened.as_json(), "tree": found.as_json(), "dumps": dumps}
    return put_together(json.loads(json.dumps(told)), NEW)


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    folder = tmp_path / "tree"
    folder.mkdir()
    with Scratch(str(folder)) as made:
        yield made


def loaded(scratch: Scratch, found: Found) -> tuple[str, dict[str, int]]:
    """What goes to the database, as UTF-8, and how many rows of each table."""
    assert found.dump
    dump = found.dump
    told: dict[str, Any] = dict(dump.survey)
    del told["candidates"]
    out: list[bytes] = []
    wanted = Wanted(dump.section, dump.prefix, "phlymail", tuple(dump.tables))
    rows = pass_on(pieces(scratch, dump.path), survey_of(told), wanted, out.append)
    text = b"".join(out)
    encoding = "cp1252" if b"SET NAMES latin1" in text else "utf-8"
    return text.decode(encoding), {name.removeprefix("phlymail_"): count for name, count in rows.items()}


@by_title
@pytest.mark.parametrize("form", ["zip", "tar.gz", "tar.bz2"])
def test_it_is_recognised_and_taken(scratch: Scratch, old: BookTree, form: str) -> None:
    found = looked_through(scratch, old, form)
    assert found.recognised.edition == old.edition, found.recognised
    assert found.recognised.series == old.series, found.recognised
    assert (found.tree.root, found.config, found.base) == (old.top.rstrip("/"), old.conf, old.base)
    assert found.conversion.salt == old.salt
    assert found.old.users == len(old.people)
    decision = decide(REQUEST, found.old, Booked(5, 25), STANDARD)
    assert decision.outcome is Outcome.GO, [str(finding) for finding in decision.findings]


@pytest.mark.parametrize("prefix", ["", "2", "a_b_user", "_", "Mail-1", "user"])
def test_a_prefix_may_be_anything_that_a_name_may_be(scratch: Scratch, prefix: str) -> None:
    old = replace(TREES[-1], prefix=prefix)
    text, rows = loaded(scratch, looked_through(scratch, old))
    assert rows["user"] == len(old.people)
    assert "wp_options" not in text


@by_title
def test_its_rows_arrive_with_their_letters(scratch: Scratch, old: BookTree) -> None:
    text, rows = loaded(scratch, looked_through(scratch, old))
    wanted = {name: len(table.rows) for name, table in old.tables().items()}
    assert {name: rows.get(name, 0) for name in wanted} == wanted
    for person in old.people:
        assert f"Frühstück mit {person.name}" in text
        for subject in person.mails:
            assert f"it\\'s \\\\ {subject}\\nzweite Zeile" in text
    assert "artikel" not in text
    assert "wp_options" not in text
    assert "Ã" not in text


@by_title
def test_its_mails_and_files_arrive_where_the_product_looks_for_them(
    scratch: Scratch, old: BookTree, tmp_path: Path
) -> None:
    found = looked_through(scratch, old)
    new = tmp_path / "new"
    new.mkdir()
    with Scratch(str(new)) as storage:
        lay_out(scratch, parts(found.tree.root), parts(found.base), parts(found.config), storage)
    there = {str(path.relative_to(new)): path.read_bytes() for path in new.rglob("*") if path.is_file()}
    for person in old.people:
        for number, subject in enumerate(person.mails):
            content = there.pop(f"user/{person.uid}/email/{old.folder(number)}/{uidl(person, number)}")
            assert content == mail(person, subject)
        for number, stored in enumerate(person.stored):
            assert there.pop(f"user/{person.uid}/files/13000{number}.4e3f{person.uid:04x}") == stored.encode()
    assert not [path for path in there if path.endswith((".php", ".ini", ".cache"))]


@by_title
def test_its_users_log_in_with_the_passwords_they_had(scratch: Scratch, old: BookTree) -> None:
    text, _ = loaded(scratch, looked_through(scratch, old))
    for person in old.people:
        plain = hashlib.md5(person.password.encode(), usedforsecurity=False).hexdigest()
        assert (plain if old.series == 3 else old.digest(person)) in text
