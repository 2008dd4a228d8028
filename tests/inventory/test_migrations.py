"""The schema: one line of migrations, up and down, and the tables are those of the models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pytest_alembic.tests import (
    test_model_definitions_match_ddl as test_the_migrations_make_the_tables_of_the_models,
)
from pytest_alembic.tests import (
    test_single_head_revision as test_there_is_one_head,
)
from pytest_alembic.tests import (
    test_up_down_consistency as test_each_migration_can_be_taken_back,
)
from pytest_alembic.tests import (
    test_upgrade as test_the_migrations_run_from_nothing_to_the_head,
)
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from hosting.inventory import deeds
from hosting.inventory.session import Inventory, in_transaction, migration_config
from hosting.inventory.tables import Base
from tests.inventory.words import NOW, at_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.config import Config
    from sqlalchemy import Engine

__all__ = [
    "test_each_migration_can_be_taken_back",
    "test_the_migrations_make_the_tables_of_the_models",
    "test_the_migrations_run_from_nothing_to_the_head",
    "test_there_is_one_head",
]


@pytest.fixture
def alembic_engine(empty_url: str) -> Iterator[Engine]:
    inventory = Inventory(empty_url)
    yield inventory.engine
    inventory.close()


@pytest.fixture
def alembic_config(alembic_engine: Engine) -> Config:
    return migration_config(alembic_engine)


def test_bringing_the_schema_up_to_date_twice_changes_nothing(empty_url: str) -> None:
    inventory = Inventory(empty_url)
    inventory.upgrade()
    inventory.upgrade()
    with inventory.reading() as session:
        assert session.scalars(text("SELECT version_num FROM alembic_version")).all() == ["0027"]
    tables = set(inspect(inventory.engine).get_table_names())
    assert tables == set(Base.metadata.tables) | {"alembic_version"}
    inventory.close()


def test_two_programs_that_start_at_once_bring_the_schema_up_to_date_once(empty_url: str) -> None:
    programs = [Inventory(empty_url) for _ in range(4)]
    at_once(*(program.upgrade for program in programs))
    for program in programs:
        with program.reading() as session:
            assert deeds.deeds_of(session, "nothing") == []
        program.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE deeds SET why = 'other'",
        "UPDATE deeds SET why = '', what = 'other'",
        "UPDATE deeds SET why = '', evidence = '{\"a\": 1}'",
        "DELETE FROM deeds",
    ],
)
def test_the_record_of_what_was_done_can_not_be_changed(inventory: Inventory, change: str) -> None:
    def write(words: str) -> None:
        in_transaction(inventory, lambda session: deeds.record(session, "olga", words, "server:app1", now=NOW))

    write("server added")
    with pytest.raises(DBAPIError, match="only added, never changed"), inventory.writing() as session:
        session.execute(text(change))
    write("server draining")
    with inventory.reading() as session:
        assert [deed.what for deed in deeds.deeds_of(session, "server:app1")] == ["server added", "server draining"]


def test_of_a_deed_words_and_facts_may_be_erased_together_with_the_person_that_they_tell_of(
    inventory: Inventory,
) -> None:
    told = {"name": "ada"}
    in_transaction(
        inventory,
        lambda session: deeds.record(session, "olga", "named", "instance:k3", why="Ada rang", evidence=told, now=NOW),
    )
    with inventory.writing() as session:
        session.execute(text("UPDATE deeds SET why = '', evidence = '{}'"))
    with inventory.reading() as session:
        [deed] = deeds.deeds_of(session, "instance:k3")
    assert (deed.by, deed.what, deed.at, deed.why, deed.evidence) == ("olga", "named", NOW, "", {})
