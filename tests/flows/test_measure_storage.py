"""Every instance is measured in one run, its customer warned once a threshold, a person told of too many users (P04, P07)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hosting.inventory import cases
from hosting.inventory.measurements import all_last_measured, measured_since
from hosting.policy.quota import MIB
from tests.inventory.words import NOW
from tests.service.customer import site
from tests.service.plans import Plan
from tests.service.small import fill_files, small_instance

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]


def measure(service: Service, **wish: object) -> Outcome:
    return service.runner.run(Plan(flow="flows.measure_storage.measure_storage", parameters=wish))


def letters(service: Service, instance: InstanceFacts) -> list[str]:
    mails = service.fleet.mails(f"{instance.order_reference}@kunde.test".lower())
    return [mail.subject.partition(" (")[0] for mail in mails if "ready" not in mail.subject]


@pytest.fixture(scope="module")
def pair(service: Service) -> tuple[InstanceFacts, InstanceFacts]:
    """Two instances of 1 GB and one account each."""
    return small_instance(service, "full"), small_instance(service, "calm")


def test_all_are_measured_in_one_run_and_only_what_is_due_in_the_next(
    service: Service, pair: tuple[InstanceFacts, InstanceFacts]
) -> None:
    outcome = measure(service)
    assert outcome.completed, outcome
    with service.inventory.reading() as session:
        known = all_last_measured(session)
    assert {one.name for one in pair} <= set(known)
    servers = {one.server_name for one in known.values()}
    assert sum(outcome.commands.values()) == 2 * len(servers)  # what they store, and their bounds: not one an instance
    assert measure(service).message == "Nothing is due."
    assert measure(service, instance=pair[0].name).completed
    with service.inventory.reading() as session:
        assert len(measured_since(session, pair[0].name, NOW)) == 2
        assert len(measured_since(session, pair[1].name, NOW)) == 1


def test_each_threshold_is_told_once_and_a_full_instance_is_stopped_by_its_product_first(
    service: Service, pair: tuple[InstanceFacts, InstanceFacts]
) -> None:
    full, calm = pair
    for size, told in ((850, "80 percent used"), (850, None), (930, "90 percent used"), (1030, "full")):
        fill_files(service, full, size * MIB)
        before = letters(service, full)
        outcome = measure(service, instance=full.name)
        assert outcome.completed, outcome
        assert letters(service, full)[len(before) :] == ([f"Your storage is {told}"] if told else [])
    assert letters(service, calm) == []
    fill_files(service, full, 100 * MIB)
    assert measure(service, instance=full.name).completed


def test_more_users_than_accounts_are_told_and_nobody_is_locked_out(
    service: Service, pair: tuple[InstanceFacts, InstanceFacts]
) -> None:
    calm = pair[1]
    mine = site(service, calm)
    with mine.client:
        assert mine.log_in(service.secret(calm, "root_admin")).status_code == 302
        for name in ("anna", "bert"):
            mine.make_user(name)
        for _ in range(2):
            assert measure(service, instance=calm.name).completed
        assert letters(service, calm) == ["Your instance has more users than are booked"]
        with service.inventory.reading() as session:
            [case] = [one for one in cases.open_cases(session) if one.subject == f"instance:{calm.name}"]
        assert case.summary == f"{calm.name} has 2 users; 1 accounts are booked."
        put = mine.ask(mine.file("bert", "a.txt"), "PUT", auth=mine.digest("bert"), content=b"still at work")
        assert put.status_code in {201, 204}


def test_one_that_can_not_be_measured_fails_the_run_and_stops_nobody(
    service: Service, pair: tuple[InstanceFacts, InstanceFacts]
) -> None:
    full, calm = pair
    name = f"phm_{full.name}"
    with service.inventory.reading() as session:
        before = len(measured_since(session, calm.name, NOW))
    with service.broken(f"mariadb -e 'RENAME TABLE {name}.phlymail_user TO {name}.gone'",
                        f"mariadb -e 'RENAME TABLE {name}.gone TO {name}.phlymail_user'"):  # fmt: skip
        outcome = measure(service, everything=True)
    assert outcome.state == "Failed"
    assert full.name in outcome.message
    assert calm.name not in outcome.message.partition("The first reason")[0]
    with service.inventory.reading() as session:
        assert len(measured_since(session, calm.name, NOW)) == before + 1
