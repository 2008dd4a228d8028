"""Imports in the inventory: asked for, decided, built, approved, live, undone; a record before a run (P33, P39)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import deeds, instances, leases, restores
from hosting.inventory.closed_imports import HALF
from hosting.inventory.import_rows import Import, facts_of
from hosting.policy.imports import EDGES, UNDER_WAY, ImportFacts, ImportStands, ImportState, check_step
from hosting.policy.states import InstanceState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session


class UnknownImport(Refused):
    """No import has this number."""


class ImportUnderWay(Refused):
    """Another import of the instance is not at its end."""


@dataclass(frozen=True)
class ImportWish:
    """What an operator wants.

    Args:
        instance: that gets it.
        shown_url: where the archive lies, without anything that opens it.
        sealed_source: all that is needed to fetch and open it, sealed.
        only_check: it is only looked at.
        modifications: that the customer declared (P35).
        told_sha256: the archive's, if the customer told it, or an earlier look did.
        why: the reason.
    """

    instance: str
    shown_url: str
    sealed_source: str = field(repr=False)
    only_check: bool = False
    modifications: tuple[str, ...] = ()
    told_sha256: str = ""
    why: str = ""


def subject_of(number: int) -> str:
    """How deeds and cases name an import."""
    return f"import:{number}"


def ask(session: Session, wish: ImportWish, by: str, now: datetime) -> ImportFacts:
    """Ask for an import; drafts of the instance that nobody approved are called off by it, except by a mere look.

    Raises:
        UnknownInstance: no instance has this name.
        ImportStands: the instance is not open.
        ImportUnderWay: another one of it is at work.
    """
    instance = instances.lock(session, wish.instance)
    if instance.state is not InstanceState.ACTIVE:
        raise ImportStands(f"{wish.instance} is {instance.state}.", "An import goes into an open instance only.")
    for row in _rows_of(session, wish.instance):
        if ImportState(row.state) in UNDER_WAY:
            message = f"The import {row.id} of {wish.instance} is {row.state}."
            raise ImportUnderWay(message, f"Go on with it (phm import start --number {row.id}), or call it off.")
        if row.state == ImportState.CHECKED or (row.state == ImportState.BUILT and not wish.only_check):
            _come_to(row, ImportState.CALLED_OFF, now, "A newer one was asked for.")
    row = Import(
        instance_name=wish.instance, server_name=instance.server_name, state=ImportState.ASKED,
        only_check=wish.only_check, sealed_source=wish.sealed_source, shown_url=wish.shown_url,
        declared={"modifications": list(wish.modifications)}, told_sha256=wish.told_sha256, by=by, why=wish.why,
        asked_at=now, sha256="", bytes=0, release_id="", stamp="", report={}, finding="", evidence={}, approved_by="",
    )  # fmt: skip
    session.add(row)
    session.flush()
    told = {"instance": wish.instance, "url": wish.shown_url, "only_check": wish.only_check}
    deeds.record(session, by, "import asked for", subject_of(row.id), why=wish.why, evidence=told, now=now)
    return facts_of(row)


def import_facts(session: Session, number: int) -> ImportFacts:
    """One import.

    Raises:
        UnknownImport: no import has this number.
    """
    row = session.get(Import, number)
    if row is None:
        raise UnknownImport(f"There is no import {number}.", "List them: phm import status.")
    return facts_of(row)


def sealed_source(session: Session, number: int) -> str:
    """What is needed to fetch and open the archive, sealed.

    Raises:
        ImportStands: nobody needs it any more, and it is gone.
    """
    import_facts(session, number)
    sealed = session.get_one(Import, number).sealed_source
    if not sealed:
        raise ImportStands(f"The import {number} has forgotten its source.", "Start another one with the URL.")
    return sealed


def all_imports(session: Session, instance: str = "") -> list[ImportFacts]:
    """All imports, or those of an instance, the oldest first."""
    rows = select(Import).order_by(Import.id)
    wanted = rows.where(Import.instance_name == instance) if instance else rows
    return [facts_of(row) for row in session.scalars(wanted)]


def record_fetched(session: Session, number: int, sha256: str, size: int) -> ImportFacts:
    """The archive lies whole on the server."""
    row = _locked(session, number)
    row.sha256, row.bytes = sha256, size
    return facts_of(row)


def record_decided(
    session: Session, number: int, state: ImportState, report: Mapping[str, Any], *, finding: str, now: datetime
) -> ImportFacts:
    """What came of the look: refused, a case, or only checked."""
    row = _locked(session, number)
    if row.state != state:  # else the answer to the transaction was lost, and it is tried again
        _come_to(row, state, now, finding)
        row.report = dict(report)
        _note(session, row, state, now, {"sha256": row.sha256})
    return facts_of(row)


def record_built(session: Session, number: int, report: Mapping[str, Any], release: str, now: datetime) -> ImportFacts:
    """The draft stands, was compared, and waits for an approval; what opens the archive is forgotten."""
    row = _locked(session, number)
    if row.state != ImportState.BUILT:
        _come_to(row, ImportState.BUILT, now, "")
        row.report, row.release_id = dict(report), release
        _note(session, row, ImportState.BUILT, now, {"sha256": row.sha256, "release": release})
    return facts_of(row)


def approve(session: Session, number: int, by: str, why: str, now: datetime) -> ImportFacts:
    """A person has looked at the report and lets it go live; who approves one that is approved changes nothing.

    Raises:
        UnknownImport: no import has this number.
        ImportStands: there is nothing to approve.
    """
    row = _locked(session, number)
    if row.state != ImportState.APPROVED:
        _come_to(row, ImportState.APPROVED, now, "")
        row.approved_by = by
        deeds.record(session, by, "import approved", subject_of(number), why=why, evidence={}, now=now)
    return facts_of(row)


def begin_going_live(session: Session, number: int, evidence: Mapping[str, Any], now: datetime) -> ImportFacts:
    """The first step of going live, once: under which stamp the old state goes aside, and what it is.

    Raises:
        ImportStands: it was called off meanwhile, or another run has brought it to its end.
    """
    row = _locked(session, number)
    if row.state != ImportState.APPROVED:
        raise ImportStands(f"The import {number} is {row.state}; it does not go live.", "Look: phm import status.")
    if not row.stamp:
        row.stamp, row.evidence = f"{now:%y%m%d%H%M%S}", dict(evidence)
        _note(session, row, "going live", now, evidence)
    return facts_of(row)


def record_live(session: Session, number: int, evidence: Mapping[str, Any], now: datetime) -> ImportFacts:
    """It is in the instance's place, open and proven; the old state lies aside."""
    row = _locked(session, number)
    if row.state != ImportState.LIVE:
        _come_to(row, ImportState.LIVE, now, "")
        row.live_at = now
        row.evidence = {**row.evidence, **evidence}
        _note(session, row, ImportState.LIVE, now, evidence)
    return facts_of(row)


def begin_undoing(session: Session, number: int, by: str, why: str, now: datetime) -> ImportFacts:
    """The first step of the way back, on record before the instance is closed; again, it changes nothing.

    Raises:
        ImportStands: there is nothing to put back, or it isn't the latest that took the instance's place.
    """
    row = _locked(session, number)
    if row.state != ImportState.UNDOING:
        _check_undoable(session, row, now)
        _come_to(row, ImportState.UNDOING, now, why)
        row.evidence = {**row.evidence, "undo": {"by": by, "why": why}}
        deeds.record(session, by, "import undoing", subject_of(number), why=why, evidence={"stamp": row.stamp}, now=now)
    return facts_of(row)


def record_undone(session: Session, number: int, now: datetime) -> ImportFacts:
    """The state before it is in its place again."""
    row = _locked(session, number)
    if row.state != ImportState.UNDONE:
        by, why = row.evidence["undo"]["by"], row.evidence["undo"]["why"]
        _come_to(row, ImportState.UNDONE, now, why)
        deeds.record(session, by, "import undone", subject_of(number), why=why, evidence={"stamp": row.stamp}, now=now)
    return facts_of(row)


def call_off(session: Session, number: int, by: str, why: str, now: datetime) -> ImportFacts:
    """Nothing comes of it; what did not pass its proof keeps its stamp, so that it is dropped in time.

    Raises:
        UnknownImport: no import has this number.
        ImportStands: it is on its way into the instance, has gone live, or is at its end.
    """
    row = _locked(session, number)
    if row.stamp and by != deeds.SERVICE and row.state == ImportState.APPROVED:
        message = f"The import {number} is on its way into {row.instance_name}."
        do = f"Go on with it (phm import start --number {number}), or take it back (phm import undo {number})."
        raise ImportStands(message, do)
    if row.state != ImportState.CALLED_OFF:
        _come_to(row, ImportState.CALLED_OFF, now, why)
        deeds.record(session, by, "import called off", subject_of(number), why=why, now=now)
    return facts_of(row)


def record_aside_gone(session: Session, number: int, now: datetime) -> None:
    """Nothing is left of what it replaced."""
    row = _locked(session, number)
    row.aside_gone_at = row.aside_gone_at or now


def with_something_aside(session: Session) -> list[ImportFacts]:
    """Imports of which something lies aside: the state before them, or what did not pass."""
    rows = select(Import).where(Import.stamp != "", Import.aside_gone_at.is_(None)).order_by(Import.id)
    over = {ImportState.LIVE, ImportState.UNDONE, ImportState.CALLED_OFF}
    return [facts_of(row) for row in session.scalars(rows) if row.state in over]


def left_on_their_way(session: Session, now: datetime) -> list[ImportFacts]:
    """Imports on their way into an instance or back on which nobody works: the instance may be closed meanwhile."""
    rows = select(Import).where(HALF).order_by(Import.id)
    at_work = {lease.instance_name for lease in leases.living(session, now)}
    return [facts_of(row) for row in session.scalars(rows) if row.instance_name not in at_work]


def _check_undoable(session: Session, row: Import, now: datetime) -> None:
    """See that what an import has replaced can be put back: by an import that is live, or half on its way.

    Raises:
        ImportStands: it can't; names what has to be undone before.
    """
    instance, half = instances.instance_facts(session, row.instance_name), row.state == ImportState.APPROVED
    if row.state != ImportState.LIVE and not (half and row.stamp):
        message = f"The import {row.id} is {row.state}; {row.instance_name} is as it was before it."
        over = ImportState.CALLED_OFF not in EDGES.get(ImportState(row.state), ())
        do = "Nothing is to be put back." if over else f"To give it up: phm import call-off {row.id}."
        raise ImportStands(message, do)
    if row.aside_gone_at or instance.server_name != row.server_name:
        message = f"The import {row.id} is {row.state}; the state before it can't be put back."
        raise ImportStands(message, f"Restore a point of before it: phm snapshots {row.instance_name}.")
    since = row.live_at or now
    for later in _rows_of(session, row.instance_name):
        if later.state == ImportState.LIVE and later.live_at and later.live_at > since:
            message = f"The import {later.id} took the place of {row.id} in {row.instance_name}."
            raise ImportStands(message, f"Undo that one before: phm import undo {later.id}.")
    restore = restores.whole_after(session, row.instance_name, since)
    if restore:
        message = f"The point {restore.point} was restored into {row.instance_name} since the import {row.id}."
        raise ImportStands(message, f"Restore a point of before it: phm snapshots {row.instance_name}.")


def _rows_of(session: Session, instance: str) -> list[Import]:
    """The rows of an instance, locked."""
    rows = select(Import).where(Import.instance_name == instance).order_by(Import.id).with_for_update()
    return list(session.scalars(rows))


def _locked(session: Session, number: int) -> Import:
    """The row of a number, locked."""
    row = session.get(Import, number, with_for_update=True, populate_existing=True)
    if row is None:
        raise UnknownImport(f"There is no import {number}.", "List them: phm import status.")
    return row


def _come_to(row: Import, state: ImportState, now: datetime, finding: str) -> None:
    """Another state, if it may be; at an end nobody needs the source's secrets."""
    check_step(row.id, ImportState(row.state), state)
    row.state, row.finding = state, finding
    if state is not ImportState.CHECKED:
        row.sealed_source = ""
    if state not in {ImportState.BUILT, ImportState.APPROVED}:
        row.ended_at = now


def _note(session: Session, row: Import, what: str, now: datetime, evidence: Mapping[str, Any]) -> None:
    """A deed of the service on an import."""
    told = {"instance": row.instance_name, **evidence}
    deeds.record(session, deeds.SERVICE, f"import {what}", subject_of(row.id), evidence=told, now=now)
