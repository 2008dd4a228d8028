"""Names of instances beside their long form: one at a time, nobody else's while it is held or rests (P26, P29, P30)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import domain_invitations
from hosting.inventory.deeds import SERVICE, record
from hosting.inventory.instances import instance_facts, lock, stop_if_ended, subject_of
from hosting.inventory.models import Name
from hosting.inventory.name_rows import HOLDING, change_state, holder, last_gone, name_facts, name_row, rows_of
from hosting.inventory.turns import take_turn
from hosting.policy.states import InstanceState, NameState
from hosting.policy.terms import STANDARD
from hosting.policy.values import NameFacts, NameKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session


class NameTaken(Refused):
    """Another instance has this name."""

    def __init__(self, name: str, instance: str) -> None:
        super().__init__(f"The name {name} belongs to instance {instance}.", "Take another name.")
        self.instance = instance


class NameAtRest(Refused):
    """Another instance had this name not long ago: who knows its address must not land with a stranger."""

    def __init__(self, name: str, until: datetime) -> None:
        super().__init__(f"The name {name} rests until {until:%Y-%m-%d}.", "Take another name, or wait.")
        self.until = until


class NameBeingReleased(Refused):
    """The name is on its way from the same instance: it has to be gone first."""


class NotOpenYet(Refused):
    """The instance is not set up yet: nothing could serve the name, and no run could take it away."""


class NoSuchNameHere(Refused):
    """The instance does not have this name."""


def taken_by(session: Session, a_label: str) -> str | None:
    """The instance that has a name now, on its way to it or from it too; None: nobody.

    Args:
        session: of the transaction.
        a_label: of a subdomain the label alone, of a domain the whole.
    """
    row = holder(session, a_label)
    return None if row is None else row.instance_name


def resting_until(session: Session, a_label: str, now: datetime) -> datetime | None:
    """Until when a name that was given back is nobody's; None: it does not rest (P29)."""
    row = last_gone(session, a_label)
    return row.resting_until if row is not None and row.resting_until is not None and row.resting_until > now else None


def begin_assigning(
    session: Session, instance: str, kind: NameKind, a_label: str, as_ordered: str, *, now: datetime,
    by: str = SERVICE,
) -> NameFacts:  # fmt: skip
    """A name that is the instance's from now on, not yet live; once, also where a run was lost after it.

    The name that the instance has goes on to serve until the new one is live (`record_live`).

    Args:
        session: of the transaction.
        instance: whose it becomes; it may have its own back before others.
        kind: a subdomain or a domain.
        a_label: of a subdomain the label alone, of a domain the whole.
        as_ordered: the same in Unicode.
        now: the moment.
        by: whose deed it is.

    Raises:
        UnknownInstance: no instance has this name.
        InstanceEnded: it has ended.
        NotOpenYet: it is not set up yet.
        NameTaken: another instance has it.
        NameAtRest: another instance had it not long ago.
        NameBeingReleased: it is on its way from this instance.
    """
    take_turn(session, f"name:{a_label}")
    stop_if_ended(session, instance)
    held = holder(session, a_label)
    if held is not None and held.instance_name != instance:
        raise NameTaken(as_ordered, held.instance_name)
    if held is not None and held.state == NameState.RELEASING:
        message = f"The name {as_ordered} is just being taken from instance {instance}."
        raise NameBeingReleased(message, "Order it again once it is gone.")
    if held is not None:
        return name_facts(held)
    before = last_gone(session, a_label)
    rests = resting_until(session, a_label, now)
    if before is not None and rests is not None and before.instance_name != instance:
        raise NameAtRest(as_ordered, rests)
    if instance_facts(session, instance).state not in {InstanceState.ACTIVE, InstanceState.SUSPENDED}:
        message = f"Instance {instance} is not set up yet, so that nothing could serve the name {as_ordered}."
        raise NotOpenYet(message, "Order the name once the instance is open.")
    row = Name(
        instance_name=instance, kind=kind, a_label=a_label, as_ordered=as_ordered, held=a_label,
        state=NameState.ASSIGNING, since=now, finding="", evidence={},
    )  # fmt: skip
    session.add(row)
    session.flush()
    told = {"name": a_label, "kind": kind.value}
    record(session, by, "name assigning", subject_of(instance), evidence=told, now=now)
    return name_facts(row)


def record_live(session: Session, name_id: int, now: datetime, evidence: Mapping[str, Any]) -> NameFacts:
    """A name is proven from outside; what the instance had as a name before it goes from now on (P26, P30).

    What was ordered later stays, and takes this one's place in its turn; confirming one that is live releases none.

    Raises:
        UnknownName: none has this number.
        ForbiddenEdge: it is being released, or gone.
    """
    lock(session, name_row(session, name_id).instance_name)
    row = name_row(session, name_id, lock=True)
    is_new = row.state == NameState.ASSIGNING
    change_state(session, row, NameState.LIVE, now, evidence=evidence)
    row.live_at, row.evidence = row.live_at or now, {**row.evidence, **evidence}
    for other in rows_of(session, row.instance_name, NameState.ASSIGNING, NameState.LIVE) if is_new else ():
        if other.id < row.id:
            _release(session, other, now, by=SERVICE, why=f"{row.as_ordered} took its place")
    session.flush()
    return name_facts(row)


def record_finding(session: Session, name_id: int, finding: str) -> None:
    """Why a name is not further, in one sentence; empty again with its next state.

    Raises:
        UnknownName: none has this number.
    """
    name_row(session, name_id, lock=True).finding = finding


def begin_releasing(session: Session, instance: str, a_label: str, *, now: datetime, by: str, why: str) -> NameFacts:
    """A name is to go from its instance; one that is on its way already stays on it.

    Raises:
        UnknownInstance: no instance has this name.
        NoSuchNameHere: the instance does not have it.
    """
    lock(session, instance)
    held = holder(session, a_label)
    if held is None or held.instance_name != instance:
        message = f"Instance {instance} does not have the name {a_label}."
        raise NoSuchNameHere(message, f"Look at: phm name list {instance}.")
    row = name_row(session, held.id, lock=True)
    _release(session, row, now, by=by, why=why)
    return name_facts(row)


def record_gone(session: Session, name_id: int, now: datetime, evidence: Mapping[str, Any]) -> NameFacts:
    """Nothing of a name is left: a subdomain that was ever live rests from now on, all else is free at once.

    Raises:
        UnknownName: none has this number.
        ForbiddenEdge: it is not being released.
    """
    row = name_row(session, name_id, lock=True)
    if row.state != NameState.GONE:
        change_state(session, row, NameState.GONE, now, evidence=evidence)
        if row.kind == NameKind.SUBDOMAIN and row.live_at is not None:
            row.resting_until = now + timedelta(days=STANDARD.name_rests_days)
    return name_facts(row)


def names_of(session: Session, instance: str, *states: NameState) -> list[NameFacts]:
    """An instance's names in these states, or all that are its own now, the first ordered first."""
    return [name_facts(row) for row in rows_of(session, instance, *(states or HOLDING))]


def all_names(session: Session, *states: NameState) -> list[NameFacts]:
    """The names in these states, or all that ever were, by instance."""
    query = select(Name).order_by(Name.instance_name, Name.id)
    if states:
        query = query.where(Name.state.in_(states))
    return [name_facts(row) for row in session.scalars(query)]


def _release(session: Session, row: Name, now: datetime, *, by: str, why: str) -> None:
    """A name is on its way from its instance; no link by which its customer hands a certificate over outlives that."""
    change_state(session, row, NameState.RELEASING, now, by=by, why=why)
    domain_invitations.end_links(session, row.instance_name, row.a_label, now)
