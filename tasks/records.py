"""Reading and writing the inventory: facts for decisions, and what was done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from prefect.runtime import flow_run

from blocks.inventory_database import InventoryDatabase
from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.errors import Unreachable
from hosting.inventory import (
    calendars,
    cases,
    deeds,
    instances,
    levels,
    links,
    operators,
    orders,
    releases,
    servers,
    work,
)
from hosting.inventory.cases import NOT_DONE, SETUP_FAILED
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.attempts import AGAIN_AFTER, again_at
from hosting.policy.placement import choose_server
from hosting.policy.states import OrderState, WorkState
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.policy.business_hours import ServiceCalendar
    from hosting.policy.terms import Terms
    from hosting.policy.values import InstanceFacts, OrderFacts, ServerFacts

ACCESS = "first access"
"""The purpose of the link by which a customer sets his administrator's password."""


def inventory() -> Inventory:
    """The inventory that this process works with."""
    return load(InventoryDatabase).inventory


def now() -> datetime:
    """This moment, aware; the one clock of tasks and flows."""
    return datetime.now(UTC)


def unsealed(instance: str, purpose: str) -> str:
    """A secret of an instance; never a task of its own, since a task's result could be kept."""
    with inventory().reading() as session:
        sealed = instances.sealed_secret(session, instance, purpose)
    return load(ServiceSettings).unseal(sealed)


@reading
def read_order(reference: str) -> OrderFacts:
    """An order as the inventory knows it."""
    with inventory().reading() as session:
        return orders.order_facts(session, reference)


@reading
def read_paid_order(reference: str) -> OrderFacts:
    """A paid order as the inventory knows it, open already or not.

    Raises:
        OrderNotPaid: it waits for its money, or was refused or cancelled.
    """
    order = read_order.fn(reference)
    if order.state not in {OrderState.PAID, OrderState.FULFILLED}:
        message = f"Order {reference} is {order.state}, not paid."
        raise instances.OrderNotPaid(message, "An instance is set up for a paid order only.")
    return order


@reading
def read_calendar(order: OrderFacts) -> ServiceCalendar:
    """The calendar of the service hours that count for an order now (P09, P40)."""
    with inventory().reading() as session:
        level = levels.level_of_order(session, order.reference, now())
        return calendars.calendar_for(session, level, load(ServiceSettings).holidays_state)


@reading
def read_terms(instance: str) -> Terms:
    """The terms by which an instance is served now (P40)."""
    with inventory().reading() as session:
        return levels.terms_of_instance(session, instance, now())


@reading
def read_server(name: str) -> ServerFacts:
    """A server as the inventory knows it."""
    with inventory().reading() as session:
        return servers.server_facts(session, name)


@reading
def reserve_instance(order: OrderFacts) -> InstanceFacts:
    """A place for the order: the same one, however often it is asked for (P02, P10)."""

    def reserve(session: Session) -> InstanceFacts:
        known = instances.instance_of_order(session, order.reference)
        release = known.release if known else releases.current_release(session)
        seal = load(ServiceSettings).seal
        return instances.reserve_instance(
            session, order.reference, choose_server, release=release, seal=seal, now=now()
        )

    instance = in_transaction(inventory(), reserve)
    run_logger().info("%s gets %s on %s", order.reference, instance.name, instance.server_name)
    return instance


@reading
def record_active(instance: InstanceFacts, evidence: dict[str, Any]) -> InstanceFacts:
    """The instance is open, its order fulfilled: recorded once, after the proof (P08); earlier failures are settled."""

    def record(session: Session) -> InstanceFacts:
        order = instance.order_reference
        for subject in (f"order:{order}", f"work:{work.PROVISION}:{order}"):
            for case in cases.cases_of(session, subject):
                if case.kind in {SETUP_FAILED, NOT_DONE} and case.settled_at is None:
                    cases.settle_case(session, case.id, deeds.SERVICE, "A later run opened the instance.", now())
        return instances.record_active(session, instance.name, now(), evidence)

    return in_transaction(inventory(), record)


@reading
def record_done(order: OrderFacts) -> None:
    """Nothing is left to do for the order; the last of all, so that a run that ends before it is tried again."""
    in_transaction(inventory(), lambda session: work.record_done(session, work.PROVISION, order.reference))


@reading
def make_access_link(instance: InstanceFacts) -> str:
    """The address of the customer's first-access page; one in a letter that may have gone out already stays good."""
    settings = load(ServiceSettings)
    valid = timedelta(days=settings.access_link_days)
    token = in_transaction(
        inventory(),
        lambda session: links.make_link(session, instance.name, ACCESS, now(), valid, replaces=False),
    )
    return f"{settings.public_url}/access/{token}"


@reading
def record_operator(name: str, subject: str, reason: str) -> None:
    """An operator started this, as stated in the run's form; not proven."""

    def note(session: Session) -> None:
        operators.ensure_operator(session, name, now())
        deeds.record(
            session,
            name,
            "run started by an operator",
            subject,
            why=reason,
            evidence={"identity": "as stated"},
            now=now(),
        )

    in_transaction(inventory(), note)


@reading
def reschedule(order: OrderFacts, starts_at: datetime) -> None:
    """Wait for the service hours: the work's record gets its new moment, and becomes a run again (P09).

    Work that another run is to do is left to it: this one was started by hand beside it.
    """

    def move(session: Session) -> None:
        found = work.work_of(session, work.PROVISION, order.reference)
        if found is None or found.state is WorkState.FAILED:
            work.ask_for(session, work.PROVISION, order.reference, starts_at, by=deeds.SERVICE, now=now())
        elif found.state is WorkState.OPEN or found.flow_run_id == flow_run.id:
            work.reschedule(session, found.id, starts_at)

    in_transaction(inventory(), move)


@reading
def stop_if_placed_anew(instance: InstanceFacts) -> None:
    """See that an instance is still to be set up where this run read that it is, now that nobody else works on it.

    Raises:
        PlacedAnew: its server is being emptied meanwhile.
    """
    in_transaction(
        inventory(), lambda session: instances.stop_if_placed_anew(session, instance.name, instance.server_name)
    )


def record_failure(order: str, error: Exception, run: str) -> datetime | None:
    """The set-up failed: what did not answer is tried again by itself, bounded; anything else is put before a person.

    Returns:
        When it is tried again; None where a person has to see to it, another run is at it, or nobody wants it.
    """

    def put(session: Session) -> datetime | None:
        at, subject = now(), f"work:{work.PROVISION}:{order}"
        found = work.work_of(session, work.PROVISION, order)
        if found and found.state is WorkState.CANCELLED:
            return None  # whoever cancelled the order knows
        if isinstance(error, LeaseHeld) and found and found.flow_run_id not in {None, run}:
            return None  # started by hand beside the order's own run, whose work this is
        tried = sum(deed.what == work.TRIED_AGAIN for deed in deeds.deeds_of(session, subject))
        may_heal = isinstance(error, (Unreachable, LeaseHeld)) and tried < len(AGAIN_AFTER)
        if found and found.state is not WorkState.DONE and may_heal:
            evidence = {"run": run, "attempt": found.attempt}
            deeds.record(session, deeds.SERVICE, work.TRIED_AGAIN, subject, why=str(error), evidence=evidence, now=at)
            return work.try_again(session, found.id, again_at(tried, at)).due_at
        work.record_failed(session, work.PROVISION, order, str(error))
        facts = {"run": run, "kind": type(error).__name__}
        key = f"provision:{order}:{run}"
        cases.raise_case(session, key, SETUP_FAILED, f"order:{order}", str(error), facts=facts, now=at)
        return None

    return in_transaction(inventory(), put)
