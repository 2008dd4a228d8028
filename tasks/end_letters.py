"""Letters about the end of a contract: confirmed, reminded of, ended, called off, deleted; each once (P41)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.mail_relay import MailRelay
from blocks.service_settings import ServiceSettings
from hosting.inventory import erasing, instances, orders, servers
from hosting.policy.values import NameKind
from hosting.templates.letters import compose
from tasks.letters import send_letter
from tasks.probes import url_of
from tasks.records import inventory
from tasks.step import step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.policy.leaving import EndFacts
    from hosting.policy.values import OrderFacts


@step
def tell_customer_noticed(end: EndFacts) -> bool:
    """The notice is confirmed: the last day, the day of the deletion, how data are taken along."""
    return _tell(end, "end_noticed", days_of(end))


@step
def tell_customer_reminder(end: EndFacts, days: int) -> bool:
    """The end comes near; once for each of the days of the terms."""
    return _tell(end, "end_reminder", {**days_of(end), "days": days}, str(days))


@step
def tell_customer_ended(end: EndFacts) -> bool:
    """The instance is closed; until when its data are kept."""
    return _tell(end, "end_ended", {**days_of(end), "names": hosts_of(end)})


@step
def tell_customer_called_off(end: EndFacts, back: Sequence[str], lost: Sequence[str]) -> bool:
    """The contract runs on; which names come back, and which do not."""
    with inventory().reading() as session:
        instance = instances.instance_facts(session, end.instance_name)
        server = servers.server_facts(session, instance.server_name)
    values = {
        "was_closed": end.ended_at is not None,
        "back": list(back),
        "lost": list(lost),
        "url": url_of(server, instance),
    }
    return _tell(end, "end_called_off", values)


@step
def tell_customer_deleted(end: EndFacts) -> bool:
    """All is deleted; told before his address goes, too. Who has none any more is told nothing."""
    order = order_of(end)
    with inventory().reading() as session:
        still = erasing.is_customer_still(session, order.customer_reference, besides=end.instance_name)
    values = {"contract": end.contract_id, "address_goes": not still}
    return bool(order.email) and _tell(end, "end_deleted", values)


def days_of(end: EndFacts) -> dict[str, Any]:
    """The days that the letters tell."""
    return {
        "ends_on": end.ends_on,
        "last_day": end.ends_on - timedelta(days=1),
        "delete_on": end.delete_on,
        "kept_days": end.kept_days,
    }


def hosts_of(end: EndFacts) -> list[str]:
    """The whole names that it had."""
    zone = load(ServiceSettings).zone
    return [
        f"{one['as_ordered']}.{zone}" if one["kind"] == NameKind.SUBDOMAIN else str(one["as_ordered"])
        for one in end.names
    ]


def order_of(end: EndFacts) -> OrderFacts:
    """The order, with whom it is of."""
    with inventory().reading() as session:
        instance = instances.instance_facts(session, end.instance_name)
        return orders.order_facts(session, instance.order_reference)


def _tell(end: EndFacts, letter: str, values: dict[str, Any], more: str = "") -> bool:
    """A letter to the customer, once for the end and what it is about."""
    order = order_of(end)
    told = {"name": order.customer_name, "order": order.reference, **values}
    key = ":".join(("ending", str(end.id), letter, *([more] if more else [])))
    return send_letter(key, compose(letter, order.language, told), order.email, order.language, load(MailRelay).sender)
