"""What a move needed on its two servers goes from those that are there, and nothing of another move goes (P24)."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from blocks import loading
from blocks.ssh_host import SshHost
from hosting.commands import replication
from hosting.inventory import moves
from hosting.inventory.session import in_transaction
from hosting.policy.states import ServerState
from tasks import move_database, move_files, move_sides
from tasks.move_records import read_move
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.policy.values import ServerFacts
    from tasks.move_records import Move

NOW = datetime(2026, 12, 1, 21, 0, tzinfo=UTC)


class Sides:
    """Two servers that note what they and their databases are told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.follows = ""

    def connection(self, of: ServerFacts) -> Any:
        def run(command: Any) -> Any:
            self.told.append((str(of.name), command.name))
            return SimpleNamespace(changed=False, out="")

        return SimpleNamespace(run=run, server=str(of.name))

    @contextlib.contextmanager
    def database(self, ssh: Any) -> Iterator[Any]:
        def note(*statements: Any) -> tuple[Any, ...]:
            self.told += [(ssh.server, one.sql) for one in statements]
            return ()

        row = {"Connection_name": replication.CONNECTION, "Master_User": self.follows}
        yield SimpleNamespace(
            rows=note,
            run=lambda found: note(*(found if isinstance(found, tuple) else (found,))),
            named_rows=lambda _: [row] if self.follows else [],
        )

    def asked(self) -> set[str]:
        return {server for server, _ in self.told}


@pytest.fixture
def sides(monkeypatch: pytest.MonkeyPatch) -> Sides:
    made = Sides()
    monkeypatch.setitem(loading._LOADED, SshHost, made)
    monkeypatch.setattr(move_database, "mariadb_of", made.database)
    for module in (move_sides, move_files):
        monkeypatch.setattr(module, "end_job", lambda server, _: made.told.append((str(server.name), "end job")))
    return made


@pytest.fixture
def move(tmp_path: Path) -> Iterator[Move]:
    with provided(tmp_path) as inventory:
        name = opened(inventory, "A-1", NOW - timedelta(days=3))
        made = in_transaction(
            inventory,
            lambda session: moves.plan_move(session, name, "app2", "w", "olga", NOW, without_backup=True, now=NOW),
        )
        yield read_move.fn(made.id)


def retired(server: ServerFacts) -> ServerFacts:
    return replace(server, state=ServerState.RETIRED)


def test_the_way_is_closed_on_both_sides(move: Move, sides: Sides) -> None:
    move_sides.ensure_way_closed.fn(move)
    assert sides.asked() == {"app1", "app2"}


def test_a_side_that_is_retired_is_not_asked_and_keeps_nothing_on_the_other(move: Move, sides: Sides) -> None:
    move_sides.ensure_way_closed.fn(replace(move, target=retired(move.target)))
    assert sides.asked() == {"app1"}
    sides.told.clear()
    move_sides.ensure_way_closed.fn(replace(move, source=retired(move.source)))
    assert sides.asked() == {"app2"}


def test_nobody_else_begins_a_replication_while_one_is_ended(move: Move, sides: Sides) -> None:
    move_database.end_following(move)
    assert sides.told[0] == ("app2", replication.alone().sql)
    assert [server for server, _ in sides.told][:3] == ["app2", "app2", "app1"]  # the file of its filter in between


def test_the_filter_of_another_move_stays(move: Move, sides: Sides) -> None:
    sides.follows = "phm_another"
    move_database.end_following(move)
    assert [told for told in sides.told if told[0] == "app2"] == [("app2", replication.alone().sql)]
