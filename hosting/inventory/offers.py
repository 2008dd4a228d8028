"""Offers of times to customers before their instances move, and what was answered (P24).

Whoever plans moves calls, in a transaction of its own,

    offer_windows(session, instance, target, why, by=…, without_answer=…, now=…) -> OfferFacts

which offers windows once: while an offer to the same server waits for its answer, the same one comes back. No two
customers are offered times at which their servers would have more moves at once than they bear. The letter,
the reminder and the end follow by themselves (`tasks.move_agreements`, each minute by `dispatch-due-work`). What came
of it stands in `offers_of(session, instance)`; an accepted offer has become a planned move, whose number it has. As
long as an offer is open, its room is kept on the target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import cases, deeds, instances, moves, work
from hosting.inventory.levels import terms_of_instance
from hosting.inventory.links import LinkExpired
from hosting.inventory.models import Move, MoveOffer
from hosting.inventory.move_targets import check_target
from hosting.inventory.move_turns import timetable
from hosting.inventory.offer_rows import OfferFacts, facts_of, new_row, offer_row, open_row, set_times
from hosting.inventory.servers import lock_servers, server_facts
from hosting.policy.agreements import (
    Answer,
    Times,
    WithoutAnswer,
    keeps_notice,
    times_to_offer,
    window_at,
    window_without_answer,
)
from hosting.policy.move_plan import STOP_SECONDS
from hosting.policy.placement import takes_instances
from hosting.policy.states import InstanceState, MoveState, OfferState, step
from hosting.policy.values import ServerName

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.maintenance import Window
    from hosting.policy.values import InstanceFacts

CUSTOMER = "customer"
"""The name under which whoever holds a link answers."""

BY_LINK = "accepted on the page of the link"
BY_SILENCE = "nobody answered; what was told holds"

STATES = {Answer.OTHERS: OfferState.OTHERS_ASKED, Answer.DECLINE: OfferState.DECLINED}
SAID = {
    OfferState.ACCEPTED: "The customer accepts a time for the move",
    OfferState.OTHERS_ASKED: "The customer asks for other times for the move",
    OfferState.DECLINED: "The customer declines the move",
    OfferState.UNANSWERED: "The customer has not answered the offer of times for the move",
    OfferState.WITHDRAWN: "Nobody keeps the times that the customer was offered for the move",
}


class OfferOpen(Refused):
    """Times for a move to another server are offered already."""


class NothingToOffer(Refused):
    """This instance can't be moved to this server."""


class NothingOffered(Refused):
    """No offer waits for an answer."""


class OfferAnswered(Refused):
    """An offer is answered once, or ended in another way before."""


class WindowNotOffered(Refused):
    """This window is not one of those that were offered."""


def offer_windows(
    session: Session, instance: str, target: str, why: str, *, by: str, now: datetime,
    without_answer: WithoutAnswer = WithoutAnswer.NOTHING, stop_seconds: float = STOP_SECONDS,
    not_before: datetime | None = None, holidays: str | None = None,
) -> OfferFacts:  # fmt: skip
    """Offer a customer times for a move; once, while one to the same server is open.

    Args:
        session: of the transaction.
        instance: that is to move.
        target: where to.
        why: for operators; the customer is told that his server has not the room.
        by: an operator, or `deeds.SERVICE`.
        now: this moment.
        without_answer: what follows where he does not answer (`settings.move_without_answer`).
        stop_seconds: so long the instance will be closed, estimated.
        not_before: no window opens before this.
        holidays: the state whose public holidays are kept (`settings.holidays_state`).

    Raises:
        UnknownInstance: no instance has this name.
        UnknownServer: no server has this name.
        NothingToOffer: it is there already, or is not open.
        MoveUnderWay: a move of it is planned or at work.
        OfferOpen: times for a move to another server are offered.
        NoServerHasRoom: the target takes no instances, or has not the room.
        NoWindow: its terms leave no time for a move.
    """
    lock_servers(session)
    server_facts(session, target)
    facts = _check_can_move(session, instance, target)
    if other := open_offer(session, instance):
        if other.target_name == target:
            return other
        message = f"The customer of {instance} is offered times for a move to {other.target_name} already."
        raise OfferOpen(message, f"Wait for his answer, or take it back: phm move withdraw {instance} --reason ….")
    check_target(session, facts, target)
    times = _times(session, facts, ServerName(target), not_before, now, holidays=holidays)
    row = new_row(instance, target, why, by, now)
    row.stop_seconds, row.without_answer = stop_seconds, without_answer
    set_times(row, times)
    session.add(row)
    session.flush()
    evidence = {"offer": row.id, "to": target, "windows": row.windows, "answer_by": times.answer_by.isoformat()}
    _record(session, row, by, "times for a move offered", now, why=why, evidence=evidence)
    _settle_cases(session, instance, by, "Times were offered anew.", now)
    return facts_of(row)


def offer_facts(session: Session, offer_id: int) -> OfferFacts:
    """One offer.

    Raises:
        UnknownOffer: none has this number.
    """
    return facts_of(offer_row(session, offer_id))


def offers_of(session: Session, instance: str) -> list[OfferFacts]:
    """All offers for an instance, the first made first."""
    return [
        facts_of(row)
        for row in session.scalars(select(MoveOffer).where(MoveOffer.instance_name == instance).order_by(MoveOffer.id))
    ]


def all_offers(session: Session, *states: OfferState) -> list[OfferFacts]:
    """The offers in these states, or all, the first made first."""
    rows = select(MoveOffer).order_by(MoveOffer.id)
    if states:
        rows = rows.where(MoveOffer.state.in_(states))
    return [facts_of(row) for row in session.scalars(rows)]


def open_offer(session: Session, instance: str) -> OfferFacts | None:
    """The offer for an instance that waits for its answer."""
    row = open_row(session, instance)
    return None if row is None else facts_of(row)


def ensure_in_time(session: Session, offer_id: int, now: datetime, holidays: str | None = None) -> OfferFacts:
    """The offer as its letter may tell it: windows that the notice no longer reaches are chosen anew (P24).

    Raises:
        UnknownOffer: none has this number.
        NoWindow: its terms leave no time for a move.
    """
    lock_servers(session)
    row = offer_row(session, offer_id, lock=True)
    facts = facts_of(row)
    terms = terms_of_instance(session, row.instance_name, now)
    late = row.state == OfferState.OFFERED and row.told_at is None and not keeps_notice(facts.windows, now, terms)
    if late:
        instance = instances.instance_facts(session, row.instance_name)
        set_times(row, _times(session, instance, facts.target_name, facts.windows[0].opens, now, holidays=holidays))
        session.flush()
    return facts_of(row)


def record_told(session: Session, offer_id: int, now: datetime) -> None:
    """The letter is sent."""
    row = offer_row(session, offer_id, lock=True)
    row.told_at = row.told_at or now
    session.flush()


def answer_offer(
    session: Session, offer_id: int, said: Answer, now: datetime, *, opens: datetime | None = None, words: str = ""
) -> OfferFacts:
    """The customer's answer, once: an accepted window becomes a planned move, anything else is put before a person.

    Where a move was agreed on in another way meanwhile, or the instance isn't open any more, the offer is withdrawn.

    Args:
        session: of the transaction.
        offer_id: which offer.
        said: what he says.
        now: this moment.
        opens: the window that he accepts, by its opening.
        words: what else he says, in one line.

    Raises:
        UnknownOffer: none has this number.
        OfferAnswered: it was answered before, by whomever, or ended.
        LinkExpired: its time is over.
        WindowNotOffered: it is not one of those that were offered.
    """
    lock_servers(session)
    row = offer_row(session, offer_id, lock=True)
    _check_open(row)
    if now >= row.answer_by:
        raise LinkExpired
    facts = facts_of(row)
    if obstacle := overtaken(session, facts):
        return _end(session, row, OfferState.WITHDRAWN, by=deeds.SERVICE, now=now, words=obstacle)
    if said is not Answer.ACCEPT:
        ended = _end(session, row, STATES[said], by=CUSTOMER, now=now, words=words)
        _put_before_a_person(session, ended, now)
        return ended
    window = next((window for window in facts.windows if window.opens == opens), None)
    if window is None:
        raise WindowNotOffered("This time is not one of those that are offered.", "Choose one of them.")
    done = _accept(session, row, window, by=CUSTOMER, now=now, words=words)
    if words:
        _put_before_a_person(session, done, now)
    return done


def agree_by_word(
    session: Session, instance: str, target: str, opens: datetime, why: str, *, by: str, now: datetime
) -> OfferFacts:
    """An agreement that an operator had from the customer in another way; an open offer is answered by it.

    Args:
        session: of the transaction.
        instance: that is to move.
        target: where to.
        opens: the moment that was agreed on.
        why: how it was agreed on, e.g. "phone, 26 Nov".
        by: the operator.
        now: this moment.

    Raises:
        UnknownInstance: no instance has this name.
        UnknownServer: no server has this name.
        NothingToOffer: it is there already, or is not open.
        MoveUnderWay: a move of it is planned or at work.
        NoServerHasRoom: the target takes no instances, or has not the room.
        CopiedTooLate: the copying takes so long that it would have to have begun by now.
    """
    lock_servers(session)
    row = open_row(session, instance, lock=True)
    server_facts(session, target)
    facts = _check_can_move(session, instance, target)
    check_target(session, facts, target)
    window = window_at(opens, terms_of_instance(session, instance, opens))
    timetable(session, facts, ServerName(target), now).check_in_time(window, now)
    if row is None:
        row = new_row(instance, target, why, by, now)
        session.add(row)
        session.flush()
    row.target_name = target
    return _accept(session, row, window, by=by, now=now, words=why)


def close_unanswered(session: Session, offer_id: int, now: datetime) -> OfferFacts:
    """The end of an offer that nobody answered: nothing moves, or the first window holds, as the customer was told.

    The operator is told in both cases. An offer that is not open any more stays as it is.

    Raises:
        UnknownOffer: none has this number.
    """
    lock_servers(session)
    row = offer_row(session, offer_id, lock=True)
    facts = facts_of(row)
    if facts.state is not OfferState.OFFERED or now < facts.answer_by:
        return facts
    if obstacle := overtaken(session, facts):
        return _end(session, row, OfferState.WITHDRAWN, by=deeds.SERVICE, now=now, words=obstacle)
    window = window_without_answer(facts.windows, facts.without_answer, now)
    ended = _end(session, row, OfferState.UNANSWERED, by=deeds.SERVICE, now=now, words="")
    if window is not None:
        row.move_id = _planned(session, ended, window, by=deeds.SERVICE, why=BY_SILENCE, now=now)
        session.flush()
        ended = facts_of(row)
    _put_before_a_person(session, ended, now)
    return ended


def withdraw_offer(session: Session, instance: str, why: str, *, by: str, now: datetime) -> OfferFacts:
    """Take an offer back that was not answered; its link tells so.

    Raises:
        NothingOffered: none waits for an answer.
    """
    row = open_row(session, instance, lock=True)
    if row is None:
        raise NothingOffered(f"No times are offered for {instance}.", "Look at what is: phm move offers.")
    return _end(session, row, OfferState.WITHDRAWN, by=by, now=now, words=why)


def withdraw_overtaken(session: Session, offer_id: int, now: datetime) -> OfferFacts:
    """Take an open offer back that is pointless by now; one that is not stays as it is.

    Raises:
        UnknownOffer: none has this number.
    """
    row = offer_row(session, offer_id, lock=True)
    facts = facts_of(row)
    obstacle = overtaken(session, facts) if facts.state is OfferState.OFFERED else ""
    return _end(session, row, OfferState.WITHDRAWN, by=deeds.SERVICE, now=now, words=obstacle) if obstacle else facts


def agreed_moves(session: Session, called_off_since: datetime) -> list[tuple[OfferFacts, moves.MoveFacts]]:
    """What offers have become that customers are told of: moves not closed yet, or called off since a moment."""
    lately = (Move.state == MoveState.CALLED_OFF) & (Move.ended_at >= called_off_since)
    query = select(MoveOffer).join(Move, Move.id == MoveOffer.move_id)
    to_come = Move.state.in_([MoveState.PLANNED, MoveState.COPYING])
    rows = session.scalars(query.where(to_come | lately).order_by(MoveOffer.id))
    return [(facts_of(row), moves.move_facts(session, row.move_id)) for row in rows if row.move_id is not None]


def overtaken(session: Session, offer: OfferFacts) -> str:
    """Why an open offer is pointless by now, in one sentence; empty where it is not."""
    instance = instances.instance_facts(session, offer.instance_name)
    if instance.state is not InstanceState.ACTIVE:
        return f"The instance is {instance.state}."
    if instance.server_name == offer.target_name:
        return f"The instance is on {offer.target_name} already."
    if not takes_instances(target := server_facts(session, offer.target_name)):
        return f"{target.name} takes no instances any more ({target.state})."
    move = moves.open_move(session, offer.instance_name)
    return f"Move {move.id} was agreed on in another way." if move else ""


def _check_can_move(session: Session, instance: str, target: str) -> InstanceFacts:
    """See that an instance is open, elsewhere, and not on its way; locked."""
    facts = instances.lock(session, instance)
    if facts.server_name == target:
        raise NothingToOffer(f"Instance {instance} is on {target} already.", "Name another server.")
    if facts.state is not InstanceState.ACTIVE:
        do = "Only who is served is asked; a suspended one moves without: phm move run."
        raise NothingToOffer(f"Instance {instance} is {facts.state}.", do)
    if move := moves.open_move(session, instance):
        message = f"Instance {instance} moves already, from {move.source_name} to {move.target_name} ({move.state})."
        raise moves.MoveUnderWay(message, f"Look at it: phm move status {instance}.")
    return facts


def _accept(session: Session, row: MoveOffer, window: Window, *, by: str, now: datetime, words: str) -> OfferFacts:
    """A window was agreed on: the planned move, its run, and the end of the offer."""
    row.move_id = _planned(session, facts_of(row), window, by=by, why=words or BY_LINK, now=now)
    _settle_cases(session, row.instance_name, by, "A time was agreed on.", now)
    return _end(session, row, OfferState.ACCEPTED, by=by, now=now, words=words)


def _planned(session: Session, offer: OfferFacts, window: Window, *, by: str, why: str, now: datetime) -> int:
    """The move of a window, at its first moment that is nobody else's, with its work; its number."""
    times = timetable(session, instances.instance_facts(session, offer.instance_name), offer.target_name, now)
    begins = times.next_within(window, now) or times.begins(window, now)  # it is begun later if it has to be
    move = moves.plan_move(
        session, offer.instance_name, offer.target_name, why, by, max(begins, window.opens), without_backup=False,
        now=now, due_until=window.closes, copies_from=begins if begins < window.opens else None,
    )  # fmt: skip
    work.ask_for(session, work.MOVE, str(move.id), begins, by=by, now=now)
    return move.id


def _times(
    session: Session, instance: InstanceFacts, target: ServerName, not_before: datetime | None, now: datetime,
    *, holidays: str | None,
) -> Times:  # fmt: skip
    """What an instance's customer is offered: free on both servers, and with so much time before as is copied in."""
    terms, table = terms_of_instance(session, instance.name, now), timetable(session, instance, target, now)
    answered = now + terms.move_notice + table.ahead
    return times_to_offer(now, terms, max(answered, not_before or answered), table.is_free, holidays)


def _end(session: Session, row: MoveOffer, to: OfferState, *, by: str, now: datetime, words: str) -> OfferFacts:
    """An offer's end, with its deed."""
    row.state, row.answered_at, row.answered_by, row.answer = step(OfferState(row.state), to), now, by, words
    session.flush()
    evidence = {"offer": row.id, "to": row.target_name, "move": row.move_id}
    _record(session, row, by, f"times for a move {to.replace('_', ' ')}", now, why=words, evidence=evidence)
    ended = facts_of(row)
    by_itself = to is OfferState.WITHDRAWN and by == deeds.SERVICE
    if by_itself and not takes_instances(server_facts(session, row.target_name)):
        _put_before_a_person(session, ended, now)  # the customer has a letter with times that nobody keeps
    return ended


def _put_before_a_person(session: Session, offer: OfferFacts, now: datetime) -> None:
    """What came to no agreement by itself, with what can be done."""
    said = f"{offer.instance_name}: {SAID[offer.state]} to {offer.target_name}"
    if offer.answer:
        overtaken_by = f". {offer.answer.rstrip('.')}"
        said += overtaken_by if offer.state is OfferState.WITHDRAWN else f", and says: {offer.answer}"
    do = f"phm move agree {offer.instance_name}, or phm move offer {offer.instance_name}."
    if offer.move_id is not None:
        as_told = "; as he was told, the first window holds" if offer.state is OfferState.UNANSWERED else ""
        do = f"It is move {offer.move_id}{as_told}: phm move status {offer.instance_name}."
    facts = {"offer": offer.id, "to": offer.target_name, "move": offer.move_id}
    subject = instances.subject_of(offer.instance_name)
    cases.raise_case(session, _case_key(offer.id), cases.NOT_AGREED, subject, f"{said}. {do}", facts=facts, now=now)


def _settle_cases(session: Session, instance: str, by: str, decision: str, now: datetime) -> None:
    """What earlier offers put before a person has found its end."""
    for number in session.scalars(select(MoveOffer.id).where(MoveOffer.instance_name == instance)):
        cases.settle_by_key(session, _case_key(number), by, decision, now)


def _case_key(offer_id: int) -> str:
    """The key of an offer's case."""
    return f"move-offer:{offer_id}"


def _record(
    session: Session, row: MoveOffer, by: str, what: str, now: datetime, *, why: str, evidence: dict[str, object]
) -> None:
    """A deed about an offer's instance."""
    deeds.record(session, by, what, instances.subject_of(row.instance_name), why=why, evidence=evidence, now=now)


def _check_open(row: MoveOffer) -> None:
    """See that an offer waits for its answer."""
    if row.state != OfferState.OFFERED:
        raise OfferAnswered(f"Offer {row.id} is {row.state.replace('_', ' ')}.", "Look at it: phm move offers.")
