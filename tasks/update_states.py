"""How far an instance is, as its run writes it down: asked again before each step that has no way back (P17)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hosting.errors import DriftFound, Refused, ServiceError, StepFailed, Unreachable
from hosting.inventory import cases, instances, roll_outs
from hosting.inventory.instances import InstanceClosed, InstanceEnded
from hosting.inventory.leases import LeaseHeld, LeaseLost
from hosting.inventory.roll_out_rows import locked
from hosting.inventory.session import in_transaction
from hosting.policy.roll_outs import AT_WORK, ATTEMPTS_MOST, ENDS, RollOutState, UpdateState
from hosting.policy.way_back import WayBack
from tasks.leases import hold_on
from tasks.records import inventory, now
from tasks.step import reading, run_logger
from tasks.update_records import HasLeft, IsNotOpen, is_its_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from hosting.inventory.roll_out_rows import UpdateFacts
    from tasks.update_records import Update

STOPPED_AT = "stopped_at"
"""In an update's evidence: since when it is closed, for as long as nobody has measured it."""


class PutOff(Refused):
    """An instance's turn is over before it was closed: its window, or the roll-out, has ended meanwhile."""


@reading
def record(
    update: Update, state: UpdateState, finding: str = "", *, outage_seconds: float | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> Update:  # fmt: skip
    """How far the instance is; the update as it goes on from there."""
    facts = in_transaction(
        inventory(),
        lambda session: roll_outs.record_state(
            session, update.roll_out, update.name, state, now(), finding=finding, outage_seconds=outage_seconds,
            evidence=evidence,
        ),
    )  # fmt: skip
    way = WayBack.of(facts.evidence["way"]) if "way" in facts.evidence else update.way
    return replace(update, state=facts.state, attempts=facts.attempts, way=way)


@reading
def record_preparing(update: Update) -> Update:
    """An attempt begins, if it still may.

    Raises:
        LeaseLost: another run works on the instance.
        PutOff: it may not begin any more: the roll-out stands, the instance was left out, or its time is over.
    """

    def prepare(session: Session) -> UpdateFacts:
        hold_on(session, update.name)
        found = roll_outs.may_begin(session, update.roll_out, update.name)
        if found is None or found.state is not UpdateState.WAITING or not is_its_time(session, found, now()):
            raise _put_off(update)
        return roll_outs.record_state(session, update.roll_out, update.name, UpdateState.PREPARING, now())

    facts = in_transaction(inventory(), prepare)
    return replace(update, state=facts.state, attempts=facts.attempts)


@reading
def record_stopped(update: Update, kept: Mapping[str, Any]) -> Update:
    """It is closed from this moment on, if it still may be.

    Raises:
        LeaseLost: another run works on the instance.
        PutOff: it may not be closed any more: the roll-out stands, or the instance's time is over.
    """

    def stop(session: Session) -> UpdateFacts:
        hold_on(session, update.name)
        at, number = now(), update.roll_out
        roll_out = locked(session, number)
        found = roll_outs.update_facts(session, number, update.name)
        lasts = timedelta(seconds=update.stop_most_seconds)
        may = roll_out.state == RollOutState.OPEN and found.state is UpdateState.PREPARING
        if not may or not is_its_time(session, found, at, lasts):
            raise _put_off(update)
        evidence = {**kept, STOPPED_AT: at.isoformat()}
        return roll_outs.record_state(session, number, update.name, UpdateState.STOPPED, at, evidence=evidence)

    facts = in_transaction(inventory(), stop)
    return replace(update, state=facts.state, way=WayBack.of(facts.evidence["way"]))


def _put_off(update: Update) -> PutOff:
    """Not now."""
    return PutOff(
        f"{update.name} is not updated now: the roll-out stands, or its time is over.",
        f"Look at it: phm update status {update.roll_out}.",
    )


@reading
def record_outage(update: Update, seconds: float | None = None) -> Update:
    """For how long the instance was closed: as it was seen from outside, or else up to now; once for each stop."""

    def record_it(session: Session) -> UpdateFacts:
        facts, at = roll_outs.update_facts(session, update.roll_out, update.name), now()
        since = facts.evidence.get(STOPPED_AT)
        if since is None:
            return facts
        closed = round((at - datetime.fromisoformat(since)).total_seconds(), 2) if seconds is None else seconds
        return roll_outs.record_state(
            session, update.roll_out, update.name, facts.state, at, finding=facts.finding, outage_seconds=closed,
            evidence={STOPPED_AT: None},
        )  # fmt: skip

    return replace(update, state=in_transaction(inventory(), record_it).state)


@reading
def record_broken_off(update: Update) -> None:
    """Nothing is left of an attempt whose run was killed: it waits for another one, unless it was the last."""

    def end(session: Session) -> None:
        last = update.attempts >= ATTEMPTS_MOST
        state = UpdateState.FAILED if last else UpdateState.WAITING
        finding = f"Its run was broken off, at attempt {update.attempts}."
        roll_outs.record_state(session, update.roll_out, update.name, state, now(), finding=finding)

    in_transaction(inventory(), end)


@reading
def record_cleared(update: Update, error: ServiceError) -> None:
    """Nothing is left of an attempt that failed; one that was put off was none."""

    def wait(session: Session) -> None:
        if roll_outs.update_facts(session, update.roll_out, update.name).state in ENDS:
            return  # given up meanwhile
        roll_outs.record_state(
            session, update.roll_out, update.name, UpdateState.WAITING, now(), finding=str(error),
            counts=not isinstance(error, PutOff),
        )  # fmt: skip

    in_transaction(inventory(), wait)


@reading
def record_opened(update: Update) -> Update:
    """There is no way back any more: the instance has the new release from this moment on.

    Raises:
        LeaseLost: another run works on the instance since this one hung.
        StepFailed: another run has brought it elsewhere meanwhile.
    """

    def opened(session: Session) -> UpdateFacts:
        hold_on(session, update.name)  # a run that hung has lost it
        found = roll_outs.update_facts(session, update.roll_out, update.name)
        if found.state is UpdateState.OPENED:
            return found  # the answer to its record was lost
        if found.state is not UpdateState.STOPPED:
            raise StepFailed(f"The update of {update.name} is {found.state} meanwhile.", "Look at: phm update status.")
        instances.record_release(session, update.name, update.release.id, now())
        return roll_outs.record_state(session, update.roll_out, update.name, UpdateState.OPENED, now())

    return replace(update, state=in_transaction(inventory(), opened).state)


@reading
def read_state(update: Update) -> UpdateState:
    """How far the instance is by the record."""
    with inventory().reading() as session:
        return roll_outs.update_facts(session, update.roll_out, update.name).state


def settle_failure(update: Update, error: ServiceError) -> ServiceError | None:
    """What a failure means: tried again where that may heal, failed for good, or half done and for a person.

    Returns:
        The failure, where the instance stands half done: the run fails by it, and the next one goes on.
    """
    run_logger().error("%s: %s", update.name, error)  # one sentence is what helps here
    return in_transaction(inventory(), lambda session: _settle(session, update, error))


def _settle(session: Session, update: Update, error: ServiceError) -> ServiceError | None:
    """The same in a transaction."""
    facts = roll_outs.update_facts(session, update.roll_out, update.name)
    if facts.state in ENDS or isinstance(error, (LeaseHeld, LeaseLost, PutOff)):
        return None  # left out meanwhile; or no attempt was made, or another run is at it and goes on
    is_open = facts.state in {UpdateState.PREPARING, UpdateState.OPENED}  # and is, whatever it has come to meanwhile
    is_gone = isinstance(error, InstanceEnded) or (isinstance(error, (HasLeft, InstanceClosed)) and is_open)
    if facts.state in AT_WORK and not is_gone:
        said = f"The update of {update.name} to {update.release.version} stands at {facts.state}: {error}"
        key, told = roll_outs.half_done_key(update.roll_out, update.name, facts.state), {"roll_out": update.roll_out}
        cases.raise_case(
            session, key, cases.NOT_DONE, instances.subject_of(update.name), said, facts=told, now=now()
        )  # fmt: skip
        roll_outs.record_state(session, update.roll_out, update.name, facts.state, now(), finding=str(error))
        if facts.state is UpdateState.STOPPED:
            roll_outs.halt_by_itself(session, update.roll_out, f"{update.name} is closed and did not go back.", now())
        return error
    again = isinstance(error, (Unreachable, DriftFound)) and facts.attempts < ATTEMPTS_MOST
    state = UpdateState.WAITING if again else UpdateState.FAILED
    if isinstance(error, (IsNotOpen, InstanceClosed)):  # whoever asked first, the lease or the place
        state = UpdateState.SKIPPED
    roll_outs.record_state(session, update.roll_out, update.name, state, now(), finding=str(error))
    return None
