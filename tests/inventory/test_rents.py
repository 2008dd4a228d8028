"""Rents that are overdue in the inventory: events twice and out of order, holds, suspensions and their runs (P41)."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from hosting.inventory import cases, deeds, instances, rents, suspensions, work
from hosting.inventory.notices import NoticeType, RentNotice, Taken
from hosting.inventory.session import Inventory, in_transaction
from hosting.inventory.suspensions import Cause
from hosting.policy.placement import choose_server
from hosting.policy.rent import RentStep
from hosting.policy.states import InstanceState, WorkState
from tests.inventory.words import HOUR, NOW, RELEASE, notice, placed, received, server, take, with_servers

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

OVERDUE, SETTLED = NoticeType.RENT_OVERDUE, NoticeType.RENT_SETTLED
DAY = timedelta(days=1)
LATER = NOW + 30 * DAY
NUMBERS = count()


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An open instance."""
    with_servers(inventory, server("app1", 200))
    take(inventory, placed(), received("money"))

    def open_it(session: Session) -> str:
        made = instances.reserve_instance(session, "A-1", choose_server, release=RELEASE, seal=str.upper, now=NOW)
        instances.record_active(session, made.name, NOW, {})
        return str(made.name)

    return do(inventory, open_it)  # type: ignore[no-any-return]


def do(inventory: Inventory, act: Callable[[Session], Any]) -> Any:
    return in_transaction(inventory, act)


def tell(inventory: Inventory, kind: NoticeType, month: int = 11, at: Any = NOW) -> Taken:
    said = notice(f"rent-{next(NUMBERS)}", kind, RentNotice("A-1", 900, "EUR", date(2026, month, 1)))
    [taken] = take(inventory, said, now=at)
    return taken


def arrears(inventory: Inventory) -> Any:
    with inventory.reading() as session:
        return rents.arrears_of(session, "A-1")


def waiting(inventory: Inventory) -> list[str]:
    """The kinds of suspensions' work that is to be done."""
    with inventory.reading() as session:
        return [one.kind for one in work.work_in(session, WorkState.OPEN) if one.kind in {work.SUSPEND, work.RESUME}]


def state(inventory: Inventory, name: str) -> InstanceState:
    with inventory.reading() as session:
        return instances.instance_facts(session, name).state


def announced(inventory: Inventory) -> int:
    """An overdue rent whose customer has had all letters."""
    assert tell(inventory, OVERDUE) is Taken.APPLIED
    number = int(arrears(inventory).id)
    for rung in (RentStep.REMIND, RentStep.REMIND_AGAIN, RentStep.ANNOUNCE):
        record = partial(rents.record_told, number=number, rung=rung, now=NOW, suspends_at=NOW + 7 * DAY)
        do(inventory, record)
    return number


def suspended(inventory: Inventory, name: str) -> None:
    number = announced(inventory)
    assert do(inventory, partial(rents.suspend_for_rent, number=number, now=NOW + 7 * DAY))
    assert waiting(inventory) == [work.SUSPEND]
    do(inventory, partial(suspensions.record_closed, instance=name, evidence={}, now=NOW + 7 * DAY))
    finish(inventory)
    assert state(inventory, name) is InstanceState.SUSPENDED


def finish(inventory: Inventory) -> None:
    def done(session: Session) -> None:
        for one in work.work_in(session, WorkState.OPEN):
            if one.kind in {work.SUSPEND, work.RESUME}:
                work.record_done(session, one.kind, one.subject)

    do(inventory, done)


def test_a_rent_that_is_overdue_begins_the_ladder_once_however_often_it_is_told(
    inventory: Inventory, name: str
) -> None:
    assert {tell(inventory, OVERDUE), tell(inventory, OVERDUE, at=LATER)} == {Taken.APPLIED}
    assert tell(inventory, OVERDUE, 12, LATER) is Taken.APPLIED
    assert arrears(inventory).begun_at == NOW
    with inventory.reading() as session:
        assert [one.due_on.month for one in rents.rents_of(session, "A-1") if one.is_open] == [11, 12]
        assert cases.open_cases(session) == []


def test_what_is_settled_before_it_is_told_as_overdue_begins_nothing(inventory: Inventory, name: str) -> None:
    assert tell(inventory, SETTLED) is Taken.APPLIED
    assert tell(inventory, OVERDUE, at=LATER) is Taken.APPLIED
    assert arrears(inventory) is None
    with inventory.reading() as session:
        why = [deed.why for deed in deeds.deeds_of(session, "order:A-1") if deed.what == "rent overdue"]
    assert why == ["It was settled already; this notice came late."]


@pytest.mark.parametrize("month", [10, 11])
def test_an_older_rent_after_one_was_settled_and_one_that_comes_back_are_for_a_person(
    inventory: Inventory, name: str, month: int
) -> None:
    tell(inventory, OVERDUE)
    tell(inventory, SETTLED)
    assert tell(inventory, OVERDUE, month, LATER) is Taken.FOR_A_PERSON
    assert arrears(inventory) is None
    with inventory.reading() as session:
        [case] = cases.open_cases(session)
    assert "nothing follows by itself" in case.summary


def test_the_ladder_ends_with_the_last_rent_that_is_owed(inventory: Inventory, name: str) -> None:
    tell(inventory, OVERDUE, 10)
    tell(inventory, OVERDUE, 11)
    tell(inventory, SETTLED, 11)
    assert arrears(inventory) is not None
    tell(inventory, SETTLED, 10)
    assert arrears(inventory) is None
    tell(inventory, OVERDUE, 12, LATER)
    assert arrears(inventory).begun_at == LATER  # the next time begins anew


def test_of_an_order_that_is_not_known_a_person_learns(inventory: Inventory) -> None:
    assert tell(inventory, OVERDUE) is Taken.FOR_A_PERSON
    with inventory.reading() as session:
        assert [case.kind for case in cases.open_cases(session)] == ["rent_overdue"]


def test_a_settled_rent_opens_the_instance_at_once_and_closes_nothing_any_more(inventory: Inventory, name: str) -> None:
    suspended(inventory, name)
    assert tell(inventory, SETTLED, at=LATER) is Taken.APPLIED
    assert tell(inventory, SETTLED, at=LATER) is Taken.APPLIED
    assert waiting(inventory) == [work.RESUME]
    do(inventory, partial(suspensions.record_opened, instance=name, evidence={}, now=LATER))
    assert state(inventory, name) is InstanceState.ACTIVE
    with inventory.reading() as session:
        [one] = suspensions.suspensions_of(session, name)
        said = [deed.what for deed in deeds.deeds_of(session, f"instance:{name}")][-4:]
    assert (one.cause, one.closed_at, one.ends_asked_at, one.opened_at) == (Cause.RENT, NOW + 7 * DAY, LATER, LATER)
    assert said == ["suspension wanted", "instance suspended", "end of suspension wanted", "instance resumed"]


def test_a_rent_that_is_settled_while_the_contract_is_over_opens_him_once_that_is_called_off(
    inventory: Inventory, name: str
) -> None:
    def put(state_: InstanceState) -> None:
        do(inventory, lambda session: setattr(session.get_one(instances.Instance, name), "state", state_))

    suspended(inventory, name)
    put(InstanceState.CLOSED)  # the contract has ended
    tell(inventory, SETTLED, at=LATER)
    assert waiting(inventory) == []
    put(InstanceState.SUSPENDED)  # and runs on as it was
    with inventory.reading() as session:
        assert suspensions.standing(session, name) == []
        [found] = suspensions.not_as_wanted(session)
    assert do(inventory, partial(suspensions.see_to, facts=found, now=LATER))
    assert waiting(inventory) == [work.RESUME]


def test_a_rent_that_is_settled_before_the_run_comes_leaves_the_instance_open(inventory: Inventory, name: str) -> None:
    number = announced(inventory)
    do(inventory, partial(rents.suspend_for_rent, number=number, now=NOW + 7 * DAY))
    tell(inventory, SETTLED, at=NOW + 7 * DAY)
    assert waiting(inventory) == [work.RESUME]  # a killed run may have closed it half
    assert do(inventory, partial(suspensions.record_closed, instance=name, evidence={}, now=LATER)) == []
    assert state(inventory, name) is InstanceState.ACTIVE
    do(inventory, partial(suspensions.record_opened, instance=name, evidence={}, now=LATER))
    with inventory.reading() as session:
        assert suspensions.not_as_wanted(session) == []
    assert not do(inventory, partial(rents.suspend_for_rent, number=number, now=LATER))


def test_who_is_given_time_is_let_in_and_told_anew_before_it_comes_again(inventory: Inventory, name: str) -> None:
    suspended(inventory, name)
    until = date(2027, 1, 15)
    hold = partial(rents.hold, instance=name, until=until, why="he called", by="olga", now=LATER)
    held = do(inventory, hold)
    assert (held.held_until, held.held_by, held.suspends_at, held.announced_at) == (until, "olga", None, None)
    assert waiting(inventory) == [work.RESUME]
    assert not do(inventory, partial(rents.suspend_for_rent, number=held.id, now=LATER))
    record = partial(rents.record_told, number=held.id, rung=RentStep.ANNOUNCE, now=LATER, suspends_at=LATER + 9 * DAY)
    assert do(inventory, record).announcements == 2
    tell(inventory, SETTLED, at=LATER)
    with pytest.raises(rents.NoArrears, match="No rent of"):
        do(inventory, hold)


def test_an_operators_suspension_is_not_ended_by_a_settled_rent(inventory: Inventory, name: str) -> None:
    suspended(inventory, name)
    wish = partial(suspensions.suspend, instance=name, cause=Cause.OPERATOR, because="abuse", by="olga", now=LATER)
    assert do(inventory, wish) == do(inventory, wish)
    tell(inventory, SETTLED, at=LATER)
    assert waiting(inventory) == []
    assert do(inventory, partial(suspensions.record_opened, instance=name, evidence={}, now=LATER)) == []
    assert state(inventory, name) is InstanceState.SUSPENDED
    assert (
        do(inventory, partial(rents.resume_by_hand, instance=name, why="it is sorted out", by="olga", now=LATER)) == 1
    )
    assert waiting(inventory) == [work.RESUME]


def test_who_is_let_in_by_hand_is_announced_again_before_the_same_rent_closes_him(
    inventory: Inventory, name: str
) -> None:
    suspended(inventory, name)
    assert do(inventory, partial(rents.resume_by_hand, instance=name, why="a mistake", by="olga", now=LATER)) == 1
    found = arrears(inventory)
    assert (found.suspends_at, found.reminded_again_at) == (None, NOW)


def test_a_run_that_failed_is_asked_for_again_after_an_hour_and_only_then(inventory: Inventory, name: str) -> None:
    suspend = partial(suspensions.suspend, instance=name, cause=Cause.OPERATOR, because="abuse", by="olga", now=NOW)
    do(inventory, suspend)
    [one] = [one for one in all_work(inventory) if one.kind == work.SUSPEND]
    do(inventory, partial(work.record_failed, kind=one.kind, subject=one.subject, finding="The server is silent."))

    def see(now: Any) -> str:
        return do(  # type: ignore[no-any-return]
            inventory,
            lambda session: suspensions.see_to(session, instances.instance_facts(session, name), now),
        )

    assert [see(NOW + HOUR / 2), see(NOW + HOUR), see(NOW + HOUR)] == ["", one.subject, ""]
    assert waiting(inventory) == [work.SUSPEND]


def all_work(inventory: Inventory) -> list[work.WorkFacts]:
    with inventory.reading() as session:
        return work.work_in(session)


def test_only_who_is_served_is_suspended(inventory: Inventory, name: str) -> None:
    do(inventory, lambda session: setattr(session.get_one(instances.Instance, name), "state", InstanceState.ENDED))
    with pytest.raises(suspensions.CannotBeSuspended, match="is ended: nobody uses it"):
        do(
            inventory,
            partial(suspensions.suspend, instance=name, cause=Cause.OPERATOR, because="", by="olga", now=NOW),
        )
