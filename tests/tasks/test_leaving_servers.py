"""Every server that ever had something of an instance is asked at its end, whichever way it came there (P41)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hosting.inventory import deeds, instances, moves, names, restores
from hosting.inventory.models import Server
from hosting.inventory.retirement import PASSED_ON_BY
from hosting.inventory.session import in_transaction
from hosting.policy.states import MoveState, ServerState
from hosting.policy.values import NameKind
from tasks.leaving_places import read_places
from tests.inventory.words import NOW, server, with_servers
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory
    from tasks.leaving_places import Places


def moved(session: Session, name: str) -> None:
    move = moves.plan_move(session, name, "app2", "w", "o", NOW, without_backup=True, now=NOW)
    for state in (MoveState.COPYING, MoveState.FROZEN):
        moves.record_state(session, move.id, state, NOW)
    moves.switch(session, move.id, {}, NOW)
    moves.record_state(session, move.id, MoveState.DONE, NOW)


def places(inventory: Inventory, name: str) -> Places:
    with inventory.reading() as session:
        instance = instances.instance_facts(session, name)
    return read_places.fn(instance)


def asked(inventory: Inventory, name: str) -> tuple[list[str], list[str]]:
    found = places(inventory, name)
    return [str(one.name) for one in found.servers], [str(one.name) for one in found.retired]


def test_former_homes_and_who_stands_in_for_a_retired_one_are_asked_and_nobody_else(tmp_path: Path) -> None:
    with provided(tmp_path) as inventory:
        with_servers(inventory, server("app3", 1000), server("app4", 1000))
        name = opened(inventory, "A-1", NOW)
        in_transaction(inventory, partial(moved, name=name))
        assert asked(inventory, name) == (["app1", "app2"], [])

        def retire(session: Session) -> None:
            row = session.get_one(Server, "app1")
            row.state, row.facts = ServerState.RETIRED, {**row.facts, PASSED_ON_BY: "app4"}

        in_transaction(inventory, retire)
        assert asked(inventory, name) == (["app2", "app4"], ["app1"])


def test_a_server_on_which_a_restore_was_given_up_is_asked(tmp_path: Path) -> None:
    """It did not answer when that was called off: a user, a database and data may lie there."""
    with provided(tmp_path) as inventory:
        with_servers(inventory, server("app3", 1000))
        name = opened(inventory, "A-1", NOW)
        told = {"stamp": "20261123t100000", "point": "p1", "server": "app3"}
        for what in (restores.BEGUN, restores.CALLED_OFF):
            record = partial(deeds.record, by="olga", what=what, subject=f"instance:{name}", evidence=told, now=NOW)
            in_transaction(inventory, record)
        assert asked(inventory, name) == (["app1", "app3"], [])


def test_all_names_that_it_ever_had_are_looked_for(tmp_path: Path) -> None:
    with provided(tmp_path) as inventory:
        name, other = opened(inventory, "A-1", NOW), opened(inventory, "A-2", NOW)

        def begin(session: Session) -> list[int]:
            gone = names.begin_assigning(session, name, NameKind.SUBDOMAIN, "hans", "hans", now=NOW)
            names.record_live(session, gone.id, NOW, {})
            names.begin_releasing(session, name, "hans", by="olga", why="by mail", now=NOW)
            names.record_gone(session, gone.id, NOW, {})
            live = names.begin_assigning(session, name, NameKind.DOMAIN, "post.example", "post.example", now=NOW)
            names.begin_assigning(session, other, NameKind.SUBDOMAIN, "karl", "karl", now=NOW)
            return [gone.id, live.id]

        mine = in_transaction(inventory, begin)
        assert [one.name.id for one in places(inventory, name).named] == mine
