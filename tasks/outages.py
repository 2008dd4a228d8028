"""From what probes saw to outages and alarms on record (P11)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prefect.events import emit_event

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.inventory import instances, levels, outage_labels, outages, probes
from hosting.inventory.session import in_transaction
from hosting.policy.availability import Standing, server_faults, timeline
from hosting.policy.outage_alarms import (
    Failing,
    OpenAlarm,
    failed_probes,
    found_in,
    is_back,
    is_reached,
    returned,
    way_out_failing,
)
from hosting.policy.outage_causes import Cause
from hosting.policy.probing import interval_of
from hosting.policy.states import InstanceState
from tasks.probed_days import AROUND, uncounted_since
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session

    from hosting.inventory.outages import AlarmFacts, OutageFacts
    from hosting.policy.availability import Stretch
    from hosting.policy.outage_alarms import FoundOutage, Raised
    from hosting.policy.outage_causes import Labelled
    from hosting.policy.probe_spans import Span
    from hosting.policy.values import InstanceName, ServerName

CHANGED = "phm.probes.changed"
"""Prefect's event that somebody fails or is back, by the prober."""


@dataclass(frozen=True)
class Seen:
    """An instance that is looked at.

    Args:
        line: how it stood since the look begins.
        spans: what its probes saw in that time.
        interval: between two probes.
    """

    instance: InstanceName
    server: ServerName
    line: tuple[Stretch, ...]
    spans: tuple[Span, ...]
    interval: timedelta

    @property
    def outages(self) -> list[FoundOutage]:
        """Its outages."""
        return found_in(self.instance, self.server, self.line)


@dataclass(frozen=True)
class Look:
    """What is known of the instances that failed lately, and of all others on their servers.

    Args:
        at: the moment.
        since: so far was looked back.
        seen: the instances.
        alarms: those that are open.
        alarm_after: so many probes that failed are an alarm.
    """

    at: datetime
    since: datetime
    seen: tuple[Seen, ...]
    alarms: tuple[AlarmFacts, ...]
    alarm_after: int

    @property
    def open_subjects(self) -> dict[str, OpenAlarm]:
        """The alarms that are open, by what they are about."""
        return {one.subject: OpenAlarm(one.id, one.told_at, one.instances) for one in self.alarms}

    @property
    def members(self) -> dict[InstanceName, int]:
        """The alarms of those who are down now and were not back since they came into it."""
        found = {}
        for one in (one for one in self.seen if one.line and one.line[-1].standing is Standing.DOWN):
            for alarm in self.alarms:
                began_at = alarm.latest.get(one.instance)
                if began_at is not None and not returned(one.line, began_at, self.steady(one)):
                    found[one.instance] = alarm.id
        return found

    @property
    def failing(self) -> list[Failing]:
        """Who is down at this moment, or not reached from outside."""
        member, found = self.members, []
        for one in self.seen:
            astray = way_out_failing(one.line, one.spans)
            if astray is not None:
                found.append(Failing(one.instance, one.server, *astray, Cause.WAY_OUT, way_out=True))
            if one.line and one.line[-1].standing is Standing.DOWN:
                since = one.outages[-1].began_at
                probed, cause = failed_probes(one.spans, since), one.line[-1].cause or Cause.UNKNOWN
                found.append(Failing(one.instance, one.server, since, probed, cause, member.get(one.instance)))
        return found

    def steady(self, one: Seen) -> timedelta:
        """So long an instance is up until it is back."""
        return (self.alarm_after - 1) * one.interval

    def is_over(self, alarm: AlarmFacts) -> bool:
        """Whether all that an alarm is about are back, or gone."""
        if alarm.is_way_out:
            return all(is_reached(one.line, self.steady(one)) for one in self.seen if one.server == alarm.name)
        there = {one.instance: one for one in self.seen}
        seen = [there[name] for name in alarm.instances if name in there]
        return all(is_back(one.line, self.steady(one)) for one in seen)


def tell_prefect(down: Sequence[str], up: Sequence[str]) -> None:
    """An event that somebody fails for as many probes as are an alarm, or is up again; the flow is run by it."""
    resource = {"prefect.resource.id": "phm.prober", "prefect.resource.name": "prober"}
    emit_event(CHANGED, resource, payload={"down": sorted(set(down)), "up": sorted(set(up))})


@reading
def look_at_outages() -> Look:
    """Who failed since the last day that is counted, or is on record as failing, with all that is on their servers.

    What is on record of an instance whose contract is over is ended before: nobody would look at it any more.
    """
    at = now()
    in_transaction(inventory(), lambda session: outages.end_outages_of_gone(session, at))
    with inventory().reading() as session:
        known, alarms = outages.open_outages(session), outages.open_alarms(session)
        since = min([uncounted_since(session) or at, *(one.began_at for one in known)])
        wanted = probes.failing_since(session, since) | {one.instance for one in known}
        wanted |= {name for one in alarms for name in one.instances}
        seen = _seen(session, wanted, since, at) if wanted else ()
    return Look(at, since, seen, tuple(alarms), load(ServiceSettings).probes.alarm_after)


@reading
def record_outages(look: Look) -> list[OutageFacts]:
    """The outages on record as they were found; those that are open."""
    found = [one for seen in look.seen for one in seen.outages]
    names = [one.instance for one in look.seen]
    member = look.members

    def record(session: Session) -> list[OutageFacts]:
        outages.record_found(session, names, found, look.since)
        for one in found:
            if one.ended_at is None and one.instance in member:
                outages.join_open_alarm(session, one.instance, member[one.instance])
        return outages.open_outages(session)

    return in_transaction(inventory(), record)


@reading
def record_alarms(look: Look, raised: Sequence[Raised]) -> list[AlarmFacts]:
    """New alarms, and who joins open ones; what is over is ended."""

    def record(session: Session) -> list[AlarmFacts]:
        made = outages.raise_alarms(session, raised, look.at)
        for one in outages.open_alarms(session):
            if look.is_over(one):
                outages.end_alarm(session, one.id, look.at)
        return made

    return in_transaction(inventory(), record)


def _seen(session: Session, wanted: set[InstanceName], since: datetime, at: datetime) -> tuple[Seen, ...]:
    """These instances and all others on their servers; a fault of a server is seen by all that is on it."""
    setting, states = load(ServiceSettings).probes.seconds, (InstanceState.ACTIVE, InstanceState.SUSPENDED)
    living = [one for one in instances.all_instances(session) if one.state in states]
    homes = {one.server_name for one in living if one.name in wanted}
    there = [one for one in living if one.server_name in homes]
    spans = probes.spans_between(session, since - AROUND, at, [one.name for one in there])
    labels, terms = outage_labels.labels_between(session, since, at), levels.terms_of_instances(session, at)
    found = []
    for one in there:
        own, interval = tuple(spans.get(one.name, ())), interval_of(terms[one.name], setting)
        line = timeline(own, labels.get(one.name, ()), max(since, one.active_at or since), at, interval)
        found.append(Seen(one.name, one.server_name, line, own, interval))
    return _with_faults(found, labels)


def _with_faults(seen: Sequence[Seen], labels: Mapping[InstanceName, Sequence[Labelled]]) -> tuple[Seen, ...]:
    """The same, with what befell their servers as a cause where there is no other."""
    lines: defaultdict[ServerName, list[Sequence[Stretch]]] = defaultdict(list)
    for one in seen:
        lines[one.server].append(one.line)
    faults = {server: server_faults(all_there) for server, all_there in lines.items()}
    found = []
    for one in seen:
        line = one.line
        if line and faults[one.server]:
            told = [*labels.get(one.instance, ()), *faults[one.server]]
            line = timeline(one.spans, told, line[0].since, line[-1].until, one.interval)
        found.append(replace(one, line=line))
    return tuple(found)
