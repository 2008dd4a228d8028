"""What each server does with a request for an instance: asked over HTTPS, at its own address and under its own name.

A request says how often it may still be handed on (`Max-Forwards`, RFC 9110, section 7.6.2), and Apache hands it to PHP
as it would to another server. So a request that may be handed on once is answered by the product only where the server
serves the instance itself; what is passed on may be handed on twice.
"""

from __future__ import annotations

import threading
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

import httpx

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.product.proof import HEALTH
from tasks.probes import url_of

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, ServerFacts
    from tests.service_fixture import Service

SECONDS, QUICK_SECONDS = 6.0, 2.0
EVERY_SECONDS = 0.1
ITSELF, BY_ANOTHER = 1, 2
SILENT = 0
REFUSING = frozenset({
    SILENT, HTTPStatus.NOT_FOUND, HTTPStatus.MISDIRECTED_REQUEST, HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT,
})  # fmt: skip


class Door(StrEnum):
    """What a server does with who comes to it."""

    SERVES = "serves"
    PASSES_ON = "passes on"
    REFUSES = "refuses"


def doors(service: Service, instance: InstanceFacts) -> dict[str, Door]:
    """The door of each host; who is cut off from it is refused."""
    return {host: _door(service.server(host), instance) for host in service.hosts}


def _door(server: ServerFacts, instance: InstanceFacts) -> Door:
    """What one server does with a request."""
    if serves(server, instance):
        return Door.SERVES
    said = _said(server, instance, BY_ANOTHER, SECONDS)
    assert said in {HTTPStatus.UNAUTHORIZED, *REFUSING}, f"{server.name} says {said}"
    return Door.PASSES_ON if said == HTTPStatus.UNAUTHORIZED else Door.REFUSES


def serves(server: ServerFacts, instance: InstanceFacts, seconds: float = SECONDS) -> bool:
    """Whether a server serves an instance itself."""
    return _said(server, instance, ITSELF, seconds) == HTTPStatus.UNAUTHORIZED


def _said(server: ServerFacts, instance: InstanceFacts, forwards: int, seconds: float) -> int:
    """The status of one request by a new connection, as a new visitor's."""
    url = httpx.URL(url_of(server, instance) + HEALTH)
    headers = {"Host": server.host_name, "Max-Forwards": str(forwards), "Connection": "close"}
    with httpx.Client(verify=load(ServiceSettings).trust, trust_env=False, timeout=seconds) as client:
        try:
            return client.get(
                url.copy_with(host=server.address), headers=headers, extensions={"sni_hostname": server.host_name}
            ).status_code
        except httpx.HTTPError:
            return SILENT


class DoorsWatched:
    """While it lasts all doors of an instance are looked at, over and over: never two of them serve it."""

    def __init__(self, service: Service, instance: InstanceFacts, every: float = EVERY_SECONDS) -> None:
        self.instance, self.every = instance, every
        self.servers = [service.server(host) for host in service.hosts]
        self.looks = 0
        self.both: list[list[str]] = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()

    def _look(self) -> None:
        """Who was found first is asked again: he did at that moment, too, who serves before and after another."""
        while not self.ended.wait(self.every):
            found = [one for one in self.servers if serves(one, self.instance, QUICK_SECONDS)]
            self.looks += 1
            if len(found) > 1 and serves(found[0], self.instance, QUICK_SECONDS):
                self.both.append([one.name for one in found])
