"""The availability of instances in a calendar year, reckoned anew from what probes saw and what was going on (P11)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from hosting.errors import Refused
from hosting.inventory import instances, outage_labels, probes
from hosting.inventory.availability_owed import served_ever
from hosting.inventory.models import Contract, Customer, Instance
from hosting.inventory.probe_rows import Outage
from hosting.policy.availability import joined, outages_of, server_faults, timeline
from hosting.policy.availability_counts import Counted, with_counts
from hosting.policy.availability_year import YearTold, availability_findings, owed_in, year_bounds, year_told
from hosting.policy.months import day_of
from hosting.policy.outage_causes import Cause, Labelled

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.availability_owed import Served
    from hosting.policy.availability import Stretch
    from hosting.policy.backup_audit import Finding
    from hosting.policy.probe_spans import Span
    from hosting.policy.values import InstanceFacts, InstanceName

AROUND = timedelta(hours=3)
"""Spans are read from so long before a year: what they say may hold into it."""

FORGOTTEN_FROM = timedelta(days=14 * 31)
"""Probes of a year that began later are all there (`probes.months_kept`): its counted days need not be asked."""

FIRST_YEAR = 2000


class YearNotTold(Refused):
    """A year of which nothing is told."""


@dataclass(frozen=True)
class InstanceYear:
    """An instance with its year.

    Args:
        instance: which.
        customer: the reference of who has it.
        told: its year.
        unmeasured_most: more of a month without measurement is a finding, in percent.
    """

    instance: InstanceFacts
    customer: str
    told: YearTold
    unmeasured_most: float

    @property
    def level(self) -> str:
        """The service level at the end of what was reckoned; empty for the standard terms."""
        begun = [one.level for one in self.told.owed if one.since <= self.told.reckoned_to]
        return (begun or [one.level for one in self.told.owed] or [""])[-1]

    @property
    def now(self) -> Stretch | None:
        """How it stands at the end of what was reckoned; None where nothing is owed by then."""
        last = self.told.line[-1] if self.told.line else None
        return last if last is not None and last.until == self.told.reckoned_to else None

    @property
    def findings(self) -> list[Finding]:
        """What the operators are told."""
        return availability_findings(self.instance.name, self.told, self.unmeasured_most)


@dataclass(frozen=True)
class CustomerYear:
    """A customer with the year of all that he has or had in it."""

    reference: str
    name: str
    language: str
    year: int
    instances: tuple[InstanceYear, ...]


def years_told(
    session: Session, year: int, now: datetime, probe_seconds: float | None, names: Collection[str] | None = None
) -> list[InstanceYear]:
    """The year of these instances, or of all that were open in it, the least left of their budgets first.

    A fault of a server is seen by all that is on it: it is looked at whole, whoever is asked for.

    Args:
        session: to read from.
        year: the calendar year.
        now: this moment.
        probe_seconds: the setting `probes.seconds`.
        names: of the instances; all without.

    Raises:
        YearNotTold: the year has not begun.
    """
    check_year(year, now)
    since, until = year_bounds(year)
    served = [one for one in served_ever(session, now, probe_seconds) if one.touches(since, until)]
    by_server: defaultdict[str, list[Served]] = defaultdict(list)
    for one in served:
        by_server[one.instance.server_name].append(one)
    labels = _labels(session, since, min(until, now))
    told = []
    for there in by_server.values():
        if names is None or any(one.instance.name in names for one in there):
            told += _told_on_server(session, there, labels, year, now)
    return sorted(
        (one for one in told if names is None or one.instance.name in names),
        key=lambda one: (one.told.left, one.instance.number),
    )


def year_of_instance(
    session: Session, name: str, year: int, now: datetime, probe_seconds: float | None
) -> InstanceYear:
    """The year of one instance.

    Raises:
        UnknownInstance: no instance has this name.
        YearNotTold: the year has not begun, or the instance was not open in it.
    """
    instances.instance_facts(session, name)
    found = years_told(session, year, now, probe_seconds, [name])
    if not found:
        message = f"{name} was not open in {year}."
        raise YearNotTold(message, "Ask for a year in which it was (--year).")
    return found[0]


def year_of_customer(
    session: Session, reference: str, year: int, now: datetime, probe_seconds: float | None
) -> CustomerYear:
    """The year of all instances of a customer, by number.

    Raises:
        YearNotTold: nobody has this reference, the year has not begun, or none of his was open in it.
    """
    row = session.get(Customer, reference)
    if row is None:
        message = f"There is no customer {reference}."
        raise YearNotTold(message, "His reference is in: phm order list.")
    query = select(Instance.name).join(Contract, Instance.contract_id == Contract.id)
    names = list(session.scalars(query.where(Contract.customer_reference == reference)))
    found = years_told(session, year, now, probe_seconds, names)
    if not found:
        message = f"Customer {reference} had no open instance in {year}."
        raise YearNotTold(message, "Ask for a year in which he had (--year).")
    return _customer_year(row, year, found)


def years_of_customers(session: Session, year: int, now: datetime, probe_seconds: float | None) -> list[CustomerYear]:
    """The year of all who had an open instance in it, by reference.

    Raises:
        YearNotTold: the year has not begun.
    """
    by_customer: defaultdict[str, list[InstanceYear]] = defaultdict(list)
    for one in years_told(session, year, now, probe_seconds):
        by_customer[one.customer].append(one)
    return [_customer_year(session.get_one(Customer, one), year, by_customer[one]) for one in sorted(by_customer)]


def check_year(year: int, now: datetime) -> None:
    """See that something can be told of a year.

    Raises:
        YearNotTold: it has not begun, or lies before all of this.
    """
    this = day_of(now).year
    if not FIRST_YEAR <= year <= this:
        message = f"Of {year} nothing is known."
        raise YearNotTold(message, f"Ask for {this}, or a year before it.")


def _customer_year(row: Customer, year: int, found: Sequence[InstanceYear]) -> CustomerYear:
    """A customer with these, by number."""
    by_number = sorted(found, key=lambda one: one.instance.number)
    return CustomerYear(row.reference, row.name, row.language, year, tuple(by_number))


def _told_on_server(
    session: Session, there: Sequence[Served], labels: Mapping[str, list[Labelled]], year: int, now: datetime
) -> list[InstanceYear]:
    """The years of all that is on a server, with the faults that it had as a whole."""
    since, until = year_bounds(year)
    names = [one.instance.name for one in there]
    spans = probes.spans_between(session, since - AROUND, min(until, now), names)
    lines = {one.instance.name: _line(one, spans, labels, since, min(until, now)) for one in there}
    faults = server_faults(list(lines.values()))
    found = []
    for one in there:
        name = one.instance.name
        line = lines[name]
        if faults and any(outage.cause is Cause.UNKNOWN for outage in outages_of(line)):
            line = _line(one, spans, {name: [*labels.get(name, ()), *faults]}, since, min(until, now))
        if now - since > FORGOTTEN_FROM:
            line = _with_counts(session, one, line, year, min(until, now))
        told = year_told(line, one.owed, year, now)
        found.append(InstanceYear(one.instance, one.customer, told, one.unmeasured_most))
    return found


def _with_counts(
    session: Session, one: Served, line: Sequence[Stretch], year: int, until: datetime
) -> tuple[Stretch, ...]:
    """The timeline with days whose probes are forgotten as they were counted, and with their outages on record."""
    name, parts = one.instance.name, owed_in(one.owed, year)
    counted = probes.days_between(session, date(year, 1, 1), date(year, 12, 31), [name]) if parts else []
    if not counted:
        return tuple(line)
    since = parts[0].since
    rows = session.scalars(select(Outage).where(Outage.instance_name == name, Outage.began_at < until))
    outages = [
        Labelled(Cause(row.cause), row.began_at, row.ended_at, row.why)
        for row in rows
        if row.ended_at is None or row.ended_at > since
    ]
    counts = [Counted(day.day, day.up, day.down, day.unmeasured) for day in counted]
    return with_counts(line, parts, counts, outages, until)


def _line(
    one: Served,
    spans: Mapping[InstanceName, list[Span]],
    labels: Mapping[str, list[Labelled]],
    since: datetime,
    until: datetime,
) -> tuple[Stretch, ...]:
    """The timeline of an instance: each time by the interval that was agreed for it."""
    name = one.instance.name
    seen, told = spans.get(name, ()), labels.get(name, ())
    begins = [max(since, part.since) for part in one.owed]
    ends = [*(min(begin, until) for begin in begins[1:]), until]
    parts = zip(begins, ends, one.intervals, strict=True)
    return joined(stretch for part in parts for stretch in timeline(seen, told, *part))


def _labels(session: Session, since: datetime, until: datetime) -> dict[str, list[Labelled]]:
    """What was going on, by instance: as records tell it, and as people stated it.

    A fault of a server is on record with the outages that it made: who has moved since is looked at on another server.
    """
    found: defaultdict[str, list[Labelled]] = defaultdict(list)
    for name, told in outage_labels.labels_between(session, since, until).items():
        found[name] += told
    known = select(Outage).where(or_(Outage.cause_by != "", Outage.cause == Cause.OURS), Outage.began_at < until)
    for row in session.scalars(known.where(or_(Outage.ended_at.is_(None), Outage.ended_at > since))):
        label = Labelled(Cause(row.cause), row.began_at, row.ended_at, row.why, stated=bool(row.cause_by))
        found[row.instance_name].append(label)
    return found
