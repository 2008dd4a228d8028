"""What people look at: an instance's storage with its history, a server's room, each with its forecast (P04, P24)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hosting.inventory import instances, measurements, servers
from hosting.policy.storage_forecast import LOOK_BACK, Growth, Sample, by_day, full_at, growth
from hosting.policy.terms import GIB

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.measurements import MeasuredFacts
    from hosting.policy.values import InstanceFacts, ServerFacts

WIDTH = 40
NIGHTS = 21
"""A curve shows so many of the last days."""

HEIGHTS = "▁▂▃▄▅▆▇█"
"""Eighths of the pool; the last one for a pool that is nearly full, or more."""


@dataclass(frozen=True)
class StorageView:
    """What an instance stores, how it came to it, and when its pool is full if it goes on so."""

    instance: InstanceFacts
    last: MeasuredFacts | None
    days: tuple[Sample, ...]
    growth: Growth | None
    full_at: datetime | None

    @property
    def recent(self) -> list[Sample]:
        """The days that a curve shows."""
        return [one for one in self.days if self.last and self.last.at - one.at <= timedelta(days=NIGHTS)]

    @property
    def pool_bytes(self) -> int:
        """What a full bar stands for."""
        return max(1, self.instance.storage_gib * GIB)

    @property
    def sentence(self) -> str:
        """The figures in one sentence."""
        if self.last is None:
            return "not measured yet"
        said = (
            f"{self.last.use.used_bytes / GIB:.2f} of {self.instance.storage_gib} GB ({self.last.per_mille / 10:.1f} %)"
        )
        return f"{said}, full on {self.full_at:%Y-%m-%d} if it goes on so" if self.full_at else said


@dataclass(frozen=True)
class CapacityView:
    """What a server has room for, what is booked and used of it, and when that is full if it goes on so."""

    server: ServerFacts
    used_bytes: int
    unknown: int  # instances that were never measured
    growth: Growth | None
    full_at: datetime | None


def storage_view(session: Session, name: str, now: datetime) -> StorageView:
    """One instance's storage.

    Raises:
        UnknownInstance: no instance has this name.
    """
    instance = instances.instance_facts(session, name)
    found = measurements.measured_since(session, name, now - LOOK_BACK)
    samples = [Sample(one.at, one.use.used_bytes) for one in found]
    return StorageView(
        instance,
        found[-1] if found else measurements.last_measured(session, name),
        tuple(by_day(samples)),
        growth(samples, now),
        full_at(samples, instance.storage_gib * GIB, now),
    )


def capacity_views(session: Session, now: datetime) -> list[CapacityView]:
    """All servers with what is used on them, by name."""
    last = measurements.all_last_measured(session)
    here = instances.all_instances(session)
    return [_capacity(session, one, [last.get(own.name) for own in here if _counts(own, one)], now)
            for one in servers.all_servers(session)]  # fmt: skip


def curve(view: StorageView) -> list[str]:
    """The last days as bars of text, each a share of the pool."""
    pool = view.pool_bytes
    return [
        f"{one.at:%Y-%m-%d} {bar(one.used_bytes, pool)} {one.used_bytes * 100 / pool:5.1f} %  "
        f"{one.used_bytes / GIB:.2f} GB"
        for one in view.recent
    ]


def small_curve(view: StorageView) -> str:
    """The same in one line, a sign a day: a row of a table has room for it."""
    return "".join(
        HEIGHTS[min(len(HEIGHTS) - 1, one.used_bytes * len(HEIGHTS) // view.pool_bytes)] for one in view.recent
    )


def bar(used: int, whole: int) -> str:
    """A share as a bar; what is more than the whole is marked."""
    filled = min(WIDTH, round(used * WIDTH / whole))
    return "#" * filled + "." * (WIDTH - filled) + (">" if used > whole else "|")


def _counts(instance: InstanceFacts, server: ServerFacts) -> bool:
    """Whether an instance takes room of a server."""
    return instance.server_name == server.name and instance.state in {"active", "suspended"}


def _capacity(session: Session, server: ServerFacts, last: list[MeasuredFacts | None], now: datetime) -> CapacityView:
    """One server; what its instances store together against the room that may be booked on it."""
    samples = measurements.used_by_day(session, server.name, now - LOOK_BACK)
    known = [one for one in last if one is not None]
    return CapacityView(
        server,
        sum(one.use.used_bytes for one in known),
        len(last) - len(known),
        growth(samples, now),
        full_at(samples, server.room_gib * GIB, now),
    )
