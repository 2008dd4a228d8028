"""What is watched, for the board: who is not reached, what inspections found, who leaves or has not paid."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from hosting.inventory.availability_owed import served_ever
from hosting.inventory.backup_views import BACKED_UP
from hosting.inventory.ending_rows import Ending
from hosting.inventory.endings import OPEN
from hosting.inventory.escrows import outlived
from hosting.inventory.export_rows import Export
from hosting.inventory.finding_rows import Finding
from hosting.inventory.findings import inspected
from hosting.inventory.models import Instance
from hosting.inventory.probe_rows import AvailabilityDay, Outage, OutageAlarm, ProbeSpan
from hosting.inventory.rent_rows import Arrears, Suspension
from hosting.policy import board_rules
from hosting.policy.availability_year import owed_in, year_bounds
from hosting.policy.backup_times import ONE_DAY
from hosting.policy.board import Line, Urgency, ago, clipped, clock, counted, length, named, section
from hosting.policy.exports import ExportState
from hosting.policy.inspection import LIGHT, Severity
from hosting.policy.months import day_of, months_after, start_of
from hosting.policy.outage_alarms import WAY_OUT
from hosting.policy.outage_causes import Cause
from hosting.policy.probe_spans import Vantage
from hosting.policy.states import EndState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

    from hosting.inventory.availability_owed import Served
    from hosting.inventory.board import Asked
    from hosting.policy.board import Section
    from hosting.policy.inspection import Inspected

LAST_DAY = timedelta(days=1)
LATELY = timedelta(days=7)
"""Who was not asked at his location for so long has no other server there: that is known."""


def availability(session: Session, asked: Asked) -> Section:
    """Who is not reached now, who has used up much of the year's budget, and whether anybody measures (P11)."""
    begins, _ = year_bounds(day_of(asked.at).year)
    touched = select(Outage).where((Outage.ended_at.is_(None)) | (Outage.ended_at > begins))
    outages = session.scalars(touched.order_by(Outage.began_at)).all()
    alarms = {row.id: row for row in session.scalars(select(OutageAlarm).where(OutageAlarm.ended_at.is_(None)))}
    lines = _down([one for one in outages if one.ended_at is None], alarms, asked.at)
    ever = served_ever(session, asked.at, None)
    owed = {str(one.instance.name): one for one in ever if one.instance.state in BACKED_UP}
    lines += _budgets(owed, outages, asked.at)
    lines += _unmeasured(session, owed, asked.at)
    lines += _from_outside_alone(session, asked.at)
    recent = [one for one in outages if (one.ended_at or asked.at) > asked.at - LAST_DAY]
    note = f"{counted(len(recent), 'outage')} in the last day."
    measured = session.scalar(select(func.max(ProbeSpan.until)))
    served = select(func.count()).select_from(Instance).where(Instance.state.in_(BACKED_UP))
    served = served.where(Instance.active_at < asked.at - board_rules.MEASURED_WITHIN)
    urgency = board_rules.of_measuring(measured, asked.at, session.scalar(served) or 0)
    if urgency is not Urgency.CALM:
        told = f"The last probe was {ago(measured, asked.at)}." if measured else "No probe was ever made."
        lines.append(Line("Prober", "not measured", f"{told} Nothing counts as up meanwhile.", urgency, "phm up"))
    return section("availability", "Availability", "phm availability", lines, note=note)


def findings(session: Session, asked: Asked) -> Section:
    """What inspections of the fleet found, and nobody has silenced (P18)."""
    query = select(Finding).where(Finding.gone_at.is_(None))
    query = query.where((Finding.silenced_until.is_(None)) | (Finding.silenced_until <= asked.at))
    lines = [
        Line(
            what=f"{row.server_name or 'service'}: {named(row.subject)}",
            word=row.severity,
            told=clipped(f"{row.sentence} {row.do} Since {clock(row.first_seen)}."),
            urgency=board_rules.of_finding(Severity(row.severity)),
            do=f"phm findings {'mend' if row.mend else 'show'} {row.key}",
            at=row.first_seen,
        )
        for row in session.scalars(query)
    ]
    silent = select(func.count()).select_from(Finding)
    silent = silent.where(Finding.gone_at.is_(None), Finding.silenced_until > asked.at)
    silenced = session.scalar(silent) or 0
    notes = [f"{counted(silenced, 'finding')} silenced."] if silenced else []
    looked = inspected(session)
    lines += _not_looked_at(looked, asked.at)
    if never := [one.server for one in looked if not one.made]:
        notes.append(f"Never inspected: {clipped(', '.join(never))}.")
    return section("findings", "Findings on servers", "phm findings", lines, note=" ".join(notes))


def _not_looked_at(looked: Iterable[Inspected], now: datetime) -> list[Line]:
    """The servers at whose arrays, disks and services nobody looks any more, whatever was found before."""
    lines = []
    for one in looked:
        made = min((one.made[look] for look in LIGHT if look in one.made), default=None)
        if made is not None and (urgency := board_rules.of_look(made, now)) is not Urgency.CALM:
            told = (
                f"Its arrays, disks and services were last looked at {ago(made, now)}; what broke since is not known."
            )
            lines.append(Line(one.server, "not looked at", told, urgency, "phm up", at=made))
    return lines


def leaving(session: Session, asked: Asked) -> Section:
    """Contracts that end, exports, rents that are overdue, and instances that are suspended (P41)."""
    lines = [_ending(row, asked.at) for row in session.scalars(select(Ending).where(Ending.state.in_(OPEN)))]
    exports = select(Export).where(Export.state.in_([ExportState.ASKED, ExportState.READY]))
    lines += [_export(row, asked.at) for row in session.scalars(exports)]
    wanted = select(Suspension).where(Suspension.opened_at.is_(None))
    lines += [_suspension(row, asked.at) for row in session.scalars(wanted)]
    lines += [_arrears(row) for row in session.scalars(select(Arrears).where(Arrears.ended_at.is_(None)))]
    if (kept := outlived(session)) is not None:
        made_at, many = kept
        gone = counted(many, "deleted contract")
        told = f"The file of {clock(made_at)} and older ones hold the keys of {gone}: make a new one, destroy them."
        lines.append(Line("Escrow", "older than a deletion", told, Urgency.WATCH, "phm escrow export FILE", at=made_at))
    return section("leaving", "Ends, exports and rents", "phm end status", lines)


def _down(outages: Iterable[Outage], alarms: Mapping[int, OutageAlarm], now: datetime) -> list[Line]:
    """A line for each alarm that is not over, and for each instance that is down and in none."""
    by_alarm: defaultdict[int, list[str]] = defaultdict(list)
    lines = []
    for row in outages:
        if row.alarm_id is not None and row.alarm_id in alarms:
            by_alarm[row.alarm_id].append(row.instance_name)
            continue
        told = clipped(f"On {row.server_name} since {clock(row.began_at)}: {row.cause.replace('_', ' ')}. {row.why}")
        lines.append(Line(row.instance_name, "down", told, Urgency.WATCH, "phm outage list", at=row.began_at))
    for number, alarm in alarms.items():
        kind, _, name = alarm.subject.partition(":")
        who = by_alarm[number] or alarm.unreached or []
        shown = ", ".join(who[:5]) + (" …" if len(who) > 5 else "")  # noqa: PLR2004  # as many as a line takes
        told = f"{counted(len(who), 'instance')} not reached since {clock(alarm.raised_at)}: {shown or 'all are back'}."
        stands = "down"
        if kind == WAY_OUT.rstrip(":"):
            told = f"Up at its location and not reached from outside since {clock(alarm.raised_at)}: {shown or 'all'}."
            who, kind, stands = [name], "server", "cut off"
        does = f"phm {kind} show {name}" if kind in {"server", "instance"} else "phm outage list"
        urgency = Urgency.HAND if who else Urgency.WATCH
        word = f"{stands} for {length(now - alarm.raised_at)}"
        lines.append(Line(named(name), word, clipped(told), urgency, does, at=alarm.raised_at))
    return lines


def _budgets(owed: Mapping[str, Served], outages: Iterable[Outage], now: datetime) -> list[Line]:
    """The instances that have used up much of what they may be down this year, by the outages on record."""
    year = day_of(now).year
    begins, ends = year_bounds(year)
    down: defaultdict[str, timedelta] = defaultdict(timedelta)
    for row in outages:
        if row.cause != Cause.SUSPENDED and row.instance_name in owed:
            down[row.instance_name] += (row.ended_at or now) - max(row.began_at, begins)
    lines = []
    for name, lost in down.items():
        parts = owed_in(owed[name].owed, year)
        budget = sum((((one.until or ends) - one.since) * one.may_be_down for one in parts), timedelta(0))
        urgency = board_rules.of_budget(lost, budget)
        if urgency is not Urgency.CALM:
            told = f"Down for {length(lost)} this year; {length(budget)} are borne."
            lines.append(Line(name, "budget", told, urgency, f"phm availability {name}"))
    return lines


def _unmeasured(session: Session, owed: Mapping[str, Served], now: datetime) -> list[Line]:
    """The instances of which too much of this month or the last was not measured, by the days that are counted."""
    this = day_of(now).replace(day=1)
    last = (this - ONE_DAY).replace(day=1)
    lines = []
    for month, following in ((last, this), (this, months_after(this, 1))):
        lost, up, down = (
            func.sum(one)
            for one in (AvailabilityDay.unmeasured_seconds, AvailabilityDay.up_seconds, AvailabilityDay.down_seconds)
        )
        query = select(AvailabilityDay.instance_name, lost, up, down).group_by(AvailabilityDay.instance_name)
        days = AvailabilityDay.day >= month, AvailabilityDay.day < following
        whole = (start_of(following) - start_of(month)).total_seconds() if month == this else 0.0  # of what is to come
        for name, gap, *rest in session.execute(query.where(*days).having(lost > 0)):
            share = 100 * gap / max(gap + sum(rest), whole)
            if name in owed and share > owed[name].unmeasured_most:
                told = f"{share:.1f} % of {month:%B %Y} were not measured: no probe has a result."
                lines.append(Line(name, "not measured", told, Urgency.WATCH, f"phm availability {name}"))
    return lines


def _from_outside_alone(session: Session, now: datetime) -> list[Line]:
    """The servers whose instances were asked at their location lately, and are now from outside alone."""
    last: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    query = select(Instance.server_name, ProbeSpan.vantage, func.max(ProbeSpan.until))
    query = query.join(Instance, Instance.name == ProbeSpan.instance_name).where(Instance.state.in_(BACKED_UP))
    query = query.where(ProbeSpan.until > now - LATELY).group_by(Instance.server_name, ProbeSpan.vantage)
    for server, vantage, at in session.execute(query):
        last[server][vantage] = at
    lines = []
    for server, seen in sorted(last.items()):
        here, outside = seen.get(Vantage.LOCATION), seen.get(Vantage.OUTSIDE)
        if here is not None and outside is not None and outside - here > board_rules.LOCATION_WITHIN:
            told = f"Nothing on it was asked at its location since {clock(here)}; what is seen from outside decides."
            lines.append(Line(server, "from outside alone", told, Urgency.WATCH, "phm server list", at=here))
    return lines


def _ending(row: Ending, now: datetime) -> Line:
    """A contract that ends."""
    state = EndState(row.state)
    told = f"Ends on {row.ends_on}; kept for {counted(row.kept_days, 'day')} after it."
    if row.hold_by:
        told += f" Held by {named(row.hold_by)}: {row.hold_why}."
    if row.owed_since:
        told += f" Not deleted everywhere since {ago(row.owed_since, now)}."
    urgency = board_rules.of_ending(owed=row.owed_since is not None, held=bool(row.hold_by), finding=row.finding)
    told = clipped(f"{told} {row.finding}")
    does = f"phm end status {row.instance_name}"
    at = row.deleting_at or row.ended_at or row.asked_at
    return Line(row.instance_name, state.value.replace("_", " "), told, urgency, does, at=at)


def _export(row: Export, now: datetime) -> Line:
    """An export on its way, or ready for the customer."""
    ready = row.state == ExportState.READY
    until = f"Ready, to be fetched until {clock(row.ends_at)}." if ready and row.ends_at else "It is being made."
    told = clipped(f"Asked for {ago(row.asked_at, now)}. {until} {row.finding}")
    urgency = board_rules.of_export(ready=ready, asked_at=row.asked_at, now=now)
    word = "export ready" if ready else "export"
    return Line(row.instance_name, word, told, urgency, f"phm export status {row.id}", at=row.asked_at)


def _suspension(row: Suspension, now: datetime) -> Line:
    """An instance that is closed for its users, or is to be, or is to be opened again."""
    on_its_way = row.closed_at is None or row.ends_asked_at is not None
    since = row.ends_asked_at or row.asked_at
    word = "to be opened" if row.ends_asked_at else "suspended" if row.closed_at else "to be suspended"
    told = clipped(f"By {named(row.by)} {ago(row.asked_at, now)}, {row.cause}: {row.because}.")
    urgency = board_rules.of_suspension(on_its_way=on_its_way, since=since, now=now)
    return Line(row.instance_name, word, told, urgency, f"phm instance show {row.instance_name}", at=since)


def _arrears(row: Arrears) -> Line:
    """A rent that is overdue."""
    told = f"Since {clock(row.begun_at)}."
    if row.held_by:
        told += f" Held until {row.held_until} by {named(row.held_by)}: {row.held_why}."
    elif row.suspends_at:
        told += f" To be suspended from {clock(row.suspends_at)}."
    does = f"phm rent show {row.order_reference}"
    return Line(row.order_reference, "rent overdue", clipped(told), Urgency.CALM, does, at=row.begun_at)
