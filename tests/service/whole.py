"""What the session's service lacks to be whole: deployments, worker, warm parent, receiver; all of them real."""

from __future__ import annotations

import contextlib
import os
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_HOME, temporary_settings

from deployments.apply import apply
from deployments.runtime import pool
from deployments.runtime.environment import Places, api_login
from deployments.runtime.processes import Processes
from deployments.runtime.services import RECEIVER, WARM_PARENT, WORKER, services, wait_ready
from fleet.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service_fixture import Service


def worker_dies(service: Service) -> None:
    """The worker and all runs at work end from one moment to the next, as in a power cut; then what `phm up` does."""
    at = Places(service.home)
    processes, parts = Processes(at.run, at.log), services(service.settings, at)
    for name in (WORKER, WARM_PARENT):
        if record := processes.find(name):
            os.killpg(record.pid, signal.SIGKILL)
        processes.end(name)
    died = datetime.now(UTC)
    for name in (WORKER, WARM_PARENT):
        processes.start(name, parts[name].command, parts[name].environment, folder=at.home)
    pool.mark_crashed(died)
    wait_ready(parts[WARM_PARENT], processes)


@contextlib.contextmanager
def whole(service: Service) -> Iterator[Shop]:
    """While this lasts the service works by itself, the clock's flows too; the shop that tells its receiver."""
    at, settings = Places(service.home), service.settings
    processes, parts = Processes(at.run, at.log), services(settings, at)
    ours = {PREFECT_API_URL: settings.prefect_api_url, PREFECT_API_AUTH_STRING: api_login(at), PREFECT_HOME: at.prefect}
    try:
        for name in (WORKER, WARM_PARENT, RECEIVER):
            processes.start(name, parts[name].command, parts[name].environment, folder=at.home)
        with temporary_settings(ours):
            apply(settings, at)
        for name in (WARM_PARENT, RECEIVER):
            wait_ready(parts[name], processes)
        url = f"http://{settings.web.bind_host}:{settings.web.bind_port}"
        yield Shop(url, settings.web.shop_secrets[0].get_secret_value())
    finally:
        for name in (RECEIVER, WORKER, WARM_PARENT):
            processes.end(name)
