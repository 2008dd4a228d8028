"""The service's prober at a quick pace, as a process of its own, beside the session's service."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from deployments.runtime.processes import Processes
from deployments.runtime.services import PROBER, services
from hosting.inventory import outages, probes
from hosting.inventory.availability_views import year_of_instance
from hosting.policy.probe_spans import Vantage
from hosting.settings import SETTINGS_FILE
from tests.service.plans import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hosting.inventory.outages import AlarmFacts, OutageFacts
    from hosting.policy.availability_year import YearTold
    from hosting.policy.probe_spans import Span
    from tests.service_fixture import Service

INTERVAL = timedelta(seconds=4)
HERE = ZoneInfo("Europe/Berlin")
ALARM_AFTER = 2
LONG_SECONDS = 60.0


@dataclass
class Probed:
    """A service whose instances are probed."""

    service: Service
    processes: Processes

    def begin(self) -> datetime:
        """The prober runs from now on."""
        from deployments.runtime.environment import Places

        part = services(self.service.settings, Places(self.service.home))[PROBER]
        at = datetime.now(UTC)
        self.processes.start(PROBER, part.command, self.service.environment, folder=self.service.home)
        return at

    def kill(self) -> datetime:
        """It is killed, whatever it is doing."""
        self.processes.end(PROBER, 0.0)
        return datetime.now(UTC)

    def spans(self, name: str, since: datetime) -> list[Span]:
        """What was seen of an instance since a moment."""
        with self.service.inventory.reading() as session:
            return probes.spans_of(session, name, since, datetime.now(UTC))

    def until(self, wanted: Callable[[], bool], seconds: float = LONG_SECONDS) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + seconds
        while not wanted():
            assert time.monotonic() < deadline, self.processes.last_words(PROBER, 30)
            time.sleep(0.2)

    def seen(self, name: str, since: datetime, answer: str) -> None:
        """Wait until both vantages that decide had this answer of an instance, after a moment."""
        self.until(lambda: {Vantage.LOCATION, Vantage.OUTSIDE} <= self.having(name, since, answer))

    def seen_at(self, vantage: Vantage, name: str, since: datetime, answer: str) -> datetime:
        """Wait until one vantage had this answer of an instance, after a moment; when that was."""
        self.until(lambda: vantage in self.having(name, since, answer))
        return datetime.now(UTC)

    def having(self, name: str, since: datetime, answer: str) -> set[Vantage]:
        """The vantages that had this answer of an instance, after a moment."""
        return {one.vantage for one in self.spans(name, since) if one.answer == answer and one.until > since}

    def year(self, name: str) -> YearTold:
        """The year of an instance, up to now."""
        now = datetime.now(UTC)
        with self.service.inventory.reading() as session:
            return year_of_instance(session, name, now.astimezone(HERE).year, now, INTERVAL.total_seconds()).told

    def look(self) -> None:
        """A run of the flow."""
        outcome = self.service.runner.run(Plan(flow="flows.measure_availability.measure_availability"))
        assert outcome.completed, outcome

    def outages(self, name: str, since: datetime) -> list[OutageFacts]:
        """The outages of an instance on record that began since a moment."""
        with self.service.inventory.reading() as session:
            found = outages.outages_between(session, since, datetime.now(UTC), [name])
        return [one for one in found if one.began_at >= since]

    def alarms(self) -> list[AlarmFacts]:
        """The alarms that are not over."""
        with self.service.inventory.reading() as session:
            return outages.open_alarms(session)


@contextlib.contextmanager
def probed(service: Service) -> Iterator[Probed]:
    """The prober at this pace while this lasts."""
    file = service.home / SETTINGS_FILE
    before = file.read_text(encoding="utf-8")
    file.write_text(
        f"{before}\n[probes]\nseconds = {INTERVAL.total_seconds()}\nalarm_after = {ALARM_AFTER}\n", encoding="utf-8"
    )
    made = Probed(service, Processes(service.home / "run", service.home / "log"))
    made.begin()
    try:
        yield made
    finally:
        made.kill()
        file.write_text(before, encoding="utf-8")
