"""Never two at work on one instance: another owner is refused, and takes over from a dead one."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import deeds
from hosting.product.layout import InstanceLayout
from tests.service.listing import differences, listing
from tests.service.plans import Fault, Plan
from tests.service.runner import runner

if TYPE_CHECKING:
    from tests.flows.conftest import Undisturbed
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]


def test_another_owner_is_refused_until_the_dead_one_s_lease_ends(service: Service, undisturbed: Undisturbed) -> None:
    order, hour = service.order(), 3600.0
    assert service.run(order, Fault("ensure_database", "after"), owner="run one", lease_seconds=hour).state == "Killed"
    refused = service.run(order, owner="run two")
    name = service.instance(order).name
    assert refused.error == "LeaseHeld"
    assert re.fullmatch(
        rf"Instance {name} is being worked on by run one \(provision\) until [\d-]+ [\d:]+ UTC\. "
        r"Wait for it, then run again; a lease whose owner died is taken over when it expires\.",
        refused.message,
    )
    assert service.run(order, owner="run two", at=time.time() + hour).completed
    with service.inventory.reading() as session:
        taken = [deed for deed in deeds.deeds_of(session, f"instance:{name}") if deed.what == "lease taken over"]
    assert [(deed.by, deed.evidence["from"]) for deed in taken] == [("run two", "run one")]
    assert differences(undisturbed.listing, listing(service, order)) == []


def test_a_process_on_the_host_that_holds_the_lock_is_waited_for_and_then_told(service: Service) -> None:
    order = service.order()
    assert service.run(order, Fault("ensure_storage", "after")).state == "Killed"
    lock = InstanceLayout.of(service.instance(order)).lock
    holding = f"systemd-run -q --unit phm-test-lock flock {lock} sleep 300"
    with service.broken(holding, "systemctl stop phm-test-lock"):
        outcome = service.run(order, lock_seconds=2)
        assert outcome.error == "StepFailed"
        assert re.fullmatch(
            rf"lock failed on {service.host} with exit code 3\. \[another process works on it\] "
            r"Look at the server, then run again: it goes on from there\.",
            outcome.message,
        ), outcome.message
    assert service.run(order).completed


def test_two_orders_at_once_on_one_server_are_both_set_up(service: Service, undisturbed: Undisturbed) -> None:
    orders = [service.order(), service.order()]
    with runner(service.home / "second", service.environment, service.host) as second, ThreadPoolExecutor() as pool:
        work = [
            pool.submit(one.run, Plan(order, owner=order))
            for one, order in zip((service.runner, second), orders, strict=True)
        ]
        outcomes = [one.result() for one in work]
    assert [outcome.state for outcome in outcomes] == ["Completed"] * 2, outcomes
    wrong = [differences(undisturbed.listing, listing(service, order)) for order in orders]
    assert wrong == [[], []]


def test_one_order_run_twice_at_once_is_set_up_once(service: Service, undisturbed: Undisturbed) -> None:
    order = service.order()
    with runner(service.home / "rival", service.environment, service.host) as rival, ThreadPoolExecutor() as pool:
        work = [
            pool.submit(one.run, Plan(order, owner=owner)) for one, owner in ((service.runner, "one"), (rival, "two"))
        ]
        outcomes = [one.result() for one in work]
    assert sorted(outcome.error for outcome in outcomes) in (["", "LeaseHeld"], ["", ""]), outcomes
    assert differences(undisturbed.listing, listing(service, order)) == []
