"""Outages and the alarms about them: found from what probes saw, told once, their causes stated by people (P11)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select

from hosting.errors import Refused
from hosting.inventory.deeds import record
from hosting.inventory.ending_rows import Ending
from hosting.inventory.instances import subject_of
from hosting.inventory.models import Instance
from hosting.inventory.probe_rows import Outage, OutageAlarm
from hosting.policy.outage_alarms import WAY_OUT
from hosting.policy.outage_causes import Cause
from hosting.policy.states import InstanceState
from hosting.policy.values import InstanceName, ServerName

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.outage_alarms import FoundOutage, Raised

STATED = "outage explained"
"""The deed by which a person states the cause of an outage."""

GONE = (InstanceState.CLOSED, InstanceState.ENDED)
"""Nobody is served in these states, and nothing is owed."""

NOT_SEEN = "later results show that it was up"


class UnknownOutage(Refused):
    """No outage has this number."""


@dataclass(frozen=True)
class OutageFacts:
    """An outage as the inventory knows it.

    Args:
        server: that served the instance as it began.
        ended_at: None while it is not known to be over.
        cause_by: who stated the cause; empty where it was found.
        why: what the cause was found from, or the person's reason.
        alarm: the number of the alarm that it is in; None: it was too short for one, or is our own work.
    """

    id: int
    instance: InstanceName
    server: ServerName
    began_at: datetime
    ended_at: datetime | None
    cause: Cause
    cause_by: str
    why: str
    alarm: int | None


@dataclass(frozen=True)
class AlarmFacts:
    """An alarm as the inventory knows it.

    Args:
        subject: `server:app1`, `instance:k3v9`, or `way-out:app1`.
        ended_at: when all that it is about were back; None before.
        told_at: when the operators had their latest letter; None while one is due.
        told_over_at: when they had the one that it is over.
        instances: whom it is about: all who were ever in it; of a way out, which is no outage, who was not reached.
        down: those whose outage in it is still open.
        latest: when the latest outage of each in it began.
    """

    id: int
    subject: str
    raised_at: datetime
    ended_at: datetime | None
    told_at: datetime | None
    told_over_at: datetime | None
    instances: tuple[InstanceName, ...]
    down: tuple[InstanceName, ...] = ()
    latest: Mapping[InstanceName, datetime] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the server or the instance."""
        return self.subject.partition(":")[2]

    @property
    def is_way_out(self) -> bool:
        """Whether it is about a server whose instances are up at their location and not reached from outside."""
        return self.subject.startswith(WAY_OUT)


def record_found(
    session: Session, looked_at: Collection[str], found: Iterable[FoundOutage], looked_from: datetime
) -> None:
    """Keep what a look at instances found: new outages, those that go on, those that are over.

    One that overlaps with an outage on record is that outage: its beginning stays, also where was looked back less
    far. One that is on record as open and is not found any more was none, by results that came later.

    Args:
        session: of the transaction.
        looked_at: the instances.
        found: all their outages since that moment.
        looked_from: no open outage began before it.
    """
    known = _rows_since(session, looked_from, looked_at)
    seen: set[int] = set()
    for one in found:
        rows = known.setdefault(one.instance, [])
        row = next((row for row in rows if _is_same(row, one)), None)
        if row is None:
            row = Outage(instance_name=one.instance, server_name=one.server, began_at=one.began_at, cause_by="")
            session.add(row)
            rows.append(row)
        row.ended_at = one.ended_at
        if not row.cause_by:
            row.cause, row.why = one.cause.value, one.note
        seen.add(id(row))
    for row in (row for rows in known.values() for row in rows):
        if row.ended_at is None and id(row) not in seen:
            row.ended_at, row.why = row.began_at, NOT_SEEN
    session.flush()


def end_outages_of_gone(session: Session, now: datetime) -> None:
    """The open outages of instances whose contract is over end with it: nothing is probed there."""
    ended = select(func.max(Ending.ended_at)).where(Ending.instance_name == Outage.instance_name).scalar_subquery()
    query = select(Outage, ended).join(Instance, Instance.name == Outage.instance_name)
    for row, at in session.execute(query.where(Outage.ended_at.is_(None), Instance.state.in_(GONE))):
        row.ended_at = max(row.began_at, at or now)
    session.flush()


def open_outages(session: Session) -> list[OutageFacts]:
    """The outages that are not known to be over, the first one first."""
    return [_facts(row) for row in session.scalars(select(Outage).where(Outage.ended_at.is_(None)).order_by(Outage.id))]


def outages_between(
    session: Session, since: datetime, until: datetime, instances: Collection[str] | None = None
) -> list[OutageFacts]:
    """The outages that touch a time, the first one first; of all instances where none are named."""
    query = select(Outage).where(Outage.began_at < until, or_(Outage.ended_at.is_(None), Outage.ended_at > since))
    if instances is not None:
        query = query.where(Outage.instance_name.in_(instances))
    return [_facts(row) for row in session.scalars(query.order_by(Outage.began_at, Outage.id))]


def outages_in_alarm(session: Session, number: int) -> list[OutageFacts]:
    """The outages that an alarm is about, the first one first."""
    query = select(Outage).where(Outage.alarm_id == number).order_by(Outage.began_at, Outage.id)
    return [_facts(row) for row in session.scalars(query)]


def state_cause(session: Session, number: int, cause: Cause, *, by: str, why: str, now: datetime) -> OutageFacts:
    """A person states why an outage was; it stays so, whatever is found later.

    Raises:
        UnknownOutage: there is none of this number.
    """
    row = session.get(Outage, number, with_for_update=True, populate_existing=True)
    if row is None:
        raise UnknownOutage(f"There is no outage {number}.", "List them: phm outage list.")
    evidence = {"outage": row.id, "was": row.cause, "cause": cause.value, "began_at": row.began_at.isoformat()}
    row.cause, row.cause_by, row.why = cause.value, by, why
    record(session, by, STATED, subject_of(row.instance_name), why=why, evidence=evidence, now=now)
    session.flush()
    return _facts(row)


def raise_alarms(session: Session, raised: Iterable[Raised], now: datetime) -> list[AlarmFacts]:
    """Alarms as policy decided: new ones, and who joins open ones; each open outage is in one at most."""
    numbers = []
    for one in raised:
        alarm = session.get(OutageAlarm, one.alarm) if one.alarm is not None else None
        if alarm is None:
            unreached = sorted(one.instances) if one.subject.startswith(WAY_OUT) else None
            alarm = OutageAlarm(subject=one.subject, raised_at=now, unreached=unreached)
            session.add(alarm)
            session.flush()
        elif one.again:
            alarm.told_at = None
        rows = select(Outage).where(
            Outage.instance_name.in_(one.instances), Outage.ended_at.is_(None), Outage.alarm_id.is_(None)
        )
        for row in session.scalars(rows):
            row.alarm_id = alarm.id
        numbers.append(alarm.id)
    session.flush()
    return [alarm_facts(session, number) for number in numbers]


def join_open_alarm(session: Session, instance: str, alarm: int) -> None:
    """An instance that fails again before its alarm was over stays in it."""
    query = select(Outage).where(Outage.instance_name == instance, Outage.ended_at.is_(None), Outage.alarm_id.is_(None))
    for row in session.scalars(query):
        row.alarm_id = alarm
    session.flush()


def end_alarm(session: Session, number: int, now: datetime) -> None:
    """All that an alarm is about are back."""
    row = session.get_one(OutageAlarm, number)
    row.ended_at = row.ended_at or now
    session.flush()


def record_told(session: Session, number: int, now: datetime, *, over: bool) -> None:
    """The operators had a letter about an alarm: that it is there, or that it is over."""
    row = session.get_one(OutageAlarm, number)
    if over:
        row.told_over_at = row.told_over_at or now
    else:
        row.told_at = row.told_at or now
    session.flush()


def untold_alarms(session: Session) -> list[AlarmFacts]:
    """The alarms of which the operators have not had both letters, the first one first."""
    query = select(OutageAlarm.id).where(OutageAlarm.told_over_at.is_(None)).order_by(OutageAlarm.id)
    return [alarm_facts(session, number) for number in session.scalars(query).all()]


def open_alarms(session: Session) -> list[AlarmFacts]:
    """The alarms that are not over, the first one first."""
    return [one for one in untold_alarms(session) if one.ended_at is None]


def alarm_facts(session: Session, number: int) -> AlarmFacts:
    """One alarm."""
    row = session.get_one(OutageAlarm, number)
    of_it = outages_in_alarm(session, number)
    latest = {one.instance: one.began_at for one in of_it}
    down = tuple(sorted({one.instance for one in of_it if one.ended_at is None}))
    told = row.raised_at, row.ended_at, row.told_at, row.told_over_at
    return AlarmFacts(row.id, row.subject, *told, tuple(sorted({*latest, *(row.unreached or ())})), down, latest)


def _rows_since(session: Session, since: datetime, names: Collection[str]) -> dict[str, list[Outage]]:
    """The outages on record that touch the time since a moment, by instance."""
    query = select(Outage).where(
        Outage.instance_name.in_(names), or_(Outage.ended_at.is_(None), Outage.ended_at >= since)
    )
    found: dict[str, list[Outage]] = {}
    for row in session.scalars(query.order_by(Outage.began_at)):
        found.setdefault(row.instance_name, []).append(row)
    return found


def _is_same(row: Outage, found: FoundOutage) -> bool:
    """Whether an outage on record and one that was found overlap, or meet."""
    begins_within = row.ended_at is None or found.began_at <= row.ended_at
    return begins_within and (found.ended_at is None or row.began_at <= found.ended_at)


def _facts(row: Outage) -> OutageFacts:
    """The row, frozen."""
    return OutageFacts(
        row.id, InstanceName(row.instance_name), ServerName(row.server_name), row.began_at, row.ended_at,
        Cause(row.cause), row.cause_by, row.why, row.alarm_id,
    )  # fmt: skip
