"""An order is cancelled in the midst of its set-up: the place is free, no run goes on, what is left is named."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from deployments.console.context import acting
from hosting.errors import Refused
from hosting.inventory import cases, leases
from hosting.inventory.cancelling import CannotBeCancelled, cancel_order
from hosting.policy.states import InstanceState
from tests.service.plans import Fault

if TYPE_CHECKING:
    from hosting.inventory.cancelling import Cancellation
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]


def cancel(service: Service, order: str) -> Cancellation:
    """As the console does it."""
    return acting(lambda session, by, at: cancel_order(session, order, by, "withdrawn", at), service.settings)


def in_the_midst(service: Service, lease_seconds: float) -> str:
    """An order whose set-up was killed when its site stood."""
    order = service.order()
    assert service.run(order, Fault("ensure_site", "after"), lease_seconds=lease_seconds).state == "Killed"
    return order


def wait_for_the_lease(service: Service, name: str) -> None:
    with service.inventory.reading() as session:
        lease = leases.lease_of(session, name)
    assert lease is not None
    time.sleep(max(0.0, lease.expires_at.timestamp() - time.time()) + 0.1)


def there(service: Service, traces: tuple[str, ...]) -> list[str]:
    """What of the traces is on the server."""
    kinds = {"database": "mariadb -NBe 'USE {}'", "Unix": "getent passwd {}"}
    found = []
    for trace in traces:
        words = trace.split()
        look = kinds.get(words[0], "test -e {}").format(words[-1])
        if service.fleet.run(service.host, look).returncode == 0:
            found.append(trace)
    return found


def test_an_order_cancelled_in_the_midst_gives_its_place_back_and_is_never_opened(service: Service) -> None:
    booked = service.server().booked_gib
    order = in_the_midst(service, 5.0)
    instance = service.instance(order)
    assert service.server().booked_gib == booked + instance.storage_gib
    wait_for_the_lease(service, instance.name)
    found = cancel(service, order)
    assert service.server().booked_gib == booked
    assert service.instance(order).state is InstanceState.ENDED
    outcome = service.run(order)
    assert (outcome.error, outcome.message) == (
        "OrderNotPaid",
        f"Order {order} is cancelled, not paid. An instance is set up for a paid order only.",
    )
    assert "ensure_system_user" not in outcome.tasks
    with service.inventory.reading() as session:
        assert [case.kind for case in cases.cases_of(session, f"order:{order}")] == ["order_cancelled"]
    assert there(service, found.remains) == [
        trace for trace in found.remains if "/etc/cron.d/" not in trace and "/etc/phm/php/" not in trace
    ]


def test_an_order_whose_run_is_alive_is_not_cancelled(service: Service) -> None:
    order = in_the_midst(service, 60.0)
    with pytest.raises(CannotBeCancelled, match=f"Order {order} is being set up at this moment by test"):
        cancel(service, order)
    assert service.run(order).completed
    with pytest.raises(Refused, match=f"Order {order} is fulfilled"):
        cancel(service, order)


def test_what_is_left_can_be_taken_away_in_the_order_in_which_it_is_named(service: Service) -> None:
    order = in_the_midst(service, 3.0)
    name = service.instance(order).name
    wait_for_the_lease(service, name)
    remains = cancel(service, order).remains
    for trace in remains:
        words = trace.split()
        service.on(
            {
                "database": f"mariadb -e 'DROP DATABASE {words[-1]}; DROP USER {words[-1]}@localhost'",
                "Unix": f"systemctl reload php8.2-fpm apache2 && userdel {words[-1]}",
            }.get(words[0], f"rm -rf {words[-1]}")
        )
    assert there(service, remains) == []
    service.on("php-fpm8.2 -t && apache2ctl configtest && systemctl restart php8.2-fpm apache2")
    assert service.provision().state is InstanceState.ACTIVE
