from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from fleet.shop import Shop
from fleet.shop_load import Progress, blow, storm
from hosting.inventory import orders, work
from hosting.inventory.models import Case, Contract, Payment, ShopEvent
from hosting.policy.states import OrderState
from tests.deployments.web.processes import ReceiverProcess

if TYPE_CHECKING:
    from pathlib import Path

    from hosting.inventory.session import Inventory

ORDERS = 50
NOTICES = 1000
CLIENTS = 8
KILLED_AFTER = (300, 650)
SECONDS = 240.0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_thousand_notices_make_fifty_paid_orders_though_the_receiver_is_killed_twice(
    tmp_path: Path, inventory: Inventory, shop_secret: str
) -> None:
    receiver = ReceiverProcess(tmp_path, str(inventory.url), shop_secret)
    receiver.start()
    blown = storm(ORDERS, NOTICES, seed=1)
    progress = Progress()
    lost: list[set[str]] = []
    killer = threading.Thread(target=kill_and_restart, args=(receiver, inventory, progress, lost))
    killer.start()
    try:
        blow(Shop(receiver.url, shop_secret), blown.deliveries, CLIENTS, SECONDS, progress)
    finally:
        killer.join(SECONDS)
        receiver.stop()
    assert progress.deliveries == NOTICES
    assert progress.refused.total() > 0, "the kills were noticed"
    assert lost == [set(), set()]
    assert_fulfilled_once(inventory, set(blown.events), {order.reference for order in blown.orders})


def kill_and_restart(receiver: ReceiverProcess, inventory: Inventory, progress: Progress, lost: list[set[str]]) -> None:
    """Kill the receiver in the midst of it, twice; each time note what it had answered for and not kept."""
    end = time.monotonic() + SECONDS
    for taken in KILLED_AFTER:
        while progress.deliveries < taken and time.monotonic() < end:
            time.sleep(0.005)
        receiver.kill()
        with inventory.reading() as session:
            lost.append(progress.told() - set(session.scalars(select(ShopEvent.id))))
        receiver.start(wait=False)
        receiver.await_health()


def assert_fulfilled_once(inventory: Inventory, events: set[str], references: set[str]) -> None:
    """Nothing lost, nothing doubled."""
    with inventory.reading() as session:
        assert set(session.scalars(select(ShopEvent.id))) == events
        paid = [order for order in orders.all_orders(session) if order.state is OrderState.PAID]
        assert {order.reference for order in paid} == references
        asked = work.work_in(session)
        assert sorted(one.subject for one in asked) == sorted(references)
        assert session.scalar(select(func.count()).select_from(Contract)) == len(references)
        assert session.scalar(select(func.count()).select_from(Payment)) == 2 * len(references)
        assert session.scalar(select(func.count()).select_from(Case).where(Case.settled_at.is_(None))) == 0
