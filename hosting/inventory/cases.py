"""Matters put before a person, with the facts; the same matter is put once (P39, payments)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory.deeds import record
from hosting.inventory.models import Case

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session


SETUP_FAILED = "set-up failed"
"""The kind of the case that a failed set-up is."""

NOT_DONE = "work not done"
"""The kind of the case that work is whose runs came to nothing."""

NAME_NOT_JUDGED = "name not judged"
"""The kind of the case that a name is of which a customer told the shop something that can't be done as it stands."""

NAME_WAITS = "name to decide on"
"""The kind of the case that a name is which a customer wishes for, until a person has decided (P28)."""

REHEARSAL_FAILED = "rehearsal failed"
"""The kind of the case that a recovery point is which could not be brought back as it was recorded."""

LEFT_BEHIND = "old state left behind"
"""The kind of the case that a server is which still has an instance that was restored on another one."""

LEFT_NAME = "left:name:"
"""How the keys of those cases begin that are about names which are still on servers that did not answer."""

CONTROL_NOT_BACKED_UP = "control machine not backed up"
"""The kind of the case that the control machine is while its own backup does not get into the store."""


IMPORT_WAITS = "import for an offer"
"""The kind of the case that an old installation is which can't be taken over as things stand (P39)."""

NOT_AGREED = "move not agreed"
"""The kind of the case that an offer of times for a move is which came to no agreement by itself."""

CERTIFICATE_ENDED = "certificate ended"
"""The kind of the case that a domain is whose certificate has ended."""

DOMAIN_ASTRAY = "domain astray"
"""The kind of the case that a domain is which was live and does not lead here any more."""


class UnknownCase(Refused):
    """No case has this number."""


@dataclass(frozen=True)
class CaseFacts:
    """A case as the inventory knows it."""

    id: int
    key: str
    kind: str
    subject: str
    summary: str
    facts: Mapping[str, Any]
    raised_at: datetime
    settled_at: datetime | None = None
    settled_by: str | None = None
    decision: str = ""


def raise_case(
    session: Session,
    key: str,
    kind: str,
    subject: str,
    summary: str,
    *,
    facts: Mapping[str, Any],
    now: datetime,
) -> CaseFacts:
    """Put a matter before a person, once for its key; a matter that was put before stays as it is."""
    row = session.scalars(select(Case).where(Case.key == key)).first()
    if row is None:
        row = Case(key=key, kind=kind, subject=subject, summary=summary, facts=dict(facts), raised_at=now, decision="")
        session.add(row)
        session.flush()
    return facts_of(row)


def open_cases(session: Session) -> list[CaseFacts]:
    """The cases that nobody has settled, the oldest first."""
    rows = session.scalars(select(Case).where(Case.settled_at.is_(None)).order_by(Case.raised_at, Case.id))
    return [facts_of(row) for row in rows]


def cases_of(session: Session, subject: str) -> list[CaseFacts]:
    """All cases about a subject, the oldest first."""
    return [facts_of(row) for row in session.scalars(select(Case).where(Case.subject == subject).order_by(Case.id))]


def settle_case(session: Session, case_id: int, by: str, decision: str, now: datetime) -> CaseFacts:
    """Record a person's decision; a case that is settled keeps its first decision.

    Raises:
        UnknownCase: no case has this number.
    """
    row = session.scalars(select(Case).where(Case.id == case_id).with_for_update()).first()
    if row is None:
        raise UnknownCase(f"There is no case {case_id}.", "List the open cases and take one of them.")
    if row.settled_at is None:
        row.settled_at, row.settled_by, row.decision = now, by, decision
        evidence = {"case": row.id, "key": row.key}
        record(session, by, "case settled", row.subject, why=decision, evidence=evidence, now=now)
    return facts_of(row)


def settle_by_key(session: Session, key: str, by: str, decision: str, now: datetime) -> None:
    """Settle the case of a key, if there is one that is open: what it told of has come right by itself."""
    row = session.scalars(select(Case).where(Case.key == key, Case.settled_at.is_(None))).first()
    if row is not None:
        settle_case(session, row.id, by, decision, now)


def facts_of(row: Case) -> CaseFacts:
    """The row, frozen."""
    return CaseFacts(
        row.id,
        row.key,
        row.kind,
        row.subject,
        row.summary,
        row.facts,
        row.raised_at,
        row.settled_at,
        row.settled_by,
        row.decision,
    )
