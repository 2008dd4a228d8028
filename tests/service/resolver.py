"""A resolver for tests: says what it is told of some names, asks the fleet's name server for all others."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def resolver(address: str, fleet: str, told: dict[str, list[str]]) -> Iterator[None]:
    """While this lasts, a loopback address answers by UDP.

    Args:
        address: on loopback, e.g. 127.0.0.77.
        fleet: the address of the fleet's name server.
        told: IPv4 addresses by name, as they are at the moment of the question; none: there is no such name.
    """

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            """One question."""
            wire, sending = self.request
            query = dns.message.from_wire(wire)
            host = query.question[0].name.to_text(omit_final_dot=True)
            if host in told:
                answer = dns.message.make_response(query)
                answer.flags |= dns.flags.RA
                addresses = told[host]
                if not addresses:
                    answer.set_rcode(dns.rcode.NXDOMAIN)
                elif query.question[0].rdtype == dns.rdatatype.A:
                    answer.answer.append(dns.rrset.from_text_list(query.question[0].name, 1, "IN", "A", addresses))
            else:
                answer = dns.query.udp(query, fleet, timeout=2)
            sending.sendto(answer.to_wire(), self.client_address)

    with socketserver.ThreadingUDPServer((address, 53), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
