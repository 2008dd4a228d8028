"""The rows of applications for names: found, locked, frozen into facts (P28)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory.models import NameApplication
from hosting.policy.states import ApplicationState
from hosting.policy.subdomain import outcome_of, read_back
from hosting.policy.values import InstanceName

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from hosting.policy.findings import Finding
    from hosting.policy.listed_names import Outcome
    from hosting.policy.values import NameFacts


class UnknownApplication(Refused):
    """No application has this number."""


@dataclass(frozen=True)
class ApplicationFacts:
    """An application as the inventory knows it.

    Args:
        wished: as it was handed in.
        name: as it would be entered, in Unicode.
        a_label: as DNS has it; empty if it is none.
        version: of the rules and lists by which it was judged.
        why: of whoever handed it in.
        reason: of whoever decided; what a person writes to refuse it, the customer reads.
    """

    id: int
    instance_name: InstanceName
    wished: str
    name: str
    a_label: str
    state: ApplicationState
    version: str
    findings: tuple[Finding, ...]
    judged_at: datetime
    asked_by: str
    why: str
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str

    @property
    def outcome(self) -> Outcome:
        """The gravest of the findings."""
        return outcome_of(self.findings)


def application_facts(session: Session, number: int) -> ApplicationFacts:
    """One application.

    Raises:
        UnknownApplication: none has this number.
    """
    return facts_of(numbered(session, number, lock=False))


def queue(session: Session) -> list[ApplicationFacts]:
    """The applications that wait for a person, the oldest first."""
    return [facts_of(row) for row in session.scalars(in_state(ApplicationState.WAITING))]


def applications(session: Session, *instances_named: str) -> list[ApplicationFacts]:
    """All applications of these instances, or of all, the oldest first."""
    query = select(NameApplication).order_by(NameApplication.id)
    if instances_named:
        query = query.where(NameApplication.instance_name.in_(instances_named))
    return [facts_of(row) for row in session.scalars(query)]


def applications_since(session: Session, since: datetime) -> list[ApplicationFacts]:
    """The applications that were handed in or decided on since a moment, the oldest first."""
    query = select(NameApplication).where((NameApplication.asked_at >= since) | (NameApplication.decided_at >= since))
    return [facts_of(row) for row in session.scalars(query.order_by(NameApplication.id))]


def facts_of(row: NameApplication) -> ApplicationFacts:
    """The row, frozen."""
    return ApplicationFacts(
        id=row.id,
        instance_name=InstanceName(row.instance_name),
        wished=row.wished,
        name=row.name,
        a_label=row.a_label,
        state=ApplicationState(row.state),
        version=row.version,
        findings=read_back(row.findings),
        judged_at=row.judged_at,
        asked_by=row.asked_by,
        why=row.why,
        asked_at=row.asked_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        reason=row.reason,
    )


def seen_of(session: Session, name: NameFacts) -> tuple[Finding, ...]:
    """What was found of a name when a person approved it."""
    query = in_state(ApplicationState.APPROVED).where(
        NameApplication.instance_name == name.instance_name, NameApplication.a_label == name.a_label
    )
    row = session.scalars(query.order_by(None).order_by(NameApplication.id.desc())).first()
    return () if row is None else read_back(row.findings)


def waiting_of(session: Session, instance: str) -> NameApplication | None:
    """The application of an instance that waits; no other can be handed in meanwhile, since the instance is locked."""
    return session.scalars(in_state(ApplicationState.WAITING).where(NameApplication.instance_name == instance)).first()


def in_state(state: ApplicationState) -> Select[NameApplication]:
    """The applications in a state, the oldest first."""
    return select(NameApplication).where(NameApplication.state == state).order_by(NameApplication.id)


def numbered(session: Session, number: int, *, lock: bool = True) -> NameApplication:
    """The row of a number."""
    row = session.get(NameApplication, number, with_for_update=lock, populate_existing=lock)
    if row is None:
        raise UnknownApplication(f"There is no application {number} for a name.", "List them: phm name queue.")
    return row
