"""Runs that ended, vanished or went silent without doing their work: tried again, or put before a person."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.states import Crashed

from hosting.inventory import cases, closed_moves, closed_updates, deeds, instances, leases
from hosting.inventory import work as works
from hosting.inventory.cases import NOT_DONE
from hosting.inventory.session import Inventory, in_transaction
from hosting.inventory.turns import take_turn
from hosting.policy.attempts import (
    CLOSED_PENDING_MOST,
    CLOSED_SILENT_MOST,
    SILENT_MOST,
    RunFacts,
    RunState,
    Verdict,
    again_at,
    is_stuck,
    judge,
)
from hosting.policy.states import ForbiddenEdge, WorkState
from tasks.leases import owner_of
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from prefect.client.schemas.objects import FlowRun
    from sqlalchemy.orm import Session

BATCH = 200
"""How many runs are asked for at once: Prefect's own limit."""

HEARTBEAT = "prefect.flow-run.heartbeat"


@dataclass(frozen=True)
class Settled:
    """Work whose run came to nothing, and what was done about it."""

    work: works.WorkFacts
    verdict: Verdict
    finding: str


def settle_ended(inventory: Inventory, now: datetime, client: SyncPrefectClient) -> list[Settled]:
    """Look at the run of all dispatched work, and see to what is not done though its run is at an end.

    Raises:
        Unreachable: the inventory does not answer.
        httpx.TransportError: Prefect does not.
    """
    with inventory.reading() as session:
        dispatched = works.work_in(session, WorkState.DISPATCHED)
    runs = _read_runs([UUID(work.flow_run_id) for work in dispatched if work.flow_run_id], client)
    settled: list[Settled | None] = []
    for work in dispatched:
        run = runs.get(work.flow_run_id or "")
        facts = _facts(inventory, work, run, now, client)
        if run is not None and is_stuck(facts, now):
            client.set_flow_run_state(run.id, Crashed(message="It gave no sign of life."), force=True)
        with contextlib.suppress(ForbiddenEdge):  # done meanwhile
            settled.append(in_transaction(inventory, partial(_settle, work=work, run=facts, now=now)))
    return [one for one in settled if one is not None]


def _settle(session: Session, work: works.WorkFacts, run: RunFacts, now: datetime) -> Settled | None:
    """See to one piece of work, unless somebody else has meanwhile."""
    take_turn(session, f"work:{work.id}")
    current = works.work_of(session, work.kind, work.subject)
    if current is None or (current.state, current.flow_run_id) != (WorkState.DISPATCHED, work.flow_run_id):
        return None
    subject = f"work:{work.kind}:{work.subject}"
    tried = works.tries(session, work.kind, work.subject)
    verdict = judge(run, tried, now)
    evidence = {"run": work.flow_run_id, "attempt": work.attempt, "state": run.state.value}
    if verdict is Verdict.AGAIN:
        works.try_again(session, work.id, again_at(tried, now))
        deeds.record(session, deeds.SERVICE, works.TRIED_AGAIN, subject, why=run.finding, evidence=evidence, now=now)
    elif verdict is Verdict.ASK_A_PERSON:
        works.record_failed(session, work.kind, work.subject, run.finding)
        key = f"run:{work.flow_run_id}"
        summary = f"{work.kind} {work.subject} is not done: {run.finding} Run it again, or decide otherwise."
        cases.raise_case(session, key, NOT_DONE, subject, summary, facts=evidence, now=now)
    else:
        return None
    return Settled(work, verdict, run.finding)


def _read_runs(ids: Sequence[UUID], client: SyncPrefectClient) -> dict[str, FlowRun]:
    """The runs that are still there, by id."""
    found = {}
    for start in range(0, len(ids), BATCH):
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=list(ids[start : start + BATCH])))
        found.update({str(run.id): run for run in client.read_flow_runs(flow_run_filter=wanted, limit=BATCH)})
    return found


def _facts(
    inventory: Inventory,
    work: works.WorkFacts,
    run: FlowRun | None,
    now: datetime,
    client: SyncPrefectClient,
) -> RunFacts:
    """What is known of a run; signs of life are looked for only where it could be dead."""
    if run is None or run.state is None:
        return RunFacts(RunState.LOST, now, now)
    state = RunState(run.state.type.value.lower())
    since = run.state.timestamp
    alive_at, said = since, run.state.message or ""
    with inventory.reading() as session:
        closed = closed_moves.closed_move_of(session, work)
        lease = leases.lease_of(session, closed.instance_name) if closed else None
        half_updated = closed_updates.may_be_closed(session, work)
        own = leases.leases_of(session, owner_of(str(run.id))) if half_updated else []
    if closed:  # nobody waits for what Prefect has heard: its lease alone tells that it is at work
        if state is RunState.CANCELLING:  # by whom, if its worker is gone?
            state = RunState.RUNNING
        alive_at = lease.heartbeat_at if lease else since
        return RunFacts(state, since, alive_at, said, CLOSED_SILENT_MOST, CLOSED_PENDING_MOST)
    if half_updated:  # as there; its leases are those that it holds on any of its instances
        state = RunState.RUNNING if state is RunState.CANCELLING else state
        if own:
            alive_at = max(lease.heartbeat_at for lease in own)
            return RunFacts(state, since, alive_at, said, CLOSED_SILENT_MOST, CLOSED_PENDING_MOST)
        alive_at = max(since, _heard_at(run.id, since, now, client))  # between two of them
        return RunFacts(state, since, alive_at, said, CLOSED_PENDING_MOST, CLOSED_PENDING_MOST)
    if state is RunState.RUNNING and now - since > SILENT_MOST:
        alive_at = max(since, _leased_until(inventory, work), _heard_at(run.id, since, now, client))
    return RunFacts(state, since, alive_at, said)


def _leased_until(inventory: Inventory, work: works.WorkFacts) -> datetime:
    """The last sign of life of the lease on the work's instance; when the work was asked for, if there is none."""
    with inventory.reading() as session:
        instance = instances.instance_of_order(session, work.subject)
        lease = leases.lease_of(session, instance.name) if instance else None
    return max(lease.heartbeat_at, lease.expires_at) if lease else work.asked_at


def _heard_at(run_id: UUID, since: datetime, now: datetime, client: SyncPrefectClient) -> datetime:
    """The last heartbeat that Prefect had from a run; the run's start if there was none lately."""
    wanted = EventFilter(
        occurred=EventOccurredFilter(since=now - SILENT_MOST, until=now),
        event=EventNameFilter(name=[HEARTBEAT]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run_id}"]),
    )
    page = client.read_events(filter=wanted, limit=1)
    return max((event.occurred for event in page.events), default=since)


@reading
def settle_ended_runs() -> list[Settled]:
    """See to all work whose run came to nothing; where an instance is closed meanwhile, at once."""
    with get_client(sync_client=True) as client:
        settled = settle_ended(inventory(), now(), client)
    for number in in_transaction(inventory(), lambda session: closed_moves.go_on_at_once(session, now())):
        run_logger().warning("Move %s is gone on with at once: its instance is closed.", number)
    for subject in in_transaction(inventory(), lambda session: closed_updates.go_on_at_once(session, now())):
        run_logger().warning("Update %s is gone on with at once: its instance is closed.", subject)
    for one in settled:
        run_logger().warning("%s %s: %s -> %s", one.work.kind, one.work.subject, one.finding, one.verdict.value)
    return settled
