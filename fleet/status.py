"""What the fleet is doing now, as values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from fleet import disks, network, state

if TYPE_CHECKING:
    from fleet.hosts import Hosts
    from fleet.service import Service

HostCondition = Literal["running", "cut", "stopped", "absent"]


@dataclass(frozen=True)
class HostStatus:
    """One server.

    Args:
        name: its name.
        address: its address.
        condition: running; running but cut from the network; stopped with disks; or never made.
        leader: id of its first process on this machine, where it runs.
        free_mib: room on the image of each path.
        usual: whether it belongs to the fleet unless told otherwise.
    """

    name: str
    address: str
    condition: HostCondition
    leader: int | None
    free_mib: dict[str, int]
    usual: bool


@dataclass(frozen=True)
class ServiceStatus:
    """One of the fleet's own services."""

    name: str
    address: str
    running: bool
    pid: int | None


@dataclass(frozen=True)
class FleetStatus:
    """The whole fleet.

    Args:
        owner: the checkout that started it; empty where none did.
        home: where its files lie.
        hosts: the servers.
        services: the services.
    """

    owner: str
    home: str
    hosts: tuple[HostStatus, ...]
    services: tuple[ServiceStatus, ...]

    @property
    def up(self) -> bool:
        """Whether every service runs, and every usual server."""
        usual = [host.condition for host in self.hosts if host.usual]
        return set(usual) == {"running"} and all(service.running for service in self.services)

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        return {"up": self.up, **asdict(self)}


def read(hosts: Hosts, services: tuple[Service, ...]) -> FleetStatus:
    """Look at everything; starts and changes nothing."""
    now = state.read(hosts.places.home)
    alive = now.alive()
    seen = []
    for host in hosts.plan.hosts:
        leader = alive.get(f"{host.name}:leader")
        condition: HostCondition = "stopped" if host.name in now.bases else "absent"
        if host.name in alive:
            condition = "cut" if network.is_cut(host) else "running"
        own = hosts.disks(host)
        room = {path: disks.free_bytes(folder) // disks.MIB for path, folder in disks.mounted(own).items()}
        seen.append(
            HostStatus(host.name, str(host.address), condition, leader.pid if leader else None, room, host.default)
        )
    found = tuple(
        ServiceStatus(
            name=service.name,
            address=f"{service.plan.gateway}:{service.port}",
            running=service.name in alive,
            pid=alive[service.name].pid if service.name in alive else None,
        )
        for service in services
    )
    return FleetStatus(now.owner, str(hosts.places.home), tuple(seen), found)
