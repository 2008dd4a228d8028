"""A public holiday is off-peak for whoever's level says so, whatever is planned for him (P15, P24, P40)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from blocks import loading
from blocks.service_settings import ServiceSettings
from hosting.inventory import evacuations, instances, level_agreements, levels, move_moments, offers
from hosting.inventory.evacuation_rows import EvacuationOrder
from hosting.inventory.ordered_moves import order_move
from hosting.inventory.session import in_transaction
from hosting.policy.move_moments import NotOffPeak
from tasks.bookings import wait_for_the_night
from tasks.evacuations import go_on_with_evacuations
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory

AT = datetime(2026, 12, 17, 17, 30, tzinfo=UTC)
CHRISTMAS = datetime(2026, 12, 25, 11, 0, tzinfo=UTC)  # a Friday, noon in Berlin
STATES = ("BE", None)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as made:
        yield made


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An instance by a level for which public holidays are off-peak."""
    begun = AT - timedelta(days=2)
    name, from_day = opened(inventory, "A-1", begun), (begun + timedelta(days=1)).date()

    def agree(session: Session) -> None:
        levels.ensure_level(session, "quiet", {"off_peak_on_holidays": True})
        level_agreements.agree(session, name, "quiet", from_day, reason="w", by="olga", now=begun, state="BE")

    in_transaction(inventory, agree)
    return name


def keeps(state: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings name a state whose holidays are kept, or none."""
    settings = loading.load(ServiceSettings).model_copy(update={"holidays_state": state})
    monkeypatch.setitem(loading._LOADED, ServiceSettings, settings)


@pytest.mark.parametrize("state", STATES)
def test_what_waits_for_the_night_is_done_on_a_holiday(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch, state: str | None
) -> None:
    keeps(state, monkeypatch)
    with inventory.reading() as session:
        instance = instances.instance_facts(session, name)
    with time_machine.travel(CHRISTMAS, tick=False):
        put_off = wait_for_the_night.fn(instance, None)
    assert put_off == (None if state else datetime(2026, 12, 25, 21, 0, tzinfo=UTC))


def test_an_operator_may_have_an_instance_moved_on_a_holiday(inventory: Inventory, name: str) -> None:
    def moved(holidays: str | None) -> Any:
        order = partial(order_move, instance=name, target="app2", why="w", by="olga", now=AT, without_backup=True)
        return in_transaction(inventory, partial(order, opens=CHRISTMAS, holidays=holidays))

    def put_off(holidays: str | None) -> Any:
        return in_transaction(
            inventory,
            lambda session: move_moments.postpone(
                session, name, CHRISTMAS + timedelta(hours=1), "w", by="olga", now=AT, holidays=holidays
            ),
        )

    for does in (moved, put_off):
        with pytest.raises(NotOffPeak):
            does(None)
        assert does("BE").due_at >= CHRISTMAS


@pytest.mark.parametrize("state", STATES)
def test_a_holiday_is_offered_to_who_leaves_a_server(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch, state: str | None
) -> None:
    keeps(state, monkeypatch)
    order = EvacuationOrder("app1", "its rent ends", emergency=False, parallel=2, to=("app2",))
    in_transaction(inventory, lambda session: evacuations.begin(session, order, "olga", AT))
    with time_machine.travel(AT, tick=False):
        go_on_with_evacuations.fn()
    with inventory.reading() as session:
        offer = offers.open_offer(session, name)
    assert offer is not None
    assert [one.opens.day for one in offer.windows if one.opens.hour < 12] == [25 if state else 26]
