"""Passwords of the board are guessed at a bounded rate: by name, by address, and in all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SPAN_SECONDS = 900.0
BY_NAME_MOST = 5
BY_ADDRESS_MOST = 20
IN_ALL_MOST = 60
"""So many failures within `SPAN_SECONDS` are borne; then nobody is let try until the oldest one is forgotten."""


class LoginAttempts:
    """Counts failures in this process; used by one event loop alone. A restart forgets them.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: list[tuple[float, str, str]] = []

    def begin(self, name: str, address: str) -> int:
        """Count an attempt as failed until it is known to be none, so that many at once get no further than few.

        Returns:
            The seconds to wait, 0 if it may be made.
        """
        since = self._clock() - SPAN_SECONDS
        self._failed = [one for one in self._failed if one[0] > since]
        limits = (
            (BY_NAME_MOST, [at for at, of, _ in self._failed if of == name]),
            (BY_ADDRESS_MOST, [at for at, _, origin in self._failed if origin == address]),
            (IN_ALL_MOST, [at for at, _, _ in self._failed]),
        )
        waits = [moments[-most] - since for most, moments in limits if len(moments) >= most]
        if waits:
            return int(max(waits)) + 1
        self._failed.append((self._clock(), name, address))
        return 0

    def succeeded(self, name: str, address: str) -> None:
        """The attempt was none of a stranger: this name's failures from this address are forgotten."""
        self._failed = [one for one in self._failed if one[1:] != (name, address)]

    def give_back(self, name: str, address: str) -> None:
        """The newest attempt of a name from an address could not be made: nobody knows whether it would have failed."""
        for place in reversed(range(len(self._failed))):
            if self._failed[place][1:] == (name, address):
                del self._failed[place]
                return
