"""The state that a move left on its source is served again, by an operator's word that accepts the loss (P24)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import kept_state, mariadb, replication
from hosting.commands.server_link import take_writes
from hosting.errors import DriftFound, Unreachable
from hosting.inventory import former_homes, instances, kept_source, moves, servers
from hosting.inventory.moves import DIFFERS
from hosting.inventory.session import in_transaction
from hosting.product.layout import InstanceLayout
from tasks.former_homes import kept_if_silent
from tasks.kept_loss import count_loss
from tasks.leases import hold_on
from tasks.move_records import Move, read_move
from tasks.passing_on import pass_on
from tasks.records import inventory, now
from tasks.step import reading, step

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from hosting.policy.kept_source import Loss
    from hosting.policy.values import InstanceFacts, ServerFacts

TOLD = "By an operator's word the state is served that the source had kept."


@dataclass(frozen=True)
class Kept:
    """A kept state as an operator sees it before he decides."""

    instance: InstanceFacts
    move: MoveFacts
    serving: ServerFacts
    keeper: ServerFacts
    loss: Loss


def preview(name: str) -> Kept:
    """What would be served again, and what would be lost; both servers are asked, nothing is changed.

    Raises:
        UnknownInstance: no instance has this name.
        NothingKept: there is no such state.
        DriftFound: the server does not have what is recorded as kept.
        Unreachable: a server does not answer.
    """
    with inventory().reading() as session:
        move = kept_source.kept_move(session, name)
        instance = instances.instance_facts(session, name)
        serving, keeper = (servers.server_facts(session, one) for one in (instance.server_name, move.source_name))
    check_is_there(keeper, instance)
    minutes = int((now() - (move.switched_at or now())).total_seconds() // 60)
    return Kept(instance, move, serving, keeper, count_loss(serving, keeper, InstanceLayout.of(instance), minutes))


def check_is_there(keeper: ServerFacts, instance: InstanceFacts) -> None:
    """See that a server has the database and the files of an instance that it keeps.

    Raises:
        DriftFound: it has not.
    """
    layout, ssh = InstanceLayout.of(instance), load(SshHost).connection(keeper)
    with mariadb_of(ssh) as database:
        found = bool(database.rows(mariadb.find_database(layout.database)))
    if not found or not kept_state.parse_files(ssh.run(kept_state.list_files(layout.data)).out):
        message = f"{keeper.name} does not have the state of {instance.name} that is recorded as kept there."
        raise DriftFound(message, "Bring it back from a backup: phm restore.")


@reading
def check_kept(move: Move) -> None:
    """See that what is to be served again is still what the last move left there, and is there.

    Raises:
        NothingKept: meanwhile it can't be, or its loss was accepted too long ago.
        DriftFound: the server does not have it.
    """
    with inventory().reading() as session:
        kept_source.check_return(session, move.facts, now())
    check_is_there(move.target, move.instance)


@step
def ensure_keeper_passes_on(move: Move) -> bool:
    """The server whose kept state was to be served passes requests on again, as the one that it left by its move owes.

    One that does not answer keeps nobody from the end of the undoing: it is tried again by itself.
    """
    silent: list[Unreachable] = []
    with kept_if_silent(silent):
        return pass_on(move.target, move.instance, move.source)
    kept = int(move.facts.evidence[kept_source.SERVES_KEPT])
    owe = partial(former_homes.record_owed, move_id=kept, finding=silent[0].what, now=now())
    in_transaction(inventory(), owe)
    return False


@step
def ensure_kept_let_in(move: Move) -> bool:
    """The kept state takes changes again: its database lets the instance in, its folder can be written to."""
    ssh = load(SshHost).connection(move.target)
    with mariadb_of(ssh) as database:
        database.rows(replication.let_in(move.layout.database))
    return move.target.has_btrfs and ssh.run(take_writes(move.layout.data, taken=True)).changed


@reading
def record_kept_served(move: Move) -> Move:
    """The kept state is the instance's from now on, and what it had until now is what is kept.

    Raises:
        LeaseLost: another run works on the instance since this one hung.
        SourceLeft: the instance is not where the move began.
    """

    def switch(session: Session) -> None:
        hold_on(session, move.name)
        moves.switch(session, move.facts.id, {DIFFERS: TOLD}, now())
        moves.give_up_kept(session, move.name, move.target.name, now())

    in_transaction(inventory(), switch)
    return read_move.fn(move.facts.id)
