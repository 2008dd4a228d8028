"""Names to addresses, asked of the service's resolvers alone."""

from __future__ import annotations

import ipaddress

import dns.exception
import dns.resolver

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.errors import Unreachable

SECONDS = 5.0


def addresses_of(host: str) -> tuple[str, ...]:
    """The IPv4 addresses of a host; an address stands for itself.

    Raises:
        Unreachable: the name does not resolve.
    """
    try:
        return (str(ipaddress.IPv4Address(host)),)
    except ValueError:
        pass
    resolvers = load(ServiceSettings).resolvers
    resolver = dns.resolver.Resolver(configure=not resolvers)
    if resolvers:
        resolver.nameservers = list(resolvers)
    try:
        return tuple(sorted(str(record) for record in resolver.resolve(host, "A", lifetime=SECONDS)))
    except dns.exception.DNSException as error:
        raise Unreachable(
            f"The name {host} does not resolve ({type(error).__name__}).", "Correct the settings or the zone."
        ) from error
