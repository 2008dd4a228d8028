"""The local fleet as one object: `Fleet().up()`, and everything that can be done to it (DESIGN.md section 1)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from fleet import claim, description, disks, image, keys, mailbox, network, requirements, ssh, state, status
from fleet.errors import FleetError
from fleet.hosts import Hosts
from fleet.places import Places
from fleet.plan import CACHE, HostPlan, Plan, home
from fleet.sink import MailSink
from fleet.store import ObjectStore
from fleet.zone import NameServer

if TYPE_CHECKING:
    import subprocess
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fleet.mailbox import Mail
    from fleet.service import Service
    from fleet.status import FleetStatus

Progress = Callable[[str], None]


def silent(_message: str) -> None:
    """Tell nobody."""


class Fleet:
    """The machine's one fleet of real servers.

    Args:
        plan: who is there; the usual one by default.
        root: where its files lie; PHM_FLEET_HOME or the usual place by default.
        cache: where packed base images lie.
    """

    def __init__(self, plan: Plan | None = None, root: Path | None = None, cache: Path = CACHE) -> None:
        """Look at nothing yet."""
        self.plan = plan or Plan()
        self.places = Places(root or home())
        self.cache = cache
        self.hosts = Hosts(self.plan, self.places, image.key())
        self.zone = NameServer(self.plan, self.places)
        others = (ObjectStore(self.plan, self.places), MailSink(self.plan, self.places))
        self.services: tuple[Service, ...] = (self.zone, *others)

    def up(self, progress: Progress = silent, *, replace: bool = False, names: tuple[str, ...] = ()) -> dict[str, Any]:
        """Start what does not run; returns the description of `fleet.json`. At once where all runs already.

        Args:
            progress: told each step in a few words.
            replace: take a running fleet of another checkout over.
            names: the hosts to start, and to put on the network again; the usual ones by default. Others stay as they
                are: somebody may have cut them off on purpose.

        Raises:
            CannotRunHere: the machine lacks something.
            FleetTaken: another checkout's fleet runs.
            FleetError: something does not start.
        """
        requirements.need_root()
        chosen = self.plan.chosen(names)
        with self.alone():
            if installed := requirements.ensure():
                progress(f"installed {' '.join(installed)}")
            running = claim.ensure(self.plan, self.places.home, replace=replace)
            wanted = [*chosen, *(host for host in self.plan.hosts if self.hosts.running(host) and host not in chosen)]
            self.prepare()
            if running and self.complete(chosen):
                progress("runs already")
            else:
                self.start_all(chosen, progress)
            if added := self.zone.ensure_hosts():
                progress(f"the zone lacked {', '.join(added)}")
            for host in filter(self.hosts.outdated, wanted):
                progress(f"{host.name} lies on an older image; `phm fleet reset {host.name}` makes it anew")
            return description.publish(self.hosts)

    def prepare(self) -> None:
        """What is there before anything runs: keys, certificates, network."""
        network.ensure_bridge(self.plan)
        keys.ensure_operator_key(self.places.operator_key)
        description.ensure_secrets(self.places.secrets, self.plan.names)
        description.ensure_certificates(self.plan, self.places)

    def ensure_image(self, chosen: Iterable[HostPlan], progress: Progress = silent) -> None:
        """The base image, if a host's disks are to be made."""
        if all(self.hosts.made(host) for host in chosen):
            return
        if not image.archive(self.cache).exists():
            progress("building the base image (a minute or two, once)")
        elif not (self.places.bases / image.key()).exists():
            progress("unpacking the base image")
        self.renew_image()

    def start_all(self, chosen: Iterable[HostPlan], progress: Progress) -> None:
        """Start services and hosts side by side and wait for all."""
        begun = time.monotonic()

        def serve(service: Service) -> None:
            if service.running() and not service.outdated():
                with contextlib.suppress(FleetError):
                    service.wait_ready()  # a busy one is not dead: a second one would find its ports taken
                    return
            service.stop()
            service.start()
            service.wait_ready()
            progress(f"{service.name} serves after {time.monotonic() - begun:.1f} s")

        def boot(host: HostPlan) -> None:
            self.hosts.start(host)
            description.pin(self.hosts)
            self.hosts.wait_ready(host)
            progress(f"{host.name} runs after {time.monotonic() - begun:.1f} s")

        with ThreadPoolExecutor() as pool:
            work = [pool.submit(serve, service) for service in self.services]
            self.ensure_image(chosen, progress)
            work += [pool.submit(boot, host) for host in chosen]
        for one in work:
            one.result()
        image.drop_unused(self.places.bases, set(state.read(self.places.home).bases.values()))

    def complete(self, chosen: Sequence[HostPlan]) -> bool:
        """Whether all of it runs, answers and is on the network."""
        for host in chosen:
            if not self.hosts.running(host):
                return False
            network.heal(host)
        if not all(ssh.answers(host) for host in chosen):
            return False
        return all(service.running() and service.answers() and not service.outdated() for service in self.services)

    def down(self) -> None:
        """Power everything off, in good order; disks, mails and stored objects stay.

        Raises:
            FleetTaken: the fleet belongs to another checkout and runs.
        """
        requirements.need_root()
        with self.alone():
            claim.ensure(self.plan, self.places.home)
            with ThreadPoolExecutor() as pool:
                work = [pool.submit(self.hosts.stop, host) for host in self.plan.hosts]
                work += [pool.submit(service.stop) for service in self.services]
            for one in work:
                one.result()
            claim.clear_remains(self.plan, self.places.home)
            with state.changing(self.places.home) as now:
                now.forget_dead()

    def status(self) -> FleetStatus:
        """What runs."""
        return status.read(self.hosts, self.services)

    def reset(self, name: str | None = None) -> None:
        """Fresh servers: empty disks, new host keys. Without a name, an empty store, zone and mailbox too.

        Raises:
            FleetError: the fleet is not up, or something does not start again.
        """
        self.need_ours()
        with self.alone():
            chosen = (self.plan.host(name),) if name else self.hosts.all_made()
            self.renew_image()
            with ThreadPoolExecutor() as pool:
                work = [pool.submit(self.hosts.reset, host) for host in chosen]
                work += [] if name else [pool.submit(self.renew, service) for service in self.services]
            for one in work:
                one.result()
            description.pin(self.hosts)
            for host in chosen:
                self.hosts.wait_ready(host)
            description.publish(self.hosts)

    def renew_image(self) -> None:
        """The image that new disks lie on."""
        image.ensure_archive(self.cache)
        image.ensure_unpacked(self.cache, self.places.bases)

    @staticmethod
    def renew(service: Service) -> None:
        """A service that remembers nothing."""
        service.stop()
        service.forget()
        service.start()
        service.wait_ready()

    def cut(self, name: str) -> None:
        """Take a host off the network; what it runs goes on."""
        host = self.plan.host(name)
        self.need_ours()
        network.cut(self.running(host))

    def heal(self, name: str) -> None:
        """Put a host back on the network."""
        host = self.plan.host(name)
        self.need_ours()
        network.heal(self.running(host))

    def kill(self, name: str) -> None:
        """Let a host or a service crash (`dns`, `s3`, `smtp`)."""
        one = self.named(name)
        self.need_ours()
        if isinstance(one, HostPlan):
            self.hosts.kill(one)
        else:
            one.stop(at_once=True)

    def stop(self, name: str) -> None:
        """Power a host off, or stop a service, in good order."""
        one = self.named(name)
        self.need_ours()
        if isinstance(one, HostPlan):
            self.hosts.stop(one)
        else:
            one.stop()

    def start(self, name: str) -> None:
        """Start a host or a service again, and wait for it.

        Raises:
            FleetError: the fleet is not up, or it does not start.
        """
        one = self.named(name)
        self.need_ours()
        if isinstance(one, HostPlan):
            self.ensure_image([one])
            self.hosts.start(one)
            description.pin(self.hosts)
            self.hosts.wait_ready(one)
            description.publish(self.hosts)
        else:
            one.start()
            one.wait_ready()

    def fill(self, name: str, path: str, leave_mib: int = 0) -> int:
        """Fill the disk below `/srv` or `/var/lib/mysql` of a host, but for some MiB; returns the ballast's bytes."""
        host = self.plan.host(name)
        self.need_ours()
        return disks.fill(self.hosts.disks(host), path, leave_mib=leave_mib)

    def free(self, name: str, path: str) -> None:
        """Take the ballast off again."""
        host = self.plan.host(name)
        self.need_ours()
        disks.free(self.hosts.disks(host), path)

    def run(
        self, name: str, command: str, *, seconds: float = 60, text_in: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a host as root, by SSH with its key pinned."""
        return ssh.on(self.places, self.plan.host(name), command, seconds=seconds, text_in=text_in)

    def mails(self, to: str | None = None) -> list[Mail]:
        """The mails that arrived, the oldest first; only those to one address, if named."""
        return mailbox.read_all(self.places.mails, to)

    def clear_mails(self) -> None:
        """Throw all mails away."""
        mailbox.clear(self.places.mails)

    def description(self) -> dict[str, Any]:
        """The content of `fleet.json`.

        Raises:
            FleetError: the fleet was never started.
        """
        return description.read(self.places)

    def named(self, name: str) -> HostPlan | Service:
        """The host or the service of that name.

        Raises:
            UnknownName: neither is called so.
        """
        return next((service for service in self.services if service.name == name), None) or self.plan.host(name)

    def running(self, host: HostPlan) -> HostPlan:
        """The host itself, if it runs.

        Raises:
            FleetError: it does not.
        """
        if not self.hosts.running(host):
            raise FleetError(f"{host.name} is not running.", f"Start it with `phm fleet start {host.name}`.")
        return host

    def need_ours(self) -> None:
        """See that the fleet was started, and by this checkout.

        Raises:
            FleetError: it was not.
            FleetTaken: another checkout started it.
        """
        requirements.need_root()
        claim.refuse_another(self.places.home)
        if not network.exists(self.plan.bridge):
            raise FleetError("The fleet is not up.", "Start it with `phm fleet up`.")

    def alone(self) -> AbstractContextManager[None]:
        """Hold the lock of commands that change the whole fleet."""
        return state.locked(self.places.home, "fleet.lock")
