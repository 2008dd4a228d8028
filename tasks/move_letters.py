"""The letter that tells a customer that his instance has moved (P10, P24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mail_relay import MailRelay
from hosting.inventory import kept_source, moves
from hosting.policy.states import NameState
from hosting.policy.values import NameKind
from hosting.templates.letters import compose
from hosting.templates.wording import moment
from tasks.held_name_letters import shown_host
from tasks.letters import send_letter
from tasks.name_records import read_names
from tasks.own_domains import read_pointing
from tasks.probes import url_of
from tasks.records import inventory, now, read_terms
from tasks.step import step

if TYPE_CHECKING:
    from tasks.move_records import Move
    from tasks.name_records import Naming


@step
def tell_customer_moved(move: Move) -> bool:
    """The new address, that the old one goes on working, which domains lead astray, how long nobody was served.

    Of a switch that was found later none of that is known, nor whether it was told: the operator who found it writes.
    """
    with inventory().reading() as session:
        facts = moves.move_facts(session, move.facts.id)
    if moves.FOUND_SWITCHED in facts.evidence:
        return False
    values = {
        "name": move.order.customer_name,
        "order": move.order.reference,
        "url": url_of(move.target, move.instance),
        "old_url": url_of(move.source, move.instance),
        "at": moment(facts.switched_at or now(), move.order.language),
        "domains": [shown_host(one.name, one.zone) for one in domains_astray(move)],
        "server": move.target.host_name,
        "address": move.target.address,
        "stop_seconds": 0 if facts.stop_seconds is None else max(1, round(facts.stop_seconds)),
    }
    order = move.order
    if move.serves_kept:
        with inventory().reading() as session:
            kept = moves.move_facts(session, int(facts.evidence[kept_source.SERVES_KEPT]))
        values |= {
            "state_of": moment(kept.switched_at or kept.due_at, order.language),
            "days": read_terms.fn(move.name).moved_kept_days,
        }
    letter = compose("moved_to_kept" if move.serves_kept else "moved", order.language, values)
    return send_letter(f"moved:{facts.id}", letter, order.email, order.language, load(MailRelay).sender)


def domains_astray(move: Move) -> list[Naming]:
    """The customer's own domains that don't lead to the new server by themselves: he changes the DNS (P30)."""
    live = [one for one in read_names.fn(move.instance, NameState.LIVE) if one.name.kind is NameKind.DOMAIN]
    return [one for one in live if not read_pointing.fn(one).points]
