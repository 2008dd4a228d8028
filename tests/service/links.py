"""A cut between two of the fleet: what one sends to the other vanishes, as with a pulled cable, and nothing else."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

from fleet import Fleet, network

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = "02:00:00:00:00:0f"
"""Nobody on the bridge listens to this one."""


def cut(at: str, to: str) -> None:
    """What a host sends to another one is lost; of this machine's, where no host is named."""
    network.run([*_neighbours(at), "replace", *_there(at, to), "lladdr", NOBODY, "nud", "permanent"])


def heal(at: str, to: str) -> None:
    """It arrives again; also where nothing was cut."""
    network.run([*_neighbours(at), "del", *_there(at, to)], check=False)


def heal_later(at: str, to: str, seconds: float) -> None:
    """It arrives again after so long, whatever has become of this process by then: a run may end while it is cut."""
    words = [*_neighbours(at), "del", *_there(at, to)]
    subprocess.Popen(
        ["sh", "-c", 'sleep "$1"; shift; exec "$@"', "heal", str(seconds), *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


@contextlib.contextmanager
def healed_at_last(*ends: tuple[str, str]) -> Iterator[None]:
    """Whatever was cut meanwhile is not cut afterwards."""
    try:
        yield
    finally:
        for at, to in ends:
            heal(at, to)


def _neighbours(at: str) -> list[str]:
    """The program that knows where packets go."""
    return ["ip", *(["-n", Fleet().plan.host(at).namespace] if at else []), "neigh"]


def _there(at: str, to: str) -> list[str]:
    """A host, as it is reached from there."""
    plan = Fleet().plan
    return [str(plan.host(to).address), "dev", "eth0" if at else plan.bridge]
