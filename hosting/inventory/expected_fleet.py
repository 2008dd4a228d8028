"""What the inventory says that a server has, read at one moment, for the inspection of the fleet (P18)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory import instances, leases, moves, names, server_updates
from hosting.inventory.closed_imports import HALF
from hosting.inventory.closed_updates import CLOSED
from hosting.inventory.copies import copies_on
from hosting.inventory.import_rows import Import
from hosting.inventory.restores import begun_restores
from hosting.inventory.roll_out_rows import InstanceUpdate
from hosting.policy.fleet_expected import Expected
from hosting.policy.states import InstanceState, MoveState, NameState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.fleet_expected import Home, Place
    from hosting.policy.values import InstanceFacts


@dataclass
class Ways:
    """Instances on their way to a server, or that have left it.

    Args:
        coming: on their way to it.
        moving: whose move to or from it is not at its end.
        kept: that have left it, whose state is kept there.
        left: that have left it.
    """

    coming: set[str] = field(default_factory=set)
    moving: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)


def expected_on(
    session: Session, server: str, make_home: Callable[[InstanceFacts], Home], own: tuple[Place, ...], now: datetime
) -> Expected:
    """What a server has to have, and may have.

    Args:
        session: to read from.
        server: its name.
        make_home: how an instance that is on it lies there.
        own: files of the server itself that the service has written.
        now: the moment.
    """
    every = instances.all_instances(session)
    living = {str(one.name): str(one.server_name) for one in every if one.state is not InstanceState.ENDED}
    ways = _ways(session, server)
    return Expected(
        server=server,
        homes={one.name: make_home(one) for one in every if living.get(one.name) == server},
        copies=frozenset(one.name for one in copies_on(session, server)),
        coming=frozenset(ways.coming & living.keys()),
        kept=frozenset(ways.kept & living.keys()),
        left={name: living[name] for name in ways.left & living.keys()},
        elsewhere={name: home for name, home in living.items() if home != server},
        ended=frozenset(one.name for one in every if one.state is InstanceState.ENDED),
        busy=frozenset(busy(session, now)),
        moving=frozenset(ways.moving),
        names=frozenset(
            one.id for one in names.all_names(session, NameState.ASSIGNING, NameState.LIVE, NameState.RELEASING)
        ),
        own=own,
        at_work=server in server_updates.closed_to_others(session, now),
    )


def busy(session: Session, now: datetime) -> set[str]:
    """Instances and copies on which somebody works, or that a killed run may have left half done and closed."""
    return {one.instance_name.partition("@")[0] for one in leases.living(session, now)} | half_done(session)


def half_done(session: Session) -> set[str]:
    """Instances that stand in the middle of something, whoever has their lease."""
    found: set[str] = {one.instance_name for one in moves.all_moves(session, *moves.UNDER_WAY) if _is_begun(one)}
    found |= {one.instance for one in begun_restores(session) if one.ended_at is None}
    found |= set(session.scalars(select(InstanceUpdate.instance_name).where(InstanceUpdate.state.in_(CLOSED))))
    return found | set(session.scalars(select(Import.instance_name).where(HALF)))


def _is_begun(move: moves.MoveFacts) -> bool:
    """Whether something was done about a move."""
    return move.state is not MoveState.PLANNED or move.closed_at is not None


def _ways(session: Session, server: str) -> Ways:
    """Who comes to a server, and who has left it: by moves, and by restores that brought an instance elsewhere."""
    ways = Ways()
    for move in moves.all_moves(session):
        under_way = move.state in moves.UNDER_WAY
        if under_way and server in {move.source_name, move.target_name}:
            ways.moving.add(move.instance_name)
        if under_way and move.target_name == server:
            ways.coming.add(move.instance_name)
        if move.source_name == server and move.state in moves.SWITCHED_EVER:
            ways.left.add(move.instance_name)
            if move.state is not MoveState.RETIRED:
                ways.kept.add(move.instance_name)
    for restore in begun_restores(session):
        if restore.ended_at is None and restore.server == server:
            ways.coming.add(restore.instance)
        if restore.left == server:
            ways.left.add(restore.instance)
    return ways
