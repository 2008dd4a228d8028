"""What customers are told before their instances move: times with a link, a reminder, what was agreed on (P24)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mail_relay import MailRelay
from blocks.service_settings import ServiceSettings
from hosting.errors import ServiceError
from hosting.inventory import instances, kept_agreements, moves, offers, orders
from hosting.inventory.letters import letter_sent
from hosting.inventory.session import in_transaction
from hosting.policy.agreements import Due, WithoutAnswer, due_now, window_at
from hosting.policy.states import MoveState, OfferState
from hosting.templates.letters import compose
from hosting.templates.wording import moment, span, stop
from tasks.failures import check_all_done, kept_for_the_end
from tasks.letters import send_letter
from tasks.records import inventory, now, read_terms
from tasks.step import reading

if TYPE_CHECKING:
    from hosting.inventory.moves import MoveFacts
    from hosting.inventory.offer_rows import OfferFacts
    from hosting.policy.values import OrderFacts

CALLED_OFF_LATELY = timedelta(days=2)
"""So long after a move was called off its customer is told, where the relay did not take the letter at once."""


@reading
def see_to_agreements() -> int:
    """What is due about offers and agreed moves: letters, reminders, the ends of what nobody answered.

    Returns:
        How many letters were sent.

    Raises:
        NotAllDone: some letters were not taken; they are sent the next time.
    """
    with inventory().reading() as session:
        waiting = offers.all_offers(session, OfferState.OFFERED)
        pointless = {offer.id for offer in waiting if offers.overtaken(session, offer)}
        agreed = offers.agreed_moves(session, now() - CALLED_OFF_LATELY)
    sent, failures = 0, list[ServiceError]()
    for offer in waiting:
        with kept_for_the_end(failures, f"offer {offer.id}"):
            sent += _see_to(offer, pointless=offer.id in pointless)
    for offer, move in agreed:
        with kept_for_the_end(failures, f"move {move.id}"):
            sent += _tell_agreed(offer, move)
    check_all_done(failures, "It is tried again each minute.")
    return sent


def offer_values(
    offer: OfferFacts, order: OrderFacts, url: str, *, reminder: bool, again: bool = False
) -> dict[str, object]:
    """What the letter with the times says."""
    language = order.language
    return {
        "name": order.customer_name,
        "order": order.reference,
        "windows": [span(window.opens, window.closes, language) for window in offer.windows],
        "stop": stop(offer.stop_seconds, language),
        "url": url,
        "answer_by": moment(offer.answer_by, language),
        "moves_without_answer": offer.without_answer is WithoutAnswer.MOVE,
        "reminder": reminder,
        "again": again,
    }


def _see_to(offer: OfferFacts, *, pointless: bool) -> bool:
    """One open offer; whether a letter was sent."""
    at = now()
    due = Due.WAIT if offer.told_at is None else due_now(offer.remind_at, offer.answer_by, at)
    if pointless or due is Due.CLOSE:
        end = offers.withdraw_overtaken if pointless else offers.close_unanswered
        in_transaction(inventory(), partial(end, offer_id=offer.id, now=at))
        return False
    if offer.told_at is None:
        holidays = load(ServiceSettings).holidays_state
        choose = partial(offers.ensure_in_time, offer_id=offer.id, now=at, holidays=holidays)
        in_time = in_transaction(inventory(), choose)
        if in_time.state is not OfferState.OFFERED:  # answered by word meanwhile
            return False
        sent = _tell_times(in_time, f"move-offer:{offer.id}", reminder=False)
        in_transaction(inventory(), partial(offers.record_told, offer_id=offer.id, now=now()))
        return sent
    return due is Due.REMIND and _tell_times(offer, f"move-reminder:{offer.id}", reminder=True)


def _tell_times(offer: OfferFacts, key: str, *, reminder: bool) -> bool:
    """The letter with the times and the link, the first or the reminder; once."""
    order = _order_of(offer)
    url = load(ServiceSettings).agreement_url(offer.id, offer.instance_name, offer.answer_by)
    with inventory().reading() as session:
        again = kept_agreements.is_made_anew(session, offer)
    return _send(key, "move_offer", order, offer_values(offer, order, url, reminder=reminder, again=again))


def _tell_agreed(offer: OfferFacts, move: MoveFacts) -> bool:
    """The letter that confirms a time, for each time that was set; or that the move does not come about."""
    order = _order_of(offer)
    until = move.due_until or window_at(move.due_at, read_terms.fn(offer.instance_name)).closes
    values = {
        "name": order.customer_name,
        "order": order.reference,
        "window": span(move.due_at, until, order.language),
        "stop": stop(offer.stop_seconds, order.language),
        "by_silence": offer.state is OfferState.UNANSWERED,
    }
    if kept_agreements.OFFERED_ANEW in move.evidence:  # the letter with the new times tells
        return False
    if move.state is not MoveState.CALLED_OFF:
        return _send(f"move-agreed:{move.id}:{move.evidence.get(moves.PUT_OFF, 0)}", "move_agreed", order, values)
    with inventory().reading() as session:
        if moves.open_move(session, offer.instance_name):  # another one was agreed on: its letter tells
            return False
    return _send(f"move-off:{move.id}", "move_off", order, values)


def _send(key: str, letter: str, order: OrderFacts, values: dict[str, object]) -> bool:
    """A letter to a customer, unless it was sent."""
    with inventory().reading() as session:
        if letter_sent(session, key):
            return False
    made = compose(letter, order.language, values)
    return send_letter(key, made, order.email, order.language, load(MailRelay).sender)


def _order_of(offer: OfferFacts) -> OrderFacts:
    """The order of an offer's instance: whom to write to, in which language."""
    with inventory().reading() as session:
        instance = instances.instance_facts(session, offer.instance_name)
        return orders.order_facts(session, instance.order_reference)
