"""Which addresses of the internet anybody may be sent to: no inner one, however it is spelled (P37).

By IANA's registries of special-purpose addresses (RFC 6890 and its updates), as tables of our own: the standard
library's answers differ from one version to the next, and take multicast for global.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

INNER_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's services for its own machines, at an address that looks public
    )
)  # fmt: skip
GLOBAL_6 = IPv6Network("2000::/3")
"""All that is assigned as global unicast; mapped, translated (NAT64) and local ones lie outside."""

INNER_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocols, Teredo among them
        "2001:db8::/32", "3fff::/20",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in another coat
        "2620:4f:8000::/48",
    )
)  # fmt: skip

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")


def is_public(address: str, allowed: Collection[Network] = (), ours: Collection[Network] = ()) -> bool:
    """Whether an address is one of the public internet, and none of ours.

    Args:
        address: as a resolver gives it.
        allowed: networks that count as public all the same (tests' own).
        ours: the service's own networks.
    """
    try:
        known = ip_address(address)
    except ValueError:
        return False
    if any(_within(known, network) for network in allowed):
        return True
    if any(_within(known, network) for network in ours):
        return False
    if isinstance(known, IPv4Address):
        return not any(known in network for network in INNER_4)
    return known.scope_id is None and known in GLOBAL_6 and not any(known in network for network in INNER_6)


def is_odd_spelling(host: str) -> bool:
    """Whether a host is an IPv4 address in another spelling than its usual one: octal, hexadecimal, short.

    What ends in a number is an address to browsers and libraries (WHATWG URL), and no name.
    """
    last = host.rstrip(".").rpartition(".")[2]
    if _NUMBER.fullmatch(last) is None:
        return False
    try:
        return str(IPv4Address(host)) != host
    except ValueError:
        return True


def networks(texts: Collection[str]) -> tuple[Network, ...]:
    """Networks as settings name them.

    Raises:
        ValueError: one is none.
    """
    return tuple(ip_network(text) for text in texts)


def _within(address: Address, network: Network) -> bool:
    """Whether an address lies in a network of its own kind."""
    return address.version == network.version and address in network
