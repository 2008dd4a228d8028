"""Letters about names: which record to set, that a name leads to the instance, that it does no longer (P29 to P32)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mail_relay import MailRelay
from hosting.inventory import instances, orders
from hosting.policy.months import day_of
from hosting.policy.pointing import WAITS
from hosting.policy.values import NameKind
from hosting.templates.letters import compose
from tasks.letters import send_letter
from tasks.network import addresses_of
from tasks.probes import url_of
from tasks.records import inventory
from tasks.step import step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hosting.policy.values import NameFacts
    from tasks.name_records import Naming


@step
def tell_customer_record(naming: Naming) -> bool:
    """Which record the customer sets, told once for each domain that does not lead here yet, and server (P30)."""
    values = {"server": naming.server.host_name, "address": addresses_of(naming.server.host_name)[0]}
    return tell_about_name("domain_waiting", naming, values, str(naming.server.name))


@step
def remind_customer_of_record(naming: Naming, days: int) -> bool:
    """Which record is still to be set, so many days after the order, and until when the domain waits for it (P30)."""
    values = {
        "server": naming.server.host_name,
        "address": addresses_of(naming.server.host_name)[0],
        "ordered": day_of(naming.name.since),
        "until": day_of(naming.name.since + WAITS),
    }
    return tell_about_name("domain_reminder", naming, values, str(days))


def reminder_key(naming: Naming, days: int) -> str:
    """The key of the reminder that goes out so many days after a domain was ordered."""
    return letter_key("domain_reminder", naming, str(days))


@step
def tell_customer_name_live(naming: Naming) -> bool:
    """The name under which the instance is reached now, and that the long form stays."""
    return tell_about_name("name_live", naming, {})


@step
def tell_customer_name_gone(naming: Naming) -> bool:
    """That the name is gone, and where the instance is reached now; not told where another name took its place."""
    return tell_about_name("name_gone", naming, {})


def tell_about_name(letter: str, naming: Naming, values: Mapping[str, object], about: str = "") -> bool:
    """A letter about a name to the instance's customer, once; of several of a kind, once for what each is about."""
    with inventory().reading() as session:
        order = orders.order_facts(session, instances.instance_facts(session, naming.instance.name).order_reference)
    told = {
        "name": order.customer_name,
        "order": order.reference,
        "host": shown_host(naming.name, naming.zone),
        "url": naming.url,
        "long_form": url_of(naming.server, naming.instance),
        **values,
    }
    composed = compose(letter, order.language, told)
    key = letter_key(letter, naming, about)
    return send_letter(key, composed, order.email, order.language, load(MailRelay).sender)


def letter_key(letter: str, naming: Naming, about: str = "") -> str:
    """The key under which a letter about a name is sent once."""
    return f"{letter}:{naming.name.id}" + (f":{about}" if about else "")


def shown_host(name: NameFacts, zone: str) -> str:
    """A name as it was ordered (P32)."""
    return f"{name.as_ordered}.{zone}" if name.kind is NameKind.SUBDOMAIN else name.as_ordered
