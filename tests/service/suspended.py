"""Suspensions on the fleet: wanted, run, and seen at every door."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from hosting.inventory import instances, suspensions
from hosting.inventory.session import in_transaction
from hosting.inventory.suspensions import Cause
from hosting.policy.states import InstanceState
from hosting.product.layout import InstanceLayout
from tasks.probes import door_of, url_of
from tests.service.plans import Plan

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service.plans import Fault, Outcome
    from tests.service_fixture import Service


def run(service: Service, instance: InstanceFacts, verb: str, fault: Fault | None = None) -> Outcome:
    """The run that suspends, or resumes."""
    flow = f"flows.suspend_instance.{verb}_instance"
    return service.runner.run(Plan(flow=flow, parameters={"instance": instance.name}, fault=fault))


def want(service: Service, instance: InstanceFacts, *, suspended: bool) -> None:
    """An operator wants it so."""
    now = datetime.now(UTC)
    wish = partial(suspensions.suspend, instance=instance.name, cause=Cause.OPERATOR, because="a test")
    end = partial(suspensions.resume, instance=instance.name, why="the test is over")
    in_transaction(service.inventory, lambda session: (wish if suspended else end)(session, by="olga", now=now))  # type: ignore[operator]


def state(service: Service, instance: InstanceFacts) -> InstanceFacts:
    """The instance as it is now."""
    with service.inventory.reading() as session:
        return instances.instance_facts(session, instance.name)


def doors(service: Service, instance: InstanceFacts, host: str = "") -> dict[str, int]:
    """What anybody gets at each door of an instance, by the server's name that it has, or had."""
    url = url_of(service.server(host or state(service, instance).server_name), instance)
    with door_of(replace(instance, state=InstanceState.ACTIVE)) as web:  # without what lets a proof in
        return {
            door: web.ask("GET", url + door).status_code
            for door in ("", "config.php", "api.php", "frontend/css/core.css")
        }


def has_cron(service: Service, instance: InstanceFacts, host: str = "") -> bool:
    """Whether a host runs its jobs."""
    host = host or str(state(service, instance).server_name)
    return bool(service.on(f"ls {InstanceLayout.of(instance).cron_file} 2>/dev/null || true", host).strip())


def is_closed(service: Service, instance: InstanceFacts) -> bool:
    """Closed as it has to be; or open as it has to be: nothing between."""
    found = state(service, instance).state
    closed = set(doors(service, instance).values()) == {503}
    assert closed is (found is InstanceState.SUSPENDED)
    assert has_cron(service, instance) is not closed
    return closed


def check_closed_everywhere(service: Service, instance: InstanceFacts) -> None:
    """No host of the session serves anybody, by whichever name he comes, and none runs its jobs."""
    assert is_closed(service, instance)
    for host in service.hosts:
        assert set(doors(service, instance, host).values()) <= {503, 404}, host
        assert not has_cron(service, instance, host), host
