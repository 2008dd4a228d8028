"""`make bench-names`: one name more on a server that has five hundred, while customers work.

Five hundred instances and as many names on the first host, made from one that was set up; then a name is assigned, exchanged
and taken away by our flow, while the long form and names of others are asked over and over, each by a new connection.
With `--domains` the others have domains of their own, each with a certificate and key of its own, and it is a domain that is
connected and taken away. Prints the block for docs/figures.md.

    python -m tests.bench.names [--names 500] [--domains]
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import re
import tarfile
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.dns_zone import DnsZone, ZoneRecord
from blocks.loading import load, provide
from blocks.service_settings import ServiceSettings
from fleet import certificates
from hosting.policy.own_domain import OwnDomain
from tasks.names import ensure_names_served
from tests.service import names, own_domains
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
name=$1 host=$2 count=$3 zone=$4 stem=$5
cd /etc/apache2/phm
for i in $(seq "$count"); do
  sed "s|phm-$name |phm-bench$i |; s|phm-$name\\$|phm-bench$i|; s|\\"/$name/\\"|\\"/bench$i/\\"|; s|/$name\\$|/bench$i\\$|" \\
    "instances/$name.conf" >"instances/bench$i.conf"
  sed "s|$host|bench$i.$zone|g; s|phm-$name|phm-bench$i|g; s|certificates/$stem|certificates/bench$i|g" \\
    names/"$host".*.conf >"names/bench$i.conf"
done
apache2ctl configtest
systemctl reload apache2
"""
STEP = re.compile(r"(ensure_\w+|prove_\w+): (?:done|nothing to do) \(([\d.]+) s\)")


def shown(count: int) -> tuple[str, ...]:
    """Names of others that are asked meanwhile."""
    return ("bench1", f"bench{count // 2}")


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", type=int, default=500)
    parser.add_argument("--domains", action="store_true", help="domains of customers' own, each with its certificate")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder)) as service:
        instance = service.provision()
        way = with_domains if wanted.domains else with_subdomains
        lines = way(service, instance, wanted.names, Path(folder))
        load_now, what = os.getloadavg()[0], "domains of their own" if wanted.domains else "names"
        print(  # its purpose
            f"\n{datetime.now(UTC):%Y-%m-%d}, load of the machine {load_now:.1f} on {os.cpu_count()} cores, "
            f"{wanted.names} instances with {wanted.names} {what} on the server\n\n"
            "| one name more | done after | requests of others meanwhile | failed | slowest |\n"
            "| --- | --- | --- | --- | --- |\n" + "\n".join(lines)
        )


def with_subdomains(service: Service, instance: InstanceFacts, count: int, _folder: Path) -> list[str]:
    """A subdomain assigned, exchanged and taken away beside so many; the lines about it."""
    assert names.assign(service, instance, "bench").completed
    fill(service, instance, count, host="bench.phlymail.test", zone="phlymail.test")
    leads_to = ZoneRecord("CNAME", service.server().host_name)
    for name in shown(count):
        load(DnsZone).ensure(name, [leads_to], replacing=[leads_to])
    asked = [names.url(service, instance), *(f"https://{name}.phlymail.test/" for name in shown(count))]
    return [
        measured(service, asked, "assigned", lambda: names.assign(service, instance, "hinzu")),
        measured(service, asked, "exchanged", lambda: names.assign(service, instance, "anders")),
        measured(service, asked, "taken away", lambda: names.release(service, instance, "anders")),
    ]


def with_domains(service: Service, first: InstanceFacts, count: int, folder: Path) -> list[str]:
    """A customer's domain connected and taken away beside so many, each with a certificate of its own; the lines."""
    authority = folder / "authority"
    authority.mkdir()
    for name in ("ca.pem", "ca.key"):
        (authority / name).write_bytes((service.fleet.places.certificates / name).read_bytes())
    others, own = [f"{name}.example" for name in shown(count)], service.server().address
    one, hinzu = (OwnDomain(f"{word}.example", f"{word}.example", f"{word}.example") for word in ("eins", "hinzu"))
    instance = service.provision()
    with own_domains.asked_resolvers(service, one.ascii, hinzu.ascii, *others) as told:
        for says in told:
            says.update({host: [own] for host in says})
        provide(load(ServiceSettings).model_copy(update={"resolvers": list(own_domains.RESOLVERS)}))
        name = own_domains.ordered(service, first, authority, one)
        assert own_domains.run(service, name).completed
        send_certificates(service, authority, count)
        stem = service.on(f"basename /etc/apache2/phm/name-certificates/{name.id}.*.pem .pem").strip()
        fill(service, first, count, host=one.ascii, zone="example", stem=stem)
        asked = [names.url(service, instance), *(f"https://{host}/" for host in others)]
        more = own_domains.ordered(service, instance, authority, hinzu)
        lines = [measured(service, asked, "connected", lambda: own_domains.run(service, more))]
        own_domains.cancelled(service, instance, hinzu)
        gone = measured(service, asked, "taken away", lambda: own_domains.run(service, more, "disconnect_domain"))
        return [*lines, gone]


def send_certificates(service: Service, authority: Path, count: int) -> None:
    """As many certificates as there are neighbours, each with its key, on the server."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for number in range(1, count + 1):
            file = certificates.ensure_leaf(authority, f"bench{number}", [f"bench{number}.example"])
            for one in (file, file.with_suffix(".key")):
                tar.add(one, one.name)
    text = base64.b64encode(packed.getvalue()).decode()
    command = "base64 -d | tar -xz --no-same-owner -C /etc/apache2/phm/name-certificates"
    done = service.fleet.run(service.host, command, seconds=300, text_in=text)
    assert done.returncode == 0, done.stderr[-500:]


def fill(service: Service, instance: InstanceFacts, count: int, *, host: str, zone: str, stem: str = "none") -> None:
    """So many neighbours, each with a name like the instance's, and a certificate where it has one of its own."""
    words = f"{instance.name} {host} {count} {zone} {stem}"
    done = service.fleet.run(service.host, f"bash -s {words}", seconds=300, text_in=FILL)
    assert done.returncode == 0, done.stderr[-500:]
    ensure_names_served.fn(service.server())  # files that are newer than the last load are loaded by the first step


def measured(service: Service, urls: list[str], what: str, run: Callable[[], Outcome]) -> str:
    """One run while others are served; its line."""
    before = len(service.runner.log.read_text())
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
