"""A small name server for tests: one zone in memory, changed by signed updates with prerequisites (RFC 2136)."""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dns.rdata import Rdata
    from dns.rrset import RRset

KEY = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTMyYnk="
KEY_NAME = "phm-test"
ZONE = "phlymail.test"
NONE = dns.rdataclass.NONE


@dataclass
class Zone:
    """What the server knows, and how it misbehaves.

    Args:
        names: rdata by name and kind.
        before_update: called before each update is looked at.
        forgets: whether it takes updates and does nothing.
        refuses: whether it takes no updates.
        authoritative: whether it keeps the zone.
    """

    names: dict[dns.name.Name, dict[int, set[Rdata]]] = field(default_factory=dict)
    before_update: Callable[[], None] = lambda: None
    forgets: bool = False
    refuses: bool = False
    authoritative: bool = True
    updates: int = 0
    port: int = 0

    def write(self, label: str, kind: str, *values: str) -> None:
        """Somebody else's hand in the zone."""
        name = dns.name.from_text(f"{label}.{ZONE}")
        at = dns.rdatatype.from_text(kind)
        self.names.setdefault(name, {})[at] = {dns.rdata.from_text("IN", kind, value) for value in values}

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """What is asked of the zone."""
        told = dns.message.make_response(query)
        told.flags |= dns.flags.AA if self.authoritative else 0
        if not self.authoritative:
            told.set_rcode(dns.rcode.REFUSED)
            return told
        asked = query.question[0]
        here = self.names.get(asked.name, {})
        for kind in (asked.rdtype, dns.rdatatype.CNAME):
            if kind in here:
                told.answer.append(dns.rrset.from_rdata_list(asked.name, 60, list(here[kind])))
                break
        if not here:
            told.set_rcode(dns.rcode.NXDOMAIN)
        return told

    def change(self, update: dns.update.UpdateMessage) -> int:
        """An update: its prerequisites, then what it deletes and adds; its code."""
        self.before_update()
        if self.refuses:
            return dns.rcode.REFUSED
        for wanted in update.prerequisite:
            if code := self._unmet(wanted):
                return code
        self.updates += 1
        if not self.forgets:
            for one in update.update:
                self._apply(one)
        return dns.rcode.NOERROR

    def _unmet(self, wanted: RRset) -> int:
        here = self.names.get(wanted.name, {})
        if NONE in {wanted.rdclass, wanted.deleting}:
            return dns.rcode.YXDOMAIN if here else 0
        return 0 if here.get(wanted.rdtype) == set(wanted) else dns.rcode.NXRRSET

    def _apply(self, one: RRset) -> None:
        if one.deleting is not None:
            self.names.pop(one.name, None)
            return
        here = self.names.setdefault(one.name, {})
        if one.rdtype == dns.rdatatype.CNAME and set(here) - {dns.rdatatype.CNAME}:
            return  # beside others it is left out without a word (RFC 2136, 3.4.2.2)
        here.setdefault(one.rdtype, set()).update(one)


@contextlib.contextmanager
def name_server() -> Iterator[Zone]:
    """The server while this lasts, at a loopback port of its own."""
    zone = Zone()
    ring = dns.tsigkeyring.from_text({KEY_NAME: ("hmac-sha256", KEY)})

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            """One message and its answer."""
            (size,) = struct.unpack("!H", self.request.recv(2))
            wire = self.request.recv(size)
            try:
                message = dns.message.from_wire(wire, keyring=ring)
            except (dns.tsig.BadSignature, dns.message.UnknownTSIGKey):
                return  # hangs up on a key that it does not know
            if isinstance(message, dns.update.UpdateMessage):
                told = dns.message.make_response(message)
                told.set_rcode(zone.change(message) if message.had_tsig else dns.rcode.REFUSED)
            else:
                told = zone.answer(message)
            sent = told.to_wire()
            self.request.sendall(struct.pack("!H", len(sent)) + sent)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        zone.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield zone
        server.shutdown()
        thread.join()
