"""The fleet's plan: who is there, at which address, on disks of which size."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Literal

from fleet.errors import UnknownName

CHECKOUT = Path(__file__).resolve().parent.parent
"""The root of the working copy that this code runs from: the owner of what it starts."""

CACHE = Path("/var/cache/phm-fleet")
"""Base images by hash; shared by all checkouts of the machine."""

DEFAULT_HOME = Path("/var/lib/phm-fleet")
"""Where the machine's one fleet lives unless PHM_FLEET_HOME says otherwise."""

SUBNET = IPv4Network("10.77.0.0/24")
"""The fleet's addresses; no packet for one of them leaves the machine."""

FileSystem = Literal["btrfs", "ext4"]


@dataclass(frozen=True)
class HostPlan:
    """One application server: an empty Debian system with an address of its own.

    Args:
        name: short name; also the name of its machine, its folder and its DNS record.
        number: makes the names of its namespace (`fh1`) and of its link (`vfl1`).
        address: its only address.
        srv: file system of `/srv`; ext4 is a server without subvolumes and limits.
        srv_gib: size of the image behind `/srv`; a full disk is really full.
        mysql_gib: size of the image behind `/var/lib/mysql`.
        default: whether `up` starts it unless told which hosts to start.
    """

    name: str
    number: int
    address: IPv4Address
    srv: FileSystem = "btrfs"
    srv_gib: int = 4
    mysql_gib: int = 3
    default: bool = True

    @property
    def namespace(self) -> str:
        """Name of its network namespace."""
        return f"fh{self.number}"

    @property
    def link(self) -> str:
        """Name of its cable's end at the bridge; the other end is its `eth0`."""
        return f"vfl{self.number}"


@dataclass(frozen=True)
class StorePlan:
    """The object store (SeaweedFS): ports, and the bucket that is there from the start."""

    https_port: int = 19003
    http_port: int = 19002
    master_port: int = 19333
    volume_port: int = 19080
    filer_port: int = 19888
    bucket: str = "phm-backups"
    region: str = "us-east-1"


@dataclass(frozen=True)
class Plan:
    """Everything that is fixed before the fleet starts (FLEET.md II.1, II.2, II.7, II.8)."""

    zone: str = "phlymail.test"
    subnet: IPv4Network = SUBNET
    bridge: str = "br-fleet"
    gateway: IPv4Address = SUBNET[1]
    dns_port: int = 53
    smtp_port: int = 25
    sink_port: int = 8025
    store: StorePlan = field(default_factory=StorePlan)
    hosts: tuple[HostPlan, ...] = (
        HostPlan("app1", 1, SUBNET[11]),
        HostPlan("app2", 2, SUBNET[12]),
        HostPlan("app3", 3, SUBNET[13], srv="ext4", default=False),
        HostPlan("app4", 4, SUBNET[14], default=False),
        HostPlan("app5", 5, SUBNET[15], default=False),
        HostPlan("app6", 6, SUBNET[16], default=False),
        HostPlan("app7", 7, SUBNET[17], default=False),
        HostPlan("app8", 8, SUBNET[18], default=False),
        HostPlan("app9", 9, SUBNET[19], srv="ext4", default=False),
        HostPlan("app10", 10, SUBNET[20], srv="ext4", default=False),
        HostPlan("app11", 11, SUBNET[21], default=False),
        HostPlan("app12", 12, SUBNET[22], default=False),
        HostPlan("app13", 13, SUBNET[23], default=False),
        HostPlan("app14", 14, SUBNET[24], default=False),
        HostPlan("app15", 15, SUBNET[25], srv="ext4", default=False),
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all hosts, started or not."""
        return tuple(host.name for host in self.hosts)

    def host(self, name: str) -> HostPlan:
        """The host of that name.

        Raises:
            UnknownName: there is none.
        """
        for host in self.hosts:
            if host.name == name:
                return host
        known = ", ".join(self.names)
        raise UnknownName(f"The fleet has no host named {name!r}.", f"Choose one of {known}.")

    def chosen(self, names: tuple[str, ...] = ()) -> tuple[HostPlan, ...]:
        """The named hosts, or those that start by default."""
        if names:
            return tuple(self.host(name) for name in names)
        return tuple(host for host in self.hosts if host.default)

    def with_sizes(self, *, srv_gib: int, mysql_gib: int) -> Plan:
        """The same plan with disks of another size (in GiB; disks that exist keep theirs)."""
        hosts = tuple(replace(host, srv_gib=srv_gib, mysql_gib=mysql_gib) for host in self.hosts)
        return replace(self, hosts=hosts)


def home() -> Path:
    """The folder of the machine's fleet."""
    return Path(os.environ.get("PHM_FLEET_HOME") or DEFAULT_HOME)
