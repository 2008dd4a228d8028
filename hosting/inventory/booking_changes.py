"""Wishes to change what is booked: recorded when asked for, then accepted or refused, once (P05 to P07, P23, P25).

A wish is a record before anything is done about it; what it changes, the instance's room and the deed are one
transaction with all servers locked, so that bookings that come at once can't overbook.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import called_off_ends, cases, endings, instances, room_wishes, servers, work
from hosting.inventory.bookings import ask_for_ends, contract_of, follow_bookings, locked_row
from hosting.inventory.deeds import record
from hosting.inventory.instances import subject_of
from hosting.inventory.models import Booking, BookingChange, Instance
from hosting.inventory.room_wishes import NO_ROOM
from hosting.policy.booking_changes import Change, ChangeKind, Preview, preview
from hosting.policy.months import day_of
from hosting.policy.orders import BookingKind
from hosting.policy.placement import MoveNeeded, NoServerHasRoom, server_for_growth
from hosting.policy.states import ChangeState, InstanceState, step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.booking_changes import Need
    from hosting.policy.values import InstanceName, ServerFacts

CHANGED = "booking changed"
"""The deed that a customer gets a confirmation of."""

REFUSED = "booking change refused"

TOLD_BY_ITS_END = "told_by_its_end"
"""The entry of a change's facts by which no letter of its own follows: the end of the contract has its letters."""

AFTER_THE_RUN = timedelta(minutes=10)
"""A change that the run by which it was asked for does not bring to its end becomes a run of its own after so long."""

OPEN_FOR_CHANGES = frozenset({InstanceState.ACTIVE, InstanceState.SUSPENDED})


class UnknownChange(Refused):
    """No change has this number."""


class NotOpen(Refused):
    """What is booked for an instance can be changed once it is open, and until it has ended."""


@dataclass(frozen=True)
class ChangeFacts:
    """A wish to change what is booked, as the inventory knows it."""

    id: int
    instance_name: InstanceName
    change: Change
    asked_by: str
    why: str
    asked_at: datetime
    state: ChangeState
    finding: str
    decided_at: datetime | None
    facts: Mapping[str, Any]

    @property
    def work_subject(self) -> str:
        """What the work of this change is called."""
        return f"{self.instance_name}#{self.id}"


@dataclass(frozen=True)
class Meaning:
    """What a change would mean: for the contract, and for the servers.

    Args:
        server: where the instance has the room then; another one than its own means a move (P24).
    """

    preview: Preview
    here: ServerFacts
    server: ServerFacts

    @property
    def needs_move(self) -> bool:
        """Whether its server lacks the room."""
        return self.server.name != self.here.name


def meaning_of(session: Session, instance: str, change: Change, need: Need, now: datetime) -> Meaning:
    """What a change would mean now; nothing is changed by asking.

    Raises:
        UnknownInstance: no instance has this name.
        NotOpen: it isn't open yet, or has ended.
        ChangeRefused: one class for each reason.
        NoServerHasRoom: what would be booked fits nowhere.
    """
    facts = instances.instance_facts(session, instance)
    if facts.state not in OPEN_FOR_CHANGES:
        message = f"Instance {instance} is {facts.state}."
        raise NotOpen(message, "What is booked is changed once it is open, and until it has ended.")
    known = servers.all_servers(session)
    here = next(one for one in known if one.name == facts.server_name)
    meant = preview(contract_of(session, instance), change, day_of(now), need)
    there = server_for_growth(meant.extra_gib, meant.after.pool_gib, here, known) if meant.extra_gib > 0 else here
    return Meaning(meant, here, there)


def ask_for_change(session: Session, instance: str, change: Change, *, by: str, why: str, now: datetime) -> ChangeFacts:
    """Record a wish, with the work that brings it to its end if the run that it is made for does not.

    Nothing is changed by it yet.

    Raises:
        UnknownInstance: no instance has this name.
    """
    instances.instance_facts(session, instance)
    row = BookingChange(
        instance_name=instance,
        kind=change.kind,
        amount=change.amount,
        booking_id=change.booking,
        asked_by=by,
        why=why,
        asked_at=now,
        state=ChangeState.OPEN,
        finding="",
        facts={},
    )
    session.add(row)
    session.flush()
    made = facts_of(row)
    work.ask_for(session, work.CHANGE_BOOKING, made.work_subject, now + AFTER_THE_RUN, by=by, now=now)
    return made


def decide_change(session: Session, number: int, need: Need, now: datetime) -> ChangeFacts:
    """Make a change that was wished for, or refuse it with the reason; once, however often it is asked for.

    Args:
        session: of the transaction.
        number: of the change.
        need: users and stored bytes of the instance, measured now.
        now: the moment, from whose day on it counts.

    Raises:
        UnknownChange: no change has this number.
    """
    servers.lock_servers(session)
    row = _numbered(session, number)
    instance = locked_row(session, row.instance_name)
    if row.state != ChangeState.OPEN:
        return facts_of(row)
    change = Change(ChangeKind(row.kind), row.amount, row.booking_id)
    try:
        meaning = meaning_of(session, row.instance_name, change, need, now)
        if meaning.needs_move:
            raise MoveNeeded(meaning.here, meaning.preview.extra_gib, meaning.server)
    except Refused as error:
        _refuse(session, row, error, now)
    else:
        _make(session, row, instance, meaning.preview, now)
    session.flush()
    return facts_of(row)


def change_facts(session: Session, number: int) -> ChangeFacts:
    """One change.

    Raises:
        UnknownChange: no change has this number.
    """
    return facts_of(_numbered(session, number))


def changes_of(session: Session, instance: str) -> list[ChangeFacts]:
    """All changes that were wished for an instance, the oldest first."""
    query = select(BookingChange).where(BookingChange.instance_name == instance).order_by(BookingChange.id)
    return [facts_of(row) for row in session.scalars(query)]


def open_changes(session: Session) -> list[ChangeFacts]:
    """The changes that nobody has decided on, the oldest first."""
    query = select(BookingChange).where(BookingChange.state == ChangeState.OPEN).order_by(BookingChange.id)
    return [facts_of(row) for row in session.scalars(query)]


def facts_of(row: BookingChange) -> ChangeFacts:
    """The row, frozen."""
    return ChangeFacts(
        row.id,
        row.instance_name,  # type: ignore[arg-type]  # a name that an instance's row has
        Change(ChangeKind(row.kind), row.amount, row.booking_id),
        row.asked_by,
        row.why,
        row.asked_at,
        ChangeState(row.state),
        row.finding,
        row.decided_at,
        row.facts,
    )


def told(meant: Preview) -> dict[str, Any]:
    """What a change comes to, as JSON holds it: for its deed, its letter, the console."""
    return {
        "kind": meant.change.kind.value,
        "accounts_before": meant.before.accounts,
        "accounts_after": meant.after.accounts,
        "pool_gib_before": meant.before.pool_gib,
        "pool_gib_after": meant.after.pool_gib,
        "takes_effect_on": str(meant.takes_effect_on),
        "booked": len(meant.adds),
        "bound_until": str(meant.bound_until) if meant.bound_until else None,
        "ends": {str(booking): str(day) for booking, day in meant.ends},
        "withdrawn": list(meant.withdraws),
    }


def _make(session: Session, row: BookingChange, instance: Instance, meant: Preview, now: datetime) -> None:
    """Book, cancel or withdraw, as it is meant."""
    today = day_of(now)
    session.add_all(
        Booking(
            contract_id=instance.contract_id, kind=wish.kind, detail=wish.detail, booked_on=today,
            minimum_months=wish.minimum_months,
        )
        for wish in meant.adds
    )  # fmt: skip
    for booking, day in meant.ends:
        found = session.get_one(Booking, booking, with_for_update=True, populate_existing=True)
        found.ends_on, found.cancelled_at = day, now
    for booking in meant.withdraws:
        found = session.get_one(Booking, booking, with_for_update=True, populate_existing=True)
        found.ends_on = found.cancelled_at = None
    follow_bookings(session, instance)
    whole = _follow_end(session, row, instance, meant, now)
    if meant.change.kind is not ChangeKind.CANCEL_CONTRACT:
        ask_for_ends(session, instance.name, (day for _, day in meant.ends if day > today), row.asked_by, now)
    row.state, row.decided_at, row.facts = step(ChangeState(row.state), ChangeState.ACCEPTED), now, told(meant)
    if whole:
        row.facts = {**row.facts, TOLD_BY_ITS_END: True}
    made = f"Change {row.id} was made."
    room_wishes.settle_earlier(session, instance.name, row.kind, made, by=row.asked_by, now=now)
    evidence = {"change": row.id, **row.facts}
    record(session, row.asked_by, CHANGED, subject_of(instance.name), why=row.why, evidence=evidence, now=now)


def _follow_end(session: Session, row: BookingChange, instance: Instance, meant: Preview, now: datetime) -> bool:
    """Where the contract itself is cancelled, or is no longer, its end begins, or is called off; whether it is so."""
    if meant.change.kind is ChangeKind.CANCEL_CONTRACT:
        endings.begin(session, instance, meant.takes_effect_on, by=row.asked_by, why=row.why, now=now)
        return True
    kinds = {session.get_one(Booking, booking).kind for booking in meant.withdraws}
    if BookingKind.BASE in kinds and endings.open_ending(session, instance.name):
        called_off_ends.call_off(session, instance.name, by=row.asked_by, why=row.why, now=now)
        return True
    return False


def _refuse(session: Session, row: BookingChange, error: Refused, now: datetime) -> None:
    """Keep the reason; room that is missing is put before a person, who may agree on a move."""
    row.state, row.decided_at, row.finding = step(ChangeState(row.state), ChangeState.REFUSED), now, str(error)
    subject = subject_of(row.instance_name)
    evidence = {"change": row.id, "kind": row.kind, "amount": row.amount, "reason": type(error).__name__}
    record(session, row.asked_by, REFUSED, subject, why=str(error), evidence=evidence, now=now)
    if isinstance(error, (MoveNeeded, NoServerHasRoom)):
        again = f"It was asked for again, as change {row.id}."
        room_wishes.settle_earlier(session, row.instance_name, row.kind, again, by=row.asked_by, now=now)
        summary = f"{row.instance_name}: {row.kind}, {row.amount}, was refused. {error}"
        cases.raise_case(session, f"{NO_ROOM}:{row.id}", NO_ROOM, subject, summary, facts=evidence, now=now)


def _numbered(session: Session, number: int) -> BookingChange:
    """The row of a number, locked."""
    row = session.get(BookingChange, number, with_for_update=True, populate_existing=True)
    if row is None:
        raise UnknownChange(f"There is no booking change {number}.", "List them: phm booking list.")
    return row
