"""What probes saw, kept as runs of equal results, and days counted for good from them (P11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from hosting.inventory.models import Instance
from hosting.inventory.probe_rows import AvailabilityDay, ProbeSpan
from hosting.policy.probe_spans import LONGEST_GAP, Answer, Span, Vantage, with_probe
from hosting.policy.states import InstanceState
from hosting.policy.values import InstanceName

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from hosting.policy.probe_spans import Probe

Key = tuple[str, str]
"""An instance and a vantage."""

COLUMNS = (
    ProbeSpan.id, ProbeSpan.instance_name, ProbeSpan.vantage, ProbeSpan.answer, ProbeSpan.since, ProbeSpan.until,
    ProbeSpan.probes,
)  # fmt: skip


@dataclass(frozen=True)
class Timed:
    """A probe with the interval that its instance is probed at."""

    probe: Probe
    interval: timedelta


@dataclass(frozen=True)
class DayCount:
    """A day of an instance, counted for good: its length is the sum of the three.

    Args:
        instance: which.
        day: of Berlin.
        up: so long it was there.
        down: so long it was not.
        unmeasured: of so long nothing is known.
    """

    instance: InstanceName
    day: date
    up: timedelta
    down: timedelta
    unmeasured: timedelta


def record_probes(session: Session, found: Iterable[Timed]) -> list[Span]:
    """Keep the results of a round in one transaction; told twice, they count once.

    Returns:
        The spans that grew or began, as they are now.
    """
    ordered = sorted(found, key=lambda one: one.probe.at)
    if not ordered:
        return []
    longest = LONGEST_GAP * max(one.interval for one in ordered)
    rows = _latest(session, ordered[0].probe.at - longest)
    chains = {key: [span] for key, (_, span) in rows.items()}
    for one in ordered:
        chain = chains.setdefault((str(one.probe.instance), one.probe.vantage.value), [])
        grown = with_probe(chain[-1] if chain else None, one.probe, one.interval)
        if chain and chain[-1].since == grown.since:
            chain[-1] = grown
        else:
            chain.append(grown)
    grew = [(row, chains[key][0]) for key, (row, before) in rows.items() if chains[key][0] != before]
    begun = [span for key, chain in chains.items() for span in (chain[1:] if key in rows else chain)]
    _grow(session, grew)
    _begin(session, begun)
    return [*(span for _, span in grew), *begun]


def spans_between(
    session: Session, since: datetime, until: datetime, instances: Collection[str] | None = None
) -> dict[InstanceName, list[Span]]:
    """The spans that touch a time, by instance, the first one first; of all instances where none are named."""
    query = select(*COLUMNS).where(ProbeSpan.until >= since, ProbeSpan.since <= until)
    if instances is not None:
        query = query.where(ProbeSpan.instance_name.in_(instances))
    found: dict[InstanceName, list[Span]] = {}
    for row in session.execute(query.order_by(ProbeSpan.since)):
        span = _span(row)
        found.setdefault(span.instance, []).append(span)
    return found


def spans_of(session: Session, instance: str, since: datetime, until: datetime) -> list[Span]:
    """The spans of one instance that touch a time, of both vantages, the first one first."""
    return spans_between(session, since, until, [instance]).get(InstanceName(instance), [])


def failing_since(session: Session, since: datetime) -> set[InstanceName]:
    """The instances that any probe found not to be up since a moment."""
    query = select(ProbeSpan.instance_name).where(ProbeSpan.until >= since, ProbeSpan.answer != Answer.UP.value)
    return {InstanceName(name) for name in session.scalars(query.distinct())}


def last_probe(session: Session) -> datetime | None:
    """When anything was last probed; None before the first probe."""
    return session.scalars(select(func.max(ProbeSpan.until))).first()


def record_days(session: Session, days: Sequence[DayCount], now: datetime) -> None:
    """Keep days that are over; one that was counted is not counted again."""
    known = {
        (name, day)
        for name, day in session.execute(
            select(AvailabilityDay.instance_name, AvailabilityDay.day).where(
                AvailabilityDay.day.in_({one.day for one in days})
            )
        )
    }
    rows = [
        {
            "instance_name": one.instance, "day": one.day, "up_seconds": one.up.total_seconds(),
            "down_seconds": one.down.total_seconds(), "unmeasured_seconds": one.unmeasured.total_seconds(),
            "counted_at": now,
        }
        for one in days if (one.instance, one.day) not in known
    ]  # fmt: skip
    if rows:
        session.execute(insert(AvailabilityDay), rows)


def days_between(session: Session, first: date, last: date, instances: Collection[str] | None = None) -> list[DayCount]:
    """The days that are counted, the first and the last included, by instance and day."""
    query = select(AvailabilityDay).where(AvailabilityDay.day >= first, AvailabilityDay.day <= last)
    if instances is not None:
        query = query.where(AvailabilityDay.instance_name.in_(instances))
    rows = session.scalars(query.order_by(AvailabilityDay.instance_name, AvailabilityDay.day))
    return [
        DayCount(
            InstanceName(row.instance_name), row.day, timedelta(seconds=row.up_seconds),
            timedelta(seconds=row.down_seconds), timedelta(seconds=row.unmeasured_seconds),
        )
        for row in rows
    ]  # fmt: skip


def last_counted(session: Session) -> date | None:
    """The last day that is counted; None where none is."""
    return session.scalars(select(func.max(AvailabilityDay.day))).first()


def first_probe(session: Session) -> datetime | None:
    """The beginning of the first span that is kept; None where there is none."""
    return session.scalars(select(func.min(ProbeSpan.since))).first()


def active_instances(session: Session) -> dict[InstanceName, datetime]:
    """The instances that customers have, suspended or not, each with the moment since when."""
    states = (InstanceState.ACTIVE, InstanceState.SUSPENDED)
    query = select(Instance.name, Instance.active_at).where(Instance.state.in_(states))
    return {InstanceName(name): at for name, at in session.execute(query) if at is not None}


def forget_spans(session: Session, before: datetime) -> int:
    """Drop the spans that ended before a moment, and say how many; the caller sees that their days are counted."""
    gone = session.scalars(select(func.count()).select_from(ProbeSpan).where(ProbeSpan.until < before)).one()
    session.execute(delete(ProbeSpan).where(ProbeSpan.until < before))
    return gone


def _latest(session: Session, since: datetime) -> dict[Key, tuple[int, Span]]:
    """The last span of each instance and vantage that may still grow, with the id of its row."""
    query = select(*COLUMNS).where(ProbeSpan.until >= since).order_by(ProbeSpan.until)
    return {(row.instance_name, row.vantage): (row.id, _span(row)) for row in session.execute(query)}


def _grow(session: Session, grown: Sequence[tuple[int, Span]]) -> None:
    """The rows of spans that grew."""
    if grown:
        table = ProbeSpan.__table__
        statement = update(table).where(table.c.id == bindparam("row")).values(  # type: ignore[arg-type]  # it is a table
            until=bindparam("ends"), probes=bindparam("count")
        )  # fmt: skip
        rows = [{"row": number, "ends": one.until, "count": one.probes} for number, one in grown]
        session.connection().execute(statement, rows)


def _begin(session: Session, begun: Sequence[Span]) -> None:
    """New rows."""
    if begun:
        rows = [
            {
                "instance_name": one.instance, "vantage": one.vantage.value, "answer": one.answer.value,
                "since": one.since, "until": one.until, "probes": one.probes,
            }
            for one in begun
        ]  # fmt: skip
        session.execute(insert(ProbeSpan), rows)


def _span(row: Any) -> Span:
    """The row, frozen."""
    return Span(
        InstanceName(row.instance_name), Vantage(row.vantage), Answer(row.answer), row.since, row.until, row.probes
    )
