"""What the inventory knows of a move: read whole, its phases recorded, the switch in one transaction (P24)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from prefect.runtime import flow_run

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.inventory import (
    cases,
    deeds,
    former_homes,
    instances,
    kept_source,
    leases,
    levels,
    moves,
    name_certificates,
    names,
    orders,
    recovery_points,
    restores,
    retirement,
    servers,
    work,
)
from hosting.inventory.move_paces import ESTIMATED, paces
from hosting.inventory.session import in_transaction
from hosting.policy.backup_audit import backup_standing
from hosting.policy.certificate import ends_at
from hosting.policy.move_plan import Obstacles
from hosting.policy.states import MoveState
from hosting.policy.values import NameKind
from hosting.product.layout import BACKUP, InstanceLayout
from tasks.leases import hold_on
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from pathlib import PurePosixPath as Path

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from hosting.policy.move_plan import MovePlan
    from hosting.policy.values import InstanceFacts, OrderFacts, ServerFacts


@dataclass(frozen=True)
class Move:
    """A move with what it is about.

    Args:
        facts: as the inventory has it.
        instance: which one.
        source: the server that it leaves.
        target: the server that it goes to.
        order: of the instance.
        homes: the servers that it has left in earlier moves.
        answering: the names of those, and of the machines that stand in for the retired ones.
    """

    facts: MoveFacts
    instance: InstanceFacts
    source: ServerFacts
    target: ServerFacts
    order: OrderFacts
    homes: tuple[ServerFacts, ...] = ()
    answering: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The instance's."""
        return self.instance.name

    @property
    def layout(self) -> InstanceLayout:
        """The instance's places, the same on both servers."""
        return InstanceLayout.of(self.instance)

    @property
    def work(self) -> Path:
        """Where rounds of the files lie, on either server."""
        return BACKUP / f"{self.instance.name}-move"

    @property
    def both_btrfs(self) -> bool:
        """Whether the files go as snapshots."""
        return self.source.has_btrfs and self.target.has_btrfs

    @property
    def mover(self) -> str:
        """The database user of the move, on the source."""
        return f"phm_move_{self.instance.name}"

    @property
    def by_restore(self) -> bool:
        """Of a move that has ended: whether its instance came to the target by a restore."""
        return "proof" not in self.facts.evidence

    @property
    def serves_kept(self) -> bool:
        """Whether nothing is copied: the target serves again what an earlier move left there."""
        return kept_source.SERVES_KEPT in self.facts.evidence

    @property
    def target_was_home(self) -> bool:
        """Whether the target passes the instance's requests on, since it was there before, or stands in for a home."""
        return self.target.name in self.answering


@reading
def read_move(move_id: int) -> Move:
    """A move with everything around it.

    Raises:
        UnknownMove: none has this number.
    """
    with inventory().reading() as session:
        facts = moves.move_facts(session, move_id)
        instance = instances.instance_facts(session, facts.instance_name)
        homes = [servers.server_facts(session, name) for name in moves.former_homes(session, instance.name)]
        left = tuple(home for home in homes if home.name != facts.source_name)
        target = servers.server_facts(session, facts.target_name)
        if facts.state in moves.BEFORE_SWITCH:  # its own room is kept for it there
            target = replace(target, booked_gib=target.booked_gib - instance.storage_gib)
        return Move(
            facts,
            instance,
            servers.server_facts(session, facts.source_name),
            target,
            orders.order_facts(session, instance.order_reference),
            left,
            frozenset(str(one.name) for home in left for one in (home, retirement.stand_in(session, home))),
        )


@reading
def read_obstacles(move: Move) -> Obstacles:
    """What the inventory knows that could stand in the way of a move."""
    with inventory().reading() as session:
        found = obstacles_of(session, move.instance, without_backup=move.facts.without_backup)
        pace = paces(session)(move.source.name, move.target.name)
    return replace(found, until=move.facts.due_until, pace=pace)


def obstacles_of(
    session: Session, instance: InstanceFacts, *, without_backup: bool, own_lease: bool = True
) -> Obstacles:
    """The same from an open session; the lease counts where it is not this run's own."""
    lease = None if own_lease else leases.lease_of(session, instance.name)
    held = lease if lease and lease.expires_at > now() else None
    states = {one.id: one.state for one in recovery_points.generations_of(session, instance.name)}
    backups = backup_standing(recovery_points.points_of(session, instance.name), states)
    settings, domains = (
        load(ServiceSettings),
        [one for one in names.names_of(session, instance.name) if one.kind is NameKind.DOMAIN],
    )
    bare = [one for one in domains if name_certificates.certificate_of(session, one.id) is None]
    return Obstacles(
        leased=f"{held.owner} ({held.purpose})" if held else "",
        restoring=restores.open_restore(session, instance.name) is not None,
        last_backup=backups.last_good_at,
        without_backup=without_backup,
        certificate_ends=ends_at(settings.certificate_pem),
        bare_domains=tuple(one.host_name(settings.zone) for one in bare),
    )


@reading
def check_at_source(move: Move) -> None:
    """See that the instance is where the move begins, now that nobody else works on it.

    Raises:
        SourceLeft: it is not: what is on the source is not its state, and the target may be where it serves.
    """
    with inventory().reading() as session:
        moves.check_source(session, move.facts.id)


@reading
def leave_for_its_moment(move: Move) -> None:
    """Nothing is done before the moment that was agreed on; the work of this run waits for it."""

    def wait(session: Session) -> None:
        one = work.work_of_run(session, flow_run.id) if flow_run.id else None
        if one is not None and one.kind == work.MOVE and one.state not in work.ENDS:
            work.reschedule(session, one.id, move.facts.begins)

    in_transaction(inventory(), wait)


@reading
def record_begun(move: Move, what: MovePlan) -> Move:
    """The copying begins; what an earlier move left on the target is given up, since it goes for this one."""

    def begin(session: Session) -> MoveFacts:
        moves.give_up_kept(session, move.name, move.target.name, now())
        estimated = {"seconds": what.seconds, "stop_seconds": what.stop_seconds, "pace": what.pace}
        evidence = {"method": what.method, ESTIMATED: estimated}
        return moves.record_state(session, move.facts.id, MoveState.COPYING, now(), evidence=evidence)

    return replace(move, facts=in_transaction(inventory(), begin))


@reading
def record_state(move: Move, to: MoveState, finding: str = "", evidence: dict[str, Any] | None = None) -> Move:
    """How far the move is."""

    def record(session: Session) -> MoveFacts:
        return moves.record_state(session, move.facts.id, to, now(), finding=finding, evidence=evidence)

    return replace(move, facts=in_transaction(inventory(), record))


@reading
def record_switched(move: Move, evidence: dict[str, Any]) -> Move:
    """The instance is on its target from now on, and is counted there.

    Raises:
        LeaseLost: another run works on the instance since this one hung.
        SourceLeft: the instance is not where the move began.
    """

    def switch(session: Session) -> tuple[MoveFacts, InstanceFacts]:
        hold_on(session, move.name)  # a run that hung has lost it
        facts = moves.switch(session, move.facts.id, evidence, now())
        return facts, instances.instance_facts(session, move.name)

    facts, instance = in_transaction(inventory(), switch)
    return replace(move, facts=facts, instance=instance)


@reading
def record_opened(move: Move, seconds: float | None = None) -> None:
    """The instance was seen to be open again; told is how long it was closed, or else from its first freeze on."""
    in_transaction(inventory(), lambda session: moves.record_opened(session, move.facts.id, now(), seconds))


@reading
def record_done(move: Move, evidence: dict[str, Any]) -> None:
    """The move is through; a full backup on the new server is due, and so is this run's work."""

    def record(session: Session) -> None:
        at = now()
        moves.record_state(session, move.facts.id, MoveState.DONE, at, evidence=evidence)
        work.record_done(session, work.MOVE, str(move.facts.id))
        work.ask_for(
            session, work.BACK_UP_SERVER, f"{move.target.name}@{at:%Y-%m-%dT%H:%MZ}", at, by=deeds.SERVICE, now=at
        )

    in_transaction(inventory(), record)


def record_finding(move: Move, finding: str) -> None:
    """Why the move did not get on; the next run finds from its state how far it had come."""
    in_transaction(inventory(), lambda session: moves.record_finding(session, move.facts.id, finding))


def record_put_back(move: Move, finding: str) -> None:
    """The move is undone for what passes, and stands as it was planned; nothing of it is left anywhere."""
    in_transaction(inventory(), lambda session: moves.put_back(session, move.facts.id, finding, now()))


def record_called_off(move: Move, finding: str) -> None:
    """The move is undone: the source serves as before, nothing of it is left on the target."""

    def record(session: Session) -> None:
        moves.record_state(session, move.facts.id, MoveState.CALLED_OFF, now(), finding=finding)
        work.record_failed(session, work.MOVE, str(move.facts.id), finding)

    in_transaction(inventory(), record)


@reading
def record_retired(move: Move) -> None:
    """Nothing is kept on the source any more."""
    record_state.fn(move, MoveState.RETIRED)


@reading
def is_still_kept(move: Move) -> bool:
    """Whether what a move left is still what may go, now that nobody else works on the instance."""
    with inventory().reading() as session:
        return _is_kept(session, moves.move_facts(session, move.facts.id))


@reading
def read_kept_too_long() -> list[Move]:
    """The moves whose source has been kept for its days; never one to which the instance came back, or comes."""
    with inventory().reading() as session:
        days = {name: terms.moved_kept_days for name, terms in levels.terms_of_instances(session, now()).items()}
        due = [
            one
            for one in moves.all_moves(session, MoveState.DONE)
            if one.ended_at and (now() - one.ended_at).days >= days[one.instance_name] and _is_kept(session, one)
        ]
    return [read_move.fn(one.id) for one in due]


def _is_kept(session: Session, move: MoveFacts) -> bool:
    """Whether what a move left on its source is no more than that: the instance is elsewhere, and does not come.

    As long as a person has to look at a difference, it is kept. Where the contract is over it goes with the instance:
    nobody may work on that here.
    """
    instance = instances.instance_facts(session, move.instance_name)
    differing = cases.cases_of(session, instances.subject_of(move.instance_name))
    return (
        move.state is MoveState.DONE
        and all(case.settled_at for case in differing if case.key == after_check_key(move.id))
        and instance.server_name != move.source_name
        and instance.state not in former_homes.OVER
        and moves.open_move(session, move.instance_name) is None
        and not former_homes.is_owed(session, move.id)
    )


def after_check_key(move_id: int) -> str:
    """The key of the case that a difference between both sides is, found after the switch."""
    return f"move:{move_id}:after-check"


def new_password() -> str:
    """For a database user that lives as long as a move."""
    return secrets.token_hex(16)
