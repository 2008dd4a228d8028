"""What instances store, as it was measured: the history, and what their customers have to be told (P04, P07)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select

from hosting.inventory import cases, servers
from hosting.inventory.bookings import locked_row
from hosting.inventory.deeds import SERVICE, deeds_of, record
from hosting.inventory.instances import subject_of
from hosting.inventory.models import Instance, Measurement
from hosting.policy.quota import Use, at_the_fence, warning, without_fence
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
AT_FENCE = "files at the kernel's limit"
BELOW_FENCE = "files below the kernel's limit again"
BEYOND = "files beyond what is booked"
WITHIN = "files within what is booked again"


@dataclass(frozen=True)
class MeasuredFacts:
    """What an instance stored at a moment.

    Args:
        users: how many its database held.
        pool_gib: what was booked then.
        by_user: bytes of mail and of files by user's name, as the product's own sums tell them.
        free_bytes: what of the database's files was free, and does not count.
    """

    instance_name: str
    server_name: str
    at: datetime
    use: Use
    users: int
    pool_gib: int
    by_user: Mapping[str, Any] = field(default_factory=dict)
    free_bytes: int = 0

    @property
    def per_mille(self) -> int:
        """How much of the pool was used."""
        return self.use.per_mille(self.pool_gib)

    def use_by(self, database_file_bytes: int, files_bytes: int | None) -> Use:
        """What is stored by a later look: what was free in the database's files is taken to be free still.

        Args:
            database_file_bytes: the sizes of the database's files then.
            files_bytes: of all other files; None where they were not counted.
        """
        known = self.use.files_bytes if files_bytes is None else files_bytes
        return Use(max(0, database_file_bytes - self.free_bytes), known)


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
        free_bytes=measured.free_bytes,
        users=measured.users,
        pool_gib=instance.storage_gib,
        by_user=dict(measured.by_user),
    )
    session.add(row)
    session.flush()
    kept = facts_of(row)
    _tell_use(session, kept)
    _tell_users(session, kept, instance.accounts)
    _tell_fence(session, kept)
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
    return MeasuredFacts(
        row.instance_name, row.server_name, row.at, use, row.users, row.pool_gib, row.by_user, row.free_bytes
    )


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
    too_many = max(0, measured.users - accounts)
    told = Matter(
        "more_users", MORE_USERS, USERS_FIT,
        {"users": measured.users, "accounts": accounts, "too_many": too_many},
        f"{measured.instance_name} has {measured.users} users; {accounts} accounts are booked.",
        "There are no more users than accounts any more.",
    )  # fmt: skip
    _tell_once(session, measured, told, found=too_many > 0)


def _tell_fence(session: Session, measured: MeasuredFacts) -> None:
    """Where the kernel refuses what is written, something may be missing: a person learns of it (P04).

    Where it keeps no limits nothing is refused at that line, and nothing stops what goes on beyond it.
    """
    use, pool = measured.use, measured.pool_gib
    evidence = {"used_bytes": use.used_bytes, "files_bytes": use.files_bytes, "pool_gib": pool}
    refused = Matter(
        "writes_refused", AT_FENCE, BELOW_FENCE, evidence,
        f"The files of {measured.instance_name} are at the kernel's limit: what is written there now fails.",
        "There is room below the limit again.",
    )  # fmt: skip
    unstopped = Matter(
        "beyond_booking", BEYOND, WITHIN, evidence,
        f"{measured.instance_name} stores more than is booked. {without_fence(measured.server_name)}",
        "It is within what is booked again, or where the kernel keeps limits.",
    )  # fmt: skip
    has_fence = not servers.server_facts(session, measured.server_name).has_no_limits
    _tell_once(session, measured, refused, found=has_fence and at_the_fence(use, pool))
    _tell_once(session, measured, unstopped, found=not has_fence and at_the_fence(use, pool))


@dataclass(frozen=True)
class Matter:
    """What a measurement may find, and a person has to know as long as it is so.

    Args:
        kind: the case's.
        began: the deed that tells that it is so.
        ended: the deed that tells that it is so no more.
        evidence: of either deed.
        summary: of the case.
        settled: why the case is settled.
    """

    kind: str
    began: str
    ended: str
    evidence: Mapping[str, Any]
    summary: str
    settled: str


def _tell_once(session: Session, measured: MeasuredFacts, told: Matter, *, found: bool) -> None:
    """A deed and a case when it begins to be so; a deed when it ends, which settles the case."""
    subject, key = subject_of(measured.instance_name), f"{told.kind}:{measured.instance_name}"
    last = [deed for deed in deeds_of(session, subject) if deed.what in {told.began, told.ended}][-1:]
    since = str(last[0].evidence["since"]) if last and last[0].what == told.began else ""
    if found == bool(since):
        return
    evidence = {**told.evidence, "since": measured.at.isoformat()}
    record(session, SERVICE, told.began if found else told.ended, subject, evidence=evidence, now=measured.at)
    if found:
        key = f"{key}:{measured.at.isoformat()}"
        cases.raise_case(session, key, told.kind, subject, told.summary, facts=evidence, now=measured.at)
    else:
        cases.settle_by_key(session, f"{key}:{since}", SERVICE, told.settled, measured.at)


def _last_evidence(session: Session, subject: str, *what: str) -> Mapping[str, Any]:
    """The evidence of the last deed of these kinds, nothing if there is none."""
    found = [deed for deed in deeds_of(session, subject) if deed.what in what]
    return found[-1].evidence if found else {}
