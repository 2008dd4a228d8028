"""The application servers: made empty, started, killed, stopped, made anew."""

from __future__ import annotations

import signal
import sys
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet import container, disks, keys, network, processes, ssh, state
from fleet.errors import FleetError
from fleet.shell import wait_until

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fleet.disks import Disks
    from fleet.places import Places
    from fleet.plan import HostPlan, Plan

READY_SECONDS = 60
STOP_SECONDS = 30
KILLED_SECONDS = 10
FINE = ("running", "degraded")


@dataclass(frozen=True)
class Hosts:
    """All servers of one fleet.

    Args:
        plan: the fleet's.
        places: where its files lie.
        base: name of the image that new disks lie on.
    """

    plan: Plan
    places: Places
    base: str

    def disks(self, host: HostPlan) -> Disks:
        """The host's disks, over the image they were made on."""
        made_on = state.read(self.places.home).bases.get(host.name, self.base)
        return self.places.disks(host.name, made_on)

    def running(self, host: HostPlan) -> bool:
        """Whether the host's container runs."""
        return host.name in state.read(self.places.home).alive()

    def made(self, host: HostPlan) -> bool:
        """Whether the host has disks, and the image they lie on is there."""
        base = state.read(self.places.home).bases.get(host.name)
        return base is not None and (self.places.bases / base).exists()

    def all_made(self) -> tuple[HostPlan, ...]:
        """The hosts that have disks."""
        return tuple(host for host in self.plan.hosts if self.made(host))

    def outdated(self, host: HostPlan) -> bool:
        """Whether the host's disks lie on another image than the one this code asks for."""
        return state.read(self.places.home).bases.get(host.name, self.base) != self.base

    def alone(self, host: HostPlan) -> AbstractContextManager[None]:
        """Hold the lock of commands that start or stop this host."""
        return state.locked(self.places.home, f"{host.name}.lock")

    def start(self, host: HostPlan) -> None:
        """Start a host; its disks are kept, or made where there are none."""
        with self.alone(host):
            self.ensure_started(host)

    def ensure_started(self, host: HostPlan) -> None:
        """Start a host that does not run; the caller holds its lock."""
        if self.running(host):
            network.heal(host)
            return
        self.clear_orphan(host)
        if not self.made(host):
            self.make(host)
        network.ensure_cable(self.plan, host)
        disks.mount(self.disks(host))
        self.supervise(host)

    def supervise(self, host: HostPlan) -> None:
        """Start the process that runs the host, and write it down before anything else can happen."""
        argv = [sys.executable, "-m", "fleet.supervisor", str(self.places.home), host.name]
        with state.changing(self.places.home) as now:
            now.processes[host.name] = processes.start(argv, log=self.places.logs / f"{host.name}.log")

    def clear_orphan(self, host: HostPlan) -> None:
        """End a container whose supervisor is gone: it would still answer, under nobody's control."""
        orphan = state.read(self.places.home).alive().get(f"{host.name}:leader")
        if orphan:
            processes.kill(orphan)

    def make(self, host: HostPlan) -> None:
        """Fresh disks with an empty server on them; recorded when they are complete."""
        with state.changing(self.places.home) as now:
            now.bases.pop(host.name, None)
        made = self.places.disks(host.name, self.base)
        disks.remove(made)
        disks.create(made, srv=host.srv, srv_gib=host.srv_gib, mysql_gib=host.mysql_gib)
        self.give_identity(host, made.root)
        with state.changing(self.places.home) as now:
            now.bases[host.name] = self.base

    def give_identity(self, host: HostPlan, root: Path) -> None:
        """What makes this server itself: name, id, keys, who may enter, whom it asks for names."""
        fqdn = f"{host.name}.{self.plan.zone}"
        etc = root / "etc"
        (etc / "hostname").write_text(f"{host.name}\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n{host.address} {fqdn} {host.name}\n")
        (etc / "resolv.conf").write_text(
            f"search {self.plan.zone}\nnameserver {self.plan.gateway}\noptions timeout:1\n"
        )
        (etc / "machine-id").write_text(f"{uuid.uuid4().hex}\n")
        keys.make_host_keys(etc / "ssh", fqdn)
        entry = root / "root/.ssh/authorized_keys"
        entry.parent.mkdir(mode=0o700, exist_ok=True)
        entry.write_text(f"{keys.public_line(self.places.operator_key)}\n")
        entry.chmod(0o600)

    def host_key(self, host: HostPlan) -> str:
        """The key by which the host is known."""
        return keys.host_key(self.places.hosts / host.name / "changes/etc/ssh")

    def wait_ready(self, host: HostPlan) -> None:
        """Wait until the host has booted and lets the operator in.

        Raises:
            FleetError: it does not come up.
        """
        up = wait_until(lambda: ssh.answers(host) or not self.running(host), seconds=READY_SECONDS)
        log = self.places.logs / f"{host.name}.log"
        if not up or not self.running(host):
            raise FleetError(f"{host.name} does not start.", f"See {log}.")
        booted = ssh.on(self.places, host, "systemctl is-system-running --wait", seconds=READY_SECONDS)
        if booted.stdout.strip() not in FINE:
            said = (booted.stdout + booted.stderr).strip()
            raise FleetError(f"{host.name} does not finish its start: {said}.", f"See {log}.")

    def kill(self, host: HostPlan) -> None:
        """Pull the plug: the host's first process dies, and all others with it.

        Raises:
            FleetError: it does not run, or its remains do not go.
        """
        with self.alone(host):
            self.crash(host)

    def crash(self, host: HostPlan) -> None:
        """The same; the caller holds the host's lock."""
        alive = state.read(self.places.home).alive()
        leader, supervisor = alive.get(f"{host.name}:leader"), alive.get(host.name)
        if not leader:
            raise FleetError(f"{host.name} is not running.", f"Start it with `phm fleet start {host.name}`.")
        processes.send(leader, signal.SIGKILL)
        if supervisor and not wait_until(lambda: processes.ended(supervisor), seconds=KILLED_SECONDS):
            raise FleetError(f"{host.name} is dead but its supervisor stays.", "Try `phm fleet down`.")

    def stop(self, host: HostPlan) -> None:
        """Power the host off, in good order if it does so in time."""
        with self.alone(host):
            alive = state.read(self.places.home).alive()
            if supervisor := alive.get(host.name):
                processes.stop(supervisor, seconds=STOP_SECONDS)
            self.clear_orphan(host)

    def clear(self, host: HostPlan) -> None:
        """Take away what a stopped host leaves in the kernel: mounts, network, control groups."""
        disks.unmount_below(self.places.hosts / host.name)
        network.remove_cable(host)
        container.remove_groups(host.name)

    def reset(self, host: HostPlan) -> None:
        """A fresh server in the place of the old one: empty disks, new host keys; started."""
        with self.alone(host):
            if self.running(host):
                self.crash(host)
            self.clear_orphan(host)
            self.make(host)
            self.ensure_started(host)
