"""Copies beside instances: each has its slot, and what is begun, ready or gone is told by the server's deeds."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import copies
from hosting.inventory.copies import CopyFacts, NoFreeSlot, UnknownCopy
from hosting.inventory.session import Inventory, in_transaction
from hosting.product.layout import COPIES_MOST, FIRST_COPY_UID, LAST_UID, InstanceLayout, copy_number
from tests.inventory.words import NOW, RELEASE, at_once, server, with_servers
from tests.policy.backups import point

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

UNTIL = NOW + timedelta(days=7)


def begin(inventory: Inventory, number: int = 1, where: str = "app1") -> CopyFacts:
    return in_transaction(
        inventory, lambda session: copies.begin_copy(session, where, point("g1", NOW, id=f"p{number}"), UNTIL, NOW)
    )


def remove(inventory: Inventory, copy: CopyFacts) -> None:
    def note(session: Session) -> None:
        copies.record_removed(session, copy, "olga", "test", NOW)

    in_transaction(inventory, note)


def there(inventory: Inventory) -> list[CopyFacts]:
    with inventory.reading() as session:
        return copies.all_copies(session)


def test_each_copy_has_a_slot_of_its_own_and_the_first_is_the_rehearsals(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"), server("app2"))
    made = [begin(inventory, 1), begin(inventory, 2), begin(inventory, 3, "app2")]
    assert [(one.name, one.slot, one.server_name) for one in made] == [
        ("k3v9aa_1", 1, "app1"), ("k3v9aa_2", 2, "app1"), ("k3v9aa_1", 1, "app2"),
    ]  # fmt: skip
    assert there(inventory) == made


def test_a_copy_that_is_asked_for_again_is_gone_on_with(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    first = begin(inventory)
    assert begin(inventory) == first
    in_transaction(inventory, lambda session: copies.record_ready(session, first, NOW))
    assert begin(inventory).ready
    assert len(there(inventory)) == 1


def test_a_slot_is_free_again_once_its_copy_is_removed(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    first, second = begin(inventory, 1), begin(inventory, 2)
    remove(inventory, first)
    assert there(inventory) == [second]
    assert begin(inventory, 3).slot == 1


def test_a_server_has_no_more_copies_than_slots(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    uids = {InstanceLayout("x", copy_number(begin(inventory, n).slot), RELEASE).uid for n in range(1, COPIES_MOST)}
    assert uids == set(range(FIRST_COPY_UID + 1, LAST_UID + 1))
    with pytest.raises(NoFreeSlot, match="app1 has 9 copies"):
        begin(inventory, COPIES_MOST)


def test_copies_begun_at_once_get_different_slots(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    made = at_once(*(partial(begin, inventory, number) for number in range(1, 5)))
    assert sorted(one.slot for one in made) == [1, 2, 3, 4]


def test_a_copy_is_found_by_its_name_and_where_two_servers_have_it_by_both(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"), server("app2"))
    first = begin(inventory, 1)
    with inventory.reading() as session:
        assert copies.copy_facts(session, "k3v9aa_1") == first
    second = begin(inventory, 2, "app2")
    with inventory.reading() as session:
        assert copies.copy_facts(session, "k3v9aa_1@app2") == second
        with pytest.raises(UnknownCopy, match=r"2 servers have a copy k3v9aa_1.*k3v9aa_1@app1, k3v9aa_1@app2"):
            copies.copy_facts(session, "k3v9aa_1")
        with pytest.raises(UnknownCopy, match="no copy k3v9aa_7"):
            copies.copy_facts(session, "k3v9aa_7")
