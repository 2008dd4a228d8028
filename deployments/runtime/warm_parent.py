"""The warm parent: one process that has everything imported and forks a flow run from itself in milliseconds.

It holds no connection, thread or event loop of its own, so that a fork is clean; it refuses to serve if a module that
it imported opened any. `warm_run.py` is its only client and the pool's command. Each request is: eight hex digits with
the length, then JSON `[environment, folder]`; answered by `ready`; then `go` with the three standard streams; answered
by the run's process id at once and by its exit code at its end.

Ends of things:
    a run ends: its exit code is told to the client that waits for it;
    the client ends first (the worker killed it): the run is killed;
    the parent is told to end (SIGTERM), or is killed: live runs go on, new ones start cold.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.store_client import read_models
from deployments.runtime.warm_requests import CannotServe, Request, agree, close, listen, receive
from hosting import templates
from hosting.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

LAZY = (
    "anyio._backends._asyncio",
    "deployments.catalogue",
    "encodings.idna",
    "prefect._internal.observers",
    "prefect.concurrency._asyncio",
    "prefect.concurrency._events",
    "prefect.concurrency._sync",
    "prefect.concurrency.services",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "rich._emoji_codes",
    "sqlalchemy.dialects.sqlite",
)
"""Modules that a run needs and that nothing else imports early."""

HEARTBEATS = "_send_heartbeats"
"""Prefect's own name for what tells, while a flow is at work, that its run lives (3.9.1)."""

REQUEST_SECONDS = 2.0
"""How long a client may take to say what it wants."""

MOST_RUNS = 64
"""More live runs than that are started cold; the worker's own limit is far below."""


@dataclass(frozen=True)
class Run:
    """A live run, its descriptor and the client that waits for its end."""

    pid: int
    descriptor: int
    client: socket.socket

    def close(self) -> None:
        """Forget it."""
        os.close(self.descriptor)
        self.client.close()


class WarmParent:
    """Forks runs on request until it is told to end.

    Args:
        address: where the socket is made; its folder has to be the user's own, mode 700.
    """

    def __init__(self, address: Path) -> None:
        self.address = address
        self.runs: dict[int, Run] = {}
        self.selector = selectors.DefaultSelector()
        self.listener = listen(address)
        self.told, self.tells = socket.socketpair()

    def serve(self) -> Request | None:
        """Serve until told to end; returns None then, and in each forked child the request that it is to run."""
        self.tells.setblocking(False)
        signal.set_wakeup_fd(self.tells.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: None)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(self.told, selectors.EVENT_READ)
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.told:
                    self.address.unlink(missing_ok=True)
                    return None
                if key.fileobj is not self.listener:
                    self._ended(key.data, client_is_gone=key.fileobj is not key.data.descriptor)
                    break  # the other descriptor of the same run may be among the rest
                if request := self._start():
                    return request

    def _start(self) -> Request | None:
        """Take one request and fork a run for it; the request in the child, None in the parent."""
        client, _ = self.listener.accept()
        client.settimeout(REQUEST_SECONDS)
        try:
            request = receive(client)
            self._refuse_too_many()
            streams = agree(client)
        except (OSError, ValueError) as error:
            tell(f"A request was turned away: {error}.")
            client.close()
            return None
        try:
            pid = os.fork()
        except OSError as error:
            tell(f"A run could not be forked: {error}.")
            client.close()
        else:
            if pid == 0:
                self._leave(client)
                for number, stream in enumerate(streams):
                    os.dup2(stream, number)
                close(streams)
                return request
            self._started(pid, client)
            tell(f"Flow run {request.environment.get('PREFECT__FLOW_RUN_ID')} is process {pid}.")
        close(streams)
        return None

    def _refuse_too_many(self) -> None:
        """Raises ValueError where more runs live than this process cares for."""
        if len(self.runs) >= MOST_RUNS:
            raise ValueError("too many runs")

    def _started(self, pid: int, client: socket.socket) -> None:
        """Watch a new run."""
        run = self.runs[pid] = Run(pid, os.pidfd_open(pid), client)
        self.selector.register(run.descriptor, selectors.EVENT_READ, run)
        self.selector.register(client, selectors.EVENT_READ, run)
        client.settimeout(None)
        with contextlib.suppress(OSError):  # a client that is gone is seen by the selector
            client.sendall(b"%d\n" % pid)

    def _ended(self, run: Run, *, client_is_gone: bool) -> None:
        """Tell the client how its run ended; a run whose client is gone is ended."""
        if client_is_gone:
            signal.pidfd_send_signal(run.descriptor, signal.SIGKILL)
        _, status = os.waitpid(run.pid, 0)
        for watched in (run.descriptor, run.client):
            self.selector.unregister(watched)
        with contextlib.suppress(OSError):
            run.client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
        run.close()
        del self.runs[run.pid]

    def _leave(self, client: socket.socket) -> None:
        """In a child: let go of all that is the parent's, so that no other client waits for this run to end."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        self.selector.close()
        for run in self.runs.values():
            run.close()
        for sock in (self.listener, self.told, self.tells, client):
            sock.close()


def preload(modules: Sequence[str]) -> None:
    """Import all that runs will need; a module that can't be imported is left to its own runs, which tell why.

    Raises:
        CannotServe: one of the modules started a thread, which a fork would lose.
    """
    for module in (*LAZY, *modules):
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001  # one flow's defect must not make all others start cold
            tell(f"{module} can't be imported: {type(error).__name__}: {error}")
    if threading.active_count() > 1:
        names = ", ".join(thread.name for thread in threading.enumerate()[1:])
        message = f"A flow module starts threads when it is imported: {names}."
        raise CannotServe(message, "Open things in tasks, not at import.")
    templates.read_all()
    read_models()
    end_with_the_flow()
    gc.collect()
    gc.freeze()


def end_with_the_flow() -> None:
    """A run's process ends with its flow: Prefect waits up to a second for the thread that tells that the run lives.

    The thread ends by itself and tells nothing any more, as in flows that are async, where Prefect doesn't wait either.
    """
    engine = importlib.import_module("prefect.flow_engine")
    if patient := getattr(engine, HEARTBEATS, None):  # another release may call it otherwise: then it waits
        setattr(engine, HEARTBEATS, partial(patient, join_on_exit=False))


def become(request: Request) -> None:
    """Run the flow run that the request's environment names, as `python -m prefect.engine` would.

    The environment is the run's own; settings are read from it anew, and logging is set up anew if they say otherwise.
    """
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    sys.argv = ["prefect.engine"]
    from prefect.context import refresh_global_settings_context  # noqa: PLC0415  # loaded by `preload`, counted there
    from prefect.logging.configuration import setup_logging  # noqa: PLC0415  # likewise
    from prefect.settings import get_current_settings  # noqa: PLC0415  # likewise

    inherited = get_current_settings().logging
    refresh_global_settings_context()
    if get_current_settings().logging != inherited:  # it takes as long as a tenth of the whole run
        setup_logging(incremental=False)
    sys.modules.pop("prefect.engine", None)  # some flow imported it; it is to be the main module
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)


def tell(line: str) -> None:
    """A line in the parent's log, out at once: a fork must not inherit it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """`python -m deployments.runtime.warm_parent SOCKET [MODULE …]`."""
    from deployments.catalogue import flow_modules  # noqa: PLC0415  # what is preloaded is counted by `preload`

    try:
        preload([*flow_modules(), *sys.argv[2:]])
        parent = WarmParent(Path(sys.argv[1]))
    except ServiceError as error:
        sys.exit(str(error))
    tell(f"Ready with {len(sys.modules)} modules at {parent.address}.")
    if request := parent.serve():
        become(request)


if __name__ == "__main__":
    main()
