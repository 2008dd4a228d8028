"""What on the board needs a hand, is to be watched, or goes its way: a rule for each kind of thing (P08 to P24)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hosting.policy.attempts import SILENT_MOST
from hosting.policy.board import DAY, HOUR, Urgency
from hosting.policy.imports import ImportState
from hosting.policy.inspection import Severity
from hosting.policy.open_promises import Outlook
from hosting.policy.roll_outs import RollOutState
from hosting.policy.states import EvacuationState, MoveState, NameState, ServerState, WorkState

if TYPE_CHECKING:
    from hosting.policy.terms import Terms

ORDER_CLOSE = 2 * HOUR
"""A promise with less service time left than that is watched."""

DISPATCH_LATE = timedelta(minutes=5)
"""Work that is due for longer and has no run: whoever makes runs of it stands still."""

NAME_SLOW = 30 * timedelta(minutes=1)
"""A name is live, or gone, within seconds; one that takes longer is watched, and a day later needs a hand."""

IMPORT_SLOW = DAY
"""An import that a run is to go on with for so long does not get on."""

MEASURED_WITHIN = 15 * timedelta(minutes=1)
"""Probes are minutes apart; a longer silence is nobody's who measures."""

LOOKED_WITHIN = 3 * HOUR
"""Servers are looked at each hour; one that was not for so long is looked at by nobody."""

LOCATION_WITHIN = HOUR
"""Availability is promised at the location (P11): so long somebody from outside may stand in for who asks there."""

BUDGET_SHARE = 0.75
"""More of a year's budget used up is watched."""

FULL_SOON_SHARE = 0.9
"""A server of which more is booked is watched."""


def of_order(outlook: Outlook, time_left: timedelta) -> Urgency:
    """An open order: missed, or not to be kept without a person; or its time is nearly over."""
    if outlook is not Outlook.IN_TIME:
        return Urgency.HAND
    return Urgency.WATCH if time_left < ORDER_CLOSE else Urgency.CALM


def of_work(state: WorkState, due_at: datetime, now: datetime) -> Urgency:
    """Due work: failed, or without a run though it is due."""
    late = state is WorkState.OPEN and now - due_at > DISPATCH_LATE
    return Urgency.HAND if late or state is WorkState.FAILED else Urgency.CALM


def of_move(
    state: MoveState,
    window_ends: datetime,
    closed_at: datetime | None,
    now: datetime,
    *,
    finding: str,
    work_failed: bool,
) -> Urgency:
    """A move that is not at its end.

    Args:
        state: how far it is.
        window_ends: by then it has to be through, or begins another time.
        closed_at: since when the instance may be closed.
        now: the moment.
        finding: why it is not further.
        work_failed: its run came to nothing.
    """
    closed_long = closed_at is not None and now - closed_at > SILENT_MOST
    overdue = state is not MoveState.SWITCHED and now > window_ends
    if work_failed or closed_long or overdue:
        return Urgency.HAND
    return Urgency.WATCH if finding or closed_at is not None else Urgency.CALM


def of_need(*, has_target: bool) -> Urgency:
    """A move that is needed: times have to be offered; where there is no room anywhere, more has to be bought."""
    return Urgency.WATCH if has_target else Urgency.HAND


def of_offer(answer_by: datetime, told_at: datetime | None, now: datetime) -> Urgency:
    """Times that a customer was offered: the letter has to go out, and the answer to be taken care of."""
    return Urgency.WATCH if now > answer_by or told_at is None else Urgency.CALM


def of_evacuation(state: EvacuationState, finding: str) -> Urgency:
    """A server that is emptied: it stands still for a reason, or an operator has stopped it."""
    if state is EvacuationState.STOPPED:
        return Urgency.WATCH
    return Urgency.HAND if finding else Urgency.CALM


def of_roll_out(state: RollOutState, failed: int) -> Urgency:
    """A roll-out: halted until a person decides; or something in it failed."""
    if state is RollOutState.HALTED:
        return Urgency.HAND
    return Urgency.WATCH if failed else Urgency.CALM


def of_name(state: NameState, since: datetime, now: datetime, finding: str) -> Urgency:
    """A name that comes or goes."""
    if state not in {NameState.ASSIGNING, NameState.RELEASING} or now - since < NAME_SLOW:
        return Urgency.CALM
    return Urgency.HAND if now - since > DAY and not finding else Urgency.WATCH


def of_import(state: ImportState, since: datetime, now: datetime) -> Urgency:
    """An import: a case or a draft to approve wait for a person; one that a run is at for long is watched."""
    if state in {ImportState.CASE, ImportState.BUILT}:
        return Urgency.HAND
    return Urgency.WATCH if now - since > IMPORT_SLOW else Urgency.CALM


def of_backup(last_good_at: datetime | None, active_since: datetime, now: datetime, terms: Terms) -> Urgency:
    """An instance's last good backup against what its contract asks for (P22)."""
    return Urgency.HAND if now - (last_good_at or active_since) > terms.backup_stale_after else Urgency.CALM


def of_proof(proven_at: datetime | None, first_point_at: datetime, now: datetime, terms: Terms) -> Urgency:
    """An instance's last proof by a restore (P20)."""
    due = (proven_at or first_point_at) + timedelta(days=terms.rehearse_within_days)
    return Urgency.HAND if now > due else Urgency.CALM


def of_room(
    state: ServerState, booked_gib: int, room_gib: int, *, full_in: timedelta | None, ahead: timedelta
) -> Urgency:
    """A server's room: booked beyond it, nearly booked, or used up before long.

    Args:
        state: of the server.
        booked_gib: of its room.
        room_gib: what may be booked.
        full_in: when what is stored fills it, if it goes on so; None where that can't be told.
        ahead: so long before that it is watched.
    """
    if state is ServerState.RETIRED:
        return Urgency.CALM
    if booked_gib > room_gib:
        return Urgency.HAND
    soon = full_in is not None and full_in < ahead
    takes = state is ServerState.ACTIVE
    return Urgency.WATCH if soon or (takes and booked_gib > FULL_SOON_SHARE * room_gib) else Urgency.CALM


def of_measuring(last_probe_at: datetime | None, now: datetime, served: int) -> Urgency:
    """Whether anybody measures: while nobody does, nothing counts as up (P11).

    Args:
        last_probe_at: of whatever instance; None if there never was one.
        now: the moment.
        served: so many instances should have been measured by now.
    """
    if not served or (last_probe_at is not None and now - last_probe_at <= MEASURED_WITHIN):
        return Urgency.CALM
    return Urgency.HAND


def of_budget(down: timedelta, budget: timedelta) -> Urgency:
    """How long an instance was down in a year against what is borne (P11)."""
    if down > budget:
        return Urgency.HAND
    return Urgency.WATCH if down > BUDGET_SHARE * budget else Urgency.CALM


def of_finding(severity: Severity) -> Urgency:
    """What an inspection found: at once, this week, or to be known (P18)."""
    return {Severity.GRAVE: Urgency.HAND, Severity.WRONG: Urgency.WATCH}.get(severity, Urgency.CALM)


def of_look(made_at: datetime, now: datetime) -> Urgency:
    """When a server was last looked at, which is done each hour: a broken array is noticed by nothing else (P18)."""
    return Urgency.HAND if now - made_at > LOOKED_WITHIN else Urgency.CALM


def of_ending(*, owed: bool, held: bool, finding: str) -> Urgency:
    """A contract that ends: something is left that should be deleted; or a person keeps it from that (P41)."""
    if owed:
        return Urgency.HAND
    return Urgency.WATCH if held or finding else Urgency.CALM


def of_export(*, ready: bool, asked_at: datetime, now: datetime) -> Urgency:
    """An export that is not ready after a day does not get on."""
    return Urgency.WATCH if not ready and now - asked_at > DAY else Urgency.CALM


def of_suspension(*, on_its_way: bool, since: datetime, now: datetime) -> Urgency:
    """An instance that is not closed, or not opened again, an hour after that was wanted."""
    return Urgency.HAND if on_its_way and now - since > HOUR else Urgency.CALM
