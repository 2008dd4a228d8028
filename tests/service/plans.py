"""What is to happen to a run of the flow while it runs, and what it told afterwards."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

Moment = Literal["before", "command", "after"]
"""Before a task begins, right after its n-th remote command was sent, right after it ended."""


@dataclass(frozen=True)
class Fault:
    """The process kills itself, the server's network is cut, or its database dies, at one moment of one task.

    Args:
        task: the task's name in the run.
        moment: when.
        command: which of the task's remote commands, from 1.
        call: which of the task's calls it is before or after, from 1.
        kind: what happens; the database is ended hard.
        seconds: how long the network stays cut, or the database away.
        at: where a link to one host is cut alone: on another host, or on this machine, where none is named.
        to: that host; where none is named, the server is cut off from everything.
    """

    task: str
    moment: Moment
    command: int = 1
    kind: Literal["kill", "cut", "database"] = "kill"
    seconds: float = 0.0
    at: str = ""
    to: str = ""
    call: int = 1


@dataclass(frozen=True)
class Plan:
    """One run of the flow in a process of its own.

    Args:
        order: the order's reference, where the flow is one of an order.
        flow: module and function.
        owner: whom the lease belongs to; the same owner takes it again at once.
        fault: what happens on the way.
        lease_seconds: how long the lease lives without a heartbeat.
        lock_seconds: how long the run waits for the lock on the host.
        retries: whether steps are tried again.
        at: what the service's clock shows when the run begins, in seconds since 1970; 0: the real time.
        parameters: further parameters of the flow's request.
    """

    order: str = ""
    flow: str = "flows.provision_instance.provision_instance"
    owner: str = "test"
    fault: Fault | None = None
    lease_seconds: float = 60.0
    lock_seconds: int = 45
    retries: bool = True
    at: float = 0.0
    parameters: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """As one line."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Plan:
        """The plan of such a line."""
        content = json.loads(text)
        fault = content.pop("fault")
        return cls(**content, fault=Fault(**fault) if fault else None)


@dataclass
class Outcome:
    """How a run ended.

    Args:
        state: the flow run's last state's name; "Killed" if the process was.
        message: what that state says; the error's own sentence where there was one.
        error: the error's class.
        tasks: the names of the tasks in the order in which they began.
        commands: how many remote commands each task sent.
        changed: of each step, whether it changed anything.
        run_id: the flow run.
        seconds: how long it took.
        took: the seconds of each task, with those within it; of all its calls together.
    """

    state: str
    message: str = ""
    error: str = ""
    tasks: list[str] = field(default_factory=list)
    commands: dict[str, int] = field(default_factory=dict)
    changed: dict[str, bool] = field(default_factory=dict)
    run_id: str = ""
    seconds: float = 0.0
    took: dict[str, float] = field(default_factory=dict)

    @property
    def completed(self) -> bool:
        """Whether the instance is open."""
        return self.state == "Completed"

    def write(self, file: Path) -> None:
        """For the process that asked; whole or not at all."""
        partial = file.with_suffix(".part")
        partial.write_text(json.dumps(asdict(self)), encoding="utf-8")
        partial.rename(file)
