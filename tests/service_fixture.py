"""The service on the fleet: its own home, inventory and Prefect server, its servers enrolled, a release registered.

`PHM_TEST_HOSTS` names the fleet's hosts that the tests may have (all that are usual by default); each is reset at
first, so that every session starts from empty servers. `PHM_RELEASE` is the release; the fleet's stand-in without it.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import secrets
import subprocess
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker

from blocks.inventory_database import InventoryDatabase
from blocks.loading import load, provide
from blocks.object_store import ObjectStore
from blocks.service_settings import ServiceSettings
from deployments.apply import blocks_of
from deployments.console.settings_from_fleet import as_toml, settings_of, write_private
from deployments.runtime.environment import Places, address_of, for_processes, for_server
from deployments.runtime.services import prefect_command
from fleet import Fleet
from fleet.release import pack_release
from hosting.commands.server_facts import PHP_MODULES, programs_of
from hosting.inventory import instances, levels, releases, servers, shop
from hosting.inventory.notices import MoneyMoved, Notice, NoticeType, OrderPlaced, Taken
from hosting.policy.enrolment import objections
from hosting.policy.states import ServerState
from hosting.policy.terms import AROUND_THE_CLOCK
from hosting.policy.values import ReleaseFacts, ServerFacts, ServerName
from hosting.product.layout import InstanceLayout
from hosting.product.releases import inspect_archive, object_key
from hosting.settings import SETTINGS_FILE, Settings, load_settings
from tasks.servers import ensure_server_ready, read_server_facts
from tests.service.plans import Fault, Outcome, Plan
from tests.service.ports import free_port
from tests.service.runner import Runner, runner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.inventory.session import Inventory
    from hosting.policy.values import InstanceFacts

LEVEL = "around-the-clock"
ROOM_GIB = 10_000
START_SECONDS = 180
END_SECONDS = 15
OTHERS_SECONDS = 240
DUE_CENTS = 5_890
RUNNING: list[Service] = []
"""The session's service, once a test has asked for it."""


@dataclass
class Service:
    """What tests use.

    Args:
        home: the service's folder.
        settings: as its file has them.
        inventory: the truth.
        fleet: the servers.
        hosts: the names of those the tests may have; the first one gets all instances unless told otherwise.
        runner: runs of the flow.
        environment: of the service's processes.
        numbers: of orders.
        prefix: of orders' references; mails of earlier sessions are still there.
    """

    home: Path
    settings: Settings
    inventory: Inventory
    fleet: Fleet
    hosts: tuple[str, ...]
    runner: Runner
    environment: dict[str, str]
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1001))
    prefix: str = field(default_factory=lambda: f"T{secrets.token_hex(3)}")

    @property
    def host(self) -> str:
        """The one host for tests that break it."""
        return self.hosts[-1]

    def order(self, *, accounts: int = 1, storage_gib: int = 0, language: str = "de", reference: str = "") -> str:
        """A paid order; its reference."""
        reference = reference or f"{self.prefix}-{next(self.numbers)}"
        self.place(reference, accounts=accounts, storage_gib=storage_gib, language=language)
        self.pay(reference)
        return reference

    def place(self, reference: str, *, accounts: int = 1, storage_gib: int = 0, language: str = "de") -> Taken:
        """An order as the shop tells it."""
        email = f"{reference.lower()}@kunde.test"
        wish = OrderPlaced(
            reference, f"C-{reference}", "Erika Muster", email, language, accounts, storage_gib, DUE_CENTS, "EUR", LEVEL
        )
        return self._take(NoticeType.ORDER_PLACED, wish)

    def pay(self, reference: str) -> Taken:
        """Its money has come."""
        return self._take(NoticeType.PAYMENT_RECEIVED, MoneyMoved(reference, DUE_CENTS, "EUR", datetime.now(UTC)))

    def _take(self, kind: NoticeType, data: OrderPlaced | MoneyMoved) -> Taken:
        now = datetime.now(UTC)
        notice = Notice(f"evt-{kind}-{data.order}", kind, now, json.dumps(vars(data), default=str), data)
        with self.inventory.writing() as session:
            return shop.take_notice(session, notice, now, "BE")

    def run(self, order: str, fault: Fault | None = None, **plan: Any) -> Outcome:
        """The flow for an order, in a process of its own."""
        return self.runner.run(Plan(order, fault=fault, **plan))

    def provision(self, order: str = "", **wish: Any) -> InstanceFacts:
        """An open instance."""
        order = order or self.order(**wish)
        outcome = self.run(order)
        assert outcome.completed, outcome
        return self.instance(order)

    def instance(self, order: str) -> InstanceFacts:
        """The instance of an order."""
        with self.inventory.reading() as session:
            found = instances.instance_of_order(session, order)
        assert found is not None
        return found

    def server(self, name: str = "") -> ServerFacts:
        """A server as the inventory knows it."""
        with self.inventory.reading() as session:
            return servers.server_facts(session, name or self.host)

    def secret(self, instance: InstanceFacts, purpose: str) -> str:
        """An instance's secret, unsealed."""
        with self.inventory.reading() as session:
            return load(ServiceSettings).unseal(instances.sealed_secret(session, instance.name, purpose))

    def salt(self, instance: InstanceFacts) -> str:
        """An instance's salt."""
        said = self.on(f"grep ^system_salt {InstanceLayout.of(instance).settings}", instance.server_name)
        return said.partition("=")[2].strip().strip('"')

    def on(self, command: str, host: str = "") -> str:
        """What a command on a host says; it has to succeed."""
        done = self.fleet.run(host or self.host, command)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    @contextlib.contextmanager
    def broken(self, breaking: str, mending: str) -> Iterator[None]:
        """While one command's damage lasts; another one mends it."""
        self.on(breaking)
        try:
            yield
        finally:
            self.on(mending)

    def all_servers(self) -> None:
        """Every server may take instances, and copies of them."""
        with self.inventory.writing() as session:
            for host in self.hosts:
                servers.set_server_state(
                    session, host, ServerState.ACTIVE, by="test", why="tests", now=datetime.now(UTC)
                )

    def only_server(self, name: str) -> None:
        """New instances go to this one alone."""
        with self.inventory.writing() as session:
            for host in self.hosts:
                state = ServerState.ACTIVE if host == name else ServerState.DRAINING
                servers.set_server_state(session, host, state, by="test", why="tests", now=datetime.now(UTC))


@contextlib.contextmanager
def running_service(home: Path, fleet: Fleet | None = None) -> Iterator[Service]:
    """The service, with all that it keeps below a folder; on a fleet with other disks, if one is given."""
    home.chmod(0o700)
    fleet = fleet or Fleet()
    hosts = tuple(os.environ.get("PHM_TEST_HOSTS", "").split()) or tuple(host.name for host in fleet.plan.chosen(()))
    fleet.up(names=hosts)
    with alone_on(fleet, hosts):
        yield from _service_on(home, fleet, hosts)


def _service_on(home: Path, fleet: Fleet, hosts: tuple[str, ...]) -> Iterator[Service]:
    """The service on these hosts, which nobody else resets meanwhile."""
    for host in hosts:
        fleet.reset(host)
    settings = prepare(home, fleet)
    before = dict(os.environ)
    os.environ["PHM_HOME"] = str(home)
    at = Places(home)
    at.ensure()
    provide(*blocks_of(settings))
    inventory = load(InventoryDatabase).inventory
    inventory.upgrade()
    environment = for_processes(settings, at)
    environment.pop("PREFECT_FLOWS_HEARTBEAT_FREQUENCY")
    with prefect_server(settings, at), runner(home / "runs", environment, hosts[-1]) as runs:
        enrol(inventory, fleet, hosts)
        register_release(inventory, home)
        made = Service(home, settings, inventory, fleet, hosts, runs, environment)
        made.only_server(made.host)
        RUNNING.append(made)
        yield made
        RUNNING.clear()
    inventory.close()
    os.environ.clear()
    os.environ.update(before)


@contextlib.contextmanager
def alone_on(fleet: Fleet, hosts: tuple[str, ...]) -> Iterator[None]:
    """Two sessions on one host would reset it under each other: the second one waits, in the order of the names."""
    with contextlib.ExitStack() as held:
        deadline = time.monotonic() + OTHERS_SECONDS
        for host in sorted(hosts):
            lock = held.enter_context((fleet.places.home / f"{host}.tests").open("a"))
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    assert time.monotonic() < deadline, (
                        f"{host} is used by another session; name others: PHM_TEST_HOSTS"
                    )
                    time.sleep(1)
        yield


def prepare(home: Path, fleet: Fleet) -> Settings:
    """The settings file, made from the fleet, with ports of our own for Prefect server and receiver."""
    content, port = settings_of(fleet.description(), home), free_port()
    content["prefect_api_url"] = f"http://127.0.0.1:{free_port()}/api"
    content["import_networks"] = ["10.77.0.0/24"]  # the fleet's own
    content["web"] |= {"bind_port": port, "public_url": f"http://127.0.0.1:{port}"}
    write_private(home / SETTINGS_FILE, as_toml(content))
    return load_settings(home / SETTINGS_FILE)


@contextlib.contextmanager
def prefect_server(settings: Settings, at: Places) -> Iterator[None]:
    """A Prefect server with a database of its own."""
    command = prefect_command(*address_of(settings))
    with (
        (at.log / "prefect.log").open("wb") as log,
        subprocess.Popen(command, env=for_server(settings, at), stdout=log, stderr=log) as server,
    ):
        try:
            wait_for(f"{settings.prefect_api_url}/health", server)
            yield
        finally:
            for worker in (APILogWorker, EventsWorker):  # each would try for an hour to tell a server that is gone
                worker.drain_all(timeout=END_SECONDS)
            server.terminate()
            try:
                server.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    """Until the Prefect server answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=2, trust_env=False).is_success:
                return
        time.sleep(0.2)
    raise AssertionError("The Prefect server did not start.")


def enrol(inventory: Inventory, fleet: Fleet, names: tuple[str, ...]) -> None:
    """The fleet's hosts as servers of the service."""
    described = {host["name"]: host for host in fleet.description()["hosts"]}
    for number, name in enumerate(names, 1):
        host = described[name]
        server = ServerFacts(
            ServerName(name), host["fqdn"], host["address"], 22, host["host_key"], "DE", dedicated=True,
            state=ServerState.ENROLLED, room_gib=ROOM_GIB,
        )  # fmt: skip
        facts = read_server_facts.fn(server)
        assert objections(facts, programs_of(), PHP_MODULES, "DE", dedicated=True, clock_off=facts["clock_off"]) == ()
        server = replace(server, facts=facts)
        ensure_server_ready.fn(server, number)
        with inventory.writing() as session:
            servers.add_server(session, server, "test", datetime.now(UTC))
            servers.set_server_state(session, name, ServerState.ACTIVE, by="test", why="tests", now=datetime.now(UTC))


def register_release(inventory: Inventory, home: Path) -> None:
    """A release in the object store and the inventory, and the level that has no closed hours."""
    archive = Path(os.environ["PHM_RELEASE"]) if "PHM_RELEASE" in os.environ else pack_release(home / "release.zip")
    found, store = inspect_archive(archive), load(ObjectStore)
    if not store.has(object_key(found)):
        store.put(object_key(found), archive)
    with inventory.writing() as session:
        release = ReleaseFacts(found.id, found.build, found.version, found.edition, found.bytes)
        releases.add_release(session, release, "test", datetime.now(UTC))
        levels.ensure_level(session, LEVEL, dict(AROUND_THE_CLOCK))
