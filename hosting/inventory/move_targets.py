"""Whether a server takes an instance that is to move there: asked in the transaction that keeps its room (P24)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory.models import MoveOffer
from hosting.inventory.servers import server_facts
from hosting.policy.placement import check_takes
from hosting.policy.states import OfferState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.policy.values import InstanceFacts


def check_target(session: Session, instance: InstanceFacts, target: str) -> None:
    """See that a server takes an instance; room that an offer keeps there for it is its own.

    Args:
        session: of the transaction that keeps the room, with all servers locked (`servers.lock_servers`).
        instance: that is to move.
        target: the server's name.

    Raises:
        UnknownServer: no server has this name.
        NoServerHasRoom: it takes no instances, or has not the room: of two plans for the last room one gets it.
    """
    server = server_facts(session, target)
    offered = select(MoveOffer.target_name).where(
        MoveOffer.instance_name == instance.name, MoveOffer.state == OfferState.OFFERED
    )
    own = sum(instance.storage_gib for name in session.scalars(offered) if name == target)
    check_takes(replace(server, booked_gib=server.booked_gib - own), instance.storage_gib)
