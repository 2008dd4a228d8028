"""Who may begin to work on an instance, a copy or a server: asked and written down in one transaction (P14, P17).

Work on an instance and an update of its server keep each other out. Both take the server's row first, so that of two
who ask at the same moment one sees the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory import closed_imports, closed_restores, closed_updates, instances, leases, server_updates
from hosting.inventory.ending_rows import Ending
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.servers import lock_server
from hosting.policy.states import EndState

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session

    from hosting.inventory.leases import LeaseFacts


ENDING = "end"
"""The purpose of who closes an instance, opens it again, or deletes it (P41)."""

EXPORT = "export"
"""The purpose of who only reads: a customer may still take along what is kept of his closed instance."""


class ServerHeld(LeaseHeld):
    """A server is being updated, or stands in the middle of an update: nothing else is begun there."""

    def __init__(self, what: str, do: str) -> None:
        super(LeaseHeld, self).__init__(what, do)


def take(
    session: Session, instance: str, servers: Collection[str], owner: str, purpose: str, *, now: datetime,
    ttl: timedelta,
) -> LeaseFacts:  # fmt: skip
    """Take the lease of an instance.

    Args:
        session: of the transaction.
        instance: its name.
        servers: the names of those on which is worked.
        owner: who works.
        purpose: at what.
        now: this moment.
        ttl: how long the lease lives without a heartbeat.

    Raises:
        UnknownInstance: no instance has this name.
        InstanceEnded: it has ended.
        InstanceClosed: its contract is over, and this is not the end of it.
        HalfUpdated: it stands half updated, and this is not its update.
        HalfImported: it stands in the middle of an import, and this is not that.
        HalfRestored: it stands in the middle of a restore, and this is not that.
        ServerHeld: one of the servers is being updated.
        LeaseHeld: another owner works on it.
    """
    for server in sorted(servers):
        _stop_if_held(session, server, owner, now)
    instances.stop_if_ended(session, instance)
    _stop_if_over(session, instance, purpose)
    closed_updates.check_not_half_updated(session, instance, purpose)
    closed_imports.check_not_half_imported(session, instance, purpose)
    closed_restores.check_not_half_restored(session, instance, purpose)
    return leases.acquire(session, instance, owner, purpose, now=now, ttl=ttl)


def take_copy(
    session: Session, copy: str, server: str, owner: str, purpose: str, *, now: datetime, ttl: timedelta
) -> LeaseFacts:
    """Take the lease of a server's copy of a name; raises as `take`."""
    _stop_if_held(session, server, owner, now)
    return leases.acquire(session, leases.of_copy(copy, server), owner, purpose, now=now, ttl=ttl)


def take_server(
    session: Session, server: str, owner: str, purpose: str, *, now: datetime, ttl: timedelta
) -> LeaseFacts:
    """Take a server as a whole; who works on it already is asked for by `server_updates.worked_on` afterwards.

    Raises:
        UnknownServer: no server has this name.
        ServerHeld: another owner has it.
    """
    lock_server(session, server)
    _stop_if_leased(session, server, owner, now)
    return leases.acquire(session, leases.of_server(server), owner, purpose, now=now, ttl=ttl)


def _stop_if_over(session: Session, instance: str, purpose: str) -> None:
    """Raises InstanceClosed where the contract is over, unless this is its end, or an export before the deletion."""
    deleting = select(Ending.id).where(Ending.instance_name == instance, Ending.state == EndState.DELETING)
    exports = purpose == EXPORT and session.scalars(deleting).first() is None
    if purpose != ENDING and not exports:
        instances.stop_if_closed(session, instance)


def _stop_if_held(session: Session, server: str, owner: str, now: datetime) -> None:
    """See that no server update is at work, of which a run that was killed may have left a job.

    Raises:
        ServerHeld: one is.
    """
    lock_server(session, server)
    _stop_if_leased(session, server, owner, now)
    if server in server_updates.updated_now(session, now):
        message = f"{server} stands in the middle of an update: nothing else is begun there."
        raise ServerHeld(message, f"Let it come to its end (phm server update {server}), then run again.")


def _stop_if_leased(session: Session, server: str, owner: str, now: datetime) -> None:
    """Raises ServerHeld where another owner works on the server as a whole."""
    lease = leases.lease_of(session, leases.of_server(server))
    if lease is not None and lease.owner != owner and now < lease.expires_at:
        message = f"{server} is being worked on as a whole by {lease.owner} ({lease.purpose})."
        raise ServerHeld(message, "Wait for it, it takes minutes; then run again.")
