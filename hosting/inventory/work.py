"""Due work: the record that becomes a run, so that no lost run loses it and no doubled wish doubles it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import deeds
from hosting.inventory.models import Work
from hosting.policy.states import WorkState, step

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

TRIED_AGAIN = "work tried again"
"""The deed by which attempts beyond the first are counted."""

WENT_WELL = "work went well again"
"""The deed after which they are counted anew: work that goes on, such as looking at a domain, came through."""

PROVISION = "provision-instance"
"""The work of turning a paid order into an open instance; its subject is the order's reference."""

BACK_UP_SERVER = "back-up-server"
"""The work of backing up what is due on a server; its subject is the server's name, an @ and the minute in UTC."""

MOVE = "move-instance"
"""The work of a move that was agreed on; its subject is the move's number."""

EVACUATE = "evacuate-server"
"""The work of retiring a server that is empty; its subject is the server's name, a # and the evacuation's number."""

CHANGE_BOOKING = "change-booking"
"""The work of an instance's bookings whose day has come, or of a change that was asked for; its subject is the
instance's name, an @ and the day, or a # and the change's number."""

ASSIGN_SUBDOMAIN = "assign-subdomain"
"""The work of a name that an instance is to have; its subject is the instance's name, a # and the name's number."""

RELEASE_SUBDOMAIN = "release-subdomain"
"""The work of a name that is to go from its instance; its subject likewise."""

CONNECT_DOMAIN = "connect-domain"
"""The work of a customer's domain that an instance is to have; its subject is the instance's name, a # and the name's
number, an @ and the beginning of its certificate's fingerprint."""

DISCONNECT_DOMAIN = "disconnect-domain"
"""The work of a domain that is to go from its instance; its subject as that of a name that is released."""

RENEW_CERTIFICATE = "renew-certificate"
"""The work of another certificate for a domain that is live; its subject as that of a domain to be connected."""

UPDATE_APPLICATION = "update-application"
"""The work of a roll-out on a server; its subject is the roll-out's number, a colon, the server's name, an @ and the
minute in UTC."""

END_CONTRACT = "end-contract"
"""The work of a contract that was given notice of; its subject is the instance's name, a # and the ending's number."""

EXPORT = "export-instance"
"""The work of an export that was asked for; its subject is the export's number."""

SUSPEND = "suspend-instance"
"""The work of closing an instance whose suspension is wanted; its subject is the instance's name, an @ and a moment."""

RESUME = "resume-instance"
"""The work of opening an instance of which nobody wants that any more; its subject likewise."""

ENDS = frozenset({WorkState.DONE, WorkState.CANCELLED})
"""The states of work that nobody has to do any more."""


class UnknownWork(Refused):
    """No work has this number or subject."""


@dataclass(frozen=True)
class WorkFacts:
    """A piece of work as the inventory knows it."""

    id: int
    kind: str
    subject: str
    attempt: int
    due_at: datetime
    state: WorkState
    flow_run_id: str | None
    asked_by: str
    asked_at: datetime
    finding: str = ""

    @property
    def idempotency_key(self) -> str:
        """The same for the same attempt: a run is made once under it, however often it is asked for."""
        return f"{self.kind}:{self.subject}:{self.attempt}"


def tries(session: Session, kind: str, subject: str) -> int:
    """How often work was tried again since it last went well."""
    tried = 0
    for deed in deeds.deeds_of(session, f"work:{kind}:{subject}"):
        tried = 0 if deed.what == WENT_WELL else tried + (deed.what == TRIED_AGAIN)
    return tried


def record_went_well(session: Session, kind: str, subject: str, now: datetime) -> None:
    """Work that goes on came through; nothing is recorded where it was not tried again since it last did."""
    if tries(session, kind, subject):
        deeds.record(session, deeds.SERVICE, WENT_WELL, f"work:{kind}:{subject}", now=now)


def ask_for(session: Session, kind: str, subject: str, due_at: datetime, *, by: str, now: datetime) -> WorkFacts:
    """Ask for work, once for its kind and subject: what waits, runs or is done stays so, what failed is opened."""
    row = _of(session, kind, subject)
    if row is not None and row.state == WorkState.FAILED:
        return try_again(session, row.id, due_at)
    if row is None:
        row = Work(kind=kind, subject=subject, attempt=1, due_at=due_at, state=WorkState.OPEN)
        row.asked_by, row.asked_at, row.finding = by, now, ""
        session.add(row)
        session.flush()
    return _facts(row)


def due_work(session: Session, now: datetime) -> list[WorkFacts]:
    """The work that is open and due, the longest due first."""
    rows = select(Work).where(Work.state == WorkState.OPEN, Work.due_at <= now).order_by(Work.due_at, Work.id)
    return [_facts(row) for row in session.scalars(rows)]


def work_in(session: Session, *states: WorkState) -> list[WorkFacts]:
    """The work in these states, the first due first; all work if none is named."""
    rows = select(Work).order_by(Work.due_at, Work.id)
    if states:
        rows = rows.where(Work.state.in_(states))
    return [_facts(row) for row in session.scalars(rows)]


def work_of(session: Session, kind: str, subject: str) -> WorkFacts | None:
    """The work of a kind for a subject, None if it was never asked for."""
    row = session.scalars(select(Work).where(Work.kind == kind, Work.subject == subject)).first()
    return None if row is None else _facts(row)


def work_of_run(session: Session, flow_run_id: str) -> WorkFacts | None:
    """The work that a run was made for, None for a run by hand."""
    row = session.scalars(select(Work).where(Work.flow_run_id == flow_run_id)).first()
    return None if row is None else _facts(row)


def work_since(session: Session, kind: str, since: datetime) -> list[WorkFacts]:
    """The work of a kind that was asked for since a moment, or is not at its end, the first asked first."""
    waiting = Work.state.in_([WorkState.OPEN, WorkState.DISPATCHED])
    rows = select(Work).where(Work.kind == kind, (Work.asked_at >= since) | waiting)
    return [_facts(row) for row in session.scalars(rows.order_by(Work.asked_at, Work.id))]


def mark_dispatched(session: Session, work_id: int, flow_run_id: str, attempt: int) -> WorkFacts:
    """Record the run that does an attempt; work that is done, failed or at another attempt meanwhile stays so.

    Raises:
        UnknownWork: no work has this number.
    """
    row = _numbered(session, work_id)
    if row.state in {WorkState.OPEN, WorkState.DISPATCHED} and row.attempt == attempt:
        row.state, row.flow_run_id = WorkState.DISPATCHED, flow_run_id
    session.flush()
    return _facts(row)


def record_done(session: Session, kind: str, subject: str) -> None:
    """The work is done; nothing happens where none was asked for, so that a run by hand may say so too."""
    row = _of(session, kind, subject)
    if row is not None:
        row.state, row.finding = step(WorkState(row.state), WorkState.DONE), ""
        session.flush()


def record_failed(session: Session, kind: str, subject: str, finding: str) -> None:
    """The work failed with this sentence; work that is done or cancelled already stays so."""
    row = _of(session, kind, subject)
    if row is not None and row.state not in ENDS:
        row.state, row.finding = step(WorkState(row.state), WorkState.FAILED), finding
        session.flush()


def cancel(session: Session, kind: str, subject: str, finding: str) -> None:
    """Nobody wants the work any more, for this reason; work that is done already stays done."""
    row = _of(session, kind, subject)
    if row is not None and row.state not in ENDS:
        row.state, row.finding = step(WorkState(row.state), WorkState.CANCELLED), finding
        session.flush()


def try_again(session: Session, work_id: int, due_at: datetime) -> WorkFacts:
    """Open failed or lost work for another attempt, which gets a run of its own.

    Raises:
        UnknownWork: no work has this number.
        ForbiddenEdge: it is done or cancelled.
    """
    row = _numbered(session, work_id)
    row.state = step(WorkState(row.state), WorkState.OPEN)
    row.attempt += 1
    row.due_at, row.flow_run_id = due_at, None
    session.flush()
    return _facts(row)


def reschedule(session: Session, work_id: int, due_at: datetime) -> WorkFacts:
    """Set another moment; work that has a run already gets another attempt, since its run is used up.

    Raises:
        UnknownWork: no work has this number.
        ForbiddenEdge: it is done or cancelled.
    """
    row = _numbered(session, work_id)
    if row.state != WorkState.OPEN:
        return try_again(session, work_id, due_at)
    row.due_at = due_at
    session.flush()
    return _facts(row)


def _of(session: Session, kind: str, subject: str) -> Work | None:
    """The row of a kind and subject, locked."""
    query = select(Work).where(Work.kind == kind, Work.subject == subject)
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).first()


def _numbered(session: Session, work_id: int) -> Work:
    """The row of a number, locked."""
    row = session.get(Work, work_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise UnknownWork(f"There is no work {work_id}.", "List the work and take one of it.")
    return row


def _facts(row: Work) -> WorkFacts:
    """The row, frozen."""
    return WorkFacts(
        row.id,
        row.kind,
        row.subject,
        row.attempt,
        row.due_at,
        WorkState(row.state),
        row.flow_run_id,
        row.asked_by,
        row.asked_at,
        row.finding,
    )
