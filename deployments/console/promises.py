"""`phm promises`: every paid order that is not open yet, against what was promised (P08, P09)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployments.console.context import now, open_inventory
from deployments.console.output import Json, emit
from deployments.console.wording import duration
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from hosting.inventory.promises import OpenPromise
    from hosting.settings import Settings

COLUMNS = {
    "order": "order", "paid_at": "paid", "promised_by": "promised by", "left": "service time left",
    "ready_at": "forecast", "outlook": "outlook", "finding": "finding",
}  # fmt: skip


def promises(*, as_json: Json = False) -> None:
    """Show every open promise: paid, promised by, service time left, forecast.

    Outlook: in time; will miss (at the promised moment it won't be ready); missed; needs a person (its set-up failed).
    """
    rows = [row_of(promise, as_json=as_json) for promise in standing_promises(load_settings(), now())]
    emit(rows, COLUMNS, as_json=as_json, empty="No promise is open.")


def standing_promises(settings: Settings, at: datetime) -> list[OpenPromise]:
    """The open promises at a moment, the one that is due first first."""
    from hosting.inventory.promises import open_promises  # noqa: PLC0415  # not before it is needed: help is quick

    with open_inventory(settings).reading() as session:
        return open_promises(session, at, settings.holidays_state)


def row_of(promise: OpenPromise, *, as_json: bool) -> dict[str, Any]:
    """A promise as a row; the time left in seconds for programs."""
    order, work, stands = promise.order, promise.work, promise.standing
    row: dict[str, Any] = {
        "order": order.reference,
        "customer": order.customer_name,
        "paid_at": order.paid_at,
        "promised_by": order.promised_by,
        "ready_at": stands.ready_at,
        "outlook": stands.outlook,
        "work": work.state if work else None,
        "finding": work.finding if work else "",
    }
    seconds = int(stands.time_left.total_seconds())
    return {**row, "time_left_seconds": seconds} if as_json else {**row, "left": duration(stands.time_left)}
