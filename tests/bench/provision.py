"""`make bench-provision`: the flow's body beside a plain script, the whole way, and twenty orders at once.

All in one run on one machine: a plain script over one SSH connection (`plain.sh`, which says what it lacks), the body of
the flow as Prefect timed it, the way from the shop's notice to the passed proof through receiver, Prefect and worker,
medians of five; then twenty orders paid at once on two servers. Prints the block for docs/figures.md.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import platform
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from blocks.loading import provide
from deployments.apply import blocks_of
from deployments.console.settings_from_fleet import as_toml, settings_of, write_private
from deployments.runtime.environment import Places, for_processes
from fleet import Fleet
from fleet.shop import Shop
from hosting.inventory.instances import all_instances
from hosting.inventory.orders import order_facts
from hosting.inventory.session import Inventory
from hosting.inventory.work import PROVISION, work_of
from hosting.settings import SETTINGS_FILE, Settings, load_settings
from tests.service.ports import free_port
from tests.service_fixture import LEVEL, enrol, register_release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.policy.values import OrderFacts

ROUNDS = 5
AT_ONCE = 20
HOSTS = ("app1", "app2")
OPEN_SECONDS = 180
PLAIN = Path(__file__).with_name("plain.sh")


@dataclass(frozen=True)
class Way:
    """One order's way, in seconds: of the run's body, and from the notice to the passed proof."""

    body: float
    whole: float


class Bench:
    """The service on the fleet, and what is timed on it."""

    def __init__(self, settings: Settings, fleet: Fleet) -> None:
        self.settings = settings
        self.fleet = fleet
        self.inventory = Inventory(settings.inventory_url.get_secret_value())
        self.shop = Shop(settings.web.public_url, settings.web.shop_secrets[0].get_secret_value())
        self._numbers = itertools.count(1)

    def plain(self) -> float:
        """The plain script on the first host, over one connection of the SSH client."""
        number = next(self._numbers)
        host = next(host for host in self.fleet.description()["hosts"] if host["name"] == HOSTS[0])
        ssh = self.fleet.description()["ssh"]
        release = self.fleet.run(HOSTS[0], "ls -d /srv/releases/*[0-9a-f] | head -n 1 | xargs basename").stdout.strip()
        words = (
            f"plain{number}",
            str(59_000 + number),
            release,
            host["fqdn"],
            secrets.token_hex(12),
            secrets.token_hex(12),
        )
        options = ("-F", "/dev/null", "-o", f"UserKnownHostsFile={ssh['known_hosts']}", "-o", "BatchMode=yes")
        address = f"{ssh['user']}@{host['address']}"
        relay = self.settings.mail.host
        command = ["ssh", *options, "-i", ssh["private_key"], address, "sh", "-s", *words, str(5 * 2**30), relay]
        began = time.monotonic()
        with PLAIN.open("rb") as script:
            subprocess.run(command, stdin=script, check=True, timeout=120)
        return time.monotonic() - began

    def ordered(self, reference: str) -> None:
        """An order that waits for its money."""
        self.shop.order(reference=reference, email=f"{reference.lower()}@kunde.test", service_level=LEVEL)

    def paid(self, reference: str) -> datetime:
        """The notice of its payment is sent; when."""
        from fleet.shop import moved

        event = moved("payment.received", reference, self.facts(reference).due_cents, "EUR")
        sent = datetime.now(UTC)
        self.shop.send(event)
        return sent

    def facts(self, reference: str) -> OrderFacts:
        """An order as the inventory has it."""
        with self.inventory.reading() as session:
            return order_facts(session, reference)

    def until_open(self, reference: str) -> datetime:
        """When its instance was proven and recorded as open."""
        deadline = time.monotonic() + OPEN_SECONDS
        while time.monotonic() < deadline:
            if ready := self.facts(reference).ready_at:
                return ready
            time.sleep(0.05)
        raise AssertionError(f"{reference} is not open after {OPEN_SECONDS} s.")

    def way(self) -> Way:
        """One order through everything."""
        reference = f"B-{next(self._numbers)}"
        self.ordered(reference)
        sent = self.paid(reference)
        whole = (self.until_open(reference) - sent).total_seconds()
        return Way(self.body_of(reference), whole)

    def body_of(self, reference: str) -> float:
        """How long the flow itself ran: from Prefect's Running to its Completed."""
        with self.inventory.reading() as session:
            work = work_of(session, PROVISION, reference)
        assert work is not None
        assert work.flow_run_id is not None
        deadline = time.monotonic() + 30
        with get_client(sync_client=True) as client:
            while time.monotonic() < deadline:
                run = client.read_flow_run(work.flow_run_id)
                if run.start_time and run.end_time:
                    return float((run.end_time - run.start_time).total_seconds())
                time.sleep(0.1)
        raise AssertionError(f"The run of {reference} did not end.")

    def at_once(self) -> tuple[float, Counter[str]]:
        """Twenty orders paid at once: seconds until the last is open, and how many are on each server."""
        references = [f"C-{number}" for number in range(AT_ONCE)]
        for reference in references:
            self.ordered(reference)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            sent = min(pool.map(self.paid, references))
            opened = max(self.until_open(reference) for reference in references)
        with self.inventory.reading() as session:
            made = [one for one in all_instances(session) if one.order_reference in references]
        assert len(made) == len({one.name for one in made}) == len({one.order_reference for one in made}) == AT_ONCE
        return (opened - sent).total_seconds(), Counter(str(one.server_name) for one in made)


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    """The embedded default in a folder of its own, on servers that are emptied first."""
    fleet = Fleet()
    fleet.up(print)
    with tempfile.TemporaryDirectory(prefix="phm-bench-") as folder:
        home = Path(folder)
        content = settings_of(fleet.description(), home)
        port = free_port()
        content["prefect_api_url"] = f"http://127.0.0.1:{free_port()}/api"
        content["web"] |= {"public_url": f"http://127.0.0.1:{port}"}
        write_private(home / SETTINGS_FILE, as_toml(content).replace("[web]\n", f"[web]\nbind_port = {port}\n"))
        os.environ["PHM_HOME"] = folder
        settings = load_settings()
        for host in HOSTS:
            fleet.reset(host)
        phm("up")
        try:
            provide(*blocks_of(settings))
            inventory = Inventory(settings.inventory_url.get_secret_value())
            enrol(inventory, fleet, HOSTS)
            register_release(inventory, home)
            with temporary_settings(prefect_settings(settings, Places(home))):
                yield Bench(settings, fleet)
        finally:
            phm("down", "--now")


def phm(*arguments: str) -> None:
    """A command of the console, in a process of its own: Prefect reads its settings once in a process."""
    subprocess.run([sys.executable, "-P", "-m", "deployments.console.app", *arguments], check=True, timeout=300)


def prefect_settings(settings: Settings, at: Places) -> dict[Any, Any]:
    """How this process reaches the service's Prefect server."""
    environment = for_processes(settings, at)
    known = {PREFECT_API_URL: "PREFECT_API_URL", PREFECT_API_AUTH_STRING: "PREFECT_API_AUTH_STRING"}
    return {setting: environment[name] for setting, name in known.items() if name in environment}


def main() -> None:
    """Run it and print the figures."""
    with bench() as at:
        at.way()  # brings the release to a server
        at.way()  # and to the other one
        rounds = [(at.plain(), at.way()) for _ in range(ROUNDS)]
        plain = statistics.median(seconds for seconds, _ in rounds)
        body = statistics.median(way.body for _, way in rounds)
        whole = statistics.median(way.whole for _, way in rounds)
        seconds, places = at.at_once()
    evenly = ", ".join(f"{name} {count}" for name, count in sorted(places.items()))
    print(f"""
## Provisioning, {datetime.now(UTC):%Y-%m-%d}

{os.cpu_count()} cores, {platform.platform(terse=True)}, Python {platform.python_version()}; medians of {ROUNDS}; all rounds in brackets.

| what | seconds | aim |
| --- | --- | --- |
| plain script over one SSH connection | {plain:.2f} ({", ".join(f"{one:.2f}" for one, _ in rounds)}) | |
| the flow's body, as Prefect timed it | {body:.2f} ({", ".join(f"{way.body:.2f}" for _, way in rounds)}) | |
| ratio | {body / plain:.2f} | ≤ 1.5 |
| from the notice to the passed proof | {whole:.2f} ({", ".join(f"{way.whole:.2f}" for _, way in rounds)}) | ≤ 5 |
| {AT_ONCE} orders paid at once, the last one open | {seconds:.1f} ({evenly}) | ≤ 60 |
""")


if __name__ == "__main__":
    main()
