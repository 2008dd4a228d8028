"""`make bench-names`: one name more on a server that has five hundred, while customers work.

Five hundred instances and as many names on the first host, made from one that was set up; then a name is assigned, exchanged
and taken away by our flow, while the long form and names of others are asked over and over, each by a new connection.
Prints the block for docs/figures.md.

    python -m tests.bench.names [--names 500]
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.dns_zone import DnsZone, ZoneRecord
from blocks.loading import load
from tests.service import names
from tests.service.names import Asked
from tests.service_fixture import running_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from hosting.policy.values import InstanceFacts
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

# The others have the first one's files and pool: Apache knows nothing of that.
FILL = """
set -eu
name=$1 host=$2 count=$3
cd /etc/apache2/phm
for i in $(seq "$count"); do
  sed "s|phm-$name |phm-bench$i |; s|phm-$name\\$|phm-bench$i|; s|\\"/$name/\\"|\\"/bench$i/\\"|; s|/$name\\$|/bench$i\\$|" \\
    "instances/$name.conf" >"instances/bench$i.conf"
  sed "s|$host|bench$i.phlymail.test|g; s|phm-$name|phm-bench$i|g" names/"$host".*.conf >"names/bench$i.conf"
done
apache2ctl configtest
systemctl reload apache2
"""
STEP = re.compile(r"(ensure_\w+|prove_\w+): (?:done|nothing to do) \(([\d.]+) s\)")
SHOWN = ("bench1", "bench250")
"""Names of others that are asked meanwhile."""


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", type=int, default=500)
    count = parser.parse_args().names
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder)) as service:
        instance = service.provision()
        assert names.assign(service, instance, "bench").completed
        fill(service, instance, count)
        lines = [
            measured(service, instance, "assigned", lambda: names.assign(service, instance, "hinzu")),
            measured(service, instance, "exchanged", lambda: names.assign(service, instance, "anders")),
            measured(service, instance, "taken away", lambda: names.release(service, instance, "anders")),
        ]
        load_now = os.getloadavg()[0]
        print(  # its purpose
            f"\n{datetime.now(UTC):%Y-%m-%d}, load of the machine {load_now:.1f} on {os.cpu_count()} cores, "
            f"{count} instances with {count} names on the server\n\n"
            "| one name more | done after | requests of others meanwhile | failed | slowest |\n"
            "| --- | --- | --- | --- | --- |\n" + "\n".join(lines)
        )


def fill(service: Service, instance: InstanceFacts, count: int) -> None:
    """So many neighbours, some of whom the zone knows."""
    words = f"{instance.name} bench.phlymail.test {count}"
    done = service.fleet.run(service.host, f"bash -s {words}", seconds=300, text_in=FILL)
    assert done.returncode == 0, done.stderr[-500:]
    leads_to = ZoneRecord("CNAME", service.server().host_name)
    for name in SHOWN:
        load(DnsZone).ensure(name, [leads_to], replacing=[leads_to])


def measured(service: Service, instance: InstanceFacts, what: str, run: Callable[[], Outcome]) -> str:
    """One run while others are served; its line."""
    before = len(service.runner.log.read_text())
    urls = [names.url(service, instance), *(f"https://{name}.phlymail.test/" for name in SHOWN)]
    with Asked(*urls) as asked:
        time.sleep(1)
        outcome = run()
        assert outcome.completed, outcome
        time.sleep(1)
    failed = [said for url in urls for said in asked.failures(url)]
    for said in failed[:3]:
        print(said)  # why
    for step, seconds in STEP.findall(service.runner.log.read_text()[before:]):
        print(f"{what}: {step} {seconds} s", flush=True)
    slowest, answers = max(map(asked.slowest, urls)), sum(map(len, asked.seen.values()))
    return f"| {what} | {outcome.seconds:.1f} s | {answers} | {len(failed)} | {slowest:.2f} s |"


if __name__ == "__main__":
    main()
