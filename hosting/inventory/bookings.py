"""What is booked for an instance: its contract, and the bookings whose day has come (P05, P06, P23, P25)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.inventory import cases, work
from hosting.inventory.deeds import SERVICE, record
from hosting.inventory.ending_rows import Ending
from hosting.inventory.instances import instance_facts, subject_of
from hosting.inventory.levels import terms_of
from hosting.inventory.models import Booking, Instance
from hosting.inventory.models import Contract as ContractRow
from hosting.policy.booking_ends import are_due, settle_ends
from hosting.policy.contract import BookingFacts, Contract
from hosting.policy.months import day_of, start_of
from hosting.policy.orders import BookingKind, package_gib
from hosting.policy.states import EndState, InstanceState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.booking_changes import Need
    from hosting.policy.booking_ends import BookingEnd
    from hosting.policy.values import InstanceFacts

ENDED = "booking ended"
RUNS_ON = "booking runs on"
ENDING = (EndState.NOTICED, EndState.ENDED, EndState.REOPENING, EndState.DELETING)
CONTRACT_ENDED = "contract_ended"
"""The kind of the case that a contract is whose day has come: its instance is to be ended by a person."""


def contract_of(session: Session, instance: str) -> Contract:
    """All bookings of an instance, those that are over too, with its terms.

    Raises:
        UnknownInstance: no instance has this name.
    """
    instance_facts(session, instance)
    query = select(ContractRow).join(Instance, Instance.contract_id == ContractRow.id).where(Instance.name == instance)
    contract = session.scalars(query).one()
    rows = session.scalars(select(Booking).where(Booking.contract_id == contract.id).order_by(Booking.id))
    terms = terms_of(session, contract.service_level)
    return Contract(tuple(facts_of(row) for row in rows.all()), terms)


def instances_with_due_ends(session: Session, today: date) -> list[str]:
    """The instances of which a booking's day has come and its end has not taken effect, by name.

    Of one whose contract ends by now its end sees to all of them (`endings`).
    """
    due = Booking.over_at.is_(None) & (Booking.ends_on <= today)
    living = Instance.state.in_([InstanceState.ACTIVE, InstanceState.SUSPENDED])
    query = select(Instance.name).join(Booking, Booking.contract_id == Instance.contract_id)
    ends = Instance.contract_id.in_(select(Ending.contract_id).where(Ending.state.in_(ENDING), Ending.ends_on <= today))
    return list(session.scalars(query.where(due, living, ~ends).distinct().order_by(Instance.name)))


def settle_due_ends(session: Session, instance: str, need: Need, now: datetime) -> list[BookingEnd]:
    """See to all bookings whose day has come: over, or running on since they are needed after all; once each.

    What is booked for the instance follows in the same transaction. A contract whose day has come is put before a
    person, who ends the instance.

    Args:
        session: of the transaction.
        instance: its name.
        need: users and stored bytes, measured now.
        now: the moment.

    Raises:
        UnknownInstance: no instance has this name.
    """
    row = locked_row(session, instance)
    contract, today = contract_of(session, instance), day_of(now)
    ends = settle_ends(contract, today, need)
    with_contract = any(end.booking.kind is BookingKind.BASE for end in ends)
    for end in ends:
        told = {"day": str(contract.end_of(end.booking)), "with_contract": with_contract}
        _settle(session, instance, end, need, now=now, told=told)
    if ends:
        follow_bookings(session, row)
    if with_contract:
        _end_contract(session, row, today, now)
    return ends


def locked_row(session: Session, instance: str) -> Instance:
    """The instance's row, locked until the transaction ends.

    Raises:
        UnknownInstance: no instance has this name.
    """
    instance_facts(session, instance)
    return session.get_one(Instance, instance, with_for_update=True, populate_existing=True)


def follow_bookings(session: Session, row: Instance) -> None:
    """Let what the instance has follow from what is booked; one whose contract is over keeps it until it is ended."""
    session.flush()
    contract = contract_of(session, row.name)
    if contract.base is not None:
        booked = contract.booked()
        row.accounts, row.storage_gib = booked.accounts, booked.pool_gib
    session.flush()


def ask_for_ends(session: Session, instance: str, days: Iterable[date], by: str, now: datetime) -> None:
    """Ask for the work of each of these days: what is cancelled for it is looked at again, at its beginning."""
    for day in sorted(set(days)):
        work.ask_for(session, work.CHANGE_BOOKING, work_subject(instance, day), start_of(day), by=by, now=now)


def work_subject(instance: str, day: date) -> str:
    """What the work of an instance's bookings on a day is called."""
    return f"{instance}@{day}"


def due_ends(session: Session, instance: str, today: date) -> list[BookingFacts]:
    """The bookings of an instance whose day has come."""
    return are_due(contract_of(session, instance), today)


def facts_of(row: Booking) -> BookingFacts:
    """The row, frozen."""
    return BookingFacts(
        id=row.id,
        kind=BookingKind(row.kind),
        booked_on=row.booked_on,
        minimum_months=row.minimum_months,
        gib=package_gib(row.detail) if row.kind == BookingKind.STORAGE else 0,
        ends_on=row.ends_on,
        is_over=row.over_at is not None,
    )


def _settle(
    session: Session, instance: str, end: BookingEnd, need: Need, *, now: datetime, told: dict[str, Any]
) -> None:
    """One booking over, or running on."""
    row = session.get_one(Booking, end.booking.id, with_for_update=True, populate_existing=True)
    evidence = {"booking": row.id, "kind": row.kind, "users": need.users, "used_bytes": need.used_bytes, **told}
    if end.refusal is None:
        row.ends_on, row.over_at = date.fromisoformat(told["day"]), now
        row.cancelled_at = row.cancelled_at or now
        record(session, SERVICE, ENDED, subject_of(instance), evidence=evidence, now=now)
        return
    row.ends_on = row.cancelled_at = None
    record(session, SERVICE, RUNS_ON, subject_of(instance), why=str(end.refusal), evidence=evidence, now=now)
    summary = f"{instance}: a cancelled {row.kind} did not end on {told['day']} and runs on. {end.refusal}"
    key = f"booking_runs_on:{row.id}:{told['day']}"
    cases.raise_case(session, key, "booking_runs_on", subject_of(instance), summary, facts=evidence, now=now)


def _end_contract(session: Session, row: Instance, today: date, now: datetime) -> None:
    """The contract is over; its instance waits for a person."""
    contract = session.get_one(ContractRow, row.contract_id)
    contract.ends_on = contract.ends_on or today
    summary = f"The contract of {row.name} ended on {contract.ends_on}; the instance still runs on {row.server_name}."
    key, facts = f"{CONTRACT_ENDED}:{contract.id}", {"contract": contract.id, "server": row.server_name}
    cases.raise_case(session, key, CONTRACT_ENDED, subject_of(row.name), summary, facts=facts, now=now)


def instances_served(session: Session, server: str | None = None) -> list[InstanceFacts]:
    """The instances that are open or suspended, of one server or of all, by name."""
    query = select(Instance.name).where(Instance.state.in_([InstanceState.ACTIVE, InstanceState.SUSPENDED]))
    if server is not None:
        query = query.where(Instance.server_name == server)
    return [instance_facts(session, name) for name in session.scalars(query.order_by(Instance.name)).all()]
