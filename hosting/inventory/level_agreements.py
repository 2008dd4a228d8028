"""Agreements on service levels: seen beforehand, agreed on, called off; each stays on record (P40)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import deeds, orders, work
from hosting.inventory.calendars import calendar_for
from hosting.inventory.level_rows import LevelAgreement, facts_of
from hosting.inventory.levels import LevelInUse, UnknownLevel, agreements_of, terms_of, users_of
from hosting.inventory.models import Contract, Customer, Instance, Order, ServiceLevel
from hosting.inventory.recovery_points import points_of
from hosting.inventory.turns import take_turn
from hosting.policy.business_hours import promised_by
from hosting.policy.level_consequences import Consequences, consequences
from hosting.policy.months import day_of, start_of
from hosting.policy.service_levels import (
    STANDARD_NAME,
    Agreement,
    TermChange,
    changes,
    check_agreement,
    check_call_off,
    level_on,
)
from hosting.policy.states import InstanceState, OrderState, WorkState

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import PointFacts

AGREED = "service level agreed"
CALLED_OFF = "service level called off"


class UnknownContract(Refused):
    """No contract is meant by this."""


class UnknownAgreement(Refused):
    """No agreement has this number."""


@dataclass(frozen=True)
class ContractLevel:
    """A contract as its service level is agreed on.

    Args:
        id: its number.
        order: the reference of its order.
        customer: the customer's name.
        first: the level that was ordered.
        begun: the day of the contract.
        agreements: all that was agreed on since, called off or not.
        instances: those that are served under it.
    """

    id: int
    order: str
    customer: str
    first: str | None
    begun: date
    agreements: tuple[Agreement, ...]
    instances: tuple[str, ...]

    def level_on(self, day: date) -> str | None:
        """The level that counts on a day."""
        return level_on(self.first, self.agreements, day)


@dataclass(frozen=True)
class LevelPreview:
    """What a level would change for a contract from a day on."""

    contract: ContractLevel
    from_day: date
    before_level: str | None
    level: str | None
    changes: tuple[TermChange, ...]
    before: Consequences
    after: Consequences


def contract_named(session: Session, named: str) -> ContractLevel:
    """The contract that an instance's name, an order's reference or its own number means.

    Raises:
        UnknownContract: none.
    """
    query = select(Contract).where(Contract.order_reference == named)
    by_instance = select(Contract).join(Instance, Instance.contract_id == Contract.id).where(Instance.name == named)
    row = session.scalars(by_instance).first() or session.scalars(query).first()
    if row is None and named.isascii() and named.isdigit():
        row = session.get(Contract, int(named))
    if row is None:
        message = f"No contract is known by {named!r}."
        raise UnknownContract(message, "Name an instance (phm instance list) or a paid order (phm order list).")
    return _contract(session, row)


def all_contracts(session: Session) -> list[ContractLevel]:
    """All contracts, the oldest first."""
    return [_contract(session, row) for row in session.scalars(select(Contract).order_by(Contract.id))]


def preview(
    session: Session, named: str, level: str, from_day: date, *, now: datetime, state: str | None
) -> LevelPreview:
    """What a level would change, where a contract can have it from that day on.

    Args:
        session: to read from.
        named: an instance, an order, or the contract's number.
        level: the level's name, "standard" for the service description itself.
        from_day: the first day, in Berlin.
        now: this moment.
        state: whose public holidays are kept.

    Raises:
        UnknownContract: no contract is meant.
        UnknownLevel: no level has this name.
        CannotBeAgreed: the contract can't have it from that day on.
    """
    contract, wanted = contract_named(session, named), _level_named(session, level)
    earlier = contract.level_on(from_day)
    before, after = terms_of(session, earlier), terms_of(session, wanted)
    check_agreement(contract.agreements, from_day, day_of(now), before, after)
    at, points = max(now, start_of(from_day)), _points(session, contract)
    both = (consequences(terms, at, points, state) for terms in (before, after))
    return LevelPreview(contract, from_day, earlier, wanted, tuple(changes(before, after)), *both)


def agree(
    session: Session, named: str, level: str, from_day: date, *, reason: str, by: str, now: datetime, state: str | None
) -> Agreement:
    """Agree on a level for a contract from a day on; a set-up that is open may become due sooner by it.

    Raises:
        UnknownContract: no contract is meant.
        UnknownLevel: no level has this name.
        CannotBeAgreed: the contract can't have it from that day on.
    """
    take_turn(session, orders.subject_of(contract_named(session, named).order))
    seen = preview(session, named, level, from_day, now=now, state=state)
    row = LevelAgreement(contract_id=seen.contract.id, level=seen.level, from_day=from_day, reason=reason)
    row.agreed_by, row.agreed_at, row.called_off_by, row.called_off_why = by, now, "", ""
    session.add(row)
    session.flush()
    told = {
        "agreement": row.id, "level": seen.level or STANDARD_NAME, "before": seen.before_level or STANDARD_NAME,
        "from": from_day.isoformat(), "terms": [one.term for one in seen.changes],
    }  # fmt: skip
    deeds.record(session, by, AGREED, orders.subject_of(seen.contract.order), why=reason, evidence=told, now=now)
    if from_day <= day_of(now):
        _hasten(session, seen, by, now, state)
    return facts_of(row)


def call_off(session: Session, number: int, why: str, *, by: str, now: datetime) -> Agreement:
    """Give up an agreement whose day has not come; once.

    Raises:
        UnknownAgreement: none has this number.
        CannotBeAgreed: it counts already.
    """
    row = session.get(LevelAgreement, number, with_for_update=True, populate_existing=True)
    if row is None:
        raise UnknownAgreement(f"There is no agreement {number}.", "List them: phm level history CONTRACT.")
    if row.called_off_at is None:
        check_call_off(facts_of(row), day_of(now))
        row.called_off_at, row.called_off_by, row.called_off_why = now, by, why
        session.flush()
        order = session.get_one(Contract, row.contract_id).order_reference
        told = {"agreement": number, "level": row.level or STANDARD_NAME, "from": row.from_day.isoformat()}
        deeds.record(session, by, CALLED_OFF, orders.subject_of(order), why=why, evidence=told, now=now)
    return facts_of(row)


def drop_level(session: Session, name: str, *, by: str, now: datetime) -> None:
    """Remove a level that no order, contract or agreement ever named.

    Raises:
        UnknownLevel: no level has this name.
        LevelInUse: one does, or did: what was agreed stays on record.
    """
    row = session.get(ServiceLevel, name)
    if row is None:
        raise UnknownLevel(f"There is no service level {name!r}.", "List them: phm level list.")
    users = users_of(session, name)
    named = session.scalars(select(Order.reference).where(Order.service_level == name)).all()
    agreed = session.scalars(select(LevelAgreement.id).where(LevelAgreement.level == name)).all()
    if users or named or agreed:
        known = users or [*(f"order {one}" for one in named), *(f"agreement {one}" for one in agreed)]
        message = f"The level {name!r} is on record: {', '.join(known)}."
        raise LevelInUse(message, "Leave it; agree on another one with who has it: phm level agree.")
    deeds.record(session, by, "service level removed", f"level:{name}", evidence=dict(row.overrides), now=now)
    session.delete(row)
    session.flush()


def agreements_since(session: Session, since: datetime) -> list[tuple[Agreement, ContractLevel]]:
    """What was agreed on or called off since a moment, the oldest first."""
    recent = (LevelAgreement.agreed_at >= since) | (LevelAgreement.called_off_at >= since)
    rows = session.scalars(select(LevelAgreement).where(recent).order_by(LevelAgreement.id)).all()
    return [(facts_of(row), _contract(session, session.get_one(Contract, row.contract_id))) for row in rows]


def _level_named(session: Session, level: str) -> str | None:
    """A level by its name, None for the standard one; raises UnknownLevel."""
    if level == STANDARD_NAME:
        return None
    terms_of(session, level)
    return level


def _contract(session: Session, row: Contract) -> ContractLevel:
    """The row with what belongs to it."""
    living = select(Instance.name).where(Instance.contract_id == row.id, Instance.state != InstanceState.ENDED)
    return ContractLevel(
        id=row.id,
        order=row.order_reference,
        customer=session.get_one(Customer, row.customer_reference).name,
        first=row.service_level,
        begun=day_of(row.agreed_at),
        agreements=tuple(agreements_of(session, row.id)),
        instances=tuple(session.scalars(living.order_by(Instance.name))),
    )


def _points(session: Session, contract: ContractLevel) -> list[PointFacts]:
    """The recovery points of the contract's instance."""
    return [point for name in contract.instances for point in points_of(session, name)]


def _hasten(session: Session, seen: LevelPreview, by: str, now: datetime, state: str | None) -> None:
    """A set-up that is open still is promised by the new level's hours where those make it earlier."""
    order = orders.order_row(session, seen.contract.order, lock=True)
    if order.state != OrderState.PAID or order.paid_at is None or order.promised_by is None:
        return
    calendar, terms = calendar_for(session, seen.level, state), terms_of(session, seen.level)
    sooner = promised_by(max(order.paid_at, now), calendar, terms.setup_within)
    if sooner < order.promised_by:
        told = {"before": order.promised_by.isoformat(), "promised_by": sooner.isoformat()}
        order.promised_by = sooner
        deeds.record(session, by, "promise made earlier", orders.subject_of(order.reference), evidence=told, now=now)
    asked = work.work_of(session, work.PROVISION, order.reference)
    opens = calendar.next_open(now)
    if asked is not None and asked.state in {WorkState.OPEN, WorkState.DISPATCHED} and opens < asked.due_at:
        work.reschedule(session, asked.id, opens)
