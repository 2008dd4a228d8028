"""The worker: Prefect's process worker, started while the server still starts, and ended by SIGTERM at once.

`python -m deployments.runtime.worker`: in a module of its own, since the stock command imports for four seconds before
it looks for the pool, makes a pool with another command if there is none yet, and inherits an ignored SIGINT.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.workers.process import ProcessWorker

from deployments.catalogue import POOL

RUNS_A_CORE = 2
MOST_RUNS = RUNS_A_CORE * (os.cpu_count() or 1)
"""More at once on the same cores make all of them slower, and the start of each slowest (docs/figures.md)."""

POOL_SECONDS = 120.0
"""How long the pool may take to be there."""

LOOK_SECONDS = 0.2


async def pool_is_there() -> bool:
    """Wait for the work pool; False when the time is up."""
    deadline = asyncio.get_running_loop().time() + POOL_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        with contextlib.suppress(httpx.TransportError, ObjectNotFound, PrefectHTTPStatusError):
            async with get_client() as client:
                await client.read_work_pool(POOL)
                return True
        await asyncio.sleep(LOOK_SECONDS)
    return False


def say(*said: object) -> None:
    """What the worker tells, a line each in its log."""
    sys.stdout.write(" ".join(map(str, said)) + "\n")


async def work() -> int:
    """Work until told to end; the exit code."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("to be run by asyncio.run")
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        if not await pool_is_there():
            sys.stderr.write(f"There is no work pool {POOL}. Bring it there with: phm up.\n")
            return 1
        worker = ProcessWorker(
            work_pool_name=POOL,
            name=f"{socket.gethostname()}-{os.getpid()}",
            limit=MOST_RUNS,
            create_pool_if_not_found=False,
        )
        await worker.start(printer=say)
    except asyncio.CancelledError:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(work()))
