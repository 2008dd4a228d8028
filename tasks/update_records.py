"""What the inventory knows of an update while a run is at it (P17)."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from prefect.artifacts import create_table_artifact
from prefect.runtime import flow_run

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.errors import ServiceError, StepFailed
from hosting.inventory import instances, levels, operators, roll_outs, work
from hosting.inventory.roll_out_turns import UNKNOWN_LASTS, has_its_turn
from hosting.inventory.session import in_transaction
from hosting.policy.maintenance import NeverFits, OutsideWindow, check_may_begin, expected_duration
from hosting.policy.roll_outs import AT_WORK, ENDS, UpdateState
from hosting.policy.states import InstanceState
from hosting.policy.way_back import STOP_MOST_SECONDS, WayBack
from hosting.product.layout import InstanceLayout
from tasks.letters import local
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session

    from hosting.inventory.roll_out_rows import RollOutFacts, RollOutOrder, UpdateFacts
    from hosting.policy.roll_outs import Place
    from hosting.policy.values import InstanceFacts, ReleaseFacts


@dataclass(frozen=True)
class Update:
    """An instance on its way to a release.

    Args:
        roll_out: the number of the roll-out.
        instance: as it was, with its old release.
        release: the new one.
        state: how far it is.
        attempts: how often it was begun.
        way: the way back, once a trial has told it.
        stop_most_seconds: for so long it may be closed, by estimate.
        token: by which the proof passes the closed gate.
    """

    roll_out: int
    instance: InstanceFacts
    release: ReleaseFacts
    state: UpdateState
    attempts: int
    way: WayBack
    stop_most_seconds: float = STOP_MOST_SECONDS
    token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.instance.name

    @property
    def instance_new(self) -> InstanceFacts:
        """The instance with the new release."""
        return replace(self.instance, release=self.release)

    @property
    def old(self) -> InstanceLayout:
        """Its places with the old release."""
        return InstanceLayout.of(self.instance)

    @property
    def new(self) -> InstanceLayout:
        """Its places with the new one."""
        return InstanceLayout.of(self.instance_new)


class HasLeft(StepFailed):
    """An instance is no longer where, or as, its roll-out found it."""


class IsNotOpen(HasLeft):
    """An instance was suspended or closed before its turn: nobody could see whether it serves, so it is left out."""


@dataclass(frozen=True)
class Outcome:
    """What became of an instance in a run."""

    instance: str
    state: str
    outage_seconds: float | None
    finding: str = ""


@reading
def read_roll_out_plan(order: RollOutOrder) -> list[Place]:
    """Who would get a release in which ring; raises what forbids it."""
    with inventory().reading() as session:
        return roll_outs.preview(session, order)


@reading
def begin_roll_out(order: RollOutOrder, by: str) -> RollOutFacts:
    """The roll-out, recorded; raises what forbids it."""

    def begin(session: Session) -> RollOutFacts:
        operators.ensure_operator(session, by, now())
        return roll_outs.begin(session, order, by, now(), load(ServiceSettings).holidays_state)

    return in_transaction(inventory(), begin)


@reading
def read_roll_out(number: int) -> RollOutFacts:
    """A roll-out."""
    with inventory().reading() as session:
        return roll_outs.roll_out_facts(session, number)


@reading
def read_due_updates(number: int, server: str) -> list[UpdateFacts]:
    """The instances on a server that a run may go on with, or begin now."""
    return in_transaction(inventory(), lambda session: due_updates(session, number, server, now()))


def due_updates(session: Session, number: int, server: str, at: datetime) -> list[UpdateFacts]:
    """The instances of the ring at which a roll-out is, and what a run has begun; what waits only in its window."""
    going = roll_outs.go_on(session, number, at, load(ServiceSettings).holidays_state)
    found = [one for one in roll_outs.updates_of(session, number) if one.server == server]
    return [
        one for one in found
        if one.state in AT_WORK
        or (one.state not in ENDS and one.ring == going.ring and not going.halt and is_its_time(session, one, at))
    ]  # fmt: skip


def next_of(due: Sequence[UpdateFacts], tried: Collection[str] = (), *, left: bool = False) -> list[UpdateFacts]:
    """What a run takes up next: what another one left half done, which may be closed, before all else.

    Args:
        due: what it may go on with or begin.
        tried: what it has taken up already, by name.
        left: whether some of that stands half done: nothing else is begun then, so that the next run comes at once.
    """
    open_ = [one for one in due if one.instance not in tried]
    begun = [one for one in open_ if one.state in AT_WORK]
    return begun or ([] if left else open_)


def is_its_time(session: Session, update: UpdateFacts, at: datetime, lasts: timedelta | None = None) -> bool:
    """Whether an instance's update would end off-peak by its contract if it began now; an urgent one always may.

    Args:
        session: of the transaction.
        update: the instance's.
        at: this moment.
        lasts: what is left of it; None: all of it, by what others took.
    """
    facts = roll_outs.roll_out_facts(session, update.roll_out)
    if not has_its_turn(session, facts, update.instance, at):
        return False
    done = [one for one in roll_outs.updates_of(session, update.roll_out) if one.state is UpdateState.DONE]
    past = [one.ended_at - one.begun_at for one in done if one.ended_at and one.begun_at]
    terms = levels.terms_of_instance(session, update.instance, at)
    try:
        check_may_begin(
            at, expected_duration(past, UNKNOWN_LASTS) if lasts is None else lasts, (terms,),
            load(ServiceSettings).holidays_state, urgent=facts.why if facts.urgent else None,
        )  # fmt: skip
    except (OutsideWindow, NeverFits):
        return False
    return True


@reading
def read_update(number: int, instance: str) -> Update | None:
    """An instance's update, if a run may go on with it or begin it now."""
    with inventory().reading() as session:
        facts = roll_outs.may_begin(session, number, instance)
        if facts is None or (facts.state is UpdateState.WAITING and not is_its_time(session, facts, now())):
            return None
        roll_out = roll_outs.roll_out_facts(session, number)
        has = replace(instances.instance_facts(session, instance), release=facts.from_release)
    way = WayBack.of(facts.evidence["way"]) if "way" in facts.evidence else WayBack()
    return Update(number, has, roll_out.release, facts.state, facts.attempts, way, roll_out.stop_most_seconds)


@reading
def check_place(update: Update, server_name: str) -> None:
    """See that the instance is still where the run works, with the release that it had.

    Raises:
        HasLeft: it has moved, or was restored to another release meanwhile.
        IsNotOpen: nothing of it was begun, and it is suspended or closed meanwhile.
    """
    with inventory().reading() as session:
        now_is = instances.instance_facts(session, update.name)
    if update.state is UpdateState.WAITING and now_is.state is not InstanceState.ACTIVE:
        message = f"{update.name} is {now_is.state} meanwhile."
        raise IsNotOpen(message, "It is left out; begin another roll-out for it once it is open.")
    has = update.release if update.state is UpdateState.OPENED else update.instance.release
    if now_is.server_name != server_name or now_is.release.id != has.id:
        message = f"{update.name} is on {now_is.server_name} with {now_is.release.version} meanwhile."
        raise HasLeft(message, "It is left as it is; begin another roll-out for it.")


@reading
def outcome_of(roll_out: int, instance: str) -> Outcome:
    """What the record says became of an instance."""
    with inventory().reading() as session:
        facts = roll_outs.update_facts(session, roll_out, instance)
    return Outcome(instance, facts.state, facts.outage_seconds, facts.finding)


def report_roll_out_plan(places: Sequence[Place]) -> None:
    """The rings, as an artifact."""
    create_table_artifact(
        key="roll-out-plan",
        description=f"A roll-out to {len(places)} instances",
        table=[
            {"ring": one.ring, "server": one.server, "instance": one.instance}
            for one in sorted(places, key=lambda one: (one.ring, one.server, one.instance))
        ],
    )


@reading
def report_updates(roll_out: RollOutFacts, server: str) -> None:
    """How far each instance on a server is, as an artifact; made anew while a run is at it."""
    with inventory().reading() as session:
        found = [one for one in roll_outs.updates_of(session, roll_out.id) if one.server == server]
    create_table_artifact(
        key=f"roll-out-{roll_out.id}-{server}",
        description=f"Roll-out {roll_out.id} to {roll_out.release.version} on {server}, {local(now())}",
        table=[
            {"instance": one.instance, "state": one.state, "outage, s": one.outage_seconds, "finding": one.finding}
            for one in found
        ],
    )


@contextlib.contextmanager
def telling_update_failure() -> Iterator[None]:
    """The work that this run is for is recorded as done, or as failed; what is left is asked for anew each minute."""
    try:
        yield
    except ServiceError as error:
        run_logger().error("%s", error)  # one sentence is what helps here
        finding = str(error)
        with contextlib.suppress(ServiceError):
            in_transaction(inventory(), lambda session: _end_work(session, finding))
        raise
    in_transaction(inventory(), lambda session: _end_work(session, ""))


def _end_work(session: Session, finding: str) -> None:
    """The work of this run, at its end; a run by hand has none."""
    one = work.work_of_run(session, flow_run.id) if flow_run.id else None
    if one is None or one.state in work.ENDS:
        return
    if finding:
        work.record_failed(session, one.kind, one.subject, finding)
    else:
        work.record_done(session, one.kind, one.subject)
