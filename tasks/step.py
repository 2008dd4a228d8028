"""What all steps share: retried only where it may heal, timed, told in one line, never under a lost lease."""

from __future__ import annotations

import functools
import logging
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger

from hosting.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.client.schemas.objects import State

P = ParamSpec("P")
R = TypeVar("R")

RETRY_DELAYS = [1.0, 5.0, 15.0]
"""Seconds before a step is tried again after its server did not answer."""

still_allowed: ContextVar[Callable[[], None] | None] = ContextVar("still_allowed", default=None)
"""Raises where the run has lost its lease; asked before every step."""

tried_again: ContextVar[Callable[[], bool] | None] = ContextVar("tried_again", default=None)
"""Whether waiting for a server that does not answer helps just now: not while somebody is kept out meanwhile."""


@dataclass(frozen=True)
class Done:
    """What a step did: its name, whether it changed anything, the seconds it took."""

    step: str
    changed: bool
    seconds: float
    note: str = ""


def run_logger() -> logging.Logger | logging.LoggerAdapter[Any]:
    """The run's own log, or a plain one outside of a run."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("phm")


def stop_if_lost() -> None:
    """Raise what `still_allowed` does: before what changes something without being a step."""
    if check := still_allowed.get():
        check()


def may_heal(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Only what did not answer is tried again."""
    try:
        state.result()
    except Unreachable:
        asked = tried_again.get()
        return asked is None or asked()
    except Exception:  # noqa: BLE001  # whatever else it is, trying again would not heal it
        return False
    return False


def step(function: Callable[P, bool]) -> Task[P, Done]:
    """An idempotent step: a function that says whether it changed anything, as a task that tells what it did."""

    @functools.wraps(function)
    def told(*args: P.args, **kwargs: P.kwargs) -> Done:
        stop_if_lost()
        started = time.monotonic()
        changed = function(*args, **kwargs)
        done = Done(function.__name__, changed, time.monotonic() - started)
        run_logger().info("%s: %s (%.2f s)", done.step, "done" if changed else "nothing to do", done.seconds)
        return done

    return _task(told, function.__name__)


def reading(function: Callable[P, R]) -> Task[P, R]:
    """A task that reads facts, retried like a step."""
    return _task(function, function.__name__)


def _task(function: Callable[P, R], name: str) -> Task[P, R]:
    """A function as a task: never cached, its result never kept, tried again only where that may heal."""
    as_task = task(
        name=name,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=len(RETRY_DELAYS),
        retry_delay_seconds=RETRY_DELAYS,
        retry_condition_fn=may_heal,
    )
    return as_task(function)
