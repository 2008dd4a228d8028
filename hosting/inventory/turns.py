"""One transaction at a time for a name, also before the thing itself has a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from hosting.inventory.models import Turn

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def take_turn(session: Session, name: str) -> None:
    """Wait until no other transaction acts for this name, then keep others waiting until this one ends.

    A payment and its order may arrive at the same moment, before either can see the other: both take the order's turn.
    """
    waits = select(Turn).where(Turn.name == name).with_for_update()
    if session.scalars(waits).first() is not None:
        return
    try:
        with session.begin_nested():
            session.add(Turn(name=name))
    except IntegrityError:
        session.scalars(waits).one()
