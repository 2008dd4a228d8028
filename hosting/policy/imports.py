"""The states of an import, and who may bring it from one to the next (P33, P38, P39)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from hosting.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping


class ImportState(StrEnum):
    """An old installation's way into an instance; up to `approved` the instance is not touched."""

    ASKED = "asked"
    REFUSED = "refused"  # the customer has to change something (P38)
    CASE = "case"  # a person has it (P39)
    CHECKED = "checked"  # it was only looked at, and would go on
    BUILT = "built"  # its draft stands beside the instance and waits for an approval
    APPROVED = "approved"
    LIVE = "live"
    UNDOING = "undoing"  # the state before it is on its way back; the instance may be closed
    UNDONE = "undone"
    CALLED_OFF = "called off"

    @property
    def said(self) -> str:
        """As a sentence says it, behind “is”."""
        return "a case" if self is ImportState.CASE else self.value


EDGES: Mapping[ImportState, frozenset[ImportState]] = {
    ImportState.ASKED: frozenset(
        {ImportState.REFUSED, ImportState.CASE, ImportState.CHECKED, ImportState.BUILT, ImportState.CALLED_OFF}
    ),
    ImportState.CHECKED: frozenset({ImportState.CALLED_OFF}),
    ImportState.BUILT: frozenset({ImportState.APPROVED, ImportState.CALLED_OFF}),
    ImportState.APPROVED: frozenset({ImportState.LIVE, ImportState.UNDOING, ImportState.CALLED_OFF}),
    ImportState.LIVE: frozenset({ImportState.UNDOING}),
    ImportState.UNDOING: frozenset({ImportState.UNDONE}),
}

UNDER_WAY = frozenset({ImportState.ASKED, ImportState.APPROVED, ImportState.UNDOING})
"""A run has to go on with these."""


class ImportStands(Refused):
    """An import can't be brought to a state from where it stands."""


@dataclass(frozen=True)
class ImportFacts:
    """An import as the inventory knows it.

    Args:
        id: its number.
        instance: that gets it.
        server: where the archive is fetched to and the draft stands.
        only_check: it is only looked at; nothing is built.
        shown_url: where the archive lies, without anything that opens it.
        modifications: that the customer declared (P35).
        told_sha256: as the customer, or an earlier look, told it; empty if nobody did.
        sha256: of what came; empty before.
        bytes: of what came.
        release_id: that the draft was built with; empty before.
        stamp: names what lies aside; empty before it goes live.
        report: what was taken over, converted and left out; empty before.
        finding: why it is where it is, in the words for people; empty where nothing is to be said.
        evidence: what the run has to know that goes on.
        aside_gone_at: when what it replaced was dropped.
    """

    id: int
    instance: str
    server: str
    state: ImportState
    only_check: bool
    shown_url: str
    modifications: tuple[str, ...]
    told_sha256: str
    by: str
    why: str
    asked_at: datetime
    sha256: str = ""
    bytes: int = 0
    release_id: str = ""
    stamp: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    finding: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    approved_by: str = ""
    live_at: datetime | None = None
    ended_at: datetime | None = None
    aside_gone_at: datetime | None = None

    @property
    def origin(self) -> str:
        """How the draft's records name what it is made from."""
        return f"import-{self.id}"


def began_at(stamp: str) -> datetime | None:
    """When an import began to go live, by its stamp in UTC; None where it has not."""
    try:
        return datetime.strptime(stamp, "%y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def run_goes_on(number: int) -> str:
    """What is to be done about an import that is under way."""
    return f"Its run is at it, or failed; go on by: phm import start --number {number}."


def check_step(number: int, state: ImportState, wanted: ImportState) -> None:
    """See that an import may come from its state to another.

    Raises:
        ImportStands: it may not; says what can be done instead.
    """
    if wanted in EDGES.get(state, frozenset()):
        return
    go_on = run_goes_on(number)
    do = {
        ImportState.ASKED: go_on,
        ImportState.BUILT: f"Approve it (phm import approve {number}), or call it off (phm import call-off {number}).",
        ImportState.APPROVED: go_on,
        ImportState.LIVE: f"What it replaced can be put back: phm import undo {number}.",
        ImportState.UNDOING: go_on,
        ImportState.CASE: "A person has it (phm case list); a further one begins with: phm import start.",
    }.get(state, "It is at its end; a further one begins with: phm import start.")
    raise ImportStands(f"The import {number} is {state.said}; it can't be {wanted}.", do)
