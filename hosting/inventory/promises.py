"""Open promises: every paid order that is not open yet, its work, and how it stands (P08, P09)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.inventory.calendars import calendar_for
from hosting.inventory.levels import level_of_order, terms_of
from hosting.inventory.orders import open_promises as paid_orders
from hosting.inventory.work import PROVISION, work_of
from hosting.policy.open_promises import standing

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.work import WorkFacts
    from hosting.policy.open_promises import PromiseStanding
    from hosting.policy.values import OrderFacts


@dataclass(frozen=True)
class OpenPromise:
    """An open order, its work, and how its promise stands."""

    order: OrderFacts
    work: WorkFacts | None
    standing: PromiseStanding


def open_promises(session: Session, at: datetime, holidays_state: str | None) -> list[OpenPromise]:
    """The open promises at a moment, the one that is due first first."""
    found = []
    for order in paid_orders(session):
        if order.paid_at is None or order.promised_by is None:
            continue  # a paid order has both; the types can't say so
        work, level = work_of(session, PROVISION, order.reference), level_of_order(session, order.reference, at)
        stands = standing(
            order.paid_at,
            at,
            calendar_for(session, level, holidays_state),
            promised_by=order.promised_by,
            within=terms_of(session, level).setup_within,
            work=work.state if work else None,
        )
        found.append(OpenPromise(order, work, stands))
    return found
