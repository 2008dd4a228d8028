"""What people look at: a thing together with everything that the inventory knows around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.inventory import cases, deeds, instances, leases, orders, servers, work
from hosting.inventory.models import Case, DayOverride, Payment, Release, ServiceLevel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.cases import CaseFacts
    from hosting.inventory.deeds import DeedFacts
    from hosting.inventory.leases import LeaseFacts
    from hosting.inventory.work import WorkFacts
    from hosting.policy.values import InstanceFacts, OrderFacts, ServerFacts


@dataclass(frozen=True)
class PaymentView:
    """Money that moved for an order; what does not count was put before a person."""

    event_id: str
    kind: str
    cents: int
    currency: str
    received_at: datetime
    counts: bool


@dataclass(frozen=True)
class OrderView:
    """An order with its money, work, instance, cases and deeds."""

    order: OrderFacts
    payments: tuple[PaymentView, ...]
    work: WorkFacts | None
    instance: InstanceFacts | None
    cases: tuple[CaseFacts, ...]
    deeds: tuple[DeedFacts, ...]


@dataclass(frozen=True)
class InstanceView:
    """An instance with its order, server, lease, cases and deeds."""

    instance: InstanceFacts
    order: OrderFacts
    server: ServerFacts
    lease: LeaseFacts | None
    cases: tuple[CaseFacts, ...]
    deeds: tuple[DeedFacts, ...]


@dataclass(frozen=True)
class ServerView:
    """A server with its instances, cases and deeds."""

    server: ServerFacts
    instances: tuple[InstanceFacts, ...]
    cases: tuple[CaseFacts, ...]
    deeds: tuple[DeedFacts, ...]


@dataclass(frozen=True)
class ReleaseView:
    """A registered release and who registered it."""

    id: str
    build: int
    version: str
    edition: str
    bytes: int
    current: bool
    added_at: datetime
    added_by: str


@dataclass(frozen=True)
class LevelView:
    """A service level and what it has agreed differently (P40)."""

    name: str
    overrides: Mapping[str, Any]


@dataclass(frozen=True)
class DayView:
    """A day that an operator closed or opened (P09)."""

    day: date
    opened: bool
    reason: str
    by: str


def order_view(session: Session, reference: str) -> OrderView:
    """One order with everything around it.

    Raises:
        UnknownOrder: no order has this reference.
    """
    order = orders.order_facts(session, reference)
    subject = orders.subject_of(reference)
    money = select(Payment).where(Payment.order_reference == reference).order_by(Payment.received_at, Payment.event_id)
    return OrderView(
        order,
        tuple(
            PaymentView(row.event_id, row.kind, row.cents, row.currency, row.received_at, row.counts)
            for row in session.scalars(money)
        ),
        work.work_of(session, work.PROVISION, reference),
        instances.instance_of_order(session, reference),
        tuple(cases.cases_of(session, subject)),
        tuple(deeds.deeds_of(session, subject)),
    )


def instance_view(session: Session, name: str) -> InstanceView:
    """One instance with everything around it.

    Raises:
        UnknownInstance: no instance has this name.
    """
    instance = instances.instance_facts(session, name)
    subject = instances.subject_of(name)
    return InstanceView(
        instance,
        orders.order_facts(session, instance.order_reference),
        servers.server_facts(session, instance.server_name),
        leases.lease_of(session, name),
        tuple(cases.cases_of(session, subject)),
        tuple(deeds.deeds_of(session, subject)),
    )


def server_view(session: Session, name: str) -> ServerView:
    """One server with everything around it.

    Raises:
        UnknownServer: no server has this name.
    """
    server = servers.server_facts(session, name)
    subject = servers.subject_of(name)
    return ServerView(
        server,
        tuple(one for one in instances.all_instances(session) if one.server_name == name),
        tuple(cases.cases_of(session, subject)),
        tuple(deeds.deeds_of(session, subject)),
    )


def all_releases(session: Session) -> list[ReleaseView]:
    """All releases, the newest build first."""
    rows = session.scalars(select(Release).order_by(Release.build.desc(), Release.added_at.desc(), Release.id))
    return [
        ReleaseView(row.id, row.build, row.version, row.edition, row.bytes, row.current, row.added_at, row.added_by)
        for row in rows
    ]


def all_levels(session: Session) -> list[LevelView]:
    """The service levels beside the standard one, by name."""
    return [
        LevelView(row.name, row.overrides) for row in session.scalars(select(ServiceLevel).order_by(ServiceLevel.name))
    ]


def overridden_days(session: Session) -> list[DayView]:
    """The days that operators closed and opened, the earliest first."""
    rows = session.scalars(select(DayOverride).order_by(DayOverride.day))
    return [DayView(row.day, row.opened, row.reason, row.by) for row in rows]


def all_cases(session: Session) -> list[CaseFacts]:
    """All cases, settled ones too, the oldest first."""
    return [cases.facts_of(row) for row in session.scalars(select(Case).order_by(Case.raised_at, Case.id))]


def case_view(session: Session, case_id: int) -> CaseFacts:
    """One case.

    Raises:
        UnknownCase: no case has this number.
    """
    row = session.get(Case, case_id)
    if row is None:
        raise cases.UnknownCase(f"There is no case {case_id}.", "List the open cases (phm case list) and take one.")
    return cases.facts_of(row)
