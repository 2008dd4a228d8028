"""The service's DNS zone, changed by signed updates at its primary name server and read back there (RFC 2136, 8945).

Records that the service did not write are never replaced: whoever asks for a change names what he may replace, and the
name server checks in the same update that nothing else has come meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update
from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from hosting.errors import DriftFound, ServiceError, StepFailed, Unreachable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

ANSWER_SECONDS = 5.0
TTL_SECONDS = 60
"""How long others may keep what the zone says of a name: so soon one that moved is asked for at its new server."""

ATTEMPTS = 3
"""So often a change is begun anew because somebody else changed the same name meanwhile."""

KINDS = ("A", "AAAA", "CNAME", "MX", "TXT", "NS", "CAA", "SRV", "DNAME")
"""The kinds of records by which it is told whether a name is free."""

CHANGED_MEANWHILE = frozenset({dns.rcode.YXDOMAIN, dns.rcode.NXDOMAIN, dns.rcode.YXRRSET, dns.rcode.NXRRSET})


class ZoneNotKept(ServiceError):
    """The settings tell no name server for the zone."""


class ZoneRefuses(StepFailed):
    """The name server does not take the service's changes."""


@dataclass(frozen=True, order=True)
class ZoneRecord:
    """A record of a name.

    Args:
        kind: A, AAAA, CNAME …
        value: an address; of a CNAME the whole name without a dot at its end, in lower case.
    """

    kind: str
    value: str

    def __str__(self) -> str:
        """As a zone file has it, in short."""
        return f"{self.kind} {self.value}"


class DnsZone(Block):
    """The zone, the address of its primary name server, and the key that signs changes."""

    _block_type_name = "phlyMail DNS zone"
    _block_type_slug = "phm-dns-zone"
    zone: str = Field(title="Zone", description="The service's DNS zone.")
    address: str = Field("", title="Address", description="IP address of the zone's primary name server.")
    port: int = Field(53, title="Port")
    key_name: str = Field("", title="Key's name", description="The TSIG key that may change the zone.")
    key_algorithm: str = Field("hmac-sha256", title="Key's algorithm")
    key: SecretStr = Field(SecretStr(""), title="Key", description="The TSIG key itself, in base64.")

    def records(self, label: str) -> frozenset[ZoneRecord]:
        """What the zone's name server itself says of a name; nothing: the name is free.

        Args:
            label: the name below the zone, as DNS has it.

        Raises:
            ZoneNotKept: the settings tell no name server.
            Unreachable: it does not answer.
            ZoneRefuses: it does not keep the zone.
        """
        return frozenset(record for kind in KINDS for record in self._ask(label, kind))

    def ensure(
        self,
        label: str,
        wanted: Collection[ZoneRecord],
        *,
        replacing: Collection[ZoneRecord],
        ttl: int = TTL_SECONDS,
    ) -> bool:
        """A name has these records and no others, read back at the name server; whether they had to be changed.

        Args:
            label: the name below the zone, as DNS has it.
            wanted: its records; none: the name is gone.
            replacing: what may be there from before, since the service wrote it.
            ttl: how long others may keep them, in seconds.

        Raises:
            ZoneNotKept: the settings tell no name server.
            DriftFound: the name has records that the service did not write; nothing is changed.
            Unreachable: the name server does not answer.
            ZoneRefuses: it does not take the change, or does not tell of it.
        """
        goal = frozenset(wanted)
        for _ in range(ATTEMPTS):
            found = self.records(label)
            if found == goal:
                return False
            if foreign := found - goal - frozenset(replacing):
                said = ", ".join(map(str, sorted(foreign)))
                message = f"The zone {self.zone} has records for {label} that the service did not write: {said}."
                raise DriftFound(message, "Look at the zone (a wildcard counts too), then run again.")
            if self._change(label, found, goal, ttl):
                self._read_back(label, goal)
                return True
        message = f"The records of {label} in {self.zone} are changed by somebody else at the same time."
        raise DriftFound(message, "See who changes the zone, then run again.")

    def _read_back(self, label: str, goal: frozenset[ZoneRecord]) -> None:
        """See that the change is there: name servers leave things out without a word (FLEET.md II.7)."""
        found = self.records(label)
        if found != goal:
            said = ", ".join(map(str, sorted(found))) or "nothing"
            message = f"The zone {self.zone} says {said} of {label} after the change."
            raise ZoneRefuses(message, "Look at the zone and its name server, then run again.")

    def _change(self, label: str, found: frozenset[ZoneRecord], goal: frozenset[ZoneRecord], ttl: int) -> bool:
        """One signed update that holds only if the name is as it was found; whether it held."""
        update = dns.update.UpdateMessage(self.zone, keyring=self._keyring(), keyalgorithm=self.key_algorithm)
        if not found:
            update.absent(label)
        for kind, values in _by_kind(found).items():
            update.present(label, kind, *values)
        update.delete(label)
        for kind, values in _by_kind(goal).items():
            update.add(label, ttl, kind, *values)
        code = self._send(update).rcode()
        if code in CHANGED_MEANWHILE:
            return False
        if code != dns.rcode.NOERROR:
            message = f"The name server of {self.zone} refused a change of {label}: {dns.rcode.to_text(code)}."
            raise ZoneRefuses(message, "Give the service's key the right to change the zone, then run again.")
        return True

    def _ask(self, label: str, kind: str) -> list[ZoneRecord]:
        """The records of one kind, by the zone's own name server."""
        query = dns.message.make_query(f"{label}.{self.zone}", kind)
        answer = self._send(query)
        known = answer.rcode() in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN} and answer.flags & dns.flags.AA
        if not known:
            message = (
                f"The name server at {self.address} does not keep {self.zone} ({dns.rcode.to_text(answer.rcode())})."
            )
            raise ZoneRefuses(message, "Correct [dns] in the settings, then run: phm up.")
        asked, wanted = query.question[0].name, dns.rdatatype.from_text(kind)
        return [
            ZoneRecord(kind, str(value).rstrip(".").lower())
            for rrset in answer.answer
            if rrset.name == asked and rrset.rdtype == wanted
            for value in rrset
        ]

    def _send(self, message: dns.message.Message) -> dns.message.Message:
        """One message there and its answer back, by TCP."""
        if not self.address:
            said = f"The settings tell no name server for {self.zone}."
            raise ZoneNotKept(said, "Fill in [dns] in settings.toml (docs/settings.md), then run: phm up.")
        where = f"The name server of {self.zone} at {self.address}:{self.port}"
        try:
            return dns.query.tcp(message, self.address, timeout=ANSWER_SECONDS, port=self.port)
        except (dns.tsig.PeerError, dns.tsig.BadSignature, dns.message.UnknownTSIGKey) as error:
            said = f"{where} does not know the service's key ({type(error).__name__})."
            raise ZoneRefuses(said, "Correct the key in [dns] of the settings, then run: phm up.") from None
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise Unreachable(
                f"{where} does not answer ({type(error).__name__}).", "Look at the name server."
            ) from error

    def _keyring(self) -> dict[dns.name.Name, dns.tsig.Key]:
        """The service's key."""
        secret = (self.key_algorithm, self.key.get_secret_value())
        return dict(dns.tsigkeyring.from_text({self.key_name: secret}))


def _by_kind(records: frozenset[ZoneRecord]) -> Mapping[str, list[str]]:
    """Values by kind; a CNAME's is written as the whole name that it is."""
    found: dict[str, list[str]] = defaultdict(list)
    for record in sorted(records):
        found[record.kind].append(f"{record.value}." if record.kind == "CNAME" else record.value)
    return found
