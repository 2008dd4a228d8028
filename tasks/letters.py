"""Letters to customers and operators: each told once under its key, recorded when the relay has taken it."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from prefect.runtime import flow_run

from blocks.loading import load
from blocks.mail_relay import MailRelay
from blocks.service_settings import ServiceSettings
from hosting.inventory import letters
from hosting.inventory.session import in_transaction
from hosting.policy.terms import TIME_ZONE
from hosting.product.layout import CUSTOMER_ADMIN
from hosting.templates.letters import Letter, compose
from tasks.probes import url_of
from tasks.records import inventory, make_access_link, now
from tasks.step import step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import InstanceFacts, OrderFacts, ServerFacts


def send_letter(
    key: str, letter: Letter, recipient: str, language: str, sender: str, *,
    also: Callable[[Session], None] | None = None,
) -> bool:  # fmt: skip
    """Send a letter unless it was sent; a crash between sending and recording may send it twice.

    What else is to be on record once it is sent (`also`) is so in the same transaction.

    The Message-ID follows from what the letter says: the same letter twice is one to a mail system, while one with
    a newer link is not taken for a repeat of the one whose link has ended.


    Raises:
        Unreachable: the relay does not take it.
    """
    with inventory().reading() as session:
        if letters.letter_sent(session, key):
            return False
    relay = load(MailRelay)
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(now())
    told = sha256(f"{key}\n{letter.text}".encode()).hexdigest()
    message["Message-ID"] = message_id = f"<{told[:32]}@{load(ServiceSettings).zone}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    relay.send(message)

    def record(session: Session) -> None:
        letters.record_letter(
            session,
            key,
            recipient=recipient,
            language=language,
            subject=letter.subject,
            message_id=message_id,
            now=now(),
        )
        if also:
            also(session)

    in_transaction(inventory(), record)
    return True


@step
def tell_customer_ready(server: ServerFacts, instance: InstanceFacts, order: OrderFacts) -> bool:
    """The URL of the open instance, and the link by which the customer sets his administrator's password (P10)."""
    key = f"ready:{order.reference}"
    with inventory().reading() as session:
        if letters.letter_sent(session, key):
            return False
    settings = load(ServiceSettings)
    values = {
        "name": order.customer_name,
        "order": order.reference,
        "url": url_of(server, instance),
        "administration_url": url_of(server, instance) + "config.php",
        "webdav_url": url_of(server, instance) + "webdav.php/",
        "administrator": CUSTOMER_ADMIN,
        "access_url": make_access_link.fn(instance),
        "access_days": settings.access_link_days,
        "accounts": order.accounts,
        "storage_gib": instance.storage_gib,
    }
    return send_letter(
        key, compose("ready", order.language, values), order.email, order.language, load(MailRelay).sender
    )


def tell_operator(key: str, values: dict[str, object]) -> bool:
    """A letter to the operators that a step failed and waits for a person."""
    relay = load(MailRelay)
    return send_letter(key, compose("operator_step_failed", "en", values), relay.operator, "en", relay.sender)


def tell_findings(key: str, title: str, findings: Sequence[Mapping[str, str]]) -> bool:
    """A letter to the operators with what was found: of each finding `subject`, `sentence` and `do`."""
    relay = load(MailRelay)
    values = {"title": title, "findings": findings, "run": flow_run.id or "by hand", "at": local(now())}
    return send_letter(key, compose("operator_findings", "en", values), relay.operator, "en", relay.sender)


def local(moment: datetime | None) -> str:
    """A moment as people in the service's zone write it."""
    return moment.astimezone(ZoneInfo(TIME_ZONE)).strftime("%Y-%m-%d %H:%M:%S %Z") if moment else "-"
