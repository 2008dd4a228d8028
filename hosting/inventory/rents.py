"""What the shop says of rents, and how far customers were warned; events may come twice or out of order (P41)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import deeds, instances, orders, suspensions
from hosting.inventory.models import Instance, Order
from hosting.inventory.notices import NoticeType
from hosting.inventory.rent_rows import Arrears, Rent
from hosting.policy.months import day_of
from hosting.policy.rent import ArrearsFacts, Heard, RentFacts, RentStep, check_hold, heard_overdue
from hosting.policy.states import EventState, InstanceState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.notices import RentNotice
    from hosting.inventory.taking import Taking

BEGUN, ENDED, HELD = "rent in arrears", "rent settled after all", "rent held"
TOLD = {
    RentStep.REMIND: "rent reminded",
    RentStep.REMIND_AGAIN: "rent reminded again",
    RentStep.ANNOUNCE: "suspension announced",
}
SAID = {
    Heard.KNOWN: "It was told before.",
    Heard.OUT_OF_ORDER: "It was settled already; this notice came late.",
    Heard.FOR_A_PERSON: "It, or a later one, was settled before: nothing follows by itself.",
}


class NoArrears(Refused):
    """No rent of the instance is overdue."""


def note_rent(taking: Taking, data: RentNotice) -> EventState:
    """Keep what the shop says of a rent, and what follows from it; the caller holds the order's turn."""
    session, kind = taking.session, taking.notice.type
    if session.get(Order, data.order) is None:
        _put_before_a_person(taking, data, f"The rent of order {data.order}, which is unknown.")
        return EventState.FOR_A_PERSON
    row = _row(session, data)
    heard = partial(_told, taking, data)
    if kind is NoticeType.RENT_SETTLED:
        row.settled_at = row.settled_at or taking.now
        heard("")
        _settle(session, data.order, taking.now)
        return EventState.APPLIED
    others = tuple(facts_of(one) for one in _rents(session, data.order) if one.id != row.id)
    found = heard_overdue(facts_of(row), others)
    heard(SAID.get(found, ""))
    if found is Heard.FOR_A_PERSON:
        _put_before_a_person(taking, data, f"{SAID[found]} If it is owed: phm suspend, by your own word.")
        return EventState.FOR_A_PERSON
    if found is Heard.NEW:
        row.overdue_at = taking.now
        session.flush()
        _begin(session, data.order, taking.now)
    return EventState.APPLIED


def arrears_of(session: Session, order: str) -> ArrearsFacts | None:
    """How far the customer of an order is warned; None where nothing is overdue."""
    row = _open(session, order)
    return None if row is None else arrears_facts(row)


def arrears_of_instance(session: Session, instance: str) -> ArrearsFacts:
    """The same of an instance.

    Raises:
        UnknownInstance: no instance has this name.
        NoArrears: none of its rents is overdue.
    """
    order = instances.instance_facts(session, instance).order_reference
    found = arrears_of(session, order)
    if found is None:
        raise NoArrears(f"No rent of {instance} is overdue.", "List those that are: phm rent list.")
    return found


def open_arrears(session: Session) -> list[ArrearsFacts]:
    """All that is not over, the oldest first."""
    rows = session.scalars(select(Arrears).where(Arrears.ended_at.is_(None)).order_by(Arrears.id))
    return [arrears_facts(row) for row in rows]


def rents_of(session: Session, order: str) -> list[RentFacts]:
    """What is known of an order's rents, by their days."""
    return [facts_of(row) for row in _rents(session, order)]


def served_instance(session: Session, order: str) -> str | None:
    """The instance of an order that could be suspended, or is."""
    living = Instance.state.in_([InstanceState.ACTIVE, InstanceState.SUSPENDED])
    return session.scalars(select(Instance.name).where(Instance.order_reference == order, living)).first()


def record_told(
    session: Session, number: int, rung: RentStep, now: datetime, suspends_at: datetime | None = None
) -> ArrearsFacts:
    """A letter was sent; once. An announcement names its moment, which stands from then on."""
    row = _locked(session, number)
    before = arrears_facts(row)
    match rung:
        case RentStep.REMIND:
            row.reminded_at = row.reminded_at or now
        case RentStep.REMIND_AGAIN:
            row.reminded_again_at = row.reminded_again_at or now
        case RentStep.ANNOUNCE if row.suspends_at is None:
            row.announced_at, row.suspends_at, row.announcements = now, suspends_at, row.announcements + 1
    session.flush()
    after = arrears_facts(row)
    if after != before and rung in TOLD:
        told = {"suspends_at": suspends_at.isoformat()} if suspends_at else {}
        subject = orders.subject_of(row.order_reference)
        deeds.record(session, deeds.SERVICE, TOLD[rung], subject, evidence=told, now=now)
    return after


def suspend_for_rent(session: Session, number: int, now: datetime) -> bool:
    """The instance is to be suspended, unless its rent was settled or held meanwhile; whether it is."""
    row = _locked(session, number)
    facts = arrears_facts(row)
    instance = served_instance(session, row.order_reference)
    if instance is None or facts.ended_at is not None or facts.is_held(now) or facts.suspends_at is None:
        return False
    because = f"Rent of order {row.order_reference} is overdue, as was announced."
    made = suspensions.suspend(
        session, instance, suspensions.Cause.RENT, because, by=deeds.SERVICE, now=now, arrears=number
    )
    return made.asked_at == now


def hold(session: Session, instance: str, until: date, why: str, *, by: str, now: datetime) -> ArrearsFacts:
    """Give a customer time: nothing follows until that day; who is suspended for it is let in again until then.

    What was announced is announced anew after that day, with its whole time.

    Raises:
        UnknownInstance: no instance has this name.
        NoArrears: none of its rents is overdue.
        HoldRefused: not until that day.
    """
    found = arrears_of_instance(session, instance)
    check_hold(found, until, day_of(now))
    row = _locked(session, found.id)
    row.held_until, row.held_by, row.held_why = until, by, why
    _announce_anew(row)
    session.flush()
    subject = orders.subject_of(row.order_reference)
    deeds.record(session, by, HELD, subject, why=why, evidence={"until": until.isoformat()}, now=now)
    suspensions.resume(session, instance, f"Held until {until}: {why}", by=by, now=now, cause=suspensions.Cause.RENT)
    return arrears_facts(row)


def resume_by_hand(session: Session, instance: str, why: str, *, by: str, now: datetime) -> int:
    """A person lets everybody in again, whatever the cause; for a rent it is announced anew before it comes again."""
    ended = suspensions.resume(session, instance, why, by=by, now=now)
    for one in ended:
        if one.cause is suspensions.Cause.RENT:
            row = _open(session, instances.instance_facts(session, instance).order_reference)
            if row is not None:
                _announce_anew(row)
    session.flush()
    return len(ended)


def _announce_anew(row: Arrears) -> None:
    """What was announced does not come; it is announced again, with another moment."""
    row.announced_at, row.suspends_at = None, None


def _begin(session: Session, order: str, now: datetime) -> None:
    """The ladder begins; a further rent does not begin it anew."""
    if _open(session, order) is None:
        row = Arrears(order_reference=order, begun_at=now, announcements=0, held_by="", held_why="", ended_why="")
        session.add(row)
        session.flush()
        deeds.record(session, deeds.SERVICE, BEGUN, orders.subject_of(order), now=now)


def _settle(session: Session, order: str, now: datetime) -> None:
    """Once nothing is owed any more, the ladder is over, and who was suspended for it is let in at once."""
    row = _open(session, order)
    if row is None or any(facts_of(one).is_open for one in _rents(session, order)):
        return
    row.ended_at, row.ended_why = now, "settled"
    session.flush()
    deeds.record(session, deeds.SERVICE, ENDED, orders.subject_of(order), now=now)
    instance = _kept_instance(session, order)  # also a closed one: its end may be called off, and then he is open
    if instance is not None:
        why = "The rent is settled."
        suspensions.resume(session, instance, why, by=deeds.SHOP, now=now, cause=suspensions.Cause.RENT)


def _told(taking: Taking, data: RentNotice, why: str) -> None:
    """The shop's word, as a deed."""
    evidence = {"cents": data.cents, "currency": data.currency, "due_on": data.due_on.isoformat()}
    taking.record(taking.notice.type.replace(".", " "), why, evidence)


def _put_before_a_person(taking: Taking, data: RentNotice, said: str) -> None:
    """What can't be decided by the notices alone."""
    kind = taking.notice.type
    summary = f"{kind.value}, order {data.order}, due on {data.due_on}: {said}"
    evidence = {"cents": data.cents, "currency": data.currency, "due_on": data.due_on.isoformat()}
    taking.put_before_a_person(kind.replace(".", "_"), taking.notice.id, summary, evidence)


def _row(session: Session, data: RentNotice) -> Rent:
    """The rent of that day; made where it is heard of for the first time."""
    query = select(Rent).where(Rent.order_reference == data.order, Rent.due_on == data.due_on)
    row = session.scalars(query.with_for_update()).first()
    if row is None:
        row = Rent(order_reference=data.order, due_on=data.due_on, cents=data.cents, currency=data.currency)
        session.add(row)
        session.flush()
    return row


def _rents(session: Session, order: str) -> Sequence[Rent]:
    """The rows of an order's rents, by their days."""
    return session.scalars(select(Rent).where(Rent.order_reference == order).order_by(Rent.due_on)).all()


def _kept_instance(session: Session, order: str) -> str | None:
    """The instance of an order that has not ended, whatever its state."""
    kept = Instance.state != InstanceState.ENDED
    return session.scalars(select(Instance.name).where(Instance.order_reference == order, kept)).first()


def _open(session: Session, order: str) -> Arrears | None:
    """The row of what is not over."""
    query = select(Arrears).where(Arrears.order_reference == order, Arrears.ended_at.is_(None))
    return session.scalars(query.order_by(Arrears.id)).first()


def _locked(session: Session, number: int) -> Arrears:
    """The row, as it is now."""
    return session.get_one(Arrears, number, with_for_update=True, populate_existing=True)


def facts_of(row: Rent) -> RentFacts:
    """The row, frozen."""
    return RentFacts(row.due_on, row.overdue_at, row.settled_at)


def arrears_facts(row: Arrears) -> ArrearsFacts:
    """The row, frozen."""
    return ArrearsFacts(
        id=row.id,
        order=row.order_reference,
        begun_at=row.begun_at,
        reminded_at=row.reminded_at,
        reminded_again_at=row.reminded_again_at,
        announced_at=row.announced_at,
        suspends_at=row.suspends_at,
        announcements=row.announcements,
        held_until=row.held_until,
        held_by=row.held_by,
        held_why=row.held_why,
        ended_at=row.ended_at,
    )
