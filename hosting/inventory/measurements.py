"""What instances store, as it was measured: the history, and what their customers have to be told (P04, P07)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select

from hosting.inventory import cases
from hosting.inventory.bookings import locked_row
from hosting.inventory.deeds import SERVICE, deeds_of, record
from hosting.inventory.instances import subject_of
from hosting.inventory.models import Instance, Measurement
from hosting.policy.quota import Use, warning
from hosting.policy.states import InstanceState
from hosting.policy.storage_forecast import Sample

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

WARNED = "storage threshold reached"
EASED = "storage use eased"
MORE_USERS = "more users than accounts"
USERS_FIT = "users fit the accounts again"


@dataclass(frozen=True)
class MeasuredFacts:
    """What an instance stored at a moment.

    Args:
        users: how many its database held.
        pool_gib: what was booked then.
        by_user: bytes of mail and of files by user's name, as the product's own sums tell them.
    """

    instance_name: str
    server_name: str
    at: datetime
    use: Use
    users: int
    pool_gib: int
    by_user: Mapping[str, Any] = field(default_factory=dict)

    @property
    def per_mille(self) -> int:
        """How much of the pool was used."""
        return self.use.per_mille(self.pool_gib)


def record_measured(session: Session, measured: MeasuredFacts) -> MeasuredFacts:
    """Keep a measurement, and what has to be told about it: a threshold once, more users than accounts once.

    Args:
        session: of the transaction.
        measured: as measured; the pool is taken from the instance, whatever it says.

    Raises:
        UnknownInstance: no instance has this name.
    """
    instance = locked_row(session, measured.instance_name)
    row = Measurement(
        instance_name=measured.instance_name,
        server_name=measured.server_name,
        at=measured.at,
        database_bytes=measured.use.database_bytes,
        files_bytes=measured.use.files_bytes,
        users=measured.users,
        pool_gib=instance.storage_gib,
        by_user=dict(measured.by_user),
    )
    session.add(row)
    session.flush()
    kept = facts_of(row)
    _tell_use(session, kept)
    _tell_users(session, kept, instance.accounts)
    return kept


def last_measured(session: Session, instance: str) -> MeasuredFacts | None:
    """The newest measurement of an instance, None if there is none."""
    query = select(Measurement).where(Measurement.instance_name == instance)
    row = session.scalars(query.order_by(Measurement.at.desc(), Measurement.id.desc()).limit(1)).first()
    return None if row is None else facts_of(row)


def all_last_measured(session: Session) -> dict[str, MeasuredFacts]:
    """The newest measurement of each instance, by its name."""
    newest = select(Measurement.instance_name, func.max(Measurement.id)).group_by(Measurement.instance_name)
    ids = [number for _, number in session.execute(newest).all()]
    rows = session.scalars(select(Measurement).where(Measurement.id.in_(ids))).all()
    return {row.instance_name: facts_of(row) for row in rows}


def measured_since(session: Session, instance: str, since: datetime) -> list[MeasuredFacts]:
    """The measurements of an instance since a moment, the oldest first."""
    query = select(Measurement).where(Measurement.instance_name == instance, Measurement.at >= since)
    return [facts_of(row) for row in session.scalars(query.order_by(Measurement.at, Measurement.id))]


def used_by_day(session: Session, server: str, since: datetime) -> list[Sample]:
    """What the instances that a server has now stored together, once for each day of which all of them are known.

    An instance that came later counts with its first figure before: its coming is no growth.
    """
    living = Instance.state.in_([InstanceState.ACTIVE, InstanceState.SUSPENDED])
    names = session.scalars(select(Instance.name).where(Instance.server_name == server, living)).all()
    histories = {name: samples for name in names if (samples := _samples(session, name, since))}
    moments = sorted({sample.at for samples in histories.values() for sample in samples})
    last_of_day = {f"{at:%Y-%m-%d}": at for at in moments}
    return [Sample(at, sum(_used_at(samples, at) for samples in histories.values())) for at in last_of_day.values()]


def forget_measured(session: Session, before: datetime) -> int:
    """Drop the measurements from before a moment, and say how many; what was told about them stays in the record."""
    rows = session.scalars(select(Measurement.id).where(Measurement.at < before)).all()
    session.execute(delete(Measurement).where(Measurement.at < before))
    return len(rows)


def facts_of(row: Measurement) -> MeasuredFacts:
    """The row, frozen."""
    use = Use(row.database_bytes, row.files_bytes)
    return MeasuredFacts(row.instance_name, row.server_name, row.at, use, row.users, row.pool_gib, row.by_user)


def _samples(session: Session, instance: str, since: datetime) -> list[Sample]:
    """What an instance used since a moment, the oldest first."""
    return [Sample(one.at, one.use.used_bytes) for one in measured_since(session, instance, since)]


def _used_at(samples: list[Sample], at: datetime) -> int:
    """What was used at a moment by the last sample until then, or by the first."""
    until = [sample for sample in samples if sample.at <= at]
    return (until[-1] if until else samples[0]).used_bytes


def _tell_use(session: Session, measured: MeasuredFacts) -> None:
    """A deed where a threshold is reached that was not told since use was well below it; the letter follows it."""
    subject = subject_of(measured.instance_name)
    told = frozenset(_last_evidence(session, subject, WARNED, EASED).get("told", ()))
    found = warning(measured.per_mille, told)
    if found.told == told:
        return
    evidence = {
        "per_mille": measured.per_mille, "threshold": found.tell, "told": sorted(found.told),
        "used_bytes": measured.use.used_bytes, "pool_gib": measured.pool_gib,
    }  # fmt: skip
    what = EASED if found.tell is None else WARNED
    record(session, SERVICE, what, subject, evidence=evidence, now=measured.at)


def _tell_users(session: Session, measured: MeasuredFacts, accounts: int) -> None:
    """More users than accounts are told, and put before a person; nothing is blocked or deleted (P07)."""
    subject, key = subject_of(measured.instance_name), f"more_users:{measured.instance_name}"
    known = _last_evidence(session, subject, MORE_USERS, USERS_FIT)
    before = int(known.get("too_many", 0))
    too_many = max(0, measured.users - accounts)
    if (too_many > 0) == (before > 0):
        return
    evidence = {"users": measured.users, "accounts": accounts, "too_many": too_many, "since": measured.at.isoformat()}
    record(session, SERVICE, MORE_USERS if too_many else USERS_FIT, subject, evidence=evidence, now=measured.at)
    if too_many:
        summary = f"{measured.instance_name} has {measured.users} users; {accounts} accounts are booked."
        key = f"{key}:{measured.at.isoformat()}"
        cases.raise_case(session, key, "more_users", subject, summary, facts=evidence, now=measured.at)
    else:
        why = "There are no more users than accounts any more."
        cases.settle_by_key(session, f"{key}:{known['since']}", SERVICE, why, measured.at)


def _last_evidence(session: Session, subject: str, *what: str) -> Mapping[str, Any]:
    """The evidence of the last deed of these kinds, nothing if there is none."""
    found = [deed for deed in deeds_of(session, subject) if deed.what in what]
    return found[-1].evidence if found else {}
