"""Updates whose instance may be closed: nobody waits there for the next attempt, nobody else works on it (P17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory import leases, work
from hosting.inventory.closed_moves import SOON
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.roll_out_rows import InstanceUpdate
from hosting.policy.roll_outs import UpdateState
from hosting.policy.states import WorkState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.work import WorkFacts

CLOSED = (UpdateState.STOPPED, UpdateState.OPENED)
"""Those in which an instance may be closed."""

OWN_PURPOSE = "update"
"""The purpose of the lease under which an update goes on."""


class HalfUpdated(LeaseHeld):
    """An instance stands in the middle of its update: what is there is neither of its releases."""

    def __init__(self, instance: str, roll_out: int) -> None:
        super(LeaseHeld, self).__init__(
            f"Instance {instance} stands half updated in the roll-out {roll_out}.",
            f"Its next run puts it right; look at it: phm update status {roll_out}.",
        )


def check_not_half_updated(session: Session, instance: str, purpose: str) -> None:
    """See that no run left an instance in the middle of its update, unless it is the update that goes on.

    Raises:
        HalfUpdated: one did.
    """
    if purpose == OWN_PURPOSE:
        return
    stopped = InstanceUpdate.instance_name == instance, InstanceUpdate.state == UpdateState.STOPPED
    number = session.scalars(select(InstanceUpdate.roll_out_id).where(*stopped).limit(1)).first()
    if number is not None:
        raise HalfUpdated(instance, number)


def may_be_closed(session: Session, one: WorkFacts) -> bool:
    """Whether a piece of work is an update that has an instance which may be closed."""
    return one.kind == work.UPDATE_APPLICATION and one.subject.partition("@")[0] in _closed(session)


def go_on_at_once(session: Session, now: datetime) -> list[str]:
    """Work that waits for its next attempt is due now where an instance is closed and nobody works on it.

    Where there is no work, `tasks.update_dispatch` asks for some each minute.

    Returns:
        Its subjects.
    """
    hurried = []
    closed = _closed(session)
    for one in work.work_in(session, WorkState.OPEN) if closed else ():
        names = closed.get(one.subject.partition("@")[0], ()) if one.kind == work.UPDATE_APPLICATION else ()
        held = [leases.lease_of(session, name) for name in names]
        if one.due_at > now + SOON and any(lease is None or lease.expires_at <= now for lease in held):
            work.reschedule(session, one.id, now)
            hurried.append(one.subject)
    return hurried


def closed_on(session: Session, server: str) -> list[str]:
    """The instances on a server that an update may have closed, a sentence each."""
    rows = select(InstanceUpdate).where(InstanceUpdate.server_name == server, InstanceUpdate.state.in_(CLOSED))
    found = session.scalars(rows.order_by(InstanceUpdate.id))
    return [f"{row.instance_name} stands half updated in the roll-out {row.roll_out_id}." for row in found]


def _closed(session: Session) -> dict[str, list[str]]:
    """The instances that may be closed, by the roll-out and the server, as the subject of their work begins."""
    found = dict[str, list[str]]()
    rows = session.scalars(select(InstanceUpdate).where(InstanceUpdate.state.in_(CLOSED)).order_by(InstanceUpdate.id))
    for row in rows:
        found.setdefault(f"{row.roll_out_id}:{row.server_name}", []).append(row.instance_name)
    return found
