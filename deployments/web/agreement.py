"""What stands behind the page on which a customer agrees on a time for his move (P24).

The link is signed and names the offer; the offer's own state says whether it was answered. Looking changes nothing,
an answer is taken once, and whoever comes later sees what was answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from hosting.inventory import moves, offers
from hosting.inventory.instances import instance_facts
from hosting.inventory.links import LinkExpired, LinkUnknown
from hosting.inventory.offer_rows import UnknownOffer
from hosting.inventory.orders import order_facts
from hosting.inventory.servers import server_facts
from hosting.inventory.session import in_transaction
from hosting.policy.agreement_links import is_genuine, is_own_form, read_link, seal_form
from hosting.policy.states import MoveState, OfferState
from hosting.policy.terms import LANGUAGES

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from hosting.inventory.offer_rows import OfferFacts
    from hosting.inventory.session import Inventory
    from hosting.policy.agreements import Answer


class Stand(StrEnum):
    """What the page of a link tells."""

    OPEN = "open"
    PLANNED = "planned"
    MOVING = "moving"
    MOVED = "moved"
    OFF = "off"
    OTHERS = "others"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


STANDS = {
    OfferState.OTHERS_ASKED: Stand.OTHERS,
    OfferState.DECLINED: Stand.DECLINED,
    OfferState.WITHDRAWN: Stand.WITHDRAWN,
}
MOVES = {
    MoveState.PLANNED: Stand.PLANNED,
    MoveState.DONE: Stand.MOVED,
    MoveState.RETIRED: Stand.MOVED,
    MoveState.CALLED_OFF: Stand.OFF,
}


@dataclass(frozen=True)
class Agreement:
    """What a link opens.

    Args:
        offer: as the inventory has it.
        move: that it has become; put off meanwhile, perhaps.
        stand: what the page tells.
        url: the instance's address, by which the customer knows which one is meant.
    """

    offer: OfferFacts
    move: MoveFacts | None
    stand: Stand
    url: str
    language: str


class Agreements:
    """Looks at links and takes answers.

    Args:
        inventory: the offers and moves.
        key: the service's sealing key, by which links are signed.
    """

    def __init__(self, inventory: Inventory, key: str) -> None:
        self._inventory = inventory
        self._key = key

    def look(self, token: str) -> Agreement:
        """What a token opens; changes nothing, since scanners of mail follow links.

        Raises:
            LinkUnknown, LinkExpired: it opens nothing.
            Unreachable: the inventory does not answer.
        """
        with self._inventory.reading() as session:
            return self._open(session, token)

    def answer(self, token: str, said: Answer, opens: datetime | None, words: str) -> Agreement:
        """Take an answer, once.

        Args:
            token: of the link.
            said: what the customer says.
            opens: the window that he accepts, by its opening.
            words: what else he says, in one line.

        Raises:
            LinkUnknown, LinkExpired: it opens nothing.
            OfferAnswered: an answer was taken before, or it was withdrawn.
            WindowNotOffered: the time is not one of those that are offered.
            Unreachable: the inventory does not answer.
        """

        def take(session: Session) -> None:
            number = self._open(session, token).offer.id
            offers.answer_offer(session, number, said, datetime.now(UTC), opens=opens, words=words)

        in_transaction(self._inventory, take)
        return self.look(token)

    def seal(self, token: str) -> str:
        """What the form behind a link carries along."""
        return seal_form(self._key, token)

    def is_own(self, token: str, seal: str) -> bool:
        """Whether a form was made by the page of this link."""
        return is_own_form(self._key, token, seal)

    def _open(self, session: Session, token: str) -> Agreement:
        """What a token opens."""
        claim = read_link(token)
        if claim is None:
            raise LinkUnknown
        try:
            offer = offers.offer_facts(session, claim.offer)
        except UnknownOffer:
            raise LinkUnknown from None
        if not is_genuine(self._key, claim, offer.instance_name):
            raise LinkUnknown
        now = datetime.now(UTC)
        if offer.state is OfferState.OFFERED and now >= min(claim.ends_at, offer.answer_by):
            raise LinkExpired
        move = None if offer.move_id is None else moves.move_facts(session, offer.move_id)
        if offer.state is OfferState.UNANSWERED and move is None:
            raise LinkExpired
        instance = instance_facts(session, offer.instance_name)
        language = order_facts(session, instance.order_reference).language
        return Agreement(
            offer=offer,
            move=move,
            stand=_stand(offer, move, overtaken=bool(offers.overtaken(session, offer))),
            url=f"https://{server_facts(session, instance.server_name).host_name}/{instance.name}/",
            language=language if language in LANGUAGES else LANGUAGES[0],
        )


def _stand(offer: OfferFacts, move: MoveFacts | None, *, overtaken: bool) -> Stand:
    """What the page of an offer tells."""
    if offer.state is OfferState.OFFERED:
        return Stand.WITHDRAWN if overtaken else Stand.OPEN
    return MOVES.get(move.state, Stand.MOVING) if move else STANDS[offer.state]
