"""Who holds a link has its files looked at one upload at a time, and not for ever: each look costs seconds (P31)."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deployments.web.declined import Declined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REFUSED_MOST = 20
"""So many uploads of a link are refused within an hour before it has to wait: more than anybody tries by hand."""
HOUR_SECONDS = 3600.0
BUSY = 409
TOO_MANY = 429


class Attempts:
    """Counts by link, in this process; used by one event loop alone.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._busy: set[str] = set()
        self._refused: dict[str, list[float]] = {}

    @contextmanager
    def turn(self, link: str) -> Iterator[None]:
        """The files of a link are looked at meanwhile.

        Raises:
            Declined: 409, others of the same link are being looked at; 429, too many were refused within the hour.
        """
        self._forget()
        if link in self._busy:
            raise Declined(BUSY, "Files of this link are being looked at already.", {"Retry-After": "30"})
        refused = self._refused.get(link, [])
        if len(refused) >= REFUSED_MOST:
            seconds = int(refused[0] + HOUR_SECONDS - self._clock()) + 1
            raise Declined(TOO_MANY, "Too many files of this link were refused.", {"Retry-After": str(seconds)})
        self._busy.add(link)
        try:
            yield
        finally:
            self._busy.discard(link)

    def record_refused(self, link: str) -> None:
        """Files of a link were refused just now."""
        self._refused.setdefault(link, []).append(self._clock())

    def _forget(self) -> None:
        """What was refused more than an hour ago counts no longer."""
        since = self._clock() - HOUR_SECONDS
        kept = {link: [at for at in moments if at > since] for link, moments in self._refused.items()}
        self._refused = {link: moments for link, moments in kept.items() if moments}
