"""From probes on record to outages, one letter at an alarm's beginning and one at its end, and counted days (P11)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from blocks.loading import load, provide
from blocks.service_settings import ServiceSettings
from hosting.inventory import outages, probes
from hosting.inventory.models import Instance, Move
from hosting.inventory.probes import Timed
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.outage_alarms import alarms
from hosting.policy.outage_causes import Cause
from hosting.policy.probe_spans import Answer, Probe, Vantage
from hosting.policy.states import InstanceState
from hosting.policy.values import InstanceName
from hosting.settings import ProbeSettings
from tasks import outage_letters
from tasks import outages as outage_tasks
from tasks.outage_letters import NobodyProbes, check_probed, read_untold, tell_alarm
from tasks.outages import look_at_outages, record_alarms, record_outages
from tasks.probed_days import count_days, forget_old_spans
from tests.inventory.words import NOW
from tests.service.records import opened, provided
from tests.service.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

MINUTE = timedelta(minutes=1)
UP, DOWN, GONE = Answer.UP, Answer.BROKEN, Answer.UNREACHABLE


@dataclass
class World:
    """Instances on a server, what their probes say minute by minute, and the operators' letters."""

    inventory: Inventory
    relay: Relay
    names: list[InstanceName]
    minute: int = 0
    events: list[str] = field(default_factory=list)

    def probes(self, minutes: int, **answers: Answer) -> None:
        """So many rounds from outside; who is not named (a, b, c) is up."""
        for _ in range(minutes):
            at, said = NOW + self.minute * MINUTE, dict(zip("abc", self.names, strict=False))
            found = [
                Timed(Probe(name, Vantage.OUTSIDE, answers.get(letter, UP), at), MINUTE)
                for letter, name in said.items()
            ]
            in_transaction(self.inventory, partial(probes.record_probes, found=found))
            self.minute += 1

    def at_location(self, minutes: int) -> None:
        """So many last rounds were answered at the location by all."""
        for minute in range(self.minute - minutes, self.minute):
            at = NOW + minute * MINUTE
            found = [Timed(Probe(name, Vantage.LOCATION, UP, at), MINUTE) for name in self.names]
            in_transaction(self.inventory, partial(probes.record_probes, found=found))

    def look(self, after: float = 0.1) -> None:
        """What a run of the flow does about outages, right after the last round or later."""
        with time_machine.travel(NOW + (self.minute - 1 + after) * MINUTE, tick=False):
            look = look_at_outages.fn()
            record_outages.fn(look)
            due = alarms(look.failing, look.open_subjects, look.alarm_after, look.at)
            record_alarms.fn(look, due)
            for one in read_untold.fn():
                tell_alarm.fn(one)

    def known(self) -> list[tuple[str, int, int | None, Cause]]:
        with self.inventory.reading() as session:
            found = outages.outages_between(session, NOW, NOW + timedelta(days=1))
        return [
            (
                "abc"[self.names.index(one.instance)],
                round((one.began_at - NOW) / MINUTE),
                None if one.ended_at is None else round((one.ended_at - NOW) / MINUTE),
                one.cause,
            )
            for one in found
        ]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    relay = Relay()
    with relay.up(), provided(tmp_path, relay_port=relay.port) as inventory:
        names = [InstanceName(opened(inventory, f"A-{number}", NOW)) for number in range(3)]
        made = World(inventory, relay, names)
        for module in (outage_letters, outage_tasks):
            monkeypatch.setattr(module, "emit_event", lambda event, *_, **__: made.events.append(event))
        yield made


def test_an_outage_is_told_once_after_three_failed_probes_and_once_when_it_is_over(world: World) -> None:
    world.probes(5)
    world.probes(2, a=DOWN)
    world.look()
    assert world.known() == [("a", 5, None, Cause.UNKNOWN)]
    assert world.relay.subjects == []
    world.probes(1, a=DOWN)
    world.look()
    world.look()
    first = world.names[0]
    assert world.relay.subjects == [f"{first} is not reached"]
    world.probes(10, a=GONE)
    world.look()
    assert len(world.relay.subjects) == 1
    world.probes(1)
    world.look()
    assert world.known() == [("a", 5, 18, Cause.UNKNOWN)]
    assert len(world.relay.subjects) == 1, "one good probe is no end yet"
    world.probes(2)
    world.look()
    world.look()
    assert world.relay.subjects == [f"{first} is not reached", f"{first} is reached again"]
    assert "(0:13:00)" in world.relay.letters[-1].get_body(("plain",)).get_content().replace("\n", " ")
    assert world.events == ["phm.alarm.raised", "phm.alarm.over"]


def test_a_short_outage_is_on_record_and_calls_nobody(world: World) -> None:
    world.probes(5)
    world.probes(1, b=DOWN)
    world.probes(3)
    world.look()
    assert world.known() == [("b", 5, 6, Cause.UNKNOWN)]
    assert world.relay.subjects == []


def test_a_server_that_is_down_is_one_alarm_that_names_it_whoever_fails_first(world: World) -> None:
    world.probes(5)
    world.probes(1, a=GONE)
    world.probes(2, a=GONE, b=GONE)
    world.look()
    world.probes(1, a=GONE, b=GONE, c=GONE)
    world.look()
    assert world.relay.subjects == ["app1: 2 instances are not reached"]
    world.probes(3, a=GONE, b=GONE, c=GONE)
    world.look()
    with world.inventory.reading() as session:
        assert [one.subject for one in outages.open_alarms(session)] == ["server:app1"]
        assert len(outages.open_alarms(session)[0].instances) == 3
    world.probes(4)
    world.look()
    assert world.relay.subjects == ["app1: 2 instances are not reached", "app1 is reached again"]
    assert {cause for *_, cause in world.known()} == {Cause.OURS}


def test_who_falls_later_on_a_server_that_has_an_alarm_is_told_of(world: World) -> None:
    first, second, third = world.names
    world.probes(5)
    world.probes(4, a=GONE, b=GONE)
    world.look()
    world.probes(6, a=GONE)
    world.look()
    assert len(world.relay.subjects) == 1, "the second is back, the first keeps the alarm open"
    world.probes(3, a=GONE, b=GONE, c=GONE)
    world.look()
    world.look()
    assert world.relay.subjects == ["app1: 2 instances are not reached", "app1: 3 instances are not reached"]
    world.probes(4, a=GONE)
    world.look()
    world.probes(60, a=GONE)
    world.probes(3, a=GONE, c=GONE)
    world.look()
    world.look()
    assert world.relay.subjects[2:] == ["app1: 2 instances are not reached"]
    told = world.relay.letters[-1].get_body(("plain",)).get_content()
    assert (first in told, second in told, third in told) == (True, False, True)
    assert world.events == ["phm.alarm.raised"] * 3
    world.probes(3)
    world.look()
    assert world.relay.subjects[3:] == ["app1 is reached again"]


def test_what_is_up_at_its_location_and_not_reached_from_outside_calls_somebody_and_is_no_outage(world: World) -> None:
    world.probes(5)
    world.at_location(5)
    world.probes(2, a=GONE)
    world.at_location(2)
    world.look()
    assert world.relay.subjects == []
    world.probes(2, a=GONE)
    world.at_location(2)
    world.look()
    world.look()
    assert world.relay.subjects == ["app1 is not reached from outside"]
    assert f"up at their location and not from outside: {world.names[0]}." in " ".join(world.relay.text().split())
    assert world.known() == []
    world.probes(4)
    world.at_location(4)
    world.look()
    world.look()
    assert world.relay.subjects[1:] == ["app1 is reached from outside again"]
    assert f"Named were: {world.names[0]}." in " ".join(world.relay.text().split())


def test_an_alarm_is_not_over_while_nobody_measures(world: World) -> None:
    world.probes(5)
    world.probes(4, a=DOWN)
    world.look()
    world.look(after=30)
    assert world.known() == [("a", 5, None, Cause.UNKNOWN)]
    assert len(world.relay.subjects) == 1
    world.minute += 30
    world.probes(3)
    world.look()
    assert world.known() == [("a", 5, 9, Cause.UNKNOWN)], "what nobody measured is no outage"
    assert len(world.relay.subjects) == 2


def test_who_falls_again_before_the_end_was_told_stays_in_the_alarm(world: World) -> None:
    world.probes(5)
    for _ in range(3):
        world.probes(4, a=DOWN)
        world.look()
        world.probes(1)
        world.look()
    assert len(world.known()) == 3
    assert len(world.relay.subjects) == 1


def test_a_move_explains_the_outage_that_it_makes_and_calls_nobody(world: World) -> None:
    move = Move(
        instance_name=world.names[0], source_name="app1", target_name="app2", state="frozen", why="", evidence={},
        agreed_at=NOW, agreed_by="olga", due_at=NOW, finding="", without_backup=False, begun_at=NOW,
        closed_at=NOW + 5 * MINUTE,
    )  # fmt: skip
    in_transaction(world.inventory, lambda session: session.add(move))
    world.probes(5)
    world.probes(5, a=Answer.OFFLINE)
    world.look()
    assert world.known() == [("a", 5, None, Cause.MOVE)]
    assert world.relay.subjects == []


def test_who_is_gone_while_he_is_down_is_not_looked_back_for_for_ever(world: World) -> None:
    world.probes(5)
    world.probes(4, a=DOWN)
    world.look()

    def close(session: Session) -> None:
        session.get_one(Instance, world.names[0]).state = InstanceState.CLOSED

    in_transaction(world.inventory, close)
    world.names = world.names[1:]
    world.probes(1)
    world.look()
    with world.inventory.reading() as session:
        assert outages.open_outages(session) == []
    assert world.events == ["phm.alarm.raised", "phm.alarm.over"]
    with time_machine.travel(NOW + timedelta(days=40), tick=False):
        count_days.fn()
        assert look_at_outages.fn().since > NOW + timedelta(days=38)


def test_days_are_counted_once_and_only_then_their_spans_go(world: World) -> None:
    world.probes(60)
    world.probes(6, a=DOWN)
    world.minute += 54
    world.probes(60)
    berlin = ZoneInfo("Europe/Berlin")
    with time_machine.travel(datetime(2026, 11, 24, 0, 30, tzinfo=berlin), tick=False):
        assert count_days.fn() == []
    with time_machine.travel(datetime(2026, 11, 24, 1, 30, tzinfo=berlin), tick=False):
        assert forget_old_spans.fn() == 0
        assert count_days.fn() == [date(2026, 11, 23)]
        assert count_days.fn() == []
    with world.inventory.reading() as session:
        days = {one.instance: one for one in probes.days_between(session, date(2026, 11, 23), date(2026, 11, 23))}
    first = days[world.names[0]]
    assert first.up == 60 * MINUTE + 59 * MINUTE
    assert first.down == 6 * MINUTE
    assert first.up + first.down + first.unmeasured == timedelta(hours=13), "from its opening at 11:00 on"
    provide(load(ServiceSettings).model_copy(update={"probes": ProbeSettings(months_kept=14)}))
    with time_machine.travel(datetime(2028, 2, 1, tzinfo=berlin), tick=False):
        count_days.fn()
        assert forget_old_spans.fn() > 0


def test_that_nobody_probes_is_told_once(world: World) -> None:
    world.probes(3)
    with time_machine.travel(NOW + 8 * MINUTE, tick=False):
        check_probed.fn()
    for _ in range(2):
        with time_machine.travel(NOW + 20 * MINUTE, tick=False), pytest.raises(NobodyProbes):
            check_probed.fn()
    assert world.relay.subjects == ["Availability is not measured"]


def test_the_prober_tells_prefect_who_changed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(outage_tasks, "emit_event", lambda *args, **kw: told.append((args[0], kw["payload"])))
    outage_tasks.tell_prefect(["b", "a", "a"], [])
    assert told == [("phm.probes.changed", {"down": ["a", "b"], "up": []})]
