"""Emptying servers: ordered, gone on with each minute, shown, brought to its end (P12)."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.errors import ServiceError, Unreachable
from hosting.inventory import cases, deeds, evacuations, operators, servers, work
from hosting.inventory.evacuation_rows import EvacuationOrder, NotEmptied
from hosting.inventory.session import in_transaction
from hosting.policy.attempts import AGAIN_AFTER, again_at
from tasks.failures import check_all_done, kept_for_the_end
from tasks.records import inventory, now
from tasks.runs import dispatch_open_work
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from hosting.inventory.evacuation_rows import EvacuationFacts
    from hosting.inventory.evacuations import Beat
    from hosting.policy.evacuation import EvacuationPlan
    from tasks.move_records import Move


@reading
def read_evacuation_plan(order: EvacuationOrder) -> EvacuationPlan:
    """What emptying a server would be; raises what forbids it."""
    with inventory().reading() as session:
        return evacuations.preview(session, order, now())


@reading
def begin_evacuation(order: EvacuationOrder, by: str) -> EvacuationFacts:
    """A server is to be emptied as it is ordered now; what came to nothing before is tried again."""

    def begin(session: Session) -> EvacuationFacts:
        operators.ensure_operator(session, by, now())
        return evacuations.begin(session, order, by, now())

    return in_transaction(inventory(), begin)


@reading
def go_on_with(server: str) -> Beat:
    """Plan, or offer, what may begin now.

    Raises:
        NotEmptied: nobody empties this server, or it was stopped.
    """
    beat = _beat(server)
    if beat is None:
        do = f"Begin, or go on, with: phm server evacuate {server}."
        raise NotEmptied(f"Nobody empties {server} now.", do)
    return beat


@reading
def go_on_with_evacuations() -> list[str]:
    """Every server that is being emptied gets its next moves; the names of those."""
    with inventory().reading() as session:
        names = [one.order.server for one in evacuations.open_evacuations(session)]
    failures: list[ServiceError] = []
    for name in names:
        with kept_for_the_end(failures, name):
            beat = _beat(name)
            for one in beat.begun if beat else ():
                run_logger().info("%s is emptied: %s goes to %s", name, one.instance, one.target)
    check_all_done(failures, "It is tried again each minute.")
    return names


@reading
def go_on_after(move: Move) -> None:
    """Where a move's source is being emptied, its next moves begin at once; whatever fails here is done each minute."""
    with contextlib.suppress(ServiceError):
        beat = _beat(move.source.name)
        if beat is not None and (beat.begun or beat.empty):
            dispatch_open_work.fn()


@reading
def report_evacuation(plan: EvacuationPlan) -> None:
    """The plan, or what is left of it, as an artifact."""
    create_markdown_artifact(
        key=f"evacuation-{plan.server}", description=f"Emptying {plan.server}", markdown="\n".join(lines_of(plan))
    )


def lines_of(plan: EvacuationPlan) -> list[str]:
    """A plan as a page in Markdown."""
    minutes = plan.seconds / 60
    lines = [
        f"# {plan.server}: {len(plan.moves)} moves, about {minutes:.0f} min, {len(plan.staying)} stay for now",
        "",
        "| batch | instance | to | booked GB | takes about, s | of it closed, s |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for number, batch in enumerate(plan.batches, 1):
        lines += [
            f"| {number} | {one.instance} | {one.target} | {one.storage_gib} | {one.seconds:.0f} "
            f"| {one.stop_seconds:.0f} |"
            for one in batch
        ]
    lines += ["", *(f"- {one.name} is on its way to {one.going_to}." for one in plan.going)]
    lines += [f"- {one.instance} stays: {one.why}" for one in plan.staying]
    return lines


@contextlib.contextmanager
def telling_evacuation_failure(server: str) -> Iterator[None]:
    """Where the end fails: what did not answer is tried again, bounded; anything else is put before a person."""
    try:
        yield
    except ServiceError as error:
        run_logger().error("%s", error)  # one sentence is what helps here
        said = error
        with contextlib.suppress(ServiceError):
            in_transaction(inventory(), lambda session: _failed(session, server, said))
        raise


def _beat(server: str) -> Beat | None:
    """One going on; None where there is nothing to go on with."""
    settings = load(ServiceSettings)
    go_on = partial(
        evacuations.go_on, server=server, without_answer=settings.move_without_answer, holidays=settings.holidays_state
    )
    return in_transaction(inventory(), lambda session: go_on(session, now=now()))


def _failed(session: Session, server: str, error: ServiceError) -> None:
    """Work of the end, if there is any, is tried again or has failed; what a person has to see to is put before one."""
    facts, at = evacuations.evacuation_of(session, server), now()
    one = work.work_of(session, work.EVACUATE, facts.work_subject) if facts else None
    if facts is None or one is None or one.state in work.ENDS:
        return  # refused before anything was recorded: whoever started it reads why
    subject = f"work:{one.kind}:{one.subject}"
    tried = sum(deed.what == work.TRIED_AGAIN for deed in deeds.deeds_of(session, subject))
    if isinstance(error, Unreachable) and tried < len(AGAIN_AFTER):
        deeds.record(session, deeds.SERVICE, work.TRIED_AGAIN, subject, why=str(error), now=at)
        work.try_again(session, one.id, again_at(tried, at))
        return
    work.record_failed(session, one.kind, one.subject, str(error))
    key = f"evacuation:{facts.id}:end:{flow_run.id or at.isoformat()}"
    summary = f"{server} is empty and not retired yet: {error}"
    told = {"run": flow_run.id or "by hand", "evacuation": facts.id}
    cases.raise_case(session, key, cases.NOT_DONE, servers.subject_of(server), summary, facts=told, now=at)
