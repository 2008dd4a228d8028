"""An accepted time is a scheduled run in Prefect; one that was put off begins nothing at its old moment (P24)."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from prefect.states import Scheduled

from hosting.inventory import move_moments, moves, offers, work
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.agreements import Answer
from hosting.policy.states import MoveState, WorkState
from tasks.letters import local
from tasks.runs import dispatch
from tests.inventory.words import server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.inventory.offer_rows import OfferFacts
    from tests.deployments.service import Service

pytestmark = pytest.mark.prefect

NOW = datetime.now(UTC).replace(microsecond=0)


def accepted(inventory: Inventory) -> OfferFacts:
    """An instance whose customer has accepted the first of the times that he was offered."""
    with_servers(inventory, server("here", 1000), server("there", 1000, address="192.0.2.2"))
    name = opened(inventory, "AG-1", NOW, "here")

    def accept(session: Session) -> OfferFacts:
        made = offers.offer_windows(session, name, "there", "room", by="olga", now=NOW)
        return offers.answer_offer(session, made.id, Answer.ACCEPT, NOW, opens=made.windows[0].opens)

    return in_transaction(inventory, accept)


def work_of(inventory: Inventory, offer: OfferFacts) -> work.WorkFacts:
    with inventory.reading() as session:
        found = work.work_of(session, work.MOVE, str(offer.move_id))
    assert found is not None
    return found


def test_what_a_customer_accepts_is_a_scheduled_run_until_it_is_put_off(service: Service) -> None:
    with closing(Inventory(service.settings.inventory_url.get_secret_value())) as inventory, service.client() as client:
        offer = accepted(inventory)
        dispatch(inventory, NOW, client)
        first = client.read_flow_run(UUID(work_of(inventory, offer).flow_run_id))
        assert first.state_name == "Scheduled"
        assert first.expected_start_time == offer.windows[0].opens
        assert first.parameters == {"request": {"move": offer.move_id}}

        later, name = offer.windows[2].opens, offer.instance_name
        in_transaction(
            inventory, lambda session: move_moments.postpone(session, name, later, "asked", by="olga", now=NOW)
        )
        dispatch(inventory, NOW, client)
        second = client.read_flow_run(UUID(work_of(inventory, offer).flow_run_id))
        assert (second.id != first.id, second.expected_start_time) == (True, later)

        client.set_flow_run_state(first.id, Scheduled(scheduled_time=NOW), force=True)  # its old moment has come
        ended = service.wait(first.id)
        assert ended.state is not None
        assert (ended.state_type, ended.state.message) == (
            "COMPLETED", f"{name} moves at {local(later)}; a run begins it then.",
        )  # fmt: skip
        stands = work_of(inventory, offer)
        assert (stands.state, stands.flow_run_id) == (WorkState.DISPATCHED, str(second.id))

        def call_off(session: Session) -> None:
            work.cancel(session, work.MOVE, str(offer.move_id), "the test is over")
            moves.record_state(session, offer.move_id or 0, MoveState.CALLED_OFF, NOW)

        in_transaction(inventory, call_off)
        client.delete_flow_run(second.id)
