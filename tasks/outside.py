"""What a customer sees of an address, asked every 100 ms: how long nobody was served (P24)."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from blocks.web_probe import web_probe
from hosting.errors import ServiceError
from hosting.product.proof import HEALTH
from tasks.probes import door_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.policy.values import InstanceFacts

EVERY_SECONDS = 0.1
LONG_SECONDS = 60.0
OUTSIDE = "outside"
"""The name of the thread that asks."""


@dataclass
class Watch:
    """The answers of an address: when each was asked for, and whether the instance itself answered."""

    seen: list[tuple[float, bool]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    ended: threading.Event = field(default_factory=threading.Event)

    def served_again(self, seconds: float = LONG_SECONDS) -> bool:
        """Wait until somebody is served who asks from now on."""
        since = time.monotonic()
        deadline = since + seconds
        while time.monotonic() < deadline:
            if any(good and at > since for at, good in self.seen[-20:]):
                return True
            time.sleep(EVERY_SECONDS / 2)
        return False

    @property
    def stop_seconds(self) -> float:
        """From the last answer before the longest silence to the first one after it; up to now where it still lasts."""
        good = [at for at, served in self.seen if served]
        gaps = [after - before for before, after in pairwise(good)]
        if self.seen and not self.seen[-1][1]:
            gaps.append(time.monotonic() - (good[-1] if good else self.began))
        return round(max(gaps, default=0.0), 2)


@contextlib.contextmanager
def watched(url: str, instance: InstanceFacts | None = None) -> Iterator[Watch]:
    """The address is asked, over and over, for as long as this lasts.

    Args:
        url: the address.
        instance: where it may be suspended: what is behind that is watched then.
    """
    watch = Watch()
    thread = threading.Thread(target=_ask, args=(watch, url, instance), name=OUTSIDE, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.ended.set()
        thread.join()


def _ask(watch: Watch, url: str, instance: InstanceFacts | None) -> None:
    """Ask until the watch is over."""
    settings = load(ServiceSettings)
    asking = door_of(instance) if instance else web_probe(settings.trust, tuple(settings.resolvers))
    with asking as web:
        while not watch.ended.wait(EVERY_SECONDS):
            at = time.monotonic()
            try:
                good = web.ask("GET", url + HEALTH).status_code == HTTPStatus.UNAUTHORIZED
            except ServiceError:
                good = False
            watch.seen.append((at, good))
