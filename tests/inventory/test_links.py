"""One-time, expiring links: used once, by one, in time."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import instances, links
from hosting.inventory.links import LinkExpired, LinkUnknown, LinkUsed
from hosting.inventory.models import AccessLink
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.placement import choose_server
from tests.inventory.words import NOW, RELEASE, at_once, placed, received, server, take, with_servers

if TYPE_CHECKING:
    from datetime import datetime

FORTNIGHT = timedelta(days=14)
PURPOSE = "first_access"


@pytest.fixture
def instance(inventory: Inventory) -> str:
    with_servers(inventory, server("app1"))
    take(inventory, placed(), received("p1"))
    reserved = in_transaction(
        inventory,
        lambda session: instances.reserve_instance(
            session, "A-1", choose_server, release=RELEASE, seal=lambda secret: secret, now=NOW
        ),
    )
    return reserved.name


def make(inventory: Inventory, instance: str, purpose: str = PURPOSE, now: datetime = NOW) -> str:
    return in_transaction(inventory, lambda session: links.make_link(session, instance, purpose, now, FORTNIGHT))


def find(inventory: Inventory, token: str, now: datetime = NOW) -> links.LinkFacts:
    with inventory.reading() as session:
        return links.find_link(session, token, now)


def use(inventory: Inventory, token: str, now: datetime = NOW) -> links.LinkFacts:
    return in_transaction(inventory, lambda session: links.use_link(session, token, now))


def test_a_link_is_found_by_its_token_and_only_the_hash_is_kept(inventory: Inventory, instance: str) -> None:
    token = make(inventory, instance)
    assert len(token) == 43
    facts = find(inventory, token)
    assert (facts.instance_name, facts.purpose, facts.expires_at) == (instance, PURPOSE, NOW + FORTNIGHT)
    with inventory.reading() as session:
        row = session.scalars(select(AccessLink)).one()
    assert token not in {row.token_sha256, row.purpose, row.instance_name}
    with pytest.raises(LinkUnknown):
        find(inventory, token[:-1])


def test_a_link_is_used_once(inventory: Inventory, instance: str) -> None:
    token = make(inventory, instance)
    assert use(inventory, token).instance_name == instance
    for again in (use, find):
        with pytest.raises(LinkUsed, match=r"This link was used already\. Ask for a new link\."):
            again(inventory, token)


def test_a_link_expires(inventory: Inventory, instance: str) -> None:
    token = make(inventory, instance)
    assert find(inventory, token, NOW + FORTNIGHT - timedelta(seconds=1))
    with pytest.raises(LinkExpired):
        use(inventory, token, NOW + FORTNIGHT)


def test_a_newer_link_takes_the_place_of_the_unused_ones_to_the_same_end(inventory: Inventory, instance: str) -> None:
    first, other = make(inventory, instance), make(inventory, instance, "another_end")
    second = make(inventory, instance, now=NOW + timedelta(days=1))
    with pytest.raises(LinkExpired, match="replaced by a newer one"):
        find(inventory, first, NOW + timedelta(days=1))
    assert find(inventory, second, NOW + timedelta(days=1)) != find(inventory, other)


def test_links_that_stand_beside_each_other_end_with_the_first_use(inventory: Inventory, instance: str) -> None:
    """A letter that a crash has sent twice holds two links: whichever copy the customer reads has to open."""
    first = make(inventory, instance)
    second = in_transaction(
        inventory, lambda session: links.make_link(session, instance, PURPOSE, NOW, FORTNIGHT, replaces=False)
    )
    assert find(inventory, first).instance_name == find(inventory, second).instance_name == instance
    use(inventory, first)
    with pytest.raises(LinkExpired):
        use(inventory, second)


def test_of_eight_who_use_a_link_at_the_same_moment_one_succeeds(inventory: Inventory, instance: str) -> None:
    token = make(inventory, instance)

    def attempt() -> bool:
        try:
            use(inventory, token)
        except Refused:
            return False
        return True

    assert sum(at_once(*[partial(attempt)] * 8)) == 1
