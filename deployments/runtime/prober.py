"""The prober: asks all instances at their intervals, writes what it saw, tells Prefect when somebody fails or is back.

`python -m deployments.runtime.prober`: a process of its own, since a run a minute would cost more than the probes, and
since it goes on measuring when Prefect is down. What it saw is in the inventory within seconds; killed, it has lost no
more than the round that was under way, and knows nothing that it would need when it begins again.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from deployments.connections import provide_all
from hosting.errors import ServiceError
from hosting.policy.probe_spans import Answer, Vantage
from hosting.policy.probing import ONE_PLACE, SPREAD, SPREAD_AT_LOCATION, by_location
from hosting.settings import load_settings
from tasks import probing
from tasks.outages import tell_prefect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from hosting.inventory.probes import Timed
    from hosting.policy.probe_spans import Span
    from hosting.policy.probing import Target
    from hosting.policy.values import ServerFacts, ServerName
    from tasks.probing import Plan

    Tell = Callable[[Sequence[str], Sequence[str]], object]

logger = logging.getLogger("phm.prober")

WRITTEN_EVERY_SECONDS = 5.0
"""What is asked within so long from outside is written at once: a crash loses that, a transaction is cheap."""

LOOK_SECONDS = 15.0
"""So often it is looked whether there is anybody to ask, as long as there is nobody; else with each round."""

KEPT_MOST = 500_000
"""So many results wait in memory while the inventory's database does not answer; then the oldest are given up."""

LEFT_OUT_SECONDS = 300.0
"""A server that could not ask is the last one to be tried for so long."""


@dataclass
class Prober:
    """All that a prober knows; nothing of it is needed when it begins again.

    Args:
        tell: is told who fails for as many probes as are an alarm, and who of those is up again.
        alarm_after: so many.
        asking: locations and intervals whose call is under way.
        resolving: in which names are resolved, so that a silent resolver keeps nothing else waiting.
        resolving_domains: in which customers' domains are, so that their silent zones keep none of ours waiting.
    """

    tell: Tell
    alarm_after: int
    waiting: list[Timed] = field(default_factory=list)
    failing: set[tuple[str, str]] = field(default_factory=set)
    left_out: dict[ServerName, float] = field(default_factory=dict)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    under_way: set[asyncio.Task[None]] = field(default_factory=set)
    asking: set[tuple[str, timedelta]] = field(default_factory=set)
    resolving: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(probing.RESOLVERS, "resolve"))
    resolving_domains: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(probing.RESOLVERS, "domain")
    )

    async def run(self) -> None:
        """Ask, for ever: each interval's instances when their round is due."""
        due: dict[timedelta, float] = {}
        plan: Plan | None = None
        while True:
            at = time.monotonic()
            if plan is None or not plan.targets or any(moment <= at for moment in due.values()):
                plan = await self._plan() or plan
            for interval, targets in _by_interval(plan).items():
                if due.get(interval, at) <= at:
                    due[interval] = max(due.get(interval, at) + interval.total_seconds(), at)
                    self._begin(self._round(targets, interval, plan.servers if plan else ()))
                    self._begin(self._by_domain(interval, plan))
            due = {interval: moment for interval, moment in due.items() if moment > at}
            pauses = [LOOK_SECONDS, *(moment - time.monotonic() for moment in due.values())]
            await asyncio.sleep(max(0.05, min(pauses)))

    async def _plan(self) -> Plan | None:
        """The plan as it is now; None where the inventory does not answer: the last one stands."""
        try:
            return await asyncio.to_thread(probing.read_plan)
        except ServiceError as error:
            logger.warning("%s", error)
            return None

    def _begin(self, work: Any) -> None:
        """Something that is done beside all else; the loop keeps it from being lost."""
        task = asyncio.get_running_loop().create_task(_logged(work))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def _round(self, targets: Sequence[Target], interval: timedelta, servers: Sequence[ServerFacts]) -> None:
        """One round of an interval's instances, from outside and at each location, side by side."""
        within, aside = (share * interval.total_seconds() for share in (SPREAD, SPREAD_AT_LOCATION))
        homes = load(ServiceSettings).probes.locations
        for here in by_location(servers, homes):
            names = {one.name for one in here}
            mine = [one for one in targets if one.server in names]
            if mine and len(here) > 1:
                self._begin(self._at_location(mine, here, aside, homes.get(here[0].name, ONE_PLACE)))
        addresses = await probing.addresses_of({one.host for one in targets}, self.resolving)
        known = [one for one in targets if one.host in addresses]
        if not known:
            await self._write([])  # what waits
            return
        parts = max(1, min(len(known), round(within / WRITTEN_EVERY_SECONDS)))
        trust = load(ServiceSettings).trust
        began = time.monotonic()
        for place in range(parts):
            self._begin(self._outside(known[place::parts], within / parts, trust, addresses))
            await asyncio.sleep(max(0.0, began + (place + 1) * within / parts - time.monotonic()))

    async def _outside(
        self, targets: Sequence[Target], within: float, trust: Any, addresses: Mapping[str, str]
    ) -> None:
        """Some instances from outside."""
        await self._write(await probing.ask_from_outside(targets, within, trust, addresses))

    async def _by_domain(self, interval: timedelta, plan: Plan | None) -> None:
        """One round of an interval's instances by their customers' own domains."""
        targets = [one for one in plan.domains if one.interval == interval] if plan else []
        if plan and targets:
            within, trust = SPREAD * interval.total_seconds(), load(ServiceSettings).trust
            domains = self.resolving_domains
            await self._write(await probing.ask_by_domain(targets, within, trust, plan.servers, domains))

    async def _at_location(
        self, targets: Sequence[Target], here: Sequence[ServerFacts], within: float, place: str
    ) -> None:
        """The instances of a location, asked there; not while the last call of their interval is still under way."""
        at, asked = time.monotonic(), (place, targets[0].interval)
        where = f"the location {place}" if place else "the location"
        if asked in self.asking:
            logger.warning("At %s the last call is still under way: this round is left out.", where)
            return
        self.asking.add(asked)
        order = sorted(here, key=lambda one: self.left_out.get(one.name, 0.0) > at)
        try:
            found, failed = await asyncio.to_thread(probing.ask_at_location, targets, order, within)
        finally:
            self.asking.discard(asked)
        self.left_out.update(dict.fromkeys(failed, at + LEFT_OUT_SECONDS))
        if len(found) < len(targets):
            logger.warning("%d of %d instances were not asked at %s.", len(targets) - len(found), len(targets), where)
        await self._write(found)

    async def _write(self, found: list[Timed]) -> None:
        """Results in the inventory, with those that could not be written before; they wait where it does not answer."""
        async with self.writing:
            self.waiting = [*self.waiting, *found][-KEPT_MOST:]
            if not self.waiting:
                return
            try:
                spans = await asyncio.to_thread(probing.record, self.waiting)
            except ServiceError as error:
                logger.warning("%d results wait: %s", len(self.waiting), error)
                return
            except Exception:  # one that can't be kept must not keep all others from it for ever
                logger.exception("%d results are given up.", len(self.waiting))
                self.waiting = []
                return
            self.waiting = []
        self._tell(spans)

    def _tell(self, spans: Sequence[Span]) -> None:
        """Who has failed so often now that it is an alarm, and who of those is up again."""
        down, up = [], []
        for span in (one for one in spans if one.vantage is not Vantage.DOMAIN):
            key = (str(span.instance), span.vantage.value)
            if span.answer is Answer.UP and key in self.failing:
                self.failing.discard(key)
                up.append(key[0])
            elif span.answer is not Answer.UP and span.probes >= self.alarm_after and key not in self.failing:
                self.failing.add(key)
                down.append(key[0])
        if down or up:
            logger.warning("down: %s; up again: %s", ", ".join(down) or "none", ", ".join(up) or "none")
            self.tell(down, up)


async def _logged(work: Any) -> None:
    """Something awaited whose failure is told and ends nothing else."""
    try:
        await work
    except Exception:
        logger.exception("A round was not finished.")


def _by_interval(plan: Plan | None) -> dict[timedelta, list[Target]]:
    """What is to be asked how often."""
    found: dict[timedelta, list[Target]] = {}
    for one in plan.targets if plan else ():
        found.setdefault(one.interval, []).append(one)
    return found


def main() -> int:
    """Probe until the process is ended, which it needs no word of; 1 if it can't begin."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    for name in ("httpx", "paramiko"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        settings = load_settings()
    except ServiceError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    provide_all(settings)
    asyncio.run(Prober(tell_prefect, settings.probes.alarm_after).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
