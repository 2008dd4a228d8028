"""The DNS server of the service's zone: Knot, changed by TSIG-signed updates (FLEET.md II.7)."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update

from fleet import description
from fleet.errors import FleetError
from fleet.service import Service

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TTL = 5
QUERY_SECONDS = 1
UPDATE_SECONDS = 5

SETTINGS = """\
server:
    listen: {address}@{port}
    rundir: {folder}/run
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: {folder}/db
key:
  - id: {key_name}
    algorithm: {algorithm}
    secret: {secret}
acl:
  - id: service
    key: {key_name}
    action: [update, transfer]
zone:
  # Each update is in the file before the next start: a restart forgets nothing.
  - domain: {zone}
    storage: {folder}
    file: zone
    acl: service
    zonefile-sync: 0
    zonefile-load: whole
    journal-content: none
"""


class NameServer(Service):
    """Knows the fleet's zone and nothing else: other names are refused, never asked for elsewhere."""

    name = "dns"
    stop_seconds = 5.0

    @property
    def port(self) -> int:  # type: ignore[override]  # a constant elsewhere, the plan's here
        """Where it listens."""
        return self.plan.dns_port

    def prepare(self) -> None:
        """Settings anew, the zone only where there is none."""
        folder = self.places.zone
        for name in ("run", "db"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "run/knot.pid").unlink(missing_ok=True)  # of a killed one: its id may look alive for a while
        settings = SETTINGS.format(
            address=self.plan.gateway,
            port=self.port,
            folder=folder,
            zone=self.plan.zone,
            key_name=description.TSIG_NAME,
            algorithm=description.TSIG_ALGORITHM,
            secret=description.ensure_secrets(self.places.secrets, self.plan.names).tsig,
        )
        file = folder / "knot.conf"
        file.touch(mode=0o600)
        file.write_text(settings)
        if not (folder / "zone").exists():
            (folder / "zone").write_text(self.first_zone())

    def first_zone(self) -> str:
        """The zone as it is before the service changes it: the fleet's own machines."""
        gateway = self.plan.gateway
        lines = [
            f"$ORIGIN {self.plan.zone}.",
            f"$TTL {TTL}",
            f"@ SOA ns1 hostmaster 1 3600 600 86400 {TTL}",
            "@ NS ns1",
            "@ MX 10 mail",
            *(f"{name} A {gateway}" for name in ("ns1", "mail", "s3", "shop")),
            *(f"{host.name} A {host.address}" for host in self.plan.hosts),
        ]
        return "\n".join(lines) + "\n"

    def ensure_hosts(self) -> tuple[str, ...]:
        """Add the hosts that the zone lacks: it was first written for an earlier plan, and is kept since.

        A host that the zone knows keeps its record, whatever it says: the service may have changed it.

        Raises:
            FleetError: the name server does not take the records.
        """
        missing = [host for host in self.plan.hosts if not self.knows(host.name)]
        if missing:
            secret = description.ensure_secrets(self.places.secrets, self.plan.names).tsig
            ring = dns.tsigkeyring.from_text({description.TSIG_NAME: (description.TSIG_ALGORITHM, secret)})
            update = dns.update.Update(self.plan.zone, keyring=ring)
            for host in missing:
                update.add(host.name, TTL, "A", str(host.address))
            self.send(update)
        return tuple(host.name for host in missing)

    def knows(self, name: str) -> bool:
        """Whether the zone has an address for a name."""
        query = dns.message.make_query(f"{name}.{self.plan.zone}", "A")
        try:
            return bool(dns.query.udp(query, str(self.plan.gateway), QUERY_SECONDS, self.port).answer)
        except (dns.exception.DNSException, OSError) as error:
            raise FleetError("The fleet's name server does not answer.", "Look at `phm fleet status`.") from error

    def send(self, update: dns.update.Update) -> None:
        """Change the zone; raises as `ensure_hosts`."""
        try:
            code = dns.query.tcp(update, str(self.plan.gateway), UPDATE_SECONDS, self.port).rcode()
        except (dns.exception.DNSException, OSError) as error:
            raise FleetError("The fleet's name server takes no records.", "Look at `phm fleet status`.") from error
        if code != dns.rcode.NOERROR:
            said = dns.rcode.to_text(code)
            raise FleetError(f"The fleet's name server refused records: {said}.", "Try `phm fleet reset`.")

    def argv(self) -> Sequence[str | Path]:
        """Knot in the foreground."""
        return ["knotd", "-c", self.places.zone / "knot.conf"]

    def forget(self) -> None:
        """The zone as at the first start."""
        shutil.rmtree(self.places.zone, ignore_errors=True)

    def answers(self) -> bool:
        """Whether it knows its zone."""
        query = dns.message.make_query(self.plan.zone, "SOA")
        try:
            answer = dns.query.udp(query, str(self.plan.gateway), QUERY_SECONDS, self.port)
        except (dns.exception.DNSException, OSError):
            return False
        return answer.rcode() == dns.rcode.NOERROR and bool(answer.answer)
