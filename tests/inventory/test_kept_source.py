"""The state that a move left is served again only while it is whole, and what served until then is kept instead (P24)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import deeds, former_homes, instances, kept_source, move_moments, moves, restores, servers, work
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.kept_source import ACCEPTED_FOR, Loss, NothingKept
from hosting.policy.placement import NoServerHasRoom
from hosting.policy.states import MoveState, ServerState
from tests.inventory.words import HOUR, NOW, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts

LOSS = Loss(60, 12, 3, ("mails", "users"), 4, 1)


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An instance that went from app1 to app2."""
    with_servers(inventory, server("app1"), server("app2"))
    made = opened(inventory, "A-1", NOW)
    goes(inventory, made, "app2")
    return made


def goes(inventory: Inventory, name: str, target: str) -> MoveFacts:
    def move(session: Session) -> MoveFacts:
        made = moves.plan_move(session, name, target, "w", "olga", NOW, without_backup=True, now=NOW)
        return through(session, made.id)

    return in_transaction(inventory, move)


def through(session: Session, number: int) -> MoveFacts:
    for state in (MoveState.COPYING, MoveState.FROZEN):
        moves.record_state(session, number, state, NOW)
    moves.switch(session, number, {}, NOW)
    return moves.record_state(session, number, MoveState.DONE, NOW, evidence={"proof": {"url": "x"}})


def kept(inventory: Inventory, name: str) -> MoveFacts:
    with inventory.reading() as session:
        return kept_source.kept_move(session, name)


def returns(inventory: Inventory, name: str) -> MoveFacts:
    return in_transaction(
        inventory,
        lambda session: kept_source.plan_return(session, name, "mails are gone", LOSS, by="olga", now=NOW),
    )


def test_what_an_operator_accepted_is_on_record_and_becomes_a_move(inventory: Inventory, name: str) -> None:
    before = kept(inventory, name)
    made = returns(inventory, name)
    assert (made.source_name, made.target_name, made.state) == ("app2", "app1", MoveState.PLANNED)
    assert made.evidence[kept_source.SERVES_KEPT] == before.id
    assert made.evidence["loss"]["rows_lost"] == 12
    with inventory.reading() as session:
        asked = work.work_of(session, work.MOVE, str(made.id))
        [deed] = [one for one in deeds.deeds_of(session, f"instance:{name}") if one.what == "loss accepted"]
    assert asked is not None
    assert (deed.by, deed.why, deed.evidence["loss"]["tables"]) == ("olga", "mails are gone", ["mails", "users"])


def test_once_it_is_served_the_other_one_is_what_is_kept(inventory: Inventory, name: str) -> None:
    first = kept(inventory, name)
    made = returns(inventory, name)

    def served(session: Session) -> None:
        through(session, made.id)
        moves.give_up_kept(session, name, "app1", NOW)

    in_transaction(inventory, served)
    assert kept(inventory, name).id == made.id
    with inventory.reading() as session:
        assert moves.move_facts(session, first.id).state is MoveState.RETIRED
        assert instances.instance_facts(session, name).server_name == "app1"
        assert moves.former_homes(session, name) == ["app2"]


def test_nothing_is_served_again_that_is_not_whole(inventory: Inventory, name: str) -> None:
    move = kept(inventory, name)
    in_transaction(inventory, partial(former_homes.record_owed, move_id=move.id, finding="silent", now=NOW))
    with pytest.raises(NothingKept, match="not fenced or not compared"):
        kept(inventory, name)
    in_transaction(inventory, partial(former_homes.settle_owed, move_id=move.id, now=NOW))
    in_transaction(
        inventory,
        lambda session: deeds.record(session, deeds.SERVICE, "release changed", f"instance:{name}", now=NOW + HOUR),
    )
    with pytest.raises(NothingKept, match="has another release since it left app1"):
        kept(inventory, name)


def test_nothing_is_served_again_that_was_given_up_or_never_left(inventory: Inventory, name: str) -> None:
    never = opened(inventory, "A-2", NOW)
    with pytest.raises(NothingKept, match=f"Nothing is kept of instance {never}"):
        kept(inventory, never)
    move = kept(inventory, name)
    in_transaction(inventory, partial(moves.record_state, move_id=move.id, to=MoveState.RETIRED, now=NOW))
    with pytest.raises(NothingKept, match="phm restore"):
        kept(inventory, name)


def test_what_a_restore_left_behind_was_never_compared(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"), server("app2"))
    made = opened(inventory, "A-1", NOW)

    def restored(session: Session) -> None:
        moves.record_left(session, made, "app1", "app2", why="lost disk", now=NOW, kept=True)
        instances.record_server(session, made, "app2", "restored", NOW)

    in_transaction(inventory, restored)
    with pytest.raises(NothingKept, match="not compared"):
        kept(inventory, made)


def test_a_server_that_takes_nothing_serves_nothing_again(inventory: Inventory, name: str) -> None:
    in_transaction(
        inventory,
        lambda session: servers.set_server_state(session, "app1", ServerState.DRAINING, by="olga", why="w", now=NOW),
    )
    with pytest.raises(NoServerHasRoom, match="app1 takes no instances"):
        returns(inventory, name)


def test_one_move_at_a_time(inventory: Inventory, name: str) -> None:
    returns(inventory, name)
    with pytest.raises(NothingKept, match="moves just now, to app1"):
        kept(inventory, name)


def begun_restore(session: Session, name: str) -> None:
    told = {"point": f"{name}-p", "server": "app2", "what": "all", "stamp": "1"}
    deeds.record(session, deeds.SERVICE, restores.BEGUN, f"instance:{name}", evidence=told, now=NOW)


def owes(session: Session, name: str) -> None:
    [move] = [one for one in moves.moves_of(session, name) if one.source_name == "app1"]
    former_homes.record_owed(session, move.id, "silent", NOW)


def updated(session: Session, name: str) -> None:
    deeds.record(session, deeds.SERVICE, "release changed", f"instance:{name}", now=NOW)


def retired(session: Session, name: str) -> None:
    assert instances.instance_facts(session, name).server_name != "app1"
    for state in (ServerState.DRAINING, ServerState.RETIRED):
        servers.set_server_state(session, "app1", state, by="olga", why="w", now=NOW)


def may_return(inventory: Inventory, move: MoveFacts, later: timedelta = timedelta()) -> None:
    with inventory.reading() as session:
        kept_source.check_return(session, move, move.agreed_at + later)


def test_nothing_is_served_again_while_a_restore_of_the_instance_is_begun(inventory: Inventory, name: str) -> None:
    in_transaction(inventory, partial(begun_restore, name=name))
    with pytest.raises(NothingKept, match="was begun and is not at its end"):
        kept(inventory, name)


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        (begun_restore, "A restore"),
        (owes, "not fenced or not compared"),
        (updated, "has another release"),
        (retired, "is retired"),
    ],
)
def test_what_has_changed_since_the_loss_was_accepted_is_found_when_it_begins(
    inventory: Inventory, name: str, meanwhile: Callable[..., None], said: str
) -> None:
    made = returns(inventory, name)
    may_return(inventory, made)
    in_transaction(inventory, partial(meanwhile, name=name))
    with pytest.raises(NothingKept, match=said):
        may_return(inventory, made)


def test_a_loss_is_accepted_for_some_minutes_and_is_not_put_off(inventory: Inventory, name: str) -> None:
    made = returns(inventory, name)
    may_return(inventory, made, ACCEPTED_FOR)
    with pytest.raises(NothingKept, match="it is more now"):
        may_return(inventory, made, ACCEPTED_FOR + timedelta(seconds=1))
    with pytest.raises(moves.MoveNotPlanned, match="was accepted for now"):
        in_transaction(
            inventory, lambda session: move_moments.postpone(session, name, NOW + 9 * HOUR, "asked", by="olga", now=NOW)
        )
