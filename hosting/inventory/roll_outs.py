"""Roll-outs: begun by an operator, gone on with ring by ring, halted, resumed, ended (P17).

The record outlives every run: `dispatch-due-work` asks each minute for the work that a roll-out needs now, a run of
`update-application` for one server does it, instance by instance, and writes down how far each has come.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import cases, deeds, instances, leases, releases, roll_out_turns, servers
from hosting.inventory.roll_out_errors import watched
from hosting.inventory.roll_out_rows import (
    InstanceUpdate,
    RollOut,
    RollOutFacts,
    RollOutOrder,
    UpdateFacts,
    facts_of,
    locked,
    rows_in,
    subject_of,
    update_of,
    update_row,
)
from hosting.inventory.turns import take_turn
from hosting.policy.roll_out_errors import error_halt, is_judged, waits
from hosting.policy.roll_outs import (
    AT_WORK,
    ENDS,
    ONWARD,
    Going,
    Place,
    RollOutState,
    UpdateState,
    going_on,
    places,
)
from hosting.policy.terms import STANDARD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

HALTED = "roll-out halted"
"""The kind of the case that a roll-out is which has halted."""

NOT_JUDGED = "ring not judged by probes"
"""The deed of a ring after which a roll-out went on though the probers had asked its instances too little, or never."""

UNDER_WAY = (RollOutState.OPEN, RollOutState.HALTED)


class RollOutUnderWay(Refused):
    """One roll-out at a time."""


class RollOutStands(Refused):
    """A roll-out is in a state from which it can't go there."""


def preview(session: Session, order: RollOutOrder) -> list[Place]:
    """Who would get the release, in which ring; nothing is changed by asking.

    Raises:
        UnknownRelease: there is no such release.
        UnknownServer: there is no such server.
        CannotRollOut: it can't be rolled out so; names every reason.
    """
    for name in order.servers:
        servers.server_facts(session, name)
    release = releases.release_facts(session, order.release)
    return places(
        instances.all_instances(session), release, servers=order.servers, only=order.only, canaries=order.canaries
    )  # fmt: skip


def begin(session: Session, order: RollOutOrder, by: str, now: datetime, holidays: str | None = None) -> RollOutFacts:
    """Record that a release is rolled out, and have the customers told who have to be.

    Args:
        session: of the transaction.
        order: what is wanted.
        by: the operator.
        now: this moment.
        holidays: the state whose public holidays are kept.

    Raises:
        RollOutUnderWay: another one is.
        CannotRollOut: as `preview`, which see.
    """
    take_turn(session, "roll-outs")
    if (other := open_roll_out(session)) is not None:
        message = f"Roll-out {other.id} to {other.release.version} is {other.state}."
        raise RollOutUnderWay(message, f"Let it end, or abort it: phm update abort {other.id} --reason ….")
    found = preview(session, order)
    row = RollOut(
        release_id=order.release, state=RollOutState.OPEN, why=order.why, urgent=order.urgent, by=by,
        parallel=order.parallel, failures_most=order.failures_most, stop_most_seconds=order.stop_most_seconds,
        begun_at=now, finding="",
    )  # fmt: skip
    session.add(row)
    session.flush()
    for one in found:
        has = instances.instance_facts(session, one.instance).release.id
        session.add(
            InstanceUpdate(
                roll_out_id=row.id, instance_name=one.instance, server_name=one.server, from_release_id=has,
                ring=one.ring, state=UpdateState.WAITING, forgiven=False, attempts=0, finding="", evidence={},
            )
        )  # fmt: skip
    session.flush()
    facts = facts_of(session, row)
    roll_out_turns.plan_turns(session, facts, [one.instance for one in found], now, holidays)
    evidence = {"release": order.release[:12], "instances": len(found), "urgent": order.urgent}
    deeds.record(session, by, "roll-out begun", subject_of(row.id), why=order.why, evidence=evidence, now=now)
    return facts


def roll_out_facts(session: Session, number: int) -> RollOutFacts:
    """One roll-out.

    Raises:
        UnknownRollOut: there is none of this number.
    """
    return facts_of(session, locked(session, number))


def all_roll_outs(session: Session, *states: RollOutState) -> list[RollOutFacts]:
    """The roll-outs in these states, or all, the first begun first."""
    query = select(RollOut).order_by(RollOut.id)
    if states:
        query = query.where(RollOut.state.in_(states))
    return [facts_of(session, row) for row in session.scalars(query)]


def open_roll_out(session: Session) -> RollOutFacts | None:
    """The one that is under way or halted, None if there is none."""
    return next(iter(all_roll_outs(session, *UNDER_WAY)), None)


def updates_of(session: Session, number: int) -> list[UpdateFacts]:
    """The instances of a roll-out, by ring."""
    return [update_of(session, row) for row in rows_in(session, number)]


def update_facts(session: Session, number: int, instance: str) -> UpdateFacts:
    """One instance in a roll-out.

    Raises:
        UnknownRollOut: it is not in it.
    """
    return update_of(session, update_row(session, number, instance))


def with_work(session: Session) -> list[RollOutFacts]:
    """The roll-outs about which something is to be done: open ones, and those of which a run left something."""
    left = select(InstanceUpdate.roll_out_id).where(InstanceUpdate.state.in_(AT_WORK))
    query = select(RollOut).where((RollOut.state == RollOutState.OPEN) | RollOut.id.in_(left)).order_by(RollOut.id)
    return [facts_of(session, row) for row in session.scalars(query)]


def go_on(session: Session, number: int, now: datetime, holidays: str | None = None) -> Going:
    """Where a roll-out is: halted or ended where it has come to that, else what is to be done, by server.

    What a run has begun and not ended is to be done whatever has become of the roll-out.
    """
    row = locked(session, number)
    _follow_moves(session, number)
    found = updates_of(session, number)
    begun = tuple(sorted({one.server for one in found if one.state in AT_WORK}))
    if row.state != RollOutState.OPEN:
        return Going(None, begun)
    going = going_on(
        [one.place for one in found], row.failures_most, [one.instance for one in found if one.forgiven]
    )  # fmt: skip
    if not going.halt:
        going = _judged(session, row, going, found, now)
    if going.halt:
        _halt(session, row, deeds.SERVICE, going.halt, now)
        return Going(going.ring, begun, going.halt)
    if going.done:
        unjudged = _not_judged(session, number)
        said = f" Not judged by probes: ring {', '.join(map(str, unjudged))}." if unjudged else ""
        _end(session, row, RollOutState.DONE, by=deeds.SERVICE, why=f"All rings are through.{said}", now=now)
    facts = facts_of(session, row)
    waiting = [one.instance for one in found if one.state is UpdateState.WAITING]
    missed = [one for one in waiting if roll_out_turns.has_missed_it(session, facts, one, now)]
    roll_out_turns.plan_turns(session, facts, missed, now, holidays)
    return Going(going.ring, tuple(sorted({*going.servers, *begun})))


def _judged(session: Session, row: RollOut, going: Going, found: Sequence[UpdateFacts], now: datetime) -> Going:
    """The same, unless a ring answers worse, which halts it, or has not been asked yet, which it waits for a little."""
    seen = watched(session, found, now)
    if halt := error_halt(seen, STANDARD.update_errors_most_percent):
        return replace(going, halt=halt)
    through = sorted({one.ring for one in seen if going.ring is None or one.ring < going.ring})
    for ring in through:
        if waits(seen, ring, now):
            return Going(ring)
    noted = _not_judged(session, row.id)
    for ring in through:
        if ring not in noted and not is_judged(seen, ring):
            why = "Its instances were probed too little since their update to be judged by it."
            evidence = {"ring": ring, "probes": sum(one.since.probes for one in seen if one.ring == ring)}
            deeds.record(session, deeds.SERVICE, NOT_JUDGED, subject_of(row.id), why=why, evidence=evidence, now=now)
    return going


def _not_judged(session: Session, number: int) -> list[int]:
    """The rings of which the record says that they were not judged by probes."""
    done = deeds.deeds_of(session, subject_of(number))
    return sorted(int(one.evidence["ring"]) for one in done if one.what == NOT_JUDGED)


def may_begin(session: Session, number: int, instance: str) -> UpdateFacts | None:
    """An instance that a run may go on with or begin now.

    None where it is at its end, or the roll-out stands, or what an aborted one has begun on it is not at its end: what
    that kept is its only way back.
    """
    row, update = locked(session, number), update_row(session, number, instance)
    state = UpdateState(update.state)
    if state in ENDS or (state is UpdateState.WAITING and row.state != RollOutState.OPEN):
        return None
    if state is UpdateState.WAITING and _is_half_done_elsewhere(session, number, instance):
        return None
    return update_of(session, update)


def _is_half_done_elsewhere(session: Session, number: int, instance: str) -> bool:
    """Whether another roll-out's update of the instance has not come to its end."""
    query = select(InstanceUpdate.id).where(
        InstanceUpdate.instance_name == instance,
        InstanceUpdate.roll_out_id != number,
        InstanceUpdate.state.in_(AT_WORK),
    )
    return session.scalars(query).first() is not None


def record_state(
    session: Session, number: int, instance: str, state: UpdateState, now: datetime, *, finding: str = "",
    outage_seconds: float | None = None, evidence: Mapping[str, Any] | None = None, counts: bool = True,
) -> UpdateFacts:  # fmt: skip
    """How far an instance is; its outage and evidence are added to what is known; whether its attempt counts as one."""
    row, roll_out = update_row(session, number, instance), session.get_one(RollOut, number, populate_existing=True)
    before = UpdateState(row.state)
    if state is UpdateState.WAITING and roll_out.state == RollOutState.ABORTED:
        state = UpdateState.SKIPPED
    if state is UpdateState.PREPARING:
        row.attempts, row.begun_at = row.attempts + 1, now  # each attempt: history tells how long one takes
    row.attempts -= 0 if counts else 1
    row.state, row.finding = state, finding
    row.outage_seconds = row.outage_seconds if outage_seconds is None else outage_seconds
    row.evidence = {**row.evidence, **(evidence or {})}
    row.ended_at = now if state in ENDS else None
    session.flush()
    roll_out_turns.follow(session, facts_of(session, roll_out), update_of(session, row), now)
    if before in AT_WORK and state not in AT_WORK:
        for one in AT_WORK:
            said = f"It is {state}. {finding}".strip()
            cases.settle_by_key(session, half_done_key(number, instance, one), deeds.SERVICE, said, now)
    if state in ENDS and before not in ENDS:
        told = {"roll_out": number, "outage_seconds": row.outage_seconds, "attempts": row.attempts}
        subject = instances.subject_of(instance)
        deeds.record(session, deeds.SERVICE, f"update {state}", subject, why=finding, evidence=told, now=now)
    return update_of(session, row)


def half_done_key(number: int, instance: str, state: UpdateState) -> str:
    """The key of the case that an instance is which a run could not bring to an end."""
    return f"{subject_of(number)}:{instance}:{state}"


def halt(session: Session, number: int, why: str, by: str, now: datetime) -> RollOutFacts:
    """None is begun or closed any more; the closed come to their end. Raises RollOutStands where it is at its end."""
    row = locked(session, number)
    _halt(session, row, by, why, now)
    return facts_of(session, row)


def halt_by_itself(session: Session, number: int, why: str, now: datetime) -> None:
    """The same by the service, and put before a person; what is not open stays as it is."""
    row = locked(session, number)
    if row.state == RollOutState.OPEN:
        _halt(session, row, deeds.SERVICE, why, now)


def resume(session: Session, number: int, why: str, by: str, now: datetime) -> RollOutFacts:
    """Go on after a halt; what has failed, or answers worse since, is borne, and stays at the release that it has.

    Raises:
        RollOutStands: it is not halted.
    """
    row = locked(session, number)
    if row.state != RollOutState.HALTED:
        raise RollOutStands(f"Roll-out {number} is {row.state}, not halted.", "Only what is halted can go on.")
    for one in rows_in(session, number):
        one.forgiven = one.forgiven or one.state in {UpdateState.FAILED, UpdateState.DONE}
    row.state, row.finding = RollOutState.OPEN, ""
    session.flush()
    _settle(session, number, by, why, now)
    deeds.record(session, by, "roll-out resumed", subject_of(number), why=why, now=now)
    return facts_of(session, row)


def skip(session: Session, number: int, instance: str, why: str, *, by: str, now: datetime) -> UpdateFacts:
    """An instance stays as it is for now; one that stands half done too, where nobody is at it.

    Raises:
        UnknownRollOut: it is not in it.
        RollOutStands: a run is at it, or it is done.
    """
    locked(session, number)
    state = UpdateState(update_row(session, number, instance).state)
    lease = leases.lease_of(session, instance) if state in AT_WORK else None
    if state is UpdateState.DONE or (lease is not None and lease.expires_at > now):
        do = "What is done stays so; wait for the run that is at it, then try again."
        raise RollOutStands(f"The update of {instance} is {state}.", do)
    return record_state(session, number, instance, UpdateState.SKIPPED, now, finding=f"{why} ({by})")


def abort(session: Session, number: int, why: str, by: str, now: datetime) -> RollOutFacts:
    """Nothing more is begun, ever; what is updated stays so, what is closed comes to its end.

    Raises:
        RollOutStands: it is at its end.
    """
    row = locked(session, number)
    _end(session, row, RollOutState.ABORTED, by=by, why=why, now=now)
    for one in rows_in(session, number):
        if one.state == UpdateState.WAITING:
            record_state(session, number, one.instance_name, UpdateState.SKIPPED, now, finding=why)
    return facts_of(session, row)


def _halt(session: Session, row: RollOut, by: str, why: str, now: datetime) -> None:
    """Halted, and put before a person."""
    _change(row, RollOutState.HALTED)
    row.finding = why
    session.flush()
    deeds.record(session, by, "roll-out halted", subject_of(row.id), why=why, now=now)
    summary = f"The roll-out {row.id} has halted: {why}"
    key, facts = f"{subject_of(row.id)}:{now.isoformat()}", {"roll_out": row.id}
    cases.raise_case(session, key, HALTED, subject_of(row.id), summary, facts=facts, now=now)


def _end(session: Session, row: RollOut, state: RollOutState, *, by: str, why: str, now: datetime) -> None:
    """At its end."""
    _change(row, state)
    row.ended_at, row.finding = now, why
    session.flush()
    _settle(session, row.id, by, why, now)
    deeds.record(session, by, f"roll-out {state}", subject_of(row.id), why=why, now=now)


def _change(row: RollOut, to: RollOutState) -> None:
    """Along the edges.

    Raises:
        RollOutStands: none leads there.
    """
    current = RollOutState(row.state)
    if to not in ONWARD[current]:
        raise RollOutStands(f"Roll-out {row.id} is {current}.", "Look at it: phm update status.")
    row.state = to


def _settle(session: Session, number: int, by: str, why: str, now: datetime) -> None:
    """Its cases are seen to."""
    for case in cases.cases_of(session, subject_of(number)):
        if case.settled_at is None:
            cases.settle_case(session, case.id, by, why, now)


def _follow_moves(session: Session, number: int) -> None:
    """An instance that waits and has moved meanwhile gets its update where it is."""
    for row in rows_in(session, number):
        if row.state != UpdateState.WAITING:
            continue
        now_at = instances.instance_facts(session, row.instance_name).server_name
        row.server_name = now_at
    session.flush()
