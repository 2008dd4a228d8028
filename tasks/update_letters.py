"""The letters about updates: planned, changed, off, took longer; one at a time for each instance (P15, P16)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mail_relay import MailRelay
from hosting.errors import ServiceError
from hosting.inventory import announcements, instances, levels, orders
from hosting.inventory.session import in_transaction
from hosting.policy.announcements import UpdateLetter, letter_due
from hosting.templates.letters import compose
from hosting.templates.maintenance import letter_values
from tasks.failures import check_all_done, kept_for_the_end
from tasks.letters import send_letter
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from hosting.policy.announcements import Announced


TOLD_WITHIN = timedelta(days=7)
"""So long after a turn's window its letters are still sent, where the relay did not take them at once."""


@reading
def see_to_announcements() -> int:
    """Every letter about an update that is due, sent; how many.

    Raises:
        NotAllDone: some letters were not taken; they are sent the next time.
    """
    with inventory().reading() as session:
        waiting = announcements.waiting_words(session, now() - TOLD_WITHIN)
        terms = levels.terms_of_instances(session, now()) if waiting else {}
    sent, failures = 0, list[ServiceError]()
    for turn in waiting:
        letter = letter_due(turn, terms[turn.instance_name])
        if letter is not None:
            with kept_for_the_end(failures, f"update {turn.update.key}, instance {turn.instance_name}"):
                sent += _tell(turn, letter)
    check_all_done(failures, "It is tried again each minute.")
    return sent


def _tell(turn: Announced, letter: UpdateLetter) -> bool:
    """One letter; it and what the customer knows by it stand on record together."""
    with inventory().reading() as session:
        order = orders.order_facts(session, instances.instance_facts(session, turn.instance_name).order_reference)
    changed = letter is UpdateLetter.CHANGED
    values = letter_values(turn, order, changed=changed)
    made = compose(UpdateLetter.PLANNED if changed else letter, order.language, values)
    record = partial(announcements.record_told, told=turn, letter=letter, now=now())
    sender = load(MailRelay).sender
    sent = send_letter(turn.key_of(letter), made, order.email, order.language, sender, also=record)
    if not sent:
        in_transaction(inventory(), record)
    return sent
