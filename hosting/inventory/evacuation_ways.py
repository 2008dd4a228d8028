"""Where the instances of a server that is emptied are going already, and what keeps some of them there (P12, P24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory import endings, moves, offers, restores
from hosting.inventory.evacuation_rows import instances_on
from hosting.policy.states import EndState, InstanceState, MoveState, OfferState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.evacuation_rows import EvacuationOrder
    from hosting.policy.values import InstanceFacts

REFUSED_OFFERS = frozenset({OfferState.OTHERS_ASKED, OfferState.DECLINED, OfferState.UNANSWERED})


def way_of(session: Session, one: InstanceFacts, order: EvacuationOrder, since: datetime | None) -> tuple[str, str]:
    """Where an instance is going already, and what keeps it here."""
    if one.state is InstanceState.RESERVED:
        return "", "It is not set up yet: it is placed on another server with room, once no run is at it."
    if one.state is InstanceState.CLOSED:
        return "", _kept_until(session, one.name)
    restore = restores.open_restore(session, one.name)
    if restore and restore.server != one.server_name:
        return restore.server, ""
    if move := moves.open_move(session, one.name):
        return str(move.target_name), ""
    if offer := offers.open_offer(session, one.name):
        return str(offer.target_name), ""
    asked = not order.emergency and one.state is InstanceState.ACTIVE
    return "", _failed_since(session, one.name, since, asked=asked) if since else ""


def _kept_until(session: Session, name: str) -> str:
    """When an instance goes whose contract is over: it is neither moved nor offered another place."""
    end = endings.last_ending(session, name)
    match end.state:
        case EndState.REOPENING:
            return "The end of its contract is called off: it goes once it is open again."
        case EndState.DELETING:
            return "Its contract is over; it is being deleted."
    held = " at the earliest: it is on hold" if end.hold_by else ""
    return f"Its contract is over; it is deleted on {end.delete_on}{held}."


def _failed_since(session: Session, name: str, since: datetime, *, asked: bool) -> str:
    """What came to nothing since a moment: its move, or the offer to its customer where he is asked at all."""
    move = next(iter(reversed(moves.moves_of(session, name))), None)
    if move and move.state is MoveState.CALLED_OFF and move.agreed_at >= since:
        return f"Its move {move.id} was called off: {move.finding}"
    offer = next(iter(reversed(offers.offers_of(session, name))), None)
    if asked and offer and offer.state in REFUSED_OFFERS and offer.made_at >= since:
        return f"Its customer was offered times: {offer.state.replace('_', ' ')}. {offer.answer}".strip()
    return ""


def to_take_back(session: Session, server: str, now: datetime) -> dict[str, str]:
    """The instances of a server that wait for an agreed time or an answer, with their targets."""
    planned = moves.all_moves(session, MoveState.PLANNED)
    agreed = {one.instance_name: one.target_name for one in planned if one.source_name == server and one.begins > now}
    asked = {one.instance_name: one.target_name for one in offers.all_offers(session, OfferState.OFFERED)}
    here = {one.name for one in instances_on(session, server)}
    return {str(name): str(target) for name, target in {**asked, **agreed}.items() if name in here}
