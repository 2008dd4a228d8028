"""Exports in the inventory: asked for, made user by user, ready, fetched, withdrawn; a record before a run (P41)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import deeds, instances, work
from hosting.inventory.export_rows import Export, facts_of
from hosting.policy.exports import ArchiveFacts, ExportFacts, ExportStands, ExportState, as_json, check_step
from hosting.policy.states import InstanceState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

CUSTOMER = "customer"

THERE = frozenset({InstanceState.ACTIVE, InstanceState.SUSPENDED, InstanceState.CLOSED})
"""An instance that is closed for its customer still has all that is his."""


class UnknownExport(Refused):
    """No export has this number."""


class NothingToExport(Refused):
    """The instance is not there."""


@dataclass(frozen=True)
class ExportWish:
    """What is wanted.

    Args:
        instance: whose data.
        only_user: one user's name; empty: everybody's.
        why: the reason.
    """

    instance: str
    only_user: str = ""
    why: str = ""


def subject_of(number: int) -> str:
    """How deeds and cases name an export."""
    return f"export:{number}"


def ask(session: Session, wish: ExportWish, by: str, now: datetime) -> ExportFacts:
    """Ask for an export; one that is under way for the same is the answer, and nothing new begins.

    Raises:
        UnknownInstance: no instance has this name.
        NothingToExport: it is not there yet, or no more.
    """
    facts = instances.lock(session, wish.instance)
    if facts.state not in THERE:
        raise NothingToExport(
            f"{wish.instance} is {facts.state}.", "Only an instance that is set up has something in it."
        )
    waiting = (
        Export.instance_name == wish.instance,
        Export.state == ExportState.ASKED,
        Export.only_user == wish.only_user,
    )
    row = session.scalars(select(Export).where(*waiting)).first()
    if row is None:
        row = Export(
            instance_name=wish.instance, state=ExportState.ASKED, only_user=wish.only_user, by=by, why=wish.why,
            asked_at=now, archives={}, finding="",
        )  # fmt: skip
        session.add(row)
        session.flush()
        told = {"instance": wish.instance, "whole": not wish.only_user}
        deeds.record(session, by, "export asked for", subject_of(row.id), why=wish.why, evidence=told, now=now)
    return facts_of(row)


def order(session: Session, wish: ExportWish, by: str, now: datetime) -> ExportFacts:
    """Ask for an export that the clock's dispatcher begins; raises as `ask`."""
    asked = ask(session, wish, by, now)
    work.ask_for(session, work.EXPORT, str(asked.id), now, by=by, now=now)
    return asked


def export_facts(session: Session, number: int) -> ExportFacts:
    """One export.

    Raises:
        UnknownExport: no export has this number.
    """
    row = session.get(Export, number)
    if row is None:
        raise UnknownExport(f"There is no export {number}.", "List them: phm export status.")
    return facts_of(row)


def all_exports(session: Session, instance: str = "") -> list[ExportFacts]:
    """All exports, or those of an instance, the oldest first."""
    rows = select(Export).order_by(Export.id)
    wanted = rows.where(Export.instance_name == instance) if instance else rows
    return [facts_of(row) for row in session.scalars(wanted)]


def record_archive(session: Session, number: int, archive: ArchiveFacts) -> ExportFacts:
    """One user's archive is in the store, whole; told again, it is as it was.

    Raises:
        ExportStands: the export was called off meanwhile.
    """
    row = _locked(session, number)
    if row.state != ExportState.ASKED:
        raise ExportStands(f"The export {number} is {row.state}.", "Start another one: phm export start.")
    others = [one for one in row.archives.get("made", []) if one["uid"] != archive.uid]
    row.archives = {"made": sorted([*others, as_json(archive)], key=lambda one: int(one["uid"]))}
    return facts_of(row)


def record_ready(session: Session, number: int, ends_at: datetime, now: datetime) -> ExportFacts:
    """All archives are there, up to a moment from which on they are withdrawn."""
    row = _locked(session, number)
    if row.state != ExportState.READY:
        _come_to(row, ExportState.READY)
        row.ready_at, row.ends_at = now, ends_at
        made = [one for one in row.archives.get("made", []) if not one["skipped"]]
        told: dict[str, Any] = {
            "instance": row.instance_name, "archives": len(made), "bytes": sum(one["bytes"] for one in made),
        }  # fmt: skip
        deeds.record(session, deeds.SERVICE, "export ready", subject_of(number), evidence=told, now=now)
    return facts_of(row)


def record_told(session: Session, number: int) -> None:
    """The customer has the link: only now is nothing left to do, and no run has to go on with it."""
    work.record_done(session, work.EXPORT, str(number))


def unfinished(session: Session) -> list[ExportFacts]:
    """The exports that were asked for and are not ready, the oldest first."""
    rows = select(Export).where(Export.state == ExportState.ASKED).order_by(Export.id)
    return [facts_of(row) for row in session.scalars(rows)]


def record_fetched(session: Session, number: int, uid: int, now: datetime) -> None:
    """Somebody with the link has begun to fetch an archive; the first time is kept."""
    row = _locked(session, number)
    if row.fetched_at is None:
        row.fetched_at = now
    told = {"uid": uid}
    deeds.record(session, CUSTOMER, "export fetched", subject_of(number), evidence=told, now=now)


def call_off(session: Session, number: int, by: str, why: str, now: datetime) -> ExportFacts:
    """Nothing comes of it; what is in the store already is withdrawn by the clock.

    Raises:
        UnknownExport: no export has this number.
        ExportStands: it is ready: it is withdrawn, not called off.
    """
    row = _locked(session, number)
    if row.state != ExportState.CALLED_OFF:
        _come_to(row, ExportState.CALLED_OFF)
        row.finding, row.ends_at = why, now
        work.cancel(session, work.EXPORT, str(number), why)
        deeds.record(session, by, "export called off", subject_of(number), why=why, now=now)
    return facts_of(row)


def call_off_all(session: Session, instance: str, why: str, now: datetime) -> None:
    """Nothing comes of an instance's exports any more, and no run goes on with one."""
    for one in all_exports(session, instance):
        if one.state is ExportState.ASKED:
            call_off(session, one.id, deeds.SERVICE, why, now)
        work.cancel(session, work.EXPORT, str(one.id), why)


def end_now(session: Session, number: int, by: str, why: str, now: datetime) -> ExportFacts:
    """An export that is ready ends at once: its link opens nothing, the clock clears the store.

    Raises:
        UnknownExport: no export has this number.
        ExportStands: it is not ready.
    """
    row = _locked(session, number)
    if row.state != ExportState.READY:
        raise ExportStands(f"The export {number} is {row.state}; there is nothing to withdraw.", "phm export status")
    if row.ends_at is None or row.ends_at > now:
        row.ends_at = now
        deeds.record(session, by, "export ended early", subject_of(number), why=why, now=now)
    return facts_of(row)


def ended(session: Session, now: datetime) -> list[ExportFacts]:
    """The exports whose time is over and whose archives may still be in the store."""
    rows = select(Export).where(Export.ends_at <= now, Export.ended_at.is_(None)).order_by(Export.id)
    return [facts_of(row) for row in session.scalars(rows)]


def record_withdrawn(session: Session, number: int, found: dict[str, int], now: datetime) -> ExportFacts:
    """Nothing of it is left in the store; whose archives they were is forgotten, how many is not."""
    row = _locked(session, number)
    if row.ended_at is None:
        if row.state == ExportState.READY:
            _come_to(row, ExportState.WITHDRAWN)
        row.ended_at = now
        row.archives = {"made": [one | {"user": "", "key": ""} for one in row.archives.get("made", [])]}
        told = {"instance": row.instance_name, **found}
        deeds.record(session, deeds.SERVICE, "export withdrawn", subject_of(number), evidence=told, now=now)
    return facts_of(row)


def _locked(session: Session, number: int) -> Export:
    """The row of a number, locked."""
    row = session.get(Export, number, with_for_update=True, populate_existing=True)
    if row is None:
        raise UnknownExport(f"There is no export {number}.", "List them: phm export status.")
    return row


def _come_to(row: Export, state: ExportState) -> None:
    """Another state, if it may be."""
    check_step(row.id, ExportState(row.state), state)
    row.state = state
