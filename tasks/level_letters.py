"""Letters about service levels: each agreement is confirmed once, with what it changes; so is its end (P40)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.mail_relay import MailRelay
from hosting.inventory import orders
from hosting.inventory.letters import letter_sent
from hosting.inventory.level_agreements import agreements_since
from hosting.inventory.levels import terms_of
from hosting.policy.service_levels import changes, level_on
from hosting.templates.letters import compose
from hosting.templates.level_wording import told_changes
from tasks.failures import check_all_done, kept_for_the_end
from tasks.letters import send_letter
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.errors import ServiceError
    from hosting.inventory.level_agreements import ContractLevel
    from hosting.policy.service_levels import Agreement
    from hosting.policy.values import OrderFacts

LATEST = timedelta(days=14)
"""What was agreed longer ago is no news: its letter could not be sent in all that time, and a person knows."""


@reading
def tell_customers_of_levels() -> int:
    """A letter for every agreement of late, and for every one that was called off after its letter; how many were sent.

    Raises:
        NotAllDone: some letters were not taken; they are sent the next time.
    """
    with inventory().reading() as session:
        waiting = [
            (key, letter, orders.order_facts(session, contract.order), _values(session, one, contract))
            for one, contract in agreements_since(session, now() - LATEST)
            for key, letter in due_letters(session, one)
        ]
    sent, failures = 0, list["ServiceError"]()
    for key, letter, order, values in waiting:
        with kept_for_the_end(failures, key):
            sent += _tell(key, letter, order, values)
    check_all_done(failures, "It is tried again each minute.")
    return sent


def due_letters(session: Session, one: Agreement) -> list[tuple[str, str]]:
    """Key and name of the letter that is due; none about what was given up before the customer heard of it."""
    agreed, off = f"level:{one.id}", f"level-off:{one.id}"
    if one.stands:
        return [] if letter_sent(session, agreed) else [(agreed, "level_agreed")]
    return [(off, "level_off")] if letter_sent(session, agreed) and not letter_sent(session, off) else []


def _values(session: Session, one: Agreement, contract: ContractLevel) -> dict[str, Any]:
    """What the templates name; what changes is told against what would count on that day without the agreement."""
    others = [other for other in contract.agreements if other.id < one.id or other.from_day < one.from_day]
    before = terms_of(session, level_on(contract.first, others, one.from_day))
    return {"from_day": one.from_day, "level": one.level, "changes": changes(before, terms_of(session, one.level))}


def _tell(key: str, letter: str, order: OrderFacts, values: dict[str, Any]) -> bool:
    """Send one."""
    told = {
        **values, "name": order.customer_name, "order": order.reference,
        "changes": told_changes(values["changes"], order.language),
    }  # fmt: skip
    made = compose(letter, order.language, told)
    return send_letter(key, made, order.email, order.language, load(MailRelay).sender)
