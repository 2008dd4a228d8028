"""Letters about names that customers wish for: received, approved, refused with the reason; each once (P28)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.mail_relay import MailRelay
from blocks.service_settings import ServiceSettings
from hosting.inventory import instances, name_application_rows, names, orders
from hosting.inventory.deeds import SERVICE
from hosting.inventory.letters import letter_sent
from hosting.policy.labels import PERHAPS
from hosting.policy.states import ApplicationState
from hosting.policy.terms import STANDARD
from hosting.templates.letters import compose
from tasks.failures import check_all_done, kept_for_the_end
from tasks.letters import send_letter
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.errors import ServiceError
    from hosting.inventory.name_application_rows import ApplicationFacts
    from hosting.policy.values import OrderFacts

LATEST = timedelta(days=14)
"""What was decided longer ago is no news: its letter could not be sent in all that time, and a person knows."""

USUALLY_LIVE = timedelta(minutes=5)
"""An approved name is live after seconds, and a letter tells that; the approval is told where it takes longer."""

LETTERS = {
    ApplicationState.WAITING: "name_received",
    ApplicationState.APPROVED: "name_approved",
    ApplicationState.REFUSED: "name_refused",
}
"""The letter that belongs to a state."""


@reading
def tell_customers_of_names() -> int:
    """A letter for every application that came to its state lately, and that none was sent for.

    Returns:
        How many letters were sent.

    Raises:
        NotAllDone: some letters were not taken; they are sent the next time.
    """
    with inventory().reading() as session:
        recent = name_application_rows.applications_since(session, now() - LATEST)
        waiting = [
            (one, orders.order_facts(session, instances.instance_facts(session, one.instance_name).order_reference))
            for one in recent
            if not letter_sent(session, key_of(one)) and not is_told_otherwise(session, one)
        ]
    sent, failures = 0, list["ServiceError"]()
    for application, order in waiting:
        with kept_for_the_end(failures, f"application {application.id}"):
            letter = compose(LETTERS[application.state], order.language, values_of(application, order))
            sent += send_letter(key_of(application), letter, order.email, order.language, load(MailRelay).sender)
    check_all_done(failures, "It is tried again each minute.")
    return sent


def is_told_otherwise(session: Session, one: ApplicationFacts) -> bool:
    """Whether a name was withdrawn, by the customer himself; or is live, which a letter of its own tells, or soon."""
    if one.state is ApplicationState.WITHDRAWN:
        return True
    if one.state is not ApplicationState.APPROVED or one.decided_at is None:
        return False
    own = (name for name in names.all_names(session) if name.instance_name == one.instance_name)
    is_live = any(name.a_label == one.a_label and name.live_at is not None for name in own)
    return is_live or now() - one.decided_at < USUALLY_LIVE


def key_of(application: ApplicationFacts) -> str:
    """The key under which the letter of an application in its state is told once."""
    return f"name-application:{application.id}:{application.state}"


def values_of(application: ApplicationFacts, order: OrderFacts) -> dict[str, Any]:
    """What the letters' templates name."""
    zone = load(ServiceSettings).zone
    return {
        "name": order.customer_name,
        "order": order.reference,
        "wished": application.wished,
        "host": f"{application.name}.{zone}",
        "dns_host": f"{application.a_label}.{zone}",
        "reasons": reasons_of(application, order.language),
        "least": STANDARD.name_least,
        "most": STANDARD.name_most,
    }


def reasons_of(application: ApplicationFacts, language: str) -> list[str]:
    """Why a name is refused: in the words of who refused it, or those of the rules if the program did."""
    if application.decided_by != SERVICE:
        return [application.reason]
    telling = (one for one in application.findings if one.refuses or one.rule is PERHAPS)
    return [one.told(language) for one in telling]
