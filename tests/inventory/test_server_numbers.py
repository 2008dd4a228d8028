from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory import servers
from hosting.inventory.server_numbers import number_for
from tests.inventory.words import server, with_servers

if TYPE_CHECKING:
    from hosting.inventory.session import Inventory

FRESH = {"server_id": 1, "gtid_domain_id": 0}


def test_a_server_keeps_its_number_and_a_new_one_gets_the_next(inventory: Inventory) -> None:
    with inventory.reading() as session:
        assert number_for(session, "app1", FRESH) == 1
    with_servers(inventory, server("app1", facts={"number": 1}), server("app3", facts={"number": 3}))
    with inventory.reading() as session:
        assert number_for(session, "app3", FRESH) == 3
        assert number_for(session, "app4", FRESH) == 4


def test_a_server_that_runs_under_a_number_keeps_it_if_it_is_free(inventory: Inventory) -> None:
    with_servers(inventory, server("app1", facts={"number": 1}))
    with inventory.reading() as session:
        assert number_for(session, "app7", {"server_id": 7, "gtid_domain_id": 7}) == 7
        assert number_for(session, "copy", {"server_id": 1, "gtid_domain_id": 1}) == 2


def test_a_replaced_host_key_is_recorded_with_the_old_one(inventory: Inventory) -> None:
    from hosting.inventory.deeds import deeds_of
    from tests.inventory.words import NOW

    with_servers(inventory, server("app1"))
    for _ in range(2):
        with inventory.writing() as session:
            servers.replace_host_key(session, "app1", "ssh-ed25519 BBBB", by="olga", why="new disk", now=NOW)
    with inventory.reading() as session:
        assert servers.server_facts(session, "app1").host_key == "ssh-ed25519 BBBB"
        (deed,) = [deed for deed in deeds_of(session, "server:app1") if deed.what == "host key replaced"]
    assert deed.evidence == {"from": "ssh-ed25519 AAAAapp1", "to": "ssh-ed25519 BBBB"}
