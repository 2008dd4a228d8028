"""`make bench-backup`: backups and restores of the service beside plain scripts and beside borgmatic, in one run.

One instance with 20,000 mails (about 600 MB) and a database of 200 MB: first and second run of the flow, of
`back_up_plain.sh`, and of borgmatic with BorgBackup on the server's own disk (it has no way to an object store); then the
way back; then 200 small unchanged instances. Prints the block for docs/figures.md.

    python -m tests.bench.backup [--mails N] [--mib N] [--small N]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.backup_store import BackupStore
from blocks.loading import load
from hosting.inventory import recovery_points
from hosting.product.layout import InstanceLayout
from tests.bench.small_instances import small_instances
from tests.service.plans import Plan
from tests.service_fixture import running_service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hosting.policy.values import InstanceFacts, PointFacts
    from tests.service.plans import Outcome as RunOutcome
    from tests.service_fixture import Service

HERE = Path(__file__).parent
SECONDS = 1800
MIB = 2**20
AUTHORITIES = "/etc/phm/authorities.pem"

COLD = """
import os, sys
os.sync()
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        file = os.open(os.path.join(folder, name), os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)
"""
"""The mails are not in memory when a backup begins, as by night: those just written would be, for who reads them in place."""

MEASURE = """
import json, os, resource, subprocess, sys, time
told = json.load(sys.stdin)
began = time.monotonic()
done = subprocess.run(told["argv"], env={**os.environ, **told["environment"]}, input=told["stdin"], text=True)
children = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"seconds": time.monotonic() - began, "peak_kib": children.ru_maxrss, "code": done.returncode}))
"""


@dataclass(frozen=True)
class Measured:
    """Wall time in seconds, the most memory of one program in MiB, bytes in the store or repository."""

    seconds: float
    peak_mib: float
    stored_mib: float = 0.0


class Bench:
    """One instance on one server, and what is timed on it."""

    def __init__(self, service: Service, mails: int, mib: int) -> None:
        self.service = service
        self.instance = service.provision(accounts=4)
        self.layout = InstanceLayout.of(self.instance)
        self.fill(mails, mib, 1)
        self.store = load(BackupStore)
        self.password = secrets.token_hex(16)
        self.prefix = f"{service.host}/plain/{secrets.token_hex(4)}"
        self.parts: list[dict[str, float]] = []

    def fill(self, mails: int, mib: int, seed: int) -> None:
        """Mails and rows."""
        words = (self.layout.database, self.layout.data, self.layout.user, mails, mib, seed)
        command = "python3 - " + " ".join(map(str, words))
        done = self.service.fleet.run(
            self.service.host, command, seconds=SECONDS, text_in=(HERE / "fill_instance.py").read_text()
        )
        assert done.returncode == 0, done.stderr[-500:]

    def cold(self) -> None:
        """None of the mails is in memory."""
        command = f"python3 - {self.layout.data}/storage/user"
        done = self.service.fleet.run(self.service.host, command, seconds=SECONDS, text_in=COLD)
        assert done.returncode == 0, done.stderr[-500:]

    def on_server(self, argv: list[str], environment: dict[str, str], stdin: str = "") -> Measured:
        """A program on the server, measured there."""
        told = json.dumps({"argv": argv, "environment": environment, "stdin": stdin})
        command = f"exec python3 -c '{MEASURE}'"
        done = self.service.fleet.run(self.service.host, command, seconds=SECONDS, text_in=told)
        assert done.returncode == 0, done.stderr[-800:]
        found = json.loads(done.stdout.strip().splitlines()[-1])
        assert found["code"] == 0, done.stderr[-800:] + done.stdout[-800:]
        return Measured(found["seconds"], found["peak_kib"] / 1024)

    def restic_environment(self) -> dict[str, str]:
        """What the plain scripts find in their environment: the administrator's key, since theirs makes the bucket's path."""
        return {
            "RESTIC_REPOSITORY": f"s3:{self.store.endpoint}/{self.store.bucket}/{self.prefix}",
            "RESTIC_PASSWORD": self.password,
            "RESTIC_CACHE_DIR": "/var/cache/plain",
            "AWS_ACCESS_KEY_ID": self.store.access_key,
            "AWS_SECRET_ACCESS_KEY": self.store.secret_key.get_secret_value(),
            "AWS_DEFAULT_REGION": self.store.region,
        }

    def script(self, name: str, *words: str) -> Measured:
        """One of the plain scripts."""
        text = (HERE / name).read_text()
        return self.on_server(["sh", "-s", *words], self.restic_environment(), text)

    def plain(self, *, first: bool) -> Measured:
        """The plain script; its repository is made within the first run, as ours is."""
        init = Measured(0, 0)
        self.cold()
        if first:
            init = self.on_server(["restic", "--cacert", AUTHORITIES, "init"], self.restic_environment())
        done = self.script("back_up_plain.sh", self.layout.database, str(self.layout.data))
        return Measured(init.seconds + done.seconds, done.peak_mib, self.stored(self.prefix))

    def flow(self) -> tuple[Measured, PointFacts]:
        """The flow, from its start to its end."""
        self.cold()
        began = time.monotonic()
        outcome = self.service.runner.run(
            Plan(flow="flows.back_up_server.back_up_instance", parameters={"instance": self.instance.name})
        )
        seconds = time.monotonic() - began
        assert outcome.completed, outcome
        with self.service.inventory.reading() as session:
            point = recovery_points.points_of(session, self.instance.name)[-1]
        peak = float(point.manifest.get("peak_kib", 0)) / 1024
        prefix = self.store.prefix(point.server_name, point.instance_name, point.generation)
        self.parts.append(parts(seconds, outcome, point))
        return Measured(seconds, peak, self.stored(prefix)), point

    def stored(self, prefix: str) -> float:
        """The MiB that lie below a prefix of the bucket."""
        pages = self.store.client.get_paginator("list_objects_v2").paginate(Bucket=self.store.bucket, Prefix=prefix)
        return sum(one["Size"] for page in pages for one in page.get("Contents", [])) / MIB

    def plain_restore(self) -> Measured:
        """The plain way back, into a folder and a database of its own."""
        self.service.on("mariadb -e 'DROP DATABASE IF EXISTS plainback; CREATE DATABASE plainback'")
        done = self.script("restore_plain.sh", "plainback", "/srv/plainback", str(self.layout.data))
        self.service.on("mariadb -e 'DROP DATABASE plainback'; rm -rf /srv/plainback")
        return done

    def flow_restore(self, point: PointFacts) -> tuple[Measured, str]:
        """The flow's way back, from the start of its process, proof and exchange and all; how long it was closed."""
        wish = {"instance": self.instance.name, "point": point.id, "operator": "bench", "reason": "bench"}
        began = time.monotonic()
        outcome = self.service.runner.run(Plan(flow="flows.restore_instance.restore_instance", parameters=wish))
        seconds = time.monotonic() - began
        assert outcome.completed, outcome
        return Measured(seconds, 0), self.closed_seconds()

    def closed_seconds(self) -> str:
        """How long the exchange took, as it was recorded."""
        from hosting.inventory.deeds import deeds_of

        with self.service.inventory.reading() as session:
            ended = [one for one in deeds_of(session, f"instance:{self.instance.name}") if one.what == "restore ended"]
        return f"{ended[-1].evidence['closed_seconds']} s"

    def borgmatic(self) -> list[Measured]:
        """borgmatic twice, with the same change between as the others had; empty where it can't be installed."""
        if not install_borgmatic(self.service):
            return []
        config = f"""
location:
    source_directories:
        - {self.layout.data}
    repositories:
        - /srv/borg
storage:
    encryption_passphrase: "{self.password}"
    compression: zstd
hooks:
    mysql_databases:
        - name: {self.layout.database}
"""
        self.service.fleet.run(
            self.service.host, "mkdir -p /etc/borgmatic; cat >/etc/borgmatic/config.yaml", text_in=config
        )
        made = self.on_server(["borgmatic", "init", "--encryption", "repokey-blake2"], {})
        self.cold()
        first = self.on_server(["borgmatic", "create"], {})
        self.fill(50, 1, 3)
        self.cold()
        second = self.on_server(["borgmatic", "create"], {})
        size = int(self.service.on("du -sm /srv/borg | cut -f1"))
        self.service.on("rm -rf /srv/borg")
        return [Measured(made.seconds + first.seconds, first.peak_mib), Measured(second.seconds, second.peak_mib, size)]


def install_borgmatic(service: Service) -> bool:
    """Debian's borgmatic on the server, brought there as packages: the server reaches no archive."""
    with tempfile.TemporaryDirectory() as folder:
        status = Path(folder) / "status"
        status.write_text(service.on("cat /var/lib/dpkg/status"))
        (Path(folder) / "partial").mkdir()
        fetch = ["apt-get", "-qq", "--download-only", "--no-install-recommends", "-y"]
        options = [
            "-o",
            f"Dir::State::status={status}",
            "-o",
            f"Dir::Cache::archives={folder}",
            "-o",
            "Debug::NoLocking=1",
        ]
        done = subprocess.run([*fetch, *options, "install", "borgmatic"], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"borgmatic can't be fetched: {done.stderr.strip()[-200:]}")
            return False
        for package in sorted(Path(folder).glob("*.deb")):
            described = next(host for host in service.fleet.description()["hosts"] if host["name"] == service.host)
            ssh = service.fleet.description()["ssh"]
            put = ["ssh", "-F", "/dev/null", "-o", f"UserKnownHostsFile={ssh['known_hosts']}", "-i", ssh["private_key"]]
            with package.open("rb") as content:
                target = f"root@{described['address']}"
                subprocess.run([*put, target, f"cat >/tmp/{package.name}"], stdin=content, check=True, timeout=120)
    service.on("dpkg -i --force-depends /tmp/*.deb >/dev/null 2>&1; rm -f /tmp/*.deb; borgmatic --version")
    return True


STEPS = ("ensure_store_ready", "back_up", "show_point")
READING = ("read_instance", "read_server")
"""The steps of the flow that don't lie within others; a history is read within `back_up`, too."""


def parts(seconds: float, outcome: RunOutcome, point: PointFacts) -> dict[str, float]:
    """Where the time of a run of the flow went: phases of the job on the server, and what is around it."""
    job, taking = dict(point.manifest["phases"]), outcome.took["take_point"]
    around = {
        "the store looked at": outcome.took["ensure_store_ready"],
        "the job started, followed, its answer fetched": taking - sum(job.values()),
        "lease, lock on the server, records": outcome.took["back_up"] - taking,
        "the point's page": outcome.took["show_point"],
        "the instance's records read": sum(outcome.took[one] for one in READING),
        "Prefect's part, beginning and end": outcome.seconds - sum(outcome.took[one] for one in (*READING, *STEPS)),
        "the process": seconds - outcome.seconds,
    }  # fmt: skip
    return {f"on the server: {phase}": one for phase, one in job.items()} | around


def parts_table(runs: Sequence[Mapping[str, float]]) -> list[str]:
    """Where the time went, run by run."""
    named = list(dict.fromkeys(name for run in runs for name in run))
    rows = [f"| {name} | " + " | ".join(f"{run.get(name, 0.0):.2f}" for run in runs) + " |" for name in named]
    return ["", "| the flow's seconds | first run | second run |", "| --- | --- | --- |", *rows]


def row(what: str, first: Measured, second: Measured) -> str:
    """A row of the table."""
    return (
        f"| {what} | {first.seconds:.1f} | {first.peak_mib:.0f} | {second.seconds:.1f} | {second.peak_mib:.0f} | "
        f"{second.stored_mib:.0f} |"
    )


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser()
    for name, default in (("--mails", 20_000), ("--mib", 200), ("--small", 200)):
        parser.add_argument(name, type=int, default=default)
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="phm-bench-") as folder, running_service(Path(folder)) as service:
        load(BackupStore).ensure_ready()
        lines = one_instance(Bench(service, wish.mails, wish.mib), wish) if wish.mails else []
        if wish.small:
            lines += small_ones(service, wish.small)
    print(f"\n## Backups, {datetime.now(UTC):%Y-%m-%d}\n")
    print(f"{os.cpu_count()} cores, {platform.platform(terse=True)}, Python {platform.python_version()}.\n")
    print("\n".join(lines))


def one_instance(bench: Bench, wish: argparse.Namespace) -> list[str]:
    """First and second run of each, and the way back."""
    plain = [bench.plain(first=True)]
    first, _ = bench.flow()
    bench.fill(50, 1, 2)
    plain.append(bench.plain(first=False))
    second, point = bench.flow()
    borg = bench.borgmatic()
    back_plain = bench.plain_restore()
    back, closed = bench.flow_restore(point)
    return [
        f"One instance, {wish.mails} mails and a database of {wish.mib} MiB; the second run after 50 more mails.",
        "",
        "| what | first run, s | MiB of memory | second run, s | MiB of memory | MiB stored |",
        "| --- | --- | --- | --- | --- | --- |",
        row("plain script (restic)", *plain),
        row("the flow", first, second),
        *([row("borgmatic (Borg, local disk)", *borg)] if borg else []),
        (
            f"| ratio to the script (aim ≤ 1.1) | {first.seconds / plain[0].seconds:.2f} | | "
            f"{second.seconds / plain[1].seconds:.2f} | | |"
        ),
        *parts_table(bench.parts),
        "",
        (
            f"Restore: script {back_plain.seconds:.1f} s, flow {back.seconds:.1f} s, ratio "
            f"{back.seconds / back_plain.seconds:.2f} (aim ≤ 1.2); the instance was closed for {closed}."
        ),
    ]


def small_ones(service: Service, count: int) -> list[str]:
    """Many small unchanged instances: the flow of the server beside the script for each."""
    made: list[InstanceFacts] = small_instances(service, count)
    run: dict[str, Any] = {"server": service.host}
    plan = Plan(flow="flows.back_up_server.back_up_server", parameters=run)
    first = service.runner.run(plan)
    assert first.completed, first
    at = datetime.now(UTC).replace(microsecond=0)
    again = service.runner.run(Plan(flow=plan.flow, parameters=run, at=(at.timestamp() + 25 * 3600)))
    assert again.completed, again
    script = Bench.__new__(Bench)
    script.service, script.store = service, load(BackupStore)
    script.password, seconds = secrets.token_hex(16), 0.0
    for instance in made[: min(count, 20)]:
        script.prefix = f"{service.host}/{instance.name}/plain"
        script.layout = InstanceLayout.of(instance)
        script.plain(first=True)
        seconds += script.plain(first=False).seconds
    each = seconds / min(count, 20)
    return [
        "",
        (
            f"{count} small unchanged instances on one server: flow {again.seconds / count:.2f} s each, script {each:.2f} s "
            f"each (measured on {min(count, 20)}), ratio {again.seconds / count / each:.2f}; all first full ones "
            f"{first.seconds / count:.2f} s each."
        ),
    ]


if __name__ == "__main__":
    main()
