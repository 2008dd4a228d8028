"""When a server's update has its turn, who is told of it, and the reboot that it asks for (P15, P16)."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from hosting.commands import packages
from hosting.errors import Unreachable
from hosting.inventory import announcements, deeds, server_updates, servers
from hosting.inventory.server_updates import REBOOTED, UPDATED
from hosting.inventory.session import in_transaction
from hosting.policy.announcements import Times, Update, UpdateKind, UpdateReason, earliest_planned
from hosting.policy.maintenance import Window, check_may_begin, expected_duration
from hosting.policy.server_updates import (
    REBOOT_STOP_SECONDS,
    STOP_SECONDS,
    URGENT_SAME,
    USUAL,
    Scope,
    needs_reboot,
    reboot_window,
    urgent_window,
)
from tasks.records import inventory, now
from tasks.server_updates import NotBack, read_health, read_system
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.announcements import Announced
    from hosting.policy.server_updates import SystemFacts
    from hosting.policy.values import ServerFacts

BACK_SECONDS = 900.0
"""A server that is not back for so long after its reboot is a person's matter."""

LOOK_SECONDS = 3.0
REASONS = {Scope.SECURITY: UpdateReason.SECURITY, Scope.FULL: UpdateReason.CURRENT}
REBOOTS = "server:reboot"
URGENT = ":urgent"


@reading
def take_turn(server: ServerFacts, scope: Scope, urgent: str | None) -> str:
    """The time in which an update may be made now, recorded for each instance; urgent work is told within a minute.

    Urgent work that was told and not done counts for the run that does it after all: nobody is told it twice, and
    other times only where those that were told are over.

    Args:
        server: which.
        scope: which updates.
        urgent: why it leaves the off-peak window; None where it doesn't.

    Returns:
        The key under which its turns are announced.

    Raises:
        OutsideWindow: it would not end off-peak.
        ReasonMissing: it is urgent, and nobody says why.
    """
    at, state = now(), load(ServiceSettings).holidays_state
    with inventory().reading() as session:
        levels = server_updates.levels_on(session, server.name, now())
        names = [one.name for one in server_updates.open_instances(session, server.name)]
        lasts = expected_duration(server_updates.past(session, server.name, UPDATED), USUAL)
        told = _told_before(session, scope, names, at) if urgent is not None else []
    window = check_may_begin(at, lasts, levels, state, urgent=urgent)
    if urgent is None:
        window = Window(window.opens, min(window.closes, window.opens + lasts))
    else:
        window = urgent_window(at, lasts, levels, state)
    turn = Times(window, STOP_SECONDS)
    key = f"server:{scope}:" + (f"{at:%Y-%m-%d}" if urgent is None else f"{at:%Y-%m-%dT%H:%M:%S}{URGENT}")
    key = told[0].update.key if told else key
    update = Update(key, UpdateKind.SERVER, REASONS[scope], urgent=urgent is not None)
    holds = {one.instance_name for one in told if at + lasts <= one.times.window.closes}
    told_now = [str(name) for name in names if name not in holds]
    _announce(update, dict.fromkeys(told_now, turn), urgent or "off-peak, as planned", state)
    return key


@reading
def record_turns(server: ServerFacts, key: str, stop_seconds: float | None = None) -> None:
    """The turns of the instances on a server have begun, or ended where a stop is told."""
    at = now()

    def record(session: Session) -> None:
        for one in server_updates.open_instances(session, server.name):
            if stop_seconds is None:
                announcements.record_begun(session, key, one.name, at)
            else:
                announcements.record_ended(session, key, one.name, stop_seconds, at)

    in_transaction(inventory(), record)


@reading
def record_undone(server: ServerFacts, key: str) -> None:
    """The turns of the instances on a server have not begun after all: nothing was changed there."""

    def record(session: Session) -> None:
        for one in server_updates.open_instances(session, server.name):
            announcements.record_gone_back(session, key, one.name)

    in_transaction(inventory(), record)


@reading
def reboot_turn(server: ServerFacts, boot: str, why: str, urgent: str | None) -> tuple[str, Window]:
    """When a server that needs a reboot is rebooted: planned once for each boot, told to its customers before.

    A turn in which it would not end any more is planned anew; one that stands is told nobody twice, also where it is
    urgent. Whoever comes to the server meanwhile is told at once: newcomers don't put off what the others were told.

    Args:
        server: which.
        boot: the present one; another one is another turn.
        why: it needs the reboot, for the record.
        urgent: why it can't wait for the notice; None where it can.

    Returns:
        The key of its announcement, and the time in which the reboot may begin.
    """
    at, state = now(), load(ServiceSettings).holidays_state
    key = f"{REBOOTS}:{server.name}:{boot[:8]}" + (URGENT if urgent is not None else "")
    with inventory().reading() as session:
        levels = server_updates.levels_on(session, server.name, now())
        names = [one.name for one in server_updates.open_instances(session, server.name)]
        told = announcements.announced_of(session, key)
        known = {one.instance_name: one for one in told if one.called_off_at is None}
        stop = _expected_stop(session, server.name)
    planned = next((known[name].times.window for name in names if name in known), None)
    lasts = timedelta(seconds=stop)
    stands = planned is not None and at + lasts < planned.closes
    if planned is not None and stands:
        window = planned
    elif urgent is not None:
        window = urgent_window(at, lasts, levels, state)
    else:
        notice = max(earliest_planned(at, stop, terms) for terms in levels) if names else at - timedelta(hours=1)
        window = reboot_window(notice, levels, state, lasts=lasts)
    told_now = [str(name) for name in names if not (stands and name in known)]
    update = Update(key, UpdateKind.SERVER, UpdateReason.SECURITY, urgent=urgent is not None)
    _announce(update, dict.fromkeys(told_now, Times(window, stop)), why, state, late=stands)
    run_logger().info("%s: reboot planned from %s on", server.name, window.opens)
    return key, window if urgent is not None else Window(window.opens, window.closes - lasts)


@reading
def reboot_and_wait(server: ServerFacts, boot: str, seconds: float = BACK_SECONDS) -> float:
    """A server is rebooted once and back, with all that has to run; the seconds that it took.

    Raises:
        NotBack: it did not come back in time.
        StepFailed: something does not run after it.
    """
    began, is_asked = time.monotonic(), False
    while True:
        try:
            ssh = load(SshHost).connection(server)
            if ssh.run(packages.read_boot()).out.strip() != boot:
                ssh.run(packages.ensure_units_run(*packages.units_of(server.flavours)))
                return round(time.monotonic() - began, 1)
            if not is_asked:
                ssh.run(packages.reboot())
                is_asked = True
        except Unreachable:
            run_logger().info("%s is not back yet", server.name)
        if time.monotonic() - began > seconds:
            raise NotBack(server.name, boot, seconds)
        time.sleep(LOOK_SECONDS)


@reading
def end_left_reboots(server: ServerFacts, facts: SystemFacts) -> None:
    """Where nobody saw the end of a reboot, since its run was killed or gave up: it ended with the boot that is.

    One that was told and does not come about is called off: of another boot, needed no more, or of who has left.
    """
    of_server = f"{REBOOTS}:{server.name}:"
    why = "" if needs_reboot(facts) else "The server needs no reboot any more."
    in_transaction(inventory(), lambda session: _call_off_reboots(session, server.name, facts.boot[:8], why))
    with inventory().reading() as session:
        begun = announcements.left_begun(session, of_server)
    left = [one for one in begun if not one.update.key.startswith(f"{of_server}{facts.boot[:8]}")]
    if not left:
        return
    wrong, up_at = read_health.fn(server), now() - timedelta(seconds=facts.up_seconds)

    def record(session: Session) -> None:
        for one in left:
            if one.begun_at is not None and not wrong.get(one.instance_name):
                ended = max(up_at, one.begun_at)
                stop = (ended - one.begun_at).total_seconds()
                announcements.record_ended(session, one.update.key, one.instance_name, stop, ended)

    in_transaction(inventory(), record)


@reading
def settle_if_back(server: ServerFacts) -> None:
    """What halts updates since a server did not come back from its reboot is over, once it is back and all is well."""
    with inventory().reading() as session:
        boots = [
            case.facts["boot"] for case in server_updates.halts(session)
            if case.subject == servers.subject_of(server.name) and "boot" in case.facts
        ]  # fmt: skip
    if not boots:
        return
    facts = read_system.fn(server)
    if facts.boot in boots or any(read_health.fn(server).values()):
        return  # it never went down, or a person has to look on
    why = "It is back from its reboot, and all is well."
    settle = partial(server_updates.settle_halts, server=server.name, by=deeds.SERVICE, why=why, now=now())
    in_transaction(inventory(), settle)


@reading
def record_rebooted(server: ServerFacts, why: str, stop_seconds: float, by: str) -> None:
    """By the next reboot's expectation; what else was planned before it is called off."""

    def record(session: Session) -> None:
        evidence, subject = {"seconds": stop_seconds}, servers.subject_of(server.name)
        deeds.record(session, by, REBOOTED, subject, why=why, evidence=evidence, now=now())
        _call_off_reboots(session, server.name, "", "The server was rebooted already.")

    in_transaction(inventory(), record)


def _call_off_reboots(session: Session, server: str, boot: str, why: str) -> None:
    """Reboots of a server that were planned don't come about: whoever was told of one is told that it is off.

    Args:
        session: of the transaction.
        server: which.
        boot: the present one, by its first letters; what was planned before another one is past.
        why: also those of this boot are off; empty where they stand, for all who are still there.
    """
    of_server = f"{REBOOTS}:{server}:"
    here = {one.name for one in server_updates.open_instances(session, server)}
    for one in announcements.still_planned(session, of_server):
        is_past = not one.update.key.startswith(f"{of_server}{boot}")
        has_left = "" if one.instance_name in here else "The instance is not on the server any more."
        said = why or ("The server was rebooted already." if is_past else has_left)
        if said:
            names = {str(one.instance_name)}
            announcements.call_off(session, one.update.key, by=deeds.SERVICE, why=said, now=now(), names=names)


def _told_before(session: Session, scope: Scope, names: Collection[str], at: datetime) -> list[Announced]:
    """The turns of these instances in urgent work of the same kind that has not been done."""
    found = [
        one for one in announcements.turns_since(session, at - URGENT_SAME)
        if one.instance_name in names and one.ended_at is None and one.called_off_at is None
        and one.update.key.startswith(f"server:{scope}:") and one.update.key.endswith(URGENT)
    ]  # fmt: skip
    return [one for one in found if one.update.key == found[-1].update.key]


def _announce(
    update: Update, turns: dict[str, Times], reason: str, state: str | None, *, late: bool = False
) -> None:  # fmt: skip
    """Turns recorded; what is due of it is told by the clock's own run, each minute."""
    if not turns:
        return
    planned = partial(
        announcements.announce, update=update, times=turns, by=deeds.SERVICE, reason=reason, now=now(), state=state,
        late=late,
    )  # fmt: skip
    in_transaction(inventory(), planned)


def _expected_stop(session: Session, server: str) -> float:
    """How long a reboot keeps a server away, by its own history."""
    usual = timedelta(seconds=REBOOT_STOP_SECONDS)
    return expected_duration(server_updates.past(session, server, REBOOTED), usual).total_seconds()
