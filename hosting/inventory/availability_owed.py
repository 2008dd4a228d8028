"""What availability is owed for which instance, by which service level, from when to when (P11, P40)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory import instances, levels
from hosting.inventory.level_rows import LevelAgreement
from hosting.inventory.level_rows import facts_of as agreement_of
from hosting.inventory.models import Contract, Instance
from hosting.policy.availability_days import Owed
from hosting.policy.months import day_of, start_of
from hosting.policy.probing import interval_of
from hosting.policy.service_levels import level_on
from hosting.policy.states import InstanceState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime, timedelta

    from sqlalchemy.orm import Session

    from hosting.policy.service_levels import Agreement
    from hosting.policy.terms import Terms
    from hosting.policy.values import InstanceFacts


@dataclass(frozen=True)
class Served:
    """An instance with what is owed for it.

    Args:
        instance: which.
        customer: the reference of who has it.
        owed: by which levels, the first one first.
        intervals: between two probes of it, by each of these levels.
        unmeasured_most: more of a month without measurement is a finding, in percent.
    """

    instance: InstanceFacts
    customer: str
    owed: tuple[Owed, ...]
    intervals: tuple[timedelta, ...]
    unmeasured_most: float

    def touches(self, since: datetime, until: datetime) -> bool:
        """Whether something is owed in a time."""
        return any(part.since < until and (part.until is None or part.until > since) for part in self.owed)


def served_ever(session: Session, now: datetime, probe_seconds: float | None) -> list[Served]:
    """All instances that were ever open, with what is owed for them; the setting tells how often they are probed."""
    agreed: defaultdict[int, list[Agreement]] = defaultdict(list)
    for row in session.scalars(select(LevelAgreement).where(LevelAgreement.called_off_at.is_(None))):
        agreed[row.contract_id].append(agreement_of(row))
    query = select(Instance.name, Contract).join(Contract, Instance.contract_id == Contract.id)
    contracts = {name: contract for name, contract in session.execute(query)}  # noqa: C416  # rows of two
    known: dict[str | None, Terms] = {}
    found = []
    for one in instances.all_instances(session):
        contract = contracts[one.name]
        if one.active_at is None or (one.state is InstanceState.ENDED and contract.ends_on is None):
            continue  # never open, or nobody knows until when
        parts = _owed(session, contract, agreed.get(contract.id, ()), one.active_at, known)
        if not parts:
            continue
        terms = known[level_on(contract.service_level, agreed.get(contract.id, ()), day_of(now))]
        intervals = tuple(interval_of(known[part.level or None], probe_seconds) for part in parts)
        most = terms.availability_unmeasured_percent
        found.append(Served(one, contract.customer_reference, parts, intervals, most))
    return found


def _owed(
    session: Session,
    contract: Contract,
    agreed: Sequence[Agreement],
    active_at: datetime,
    known: dict[str | None, Terms],
) -> tuple[Owed, ...]:
    """What is owed by which level, from the opening to the contract's end; the terms of its levels become known."""
    first = day_of(active_at)
    ends = None if contract.ends_on is None else start_of(contract.ends_on)
    days: list[date] = sorted({first, *(one.from_day for one in agreed if one.from_day > first)})
    found: list[Owed] = []
    for place, day in enumerate(days):
        level = level_on(contract.service_level, agreed, day)
        if level not in known:
            known[level] = levels.terms_of(session, level)
        since = active_at if place == 0 else start_of(day)
        until = start_of(days[place + 1]) if place + 1 < len(days) else ends
        until = until if ends is None or until is None else min(until, ends)
        if until is None or since < until:
            found.append(Owed(level or "", known[level].availability_percent, since, until))
    return tuple(found)
