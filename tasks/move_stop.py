"""The time in which an instance is closed while it moves: bounded up to the switch, and told in its parts (P24)."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.errors import ServiceError
from hosting.policy.move_attempts import NotInTime
from tasks.move_records import record_opened
from tasks.move_sides import open_target
from tasks.step import still_allowed, tried_again

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from hosting.policy.values import ServerFacts
    from tasks.move_records import Move
    from tasks.outside import Watch

SEEN_SECONDS = 10.0
OPENED_MOST = 4


@dataclass
class Stop:
    """One stop.

    Args:
        most_seconds: before the switch it lasts no longer.
        parts: what it consisted of up to the switch, in seconds.
        bounded: whether it may still be called off.
    """

    most_seconds: float
    parts: dict[str, float] = field(default_factory=dict)
    bounded: bool = True
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """The seconds that are left of it."""
        return self.most_seconds - (time.monotonic() - self.began)

    def reached(self, part: str) -> None:
        """One more part of it is done; the seconds since the one before are its."""
        self.check()
        self.parts[part] = round(time.monotonic() - self.began - sum(self.parts.values()), 2)

    def check(self) -> None:
        """See that it may go on.

        Raises:
            NotInTime: its time is over.
        """
        if self.bounded and self.left <= 0:
            raise NotInTime(f"The last changes could not be brought over within {self.most_seconds:.0f} s.")

    def decide(self) -> None:
        """From here on there is only forward: the switch is made next.

        Raises:
            NotInTime: its time is over.
        """
        self.check()
        self.bounded = False


@contextlib.contextmanager
def closed_no_longer_than(most: timedelta, *servers: ServerFacts) -> Iterator[Stop]:
    """While an instance is closed nothing is waited for or tried again; when its time is over, it is called off.

    Whatever still waits for one of the servers then is broken off.

    Args:
        most: how long it may be closed, up to the switch.
        servers: the two of the move.

    Raises:
        NotInTime: it was not switched within that time.
    """
    stop, outer = Stop(most.total_seconds()), still_allowed.get()

    def check() -> None:
        if outer:
            outer()
        stop.check()

    def break_off() -> None:
        if stop.bounded:
            for server in servers:
                load(SshHost).hang_up(server)

    over = threading.Timer(stop.most_seconds, break_off)
    over.daemon = True
    over.start()
    allowed, again = still_allowed.set(check), tried_again.set(lambda: not stop.bounded)
    try:
        yield stop
    except ServiceError:
        stop.check()  # what was broken off is told as what it was
        raise
    finally:
        over.cancel()
        tried_again.reset(again)
        still_allowed.reset(allowed)


def open_until_served(move: Move, watch: Watch) -> None:
    """The target serves, seen from outside at the old address; what does not pass on yet is told so again and again.

    Who left it alone until the end of the move would keep out everybody who comes by the old address. A source that
    stays silent is left to the rest of the move.
    """
    for _ in range(OPENED_MOST):
        open_target(move)
        if watch.served_again(SEEN_SECONDS):
            record_opened(move, watch.stop_seconds)
            return
