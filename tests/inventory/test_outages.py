"""An outage is on record once, from its beginning to its end; a person's word about it stays (P11)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import deeds, outages
from hosting.inventory.models import Instance
from hosting.inventory.outages import OutageFacts, UnknownOutage
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.outage_alarms import FoundOutage, Raised
from hosting.policy.outage_causes import Cause
from hosting.policy.states import InstanceState
from hosting.policy.values import InstanceName, ServerName
from tests.inventory.words import NOW, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MINUTE = timedelta(minutes=1)
APP1 = ServerName("app1")


@pytest.fixture
def names(inventory: Inventory) -> tuple[InstanceName, InstanceName]:
    """Two open instances."""
    with_servers(inventory, server("app1"))
    first, second = (InstanceName(opened(inventory, order, NOW)) for order in ("A-1", "A-2"))
    return first, second


def down(name: InstanceName, begins: float, ends: float | None = None, cause: Cause = Cause.UNKNOWN) -> FoundOutage:
    return FoundOutage(name, APP1, NOW + begins * MINUTE, None if ends is None else NOW + ends * MINUTE, cause)


def looked(inventory: Inventory, names: tuple[str, ...], *found: FoundOutage, since: float = 0) -> None:
    in_transaction(
        inventory, lambda session: outages.record_found(session, names, found, NOW + since * MINUTE)
    )  # fmt: skip


def known(inventory: Inventory, name: str) -> list[tuple[float, float | None, Cause]]:
    with inventory.reading() as session:
        found = outages.outages_between(session, NOW - MINUTE, NOW + 600 * MINUTE, [name])
    return [
        ((one.began_at - NOW) / MINUTE, None if one.ended_at is None else (one.ended_at - NOW) / MINUTE, one.cause)
        for one in found
    ]


def test_an_outage_that_goes_on_is_one_until_it_is_over(
    inventory: Inventory, names: tuple[InstanceName, InstanceName]
) -> None:
    first = names[0]
    for _ in range(2):
        looked(inventory, names, down(first, 5))
    assert known(inventory, first) == [(5, None, Cause.UNKNOWN)]
    looked(inventory, names, down(first, 5, 9, Cause.OURS))
    looked(inventory, names, down(first, 5, 9, Cause.OURS), down(first, 12))
    assert known(inventory, first) == [(5, 9, Cause.OURS), (12, None, Cause.UNKNOWN)]
    assert known(inventory, names[1]) == []


def test_a_look_that_begins_in_the_middle_of_an_outage_makes_no_second_one(
    inventory: Inventory, names: tuple[InstanceName, InstanceName]
) -> None:
    looked(inventory, names, down(names[0], 5, 20))
    looked(inventory, names, down(names[0], 10, 20), since=10)
    assert known(inventory, names[0]) == [(5, 20, Cause.UNKNOWN)]


def test_what_later_results_do_not_bear_out_was_no_outage(
    inventory: Inventory, names: tuple[InstanceName, InstanceName]
) -> None:
    looked(inventory, names, down(names[0], 5))
    looked(inventory, names)
    assert known(inventory, names[0]) == [(5, 5, Cause.UNKNOWN)]


def test_an_outage_ends_with_its_instance_and_only_then(
    inventory: Inventory, names: tuple[InstanceName, InstanceName]
) -> None:
    looked(inventory, names, *(down(name, 5) for name in names))
    end = partial(outages.end_outages_of_gone, now=NOW + 60 * MINUTE)
    in_transaction(inventory, end)
    assert [known(inventory, name) for name in names] == [[(5, None, Cause.UNKNOWN)]] * 2

    def close(session: Session) -> None:
        session.get_one(Instance, names[0]).state = InstanceState.CLOSED

    in_transaction(inventory, close)
    in_transaction(inventory, end)
    assert [known(inventory, name) for name in names] == [[(5, 60, Cause.UNKNOWN)], [(5, None, Cause.UNKNOWN)]]


def test_a_persons_word_about_the_cause_stays_and_is_on_record(
    inventory: Inventory, names: tuple[InstanceName, InstanceName]
) -> None:
    looked(inventory, names, down(names[0], 5, 9))
    with inventory.reading() as session:
        number = outages.outages_between(session, NOW, NOW + 60 * MINUTE)[0].id
    say = partial(
        outages.state_cause, number=number, cause=Cause.CUSTOMERS_DNS, by="olga", why="his own router", now=NOW
    )  # fmt: skip
    said: OutageFacts = in_transaction(inventory, say)
    looked(inventory, names, down(names[0], 5, 9, Cause.OURS))
    assert known(inventory, names[0]) == [(5, 9, Cause.CUSTOMERS_DNS)]
    with inventory.reading() as session:
        told = deeds.deeds_of(session, f"instance:{names[0]}")[-1]
    assert (told.by, told.what, told.evidence["outage"], said.cause_by) == ("olga", outages.STATED, number, "olga")
    with pytest.raises(UnknownOutage):
        in_transaction(inventory, partial(say, number=number + 1))


def test_an_alarm_has_each_outage_once_and_is_told_twice(
    inventory: Inventory, names: tuple[InstanceName, InstanceName]
) -> None:
    looked(inventory, names, *(down(name, 5) for name in names))
    raised = in_transaction(
        inventory, partial(outages.raise_alarms, raised=[Raised("server:app1", names[:1])], now=NOW)
    )
    joined = in_transaction(
        inventory, partial(outages.raise_alarms, raised=[Raised("server:app1", names, raised[0].id)], now=NOW)
    )
    assert [(one.id, one.instances) for one in joined] == [(raised[0].id, tuple(sorted(names)))]
    in_transaction(inventory, partial(outages.record_told, number=raised[0].id, now=NOW, over=False))
    with inventory.reading() as session:
        assert [one.told_at for one in outages.open_alarms(session)] == [NOW]
    in_transaction(inventory, partial(outages.end_alarm, number=raised[0].id, now=NOW + MINUTE))
    with inventory.reading() as session:
        assert outages.open_alarms(session) == []
        assert [one.ended_at for one in outages.untold_alarms(session)] == [NOW + MINUTE]
    in_transaction(inventory, partial(outages.record_told, number=raised[0].id, now=NOW + MINUTE, over=True))
    with inventory.reading() as session:
        assert outages.untold_alarms(session) == []


def test_who_fails_again_before_the_alarm_is_over_stays_in_it(
    inventory: Inventory, names: tuple[InstanceName, InstanceName]
) -> None:
    looked(inventory, names, down(names[0], 5))
    raised = in_transaction(
        inventory, partial(outages.raise_alarms, raised=[Raised(f"instance:{names[0]}", names[:1])], now=NOW)
    )
    looked(inventory, names, down(names[0], 5, 6), down(names[0], 7))
    in_transaction(inventory, partial(outages.join_open_alarm, instance=names[0], alarm=raised[0].id))
    with inventory.reading() as session:
        found = outages.outages_between(session, NOW, NOW + 60 * MINUTE)
    assert [one.alarm for one in found] == [raised[0].id] * 2
    assert replace(found[1], id=0).ended_at is None
