"""A server is emptied by the clock and the worker alone, two moves at a time, though the worker dies half-way (P12).

Wants three servers: the one that is emptied, and two that take its instances. PHM_TEST_HOSTS="app11 app12 app13".
"""

from __future__ import annotations

import sys
import time
from statistics import median
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import evacuations, instances, moves
from hosting.inventory.evacuation_rows import EvacuationOrder
from hosting.inventory.session import in_transaction
from hosting.policy.states import MoveState, ServerState
from tasks.records import now
from tests.service import moves as sides
from tests.service.customer import site
from tests.service.retired import takes_again
from tests.service.whole import whole, worker_dies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.service_fixture import Service


pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.soak, pytest.mark.timeout(7200)]

AT_ONCE = 2
SECONDS_EACH = 120
"""So long one move may take, its way through the clock counted, where the machine has much other work."""


@pytest.fixture
def hosts(service: Service) -> Iterator[tuple[str, ...]]:
    """The server that is emptied and those that take what is on it; afterwards all is as it was."""
    sides.known_by_name(service)
    yield service.hosts
    takes_again(service, *service.hosts)


@pytest.mark.parametrize("count", [6, 50])
def test_a_server_is_emptied_by_the_clock_though_the_worker_dies_half_way(
    service: Service, hosts: tuple[str, ...], count: int
) -> None:
    source, *targets = hosts
    assert len(targets) == AT_ONCE, "It wants three servers: PHM_TEST_HOSTS."
    service.only_server(source)
    made = [service.provision() for _ in range(count)]
    service.all_servers()
    order = EvacuationOrder(source, "its disks fail", emergency=True, parallel=AT_ONCE, to=tuple(targets))
    in_transaction(service.inventory, lambda session: evacuations.begin(session, order, "test", now()))
    at_once: list[int] = []

    def there() -> int:
        """How many have left; how many are on the way is noted."""
        with service.inventory.reading() as session:
            at_once.append(len(moves.all_moves(session, MoveState.COPYING, MoveState.FROZEN)))
            return sum(instances.instance_facts(session, one.name).server_name != source for one in made)

    with whole(service):
        wait_for(lambda: there() >= count // 2, count * SECONDS_EACH)
        wait_for(lambda: there() and at_once[-1] > 0, count * SECONDS_EACH)
        worker_dies(service)
        wait_for(lambda: there() == count, count * SECONDS_EACH)
        wait_for(lambda: service.server(source).state is ServerState.RETIRED, 10 * SECONDS_EACH)
    with service.inventory.reading() as session:
        done = moves.all_moves(session, MoveState.DONE, MoveState.RETIRED)
        now_on = [instances.instance_facts(session, one.name) for one in made]
    assert sorted(one.instance_name for one in done) == sorted(one.name for one in made)
    assert max(at_once) == AT_ONCE
    assert {one.server_name for one in now_on} == set(targets)
    for one in now_on:
        assert sides.serving(service, one) == [one.server_name]
        assert site(service, one).ask("api.php").status_code == 401, one
    stops = [one.stop_seconds or 0.0 for one in done]
    sys.stdout.write(f"{count} moved, closed {median(stops):.2f} s in the median, {max(stops):.2f} s at most\n")


def wait_for(there: Callable[[], object], seconds: float) -> None:
    """Until something is so."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, f"not so in {seconds:g} s"
        time.sleep(0.5)
