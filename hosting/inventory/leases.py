"""The lease of an instance, a copy or a server: who alone may work on it, until when, whatever Prefect believes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory.deeds import record
from hosting.inventory.models import Lease

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session


@dataclass(frozen=True)
class LeaseFacts:
    """A lease as the inventory knows it; from `expires_at` on another owner may take it over."""

    instance_name: str
    owner: str
    purpose: str
    acquired_at: datetime
    heartbeat_at: datetime
    expires_at: datetime


class LeaseHeld(Refused):
    """Somebody else works on the instance."""

    def __init__(self, lease: LeaseFacts) -> None:
        self.lease = lease
        super().__init__(
            f"Instance {lease.instance_name} is being worked on by {lease.owner} ({lease.purpose}) "
            f"until {lease.expires_at:%Y-%m-%d %H:%M:%S} UTC.",
            "Wait for it, then run again; a lease whose owner died is taken over when it expires.",
        )


class LeaseLost(Refused):
    """The lease has gone to another owner: whoever thought to hold it must stop."""

    def __init__(self, instance: str, owner: str) -> None:
        message = f"{owner} no longer holds the lease of instance {instance}."
        super().__init__(message, "Stop, and run again: the run goes on from what is there.")


def acquire(session: Session, instance: str, owner: str, purpose: str, *, now: datetime, ttl: timedelta) -> LeaseFacts:
    """Take an instance's lease; its owner takes it again, an expired one is taken over and that is recorded.

    Raises:
        LeaseHeld: another owner holds it.
    """
    row = _row(session, instance)
    if row is None:
        row = Lease(instance_name=instance, acquired_at=now)
        session.add(row)
    elif row.owner != owner:
        held = _facts(row)
        if now < held.expires_at:
            raise LeaseHeld(held)
        evidence = {"from": held.owner, "purpose": held.purpose, "expired_at": held.expires_at.isoformat()}
        why = "The lease had expired."
        record(session, owner, "lease taken over", f"instance:{instance}", why=why, evidence=evidence, now=now)
        row.acquired_at = now
    row.owner, row.purpose, row.heartbeat_at, row.expires_at = owner, purpose, now, now + ttl
    session.flush()
    return _facts(row)


def renew(session: Session, instance: str, owner: str, now: datetime, ttl: timedelta) -> LeaseFacts:
    """The heartbeat: hold the lease for another while; one that expired is held on if nobody took it meanwhile.

    Raises:
        LeaseLost: another owner has it, or it was released.
    """
    row = _row(session, instance)
    if row is None or row.owner != owner:
        raise LeaseLost(instance, owner)
    row.heartbeat_at, row.expires_at = now, now + ttl
    session.flush()
    return _facts(row)


def release(session: Session, instance: str, owner: str) -> None:
    """Give the lease back; one that has gone to another owner stays with that one."""
    row = _row(session, instance)
    if row is not None and row.owner == owner:
        session.delete(row)
        session.flush()


def forget(session: Session, instance: str) -> None:
    """No lease of an instance that has ended stays, whoever died with it: nobody can take another."""
    row = _row(session, instance)
    if row is not None:
        session.delete(row)
        session.flush()


def lease_of(session: Session, instance: str) -> LeaseFacts | None:
    """The lease of an instance, expired or not; None if nobody works on it."""
    row = session.get(Lease, instance)
    return None if row is None else _facts(row)


def living(session: Session, now: datetime) -> list[LeaseFacts]:
    """All leases that haven't expired, by name."""
    rows = session.scalars(select(Lease).where(Lease.expires_at > now).order_by(Lease.instance_name))
    return [_facts(row) for row in rows]


def of_copy(copy: str, server: str) -> str:
    """The name of the lease of a copy, of which each server has its own."""
    return f"{copy}@{server}"


def is_of_copy(name: str, server: str) -> bool:
    """Whether a lease is of a copy on this server."""
    copy, at, where = name.partition("@")
    return bool(copy and at) and where == server


def of_server(server: str) -> str:
    """The name of the lease of a server as a whole."""
    return f"@{server}"


def server_of(name: str) -> str:
    """The server of which a lease is as a whole; "" where it is of something else."""
    return name[1:] if name.startswith("@") else ""


def leases_of(session: Session, owner: str) -> list[LeaseFacts]:
    """All leases of an owner, expired or not."""
    return [_facts(row) for row in session.scalars(select(Lease).where(Lease.owner == owner))]


def _row(session: Session, instance: str) -> Lease | None:
    """The lease's row, locked."""
    query = select(Lease).where(Lease.instance_name == instance)
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).first()


def _facts(row: Lease) -> LeaseFacts:
    """The row, frozen."""
    return LeaseFacts(row.instance_name, row.owner, row.purpose, row.acquired_at, row.heartbeat_at, row.expires_at)
