"""Restores as their deeds tell them: begun, brought back, serving on another server, at their end (P12, P20).

They are told by deeds of the instance. One that goes to another server is counted there until it is at its end: its
room is taken, and that server is not empty.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.inventory.deeds import DeedFacts, deeds_called, deeds_of
from hosting.inventory.models import Instance
from hosting.policy.states import InstanceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

BEGUN = "restore begun"
BROUGHT_BACK = "restore brought back"
EXCHANGING = "restore replaces the state"
"""The deed from which on an instance is closed for it, and may have neither its old state nor the point's whole."""

SWITCHED = "restore serves on another server"
ENDED = "restore ended"
CALLED_OFF = "restore taken back"
REMOVED = "restore's old state removed"
"""The deed after which nothing of what a restore laid aside is left."""

WHOLE = ("all", "database", "files")
"""What a restore brings back if it isn't a single path."""

INSTANCE = "instance:"
"""How the subject of an instance's deeds begins."""


@dataclass(frozen=True)
class RestoreFacts:
    """A restore as the inventory knows it.

    Args:
        instance: the name of the instance.
        point: the id of the point.
        server: where.
        stamp: names what it laid aside.
        begun_at: when.
        told: what its begin told further.
        brought_back: whether the point lies beside, compared.
        exchanging: whether the instance was closed for it.
        switched: of one to another server, the evidence that the instance serves there; None before that.
        ended_at: when it was at its end, one way or the other; None as long as it isn't.
    """

    instance: str
    point: str
    server: str
    stamp: str
    begun_at: datetime
    told: Mapping[str, Any]
    brought_back: bool = False
    exchanging: bool = False
    switched: Mapping[str, Any] | None = None
    ended_at: datetime | None = None

    @property
    def wish(self) -> tuple[str, str, str]:
        """What it is to bring back where: point, server, and which part."""
        return self.point, self.server, str(self.told.get("what", "all"))

    @property
    def is_half(self) -> bool:
        """Whether the instance may have neither its old state nor the point's."""
        return self.exchanging and self.switched is None and self.ended_at is None

    @property
    def left(self) -> str:
        """The server that the instance has left by it; empty where it has not."""
        return str(self.switched["from"]) if self.switched else ""


def begun_restores(session: Session) -> list[RestoreFacts]:
    """All restores, as far as something of them is left or may be; the first begun first."""
    return _told(deeds_called(session, BEGUN, BROUGHT_BACK, EXCHANGING, SWITCHED, ENDED, CALLED_OFF, REMOVED))


def open_restores(session: Session) -> list[RestoreFacts]:
    """The restores that were begun and are not at their end."""
    return [one for one in begun_restores(session) if one.ended_at is None]


def open_restore(session: Session, instance: str) -> RestoreFacts | None:
    """The restore of an instance that was begun and is not at its end; None if there is none."""
    found = _told(deeds_of(session, f"{INSTANCE}{instance}"))
    return next((one for one in reversed(found) if one.ended_at is None), None)


def whole_after(session: Session, instance: str, moment: datetime) -> RestoreFacts | None:
    """A restore that has replaced an instance's state since a moment, or may have; one of a single path does not."""
    found = deeds_of(session, f"{INSTANCE}{instance}")
    taken_back = {deed.evidence.get("stamp") for deed in found if deed.what == CALLED_OFF}
    whole = [one for one in _told(deed for deed in found if deed.what != REMOVED) if one.wish[2] in WHOLE]
    later = [one for one in whole if one.stamp not in taken_back and (one.ended_at or one.begun_at) > moment]
    return later[-1] if later else None


def restores_elsewhere(session: Session, server: str = "") -> list[RestoreFacts]:
    """The restores that are not at their end and by which an instance goes to another server, or has just gone there.

    Args:
        session: of the transaction.
        server: which it leaves or comes to; all, if none is named.
    """
    found = {one.instance: one for one in open_restores(session)}
    living = select(Instance.name, Instance.server_name).where(
        Instance.name.in_(found), Instance.state != InstanceState.ENDED
    )
    there = {name: {home, found[name].server, found[name].left} - {""} for name, home in session.execute(living)}
    return [found[name] for name, places in sorted(there.items()) if len(places) > 1 and server in {"", *places}]


def _told(deeds: Iterable[DeedFacts]) -> list[RestoreFacts]:
    """What these deeds tell; those of an instance that was deleted tell nothing any more."""
    found: dict[tuple[str, str], RestoreFacts] = {}
    for deed in (one for one in deeds if one.evidence):
        told = deed.evidence
        key = deed.subject.removeprefix(INSTANCE), str(told.get("stamp", ""))
        if deed.what == BEGUN:
            found[key] = RestoreFacts(key[0], str(told["point"]), str(told["server"]), key[1], deed.at, told)
        elif key not in found:
            continue
        elif deed.what == BROUGHT_BACK:
            found[key] = replace(found[key], brought_back=True)
        elif deed.what == EXCHANGING:
            found[key] = replace(found[key], exchanging=True)
        elif deed.what == SWITCHED:
            found[key] = replace(found[key], switched=told)
        elif deed.what in {ENDED, CALLED_OFF}:
            found[key] = replace(found[key], ended_at=deed.at)
        elif deed.what == REMOVED:
            found.pop(key)
    return list(found.values())
