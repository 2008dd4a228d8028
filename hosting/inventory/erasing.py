"""What the inventory knows of a person goes with his instance; what is done, owed and paid stays (decision 0030).

Every table is named here, with what becomes of its rows, so that a new one can't be forgotten.
An instance's name and number, an order's and a customer's reference are the service's and the shop's own signs, and
tell nobody's name; a deed keeps what was done, when and by whom, and loses its words and facts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, DateTime, Select, Table, delete, func, literal, or_, select, update

from hosting.inventory import exports, imports, work
from hosting.inventory.deeds import SERVICE
from hosting.inventory.endings import CALLED_OFF, DELETED, ENDED, NOTICED
from hosting.inventory.finding_rows import Finding
from hosting.inventory.models import Case, Customer, Deed, Instance, Letter, Name, Order, ShopEvent, Turn, Work
from hosting.inventory.notices import NoticeType
from hosting.inventory.tables import Base
from hosting.policy.leaving import Listing, listing_of
from hosting.policy.states import InstanceState, OrderState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

GONE = (
    "access_links", "certificate_renewals", "domain_invitations", "exports", "instance_secrets", "measurements",
    "move_offers", "name_applications", "name_certificates", "needed_moves", "owed_at_homes", "passed_names",
)  # fmt: skip
"""Tables whose rows go; those that hang on names or moves go with these."""

BLANK: dict[str, tuple[str, ...]] = {
    "arrears": ("held_why", "ended_why"),
    "booking_changes": ("why", "finding", "facts"),
    "endings": ("why", "hold_why", "names"),
    "generations": ("wrapped_password", "finding"),
    "imports": ("sealed_source", "shown_url", "declared", "why", "report", "finding", "evidence"),
    "instance_updates": ("finding",),
    "level_agreements": ("reason", "called_off_why"),
    "moves": ("why", "finding", "evidence"),
    "outages": ("why",),
    "rehearsals": ("evidence",),
    "snapshots": ("manifest",),
    "suspensions": ("because", "ends_why"),
}
"""Tables whose rows stay, without these columns."""

BY_THEMSELVES = frozenset({
    "cases", "customers", "deeds", "findings", "letters", "names", "shop_events", "turns", "work",
})  # fmt: skip
"""Tables whose rows are found by more than the instance's name: `erase` sees to each."""

STAYS = frozenset({
    "announced_instances", "announcements", "availability_days", "bookings", "contracts", "day_overrides",
    "ending_records", "evacuations", "instances", "leases", "looks_made", "operator_logins", "operators", "orders",
    "outage_alarms", "payments", "probe_spans", "releases", "rents", "roll_outs", "servers", "service_levels",
})  # fmt: skip
"""Tables that tell of what was agreed, paid, done and reached, and of no person but the operators."""

ON_RECORD = (NOTICED, ENDED, CALLED_OFF, DELETED)
"""Deeds that keep their facts: they are the record of the end itself."""


def erase(session: Session, instance: str, now: datetime) -> tuple[Listing, Listing]:
    """Take all of a person out of what the inventory tells of an instance; a subdomain stays until its rest is over.

    Returns:
        What was there of it, and what is left.
    """
    row = session.get_one(Instance, instance)
    order = session.get_one(Order, row.order_reference)
    addresses, subjects = _addresses(session, row, order), _subjects(session, row, order)
    found = _findings(session, instance, subjects)
    before = listing_of([*_personal(session, row, order, addresses, now), *_said_of(session, found, subjects)])
    exports.call_off_all(session, instance, "The instance is deleted.", now)
    for name in GONE:
        _delete(session, table_of(name), instance)
    for name, columns in BLANK.items():
        _blank(session, table_of(name), columns, instance)
    erase_names(session, instance, now)
    _erase_words(session, order, subjects, now)
    session.execute(delete(Finding).where(Finding.key.in_(found)))
    letters = update(Letter).where(Letter.recipient.in_(addresses))
    session.execute(letters.values(recipient="", subject="", message_id=""))
    if not is_customer_still(session, order.customer_reference, besides=instance):
        _erase_customer(session, order.customer_reference)
    session.flush()
    session.expire_all()
    row, order = session.get_one(Instance, instance), session.get_one(Order, order.reference)
    left = [*_personal(session, row, order, addresses, now), *_said_of(session, found, subjects)]
    return before, listing_of(left)


def erase_names(session: Session, instance: str, now: datetime) -> None:
    """The names that an instance had, but one that rests: it has to be known for as long as nobody else may have it."""
    _forget_names(session, select(Name).where(Name.instance_name == instance, _rests_no_more(now)))
    session.execute(update(Name).where(Name.instance_name == instance).values(finding="", evidence={}))


def has_rested(session: Session, now: datetime) -> bool:
    """Whether a name of an instance that is deleted has had its rest."""
    return session.scalars(_rested(now).limit(1)).first() is not None


def erase_rested(session: Session, now: datetime) -> int:
    """Names of instances that are deleted, whose rest is over by now; how many they were."""
    return _forget_names(session, _rested(now))


def is_customer_still(session: Session, customer: str, *, besides: str) -> bool:
    """Whether somebody has another instance, or an order that waits."""
    living = (
        select(func.count())
        .select_from(Order)
        .outerjoin(Instance, Instance.order_reference == Order.reference)
        .where(Order.customer_reference == customer, or_(Instance.name.is_(None), Instance.name != besides))
        .where(
            or_(
                Order.state.in_([OrderState.PLACED, OrderState.PAID]),
                Instance.state.not_in([InstanceState.ENDED]),
            )
        )
    )
    return bool(session.scalar(living))


def table_of(name: str) -> Table:
    """A table by its name."""
    return Base.metadata.tables[name]


def _forget_names(session: Session, query: Select[Name]) -> int:
    """Names with all that hangs on them; how many they were."""
    gone = session.scalars(query).all()
    numbers, turns = [one.id for one in gone], [f"name:{one.a_label}" for one in gone]
    for table in ("passed_names", "name_certificates", "certificate_renewals"):
        there = table_of(table)
        session.execute(delete(there).where(there.c.name_id.in_(numbers)))
    session.execute(delete(Turn).where(Turn.name.in_(turns)))
    session.execute(delete(Name).where(Name.id.in_(numbers)))
    return len(numbers)


def _rested(now: datetime) -> Select[Name]:
    """The names of deleted instances that need not be known any more."""
    query = select(Name).join(Instance).where(Instance.state == InstanceState.ENDED, Name.held.is_(None))
    return query.where(_rests_no_more(now))


def _rests_no_more(now: datetime) -> Any:
    """Of a name: nobody has to be kept from it."""
    return or_(Name.resting_until.is_(None), Name.resting_until <= now)


def _of_instance(table: Table, instance: str) -> Any:
    """Which rows of a table are about an instance: by its name, or by that of what they hang on."""
    if "instance_name" in table.c:
        return table.c.instance_name == instance
    for own in ("contract_id", "order_reference"):
        if own in table.c:
            return table.c[own].in_(select(table_of("instances").c[own]).where(Instance.name == instance))
    column, other = ("name_id", "names") if "name_id" in table.c else ("move_id", "moves")
    there = table_of(other)
    return table.c[column].in_(select(there.c.id).where(there.c.instance_name == instance))


def _delete(session: Session, table: Table, instance: str) -> None:
    """The rows of an instance gone."""
    session.execute(delete(table).where(_of_instance(table, instance)))


def _blank(session: Session, table: Table, columns: Sequence[str], instance: str) -> None:
    """The rows of an instance without these columns."""
    values = {name: _nothing(table.c[name]) for name in columns}
    session.execute(update(table).where(_of_instance(table, instance)).values(values))


def _nothing(column: Any) -> Any:
    """What stands in a column of which nothing is told any more."""
    if isinstance(column.type, DateTime):
        return None
    return ([] if column.name == "names" else {}) if isinstance(column.type, JSON) else ""


@dataclass(frozen=True)
class _Subjects:
    """How deeds and cases name an instance, its order, its exports, imports and moves, and work about any of them."""

    exactly: list[str]
    like: list[str]

    def of(self, column: Any) -> Any:
        """Which rows are about them."""
        return or_(column.in_(self.exactly), *(column.like(one) for one in self.like))


def _subjects(session: Session, row: Instance, order: Order) -> _Subjects:
    """The subjects; asked before the rows whose numbers they tell are gone."""
    numbers = partial(_numbers, session, row.name)
    exactly = [
        f"instance:{row.name}",
        f"order:{order.reference}",
        *(exports.subject_of(one) for one in numbers("exports")),
        *(f"work:{work.EXPORT}:{one}" for one in numbers("exports")),
        *(imports.subject_of(one) for one in numbers("imports")),
        *(f"work:{work.MOVE}:{one}" for one in numbers("moves")),
    ]
    return _Subjects(exactly, [f"work:%:{row.name}@%", f"work:%:{row.name}#%", f"work:%:{order.reference}"])


def _numbers(session: Session, instance: str, name: str) -> list[int]:
    """The numbers of an instance's rows in a table."""
    table = table_of(name)
    return list(session.scalars(select(table.c.id).where(table.c.instance_name == instance)))


def _erase_words(session: Session, order: Order, subjects: _Subjects, now: datetime) -> None:
    """What people wrote and what programs told about an instance and its order."""
    words = subjects.of(Deed.subject) & Deed.what.not_in(ON_RECORD)
    session.execute(update(Deed).where(words).values(why="", evidence={}))
    session.execute(update(Deed).where(subjects.of(Deed.subject)).values(why=""))
    about = subjects.of(Case.subject)
    settled = {"settled_at": now, "settled_by": SERVICE}
    session.execute(update(Case).where(about, Case.settled_at.is_(None)).values(settled))
    session.execute(update(Case).where(about).values(summary="", facts={}, decision="The instance is deleted."))
    session.execute(update(Work).where(subjects.of(_work_subject())).values(finding=""))
    session.execute(update(ShopEvent).where(ShopEvent.order_reference == order.reference).values(body=""))


def _work_subject() -> Any:
    """How deeds name work, from its row."""
    return literal("work:") + Work.kind + literal(":") + Work.subject


def _findings(session: Session, instance: str, subjects: _Subjects) -> list[str]:
    """What inspections found about an instance, or in which one of its names stands; told by key."""
    own = session.execute(select(Name.a_label, Name.as_ordered).where(Name.instance_name == instance)).all()
    named = [one for pair in own for one in pair if one]
    rows = session.scalars(select(Finding)).all()
    return [
        row.key for row in rows
        if row.subject in subjects.exactly or any(one in text for one in named for text in (row.key, row.sentence))
    ]  # fmt: skip


def _said_of(session: Session, found: Sequence[str], subjects: _Subjects) -> list[tuple[str, int]]:
    """What inspections and runs told about an instance, as `_personal` tells it."""
    there = session.scalars(select(Finding).where(Finding.key.in_(found)))
    told = [(f"findings {number}", len(one.sentence)) for number, one in enumerate(there)]
    said = session.scalars(select(Work).where(subjects.of(_work_subject()), Work.finding != ""))
    return told + [(f"work {one.id}", len(one.finding)) for one in said]


def _addresses(session: Session, row: Instance, order: Order) -> set[str]:
    """The addresses whose letters go: the customer's, with those of his earlier orders, but what somebody has now.

    Who stays keeps his letters; an address that this order alone told of goes with what it told.
    """
    others = select(Order.reference).where(
        Order.customer_reference == order.customer_reference, Order.reference != order.reference
    )
    mine = _told_in(session, ShopEvent.order_reference == order.reference)
    before = _told_in(session, ShopEvent.order_reference.in_(others))
    customer = session.get_one(Customer, order.customer_reference)
    still = is_customer_still(session, customer.reference, besides=row.name)
    found = mine - before if still else {*mine, *before, customer.email} - {""}
    now_of = select(Customer.email).where(Customer.email.in_(found))
    return found - set(session.scalars(now_of if still else now_of.where(Customer.reference != customer.reference)))


def _told_in(session: Session, which: Any) -> set[str]:
    """The customer's addresses in the shop's words about orders."""
    bodies = session.scalars(select(ShopEvent.body).where(which, ShopEvent.type == NoticeType.ORDER_PLACED))
    return {found for body in bodies if (found := _address_in(body))}


def _address_in(body: str) -> str:
    """The customer's address in the shop's word about an order; empty where it has none any more."""
    try:
        return str(json.loads(body)["data"]["customer"]["email"])
    except (ValueError, KeyError, TypeError):
        return ""


def _erase_customer(session: Session, reference: str) -> None:
    """Who he was."""
    customer = session.get_one(Customer, reference, with_for_update=True)
    customer.name = customer.email = ""


def _personal(
    session: Session, row: Instance, order: Order, addresses: set[str], now: datetime
) -> list[tuple[str, int]]:
    """What there is about the person: one entry for each row that has something of it, with its size as text."""
    found = []
    for name in GONE:
        found += _rows(session, name, row.name, table_of(name).c.keys())
    for name, columns in BLANK.items():
        found += _rows(session, name, row.name, columns)
    names = session.scalars(select(Name).where(Name.instance_name == row.name, _rests_no_more(now)))
    found += [(f"names {one.id}", len(one.as_ordered)) for one in names]
    customer = session.get_one(Customer, order.customer_reference)
    if customer.email and not is_customer_still(session, customer.reference, besides=row.name):
        found += [("customer", len(customer.name) + len(customer.email))]
    sent = session.scalars(select(Letter).where(Letter.recipient.in_(addresses)))
    found += [(f"letters {one.sent_at}", len(one.recipient) + len(one.subject)) for one in sent]
    events = session.scalars(select(ShopEvent).where(ShopEvent.order_reference == order.reference))
    return found + [(f"shop_events {one.id}", len(one.body)) for one in events if one.body]


def _rows(session: Session, name: str, instance: str, columns: Sequence[str]) -> list[tuple[str, int]]:
    """The rows of a table about an instance in which one of these columns says something."""
    table = table_of(name)
    rows = session.execute(select(table).where(_of_instance(table, instance))).mappings().all()
    sizes = [sum(len(str(row[one])) for one in columns if row[one]) for row in rows]
    return [(f"{name} {number}", size) for number, size in enumerate(sizes) if size]
