"""Poking the dispatcher after a notice: in the background, one at a time, at most one more waiting."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("deployments.web")


class Dispatcher:
    """Runs `dispatch` soon after each poke; pokes during a run make one more run together.

    Args:
        dispatch: turns due work into runs; if it fails, the clock's own dispatcher does it later, so nothing is lost.
    """

    def __init__(self, dispatch: Callable[[], None] | None) -> None:
        self._dispatch = dispatch
        self._lock = threading.Lock()
        self._wanted = False
        self._thread: threading.Thread | None = None

    def poke(self) -> None:
        """Have due work dispatched soon; returns at once."""
        if self._dispatch is None:
            return
        with self._lock:
            self._wanted = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, args=(self._dispatch,), name="dispatch", daemon=True)
                self._thread.start()

    def wait_idle(self, seconds: float) -> bool:
        """Wait until nothing is being dispatched, at most so long; tells whether that is so."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return self._thread is None

    def _work(self, dispatch: Callable[[], None]) -> None:
        """Dispatch as long as somebody poked meanwhile."""
        while self._take():
            try:
                dispatch()
            except Exception as error:  # noqa: BLE001  # whatever fails here, the shop has its answer and the work is kept
                logger.warning("due work is not dispatched now (%s); the clock does it later", type(error).__name__)

    def _take(self) -> bool:
        """Take what is wanted; with nothing wanted the thread ends, in the same breath, so that no poke is lost."""
        with self._lock:
            if not self._wanted:
                self._thread = None
                return False
            self._wanted = False
            return True
