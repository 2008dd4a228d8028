"""Days that are over, counted for good from what probes saw in them; after that their spans may go (P11)."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.inventory import instances, levels, outage_labels, probes
from hosting.inventory.probes import DayCount
from hosting.inventory.session import in_transaction
from hosting.policy.availability import timeline
from hosting.policy.availability_days import tally_of
from hosting.policy.months import day_of, start_of
from hosting.policy.probing import interval_of
from hosting.policy.states import InstanceState
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

AROUND = timedelta(hours=3)
"""Spans are read from so long before a time: what they say may hold into it."""

DAY_SETTLES = timedelta(hours=1)
"""A day is counted so long after its end: all that was seen in it is written by then."""


@reading
def count_days() -> list[date]:
    """The days that are over and not counted yet: counted for good, for every instance; which they were."""
    at, counted = now(), list[date]()
    with inventory().reading() as session:
        since = uncounted_since(session)
    day = day_of(since or at)
    while start_of(day + timedelta(days=1)) + DAY_SETTLES <= at:
        in_transaction(inventory(), partial(_count, day=day, at=at))
        counted.append(day)
        day += timedelta(days=1)
    return counted


@reading
def forget_old_spans() -> int:
    """Results that are older than they are kept, once their days are counted; how many spans went."""
    kept = timedelta(days=31 * load(ServiceSettings).probes.months_kept)
    before = now() - kept

    def forget(session: Session) -> int:
        last = probes.last_counted(session)
        return probes.forget_spans(session, before) if last is not None and last >= day_of(before) else 0

    return in_transaction(inventory(), forget)


def uncounted_since(session: Session) -> datetime | None:
    """The beginning of what is not counted yet; None where nothing was ever probed."""
    last = probes.last_counted(session)
    return start_of(last + timedelta(days=1)) if last is not None else probes.first_probe(session)


def _count(session: Session, day: date, at: datetime) -> None:
    """One day of every instance that was open in it; of one that has ended since, as long as it was probed."""
    since, until = start_of(day), start_of(day + timedelta(days=1))
    setting, states = load(ServiceSettings).probes.seconds, (InstanceState.ACTIVE, InstanceState.SUSPENDED)
    spans = probes.spans_between(session, since - AROUND, until + AROUND)
    labels, terms = outage_labels.labels_between(session, since, until), levels.terms_of_instances(session, since)
    found = []
    for one in instances.all_instances(session):
        begins, own = max(since, one.active_at or until), spans.get(one.name, [])
        ends = until if one.state in states else min(until, max((span.until for span in own), default=since))
        if begins < ends:
            interval = interval_of(terms[one.name], setting)
            tally = tally_of(timeline(own, labels.get(one.name, ()), begins, ends, interval))
            found.append(DayCount(one.name, day, tally.up, tally.down, tally.unmeasured))
    probes.record_days(session, found, at)
