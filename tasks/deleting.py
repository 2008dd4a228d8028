"""An instance whose days are over is deleted, place by place, and on record (P41; decision 0030)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import update

from hosting.errors import ServiceError
from hosting.inventory import deeds, ending_records, endings, erasing, instances, recovery_points
from hosting.inventory.models import Generation
from hosting.inventory.session import in_transaction
from hosting.policy.leaving import NOTHING, Listing, listing_of
from hosting.policy.states import GenerationState
from tasks.leaving_places import DATABASE, SERVER, Held, Places, places_of
from tasks.records import inventory, now
from tasks.standing_in import answer_for, answering
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.policy.leaving import EndFacts

KEYS, RECORDS = ending_records.KEYS, "inventory"
PURPOSES = ("database", "root_admin", "backup")


@dataclass(frozen=True)
class NotCleared:
    """A place that could not be cleared, and why."""

    place: str
    error: ServiceError


@reading
def begin_deleting(end: EndFacts) -> EndFacts:
    """From here on there is only forward; refused where it is not due, on hold, or not ended."""
    return in_transaction(inventory(), partial(endings.begin_deleting, number=end.id, now=now()))


@reading
def list_before(end: EndFacts, places: Places) -> list[NotCleared]:
    """What is in each place, on record before anything goes; a place that does not answer is told.

    What was listed by a run before stays as that found it.
    """
    silent = []
    for place in places_of(end.names, places):
        try:
            found = place.listed()
        except ServiceError as error:
            silent.append(_not_cleared(end, place.name, error))
            continue
        in_transaction(
            inventory(),
            partial(ending_records.record_listing, number=end.id, place=place.name, listing=found, now=now()),
        )
    return silent


@reading
def clear_places(end: EndFacts, places: Places, silent: list[NotCleared]) -> list[NotCleared]:
    """Each place is cleared and looked at again; one that can't be stops none of the others."""
    skipped, left = {one.place for one in silent}, list(silent)
    for place in places_of(end.names, places):
        if place.name in skipped:
            continue
        try:
            place.clear()
            _record_cleared(end, place.name, place.listed())
        except ServiceError as error:
            left.append(_not_cleared(end, place.name, error))
    return left


@reading
def record_gone_with_servers(end: EndFacts, places: Places) -> None:
    """What a deletion found on a server that was retired before it was clear went with that server's disks."""
    gone = [f"{kind} {one.name}" for one in places.retired for kind in (SERVER, DATABASE)]
    why = "The server is retired; what it still had went with its disks."
    record = partial(ending_records.record_gone_with, number=end.id, places=gone, finding=why, now=now())
    in_transaction(inventory(), record)


@reading
def check_all_clear(end: EndFacts) -> None:
    """Nothing is left in any place: asked before the customer is told so.

    Raises:
        DriftFound: something is.
    """
    with inventory().reading() as session:
        ending_records.check_all_clear(session, end.id)


@reading
def ensure_not_answered_for(places: Places) -> None:
    """Who stands in for a server that the instance has left, and that is retired, passes nothing of it on any more."""
    for home in places.retired:
        answer_for(answering(home), home)


@reading
def destroy_keys(end: EndFacts) -> None:
    """The instance's secrets and the passwords of its backups: what the store may still keep, nobody can read.

    Whatever of the store has to wait for its lock, the keys go at once.
    """

    def destroy(session: Session) -> None:
        name = end.instance_name
        generations = recovery_points.generations_of(session, name)
        found = [(f"secret {purpose}", 0) for purpose in PURPOSES if instances.has_secret(session, name, purpose)]
        found += [(f"generation {one.id}", 0) for one in generations if one.wrapped_password]
        ending_records.record_listing(session, end.id, KEYS, listing_of(found), now())
        for purpose in PURPOSES:
            instances.forget_secret(session, name, purpose, by=deeds.SERVICE, now=now())
        session.execute(update(Generation).where(Generation.instance_name == name).values(wrapped_password=""))
        ending_records.record_cleared(session, end.id, KEYS, NOTHING, now())

    in_transaction(inventory(), destroy)


@reading
def record_backups_gone(end: EndFacts) -> None:
    """The store has nothing of its generations any more: they count as dropped."""

    def dropped(session: Session) -> None:
        for one in recovery_points.generations_of(session, end.instance_name):
            if one.state is not GenerationState.DROPPED:
                why = "The instance is deleted."
                recovery_points.mark_generation(session, one.id, GenerationState.DROPPING, why, now())
                recovery_points.mark_generation(session, one.id, GenerationState.DROPPED, why, now())

    in_transaction(inventory(), dropped)


@reading
def erase_records(end: EndFacts) -> EndFacts:
    """The person is taken out of the inventory, and the deletion is on record: both at once, the last of all."""

    def erase(session: Session) -> EndFacts:
        before, after = erasing.erase(session, end.instance_name, now())
        ending_records.record_listing(session, end.id, RECORDS, before, now())
        ending_records.record_cleared(session, end.id, RECORDS, after, now())
        return ending_records.record_deleted(session, end.id, now())

    return in_transaction(inventory(), erase)


def would_go(held: Held, places: Places) -> list[tuple[str, Listing | str]]:
    """What a deletion would find in each place now, or why that can't be told; nothing is changed."""
    found: list[tuple[str, Listing | str]] = []
    for place in places_of(held, places):
        try:
            found.append((place.name, place.listed()))
        except ServiceError as error:
            found.append((place.name, str(error)))
    return found


def _record_cleared(end: EndFacts, place: str, left: Listing) -> None:
    """What is left in a place.

    Raises:
        ServiceError: it is not nothing.
    """
    record = partial(ending_records.record_cleared, number=end.id, place=place, listing=left, now=now())
    in_transaction(inventory(), record)
    if left != NOTHING:
        message = f"{place} still has {left.count} things of {end.instance_name}."
        raise ServiceError(message, f"Look there; phm end would-delete {end.instance_name} lists them.")


def _not_cleared(end: EndFacts, place: str, error: ServiceError) -> NotCleared:
    """A place that waits, with its reason on record."""
    run_logger().error("%s: %s", place, error)
    record = partial(ending_records.record_not_cleared, number=end.id, place=place, finding=str(error), now=now())
    in_transaction(inventory(), record)
    return NotCleared(place, error)
