"""`make bench-import`: an old installation taken over, beside what an administrator would type, in one run.

A ZIP archive of 1 GB with 30,000 mails and an export of 300 MB: by `take_over_plain.sh`, by our flow up to the draft that
waits for an approval, by the plain script again, which is as nice as jobs on servers are; then once more ours with a tenth of
all, which shows what memory follows from the size. Prints the block for docs/figures.md. PHM_TEST_HOSTS="app1".

    python -m tests.bench.import_installation [--files N] [--mib N] [--dump-mib N]
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hosting.inventory import imports
from hosting.inventory.session import in_transaction
from hosting.policy.imports import ImportState
from hosting.product.layout import InstanceLayout
from tasks.import_fetching import Opener
from tasks.import_records import wish_of
from tasks.records import now
from tests.bench.old_archive import write_archive
from tests.service.archive_source import archive_source
from tests.service.plans import Plan
from tests.service_fixture import running_service

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service.archive_source import Source
    from tests.service_fixture import Service

HERE = Path(__file__).parent
SECONDS = 3600
NICE = 5
"""As jobs on servers run: whoever works beside them takes as much from the plain script."""

MIB = 2**20
FLOW = "flows.import_installation.import_installation"
DONE = "/run/phm-bench-done"
STEPS = {
    "fetched": ("fetch_archive",),
    "opened, looked through": ("read_installation",),
    "tables loaded, files laid out beside it": ("fill_draft",),
    "draft made: user, release, pool, site": (
        "ensure_system_user", "ensure_unpacking_folder", "ensure_storage", "ensure_release", "ensure_application",
        "ensure_php_pool", "ensure_site",
    ),
    "settings, poison, administrators, group": (
        "write_draft_settings", "neutralise", "ensure_administrators", "ensure_draft_group", "ensure_sealed",
    ),
    "migrated": ("migrate_draft",),
    "counted": ("count_draft",),
}  # fmt: skip
ON_SERVER = ("all", "readers", "client", "curl", "job")


@dataclass
class Measured:
    """A run of the flow: seconds in all and by step, MiB on the server by program, of the worker's process at most."""

    seconds: float = 0.0
    took: dict[str, float] = field(default_factory=dict)
    server_mib: dict[str, int] = field(default_factory=dict)
    processor_seconds: float = 0.0
    worker_mib: list[int] = field(default_factory=list)


class Bench:
    """An instance, and a customer's web server."""

    def __init__(self, service: Service, source: Source) -> None:
        self.service, self.source = service, source
        self.instance: InstanceFacts = service.provision(accounts=5)

    def on(self, script: str, *words: str) -> str:
        """A script on the server; what it says."""
        done = self.service.fleet.run(
            self.service.host, f"nice -n {NICE} sh -s {' '.join(words)}", seconds=SECONDS, text_in=script
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-500:]
        return done.stdout

    def plain(self, url: str) -> list[float]:
        """Seconds of the plain script: fetched, unpacked, loaded, laid out, in all; and those of a processor."""
        user = InstanceLayout.of(self.instance).user
        words = url, "/srv/bench-import", "bench_import", "/srv/bench-import/data", user
        said = self.on((HERE / "take_over_plain.sh").read_text(), *words)
        self.on("rm -rf /srv/bench-import; mariadb -e 'DROP DATABASE bench_import'; sync")
        return [int(one) / 1000 for one in said.split()[-6:]]

    def ours(self, url: str) -> Measured:
        """The flow, up to the draft; it is called off afterwards."""
        asked = wish_of(Opener(url), self.instance.name, "bench")
        order = in_transaction(
            self.service.inventory, lambda session: imports.ask(session, asked, "bench", now())
        )  # fmt: skip
        found, ended = Measured(), threading.Event()
        watches = [threading.Thread(target=self.watch_server, args=(found,)),
                   threading.Thread(target=self.watch_worker, args=(found, ended))]  # fmt: skip
        for watch in watches:
            watch.start()
        by = {"number": order.id, "operator": "bench", "reason": "bench"}
        began = time.monotonic()
        outcome = self.service.runner.run(Plan(flow=FLOW, parameters=by))
        found.seconds, found.took = time.monotonic() - began, outcome.took
        ended.set()
        self.on(f"touch {DONE}")
        for watch in watches:
            watch.join()
        assert outcome.completed, outcome
        with self.service.inventory.reading() as session:
            assert imports.import_facts(session, order.id).state is ImportState.BUILT
        off = Plan(flow="flows.approve_import.call_off_import", parameters=by)
        assert self.service.runner.run(off).completed
        self.on("sync")
        return found

    def watch_server(self, found: Measured) -> None:
        """The most memory of the import's programs there."""
        command = f"python3 - {DONE}"
        done = self.service.fleet.run(
            self.service.host, command, seconds=SECONDS, text_in=(HERE / "watch_memory.py").read_text()
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-500:]
        *held, took = done.stdout.split()
        found.server_mib, found.processor_seconds = dict(zip(ON_SERVER, map(int, held), strict=True)), float(took)

    def watch_worker(self, found: Measured, ended: threading.Event) -> None:
        """MiB of the run's own process, again and again."""
        children = Path(f"/proc/{self.service.runner.parent.pid}/task/{self.service.runner.parent.pid}/children")
        while not ended.wait(0.2):
            for pid in children.read_text().split():
                try:
                    held = int((Path("/proc") / pid / "statm").read_text().split()[1])
                except OSError:
                    continue
                found.worker_mib.append(held * os.sysconf("SC_PAGESIZE") // MIB)


def told(what: str, plain: list[list[float]], run: Measured, packed_mib: float) -> list[str]:
    """The block of one size."""
    mean, busy = (sum(one[at] for one in plain) / len(plain) for at in (-2, -1))
    named = dict.fromkeys(STEPS, 0.0) | {
        step: sum(run.took.get(task, 0.0) for task in tasks) for step, tasks in STEPS.items()
    }
    named["the rest: records, lease, Prefect"] = run.seconds - sum(named.values())
    by_step = zip(("fetched", "unpacked", "loaded", "laid out"), zip(*plain, strict=True), strict=False)
    wholes = " and ".join(f"{one[-2]:.1f}" for one in plain)
    both = f"ours {run.seconds:.1f} s, the plain script {wholes} s: {run.seconds / mean:.2f} times."
    lines = [f"{what}, packed {packed_mib:.0f} MiB: {both}", "",
             "| step of ours | s |", "| --- | --- |", *(f"| {step} | {one:.1f} |" for step, one in named.items()), "",
             "| step of the plain script | s |", "| --- | --- |",
             *(f"| {step} | {' and '.join(f'{one:.1f}' for one in two)} |" for step, two in by_step), ""]  # fmt: skip
    processor = f"Seconds of a processor on the server: ours {run.processor_seconds:.1f}, the plain script {busy:.1f}: "
    return [*lines, f"{processor}{run.processor_seconds / busy:.2f} times.", "", memory(run)]


def memory(run: Measured) -> str:
    """What it held."""
    parts = ", ".join(f"{kind} {mib}" for kind, mib in run.server_mib.items())
    return f"Memory at most, MiB: worker {max(run.worker_mib)} (at first {run.worker_mib[0]}); on the server: {parts}."


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser()
    for name, default in (("--files", 30_000), ("--mib", 1000), ("--dump-mib", 300)):
        parser.add_argument(name, type=int, default=default)
    wish = parser.parse_args()
    os.environ.setdefault("PHM_TEST_HOSTS", "app1")
    with (
        tempfile.TemporaryDirectory(prefix="phm-bench-") as folder,
        archive_source(Path(folder)) as source,
        tempfile.TemporaryDirectory(prefix="phm-service-") as home,
        running_service(Path(home)) as service,
    ):
        bench = Bench(service, source)
        load, lines = os.getloadavg()[0], list[str]()
        for part in (1, 10):
            file = Path(folder) / "old.zip"
            size = write_archive(file, wish.files // part, wish.mib * MIB // part, wish.dump_mib * MIB // part)
            source.files["/old.zip"] = file.read_bytes()
            file.unlink()
            url = source.url("/old.zip")
            first = bench.plain(url)
            run = bench.ours(url)
            what = f"{wish.files // part} mails, an export of {wish.dump_mib // part} MB"
            lines += [*told(what, [first, bench.plain(url)], run, size / MIB), ""]
            print("\n".join(lines), flush=True)  # its purpose
    print(f"\n## Imports, {datetime.now(UTC):%Y-%m-%d}\n")
    print(
        f"{os.cpu_count()} cores, {platform.platform(terse=True)}; load before it {load:.1f}, at its end {os.getloadavg()[0]:.1f}.\n"
    )
    print("\n".join(lines))


if __name__ == "__main__":
    main()
