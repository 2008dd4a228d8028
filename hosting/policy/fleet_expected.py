"""What the inventory says that a server has: the one side of what is compared when the fleet is inspected (P18)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from hosting.policy.states import InstanceState

if TYPE_CHECKING:
    from collections.abc import Mapping

COPY = re.compile(r"rehearsal|[a-z0-9]+_[0-9]")
"""What copies of instances are called (docs/decisions/0009)."""


class Standing(StrEnum):
    """What an instance, or a copy of one, is to a server."""

    HOME = "home"
    COPY = "copy"
    COMING = "coming"
    KEPT = "kept"  # it has left; its state is kept for some days
    LEFT = "left"  # it has left; its address is passed on
    ENDED = "ended"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Place:
    """A file, folder or link that has to be there.

    Args:
        path: where.
        kind: file, folder or link.
        owner: user:group.
        mode: octal without a leading zero; of a link it does not matter.
        needed: without it the instance is not served.
    """

    path: str
    kind: str
    owner: str = "root:root"
    mode: str = "644"
    needed: bool = False


@dataclass(frozen=True)
class Home:
    """An instance that is on the server.

    Args:
        uid: of its Unix user.
        places: what has to be there of it.
    """

    name: str
    state: InstanceState
    uid: int
    places: tuple[Place, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether customers use it."""
        return self.state is InstanceState.ACTIVE

    @property
    def is_set_up(self) -> bool:
        """Whether all of it has to be there: of one that is only reserved, or on its way out, any part may be."""
        return self.state in {InstanceState.ACTIVE, InstanceState.SUSPENDED}

    @property
    def is_shut(self) -> bool:
        """Whether nobody may be served by it, while its data stay: it is suspended, or its contract has ended."""
        return self.state in {InstanceState.SUSPENDED, InstanceState.CLOSED}


@dataclass(frozen=True)
class Expected:
    """What the inventory says of a server.

    Args:
        server: which.
        homes: the instances that are on it, by name.
        copies: of instances, by name; the rehearsal's is always allowed.
        coming: instances that are on their way to it.
        kept: instances that have left it, whose state is kept.
        left: instances that have left it, with the server where they are.
        elsewhere: the other living instances, with the server where they are.
        ended: instances that have ended.
        busy: instances and copies on which somebody works, or that stand in the middle of something.
        moving: instances whose move to or from it is not at its end.
        names: numbers of names that are not gone.
        own: files of the server itself that the service has written.
        at_work: whether the server itself is being updated or rebooted.
    """

    server: str
    homes: Mapping[str, Home] = field(default_factory=dict)
    copies: frozenset[str] = frozenset()
    coming: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    left: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    ended: frozenset[str] = frozenset()
    busy: frozenset[str] = frozenset()
    moving: frozenset[str] = frozenset()
    names: frozenset[int] = frozenset()
    own: tuple[Place, ...] = ()
    at_work: bool = False

    def standing(self, name: str) -> Standing:
        """What an instance or copy of a name is to the server."""
        if name in self.homes:
            return Standing.HOME
        if name in self.copies or name == "rehearsal":
            return Standing.COPY
        known = (
            (self.coming, Standing.COMING), (self.kept, Standing.KEPT), (self.left, Standing.LEFT),
            (self.ended, Standing.ENDED), (self.elsewhere, Standing.ELSEWHERE),
        )  # fmt: skip
        return next((standing for names, standing in known if name in names), Standing.UNKNOWN)

    def is_busy(self, name: str) -> bool:
        """Whether somebody works on it just now, so that what is seen of it says nothing."""
        return name in self.busy or (COPY.fullmatch(name) is not None and name.partition("_")[0] in self.busy)

    def now_on(self, name: str) -> str:
        """The server where an instance is that is not here; empty where there is none."""
        return self.left.get(name) or self.elsewhere.get(name) or ""


def across(before: Expected, after: Expected) -> Expected:
    """What was expected while a server was looked at: what changed meanwhile, or was worked on, says nothing.

    Args:
        before: as the inventory had it before the look.
        after: as it had it after.
    """
    names = {*before.homes, *after.homes, *before.copies, *after.copies, *after.left, *before.left}
    changed = {
        name for name in names
        if before.standing(name) is not after.standing(name) or before.homes.get(name) != after.homes.get(name)
    }  # fmt: skip
    busy, moving = before.busy | after.busy | changed, before.moving | after.moving
    return replace(after, busy=busy, moving=moving, at_work=before.at_work or after.at_work)
