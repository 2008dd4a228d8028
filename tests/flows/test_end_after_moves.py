"""After the end nothing is left where an instance was before, nor of its own domain, with btrfs or without (P41).

It is looked for on the servers of the session, whatever their disks: `tests/tracks.py` has it on both kinds.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import cases
from hosting.policy.leaving import NOTHING
from hosting.policy.states import EndState
from hosting.product.layout import InstanceLayout
from tests.service import endings, moves
from tests.service.backups import LIVE, back_up, on
from tests.service.own_domains import DOMAIN, asked_resolvers, authority_in, lead_to, ordered, run

if TYPE_CHECKING:
    from pathlib import Path

    from hosting.policy.values import InstanceFacts
    from tests.service.own_domains import Told
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(900)]

HOUR = timedelta(hours=1)


def moved_with_its_domain(service: Service, told: Told, folder: Path) -> tuple[InstanceFacts, int]:
    """An instance with data, backups and a domain, on its second server; the domain's number."""
    source, target = service.hosts[0], service.hosts[-1]
    moves.known_by_name(service)
    service.only_server(source)
    instance = service.provision()
    service.all_servers()
    on(service, LIVE, instance, InstanceLayout.of(instance).user, "0")
    assert back_up(service, instance, "full").completed
    lead_to(told, service.server(source).address)
    name = ordered(service, instance, authority_in(service, folder))
    assert run(service, name).completed
    move = moves.plan(service, instance, target)
    outcome = moves.run(service, move)
    assert outcome.completed, outcome
    here = moves.now_on(service, instance)
    assert back_up(service, here, "full").completed
    for host in (source, target):
        endings.put_aside(service, instance, host)
    return here, name.id


def test_after_the_end_nothing_is_left_where_an_instance_was_before_nor_of_its_domain(
    service: Service, tmp_path: Path
) -> None:
    """The server that it has left does not answer as the contract ends: the domain's key lies there until it does."""
    source, target = service.hosts[0], service.hosts[-1]
    assert source != target, "it needs a second server: name two in PHM_TEST_HOSTS"
    with asked_resolvers(service, DOMAIN.ascii) as told:
        instance, number = moved_with_its_domain(service, told, tmp_path)
        end = endings.notice(service, instance)
        service.fleet.cut(source)
        try:
            closed = endings.run(service, end, end.effective_at)
        finally:
            service.fleet.heal(source)
        assert closed.completed, closed
        assert endings.again(service, end).state is EndState.ENDED
        kept = endings.left_of_name(service, number)
        assert (any(".key" in one for one in kept[source]), kept[target]) == (True, [])
        gone = endings.run(service, end, endings.again(service, end).delete_at + HOUR)
    assert gone.completed, gone
    assert endings.again(service, end).state is EndState.DELETED
    nothing: dict[str, list[str]] = {host: [] for host in service.hosts}
    for word in (instance.name, DOMAIN.ascii, DOMAIN.unicode):
        assert endings.left_on_servers(service, word) == nothing
    assert endings.left_of_name(service, number) == nothing
    assert endings.left_in_store(instance.name) == []
    order = instance.order_reference
    besides = endings.PSEUDONYMS | endings.OF_MOVES
    assert endings.left_in_inventory(service, instance.name, order, besides=besides) == []
    assert endings.left_in_inventory(service, DOMAIN.ascii, DOMAIN.unicode, DOMAIN.ordered) == []
    found = {one.place: one for one in endings.record(service, end)}
    assert set(found) >= {f"{kind} {host}" for kind in ("server", "database") for host in (source, target)}
    assert {one.after for one in found.values()} == {NOTHING}
    assert all(found[f"{kind} {host}"].before.count for kind in ("server", "database") for host in (source, target))
    with service.inventory.reading() as session:
        assert not [one for one in cases.open_cases(session) if instance.name in one.subject]
    for host in (source, target):
        disk = service.on("stat -f -c %T /srv", host).strip()
        sys.stdout.write(f"  {host} ({disk}): {found[f'server {host}'].before.count} things, nothing left\n")
