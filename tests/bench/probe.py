"""`make bench-probe`: two thousand instances probed from one process: the interval kept, its CPU and its memory.

Eight TLS servers on loopback, in processes of their own, answer as so many instances do; two of them break in the middle. The
prober is the service's own, with an inventory (SQLite), a resolver and certificates; only its calls to the location run the
program for servers here, without SSH, and are counted apart. Prints the block for docs/figures.md. Needs root: port 443.

    python -m tests.bench.probe [--instances 2000] [--interval 60] [--rounds 4]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from cryptography.fernet import Fernet
from pydantic import SecretStr

from blocks.inventory_database import InventoryDatabase
from blocks.loading import provide
from blocks.service_settings import ServiceSettings
from deployments.runtime.prober import Prober
from fleet import certificates
from hosting.commands.probing import Manner, parse_asked, probe
from hosting.inventory import probes
from hosting.inventory.models import Contract, Customer, Instance, Order
from hosting.inventory.probe_rows import ProbeSpan
from hosting.inventory.session import in_transaction
from hosting.policy.probe_spans import Answer, Vantage
from hosting.policy.probing import AT_ONCE, answer_within
from hosting.settings import ProbeSettings
from tasks import probing
from tests.inventory.files import write_empty
from tests.inventory.words import RELEASE, rows, server, with_servers
from tests.service.resolver import resolver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.inventory.probes import Timed
    from hosting.inventory.session import Inventory
    from hosting.policy.probing import Call

SERVERS = 8
BROKEN = 2
"""Servers of which all instances answer 500 from the middle on."""

PROCESSES = 2
"""In which the servers answer, beside the prober's own."""

RESOLVER = "127.0.0.79"


def host(number: int) -> str:
    """The name of a simulated server."""
    return f"bench{number}.phlymail.test"


def address(number: int) -> str:
    """Where it listens."""
    return f"127.77.0.{number + 1}"


@contextmanager
def answering(folder: Path, breaks_at: float) -> Iterator[None]:
    """All servers, as long as this lasts."""
    certificates.ensure_authority(folder)
    for number in range(SERVERS):
        certificates.ensure_leaf(folder, host(number), [host(number)])
    running = []
    for place in range(PROCESSES):
        servers = {host(number): address(number) for number in range(place, SERVERS, PROCESSES)}
        request = {"folder": str(folder), "servers": servers, "breaks_at": breaks_at}
        said = json.dumps({**request, "breaking": [host(number) for number in range(BROKEN)]})
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "tests.service.answering", said]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    try:
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", "a server does not answer"
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def fill(inventory: Inventory, count: int) -> None:
    """So many open instances on as many servers as there are."""
    now = datetime.now(UTC)
    with_servers(
        inventory,
        *(server(host(number).partition(".")[0], 10**6, address=address(number)) for number in range(SERVERS)),
    )

    def enter(session: Any) -> None:
        session.add(Customer(reference="C", name="C", email="c@kunde.test", language="de", added_at=now))
        session.flush()
        for number in range(count):
            order = Order(
                reference=f"A{number}", customer_reference="C", accounts=1, storage_gib=0, due_cents=0, currency="EUR",
                placed_at=now, state="fulfilled",
            )  # fmt: skip
            contract = Contract(id=number + 1, customer_reference="C", order_reference=order.reference, agreed_at=now)
            instance = Instance(
                name=f"b{number:05}", number=number + 1, order_reference=order.reference, contract_id=number + 1,
                server_name=f"bench{number % SERVERS}", release_id=RELEASE.id, accounts=1, storage_gib=5,
                state="active", reserved_at=now, active_at=now,
            )  # fmt: skip
            for row in (order, contract, instance):
                session.add(row)
                session.flush()

    in_transaction(inventory, enter)


def called_here(authorities: str) -> Any:
    """A server's call, its program run on this machine."""

    def called(call: Call, within: float) -> list[Timed]:
        seconds = answer_within(call.targets[0].interval).total_seconds()
        source = files("tasks.on_server").joinpath("probing.py").read_bytes()
        command, began = probe(source, call.targets, Manner(within, seconds, AT_ONCE, authorities)), probing.now()
        said = subprocess.run(command.argv, input=command.stdin, capture_output=True, check=True).stdout
        return probing._timed(call.targets, Vantage.LOCATION, parse_asked(said.decode()), began)

    return called


async def run(seconds: float) -> None:
    """The prober for so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await Prober(lambda down, up: None, 3).run()


def cpu(who: int) -> float:
    """The CPU seconds of this process, or of its children that have ended."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def memory_mib() -> float:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--instances", type=int, default=2000)
    parser.add_argument("--interval", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=4)
    wanted = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        print("\n".join(measured(Path(name), wanted)))


def measured(folder: Path, wanted: argparse.Namespace) -> list[str]:
    """The lines about so many rounds."""
    write_empty(folder / "inventory.db")
    database = InventoryDatabase(url=SecretStr(f"sqlite:///{folder}/inventory.db"))
    seconds = wanted.interval * (wanted.rounds + 1)
    breaks_at = time.time() + 20 + seconds / 2
    asked: dict[str, list[float]] = {}
    kept = probing.record

    def record(found: Any) -> Any:
        for one in list(found):
            if one.probe.vantage is Vantage.OUTSIDE:
                asked.setdefault(one.probe.instance, []).append(one.probe.at.timestamp())
        return kept(found)

    with answering(folder, breaks_at), resolver(RESOLVER, "127.0.0.1", {host(n): [address(n)] for n in range(SERVERS)}):
        authorities = (folder / "ca.pem").read_text()
        provide(
            database,
            ServiceSettings(
                zone="phlymail.test", sealing_key=SecretStr(Fernet.generate_key().decode()), public_url="http://127.0.0.1",
                resolvers=[RESOLVER], authorities_pem=authorities, probes=ProbeSettings(seconds=wanted.interval),
            ),
        )  # fmt: skip
        fill(database.inventory, wanted.instances)
        before, children, base = cpu(resource.RUSAGE_SELF), cpu(resource.RUSAGE_CHILDREN), memory_mib()
        with patch.object(probing, "_called", called_here(authorities)), patch.object(probing, "record", record):
            asyncio.run(run(seconds))
        used, used_there = cpu(resource.RUSAGE_SELF) - before, cpu(resource.RUSAGE_CHILDREN) - children
    return told(database.inventory, wanted, asked, (used, used_there, base, memory_mib(), seconds), breaks_at)


def told(
    inventory: Inventory,
    wanted: argparse.Namespace,
    asked: dict[str, list[float]],
    used: tuple[float, float, float, float, float],
    breaks_at: float,
) -> list[str]:
    """The block for docs/figures.md."""
    cpu_here, cpu_there, base, memory, seconds = used
    gaps = [after - before for times in asked.values() for before, after in pairwise(sorted(times))]
    rounds = statistics.median(len(times) for times in asked.values())
    with inventory.reading() as session:
        far = datetime.now(UTC) + timedelta(days=1)
        spans = [one for found in probes.spans_between(session, far - timedelta(days=9), far).values() for one in found]
    broken = [one for one in spans if one.answer is Answer.BROKEN]
    seen_after = [one.since.timestamp() - breaks_at for one in broken]
    wrong = [one for one in spans if one.answer not in {Answer.UP, Answer.BROKEN}]
    last = sorted(gaps)
    return [
        (
            f"\n{datetime.now(UTC):%Y-%m-%d}, load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, "
            f"{len(asked)} instances on {SERVERS} servers, every {wanted.interval:.0f} s for {seconds:.0f} s\n"
        ),
        "| what | figure |",
        "| --- | --- |",
        f"| probes of each instance from outside, the median | {rounds:.0f} |",
        (
            f"| between two probes of an instance: median, 99 %, longest | {statistics.median(gaps):.2f} s, "
            f"{last[int(len(last) * 0.99)]:.2f} s, {last[-1]:.2f} s |"
        ),
        f"| the prober's CPU | {cpu_here:.1f} s, {100 * cpu_here / seconds:.1f} % of a core |",
        f"| CPU of the program for servers, at the location | {cpu_there:.1f} s, {100 * cpu_there / seconds:.1f} % |",
        f"| the prober's memory: before the first question, at most | {base:.0f} MiB, {memory:.0f} MiB |",
        f"| rows after that, of {sum(one.probes for one in spans)} probes | {rows(inventory, ProbeSpan)} |",
        (
            f"| instances that broke ({BROKEN} servers), seen from {len({one.vantage for one in broken})} vantages | "
            f"{len({one.instance for one in broken})} |"
        ),
        f"| seen after: median, last (an interval at most) | {statistics.median(seen_after or [0.0]):.1f} s, {max(seen_after or [0.0]):.1f} s |",
        f"| probes that failed otherwise | {sum(one.probes for one in wrong)} |",
    ]


if __name__ == "__main__":
    main()
