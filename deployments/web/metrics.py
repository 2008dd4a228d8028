"""`GET /metrics`: the service's figures for Prometheus, for who bears the token; where none is set there is no page."""

from __future__ import annotations

import hmac
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response

from deployments.web.declined import Declined, later
from deployments.web.metric_families import families
from hosting.errors import ServiceError
from hosting.inventory.service_figures import service_figures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric
    from starlette.requests import Request

    from deployments.web.threads import Threads
    from hosting.inventory.service_figures import ServiceFigures
    from hosting.inventory.session import Inventory

FRESH_SECONDS = 30.0
"""So long a reading is given again: who asks often, or many at once, cost the receiver no more than one."""

SCHEME = "Bearer"


class Metrics:
    """Reads the figures and writes them down in Prometheus' text format, version 0.0.4.

    Args:
        inventory: what is read.
        token: who bears it may read.
        probe_seconds: the setting `probes.seconds`.
        threads: in which it is read.
    """

    def __init__(self, inventory: Inventory, token: str, probe_seconds: float | None, threads: Threads) -> None:
        self._inventory = inventory
        self._token = token.encode()
        self._probe_seconds = probe_seconds
        self._threads = threads
        self._reading = threading.Lock()
        self._text, self._read_at = b"", float("-inf")

    async def show(self, request: Request) -> Response:
        """The figures.

        Raises:
            Declined: 401 without the token; 503 when too many wait, or the inventory does not answer.
        """
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != SCHEME.lower() or not hmac.compare_digest(given.strip().encode(), self._token):
            raise Declined(401, "The token is missing or not the right one.", {"WWW-Authenticate": SCHEME})
        try:
            text = await self._threads.run(self._fresh)
        except ServiceError as error:
            raise later("The figures can't be read just now.") from error
        return Response(text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    def _fresh(self) -> bytes:
        """The figures, read anew where the last reading is not fresh any more."""
        with self._reading:
            if time.monotonic() - self._read_at > FRESH_SECONDS:
                self._text = self._read()
                self._read_at = time.monotonic()
            return self._text

    def _read(self) -> bytes:
        """The figures as text."""
        begun = time.monotonic()
        with self._inventory.reading() as session:
            figures = service_figures(session, datetime.now(UTC), self._probe_seconds)
        return as_text(figures, time.monotonic() - begun)


def as_text(figures: ServiceFigures, seconds: float) -> bytes:
    """Figures in the text format; label values are escaped by its library.

    Args:
        figures: what is told.
        seconds: how long the reading took.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(figures, seconds))
    return generate_latest(registry)


class _Told:
    """Figures as the library collects them."""

    def __init__(self, figures: ServiceFigures, seconds: float) -> None:
        self._figures = figures
        self._seconds = seconds

    def collect(self) -> Iterator[Metric]:
        """Every family with its samples."""
        return families(self._figures, self._seconds)
