"""Letters about bookings and storage: each follows a deed in the record, once (P04, P07, P25)."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.mail_relay import MailRelay
from hosting.inventory import booking_changes, bookings, deeds, instances, letters, levels, measurements, orders
from hosting.policy.booking_refusals import told_gb
from hosting.templates.letters import compose
from tasks.letters import send_letter
from tasks.records import inventory, now
from tasks.step import step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from hosting.inventory.deeds import DeedFacts
    from hosting.policy.values import InstanceFacts, OrderFacts

LATEST = timedelta(days=14)
"""What was done longer ago is no news: its letter could not be sent in all that time, and a person knows."""

MOST_USERS = 3
"""So many of those who use most are named in a letter."""


@step
def tell_customer_of_bookings(instance: InstanceFacts) -> bool:
    """A letter for everything that was done about an instance's bookings and storage, and that none was sent for.

    Raises:
        Unreachable: the relay does not take one; it is sent the next time.
    """
    with inventory().reading() as session:
        order = orders.order_facts(session, instance.order_reference)
        waiting = [
            (_key(deed), letter, _values(session, instance, order, deed))
            for deed in deeds.deeds_of(session, instances.subject_of(instance.name))
            if (letter := letter_for(deed))
            and now() - deed.at <= LATEST
            and not letters.letter_sent(session, _key(deed))
        ]
    sender = load(MailRelay).sender
    sent = [
        send_letter(key, compose(letter, order.language, values), order.email, order.language, sender)
        for key, letter, values in waiting
    ]
    return any(sent)


LETTERS = {
    booking_changes.CHANGED: "booking_changed",
    bookings.ENDED: "booking_ended",
    bookings.RUNS_ON: "booking_runs_on",
    measurements.WARNED: "storage_warning",
    measurements.MORE_USERS: "more_users",
}
"""The letter that follows a deed; a deed of another kind has none."""


def letter_for(deed: DeedFacts) -> str:
    """The name of the letter that follows a deed, empty if none does.

    What ends with the contract is told when the instance is ended, not one by one; so is the contract's own end.
    """
    if deed.evidence.get(booking_changes.TOLD_BY_ITS_END):
        return ""
    letter = LETTERS.get(deed.what, "")
    return "" if letter == "booking_ended" and deed.evidence.get("with_contract") else letter


def _key(deed: DeedFacts) -> str:
    """The key under which the letter is told once."""
    return f"deed:{deed.id}"


def _values(session: Session, instance: InstanceFacts, order: OrderFacts, deed: DeedFacts) -> dict[str, Any]:
    """What the letter's templates name."""
    told = deed.evidence
    common = {"name": order.customer_name, "order": order.reference}
    match deed.what:
        case booking_changes.CHANGED:
            return common | _change(told)
        case bookings.ENDED | bookings.RUNS_ON:
            return common | {
                "kind": told["kind"],
                "day": date.fromisoformat(told["day"]),
                "users": told["users"],
                "used": told_gb(int(told["used_bytes"])),
                "accounts": instance.accounts,
                "pool_gib": instance.storage_gib,
            }
        case measurements.WARNED:
            return common | _warning(session, instance, told)
        case _:
            return common | {"users": told["users"], "accounts": told["accounts"]}


def _change(told: Mapping[str, Any]) -> dict[str, Any]:
    """A change as its letter tells it: how many bookings end on which day."""
    ends = Counter(date.fromisoformat(day) for day in told["ends"].values())
    bound = told["bound_until"]
    figures = ("kind", "accounts_before", "accounts_after", "pool_gib_before", "pool_gib_after")
    return {
        **{name: told[name] for name in figures},
        "takes_effect_on": date.fromisoformat(told["takes_effect_on"]),
        "bound_until": date.fromisoformat(bound) if bound else None,
        "ends": sorted(ends.items()),
    }


def _warning(session: Session, instance: InstanceFacts, told: Mapping[str, Any]) -> dict[str, Any]:
    """A warning as its letter tells it, with those who use most by the last measurement."""
    last = measurements.last_measured(session, instance.name)
    sums = {name: sum(parts.values()) for name, parts in (last.by_user if last else {}).items()}
    largest = sorted(sums.items(), key=lambda one: -one[1])[:MOST_USERS]
    return {
        "threshold": told["threshold"],
        "used": told_gb(int(told["used_bytes"])),
        "pool_gib": told["pool_gib"],
        "step_gib": levels.terms_of_instance(session, instance.name, now()).storage_step_gib,
        "users": [(name, told_gb(size)) for name, size in largest if size],
    }
