"""The inventory's rows leave one database and come back in another, all of them or none."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from hosting.inventory import deeds, instances, links, recovery_points
from hosting.inventory.control_archive import ControlArchive, NoControlArchive, pack, unpack
from hosting.inventory.models import Deed
from hosting.inventory.portable import InventoryNotEmpty, OtherSchema, put_rows, take_rows
from hosting.inventory.session import Inventory, in_transaction
from hosting.inventory.tables import Base
from hosting.policy.placement import choose_server
from tests.inventory.words import HOUR, NOW, RELEASE, placed, received, server, take, with_servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session


@pytest.fixture(params=["sqlite", "postgresql", pytest.param("mariadb", marks=pytest.mark.soak)])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Inventory]:
    """A second inventory, without tables yet; on each kind of database for each kind of the first."""
    path = f"sqlite:///{tmp_path}/other/inventory.db"
    made = Inventory(path if request.param == "sqlite" else request.getfixturevalue(request.param).fresh())
    yield made
    made.close()


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An instance with a backup, so that most tables have rows."""
    with_servers(inventory, server("app1"))
    take(inventory, placed(), received("paid"))

    def act(session: Session) -> str:
        made = instances.reserve_instance(session, "A-1", choose_server, release=RELEASE, seal=str.upper, now=NOW)
        instances.record_active(session, made.name, NOW, {"url": "https://grüße.test", "seconds": 1.5, "none": None})
        recovery_points.begin_generation(session, "g1", made.name, "app1", "wrapped", NOW)
        links.make_link(session, made.name, "first access", NOW, HOUR, replaces=False)
        return made.name

    return in_transaction(inventory, act)


def counted(inventory: Inventory) -> int:
    """All rows that an inventory has."""
    return sum(lines.count(b"\n") for lines in take_rows(inventory)[1].values())


def test_all_rows_come_back_from_each_database_to_each_and_numbers_go_on(
    inventory: Inventory, other: Inventory, name: str
) -> None:
    revision, rows = take_rows(inventory)
    assert set(rows) == set(Base.metadata.tables)
    assert put_rows(other, revision, rows) == counted(inventory) > 10
    assert take_rows(other) == (revision, rows)
    with other.reading() as session:
        assert [one.wrapped_password for one in recovery_points.generations_of(session, name)] == ["wrapped"]
        highest = session.scalar(select(func.max(Deed.id))) or 0
    in_transaction(other, lambda session: deeds.record(session, "olga", "goes on", "server:app1", now=NOW))
    with other.reading() as session:
        assert session.scalar(select(func.max(Deed.id))) == highest + 1


def test_rows_are_put_into_an_empty_inventory_only(inventory: Inventory, other: Inventory, name: str) -> None:
    revision, rows = take_rows(inventory)
    with pytest.raises(InventoryNotEmpty, match="has rows already"):
        put_rows(inventory, revision, rows)
    put_rows(other, revision, rows)
    with pytest.raises(InventoryNotEmpty):
        put_rows(other, revision, rows)


def test_rows_of_another_schema_are_refused_and_leave_nothing(inventory: Inventory, other: Inventory) -> None:
    revision, rows = take_rows(inventory)
    with pytest.raises(OtherSchema, match=r"of the schema 0000, this program has \d{4}"):
        put_rows(other, "0000", rows)
    with pytest.raises(OtherSchema):
        put_rows(other, revision, {table: lines for table, lines in rows.items() if table != "deeds"})
    assert counted(other) == 0


def test_a_row_that_does_not_fit_puts_back_nothing(inventory: Inventory, other: Inventory, name: str) -> None:
    revision, rows = take_rows(inventory)
    lost = [json.loads(line) | {"server_name": "nowhere"} for line in rows["instances"].splitlines()]
    wrong = rows | {"instances": b"".join(json.dumps(row).encode() + b"\n" for row in lost)}
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        put_rows(other, revision, wrong)
    assert counted(other) == 0


ARCHIVE = ControlArchive(NOW.isoformat(), "0003", 'zone = "ä.test"\n', {"deeds": b'{"id": 1}\n'}, {"repositories": []})


def test_an_archive_is_read_as_it_was_packed() -> None:
    assert unpack(pack(ARCHIVE, datetime.now(UTC))) == ARCHIVE


LISTS = {"brands.csv": "name,kind\nbücher,brand\n".encode(), "mine.csv": b"\xff"}


def test_own_lists_of_names_go_along_as_they_stand() -> None:
    with_lists = replace(ARCHIVE, lists=LISTS)
    assert unpack(pack(with_lists, NOW)) == with_lists


@pytest.mark.parametrize("name", ["../settings.csv", "a/b.csv", "/etc/a.csv", "settings.toml", ""])
def test_no_list_of_an_archive_leaves_its_folder(name: str) -> None:
    with pytest.raises(NoControlArchive, match="is no list of names"):
        unpack(pack(replace(ARCHIVE, lists={name: b""}), NOW))


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_damaged_archive_is_told_from_a_whole_one(place: float) -> None:
    content = bytearray(pack(ARCHIVE, NOW))
    content[int(len(content) * place)] ^= 0xFF
    with pytest.raises(NoControlArchive, match="no whole backup of the control machine"):
        unpack(bytes(content))


def test_half_an_archive_or_another_file_is_none() -> None:
    content = pack(ARCHIVE, NOW)
    for wrong in (content[: len(content) // 2], b"", b"PK\x03\x04 something else"):
        with pytest.raises(NoControlArchive):
            unpack(wrong)
