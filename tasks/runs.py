"""Runs for due work: created once under the work's key, as soon as the work is recorded, for the moment it is due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Scheduled

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.errors import ServiceError, Unreachable
from hosting.inventory import name_orders
from hosting.inventory.calendars import calendar_for
from hosting.inventory.deeds import SERVICE
from hosting.inventory.levels import level_of_order
from hosting.inventory.promises import open_promises
from hosting.inventory.session import Inventory, in_transaction
from hosting.inventory.work import (
    ASSIGN_SUBDOMAIN,
    BACK_UP_SERVER,
    CHANGE_BOOKING,
    CONNECT_DOMAIN,
    DISCONNECT_DOMAIN,
    END_CONTRACT,
    EVACUATE,
    EXPORT,
    MOVE,
    PROVISION,
    RELEASE_SUBDOMAIN,
    RENEW_CERTIFICATE,
    RESUME,
    SUSPEND,
    UPDATE_APPLICATION,
    WorkFacts,
    ask_for,
    mark_dispatched,
    work_in,
)
from hosting.policy.states import WorkState
from tasks.bookings import parameters_of
from tasks.endings import parameters_of as end_parameters
from tasks.records import inventory, now
from tasks.step import reading, run_logger
from tasks.update_dispatch import parameters_of as update_parameters

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session

PARAMETERS: dict[str, Callable[[str], dict[str, Any]]] = {
    PROVISION: lambda subject: {"request": {"order": subject}},
    BACK_UP_SERVER: lambda subject: {"request": {"server": subject.partition("@")[0]}},
    CHANGE_BOOKING: parameters_of,
    MOVE: lambda subject: {"request": {"move": int(subject)}},
    EVACUATE: lambda subject: {"request": {"server": subject.partition("#")[0], "going_on": True}},
    EXPORT: lambda subject: {"request": {"number": int(subject)}},
    ASSIGN_SUBDOMAIN: name_orders.parameters_of,
    RELEASE_SUBDOMAIN: name_orders.parameters_of,
    CONNECT_DOMAIN: name_orders.parameters_of,
    DISCONNECT_DOMAIN: name_orders.parameters_of,
    RENEW_CERTIFICATE: name_orders.parameters_of,
    UPDATE_APPLICATION: update_parameters,
    SUSPEND: lambda subject: {"request": {"instance": subject.partition("@")[0]}},
    RESUME: lambda subject: {"request": {"instance": subject.partition("@")[0]}},
    END_CONTRACT: end_parameters,
}
"""How a kind of work becomes the parameters of its deployment, which has the kind's name."""


@dataclass(frozen=True)
class Dispatched:
    """A run that was created for a piece of work."""

    work: WorkFacts
    flow_run_id: str
    name: str


def dispatch(inventory: Inventory, now: datetime, client: SyncPrefectClient) -> list[Dispatched]:
    """Create a run for all open work, each scheduled to the moment when the work is due.

    Two dispatchers at once, or one that is killed between run and record, create no second run: Prefect gives
    back the one that it has under the work's key.

    Raises:
        Unreachable: Prefect or the inventory does not answer; what was dispatched until then stays so.
        ServiceError: some work could not be dispatched; all other work was, and each reason is told.
    """
    with inventory.reading() as session:
        waiting = work_in(session, WorkState.OPEN)
    deployments: dict[str, Any] = {}
    made, reasons = [], []
    for work in waiting:
        try:
            made.append(_dispatch_one(inventory, work, now, client, deployments))
        except httpx.TransportError as error:
            message = f"Prefect at {client.api_url} does not take runs ({type(error).__name__})."
            raise Unreachable(
                message, "The work stays recorded and is dispatched later; look at: phm status."
            ) from error
        except (PrefectHTTPStatusError, ServiceError) as error:
            said = str(error).partition("\n")[0]
            reasons.append(f"{work.kind} {work.subject}: {said}")
    if reasons:
        message = f"{len(reasons)} of {len(waiting)} pieces of work have no run: {'; '.join(reasons)}"
        raise ServiceError(message, "They stay recorded, and are tried again each minute.")
    return made


def _dispatch_one(
    inventory: Inventory,
    work: WorkFacts,
    now: datetime,
    client: SyncPrefectClient,
    deployments: dict[str, Any],
) -> Dispatched:
    """Create one run and record it."""
    if work.kind not in deployments:
        deployments[work.kind] = _deployment(work.kind, client)
    run = client.create_flow_run_from_deployment(
        deployments[work.kind],
        parameters=PARAMETERS[work.kind](work.subject),
        state=Scheduled(scheduled_time=max(work.due_at, now)),
        name=f"{work.kind} {work.subject}",
        tags=[work.kind, work.subject],
        idempotency_key=work.idempotency_key,
    )

    def mark(session: Session) -> None:
        mark_dispatched(session, work.id, str(run.id), work.attempt)

    in_transaction(inventory, mark)
    return Dispatched(work, str(run.id), run.name)


def _deployment(kind: str, client: SyncPrefectClient) -> Any:
    """The id of the deployment that does a kind of work."""
    if kind not in PARAMETERS:
        raise ServiceError(
            f"No deployment does the work {kind}.", "Update the service: the record comes from a newer one."
        )
    try:
        return client.read_deployment_by_name(f"{kind}/{kind}").id
    except ObjectNotFound as error:
        raise ServiceError(f"Prefect has no deployment {kind}.", "Bring it there with: phm up.") from error


@reading
def ask_for_paid_orders() -> list[str]:
    """Paid orders that nothing was asked for get their work: a net under the net; their references."""

    def ask(session: Session) -> list[str]:
        missing = [
            one.order for one in open_promises(session, now(), load(ServiceSettings).holidays_state) if not one.work
        ]
        for order in missing:
            level = level_of_order(session, order.reference, now())
            calendar = calendar_for(session, level, load(ServiceSettings).holidays_state)
            ask_for(session, PROVISION, order.reference, calendar.next_open(now()), by=SERVICE, now=now())
        return [order.reference for order in missing]

    return in_transaction(inventory(), ask)


@reading
def dispatch_open_work() -> list[Dispatched]:
    """Create the runs of all open work."""
    with get_client(sync_client=True) as client:
        made = dispatch(inventory(), now(), client)
    for one in made:
        run_logger().info("%s is due at %s", one.name, f"{one.work.due_at:%Y-%m-%d %H:%M:%S} UTC")
    return made
