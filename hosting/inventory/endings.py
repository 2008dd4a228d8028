"""Contracts that end: given notice of, closed, kept, deleted, or called off until then (P05, P41).

Each is one row that leads its runs: they read how far it is, and never go by what they remember.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import bookings, cases, exports, names, work
from hosting.inventory.deeds import SERVICE, record
from hosting.inventory.ending_rows import Ending
from hosting.inventory.instances import instance_facts, subject_of
from hosting.inventory.models import Booking, Contract, Instance
from hosting.policy.leaving import EndFacts, check_may_delete, end_day
from hosting.policy.months import day_of
from hosting.policy.orders import BookingKind
from hosting.policy.states import EndState, InstanceState, WorkState, step
from hosting.policy.terms import STANDARD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import NameFacts

NOTICED = "notice given"
ENDED = "contract ended"
CALLED_OFF = "end called off"
DELETED = "instance deleted"
NOT_CLEARED = "not cleared"
"""The kind of the case that a deletion is which could not clear a place for days."""

OPEN = (EndState.NOTICED, EndState.ENDED, EndState.REOPENING, EndState.DELETING)
SERVED = frozenset({InstanceState.ACTIVE, InstanceState.SUSPENDED})


class NoEnding(Refused):
    """Nobody has given notice of the contract."""

    def __init__(self, instance: str) -> None:
        super().__init__(f"Nobody has given notice of the contract of {instance}.", f"To give it: phm end {instance} …")


class NotServed(Refused):
    """The instance is not open: there is no contract that could be given notice of."""


class TooLate(Refused):
    """The deletion has begun: what is gone does not come back."""

    def __init__(self, instance: str, state: EndState) -> None:
        said = "is deleted" if state is EndState.DELETED else "is being deleted"
        super().__init__(f"{instance} {said}; that can't be undone.", f"See what is gone: phm end record {instance}.")


def give_notice(session: Session, instance: str, wanted: date | None, *, by: str, why: str, now: datetime) -> EndFacts:
    """The contract ends on a day, with all that is booked under it.

    Args:
        session: of the transaction.
        instance: its name.
        wanted: the day; None: the earliest one.
        by: who gave notice, or took it.
        why: in one sentence.
        now: the moment.

    Raises:
        UnknownInstance: no instance has this name.
        NotServed: it isn't open yet, or not any more.
        ContractOver, AlreadyCancelled, EndsTooEarly: as `end_day`.
    """
    row = bookings.locked_row(session, instance)
    day = day_meant(session, instance, wanted, now)
    contract = bookings.contract_of(session, instance)
    if contract.base is not None:
        base = session.get_one(Booking, contract.base.id, with_for_update=True, populate_existing=True)
        base.ends_on, base.cancelled_at = day, now
    session.flush()
    return begin(session, row, day, by=by, why=why, now=now)


def day_meant(session: Session, instance: str, wanted: date | None, now: datetime) -> date:
    """The day on which the contract would end; nothing is changed by asking, and it raises as `give_notice`."""
    facts = instance_facts(session, instance)
    if facts.state not in SERVED:
        message = f"Instance {instance} is {facts.state}."
        raise NotServed(message, "Notice is given of the contract of an instance that is open.")
    return end_day(bookings.contract_of(session, instance), day_of(now), wanted)


def begin(session: Session, row: Instance, day: date, *, by: str, why: str, now: datetime) -> EndFacts:
    """The base is cancelled for a day: from now on the instance is on its way out, with a run for each step."""
    made = Ending(
        instance_name=row.name, contract_id=row.contract_id, state=EndState.NOTICED, ends_on=day,
        kept_days=bookings.contract_of(session, row.name).terms.ended_kept_days, was=row.state, asked_by=by, why=why,
        asked_at=now, reminded=[], names=[], hold_by="", hold_why="", finding="",
    )  # fmt: skip
    session.add(made)
    session.flush()
    evidence = {"contract": row.contract_id, "ends_on": str(day), "kept_days": made.kept_days}
    record(session, by, NOTICED, subject_of(row.name), why=why, evidence=evidence, now=now)
    found = facts_of(made)
    work.ask_for(session, work.END_CONTRACT, found.work_subject, now, by=by, now=now)
    return found


def open_ending(session: Session, instance: str) -> EndFacts | None:
    """The end of an instance's contract that is under way; None: it runs on, or all is deleted."""
    query = select(Ending).where(Ending.instance_name == instance, Ending.state.in_(OPEN)).order_by(Ending.id.desc())
    row = session.scalars(query).first()
    return None if row is None else facts_of(row)


def last_ending(session: Session, instance: str) -> EndFacts:
    """The newest end of an instance's contract, whatever became of it.

    Raises:
        NoEnding: nobody ever gave notice.
    """
    found = any_ending(session, instance)
    if found is None:
        raise NoEnding(instance)
    return found


def any_ending(session: Session, instance: str) -> EndFacts | None:
    """The same, None where nobody ever gave notice."""
    row = session.scalars(select(Ending).where(Ending.instance_name == instance).order_by(Ending.id.desc())).first()
    return None if row is None else facts_of(row)


def names_held(session: Session, instance: str) -> tuple[dict[str, Any], ...]:
    """The names of which the zone may tell something: those that it had when it ended, else those that it has."""
    row = session.scalars(select(Ending).where(Ending.instance_name == instance, Ending.state.in_(OPEN))).first()
    if row is not None and row.names:
        return tuple(row.names)
    return tuple(told_of(one) for one in names.names_of(session, instance))


def told_of(name: NameFacts) -> dict[str, Any]:
    """A name as the end keeps it."""
    return {"kind": name.kind.value, "a_label": name.a_label, "as_ordered": name.as_ordered}


def ending_facts(session: Session, number: int) -> EndFacts:
    """One of them."""
    return facts_of(session.get_one(Ending, number, populate_existing=True))


def all_endings(session: Session, *states: EndState) -> list[EndFacts]:
    """The ends of contracts in these states, or all that are under way, the first to come first."""
    query = select(Ending).where(Ending.state.in_(states or OPEN)).order_by(Ending.ends_on, Ending.id)
    return [facts_of(row) for row in session.scalars(query)]


def record_reminded(session: Session, number: int, days: Sequence[int]) -> None:
    """The customer was reminded for so many days ahead, and is not for those any more."""
    row = locked(session, number)
    row.reminded = sorted({*row.reminded, *days}, reverse=True)
    session.flush()


def record_point(session: Session, number: int, at: datetime) -> None:
    """The last recovery point was taken."""
    locked(session, number).point_at = at
    session.flush()


def record_names(session: Session, number: int, held: Sequence[NameFacts]) -> None:
    """The names that the instance has when it ends, to give them back if the end is called off; kept once."""
    row = locked(session, number)
    if not row.names:
        row.names = [told_of(one) for one in held]
    session.flush()


def record_ended(session: Session, number: int, evidence: dict[str, Any], now: datetime) -> EndFacts:
    """Nobody is served any more, and nothing is booked: the instance is kept for its days from now on; once."""
    row = locked(session, number)
    if row.state != EndState.NOTICED:
        return facts_of(row)
    instance = bookings.locked_row(session, row.instance_name)
    row.was, row.ended_at, row.finding = instance.state, now, ""
    row.state = step(EndState(row.state), EndState.ENDED)
    instance.state = step(InstanceState(instance.state), InstanceState.CLOSED)
    session.get_one(Contract, row.contract_id).ends_on = row.ends_on
    for one in session.scalars(
        select(Booking).where(Booking.contract_id == row.contract_id, Booking.over_at.is_(None))
    ):
        one.ends_on, one.over_at = one.ends_on or row.ends_on, now
    key, told = f"{bookings.CONTRACT_ENDED}:{row.contract_id}", "Its instance is closed."
    cases.settle_by_key(session, key, SERVICE, told, now)
    _cancel_booking_work(session, row.instance_name)
    session.flush()
    kept = {"contract": row.contract_id, "ends_on": str(row.ends_on), "delete_on": str(facts_of(row).delete_on)}
    record(session, SERVICE, ENDED, subject_of(row.instance_name), evidence={**kept, **evidence}, now=now)
    return facts_of(row)


def hold(session: Session, instance: str, *, by: str, why: str, now: datetime) -> EndFacts:
    """Nothing is deleted until the hold is over.

    Raises:
        NoEnding: nobody has given notice.
        TooLate: its deletion has begun.
    """
    row = locked(session, last_ending(session, instance).id)
    if row.state in {EndState.DELETING, EndState.DELETED}:
        raise TooLate(instance, EndState(row.state))
    row.hold_by, row.hold_why, row.held_at = by, why, now
    record(session, by, "deletion held", subject_of(instance), why=why, now=now)
    return facts_of(row)


def unhold(session: Session, instance: str, *, by: str, why: str, now: datetime) -> EndFacts:
    """The hold is over; what is due is done at once.

    Raises:
        NoEnding: nobody has given notice.
    """
    row = locked(session, last_ending(session, instance).id)
    if row.hold_by:
        row.hold_by, row.hold_why, row.held_at = "", "", None
        record(session, by, "deletion no longer held", subject_of(instance), why=why, now=now)
        ask_again(session, facts_of(row), now)
    return facts_of(row)


def begin_deleting(session: Session, number: int, now: datetime) -> EndFacts:
    """From here on there is only forward; asked again by every run, and refused as `check_may_delete` does."""
    row = locked(session, number)
    check_may_delete(facts_of(row), InstanceState(bookings.locked_row(session, row.instance_name).state), now)
    row.state, row.deleting_at = step(EndState(row.state), EndState.DELETING), row.deleting_at or now
    exports.call_off_all(session, row.instance_name, "The instance is deleted.", now)
    session.flush()
    return facts_of(row)


def record_owed(session: Session, number: int, finding: str, now: datetime) -> EndFacts:
    """Some place could not be cleared: it is tried again, and after some days told to a person."""
    row = locked(session, number)
    row.owed_since, row.finding = row.owed_since or now, finding
    session.flush()
    if (now - row.owed_since).days >= STANDARD.home_silent_days:
        summary = f"{row.instance_name} is to be deleted. {finding} It is tried again each hour, until it is done."
        subject, facts = subject_of(row.instance_name), {"contract": row.contract_id}
        cases.raise_case(session, case_key(number), NOT_CLEARED, subject, summary, facts=facts, now=now)
    return facts_of(row)


def record_finding(session: Session, number: int, finding: str) -> None:
    """Why a step did not come through, in one sentence."""
    locked(session, number).finding = finding
    session.flush()


def ask_again(session: Session, end: EndFacts, at: datetime) -> None:
    """The end has a run at a moment, whatever became of the one before."""
    found = work.work_of(session, work.END_CONTRACT, end.work_subject)
    if found is None or found.state is WorkState.FAILED:
        work.ask_for(session, work.END_CONTRACT, end.work_subject, at, by=SERVICE, now=at)
    elif found.state not in work.ENDS:
        work.reschedule(session, found.id, at)


def without_work(session: Session) -> list[EndFacts]:
    """The ends under way that nothing was asked for: a net under the net."""
    return [one for one in all_endings(session) if work.work_of(session, work.END_CONTRACT, one.work_subject) is None]


def without_end(session: Session) -> list[str]:
    """Instances that are served and whose base is cancelled, or over, with no end on record, as from before."""
    ends = select(Ending.contract_id).where(Ending.state.in_(OPEN))
    query = select(Instance.name).join(Booking, Booking.contract_id == Instance.contract_id)
    query = query.where(Booking.kind == BookingKind.BASE, Booking.ends_on.is_not(None), Instance.state.in_(SERVED))
    return list(session.scalars(query.where(Instance.contract_id.not_in(ends)).order_by(Instance.name)))


def begin_late(session: Session, instance: str, now: datetime) -> EndFacts:
    """The end of a contract that was cancelled without one; raises as `give_notice`."""
    row = bookings.locked_row(session, instance)
    query = select(Booking.ends_on).where(Booking.contract_id == row.contract_id, Booking.kind == BookingKind.BASE)
    day = session.scalars(query).one() or day_of(now)
    return begin(session, row, day, by=SERVICE, why="Its base was cancelled.", now=now)


def case_key(number: int) -> str:
    """The key of the case of a deletion that is owed."""
    return f"ending:{number}:owed"


def locked(session: Session, number: int) -> Ending:
    """The row of a number, locked."""
    return session.get_one(Ending, number, with_for_update=True, populate_existing=True)


def facts_of(row: Ending) -> EndFacts:
    """The row, frozen."""
    return EndFacts(
        row.id, row.instance_name, row.contract_id, EndState(row.state), row.ends_on, row.kept_days,
        InstanceState(row.was), row.asked_by, row.why, row.asked_at, tuple(row.reminded), row.point_at, row.ended_at,
        tuple(row.names), row.hold_by, row.hold_why, row.deleting_at, row.deleted_at, row.called_off_at,
        row.owed_since, row.finding,
    )  # fmt: skip


def _cancel_booking_work(session: Session, instance: str) -> None:
    """What was to be looked at about its bookings needs nobody any more."""
    for one in work.work_in(session, WorkState.OPEN, WorkState.DISPATCHED, WorkState.FAILED):
        if one.kind == work.CHANGE_BOOKING and one.subject.replace("#", "@").partition("@")[0] == instance:
            work.cancel(session, one.kind, one.subject, "Its contract is over.")
