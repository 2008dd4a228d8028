"""What the inventory knows of restores: begun, so that a killed run is gone on with, and ended (P20)."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hosting.errors import Refused
from hosting.inventory import cases, deeds, instances, moves, releases
from hosting.inventory.cases import LEFT_BEHIND
from hosting.inventory.session import in_transaction
from tasks.records import inventory, now
from tasks.restoring import Restore, read_tables
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from hosting.policy.values import InstanceFacts, PointFacts, ServerFacts

BEGUN = "restore begun"
BROUGHT_BACK = "restore brought back"
ENDED = "restore ended"
CALLED_OFF = "restore taken back"
CLOSED = "closed, passes its requests on and goes like what a move leaves."
NOT_CLOSED = "not closed, since it did not answer: if it comes back, it serves the old state and fetches its mail."


class RestoreUnderWay(Refused):
    """Another restore of the instance was begun and is not at its end."""


@reading
def begin_restore(server: ServerFacts, instance: InstanceFacts, point: PointFacts, what: str) -> Restore:
    """A restore that is begun now, or the one of the same point that a run before this one had begun.

    One of another point, which had replaced nothing yet, is called off: a point that can't be brought back keeps
    nobody from another one.

    Raises:
        RestoreUnderWay: one of another point, or of another part, has come further and is not at its end.
    """
    wish = point.id, server.name, what
    tables = read_tables.fn(server, instance)

    def begin(session: Session) -> Restore:
        subject = instances.subject_of(instance.name)
        begun = open_restore(session, subject)
        if begun is not None and wish_of(begun) != wish and can_be_called_off(begun, server):
            told = {"point": begun["point"], "stamp": begun["stamp"], "why": f"{point.id} was asked for instead."}
            deeds.record(session, deeds.SERVICE, CALLED_OFF, subject, evidence=told, now=now())
            begun = None
        if begun is None:
            at = now()
            evidence = {
                "point": point.id, "server": server.name, "what": what, "stamp": f"{at:%y%m%d%H%M%S}",
                "tables": sorted(tables), "release": instance.release.id,
            }  # fmt: skip
            deeds.record(session, deeds.SERVICE, BEGUN, subject, evidence=evidence, now=at)
            begun = evidence
        if wish_of(begun) != wish:
            message = (
                f"A restore of {instance.name} to {begun['point']} ({begun['what']}) was begun and is not at its end."
            )
            raise RestoreUnderWay(
                message, f"Run it to its end first: phm restore {instance.name} {begun['point']} --yes."
            )
        known = releases.release_facts(session, str(begun["release"]))
        was = replace(instance, release=known)  # a run that ended after the exchange may have recorded the point's
        return Restore(was, point, str(begun["stamp"]), tuple(begun["tables"]), bool(begun.get("brought_back")))

    return in_transaction(inventory(), begin)


def wish_of(begun: Mapping[str, Any]) -> tuple[str, str, str]:
    """What a restore that was begun is to bring back where."""
    return begun["point"], begun["server"], begun["what"]


def can_be_called_off(begun: Mapping[str, Any], server: ServerFacts) -> bool:
    """Whether nothing of a restore is in its place yet, neither here nor on another server."""
    return not begun.get("brought_back") and begun["server"] == server.name


@reading
def record_brought_back(restore: Restore) -> None:
    """The point lies beside, compared: a run that comes after goes on with the exchange."""
    _end(restore, BROUGHT_BACK, {})


@reading
def end_restore(restore: Restore, evidence: dict[str, Any]) -> None:
    """The restored state is open and proven; the old one lies aside under the stamp."""
    _end(restore, ENDED, evidence)


@reading
def end_restore_elsewhere(restore: Restore, server: ServerFacts, old: ServerFacts, evidence: dict[str, Any]) -> None:
    """The instance is on the other server from this moment on, open and proven; what the old one has is for a person.

    Args:
        restore: what was brought back.
        server: where.
        old: the server that was left.
        evidence: of the exchange; `old_closed` tells whether the old server answered and was closed, `silent` names
            earlier homes that could not be told where it is now.
    """
    name, told = restore.instance.name, {"point": restore.point.id, "stamp": restore.stamp, **evidence}

    def switch(session: Session) -> None:
        at, subject, closed = now(), instances.subject_of(name), bool(evidence["old_closed"])
        why = f"Restored there to {restore.point.id}."
        with contextlib.suppress(moves.MoveNotPlanned):  # it was to begin on the server that is left
            moves.call_off_planned(session, name, why, by=deeds.SERVICE, now=at)
        instances.record_server(session, name, server.name, why, at)
        moves.record_left(session, name, old.name, server.name, why=why, now=at, kept=closed)
        deeds.record(session, deeds.SERVICE, ENDED, subject, evidence=told, now=at)
        summary = f"{name} was restored on {server.name}. What {old.name} still has of it is "
        summary += CLOSED if closed else NOT_CLOSED
        if evidence["silent"]:
            summary += f" Its requests are not passed on by {', '.join(evidence['silent'])}, which did not answer."
        key, facts = f"left:{name}:{restore.stamp}", {"server": old.name, "closed": evidence["old_closed"]}
        cases.raise_case(session, key, LEFT_BEHIND, subject, summary, facts=facts, now=at)

    in_transaction(inventory(), switch)


@reading
def call_off_restore(restore: Restore, why: str) -> None:
    """The old state is back in its place."""
    _end(restore, CALLED_OFF, {"why": why})


def _end(restore: Restore, what: str, evidence: dict[str, Any]) -> None:
    told = {"point": restore.point.id, "stamp": restore.stamp, **evidence}
    subject = instances.subject_of(restore.instance.name)
    in_transaction(
        inventory(), lambda session: deeds.record(session, deeds.SERVICE, what, subject, evidence=told, now=now())
    )


def open_restore(session: Session, subject: str) -> dict[str, Any] | None:
    """The restore of an instance that was begun and is not at its end; None if there is none."""
    found = None
    for deed in deeds.deeds_of(session, subject):
        if deed.what == BEGUN:
            found = dict(deed.evidence)
        elif deed.what == BROUGHT_BACK and found:
            found["brought_back"] = True
        elif deed.what in {ENDED, CALLED_OFF}:
            found = None
    return found
