"""Sessions: kept or undone as a whole, told in the service's words when the database does not answer."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from hosting.errors import DriftFound, Refused, ServiceError, Unreachable
from hosting.inventory import levels, operators
from hosting.inventory.models import Operator, Order
from hosting.inventory.session import ATTEMPTS, Inventory, in_transaction
from tests.inventory.databases import PrivatePostgresql
from tests.inventory.words import NOW, at_once, rows
from tests.service.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session


def test_writing_is_kept_at_the_end_and_undone_by_an_exception(inventory: Inventory) -> None:
    with inventory.writing() as session:
        operators.ensure_operator(session, "olga", NOW)

    def broken(session: Session) -> None:
        operators.ensure_operator(session, "otto", NOW)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        in_transaction(inventory, broken)
    with inventory.reading() as session:
        assert operators.operator_names(session) == ["olga"]


def test_reading_keeps_nothing(inventory: Inventory) -> None:
    with inventory.reading() as session:
        operators.ensure_operator(session, "olga", NOW)
    assert rows(inventory, Operator) == 0


def test_a_moment_without_its_zone_is_not_stored(inventory: Inventory) -> None:
    with pytest.raises(Exception, match="needs its time zone"), inventory.writing() as session:
        operators.ensure_operator(session, "olga", NOW.replace(tzinfo=None))


def test_a_moment_comes_back_as_it_was_to_the_microsecond(inventory: Inventory) -> None:
    exact = NOW.replace(microsecond=123456)
    with inventory.writing() as session:
        operators.ensure_operator(session, "olga", exact)
    with inventory.reading() as session:
        assert session.get_one(Operator, "olga").added_at == exact


def test_a_transaction_that_loses_a_race_is_run_again(inventory: Inventory) -> None:
    def both_make_the_same() -> None:
        in_transaction(inventory, lambda session: levels.ensure_level(session, "gold", {"setup_within": 4}))

    at_once(*[both_make_the_same] * 8)
    with inventory.reading() as session:
        assert levels.level_names(session) == ["gold"]


def test_races_that_do_not_end_are_given_up(inventory: Inventory) -> None:
    tried = []

    def always_loses(session: object) -> None:
        tried.append(session)
        with inventory.writing() as other:
            other.add(Operator(name="olga", added_at=NOW))

    with inventory.writing() as session:
        operators.ensure_operator(session, "olga", NOW)
    if inventory.url.get_backend_name() == "sqlite":
        return  # its writers follow each other
    with pytest.raises(IntegrityError):
        in_transaction(inventory, always_loses)
    assert len(tried) == ATTEMPTS


def test_a_defect_is_not_run_again(inventory: Inventory) -> None:
    tried = []

    def broken(session: object) -> None:
        tried.append(session)
        raise KeyError

    with pytest.raises(KeyError):
        in_transaction(inventory, broken)
    assert len(tried) == 1


def test_a_foreign_key_holds_on_every_database(inventory: Inventory) -> None:
    order = Order(
        reference="A-1", customer_reference="nobody", accounts=1, storage_gib=0, due_cents=1, currency="EUR",
        placed_at=NOW, state="placed",
    )  # fmt: skip
    with pytest.raises(IntegrityError), inventory.writing() as session:
        session.add(order)


def told_by(url: str) -> ServiceError:
    inventory = Inventory(url)
    with pytest.raises(ServiceError) as caught, inventory.reading() as session:
        operators.operator_names(session)
    inventory.close()
    return caught.value


def test_a_schema_that_is_missing_is_told_with_the_way_out(empty_url: str) -> None:
    error = told_by(empty_url)
    assert isinstance(error, DriftFound)
    assert "lacks tables" in error.what
    assert "phm up" in error.do


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_database_that_does_not_answer_is_told_without_the_password(kind: str) -> None:
    port = free_port()
    error = told_by(f"{kind}://phm:hunter2@127.0.0.1:{port}/phm")
    assert isinstance(error, Unreachable)
    assert error.what.startswith(f"The inventory at {kind}://127.0.0.1:{port}/phm does not answer: ")
    assert "\n" not in str(error)
    assert "hunter2" not in str(error)
    assert error.do == "Check the database and its URL, then run again."


def test_a_database_that_stops_is_told_and_answers_again_when_it_is_back() -> None:
    server = PrivatePostgresql()
    inventory = Inventory(server.fresh())

    def lost(session: Session) -> None:
        operators.ensure_operator(session, "olga", NOW)
        server.stop()
        operators.operator_names(session)

    try:
        inventory.upgrade()
        with pytest.raises(Unreachable):
            in_transaction(inventory, lost)
        server.start()
        in_transaction(inventory, lambda session: operators.ensure_operator(session, "otto", NOW))
        with inventory.reading() as session:
            assert operators.operator_names(session) == ["otto"]
    finally:
        inventory.close()
        server.remove()


def test_a_file_that_can_not_be_opened_or_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, but longer than the head of one would be " * 20)
    assert "unable to open database file" in told_by(f"sqlite:///{tmp_path}/no/folder/inventory.db").what
    assert isinstance(told_by(f"sqlite:///{tmp_path}/text"), Unreachable)
    with pytest.raises(Unreachable, match=r"can't be opened: file is not a database\."):
        Inventory(f"sqlite:///{tmp_path}/text").upgrade()
    with pytest.raises(Unreachable, match=r"can't be made: File exists\."):
        Inventory(f"sqlite:///{tmp_path}/text/inventory.db").upgrade()


def test_readers_are_not_kept_waiting_by_a_writer(inventory: Inventory) -> None:
    with inventory.writing() as writer:
        operators.ensure_operator(writer, "olga", NOW)
        assert rows(inventory, Operator) == 0
    assert rows(inventory, Operator) == 1


def test_a_writer_that_never_ends_is_told_as_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hosting.inventory.engines.WAIT_SECONDS", 0.05)
    monkeypatch.setattr("hosting.inventory.session.ATTEMPTS", 2)
    path = tmp_path / "inventory.db"
    inventory = Inventory(f"sqlite:///{path}")
    inventory.upgrade()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unreachable, match="is busy: database is locked"):
        in_transaction(inventory, lambda session: operators.ensure_operator(session, "olga", NOW))
    with inventory.reading() as session:
        assert operators.operator_names(session) == []
    holder.close()
    inventory.close()


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "oracle://host/db", "no-such://host/db"])
def test_a_url_that_can_not_be_used_is_refused_with_examples(url: str) -> None:
    with pytest.raises(Refused, match=r"can't be used\. Write it like sqlite:////"):
        Inventory(url)


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "inventory.db"
    inventory = Inventory(f"sqlite:///{path}")
    inventory.upgrade()
    with inventory.writing() as session:
        session.execute(text("SELECT 1"))
        assert {oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()} == {"0o600"}
    inventory.close()
