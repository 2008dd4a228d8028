"""One owner at a time works on an instance, whatever Prefect believes."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import deeds, leases
from hosting.inventory.leases import LeaseFacts, LeaseHeld, LeaseLost
from hosting.inventory.session import Inventory, in_transaction
from tests.inventory.words import NOW, at_once

if TYPE_CHECKING:
    from datetime import datetime

TTL = timedelta(minutes=2)


def acquire(inventory: Inventory, owner: str, now: datetime = NOW) -> LeaseFacts:
    return in_transaction(
        inventory, lambda session: leases.acquire(session, "kbx2p9", owner, "provision", now=now, ttl=TTL)
    )


def renew(inventory: Inventory, owner: str, now: datetime = NOW) -> LeaseFacts:
    return in_transaction(inventory, lambda session: leases.renew(session, "kbx2p9", owner, now, TTL))


def release(inventory: Inventory, owner: str) -> None:
    in_transaction(inventory, lambda session: leases.release(session, "kbx2p9", owner))


def current(inventory: Inventory) -> LeaseFacts | None:
    with inventory.reading() as session:
        return leases.lease_of(session, "kbx2p9")


def test_a_held_lease_is_refused_with_owner_purpose_and_expiry(inventory: Inventory) -> None:
    held = acquire(inventory, "run-1")
    with pytest.raises(LeaseHeld) as refused:
        acquire(inventory, "run-2", NOW + TTL - timedelta(seconds=1))
    assert refused.value.lease == held
    assert str(refused.value) == (
        "Instance kbx2p9 is being worked on by run-1 (provision) until 2026-11-23 10:02:00 UTC. "
        "Wait for it, then run again; a lease whose owner died is taken over when it expires."
    )


def test_the_owner_takes_its_lease_again(inventory: Inventory) -> None:
    acquire(inventory, "run-1")
    again = acquire(inventory, "run-1", NOW + TTL * 3)
    assert (again.acquired_at, again.expires_at) == (NOW, NOW + TTL * 4)
    with inventory.reading() as session:
        assert deeds.deeds_of(session, "instance:kbx2p9") == []


def test_an_expired_lease_is_taken_over_and_the_takeover_is_recorded(inventory: Inventory) -> None:
    acquire(inventory, "run-1")
    taken = acquire(inventory, "run-2", NOW + TTL)
    assert (taken.owner, taken.acquired_at) == ("run-2", NOW + TTL)
    with inventory.reading() as session:
        [deed] = deeds.deeds_of(session, "instance:kbx2p9")
    assert (deed.by, deed.what, deed.evidence["from"]) == ("run-2", "lease taken over", "run-1")
    with pytest.raises(LeaseLost, match="run-1 no longer holds the lease of instance kbx2p9"):
        renew(inventory, "run-1", NOW + TTL)


def test_a_heartbeat_holds_the_lease_on(inventory: Inventory) -> None:
    acquire(inventory, "run-1")
    assert renew(inventory, "run-1", NOW + TTL / 2).expires_at == NOW + TTL * 1.5
    with pytest.raises(LeaseHeld):
        acquire(inventory, "run-2", NOW + TTL)
    assert renew(inventory, "run-1", NOW + TTL * 5).owner == "run-1"


def test_a_released_lease_is_free_and_releasing_another_ones_changes_nothing(inventory: Inventory) -> None:
    held = acquire(inventory, "run-1")
    release(inventory, "run-2")
    assert current(inventory) == held
    release(inventory, "run-1")
    release(inventory, "run-1")
    assert current(inventory) is None
    with pytest.raises(LeaseLost):
        renew(inventory, "run-1")
    assert acquire(inventory, "run-2").owner == "run-2"


@pytest.mark.parametrize("expired", [False, True])
def test_of_eight_who_ask_at_the_same_moment_one_gets_it(inventory: Inventory, *, expired: bool) -> None:
    if expired:
        acquire(inventory, "dead")

    def attempt(owner: str) -> str | None:
        try:
            return acquire(inventory, owner, NOW + TTL).owner
        except LeaseHeld:
            return None

    won = [owner for owner in at_once(*(partial(attempt, f"run-{number}") for number in range(8))) if owner]
    lease = current(inventory)
    assert lease is not None
    assert won == [lease.owner]
