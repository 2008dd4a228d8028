"""From what the prober saw to outages, alarms and days that are counted for good (P11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed

from hosting.policy.outage_alarms import alarms
from tasks.failures import check_all_done, kept_for_the_end
from tasks.outage_letters import check_probed, read_untold, tell_alarm
from tasks.outages import look_at_outages, record_alarms, record_outages
from tasks.probed_days import count_days, forget_old_spans

if TYPE_CHECKING:
    from hosting.errors import ServiceError


@flow(name="measure-availability", persist_result=False)
def measure_availability() -> Any:
    """Record who is down since when and why, tell the operators once of each alarm and of its end, count days.

    Started by the prober's event when somebody fails or is back, and by the clock. The next run does what one did not.
    """
    failures = list["ServiceError"]()
    look = look_at_outages()
    known = record_outages(look)
    due = alarms(look.failing, look.open_subjects, look.alarm_after, look.at)
    record_alarms(look, due)
    for one in read_untold():
        with kept_for_the_end(failures, one.subject):
            tell_alarm(one)
    counted = count_days()
    forgotten = forget_old_spans()
    with kept_for_the_end(failures, "prober"):
        check_probed()
    check_all_done(failures, "It is tried again within minutes.")
    return Completed(
        message=f"{len(known)} are down, {len(due)} alarms, {len(counted)} days counted, {forgotten} spans forgotten."
    )
