"""Service levels: the terms with some numbers agreed differently (P40)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory.models import Contract, Instance, ServiceLevel
from hosting.policy.backup_times import check_backup_terms
from hosting.policy.business_hours import ServiceHours
from hosting.policy.terms import STANDARD, TIME_ZONE, Terms, terms_with

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session


class UnknownLevel(Refused):
    """No service level has this name."""


def ensure_level(session: Session, name: str, overrides: Mapping[str, Any]) -> Terms:
    """Set a service level's numbers, and give the terms that they make.

    Raises:
        Refused: a number that is no term, of another kind, or by which nothing is ever set up or backed up.
    """
    terms = terms_with(overrides)
    if not ServiceHours.of_terms(terms, ZoneInfo(TIME_ZONE)).weekdays:
        raise Refused(f"The service level {name!r} has no weekday for setup.", "Name at least one weekday.")
    check_backup_terms(terms)
    row = session.get(ServiceLevel, name)
    if row is None:
        session.add(ServiceLevel(name=name, overrides=dict(overrides)))
    else:
        row.overrides = dict(overrides)
    session.flush()
    return terms


def terms_of(session: Session, level: str | None) -> Terms:
    """The terms of a service level; None is the standard one.

    Raises:
        UnknownLevel: no level has this name.
    """
    if level is None:
        return STANDARD
    row = session.get(ServiceLevel, level)
    if row is None:
        raise UnknownLevel(f"There is no service level {level!r}.", "Add it, or name one that exists.")
    return terms_with(row.overrides)


def terms_of_instance(session: Session, name: str) -> Terms:
    """The terms of the contract under which an instance is served."""
    query = select(Contract.service_level).join(Instance, Instance.contract_id == Contract.id)
    return terms_of(session, session.scalars(query.where(Instance.name == name)).one())


def terms_of_instances(session: Session) -> dict[str, Terms]:
    """The terms under which each instance is served, by its name."""
    query = select(Instance.name, Contract.service_level).join(Contract, Instance.contract_id == Contract.id)
    found = session.execute(query).all()
    known = {level: terms_of(session, level) for level in {level for _, level in found}}
    return {name: known[level] for name, level in found}


def level_names(session: Session) -> list[str]:
    """The names of the service levels beside the standard one."""
    return list(session.scalars(select(ServiceLevel.name).order_by(ServiceLevel.name)))
