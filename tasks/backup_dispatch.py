"""Backups that are due become work of their server, which `dispatch_open_work` turns into runs (P21, P22)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hosting.inventory import deeds, server_updates, work
from hosting.inventory.backup_views import all_backups
from hosting.inventory.deeds import SERVICE
from hosting.inventory.session import in_transaction
from hosting.inventory.turns import take_turn
from hosting.policy.backup_nights import WaitingBackup, servers_to_ask
from hosting.policy.states import WorkState
from hosting.policy.values import ServerName
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

LONGEST_RUN = timedelta(days=1)
"""Runs that were asked for longer ago and have failed are no reason to wait any more."""

WAITING = frozenset({WorkState.OPEN, WorkState.DISPATCHED})


@reading
def ask_for_due_backups() -> list[str]:
    """Each server with backups that are due now gets work, unless it has some; the works' subjects."""
    with inventory().reading() as session:
        if not due_servers(session, now()):
            return []  # most minutes: nobody is kept from writing for that

    def ask(session: Session) -> list[str]:
        take_turn(session, f"ask for {work.BACK_UP_SERVER}")
        at = now()
        subjects = [subject_at(name, at) for name in due_servers(session, at)]
        for subject in subjects:
            work.ask_for(session, work.BACK_UP_SERVER, subject, at, by=SERVICE, now=at)
        return subjects

    asked = in_transaction(inventory(), ask)
    for subject in asked:
        run_logger().info("Backups are due: %s", subject)
    return asked


def due_servers(session: Session, at: datetime) -> list[ServerName]:
    """The servers that are to back up now, by the records."""
    found = all_backups(session, at, newest_only=True)
    waiting = [
        WaitingBackup(one.instance.server_name, due, one.terms, one.instance.active_at, one.standing.last_good_at)
        for one in found
        if one.instance.active_at is not None and (due := one.due(at)) is not None
    ]
    closed = server_updates.closed_to_others(session, at) if waiting else set()
    waiting = [one for one in waiting if one.server_name not in closed]
    if not waiting:
        return []
    runs = work.work_since(session, work.BACK_UP_SERVER, at - LONGEST_RUN)
    at_work = {server_of(one.subject) for one in runs if one.state in WAITING}
    failed = {server_of(one.subject): failed_at(session, one) for one in runs if one.state is WorkState.FAILED}
    return servers_to_ask(waiting, {one.instance.server_name for one in found}, at_work, failed, at)


def failed_at(session: Session, one: work.WorkFacts) -> datetime:
    """When work failed, as far as it is told."""
    told = [deed.at for deed in deeds.deeds_of(session, f"work:{one.kind}:{one.subject}")]
    return max([one.asked_at, one.due_at, *told])


def subject_at(server: str, at: datetime) -> str:
    """What the work of a server's backups is called that was asked for at a moment."""
    return f"{server}@{at:%Y-%m-%dT%H:%MZ}"


def server_of(subject: str) -> ServerName:
    """The server whose backups a work is."""
    return ServerName(subject.partition("@")[0])
