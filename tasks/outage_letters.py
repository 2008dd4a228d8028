"""Letters about alarms: one that it is there, one that it is over; and one that nobody measures (P11)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from prefect.events import emit_event

from hosting.errors import ServiceError
from hosting.inventory import levels, outages, probes
from hosting.inventory.session import in_transaction
from hosting.policy.outage_causes import Cause
from tasks.letters import local, tell_findings
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.inventory.outages import AlarmFacts, OutageFacts
    from hosting.policy.values import InstanceName

RAISED, OVER = "phm.alarm.raised", "phm.alarm.over"
"""Prefect's events about an alarm, for whoever wants to be called otherwise than by letter."""

SILENT_MOST = timedelta(minutes=10)
"""Where nothing was probed for so long, somebody is told; also longer than the longest interval of a level."""

SHOWN = 20
"""Instances that a letter names; of more it tells how many."""


class NobodyProbes(ServiceError):
    """Availability is not measured."""


@reading
def read_untold() -> list[AlarmFacts]:
    """The alarms of which the operators have not had both letters."""
    with inventory().reading() as session:
        return outages.untold_alarms(session)


@reading
def tell_alarm(alarm: AlarmFacts) -> bool:
    """The letters about an alarm that are due: one that it is there, one that it is over; each once.

    Raises:
        Unreachable: the relay does not take it.
    """
    with inventory().reading() as session:
        of_it = outages.outages_in_alarm(session, alarm.id)
    told = False
    if alarm.told_at is None:
        key = f"alarm:{alarm.id}:{len(of_it)}"  # who joins later may be told of
        told = tell_findings(key, _title(alarm), [_finding(alarm, of_it)])
        _told(alarm, RAISED, over=False)
    if alarm.ended_at is not None and alarm.told_over_at is None:
        title = f"{alarm.name} is reached {'from outside ' if alarm.is_way_out else ''}again"
        told = tell_findings(f"alarm-over:{alarm.id}", title, [_end(alarm, of_it)]) or told
        _told(alarm, OVER, over=True)
    return told


@reading
def check_probed() -> None:
    """See that somebody probes: what is not measured is up for nobody, and told to the operators once.

    Raises:
        NobodyProbes: nothing was probed for too long.
    """
    at = now()
    with inventory().reading() as session:
        last, opened = probes.last_probe(session), probes.active_instances(session)
        terms = levels.terms_of_instances(session, at)
    since = last or min(opened.values(), default=at)
    longest = max((2 * terms[name].probe_every for name in opened), default=SILENT_MOST)
    if not opened or at - since < max(SILENT_MOST, longest):
        return
    error = NobodyProbes(f"No instance was probed since {local(since)}.", "Look at phm status, then run phm up.")
    finding = {"subject": "prober", "sentence": error.what, "do": error.do}
    tell_findings(f"nobody-probes:{since:%Y%m%dT%H%M%S}", "Availability is not measured", [finding])
    raise error


def _told(alarm: AlarmFacts, event: str, *, over: bool) -> None:
    """That a letter about an alarm is out: on record, and an event for whoever wants to be called otherwise."""
    in_transaction(inventory(), lambda session: outages.record_told(session, alarm.id, now(), over=over))
    resource = {"prefect.resource.id": f"phm.alarm.{alarm.id}", "prefect.resource.name": alarm.subject}
    emit_event(event, resource, payload={"subject": alarm.subject, "instances": list(_whom(alarm, over=over))})
    run_logger().warning("Alarm %d about %s is %s.", alarm.id, alarm.subject, "over" if over else "raised")


def _title(alarm: AlarmFacts) -> str:
    """The subject of the letter."""
    if alarm.is_way_out:
        return f"{alarm.name} is not reached from outside"
    many = len(_whom(alarm))
    return f"{alarm.name} is not reached" if many == 1 else f"{alarm.name}: {many} instances are not reached"


def _finding(alarm: AlarmFacts, of_it: Sequence[OutageFacts]) -> dict[str, str]:
    """What the letter says."""
    names = _names(_whom(alarm))
    if alarm.is_way_out:
        return {
            "subject": alarm.subject.replace(":", " "),
            "sentence": f"At {local(alarm.raised_at)} these were up at their location and not from outside: {names}.",
            "do": "Look at the zone, the way out, the control machine's network (docs/runbooks/outages.md).",
        }
    failing = [one for one in of_it if one.ended_at is None] or of_it
    since = min((one.began_at for one in failing), default=alarm.raised_at)
    causes = sorted({f"{one.cause}{f' ({one.why})' if one.why else ''}" for one in failing}) or [Cause.UNKNOWN.value]
    return {
        "subject": alarm.subject.replace(":", " "),
        "sentence": f"Since {local(since)} these fail: {names}. As far as is known: {', '.join(causes)}.",
        "do": "Look at the server's Apache, PHP and database (docs/runbooks/outages.md). The end is told.",
    }


def _end(alarm: AlarmFacts, of_it: Sequence[OutageFacts]) -> dict[str, str]:
    """What the letter says that it is over."""
    if alarm.is_way_out:
        names, told, reached = _names(alarm.instances), local(alarm.raised_at), local(alarm.ended_at)
        return {
            "subject": alarm.subject.replace(":", " "),
            "sentence": f"Told at {told}; what is up there is reached since {reached}. Named were: {names}.",
            "do": "Nothing: by the contract it was no outage.",
        }
    since = min((one.began_at for one in of_it), default=alarm.raised_at)
    until = max((one.ended_at for one in of_it if one.ended_at is not None), default=alarm.ended_at or alarm.raised_at)
    lasted = timedelta(seconds=round((until - since).total_seconds()))
    return {
        "subject": alarm.subject.replace(":", " "),
        "sentence": f"From {local(since)} to {local(until)} ({lasted}) these failed: {_names(alarm.instances)}.",
        "do": "State the cause if it is known: phm outage explain. It counts in the year's mean either way.",
    }


def _whom(alarm: AlarmFacts, *, over: bool = False) -> Sequence[InstanceName]:
    """Whom a letter is about: those that are down, of what is over all who were ever in it."""
    return alarm.instances if over else alarm.down or alarm.instances


def _names(whom: Sequence[InstanceName]) -> str:
    """Their names, as many as a letter shows."""
    shown = ", ".join(whom[:SHOWN])
    return shown if len(whom) <= SHOWN else f"{shown} and {len(whom) - SHOWN} more"
