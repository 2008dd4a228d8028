"""The rows of names: found by their A-label, locked, changed along the edges, frozen into facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory.deeds import SERVICE, record
from hosting.inventory.instances import subject_of
from hosting.inventory.models import Name
from hosting.policy.states import NameState, step
from hosting.policy.values import InstanceName, NameFacts, NameKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

HOLDING = (NameState.ASSIGNING, NameState.LIVE, NameState.RELEASING)
"""The states in which a name is an instance's, and nobody else's."""


class UnknownName(Refused):
    """No name has this number."""


def name_row(session: Session, name_id: int, *, lock: bool = False) -> Name:
    """One name's row.

    Raises:
        UnknownName: none has this number.
    """
    row = session.get(Name, name_id, with_for_update=lock, populate_existing=lock)
    if row is None:
        raise UnknownName(f"There is no name {name_id}.", "List the names (phm name list) and take one of them.")
    return row


def holder(session: Session, a_label: str) -> Name | None:
    """The row of the name that has this A-label and is not gone."""
    return session.scalars(select(Name).where(Name.held == a_label)).first()


def last_gone(session: Session, a_label: str) -> Name | None:
    """The row that rests longest of those that had this A-label and are gone."""
    query = select(Name).where(Name.a_label == a_label, Name.state == NameState.GONE)
    return session.scalars(query.where(Name.resting_until.is_not(None)).order_by(Name.resting_until.desc())).first()


def rows_of(session: Session, instance: str, *states: NameState) -> list[Name]:
    """An instance's rows in these states, the first ordered first."""
    return list(
        session.scalars(select(Name).where(Name.instance_name == instance, Name.state.in_(states)).order_by(Name.id))
    )


def change_state(
    session: Session, row: Name, to: NameState, now: datetime, *, by: str = SERVICE, why: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """A name's next state, along the edges, with its deed; confirming the state that it has changes nothing.

    Raises:
        ForbiddenEdge: no edge leads there.
    """
    before = NameState(row.state)
    if step(before, to) is before:
        return
    row.state, row.since, row.finding = to, now, ""
    if to is NameState.GONE:
        row.held = None
    session.flush()
    told = {"name": row.a_label, "kind": row.kind, **(evidence or {})}
    record(session, by, f"name {to}", subject_of(row.instance_name), why=why, evidence=told, now=now)


def name_facts(row: Name) -> NameFacts:
    """A name's row, frozen."""
    return NameFacts(
        id=row.id,
        instance_name=InstanceName(row.instance_name),
        kind=NameKind(row.kind),
        a_label=row.a_label,
        as_ordered=row.as_ordered,
        state=NameState(row.state),
        since=row.since,
        live_at=row.live_at,
        resting_until=row.resting_until,
        finding=row.finding,
        evidence=row.evidence,
    )
