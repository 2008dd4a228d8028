"""The letter to all customers that the product ends: once each, gone on with where a run was lost (P41)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mail_relay import MailRelay
from hosting.inventory import campaigns, levels
from hosting.templates.letters import compose
from tasks.letters import send_letter
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from hosting.inventory.campaigns import Standing


@reading
def read_untold(language: str) -> list[Standing]:
    """Customers who are served and were never told, each once; of a language, if one is named."""
    with inventory().reading() as session:
        found = {one.customer: one for one in reversed(campaigns.standings(session)) if one.is_to_be_told}
    return [one for one in sorted(found.values(), key=lambda one: one.customer) if language in {"", one.language}]


@reading
def tell_one(one: Standing) -> bool:
    """A customer reads that the product ends, what he can do, and that nothing is lost meanwhile.

    Raises:
        Unreachable: the relay does not take it; the next run sends it.
    """
    with inventory().reading() as session:
        kept = levels.terms_of_instance(session, one.instance, now()).ended_kept_days
    letter = compose(campaigns.LETTER, one.language, {"name": one.name, "kept_days": kept})
    return send_letter(campaigns.key_of(one.customer), letter, one.email, one.language, load(MailRelay).sender)
