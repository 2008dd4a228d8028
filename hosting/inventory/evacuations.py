"""Servers that are emptied: a record that the dispatcher goes on with each minute until nothing is left (P12, P24).

Its moves are planned moves like any other, each with work of its own; what a run left undone is tried again as always.
In an emergency they are planned at once, as many as may be under way. Otherwise each customer is offered times, and the
move that he agrees to runs then.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory import cases, instances, leases, measurements, moves, offers, restores, servers, work
from hosting.inventory.evacuation_rows import (
    STILL,
    EvacuationFacts,
    EvacuationOrder,
    NotEmptied,
    facts_of,
    instances_on,
    open_row,
    record,
    settle_still,
)
from hosting.inventory.evacuation_ways import to_take_back, way_of
from hosting.inventory.models import Evacuation
from hosting.inventory.move_moments import close_at_once
from hosting.inventory.retirement import being_deleted, in_use
from hosting.policy.evacuation import (
    EvacuationPlan,
    Leaving,
    PlannedMove,
    check_can_be_emptied,
    next_moves,
    plan_evacuation,
)
from hosting.policy.move_needs import Emptying
from hosting.policy.placement import NoServerHasRoom, choose_server
from hosting.policy.states import EvacuationState, InstanceState, MoveState, ServerState, step

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from hosting.policy.agreements import WithoutAnswer
    from hosting.policy.values import ServerFacts


@dataclass(frozen=True)
class Beat:
    """What going on with an evacuation came to.

    Args:
        plan: what is left as it was found.
        begun: moves that were planned, or offered to the customers, by this.
        empty: nothing is on the server any more.
    """

    evacuation: EvacuationFacts
    plan: EvacuationPlan
    begun: tuple[PlannedMove, ...]
    empty: bool


def preview(session: Session, order: EvacuationOrder, now: datetime) -> EvacuationPlan:
    """What emptying a server would be; nothing is changed by asking.

    Raises:
        UnknownServer: no server has this name.
        CannotBeEmptied: it can't be, or a named target takes nothing.
    """
    server, known = servers.server_facts(session, order.server), servers.all_servers(session)
    check_can_be_emptied(server, known, order.to)
    freed = to_take_back(session, order.server, now) if order.emergency else {}
    booked = Counter[str]()
    for one in instances_on(session, order.server):
        booked[freed.get(one.name, "")] += one.storage_gib
    known = [replace(one, booked_gib=one.booked_gib - booked[one.name]) for one in known]
    return _plan(session, order, server, known, None, freed=freed)


def begin(session: Session, order: EvacuationOrder, by: str, now: datetime) -> EvacuationFacts:
    """Have a server emptied, or go on with it as it is ordered now; it takes no new instance from here on.

    What was called off or declined before is tried again. In an emergency, moves that wait for their time and offers
    that wait for an answer are taken back: they are made at once. What is copied ahead of its time is closed at once.

    Raises:
        UnknownServer: no server has this name.
        CannotBeEmptied: it can't be, or a named target takes nothing.
    """
    known = servers.lock_servers(session)
    server = servers.server_facts(session, order.server)
    check_can_be_emptied(server, known, order.to)
    servers.set_server_state(session, order.server, ServerState.DRAINING, by=by, why=order.why, now=now)
    row = open_row(session, order.server)
    if row is None:
        row = Evacuation(server_name=order.server, state=EvacuationState.OPEN, begun_at=now, by=by)
        session.add(row)
    row.state, row.finding, row.resumed_at = step(EvacuationState(row.state), EvacuationState.OPEN), "", now
    row.emergency, row.why, row.parallel = order.emergency, order.why, order.parallel
    row.targets, row.successor_name = list(order.to), order.successor or None
    session.flush()
    facts = facts_of(row)
    evidence = {"evacuation": row.id, "emergency": order.emergency, "parallel": order.parallel, "to": list(order.to)}
    record(session, facts, by, "server is emptied", order.why, now, evidence)
    if order.emergency:
        _take_back(session, facts, by, "It is moved at once, in an emergency.", now, agreed_too=True)
        close_at_once(session, order.server, order.why, by=by, now=now)
    settle_still(session, facts, by, "It goes on.", now)
    if (found := work.work_of(session, work.EVACUATE, facts.work_subject)) is not None:
        work.ask_for(session, work.EVACUATE, found.subject, now, by=by, now=now)
    return facts


def stop(session: Session, server: str, why: str, by: str, now: datetime) -> EvacuationFacts:
    """Plan nothing more: moves that have not begun are called off, those that have come to their end.

    The server still takes no new instance. Moves that a customer agreed to stay: they were promised.

    Raises:
        NotEmptied: nobody empties it.
    """
    row = open_row(session, server)
    if row is None:
        raise NotEmptied(f"Nobody empties {server}.", f"Begin with: phm server evacuate {server}.")
    facts = facts_of(row)
    _take_back(session, facts, by, why, now)
    row.state = step(EvacuationState(row.state), EvacuationState.STOPPED)
    session.flush()
    record(session, facts, by, "emptying stopped", why, now, {"evacuation": row.id})
    settle_still(session, facts, by, why, now)
    return facts_of(row)


def evacuation_of(session: Session, server: str) -> EvacuationFacts | None:
    """The evacuation of a server that is not done, None if there is none."""
    row = open_row(session, server)
    return None if row is None else facts_of(row)


def open_evacuations(session: Session) -> list[EvacuationFacts]:
    """The evacuations that are under way, the first begun first."""
    rows = select(Evacuation).where(Evacuation.state == EvacuationState.OPEN).order_by(Evacuation.id)
    return [facts_of(row) for row in session.scalars(rows)]


def emptied_servers(session: Session) -> dict[str, Emptying]:
    """The servers that are being emptied, for what is planned elsewhere."""
    return {one.order.server: Emptying(one.order.why, one.order.to) for one in open_evacuations(session)}


def go_on(
    session: Session, server: str, now: datetime, without_answer: WithoutAnswer, holidays: str | None = None
) -> Beat | None:
    """Plan, or offer, what may begin now; run twice at once, the second finds nothing more to begin.

    Args:
        session: of the transaction.
        server: that is emptied; None comes back where nobody empties it, or it was stopped.
        now: the moment.
        without_answer: what follows where a customer does not answer an offer.
        holidays: the state whose public holidays are kept.
    """
    servers.lock_servers(session)
    facts = evacuation_of(session, server)
    if facts is None or facts.state is not EvacuationState.OPEN:
        return None
    waiting = _place_anew(session, facts, now)
    known = servers.all_servers(session)
    plan = _plan(session, facts.order, servers.server_facts(session, server), known, facts.resumed_at)
    begun, refused = _begin_moves(session, facts, plan, now), list[str]()
    if not facts.order.emergency:
        offered, refused = _offer(session, facts, plan, now, without_answer, holidays=holidays)
        begun += offered
    leaving = any(server in {one.source_name, one.target_name} for one in moves.all_moves(session, *moves.UNDER_WAY))
    elsewhere = {one.instance for one in restores.restores_elsewhere(session, server)}
    leaving = leaving or bool(elsewhere - being_deleted(session))
    empty = not leaving and not in_use(session, server)
    if empty and work.work_of(session, work.EVACUATE, facts.work_subject) is None:
        work.ask_for(session, work.EVACUATE, facts.work_subject, now, by=facts.by, now=now)
    waits = leaving or waiting or bool(begun or plan.going or (plan.moves and not refused))
    if not waits and not empty:
        said = [*(f"{one.instance}: {one.why}" for one in plan.staying), *refused]
        _stands_still(session, facts, said, now)
    return Beat(facts, plan, tuple(begun), empty)


def _plan(
    session: Session,
    order: EvacuationOrder,
    server: ServerFacts,
    known: Sequence[ServerFacts],
    since: datetime | None,
    *,
    freed: Collection[str] = (),
) -> EvacuationPlan:
    """What is left to do; those of `freed` aren't on their way, whatever is recorded."""
    last = measurements.all_last_measured(session)
    leaving = []
    for one in instances_on(session, server.name):
        use = last[one.name].use if one.name in last else None
        going_to, hindered = ("", "") if one.name in freed else way_of(session, one, order, since)
        leaving.append(
            Leaving(
                one.name, one.storage_gib, use.database_bytes if use else 0, use.files_bytes if use else 0,
                hindered=hindered, going_to=going_to, unasked=one.state is InstanceState.SUSPENDED,
            )
        )  # fmt: skip
    return plan_evacuation(server, leaving, known, parallel=order.parallel, to=order.to)


def _place_anew(session: Session, facts: EvacuationFacts, now: datetime) -> bool:
    """Instances that were reserved here and aren't set up go to a server with room; whether some wait for a run.

    A run that is at one goes on: it is open then, and moves. What a failed run left of one goes with the server.
    """
    waits = False
    for one in instances_on(session, facts.order.server):
        if one.state is not InstanceState.RESERVED:
            continue
        lease = leases.lease_of(session, one.name)
        if lease is not None and lease.expires_at > now:
            waits = True
            continue
        known = servers.all_servers(session)
        others = [server for server in known if not facts.order.to or server.name in facts.order.to]
        with contextlib.suppress(NoServerHasRoom):
            there = choose_server(one.storage_gib, [server for server in others if server.name != facts.order.server])
            instances.record_server(session, one.name, there.name, f"{_mark(facts)}it was not set up yet", now)
    return waits


def _begin_moves(session: Session, facts: EvacuationFacts, plan: EvacuationPlan, now: datetime) -> list[PlannedMove]:
    """The next moves, planned and due: in an emergency of all, else of those that nobody has to be asked about."""
    emergency = facts.order.emergency
    under_way = [one for one in moves.all_moves(session, *moves.UNDER_WAY) if _runs(one, now)]
    running = sum(one.source_name == facts.order.server for one in under_way)
    able = [one for one in plan.moves if emergency or one.unasked]
    found = next_moves(able, {one.target_name for one in under_way}, running, facts.order.parallel)
    for one in found:
        made = moves.plan_move(
            session, one.instance, one.target, f"{_mark(facts)}{facts.order.why}", facts.by, now,
            without_backup=emergency, now=now,
        )  # fmt: skip
        work.ask_for(session, work.MOVE, str(made.id), now, by=facts.by, now=now)
    return found


def _offer(
    session: Session, facts: EvacuationFacts, plan: EvacuationPlan, now: datetime, without_answer: WithoutAnswer,
    *, holidays: str | None,
) -> tuple[list[PlannedMove], list[str]]:  # fmt: skip
    """Times offered to the customers that nobody has asked yet, and why some can't be offered any."""
    offered, refused = list[PlannedMove](), list[str]()
    for one in (one for one in plan.moves if not one.unasked):
        try:
            offers.offer_windows(
                session, one.instance, one.target, f"{_mark(facts)}{facts.order.why}", by=facts.by, now=now,
                without_answer=without_answer, stop_seconds=one.stop_seconds, holidays=holidays,
            )  # fmt: skip
        except Refused as error:
            refused.append(f"{one.instance}: {error}")
        else:
            offered.append(one)
    return offered, refused


def _runs(move: MoveFacts, now: datetime) -> bool:
    """Whether a move is at work, or begins now."""
    return move.state is not MoveState.PLANNED or move.begins <= now


def _take_back(
    session: Session, facts: EvacuationFacts, by: str, why: str, now: datetime, *, agreed_too: bool = False
) -> None:
    """Call off what this evacuation planned and has not begun, and its offers; if need be also what waits otherwise."""
    also = to_take_back(session, facts.order.server, now) if agreed_too else {}
    for move in moves.all_moves(session, MoveState.PLANNED):
        own = move.source_name == facts.order.server and move.why.startswith(_mark(facts))
        if own or move.instance_name in also:
            with contextlib.suppress(moves.MoveNotPlanned):  # it has just begun
                moves.call_off_planned(session, move.instance_name, why, by=by, now=now)
    for one in instances_on(session, facts.order.server):
        offer = offers.open_offer(session, one.name)
        if offer and (one.name in also or offer.why.startswith(_mark(facts))):
            offers.withdraw_offer(session, one.name, why, by=by, now=now)


def _stands_still(session: Session, facts: EvacuationFacts, said: Sequence[str], now: datetime) -> None:
    """Only what can't go is left: a person is told, once until somebody goes on with it."""
    session.get_one(Evacuation, facts.id).finding = " ".join(said)
    server = facts.order.server
    stay = "1 instance stays" if len(said) == 1 else f"{len(said)} instances stay"
    summary = f"{stay} on {server}, which is being emptied. {' '.join(said)}"
    subject, told = servers.subject_of(server), {"evacuation": facts.id}
    cases.raise_case(session, _case_key(facts), STILL, subject, summary, facts=told, now=now)


def _case_key(facts: EvacuationFacts) -> str:
    """One case for each time that it was begun or gone on with."""
    return f"evacuation:{facts.id}:{facts.resumed_at.isoformat()}"


def _mark(facts: EvacuationFacts) -> str:
    """How the reason of each of its moves begins."""
    return f"evacuation {facts.id}: "
