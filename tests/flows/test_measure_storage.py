"""Every instance is measured in one run, its customer warned once a threshold, a person told of too many users (P04, P07)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from deployments.runtime.environment import Places, api_login
from hosting.inventory import cases
from hosting.inventory.measurements import all_last_measured, measured_since
from hosting.policy.quota import MIB
from hosting.product.layout import InstanceLayout
from tests.inventory.words import NOW
from tests.service.customer import site
from tests.service.mail_provider import mail_provider
from tests.service.plans import Plan
from tests.service.small import fill_files, small_instance

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]


def measure(service: Service, **wish: object) -> Outcome:
    return service.runner.run(Plan(flow="flows.measure_storage.measure_storage", parameters=wish))


def watch(service: Service) -> Outcome:
    return service.runner.run(Plan(flow="flows.measure_storage.watch_storage"))


def servers_known(service: Service) -> set[str]:
    """The servers on which something was measured."""
    with service.inventory.reading() as session:
        return {str(one.server_name) for one in all_last_measured(session).values()}


FETCH = (
    '$_SERVER["HTTPS"] = "on"; define("_IN_PHM_", 1); define("_IN_PHM_CRON", 1);'
    'require "shared/start.php"; require "backend/cron_email_fetchmails.php"; $database = Gate::front();'
    '$one = $database->value("SELECT MAX(id) FROM {profiles}");'
    '(new cron_email_fetchmails($database, ["item" => $one]))->Run();'
)


def fetch_mails(service: Service, instance: InstanceFacts) -> None:
    """The instance's job for mail, as root: its own user may reach no provider on an inner address."""
    layout = InstanceLayout.of(instance)
    service.on(f"cd {layout.current} && php -c {layout.php_ini} -r '{FETCH}'", instance.server_name)


def artifact(service: Service, key: str) -> Any:
    """What Prefect shows under a key; None if there is nothing."""
    login = api_login(Places(service.home))
    ours = {PREFECT_API_URL: service.settings.prefect_api_url, PREFECT_API_AUTH_STRING: login}
    with temporary_settings(ours), get_client(sync_client=True) as client:
        found = [one for one in client.read_artifacts() if one.key == key]
    return max(found, key=lambda one: one.created).data if found else None


def kernels_limit(service: Service, instance: InstanceFacts) -> int:
    """What the kernel lets the instance's files hold, in bytes."""
    shown = f"btrfs qgroup show --raw -ref {InstanceLayout.of(instance).data}"
    return int(service.on(f"{shown} | awk '$1 ~ /^0\\//{{print $4}}'", instance.server_name))


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
    shown = {row["instance"]: row for row in json.loads(artifact(service, "storage"))}
    assert {shown[one.name]["last days"] for one in pair} == {"▁"}  # one day, next to nothing in a pool of 1 GB
    assert artifact(service, f"storage-{pair[0].name}") is None
    assert measure(service).message == "Nothing is due."
    assert measure(service, instance=pair[0].name).completed
    with service.inventory.reading() as session:
        assert len(measured_since(session, pair[0].name, NOW)) == 2
        assert len(measured_since(session, pair[1].name, NOW)) == 1
    curve = artifact(service, f"storage-{pair[0].name}")  # of who is asked for, however little he uses
    assert f"# {pair[0].name}: 0." in curve
    assert "...|" in curve


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


def test_what_grows_between_two_measurements_is_stopped_before_mail_is_lost_and_goes_on_once_there_is_room(
    service: Service, pair: tuple[InstanceFacts, InstanceFacts]
) -> None:
    full, name = pair[0], f"phm_{pair[0].name}"
    if not service.server(full.server_name).has_btrfs:
        pytest.skip("where the kernel does not count, files are measured by the hour alone")
    fill_files(service, full, 100 * MIB)
    assert measure(service, everything=True).completed
    looked = watch(service)
    assert looked.message.endswith("measured: none."), looked
    assert sum(looked.commands.values()) == len(servers_known(service))
    mine = site(service, full)
    with mine.client, mail_provider(str(service.fleet.description()["dns"]["address"])) as provider:
        assert mine.log_in(service.secret(full, "root_admin")).status_code == 302
        mine.make_user("otto")
        kept = mine.ask(mine.file("otto", "kept"), "PUT", auth=mine.digest("otto"), content=b"kept")
        assert kept.status_code == 201
        uid = service.on(f"mariadb -NBe 'SELECT MAX(uid) FROM phlymail_user' {name}", full.server_name).strip()
        service.on(f'mariadb -e "{provider.account(int(uid))}" {name}', full.server_name)
        provider.waiting = [b"Subject: one\r\n\r\nfetched\r\n"]
        fetch_mails(service, full)
        assert provider.waiting == []
        provider.waiting = [waits := b"Subject: two\r\n\r\nstays until there is room\r\n"]
        before = letters(service, full)
        fill_files(service, full, 1024 * MIB)  # quicker than any measuring: nobody has looked yet
        assert watch(service).message.endswith(f"measured: {full.name}.")
        assert letters(service, full)[len(before) :] == ["Your storage is full"]
        fetch_mails(service, full)
        assert provider.waiting == [waits]
        fill_files(service, full, kernels_limit(service, full) - 5 * MIB)  # uploads ask nobody, and go on
        put = mine.ask(mine.file("otto", "large"), "PUT", auth=mine.digest("otto"), content=bytes(8 * MIB))
        assert put.status_code == 507  # what ends at the kernel's line is not told to be kept
        assert mine.ask(mine.file("otto", "large"), auth=mine.digest("otto")).status_code == 404
        assert mine.ask(mine.file("otto", "kept"), auth=mine.digest("otto")).content == b"kept"
        assert watch(service).message.endswith(f"measured: {full.name}.")
        with service.inventory.reading() as session:
            [case] = [one for one in cases.open_cases(session) if one.subject == f"instance:{full.name}"]
        assert case.kind == "writes_refused"
        fill_files(service, full, 100 * MIB)
        assert watch(service).message.endswith(f"measured: {full.name}.")
        fetch_mails(service, full)
        assert provider.waiting == []
    with service.inventory.reading() as session:
        assert [one for one in cases.open_cases(session) if one.id == case.id] == []


def test_a_server_that_does_not_answer_is_left_to_the_next_look(
    service: Service, pair: tuple[InstanceFacts, InstanceFacts]
) -> None:
    service.fleet.cut(pair[0].server_name)
    try:
        outcome = service.runner.run(Plan(flow="flows.measure_storage.watch_storage", retries=False))
    finally:
        service.fleet.heal(pair[0].server_name)
    known = len(servers_known(service))
    assert outcome.message == f"{known - 1} of {known} servers looked at; measured: none.", outcome
