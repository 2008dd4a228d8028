"""Names of instances on the fleet: ordered, run, and asked for over and over while something goes on."""

from __future__ import annotations

import ssl
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

from blocks.dns_zone import DnsZone
from blocks.loading import load
from blocks.service_settings import ServiceSettings
from blocks.web_probe import web_probe
from hosting.errors import ServiceError
from hosting.inventory import names
from hosting.product.proof import HEALTH
from tasks.probes import url_of
from tests.service.plans import Plan

if TYPE_CHECKING:
    import httpx

    from hosting.policy.values import InstanceFacts, NameFacts
    from tests.service.plans import Fault, Outcome
    from tests.service_fixture import Service

ASSIGN, RELEASE = "flows.assign_subdomain.assign_subdomain", "flows.assign_subdomain.release_subdomain"
EVERY_SECONDS = 0.05


def own(service: Service, word: str) -> str:
    """A name as it is ordered, of this session alone: the fleet's sessions share one zone."""
    return f"{word}-{service.prefix.lower()}"


def assign(service: Service, instance: InstanceFacts, name: str, fault: Fault | None = None, **more: Any) -> Outcome:
    """The run that an operator starts who approves a name."""
    return _run(service, ASSIGN, instance, name, fault, **more)


def release(service: Service, instance: InstanceFacts, name: str, fault: Fault | None = None, **more: Any) -> Outcome:
    """The run that takes a name away."""
    return _run(service, RELEASE, instance, name, fault, **more)


def _run(service: Service, flow: str, instance: InstanceFacts, name: str, fault: Fault | None, **more: Any) -> Outcome:
    request = {"instance": instance.name, "name": name, "operator": "olga", "reason": "by mail"}
    return service.runner.run(Plan(flow=flow, parameters=request, fault=fault, **more))


def held(service: Service, instance: InstanceFacts) -> dict[str, str]:
    """The names that an instance has, and their states."""
    with service.inventory.reading() as session:
        return {one.a_label: one.state.value for one in names.names_of(session, instance.name)}


def last(service: Service, a_label: str) -> NameFacts:
    """The newest row of a name."""
    with service.inventory.reading() as session:
        return max((one for one in names.all_names(session) if one.a_label == a_label), key=lambda one: one.id)


def in_zone(a_label: str) -> list[str]:
    """What the zone's name server says of a name."""
    return sorted(map(str, load(DnsZone).records(a_label)))


def files(service: Service, host: str = "") -> list[str]:
    """The files of names on a host, and whatever else lies beside them."""
    return service.on("ls -A /etc/apache2/phm/names", host).split()


def answer(host: str, address: str, scheme: str = "https") -> httpx.Response:
    """What a server answers who asks it for a name, whatever the zone says."""
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with web_probe(anybody, (), {host: address}) as web:
        return web.ask("GET", f"{scheme}://{host}/")


def url(service: Service, instance: InstanceFacts) -> str:
    """The long form."""
    return url_of(service.server(instance.server_name), instance)


class Asked:
    """Addresses that are asked over and over while this lasts; each a new connection, as a new visitor's.

    Args:
        urls: the addresses.
        known: where the DNS of those who ask leads, by name; for all others the service's resolvers are asked.
    """

    def __init__(self, *urls: str, known: dict[str, str] | None = None) -> None:
        self.known = known
        self.seen: dict[str, list[tuple[float, str]]] = {one: [] for one in urls}
        self.took: dict[str, list[float]] = {one: [] for one in urls}
        self.ended = threading.Event()
        self.broken: Exception | None = None
        self.thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.ended.set()
        self.thread.join()
        if self.broken is not None:  # what was not asked proves nothing
            raise self.broken
        if kind is None:
            unasked = [one for one, seen in self.seen.items() if not seen]
            assert not unasked, f"nobody asked for {unasked}"

    def _ask(self) -> None:
        """Ask until the end; an error that is no answer is kept for who waits."""
        try:
            self._go_on_asking()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is raised where the asking ends
            self.broken = error

    def _go_on_asking(self) -> None:
        settings = load(ServiceSettings)
        while not self.ended.wait(EVERY_SECONDS):
            for one, seen in self.seen.items():
                at = time.monotonic()
                try:
                    with web_probe(settings.trust, tuple(settings.resolvers), self.known) as web:
                        said = str(web.ask("GET", one + HEALTH).status_code)
                except ServiceError as error:
                    said = str(error)
                seen.append((at, said))
                self.took[one].append(time.monotonic() - at)

    def goes_on(self, one: str, seconds: float = 30) -> bool:
        """Whether an address answers as a healthy instance does to who asks from now on; it is waited for."""
        since, deadline = time.monotonic(), time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.broken is not None:
                return False
            if any(at > since and said == "401" for at, said in self.seen[one][-20:]):
                return True
            time.sleep(EVERY_SECONDS)
        return False

    def failures(self, one: str) -> list[str]:
        """What an address answered else than a healthy instance does."""
        return [said for _, said in self.seen[one] if said != "401"]

    def slowest(self, one: str) -> float:
        """The seconds that somebody waited longest for an answer of an address."""
        return max(self.took[one])

    def longest(self, one: str) -> float:
        """The longest time between two good answers of an address: how long nobody was served."""
        good = [at for at, said in self.seen[one] if said == "401"]
        return max((after - before for before, after in pairwise(good)), default=0.0)

    def first_good(self, one: str) -> float:
        """When an address answered first as a healthy instance does."""
        return next(at for at, said in self.seen[one] if said == "401")

    def last_good(self, one: str) -> float:
        """When it did so last."""
        return max(at for at, said in self.seen[one] if said == "401")
