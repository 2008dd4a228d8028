"""The processes of the embedded default, and how one sees that they are ready."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from deployments.runtime.environment import ROOT, Places, address_of, for_processes, for_server, python
from deployments.runtime.processes import Processes, wait_until
from hosting.errors import ServiceError
from hosting.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hosting.settings import Settings

PACKAGES = ("hosting", "blocks", "tasks", "flows", "deployments")
START_SECONDS = 180.0
"""Ten on an idle machine of two cores; a busy one takes its time."""

ANSWER_SECONDS = 2.0
PREFECT_APPLICATION = "deployments.runtime.prefect_server:create_app"
PREFECT, RECEIVER, WARM_PARENT, WORKER, PROBER = "prefect", "receiver", "warm-parent", "worker", "prober"


class PortTaken(ServiceError):
    """Another program listens where one of ours should."""


class NotReady(ServiceError):
    """A process ended at its start, or is not ready in time."""


@dataclass(frozen=True)
class Service:
    """One process.

    Args:
        name: of its record and its log.
        title: what people call it.
        command: how it is started.
        environment: what it is started with.
        ready: whether it does its work.
        address: where it listens, if it does.
        entry: the setting by which another port is chosen.
        page: where people look at it.
    """

    name: str
    title: str
    command: list[str]
    environment: Mapping[str, str]
    ready: Callable[[], bool]
    address: tuple[str, int] | None = None
    entry: str = ""
    page: str = ""


def services(settings: Settings, at: Places) -> dict[str, Service]:
    """The processes for these settings, by name."""
    common = for_processes(settings, at)
    web = (settings.web.bind_host, settings.web.bind_port)
    api, shop = settings.prefect_api_url, f"http://{web[0]}:{web[1]}"
    address = address_of(settings)
    found = (
        Service(
            PREFECT,
            "Prefect server",
            prefect_command(*address),
            for_server(settings, at),
            lambda: answers(f"{api}/health"),
            address,
            "prefect_api_url",
            api.removesuffix("/api"),
        ),
        Service(
            RECEIVER,
            "Receiver",
            python("-m", "deployments.web.serve"),
            common,
            lambda: answers(f"{shop}/health"),
            web,
            "web.bind_port",
            settings.web.public_url,
        ),
        Service(WORKER, "Worker", python("-m", "deployments.runtime.worker"), common, lambda: True),
        Service(
            WARM_PARENT,
            "Warm parent",
            python("-m", "deployments.runtime.warm_parent", str(at.socket)),
            common,
            at.socket.exists,
        ),
        Service(PROBER, "Prober", python("-m", "deployments.runtime.prober"), common, lambda: True),
    )
    return {service.name: service for service in found}


def prefect_command(host: str, port: int) -> list[str]:
    """How the Prefect server is started; as `prefect server start --background` does, but for the application."""
    uvicorn = ("-m", "uvicorn", "--factory", PREFECT_APPLICATION, "--log-level", "warning")
    return python(*uvicorn, "--host", host, "--port", str(port))


def answers(url: str) -> bool:
    """Whether a page answers with 200; only loopback is asked, past any proxy."""
    try:
        return httpx.get(url, timeout=ANSWER_SECONDS, trust_env=False).is_success
    except httpx.TransportError:
        return False


def check_port(service: Service) -> None:
    """See that nobody else listens where the service is to.

    Raises:
        PortTaken: somebody does, or the address is not this machine's.
    """
    if service.address is None:
        return
    try:
        with socket.create_server(service.address):
            return
    except OSError as error:
        host, port = service.address
        message = f"{service.title} can't listen on {host}:{port}: {os.strerror(error.errno or 0)}."
        do = f"End the program that does, or set another {service.entry} in {SETTINGS_FILE}."
        raise PortTaken(message, do) from error


def wait_ready(service: Service, processes: Processes, seconds: float = START_SECONDS) -> None:
    """Wait until a service does its work.

    Raises:
        NotReady: it ended, or the time is up; with its last words.
    """
    deadline = time.monotonic() + seconds
    log = processes.log_of(service.name)
    while not service.ready():
        if processes.find(service.name) is None:
            said = processes.last_words(service.name) or "it said nothing"
            raise NotReady(f"{service.title} ended at its start: {said}", f"Look at {log}, then run phm up.")
        if not wait_until(deadline):
            message = f"{service.title} was not ready after {seconds:.0f} s."
            raise NotReady(message, f"Look at {log}, then run phm up again.")


def edition_of(service: Service, at: Places) -> str:
    """What a process is started from, so that `phm up` renews one that is older than the settings or the programs.

    The Prefect server is Prefect's own program but for one module: that and its settings count.
    """
    if service.name == PREFECT:
        told = sorted(item for item in service.environment.items() if item[0].startswith("PREFECT"))
        module = ROOT.joinpath(*PREFECT_APPLICATION.partition(":")[0].split(".")).with_suffix(".py")
        return hashlib.sha256(repr(told).encode() + module.read_bytes()).hexdigest()
    digest = hashlib.sha256((at.home / SETTINGS_FILE).read_bytes())
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.*")):
            if "__pycache__" not in file.parts:
                state = file.stat()
                digest.update(f"{file}:{state.st_size}:{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()
