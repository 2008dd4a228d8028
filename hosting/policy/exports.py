"""The states of an export, how large its parts are, and when it is withdrawn (P41)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from hosting.errors import Refused
from hosting.policy.terms import GIB

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hosting.policy.terms import Terms

MIB = 2**20
PART_LEAST_BYTES = 16 * MIB
"""The server holds one part in its memory."""

PARTS_MOST = 9_000
"""The standard of the object store takes 10,000 parts."""

ROOM_TIMES = 1.5
"""An archive is smaller than what it is made of; a customer may store more than is booked for a while."""

SPARE_PARTS = 8


class ExportState(StrEnum):
    """An export's way; its archives are in the store up to its end."""

    ASKED = "asked"
    READY = "ready"  # all archives are there, the customer is told
    WITHDRAWN = "withdrawn"  # nothing of it is left in the store
    CALLED_OFF = "called off"


EDGES: Mapping[ExportState, frozenset[ExportState]] = {
    ExportState.ASKED: frozenset({ExportState.READY, ExportState.CALLED_OFF}),
    ExportState.READY: frozenset({ExportState.WITHDRAWN}),
}


class ExportStands(Refused):
    """An export can't be brought to a state from where it stands."""


@dataclass(frozen=True)
class ArchiveFacts:
    """One user's archive.

    Args:
        uid: the user's number.
        user: the user's name; empty once it is withdrawn.
        key: the object.
        counts: what is in it, by kind.
        missing: what stood in a list and was not there.
        skipped: why there is no archive; empty where there is one.
    """

    uid: int
    user: str
    key: str = ""
    bytes: int = 0
    sha256: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0
    imap_folders: int = 0
    skipped: str = ""


@dataclass(frozen=True)
class ExportFacts:
    """An export as the inventory knows it.

    Args:
        id: its number.
        only_user: the one whose data are wanted; empty: everybody's.
        archives: in the order of their users' numbers.
        ends_at: when it is withdrawn; None until it is ready.
        fetched_at: when the first archive was fetched.
    """

    id: int
    instance: str
    state: ExportState
    only_user: str
    by: str
    why: str
    asked_at: datetime
    archives: tuple[ArchiveFacts, ...] = ()
    ready_at: datetime | None = None
    ends_at: datetime | None = None
    fetched_at: datetime | None = None
    ended_at: datetime | None = None
    finding: str = ""

    @property
    def prefix(self) -> str:
        """Where its archives lie in the store."""
        return f"exports/{self.instance}/{self.id}/"

    def has(self, uid: int) -> bool:
        """Whether a user's archive is made, or never will be."""
        return any(one.uid == uid for one in self.archives)


@dataclass(frozen=True)
class Parts:
    """How an archive is sent."""

    number: int
    bytes: int


def parts_for(storage_gib: int) -> Parts:
    """The parts in which an archive can be sent of an instance that so much is booked for."""
    most = int(max(1, storage_gib) * GIB * ROOM_TIMES)
    size = max(PART_LEAST_BYTES, -(-most // PARTS_MOST))
    return Parts(-(-most // size) + SPARE_PARTS, size)


def withdrawn_at(ready_at: datetime, terms: Terms) -> datetime:
    """When an export that is ready leaves the store."""
    return ready_at + timedelta(days=terms.export_days)


def check_step(number: int, old: ExportState, new: ExportState) -> None:
    """See that an export may come from one state to another.

    Raises:
        ExportStands: it may not.
    """
    if new not in EDGES.get(old, frozenset()):
        raise ExportStands(f"The export {number} is {old}; it can't become {new}.", "Look: phm export status.")


def as_json(archive: ArchiveFacts) -> dict[str, Any]:
    """An archive as the inventory keeps it."""
    return {
        "uid": archive.uid, "user": archive.user, "key": archive.key, "bytes": archive.bytes, "sha256": archive.sha256,
        "counts": dict(archive.counts), "missing": archive.missing, "imap_folders": archive.imap_folders,
        "skipped": archive.skipped,
    }  # fmt: skip
