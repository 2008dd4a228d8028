"""Who alone works on an instance: the lease in the inventory, and a lock on the host (DESIGN.md section 2)."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from prefect.runtime import flow_run

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.locks import hold
from hosting.errors import ServiceError, Unreachable
from hosting.inventory import alone, leases
from hosting.inventory.session import Inventory, in_transaction
from hosting.product.layout import LOCKS, InstanceLayout
from tasks.records import inventory, now
from tasks.step import run_logger, still_allowed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import PurePosixPath as Path

    from sqlalchemy.orm import Session

    from hosting.policy.values import InstanceFacts, ServerFacts

LEASE = timedelta(seconds=60)
"""A dead owner's lease is taken over after so long."""

HEARTBEAT_SECONDS = LEASE.total_seconds() / 4
LOCK_SECONDS = 45
"""How long a run waits for the host's lock: sshd notices a dead owner's connection after 15 s."""


def owner_of_this_run() -> str:
    """Whom the lease belongs to: the flow run, which takes it again when it is retried."""
    return owner_of(flow_run.id) if flow_run.id else f"process {os.getpid()} on {platform.node()}"


def owner_of(run_id: str) -> str:
    """How a flow run's leases name it."""
    return f"run {run_id}"


def hold_on(session: Session, instance: str) -> None:
    """Hold this run's lease for another while, in a transaction that must be its own.

    Raises:
        LeaseLost: another run works on the instance, since this one hung for too long.
    """
    leases.renew(session, instance, owner_of_this_run(), now(), LEASE)


@contextlib.contextmanager
def working_on(
    server: ServerFacts, instance: InstanceFacts, purpose: str, owner: str = "", *, also_on: Collection[str] = ()
) -> Iterator[None]:
    """Alone on an instance, here and on its host; steps inside stop when the lease is lost.

    Args:
        server: where it is.
        instance: which one.
        purpose: at what.
        owner: who works; this run unless told otherwise.
        also_on: the names of further servers on which something is done for it.

    Raises:
        InstanceEnded: it has ended, for example since its order was cancelled.
        LeaseHeld: another run works on it; as `HalfUpdated`, its update has to go on first; as `ServerHeld`, a server
            is being updated.
        Unreachable: the server does not answer.
        StepFailed: another process on the host holds the lock for too long.
    """
    owner, servers = owner or owner_of_this_run(), {server.name, *also_on}
    take = partial(alone.take, instance=instance.name, servers=servers, owner=owner, purpose=purpose, ttl=LEASE)
    in_transaction(inventory(), lambda session: take(session, now=now()))
    with _holding(instance.name, owner, server, InstanceLayout.of(instance).lock):
        yield


@contextlib.contextmanager
def working_on_copy(server: ServerFacts, copy: str, purpose: str) -> Iterator[None]:
    """Alone on the copy of a name, of which each server has its own; raises as `working_on`."""
    owner = owner_of_this_run()
    take = partial(alone.take_copy, copy=copy, server=server.name, owner=owner, purpose=purpose, ttl=LEASE)
    in_transaction(inventory(), lambda session: take(session, now=now()))
    with _holding(leases.of_copy(copy, server.name), owner, server, LOCKS / f"{copy}.lock"):
        yield


@contextlib.contextmanager
def working_on_records(instance: InstanceFacts, purpose: str) -> Iterator[None]:
    """Alone on an instance wherever it is, with no lock on a host: none has to answer; raises as `working_on`."""
    owner, known = owner_of_this_run(), inventory()
    take = partial(alone.take, instance=instance.name, servers=(), owner=owner, purpose=purpose, ttl=LEASE)
    in_transaction(known, lambda session: take(session, now=now()))
    with (
        _given_back(known, instance.name, owner),
        _heartbeat(known, instance.name, owner) as lost,
        _allowed_by(lambda: _stop_if(lost, instance.name, owner)),
    ):
        yield


@contextlib.contextmanager
def working_on_server(server: ServerFacts, purpose: str) -> Iterator[None]:
    """Alone on a server as a whole: nobody begins to work on an instance or a copy there; steps inside stop when lost.

    Who works there already is no matter of this.

    Raises:
        ServerHeld: another run has it.
    """
    owner, name, known = owner_of_this_run(), leases.of_server(server.name), inventory()
    take = partial(alone.take_server, server=server.name, owner=owner, purpose=purpose, ttl=LEASE)
    in_transaction(known, lambda session: take(session, now=now()))
    with (
        _given_back(known, name, owner),
        _heartbeat(known, name, owner) as lost,
        _allowed_by(lambda: _stop_if(lost, name, owner)),
    ):
        yield


@contextlib.contextmanager
def _holding(name: str, owner: str, server: ServerFacts, lock: Path) -> Iterator[None]:
    """A lease that was taken, renewed and given back, with the lock on the host; steps inside stop when it is lost."""
    known = inventory()
    load(SshHost).expect(server)  # the steps' connection, while the lock's is made
    with (
        _given_back(known, name, owner),
        _heartbeat(known, name, owner) as lost,
        load(SshHost).own_connection(server) as ssh,
        ssh.holding(hold(lock, LOCK_SECONDS), "held"),
        _allowed_by(lambda: _stop_if(lost, name, owner)),
    ):
        yield


@contextlib.contextmanager
def _given_back(known: Inventory, name: str, owner: str) -> Iterator[None]:
    """A lease that was taken is given back, however the work ends; where that fails it expires."""
    try:
        yield
    finally:
        with contextlib.suppress(ServiceError):
            in_transaction(known, lambda session: leases.release(session, name, owner))


@contextlib.contextmanager
def _allowed_by(check: Callable[[], None]) -> Iterator[None]:
    """Let every step ask this first."""
    token = still_allowed.set(check)
    try:
        yield
    finally:
        still_allowed.reset(token)


def _stop_if(lost: threading.Event, instance: str, owner: str) -> None:
    """Refuse the next step once the lease is another's."""
    if lost.is_set():
        raise leases.LeaseLost(instance, owner)


@contextlib.contextmanager
def _heartbeat(known: Inventory, instance: str, owner: str) -> Iterator[threading.Event]:
    """Renew the lease in the background; the event says that it was lost."""
    lost, done = threading.Event(), threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT_SECONDS):
            try:
                in_transaction(known, lambda session: leases.renew(session, instance, owner, now(), LEASE))
            except leases.LeaseLost:
                lost.set()
                return
            except Unreachable as error:
                run_logger().warning("The lease of %s could not be renewed: %s", instance, error)
            except ServiceError:
                lost.set()
                raise

    thread = threading.Thread(target=beat, name=f"lease-{instance}", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        done.set()
        thread.join()
