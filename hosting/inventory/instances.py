"""Customers' instances: a place reserved for each, its secrets sealed, its opening recorded (P01, P10)."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from hosting.errors import Refused, Unreachable
from hosting.inventory.deeds import SERVICE, record
from hosting.inventory.instance_names import names_for
from hosting.inventory.levels import terms_of
from hosting.inventory.models import Contract, Instance, InstanceSecret, Order, Release
from hosting.inventory.orders import order_row
from hosting.inventory.releases import facts_of as release_of
from hosting.inventory.releases import release_facts
from hosting.inventory.servers import lock_servers
from hosting.policy.orders import pool_gib
from hosting.policy.states import ForbiddenEdge, InstanceState, OrderState, step
from hosting.policy.values import InstanceFacts, InstanceName, OrderReference, ServerName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import ReleaseFacts, ServerFacts

PURPOSES = ("database", "root_admin")
"""What an instance needs a secret for from its reservation on."""

SECRET_LENGTH = 24
ALPHABET = string.ascii_letters + string.digits
"""Letters and digits alone: the product's settings files keep no other sign unharmed (phlymail.md section 2)."""


class UnknownInstance(Refused):
    """No instance has this name, or belongs to this order."""


class InstanceEnded(Refused):
    """An instance that has ended is worked on no more."""


class InstanceClosed(Refused):
    """An instance whose contract is over is kept as it is, until it is deleted or its end is called off."""


class PlacedAnew(Unreachable):
    """An instance that was not set up yet has been placed on another server meanwhile; its run begins anew there."""


class OrderNotPaid(Refused):
    """An order that is not paid gets no instance."""


def reserve_instance(
    session: Session,
    order_reference: str,
    choose: Callable[[int, Sequence[ServerFacts]], ServerFacts],
    *,
    release: ReleaseFacts,
    seal: Callable[[str], str],
    now: datetime,
) -> InstanceFacts:
    """Reserve a place for an order's instance, once: name, number, room on a server, and sealed secrets.

    One transaction with all servers locked, so that orders that come at once can't overbook.

    Args:
        session: of the transaction.
        order_reference: a paid order.
        choose: the policy that takes the pool in GiB and all servers, e.g. `placement.choose_server`.
        release: what the instance is set up with.
        seal: turns a secret into what may be stored.
        now: the moment of the reservation.

    Raises:
        UnknownOrder: no order has this reference.
        OrderNotPaid: it isn't paid, or is fulfilled, refused or cancelled.
        UnknownRelease: the release isn't registered.
        NoServerHasRoom: the policy finds no server.
    """
    order = order_row(session, order_reference, lock=True)
    servers = lock_servers(session)
    existing = session.scalars(select(Instance).where(Instance.order_reference == order_reference)).first()
    if existing is not None and existing.state != InstanceState.ENDED:
        return _facts(existing, session.get_one(Release, existing.release_id))
    if order.state != OrderState.PAID:
        message = f"Order {order_reference} is {order.state}, not paid."
        raise OrderNotPaid(message, "An instance is set up for a paid order only.")
    release = release_facts(session, release.id)
    pool = pool_gib(order.accounts, order.storage_gib, terms_of(session, order.service_level))
    server = choose(pool, servers)
    instance = _enter(session, order, server, release, now)
    _seal_secrets(session, instance.name, seal)
    evidence = {"server": server.name, "order": order_reference, "pool_gib": pool, "free_gib_before": server.free_gib}
    record(session, SERVICE, "instance reserved", subject_of(instance.name), evidence=evidence, now=now)
    return instance


def instance_facts(session: Session, name: str) -> InstanceFacts:
    """One instance.

    Raises:
        UnknownInstance: no instance has this name.
    """
    row = session.get(Instance, name)
    if row is None:
        message = f"There is no instance {name}."
        raise UnknownInstance(message, "List the instances (phm instance list) and take one of them.")
    return _facts(row, session.get_one(Release, row.release_id))


def instance_of_order(session: Session, order_reference: str) -> InstanceFacts | None:
    """The instance of an order, None as long as no place is reserved."""
    rows = select(Instance, Release).join(Release).where(Instance.order_reference == order_reference)
    found = session.execute(rows).first()
    return None if found is None else _facts(*found)


def all_instances(session: Session) -> list[InstanceFacts]:
    """All instances by number, those that have ended too."""
    rows = session.execute(select(Instance, Release).join(Release).order_by(Instance.number))
    return [_facts(instance, release) for instance, release in rows]


def lock(session: Session, name: str) -> InstanceFacts:
    """One instance, which can't change its state until this transaction is through.

    Raises:
        UnknownInstance: no instance has this name.
    """
    session.get(Instance, name, with_for_update=True, populate_existing=True)
    return instance_facts(session, name)


def stop_if_ended(session: Session, name: str) -> None:
    """Nobody begins to work on an instance that has ended.

    Raises:
        UnknownInstance: no instance has this name.
        InstanceEnded: it has ended.
    """
    if lock(session, name).state is InstanceState.ENDED:
        message = f"Instance {name} has ended."
        raise InstanceEnded(message, f"Nothing is done to it any more; look at: phm instance show {name}.")


def stop_if_closed(session: Session, name: str) -> None:
    """Nobody changes an instance whose contract is over.

    Raises:
        UnknownInstance: no instance has this name.
        InstanceClosed: its contract is over.
    """
    if lock(session, name).state is InstanceState.CLOSED:
        message = f"The contract of {name} is over: it is kept as it is, until it is deleted."
        raise InstanceClosed(message, f"To have it open again: phm end call-off {name} --because …")


def stop_if_placed_anew(session: Session, name: str, server_name: str) -> None:
    """Nobody sets an instance up where it is not to be any more.

    Raises:
        UnknownInstance: no instance has this name.
        PlacedAnew: it is on another server since a run read where it is.
    """
    now_on = lock(session, name).server_name
    if now_on != server_name:
        message = f"Instance {name} was placed on {now_on} meanwhile, since {server_name} is being emptied."
        raise PlacedAnew(message, "It is set up there by the next run.")


def give_back(session: Session, name: str, by: str, why: str, now: datetime) -> None:
    """The place of an instance that was reserved and never open counts as booked no longer.

    Raises:
        ForbiddenEdge: it is open.
    """
    row = session.get_one(Instance, name, with_for_update=True, populate_existing=True)
    if row.state not in {InstanceState.RESERVED, InstanceState.ENDED}:
        raise ForbiddenEdge(f"Instance {name} is {row.state}, not reserved.", "It ends with its contract.")
    if row.state == InstanceState.RESERVED:
        row.state = step(InstanceState(row.state), InstanceState.ENDED)
        evidence = {"server": row.server_name, "pool_gib": row.storage_gib}
        record(session, by, "place given back", subject_of(name), why=why, evidence=evidence, now=now)


def record_active(session: Session, name: str, now: datetime, evidence: Mapping[str, Any]) -> InstanceFacts:
    """The instance is open and proven: its order is fulfilled; recorded once (P08, P10).

    The work is not done by that: the customer has to be told (`work.record_done`).

    Args:
        session: of the transaction.
        name: of the instance.
        now: the moment at which it was ready.
        evidence: what was proven from outside, as JSON holds it.

    Raises:
        UnknownInstance: no instance has this name.
        ForbiddenEdge: it is suspended or ended, or its order was cancelled meanwhile.
    """
    order_reference = instance_facts(session, name).order_reference
    order = order_row(session, order_reference, lock=True)
    row = session.get_one(Instance, name, with_for_update=True, populate_existing=True)
    state = InstanceState(row.state)
    if state is InstanceState.RESERVED:
        row.state = step(state, InstanceState.ACTIVE)
        row.active_at = now
        order.state = step(OrderState(order.state), OrderState.FULFILLED)
        order.ready_at = now
        record(session, SERVICE, "instance opened", subject_of(name), evidence=evidence, now=now)
    elif state is not InstanceState.ACTIVE:
        raise ForbiddenEdge(f"Instance {name} is {state}, not reserved.", "Only a reserved instance can be opened.")
    return instance_facts(session, name)


def record_release(session: Session, name: str, release_id: str, now: datetime) -> InstanceFacts:
    """The release that an instance has now, where it is another one than was recorded.

    Raises:
        UnknownInstance: no instance has this name.
        UnknownRelease: the release isn't registered.
    """
    before = instance_facts(session, name).release
    after = release_facts(session, release_id)
    if before.id != after.id:
        session.get_one(Instance, name, with_for_update=True, populate_existing=True).release_id = after.id
        evidence = {"from": before.version, "to": after.version, "release": after.id[:12]}
        record(session, SERVICE, "release changed", subject_of(name), evidence=evidence, now=now)
    return instance_facts(session, name)


def record_server(session: Session, name: str, server_name: str, why: str, now: datetime) -> InstanceFacts:
    """The server on which an instance is from now on; what is booked for it counts there.

    Raises:
        UnknownInstance: no instance has this name.
    """
    lock_servers(session)
    row = session.get(Instance, lock(session, name).name, populate_existing=True)
    if row is not None and row.server_name != server_name:
        evidence = {"from": row.server_name, "to": server_name, "pool_gib": row.storage_gib}
        row.server_name = server_name
        session.flush()
        record(session, SERVICE, "server changed", subject_of(name), why=why, evidence=evidence, now=now)
    return instance_facts(session, name)


def sealed_secret(session: Session, name: str, purpose: str) -> str:
    """A secret of an instance as it was sealed.

    Raises:
        UnknownInstance: there is no such instance, or no such secret of it.
    """
    row = session.get(InstanceSecret, (name, purpose))
    if row is None:
        raise UnknownInstance(f"Instance {name} has no secret for {purpose}.", "Reserve the instance first.")
    return row.sealed


def ensure_secret(session: Session, name: str, purpose: str, make_sealed: Callable[[], str]) -> str:
    """A secret of an instance as it was sealed; made now if the instance lacks it.

    Args:
        session: of the transaction.
        name: of the instance.
        purpose: what the secret is for.
        make_sealed: makes a new secret and seals it; asked only where there is none.

    Raises:
        UnknownInstance: no instance has this name.
        InstanceEnded: it has ended: what was destroyed with it is not made again.
    """
    stop_if_ended(session, name)
    row = session.get(InstanceSecret, (name, purpose), populate_existing=True)
    if row is None:
        row = InstanceSecret(instance_name=name, purpose=purpose, sealed=make_sealed())
        session.add(row)
        session.flush()
    return row.sealed


def has_secret(session: Session, name: str, purpose: str) -> bool:
    """Whether an instance has a secret for a purpose."""
    return session.get(InstanceSecret, (name, purpose), populate_existing=True) is not None


def forget_secret(session: Session, name: str, purpose: str, *, by: str, now: datetime) -> None:
    """Destroy a secret of an instance: what it protects can't be read any more; recorded once.

    Raises:
        UnknownInstance: no instance has this name.
    """
    lock(session, name)
    row = session.get(InstanceSecret, (name, purpose), populate_existing=True)
    if row is not None:
        session.delete(row)
        session.flush()
        record(session, by, "secret destroyed", subject_of(name), evidence={"purpose": purpose}, now=now)


def subject_of(name: str) -> str:
    """How deeds and cases name an instance."""
    return f"instance:{name}"


def _enter(session: Session, order: Order, server: ServerFacts, release: ReleaseFacts, now: datetime) -> InstanceFacts:
    """The instance's row, with the first free name of its order and the next number."""
    contract = session.scalars(select(Contract).where(Contract.order_reference == order.reference)).one()
    name = next(name for name in names_for(order.reference) if session.get(Instance, name) is None)
    number = (session.scalar(select(func.max(Instance.number))) or 0) + 1
    row = Instance(
        name=name,
        number=number,
        order_reference=order.reference,
        contract_id=contract.id,
        server_name=server.name,
        release_id=release.id,
        accounts=order.accounts,
        storage_gib=pool_gib(order.accounts, order.storage_gib, terms_of(session, order.service_level)),
        state=InstanceState.RESERVED,
        reserved_at=now,
    )
    session.add(row)
    session.flush()
    return _facts(row, session.get_one(Release, release.id))


def _seal_secrets(session: Session, name: str, seal: Callable[[str], str]) -> None:
    """Make the instance's secrets; only what is sealed is kept."""
    for purpose in PURPOSES:
        secret = "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))
        session.add(InstanceSecret(instance_name=name, purpose=purpose, sealed=seal(secret)))
    session.flush()


def _facts(row: Instance, release: Release) -> InstanceFacts:
    """Both rows, frozen."""
    return InstanceFacts(
        name=InstanceName(row.name),
        number=row.number,
        order_reference=OrderReference(row.order_reference),
        server_name=ServerName(row.server_name),
        release=release_of(release),
        accounts=row.accounts,
        storage_gib=row.storage_gib,
        state=InstanceState(row.state),
        reserved_at=row.reserved_at,
        active_at=row.active_at,
    )
