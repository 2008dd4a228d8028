"""When servers are full if it goes on so, for who asks often: worked out anew only where something was measured."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from hosting.inventory.models import Instance, Measurement, Server
from hosting.policy.states import InstanceState
from hosting.policy.storage_forecast import LOOK_BACK, Sample, full_at
from hosting.policy.terms import GIB

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

LIVING = (InstanceState.ACTIVE, InstanceState.SUSPENDED)
"""The states of an instance that stores something."""


class Forecasts:
    """Forecasts for all servers, kept until a measurement comes, an instance changes its server, or a day is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: object = None
        self._full: Mapping[str, datetime] = {}

    def full_at(self, session: Session, now: datetime) -> Mapping[str, datetime]:
        """When what is stored on each server fills its room; a server of which that can't be told is left out."""
        stands = (
            session.scalar(select(func.max(Measurement.id))),
            [tuple(row) for row in session.execute(select(Server.name, Server.room_gib).order_by(Server.name))],
            [tuple(row) for row in session.execute(_homes().order_by(Instance.name))],
            f"{now:%Y-%m-%d}",
        )
        with self._lock:
            if self._of != stands:
                self._full, self._of = forecasts(session, now), stands
            return self._full


def forecasts(session: Session, now: datetime) -> dict[str, datetime]:
    """The same, worked out; in three queries, however many servers and instances there are."""
    rooms = {row.name: row.room_gib for row in session.execute(select(Server.name, Server.room_gib))}
    homes = {row.name: row.server_name for row in session.execute(_homes())}
    stored = Measurement.database_bytes + Measurement.files_bytes
    query = select(Measurement.instance_name, Measurement.at, stored).where(Measurement.at >= now - LOOK_BACK)
    histories: defaultdict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for name, at, used in session.execute(query.order_by(Measurement.at, Measurement.id)):
        if name in homes:
            histories[homes[name]][name].append(Sample(at, used))
    found = {server: full_at(together(list(of.values())), rooms[server] * GIB, now) for server, of in histories.items()}
    return {server: at for server, at in found.items() if at is not None}


def together(histories: Sequence[Sequence[Sample]]) -> list[Sample]:
    """What several instances stored together, once a day.

    One that came later counts with its first figure before: its coming is no growth.
    """
    moments = sorted({sample.at for samples in histories for sample in samples})
    last_of_day = {f"{at:%Y-%m-%d}": at for at in moments}
    sums = dict.fromkeys(last_of_day.values(), 0)
    for samples in histories:
        known = [sample.at for sample in samples]
        for at in sums:
            sums[at] += samples[max(0, bisect_right(known, at) - 1)].used_bytes
    return [Sample(at, used) for at, used in sums.items()]


def _homes() -> Select[str, str]:
    """Which server each instance that stores something is on."""
    return select(Instance.name, Instance.server_name).where(Instance.state.in_(LIVING))
