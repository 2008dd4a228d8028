"""The letter by which a customer fetches what was exported for him (P41)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mail_relay import MailRelay
from blocks.service_settings import ServiceSettings
from hosting.inventory import instances, orders
from hosting.policy.export_links import sign_link
from hosting.templates.letters import compose
from hosting.templates.wording import moment
from tasks.letters import send_letter
from tasks.probes import url_of
from tasks.records import inventory, read_server
from tasks.step import step

if TYPE_CHECKING:
    from hosting.policy.exports import ExportFacts


def export_url(order: ExportFacts) -> str:
    """The address of an export's page; it is a secret."""
    settings = load(ServiceSettings)
    key, asked = settings.sealing_key.get_secret_value(), order.asked_at.isoformat()
    return f"{settings.public_url}/export/{sign_link(key, order.id, order.instance, asked)}"


@step
def tell_customer_exported(order: ExportFacts) -> bool:
    """Where the archives are, what is in them, and until when; to the customer's address and nobody else."""
    with inventory().reading() as session:
        instance = instances.instance_facts(session, order.instance)
        customer = orders.order_facts(session, instance.order_reference)
    values = {
        "name": customer.customer_name,
        "order": customer.reference,
        "url": url_of(read_server.fn(instance.server_name), instance),
        "export_url": export_url(order),
        "until": moment(order.ends_at, customer.language) if order.ends_at else "",
        "archives": [one for one in order.archives if not one.skipped],
        "missing": sum(one.missing for one in order.archives),
        "imap_folders": sum(one.imap_folders for one in order.archives),
    }
    letter = compose("exported", customer.language, values)
    return send_letter(f"exported:{order.id}", letter, customer.email, customer.language, load(MailRelay).sender)
