"""What a move would be, asked of both servers before anything is touched (P24)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hosting.inventory import instances, moves, offers, orders, servers
from hosting.inventory.move_paces import paces
from hosting.policy.move_plan import MovePlan, Sizes, objections, plan
from hosting.policy.states import MoveState
from tasks.move_records import Move, obstacles_of
from tasks.move_sides import read_sides, read_sizes
from tasks.records import inventory, now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Preview:
    """A move as it would be: its ends, sizes and estimates, and everything that forbids it."""

    instance: str
    source: str
    target: str
    sizes: Sizes
    plan: MovePlan
    objections: list[str]


def preview(instance: str, target: str, *, without_backup: bool) -> Preview:
    """The same checks as the run's own.

    Raises:
        UnknownInstance: no instance has this name.
        UnknownServer: no server has this name.
        Unreachable: a server does not answer.
    """
    with inventory().reading() as session:
        move = _imagined(session, instance, target, without_backup=without_backup)
        found = obstacles_of(session, move.instance, without_backup=without_backup, own_lease=False)
        found = replace(found, pace=paces(session)(move.source.name, move.target.name))
        other = moves.open_move(session, instance)
    sizes = read_sizes.fn(move)
    found = replace(found, **read_sides.fn(move))
    said = objections(move.instance, move.source, move.target, sizes=sizes, found=found, now=now())
    if other:
        said.append(f"It moves already ({other.state}, to {other.target_name}).")
    what = plan(sizes, replicating=found.replicating, pace=found.pace)
    return Preview(instance, move.source.name, move.target.name, sizes, what, said)


def _imagined(session: Session, name: str, target: str, *, without_backup: bool) -> Move:
    """The move without a record."""
    instance, at = instances.instance_facts(session, name), now()
    to, offer = servers.server_facts(session, target), offers.open_offer(session, name)
    if offer and offer.target_name == target:  # its own room is kept for it there
        to = replace(to, booked_gib=to.booked_gib - instance.storage_gib)
    facts = moves.MoveFacts(
        id=0, instance_name=instance.name, source_name=instance.server_name, target_name=to.name,
        state=MoveState.PLANNED, why="", without_backup=without_backup, agreed_at=at, agreed_by="", due_at=at,
        begun_at=None, switched_at=None, ended_at=None, stop_seconds=None, finding="", evidence={},
    )  # fmt: skip
    source = servers.server_facts(session, instance.server_name)
    return Move(facts, instance, source, to, orders.order_facts(session, instance.order_reference))
