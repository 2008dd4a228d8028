"""Passwords of the board are guessed at a bounded rate: by name, by address, and in all."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger("deployments.web")

SPAN_SECONDS = 900.0
BY_NAME_MOST = 5
BY_ADDRESS_MOST = 20
IN_ALL_MOST = 60
"""So many failures within `SPAN_SECONDS` are borne; then nobody is let try until the oldest one is forgotten."""

PURPOSE = b"phm board logins, 1"
"""What the key is derived for: what is typed as a name is a password now and then, and is written nowhere."""

FILE = "board-logins.json"


class LoginAttempts:
    """Counts failures; used by one event loop alone. A restart forgets none that its file has.

    Args:
        clock: seconds since 1970.
        file: where they are kept; None: nowhere.
        key: the service's sealing key, by which names are disguised in it.
    """

    def __init__(self, clock: Callable[[], float] = time.time, file: Path | None = None, key: str = "") -> None:
        self._clock, self._file = clock, file
        self._key = hmac.digest(key.encode(), PURPOSE, hashlib.sha256)
        self._failed = self._kept()

    def begin(self, name: str, address: str) -> int:
        """Count an attempt as failed until it is known to be none, so that many at once get no further than few.

        Returns:
            The seconds to wait, 0 if it may be made.
        """
        now, name = self._clock(), self._disguised(name)
        since = now - SPAN_SECONDS
        told = ((min(at, now), of, origin) for at, of, origin in self._failed)  # a clock may have been set back
        self._failed = [one for one in told if one[0] > since]
        limits = (
            (BY_NAME_MOST, [at for at, of, _ in self._failed if of == name]),
            (BY_ADDRESS_MOST, [at for at, _, origin in self._failed if origin == address]),
            (IN_ALL_MOST, [at for at, _, _ in self._failed]),
        )
        waits = [moments[-most] - since for most, moments in limits if len(moments) >= most]
        if waits:
            return int(max(waits)) + 1
        self._failed.append((now, name, address))
        self._keep()
        return 0

    def succeeded(self, name: str, address: str) -> None:
        """The attempt was none of a stranger: this name's failures from this address are forgotten."""
        mine = (self._disguised(name), address)
        self._failed = [one for one in self._failed if one[1:] != mine]
        self._keep()

    def give_back(self, name: str, address: str) -> None:
        """The newest attempt of a name from an address could not be made: nobody knows whether it would have failed."""
        mine = (self._disguised(name), address)
        for place in reversed(range(len(self._failed))):
            if self._failed[place][1:] == mine:
                del self._failed[place]
                self._keep()
                return

    def _disguised(self, name: str) -> str:
        """A name by which it is known again and not read."""
        return hmac.new(self._key, name.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def _kept(self) -> list[tuple[float, str, str]]:
        """The failures that the file has; what can't be read is none."""
        if self._file is None or not self._file.exists():
            return []
        try:
            return [(float(at), str(of), str(origin)) for at, of, origin in json.loads(self._file.read_bytes())]
        except (OSError, ValueError, TypeError) as error:
            logger.warning("failed logins to the board can't be read from %s: %s", self._file, error)
            return []

    def _keep(self) -> None:
        """The failures into the file, whole or not at all; where that can't be they count all the same."""
        if self._file is None:
            return
        new = self._file.with_suffix(".new")
        try:
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as stream:
                json.dump(self._failed, stream)
            new.replace(self._file)
        except OSError as error:
            logger.warning("failed logins to the board can't be kept in %s: %s", self._file, error)
