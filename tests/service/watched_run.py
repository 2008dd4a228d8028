"""The flow in this process, watched: which tasks ran, what they sent to the server, and a fault at a chosen moment."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
import typing
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from prefect import Task

from blocks.loading import provide
from blocks.ssh_connection import SshConnection
from blocks.web_probe import WebProbe
from deployments.apply import blocks_of
from fleet import Fleet
from hosting.settings import load_settings
from tasks import leases, records
from tasks.outside import OUTSIDE
from tests.service import links
from tests.service.plans import Fault, Outcome, Plan

if TYPE_CHECKING:
    from pathlib import Path


class Watch:
    """Follows one run from inside, and does what its plan says."""

    def __init__(self, fault: Fault | None, server: str) -> None:
        self.fault = fault
        self.server = server
        self.current = ""
        self.tasks: list[str] = []
        self.calls: Counter[str] = Counter()
        self.commands: Counter[str] = Counter()
        self.changed: dict[str, bool] = {}
        self.took: dict[str, float] = defaultdict(float)

    def install(self) -> None:
        """Put the watch between the flow and Prefect, and between the steps and the network."""
        self._around_tasks()
        for kind, name in ((SshConnection, "_open"), (WebProbe, "ask")):
            self._around_commands(kind, name)

    def _around_tasks(self) -> None:
        plain = Task.__call__

        def watched(task: Task[Any, Any], *args: Any, **kwargs: Any) -> Any:
            outer, self.current = self.current, task.name
            self.tasks.append(task.name)
            self.calls[task.name] += 1
            self.strike("before", self.calls[task.name])
            began = time.monotonic()
            result = plain(task, *args, **kwargs)
            self.took[task.name] += time.monotonic() - began
            if hasattr(result, "changed"):
                self.changed[task.name] = result.changed
            self.current = task.name  # a task within it may have ended
            self.strike("after", self.calls[task.name])
            self.current = outer
            return result

        Task.__call__ = watched

    def _around_commands(self, kind: type, name: str) -> None:
        plain = getattr(kind, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            if threading.current_thread().name == OUTSIDE:
                return plain(*args, **kwargs)
            first = self.commands[self.current] + 1
            self.commands[self.current] = first
            if self.fault and self.fault.kind == "cut":  # the packet is lost on its way
                self.strike("command", first)
            result = plain(*args, **kwargs)
            if self.fault and self.fault.kind != "cut":  # the server has it and goes on alone
                self.strike("command", first)
            return result

        setattr(kind, name, watched)

    def strike(self, moment: str, number: int) -> None:
        """Do what the plan says, if this is the moment: a task's n-th command, or its n-th call; or the next after it.

        Whoever watches from outside meanwhile is no part of the task: what he asks is not counted.
        """
        fault = self.fault
        if fault is None or (fault.task, fault.moment) != (self.current, moment):
            return
        if number < (fault.command if moment == "command" else fault.call):
            return
        self.fault = None
        if fault.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault.to:
            links.cut(fault.at, fault.to)
            links.heal_later(fault.at, fault.to, fault.seconds)
            return
        fleet = Fleet()
        if fault.kind == "database":
            fleet.run(self.server, "systemctl kill -s KILL mariadb; systemctl stop mariadb")
            threading.Timer(fault.seconds, fleet.run, [self.server, "systemctl start mariadb"]).start()
            return
        fleet.cut(self.server)
        threading.Timer(fault.seconds, fleet.heal, [self.server]).start()


def flow_of(plan: Plan) -> Any:
    """The flow that the plan names."""
    module, _, name = plan.flow.rpartition(".")
    return getattr(importlib.import_module(module), name)


def request_of(plan: Plan) -> tuple[Any, ...]:
    """What the flow is asked for, as its own model; nothing where it is one that the clock starts."""
    kind = typing.get_type_hints(flow_of(plan).fn).get("request")
    if kind is None:
        return ()
    order = {"order": plan.order} if plan.order else {}
    return (kind(**order, **plan.parameters),)


def set_clock(at: float) -> None:
    """The service's one clock shows another time in this process; nobody else's does."""
    began, real = time.monotonic(), records.now

    def now() -> datetime:
        return datetime.fromtimestamp(at + time.monotonic() - began, UTC)

    for module in list(sys.modules.values()):
        if getattr(module, "now", None) is real:
            vars(module)["now"] = now


def run(plan: Plan, server: str, result: Path) -> None:
    """Run the flow by its plan; the outcome is a file, there unless the process was killed."""
    provide(*blocks_of(load_settings()))
    leases.owner_of_this_run = lambda: plan.owner
    leases.LEASE = timedelta(seconds=plan.lease_seconds)
    leases.LOCK_SECONDS = plan.lock_seconds
    leases.HEARTBEAT_SECONDS = plan.lease_seconds / 4
    if not plan.retries:
        for task in (
            one for one in vars(importlib.import_module(plan.flow.rpartition(".")[0])).values() if isinstance(one, Task)
        ):
            task.retries = 0
    if plan.at:
        set_clock(plan.at)
    watch = Watch(plan.fault, server)
    watch.install()
    began = time.monotonic()
    state = flow_of(plan)(*request_of(plan), return_state=True)
    error = state.result(raise_on_failure=False)
    failed = isinstance(error, BaseException)
    outcome = Outcome(
        state.name,
        str(error) if failed else state.message or "",
        type(error).__name__ if failed else "",
        watch.tasks,
        dict(watch.commands),
        watch.changed,
        str(state.state_details.flow_run_id),
        time.monotonic() - began,
        {name: round(seconds, 3) for name, seconds in watch.took.items()},
    )
    outcome.write(result)
