"""An instance on another server than the one that it leaves: a place made for it, the old one closed (P12, P20)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.command import Command
from hosting.errors import DriftFound, Refused, Unreachable
from hosting.inventory import instances, moves, restores, servers
from hosting.policy.placement import check_takes
from hosting.policy.states import MoveState
from hosting.product.layout import InstanceLayout
from tasks.databases import ensure_database
from tasks.outgoing import ensure_outgoing_network
from tasks.records import inventory
from tasks.step import reading, step
from tasks.system_users import ensure_system_user
from tasks.taking_away import take_away

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, ServerFacts
    from tasks.restoring import Restore


BEGUN = frozenset({MoveState.COPYING, MoveState.FROZEN, MoveState.SWITCHED})
"""The states of a move that ends by its instance's server alone; where that is lost it is given up (`lost_moves`)."""


class OldServerSilent(Refused):
    """The server that an instance leaves does not answer, and nobody stated that it is lost."""


class NoPlaceThere(Refused):
    """A server can't take the instance now, because of a move of it."""


@dataclass(frozen=True)
class Places:
    """Where an instance is restored.

    Args:
        server: on which.
        old: the server that it leaves by that, or has left by a run before this one; None where it stays on its own.
        switched: whether it is on the other one already, as a run before this one recorded.
    """

    server: ServerFacts
    old: ServerFacts | None = None
    switched: bool = False


@reading
def read_places(instance: InstanceFacts, wish: str, *, lost: bool = False) -> Places:
    """Where an instance is restored; a run before this one may have begun it there, and come so far that it serves.

    Args:
        instance: which one.
        wish: another server's name; empty for its own.
        lost: whether its own was stated as lost.

    Raises:
        NoServerHasRoom: the one that was named can't take it.
        NoPlaceThere: the instance is being moved, or passes requests on from there.
    """
    with inventory().reading() as session:
        own = servers.server_facts(session, instance.server_name)
        begun = restores.open_restore(session, instance.name)
        if wish in {"", own.name}:
            left = begun.left if begun else ""
            return Places(own, servers.server_facts(session, left), switched=True) if left else Places(own)
        new = servers.server_facts(session, wish)
        move = moves.open_move(session, instance.name)
        if move is not None and not (lost and move.state in BEGUN):
            do = "Wait for the move, or call it off; if it has begun, and its server is lost, state that."
            raise NoPlaceThere(f"{instance.name} is being moved ({move.state}).", do)
        if new.name in moves.former_homes(session, instance.name):
            message = f"{new.name} passes requests for {instance.name} on, which had its place there before."
            raise NoPlaceThere(message, "Name another server.")
    kept = {begun.server if begun else "", move.target_name if move else ""}
    if new.name not in kept:  # else its room is taken there since the restore, or the move, was begun
        check_takes(new, instance.storage_gib)
    return Places(new, own)


@reading
def check_old_server(old: ServerFacts, *, lost: bool) -> bool:
    """Whether the server that is left answers, so that it can be closed first.

    Raises:
        OldServerSilent: it does not, and nobody stated that it is lost.
    """
    error = silence_of(old)
    if error and not lost:
        message = f"{old.name} does not answer, and would serve the old state if it came back. {error.what}"
        raise OldServerSilent(message, "Bring it back, or state that it is lost for good.") from error
    return error is None


def silence_of(server: ServerFacts) -> Unreachable | None:
    """Why a server does not answer; None where it does."""
    try:
        load(SshHost).connection(server).run(Command("look", ("true",)))
    except Unreachable as error:
        return error
    return None


def make_place(server: ServerFacts, instance: InstanceFacts) -> None:
    """User, empty database with its rights, and rules for the network; the rest comes with what is brought back."""
    ensure_system_user(server, instance)
    ensure_database(server, instance)
    ensure_outgoing_network(server, instance)


@step
def drop_place(server: ServerFacts, restore: Restore) -> bool:
    """What was set up on another server did not pass its proof: nothing of it stays there.

    Nobody was led to it, and no cron job has run in it: so nothing is lost that the old server does not have.

    Raises:
        DriftFound: the inventory says that the instance is there.
    """
    name = restore.instance.name
    with inventory().reading() as session:
        if instances.instance_facts(session, name).server_name == server.name:
            raise DriftFound(f"{name} is on {server.name}.", "Nothing was taken away; look at both.")
    return take_away(server, InstanceLayout.of(restore.instance), restore.work)
