"""Threads for what waits (database, servers), bounded in number and in who may queue for them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from deployments.web.declined import later

if TYPE_CHECKING:
    from collections.abc import Callable

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Threads:
    """So many at work at once, so many waiting; who comes then is asked to come later.

    Args:
        working: the most that work at the same time.
        waiting: the most that wait for their turn.
    """

    def __init__(self, working: int, waiting: int) -> None:
        self._limiter = CapacityLimiter(working)
        self._most = working + waiting
        self._inside = 0  # the limiter sees who waits only a moment later, when many may have come at once

    async def run(
        self, function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Run a function in a thread, without keeping the loop.

        Raises:
            Declined: 503, too many wait already.
        """
        if self._inside >= self._most:
            raise later("Too much is being done at once; come again in a moment.", seconds=1)
        self._inside += 1
        try:
            return await to_thread.run_sync(partial(function, *args, **kwargs), limiter=self._limiter)
        finally:
            self._inside -= 1
