"""Mends of generations as their deeds tell them: begun, at their end, and where they have nothing to say (P20)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory.deeds import SERVICE, deeds_called, record
from hosting.inventory.instances import subject_of
from hosting.inventory.models import Snapshot
from hosting.inventory.recovery_points import generation as generation_of
from hosting.inventory.recovery_points import mark_generation
from hosting.policy.states import GenerationState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from hosting.policy.stored_versions import AlteredObject
    from hosting.policy.values import GenerationFacts

BEGUN = "generation mend begun"
"""The deed before the first object is brought back: what a killed run has left is gone on with."""

MENDED = "generation mended"
"""The deed of a generation whose objects are what was first written there, proven by a look through all of it."""

SINCE = "read since"
"""In a mend's evidence: when the look through all of the generation began."""

BROUGHT_BACK = "What was overwritten or hidden of it was brought back, and it was looked through whole."
NOTHING_TO_BRING = "Nothing of it was to be brought back, and it was looked through whole."


class RehearsalStands(Refused):
    """A rehearsal found something that no look through a generation's objects can see."""


def left_to_mend(session: Session, generation: GenerationFacts, altered: Sequence[AlteredObject]) -> bool:
    """Whether a mend has something to do: it is altered or damaged, or a run that had begun is not at its end.

    Raises:
        UnknownGeneration: no generation has this id.
        RehearsalStands: nothing can be brought back, and a rehearsal found a point of it not to be what was recorded.
    """
    if any(one.right for one in altered) or generation.id in unfinished_mends(session):
        return True
    if generation_of(session, generation.id).state is not GenerationState.DAMAGED:
        return bool(altered)
    query = select(Snapshot.id).where(Snapshot.generation == generation.id, Snapshot.damaged)
    if point := session.scalars(query.order_by(Snapshot.taken_at, Snapshot.id).limit(1)).first():
        name = generation.instance_name
        raise RehearsalStands(
            f"Nothing of generation {generation.id} is to be brought back, and a rehearsal found that its point "
            f"{point} is not what was recorded, which no look through the objects can tell otherwise.",
            f"Make a full backup (phm backup {name} --full); a rehearsal of each tells what other points are worth: "
            f"phm rehearse {name} POINT.",
        )
    return True


def record_mend_begun(session: Session, generation: GenerationFacts, objects: int, now: datetime) -> None:
    """Before the first object is brought back; one that is gone on with has begun already."""
    if generation.id not in unfinished_mends(session):
        told = {"generation": generation.id, "objects": objects}
        record(session, SERVICE, BEGUN, subject_of(generation.instance_name), evidence=told, now=now)


def record_mend_ended(  # noqa: PLR0917  # what is told of it
    session: Session, generation: GenerationFacts, server: str, objects: int, since: datetime, now: datetime
) -> None:
    """It can be relied on again; one that was damaged takes no further point, since a newer one may be there.

    Args:
        session: of the transaction.
        generation: which.
        server: where it was looked through.
        objects: that were brought back by this run.
        since: when the look through all of it began: what was altered later, it may not have seen.
        now: the moment.
    """
    why = BROUGHT_BACK if objects or generation.id in unfinished_mends(session) else NOTHING_TO_BRING
    if generation_of(session, generation.id).state is GenerationState.DAMAGED:
        mark_generation(session, generation.id, GenerationState.CLOSED, why, now)
    told = {"generation": generation.id, "objects": objects, "looked through on": server, SINCE: since.isoformat()}
    record(session, SERVICE, MENDED, subject_of(generation.instance_name), why=why, evidence=told, now=now)


def unfinished_mends(session: Session) -> set[str]:
    """The generations of which a mend was begun and is not at its end."""
    deeds = deeds_called(session, BEGUN, MENDED)
    last = {str(one.evidence["generation"]): one.what for one in deeds if one.evidence}  # none once it was deleted
    return {generation for generation, what in last.items() if what == BEGUN}


def found_sound(session: Session) -> dict[str, datetime]:
    """When the look began by which each generation was last found sound as a whole by a mend, by its id."""
    told = [deed.evidence for deed in deeds_called(session, MENDED)]
    return {str(one["generation"]): datetime.fromisoformat(one[SINCE]) for one in told if SINCE in one}
