"""Copies of instances that operators asked for: which slots of a server they have, until when they stay (decision 9).

They are told by deeds of the server: few are made, and each is gone after some days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from hosting.errors import Refused
from hosting.inventory.deeds import SERVICE, deeds_of, record
from hosting.inventory.servers import all_servers, subject_of
from hosting.inventory.turns import take_turn
from hosting.product.layout import COPIES_MOST, REHEARSAL_SLOT, copy_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from hosting.policy.values import InstanceName

BEGUN = "copy begun"
READY = "copy ready"
REMOVED = "copy removed"


class NoFreeSlot(Refused):
    """A server has as many copies as it may have."""


class UnknownCopy(Refused):
    """No copy has this name."""


@dataclass(frozen=True)
class CopyFacts:
    """A copy as the inventory knows it.

    Args:
        name: what it is called on its server.
        slot: its place there, from which its uid follows.
        until: it is taken away then.
        ready: whether it was wholly made.
    """

    name: str
    slot: int
    server_name: str
    instance_name: str
    point_id: str
    begun_at: datetime
    until: datetime
    ready: bool = False


class Origin(Protocol):
    """What a copy is made from: a recovery point, or what an import has fetched."""

    @property
    def id(self) -> str:
        """By which its copy is found again."""

    @property
    def instance_name(self) -> InstanceName:
        """The instance that it is of, or for."""


@dataclass(frozen=True)
class OfImport:
    """An import as what a copy is made from."""

    id: str
    instance_name: InstanceName


def begin_copy(session: Session, server_name: str, point: Origin, until: datetime, now: datetime) -> CopyFacts:
    """Reserve a slot for a copy of a point or of an import; the one that is there already is given again.

    Raises:
        NoFreeSlot: the server has as many as it may have.
    """
    take_turn(session, f"copies:{server_name}")
    there = copies_on(session, server_name)
    for one in there:
        if one.point_id == point.id:
            return one
    slot = _free_slot(server_name, {one.slot for one in there})
    name = copy_name(point.instance_name, slot)
    evidence = {
        "copy": name, "slot": slot, "instance": point.instance_name, "point": point.id, "until": until.isoformat(),
    }  # fmt: skip
    record(session, SERVICE, BEGUN, subject_of(server_name), evidence=evidence, now=now)
    return CopyFacts(name, slot, server_name, point.instance_name, point.id, now, until)


def record_ready(session: Session, copy: CopyFacts, now: datetime) -> None:
    """The copy is wholly made."""
    record(session, SERVICE, READY, subject_of(copy.server_name), evidence={"copy": copy.name}, now=now)


def record_removed(session: Session, copy: CopyFacts, by: str, why: str, now: datetime) -> None:
    """Nothing is left of the copy; its slot is free."""
    record(session, by, REMOVED, subject_of(copy.server_name), why=why, evidence={"copy": copy.name}, now=now)


def copies_on(session: Session, server_name: str) -> list[CopyFacts]:
    """The copies on a server, the oldest first."""
    there: dict[str, CopyFacts] = {}
    for deed in deeds_of(session, subject_of(server_name)):
        told = deed.evidence
        if deed.what == BEGUN:
            until = datetime.fromisoformat(told["until"])
            there[told["copy"]] = CopyFacts(
                told["copy"], told["slot"], server_name, told["instance"], told["point"], deed.at, until
            )
        elif deed.what == READY and told["copy"] in there:
            there[told["copy"]] = replace(there[told["copy"]], ready=True)
        elif deed.what == REMOVED:
            there.pop(told["copy"], None)
    return list(there.values())


def all_copies(session: Session) -> list[CopyFacts]:
    """All copies, by server."""
    return [copy for server in all_servers(session) for copy in copies_on(session, server.name)]


def copy_facts(session: Session, name: str) -> CopyFacts:
    """The copy of a name, e.g. k3v9q2_1@app1; the server may be left out where one has it.

    Raises:
        UnknownCopy: there is none, or several servers have one of this name.
    """
    found = [copy for copy in all_copies(session) if name in {copy.name, f"{copy.name}@{copy.server_name}"}]
    if len(found) != 1:
        message = f"There is no copy {name}." if not found else f"{len(found)} servers have a copy {name}."
        named = ", ".join(f"{copy.name}@{copy.server_name}" for copy in found or all_copies(session)) or "none is there"
        raise UnknownCopy(message, f"Name one of these: {named}.")
    return found[0]


def _free_slot(server_name: str, taken: Iterable[int]) -> int:
    """The first slot that nobody has; the rehearsal's is left free."""
    for slot in sorted(set(range(COPIES_MOST)) - {REHEARSAL_SLOT} - set(taken)):
        return slot
    message = f"The server {server_name} has {COPIES_MOST - 1} copies, as many as it may have."
    raise NoFreeSlot(message, "Take one away (run drop-beside), or name another server.")
