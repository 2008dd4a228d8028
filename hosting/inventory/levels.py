"""Service levels: the terms with some numbers agreed differently, from a day on (P40).

Which level counts is asked for a moment: an agreement takes effect by itself at the beginning of its day in Berlin.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory.level_rows import LevelAgreement, facts_of
from hosting.inventory.models import Contract, Instance, Order, ServiceLevel
from hosting.policy.months import day_of
from hosting.policy.service_levels import check_level, check_overrides, level_on, worsened
from hosting.policy.states import OrderState
from hosting.policy.terms import STANDARD, Terms, terms_with

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from hosting.policy.service_levels import Agreement


class UnknownLevel(Refused):
    """No service level has this name."""


class LevelInUse(Refused):
    """Somebody has agreed on the level as it is."""


def ensure_level(session: Session, name: str, overrides: Mapping[str, Any]) -> Terms:
    """Set a service level's numbers, and give the terms that they make.

    Raises:
        Refused: a number that is no term, of another kind, or by which nothing is ever set up or backed up.
        LevelInUse: it is agreed on, and a number would be another that is not plainly better.
    """
    check_overrides(overrides)
    terms = terms_with(overrides)
    check_level(name, terms)
    row = session.get(ServiceLevel, name)
    if row is None:
        session.add(ServiceLevel(name=name, overrides=dict(overrides)))
    else:
        check_not_worsened(session, row, terms)
        row.overrides = dict(overrides)
    session.flush()
    return terms


def check_not_worsened(session: Session, level: ServiceLevel, terms: Terms) -> None:
    """See that nobody who has agreed on a level gets less by its new numbers.

    Raises:
        LevelInUse: somebody would, or it can't be said that nobody does; names the terms and the contracts.
    """
    if (worse := worsened(terms_with(level.overrides), terms)) and (users := users_of(session, level.name)):
        message = (
            f"The level {level.name!r} is agreed on ({', '.join(users)}), and would not be better for them in "
            f"{', '.join(one.term for one in worse)}."
        )
        raise LevelInUse(message, "Make another level of these numbers, and agree on it: phm level agree.")


def users_of(session: Session, level: str) -> list[str]:
    """Who has agreed on a level, now or for a day to come: contracts by their orders, and orders without one yet."""
    waiting = select(Order.reference).where(
        Order.service_level == level, Order.state.in_([OrderState.PLACED, OrderState.PAID])
    )
    first = select(Contract.order_reference).where(Contract.service_level == level)
    agreed = (
        select(Contract.order_reference)
        .join(LevelAgreement, LevelAgreement.contract_id == Contract.id)
        .where(LevelAgreement.level == level, LevelAgreement.called_off_at.is_(None))
    )
    found = {*session.scalars(waiting), *session.scalars(first), *session.scalars(agreed)}
    return sorted(f"order {reference}" for reference in found)


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


def agreements_of(session: Session, contract: int) -> list[Agreement]:
    """What was agreed on for a contract, called off or not, in the order of the words."""
    query = select(LevelAgreement).where(LevelAgreement.contract_id == contract).order_by(LevelAgreement.id)
    return [facts_of(row) for row in session.scalars(query)]


def level_of_contract(session: Session, contract: int, day: date) -> str | None:
    """The level that counts for a contract on a day in Berlin."""
    return level_on(session.get_one(Contract, contract).service_level, agreements_of(session, contract), day)


def level_of_order(session: Session, reference: str, at: datetime) -> str | None:
    """The level by which an order is set up: as ordered, or as was agreed on for its contract since."""
    contract = session.scalars(select(Contract.id).where(Contract.order_reference == reference)).first()
    if contract is None:
        return session.get_one(Order, reference).service_level
    return level_of_contract(session, contract, day_of(at))


def terms_of_instance(session: Session, name: str, at: datetime) -> Terms:
    """The terms of the contract under which an instance is served at a moment."""
    contract = session.scalars(select(Instance.contract_id).where(Instance.name == name)).one()
    return terms_of(session, level_of_contract(session, contract, day_of(at)))


def terms_of_instances(session: Session, at: datetime) -> dict[str, Terms]:
    """The terms under which each instance is served at a moment, by its name."""
    levels = levels_of_instances(session, at)
    known = {level: terms_of(session, level) for level in set(levels.values())}
    return {name: known[level] for name, level in levels.items()}


def levels_of_instances(session: Session, at: datetime) -> dict[str, str | None]:
    """The level under which each instance is served at a moment, by its name."""
    agreed = defaultdict[int, list["Agreement"]](list)
    for row in session.scalars(select(LevelAgreement).where(LevelAgreement.called_off_at.is_(None))):
        agreed[row.contract_id].append(facts_of(row))
    query = select(Instance.name, Contract.id, Contract.service_level)
    found = session.execute(query.join(Contract, Instance.contract_id == Contract.id)).all()
    return {name: level_on(first, agreed.get(contract, ()), day_of(at)) for name, contract, first in found}


def periods_of_instance(session: Session, name: str) -> list[tuple[date, str | None, Terms]]:
    """Since when an instance is served under which terms, the first day first; days to come are among them."""
    contract = session.scalars(select(Contract).join(Instance).where(Instance.name == name)).one()
    agreed = agreements_of(session, contract.id)
    days = sorted({day_of(contract.agreed_at), *(one.from_day for one in agreed if one.stands)})
    levels = [(day, level_on(contract.service_level, agreed, day)) for day in days]
    return [(day, level, terms_of(session, level)) for day, level in levels]


def level_names(session: Session) -> list[str]:
    """The names of the service levels beside the standard one."""
    return list(session.scalars(select(ServiceLevel.name).order_by(ServiceLevel.name)))
