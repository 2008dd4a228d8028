"""Every minute: what is recorded as due becomes a run, and what a run left undone is seen to (DESIGN.md section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow

from tasks.backup_dispatch import ask_for_due_backups
from tasks.bookings import ask_for_due_bookings
from tasks.capacity import see_to_room
from tasks.cases import tell_operators
from tasks.endings import see_to_endings
from tasks.evacuations import go_on_with_evacuations
from tasks.failures import standing_alone
from tasks.level_letters import tell_customers_of_levels
from tasks.move_agreements import see_to_agreements
from tasks.name_applications import judge_wishes_of_the_shop
from tasks.name_letters import tell_customers_of_names
from tasks.rents import see_to_rents
from tasks.run_ends import settle_ended_runs
from tasks.runs import ask_for_paid_orders, dispatch_open_work
from tasks.server_reports import tell_left_updates
from tasks.suspending import see_to_suspensions
from tasks.update_dispatch import ask_for_due_updates
from tasks.update_letters import see_to_announcements

if TYPE_CHECKING:
    from hosting.errors import ServiceError

BEATS = (
    ask_for_paid_orders,
    ask_for_due_bookings,
    see_to_room,
    ask_for_due_backups,
    ask_for_due_updates,
    tell_left_updates,
    settle_ended_runs,
    go_on_with_evacuations,
    see_to_agreements,
    see_to_announcements,
    judge_wishes_of_the_shop,
    tell_customers_of_names,
    tell_customers_of_levels,
    see_to_rents,
    see_to_suspensions,
    see_to_endings,
    dispatch_open_work,
    tell_operators,
)


@flow(name="dispatch-due-work", persist_result=False)
def dispatch_due_work() -> None:
    """Turn due records into runs; nothing is lost and nothing doubled, however often this runs at once.

    One beat that fails, foreseen or not, keeps none of the others from being done; the run fails at the end.
    """
    failures = list["ServiceError"]()
    for beat in BEATS:
        with standing_alone(failures, beat.name):
            beat()
    if failures:
        raise failures[0]
