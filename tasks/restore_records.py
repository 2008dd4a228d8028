"""What the inventory knows of restores: begun, so that a killed run is gone on with, and ended (P20)."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hosting.errors import Refused
from hosting.inventory import cases, deeds, former_homes, instances, moves, releases, restores, servers
from hosting.inventory.cases import LEFT_BEHIND
from hosting.inventory.restores import BEGUN, BROUGHT_BACK, CALLED_OFF, ENDED, EXCHANGING, SWITCHED
from hosting.inventory.session import in_transaction
from hosting.policy.placement import check_takes
from hosting.policy.restore_audit import restore_command
from tasks.elsewhere import silence_of
from tasks.records import inventory, now
from tasks.restoring import Restore, read_tables
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

    from hosting.inventory.restores import RestoreFacts
    from hosting.policy.values import InstanceFacts, PointFacts, ServerFacts

CLOSED = "closed, passes its requests on and goes like what a move leaves."
NOT_CLOSED = "not closed, since it did not answer: if it comes back, it serves the old state until it is closed."
NOT_TAKEN_AWAY = "What was set up there has to go before that server is used again; nobody was led to it."


class RestoreUnderWay(Refused):
    """Another restore of the instance was begun and is not at its end."""


@reading
def begin_restore(server: ServerFacts, instance: InstanceFacts, point: PointFacts, what: str) -> Restore:
    """A restore that is begun now, or the one of the same point that a run before this one had begun.

    One of another point, which had replaced nothing yet, is called off: a point that can't be brought back keeps
    nobody from another one. So is one whose server does not answer, however far it has come there. On another server
    its room is taken from here on.

    Raises:
        RestoreUnderWay: one of another point, or of another part, has come further and is not at its end.
        NoServerHasRoom: another server can't take the instance any more.
    """
    wish = point.id, server.name, what
    tables = read_tables.fn(server, instance)
    lost = _silent_place(server, instance)

    def begin(session: Session) -> Restore:
        begun = restores.open_restore(session, instance.name)
        if begun is not None and begun.wish != wish and (can_be_called_off(begun, server) or begun.server == lost):
            _give_up(session, begun, instance, f"{point.id} was asked for instead.", lost=begun.server == lost)
            begun = None
        if begun is None:
            begun = _begin(session, server, instance, wish, tables)
        if begun.wish != wish:
            raise _under_way(begun, instance)
        known = releases.release_facts(session, str(begun.told["release"]))
        was = replace(instance, release=known)  # a run that ended after the exchange has recorded the point's
        before = tuple(begun.told["tables"])
        return Restore(was, point, begun.stamp, before, begun.brought_back, begun.switched)

    return in_transaction(inventory(), begin)


def _begin(
    session: Session, server: ServerFacts, instance: InstanceFacts, wish: tuple[str, str, str], tables: Iterable[str]
) -> RestoreFacts:
    """A restore is begun: recorded, and counted where it goes."""
    if server.name != instance.server_name:
        there = {one.name: one for one in servers.lock_servers(session)}[server.name]
        check_takes(there, instance.storage_gib)
    point, at = wish[0], now()
    told = {
        "point": point, "server": server.name, "what": wish[2], "stamp": f"{at:%y%m%d%H%M%S}",
        "tables": sorted(tables), "release": instance.release.id,
    }  # fmt: skip
    subject = instances.subject_of(instance.name)
    deeds.record(session, deeds.SERVICE, BEGUN, subject, evidence=told, now=at)
    return restores.RestoreFacts(instance.name, point, server.name, str(told["stamp"]), at, told)


def _silent_place(server: ServerFacts, instance: InstanceFacts) -> str:
    """The other server of a restore that was begun before, by name, where it does not answer; empty where it does."""
    with inventory().reading() as session:
        begun = restores.open_restore(session, instance.name)
        place = servers.server_facts(session, begun.server) if begun and begun.server != server.name else None
    return str(place.name) if place and silence_of(place) else ""


def _give_up(session: Session, begun: RestoreFacts, instance: InstanceFacts, why: str, *, lost: bool) -> None:
    """Another restore is begun instead of one; what it leaves on a server that does not answer is for a person."""
    told = {"point": begun.point, "stamp": begun.stamp, "why": f"{why} {begun.server} did not answer." if lost else why}
    subject, what = instances.subject_of(instance.name), ENDED if begun.switched else CALLED_OFF
    deeds.record(session, deeds.SERVICE, what, subject, evidence=told, now=now())
    if begun.switched:
        closed = bool(begun.switched["old_closed"])
        _tell_left(session, begun.instance, begun.stamp, begun.server, begun.left, closed, ())
    elif lost and begun.server != instance.server_name:
        summary = (
            f"{instance.name} was to be restored on {begun.server}, which did not answer any more. {NOT_TAKEN_AWAY}"
        )
        key, facts = f"left:{instance.name}:{begun.stamp}", {"server": begun.server}
        cases.raise_case(session, key, LEFT_BEHIND, subject, summary, facts=facts, now=now())


def _tell_left(  # noqa: PLR0917  # the columns of the case
    session: Session, name: str, stamp: str, server: str, old: str, closed: bool, silent: Iterable[str]
) -> None:
    """What a restore on another server left on the old one is put before a person."""
    summary = f"{name} was restored on {server}. What {old} still has of it is {CLOSED if closed else NOT_CLOSED}"
    if unknowing := ", ".join(silent):
        summary += f" Its requests are not passed on by {unknowing}, which did not answer."
    key, facts, subject = f"left:{name}:{stamp}", {"server": old, "closed": closed}, instances.subject_of(name)
    cases.raise_case(session, key, LEFT_BEHIND, subject, summary, facts=facts, now=now())


def _under_way(begun: RestoreFacts, instance: InstanceFacts) -> RestoreUnderWay:
    """Another restore comes first."""
    point, where, what = begun.wish
    command = restore_command(instance.name, point, part=what, server="" if where == instance.server_name else where)
    message = f"A restore of {instance.name} to {point} ({what}) was begun and is not at its end."
    return RestoreUnderWay(message, f"Run it to its end first: {command}")


def can_be_called_off(begun: RestoreFacts, server: ServerFacts) -> bool:
    """Whether nothing of a restore is in its place yet, neither here nor on another server."""
    return not begun.brought_back and begun.server == server.name


@reading
def record_brought_back(restore: Restore) -> None:
    """The point lies beside, compared: a run that comes after goes on with the exchange."""
    _end(restore, BROUGHT_BACK, {})


@reading
def record_exchanging(restore: Restore) -> None:
    """The instance is closed for it next: until it is at its end, or taken back, nobody else works on the instance."""

    def exchange(session: Session) -> None:
        begun = restores.open_restore(session, restore.instance.name)
        if begun is None or not begun.exchanging:  # once, however often a run goes on with it
            _record(session, restore, EXCHANGING, {})

    in_transaction(inventory(), exchange)


@reading
def end_restore(restore: Restore, evidence: dict[str, Any]) -> None:
    """The restored state is open and proven; the old one lies aside under the stamp."""
    _end(restore, ENDED, evidence)


@reading
def record_switched(restore: Restore, server: ServerFacts, old: ServerFacts, evidence: dict[str, Any]) -> None:
    """The instance is on the other server from this moment on, proven there: before anything of the old one goes.

    One transaction: server, release, what is left behind like by a move, and that a run which comes after this one
    must go on from here. From then on nobody takes the place on the new server away (`drop_place`).

    Args:
        restore: what was brought back.
        server: where.
        old: the server that was left.
        evidence: of the exchange; `old_closed` tells whether the old server answered and was closed.
    """
    name, why = restore.instance.name, f"Restored there to {restore.point.id}."

    def switch(session: Session) -> None:
        at, closed = now(), bool(evidence["old_closed"])
        if instances.instance_facts(session, name).server_name == server.name:
            return  # the answer to the transaction was lost, and it is tried again
        with contextlib.suppress(moves.MoveNotPlanned):  # it was to begin on the server that is left
            moves.call_off_planned(session, name, why, by=deeds.SERVICE, now=at)
        instances.record_server(session, name, server.name, why, at)
        instances.record_release(session, name, restore.point.release_id, at)
        left = moves.record_left(session, name, old.name, server.name, why=why, now=at, kept=closed)
        if not closed:  # if it comes back, it is fenced and passes on, like one that was silent when it was left
            former_homes.record_owed(session, left.id, f"{old.name} did not answer.", at)
        _record(session, restore, SWITCHED, {**evidence, "from": old.name})

    in_transaction(inventory(), switch)


@reading
def end_restore_elsewhere(restore: Restore, server: ServerFacts, old: ServerFacts, evidence: dict[str, Any]) -> None:
    """All is settled on the other server; what the old one still has is for a person.

    Args:
        restore: what was brought back.
        server: where.
        old: the server that was left.
        evidence: `old_closed` as above; `silent` names earlier homes that could not be told where it is now.
    """
    name, closed = restore.instance.name, bool(evidence["old_closed"])

    def end(session: Session) -> None:
        _record(session, restore, ENDED, evidence)
        _tell_left(session, name, restore.stamp, server.name, old.name, closed, evidence["silent"])
        left = former_homes.last_move(session, name)
        if left is not None and (silent := [*([] if closed else [str(old.name)]), *evidence["silent"]]):
            former_homes.record_owed(session, left.id, f"{', '.join(silent)} did not answer.", now())

    in_transaction(inventory(), end)


@reading
def call_off_restore(restore: Restore, why: str) -> None:
    """The old state is back in its place, and so is its release."""

    def call_off(session: Session) -> None:
        instances.record_release(session, restore.instance.name, restore.instance.release.id, now())
        _record(session, restore, CALLED_OFF, {"why": why})

    in_transaction(inventory(), call_off)


def _end(restore: Restore, what: str, evidence: Mapping[str, Any]) -> None:
    in_transaction(inventory(), lambda session: _record(session, restore, what, evidence))


def _record(session: Session, restore: Restore, what: str, evidence: Mapping[str, Any]) -> None:
    """A deed of a restore, as `hosting.inventory.restores` reads it."""
    told = {"point": restore.point.id, "stamp": restore.stamp, **evidence}
    subject = instances.subject_of(restore.instance.name)
    deeds.record(session, deeds.SERVICE, what, subject, evidence=told, now=now())
