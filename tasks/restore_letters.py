"""The letter that tells a customer that his instance was restored on another server (P10, P20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mail_relay import MailRelay
from hosting.inventory import orders
from hosting.templates.letters import compose
from hosting.templates.wording import moment
from tasks.letters import send_letter
from tasks.probes import url_of
from tasks.records import inventory
from tasks.step import step

if TYPE_CHECKING:
    from hosting.policy.values import ServerFacts
    from tasks.restoring import Restore


@step
def tell_customer_restored(server: ServerFacts, restore: Restore, old: ServerFacts, *, passed_on: bool) -> bool:
    """The new address, whether the old one goes on working, and of which moment the state is.

    Args:
        server: the one that serves the instance now.
        restore: what was brought back.
        old: the server that was left.
        passed_on: whether that one passes requests on; else it is lost.
    """
    with inventory().reading() as session:
        order = orders.order_facts(session, restore.instance.order_reference)
    values = {
        "name": order.customer_name,
        "order": order.reference,
        "url": url_of(server, restore.instance),
        "old_url": url_of(old, restore.instance),
        "passed_on": passed_on,
        "at": moment(restore.point.taken_at, order.language),
    }
    letter = compose("restored", order.language, values)
    key = f"restored:{restore.instance.name}:{restore.stamp}"
    return send_letter(key, letter, order.email, order.language, load(MailRelay).sender)
