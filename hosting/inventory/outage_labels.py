"""What was going on with instances and servers at a time, as the records tell it: it may explain an outage (P11)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from hosting.inventory import restores, server_updates, servers
from hosting.inventory.announcement_rows import AnnouncedInstance, Announcement
from hosting.inventory.deeds import deeds_called
from hosting.inventory.ending_rows import Ending
from hosting.inventory.import_rows import Import
from hosting.inventory.models import Instance, Move
from hosting.inventory.rent_rows import Suspension
from hosting.inventory.roll_out_rows import InstanceUpdate
from hosting.policy.announcements import UpdateKind
from hosting.policy.imports import ImportState, began_at
from hosting.policy.months import start_of
from hosting.policy.outage_causes import Cause, Labelled
from hosting.policy.states import InstanceState
from hosting.policy.values import InstanceName

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy.orm import Session

    Told = Iterator[tuple[str, Labelled]]

AROUND = timedelta(minutes=1)
"""What was closed for something is closed a little before that is recorded, and open a little after."""

AFTER_SWITCH = timedelta(minutes=5)
"""So long after its switch a move may still be the reason that its instance is not reached."""

LIVE_TAKES = timedelta(minutes=10)
"""So long before an import is recorded as live, its instance may be closed for it."""


def labels_between(session: Session, since: datetime, until: datetime) -> dict[InstanceName, list[Labelled]]:
    """What was going on in a time, by instance; what goes on still has no end."""
    found: dict[InstanceName, list[Labelled]] = {}
    for told in (_moves, _restores, _updates, _announced, _imports, _suspensions, _endings, _on_servers):
        for name, label in told(session):
            if label.since < until and (label.until is None or label.until > since):
                found.setdefault(InstanceName(name), []).append(label)
    return found


def _moves(session: Session) -> Told:
    """Moves, for the time in which their instances were closed."""
    query = select(Move).where(or_(Move.closed_at.is_not(None), Move.stop_seconds.is_not(None)))
    for row in session.scalars(query):
        note = f"move to {row.target_name}"
        end = row.switched_at or row.ended_at
        if row.closed_at is not None:
            yield row.instance_name, Labelled(Cause.MOVE, row.closed_at - AROUND, None, note)
        elif end is not None:
            stop = timedelta(seconds=row.stop_seconds or 0.0)
            until = min(row.ended_at or end + AFTER_SWITCH, end + AFTER_SWITCH) + AROUND
            yield row.instance_name, Labelled(Cause.MOVE, end - stop - AROUND, until, note)


def _restores(session: Session) -> Told:
    """Restores of more than a path: they exchange the instance's state."""
    for one in restores.begun_restores(session):
        if one.wish[2] in restores.WHOLE:
            yield one.instance, Labelled(Cause.RESTORE, one.begun_at, _after(one.ended_at), f"restore of {one.point}")


def _updates(session: Session) -> Told:
    """Updates of the product."""
    for row in session.scalars(select(InstanceUpdate).where(InstanceUpdate.begun_at.is_not(None))):
        if row.begun_at is not None:
            note = f"roll-out {row.roll_out_id}"
            yield row.instance_name, Labelled(Cause.UPDATE, row.begun_at, _after(row.ended_at), note)


def _announced(session: Session) -> Told:
    """Turns in announced updates: of the product, or of the server and its reboot."""
    query = select(AnnouncedInstance, Announcement).join(Announcement).where(AnnouncedInstance.begun_at.is_not(None))
    for row, announcement in session.execute(query):
        cause = Cause.PLANNED if announcement.kind == UpdateKind.SERVER else Cause.UPDATE
        if row.begun_at is not None:
            yield row.instance_name, Labelled(cause, row.begun_at, _after(row.ended_at), announcement.update_key)


def _imports(session: Session) -> Told:
    """Imports, as their instances' states are exchanged; one that is on its way in or back has no end yet."""
    for row in session.scalars(select(Import).where(or_(Import.live_at.is_not(None), Import.stamp != ""))):
        note, begun = f"import {row.id}", began_at(row.stamp)
        if row.live_at is not None:
            since = min(row.live_at - LIVE_TAKES, begun - AROUND if begun else row.live_at)
            yield row.instance_name, Labelled(Cause.IMPORT, since, row.live_at + AROUND, note)
            if row.state == ImportState.UNDOING:
                yield row.instance_name, Labelled(Cause.IMPORT, row.live_at, None, f"{note} is undone")
        elif begun is not None:
            on_its_way = row.state in {ImportState.APPROVED, ImportState.UNDOING}
            until = None if on_its_way else _after(row.ended_at or begun)
            yield row.instance_name, Labelled(Cause.IMPORT, begun - AROUND, until, note)


def _suspensions(session: Session) -> Told:
    """Times in which an instance is not owed."""
    for row in session.scalars(select(Suspension).where(Suspension.closed_at.is_not(None))):
        if row.closed_at is not None:
            until = row.opened_at and row.opened_at + AROUND  # what failed last holds until it is asked again
            yield row.instance_name, Labelled(Cause.SUSPENDED, row.closed_at - AROUND, until, row.cause)


def _endings(session: Session) -> Told:
    """Times after the end of a contract: nothing is owed, also while it is just being closed, or opened again."""
    for row in session.scalars(select(Ending)):
        since, until = start_of(row.ends_on), _after(row.called_off_at)
        if until is None or until > since:
            yield row.instance_name, Labelled(Cause.SUSPENDED, since, until, "contract ended")


def _on_servers(session: Session) -> Told:
    """Updates and reboots of servers, for whoever is there now."""
    there: dict[str, list[str]] = {}
    states = (InstanceState.ACTIVE, InstanceState.SUSPENDED)
    for name, home in session.execute(select(Instance.name, Instance.server_name).where(Instance.state.in_(states))):
        there.setdefault(home, []).append(name)
    for server, label in _of_servers(session):
        for name in there.get(server, ()):
            yield name, label


def _of_servers(session: Session) -> Told:
    """Updates and reboots by server: from what their deeds tell, and what is under way."""
    for deed in deeds_called(session, server_updates.UPDATED, server_updates.REBOOTED):
        took = timedelta(seconds=float(deed.evidence.get("seconds", 0.0)))
        server = deed.subject.partition(":")[2]
        yield server, Labelled(Cause.PLANNED, deed.at - took - AROUND, deed.at + AROUND, deed.what)
    for one in servers.all_servers(session):
        begun = server_updates.left_update(session, one.name)
        if begun is not None:
            yield one.name, Labelled(Cause.PLANNED, begun.since, None, f"update {begun.key}")


def _after(moment: datetime | None) -> datetime | None:
    """A little after the end, where there is one."""
    return None if moment is None else moment + AROUND
