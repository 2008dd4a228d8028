"""How far the end of a contract is: read, gone on with, waited for; what becomes of a failure (P41)."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect.runtime import flow_run

from hosting.errors import ServiceError, Unreachable
from hosting.inventory import cases, deeds, endings, erasing, instances, leases, levels, work
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.session import in_transaction
from hosting.policy.attempts import AGAIN_AFTER, again_at
from hosting.policy.leaving import OWED_AGAIN_AFTER, Next, Step, next_step, passed_over
from hosting.policy.states import EndState
from tasks.cases import tell_open_cases
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.leaving import EndFacts
    from hosting.policy.values import NameFacts

HELD_AGAIN = timedelta(minutes=2)
"""Another run works on the instance: this one waits for so long."""


@reading
def read_end(instance: str, number: int = 0) -> EndFacts:
    """The end that is meant, else the newest one; raises `NoEnding` where nobody ever gave notice."""
    with inventory().reading() as session:
        return endings.ending_facts(session, number) if number else endings.last_ending(session, instance)


@reading
def read_next(end: EndFacts) -> Next:
    """What is due about it now."""
    with inventory().reading() as session:
        return next_step(end, levels.terms_of_instance(session, end.instance_name, now()), now())


@reading
def record_reminded(end: EndFacts) -> None:
    """The customer was reminded; of what was missed before that, he is not."""

    def record(session: Session) -> None:
        terms = levels.terms_of_instance(session, end.instance_name, now())
        endings.record_reminded(session, end.id, passed_over(end, terms, now()))

    in_transaction(inventory(), record)


@reading
def record_last_point(end: EndFacts, at: datetime) -> None:
    """The last recovery point was taken."""
    in_transaction(inventory(), partial(endings.record_point, number=end.id, at=at))


@reading
def record_held_names(end: EndFacts, held: list[NameFacts]) -> None:
    """What it has as names, before they go."""
    in_transaction(inventory(), partial(endings.record_names, number=end.id, held=held))


@reading
def record_closed(end: EndFacts, evidence: dict[str, Any]) -> EndFacts:
    """The contract is over: the instance is closed, nothing is booked, its days begin to count."""
    return in_transaction(inventory(), partial(endings.record_ended, number=end.id, evidence=evidence, now=now()))


@reading
def record_waiting(end: EndFacts, due: Next) -> str:
    """The end has its next run at its next moment; none, once it is over. What was put before a person is settled."""

    def wait(session: Session) -> str:
        _settle_failures(session, end)
        found = work.work_of(session, work.END_CONTRACT, end.work_subject)
        if due.at is not None:
            endings.ask_again(session, end, due.at)
            return f"{end.instance_name}: {said_of(end)}; looked at again {due.at:%Y-%m-%d %H:%M} UTC."
        if found is not None and found.state not in work.ENDS:
            work.record_done(session, work.END_CONTRACT, end.work_subject)
        if end.state is EndState.DELETED:
            leases.forget(session, end.instance_name)  # of a run that was killed after the last of all
        return f"{end.instance_name}: {said_of(end)}."

    return in_transaction(inventory(), wait)


@reading
def record_owed(end: EndFacts, finding: str) -> str:
    """Places that could not be cleared are tried again in an hour; after some days a person is told."""

    def owe(session: Session) -> None:
        endings.record_owed(session, end.id, finding, now())
        endings.ask_again(session, end, now() + OWED_AGAIN_AFTER)

    in_transaction(inventory(), owe)
    with contextlib.suppress(ServiceError):
        tell_open_cases()
    return f"{end.instance_name}: not all is deleted yet. {finding}"


@reading
def see_to_endings() -> list[str]:
    """Ends that nothing was asked for get their run: a net under the net; names whose rest is over are forgotten."""

    def see(session: Session) -> list[str]:
        erasing.erase_rested(session, now())
        for name in endings.without_end(session):
            endings.begin_late(session, name, now())
        missing = endings.without_work(session)
        for one in missing:
            endings.ask_again(session, one, now())
        return [one.work_subject for one in missing]

    with inventory().reading() as session:
        owed = endings.without_work(session) or endings.without_end(session)
        if not (owed or erasing.has_rested(session, now())):
            return []  # most minutes: nobody is kept from writing for that
    return in_transaction(inventory(), see)


def said_of(end: EndFacts) -> str:
    """How far it is, in a few words."""
    state = end.state.value.replace("_", " ")
    if end.hold_by:
        return f"{state}, on hold by {end.hold_by}"
    return {
        "noticed": f"ends on {end.ends_on}",
        "ended": f"closed, deleted on {end.delete_on}",
        "deleted": f"deleted, on record under contract {end.contract_id}",
    }.get(state, state)


def parameters_of(subject: str) -> dict[str, Any]:
    """The flow's parameters for a piece of work."""
    instance, _, number = subject.partition("#")
    return {"request": {"instance": instance, "number": int(number)}}


@contextlib.contextmanager
def telling_end_failure(about: list[EndFacts]) -> Iterator[None]:
    """A failure is kept with the end and tried again for ever; what does not heal is put before a person, too.

    Args:
        about: the end, once the flow knows it.
    """
    try:
        yield
    except ServiceError as error:
        run_logger().error("%s", error)  # one sentence is what helps here
        said = error
        with contextlib.suppress(ServiceError):
            told = bool(about) and in_transaction(inventory(), lambda session: _failed(session, about[-1], said))
            if told:
                tell_open_cases()
        raise


def _failed(session: Session, end: EndFacts, error: ServiceError) -> bool:
    """Tried again in minutes, later by the hour; whether a person is told."""
    at, subject = now(), f"work:{work.END_CONTRACT}:{end.work_subject}"
    endings.record_finding(session, end.id, str(error))
    if isinstance(error, LeaseHeld):
        endings.ask_again(session, end, at + HELD_AGAIN)
        return False
    tried = work.tries(session, work.END_CONTRACT, end.work_subject)
    if isinstance(error, Unreachable) and tried < len(AGAIN_AFTER):
        told = {"run": flow_run.id or "by hand"}
        deeds.record(session, deeds.SERVICE, work.TRIED_AGAIN, subject, why=str(error), evidence=told, now=at)
        endings.ask_again(session, end, again_at(tried, at))
        return False
    endings.ask_again(session, end, at + OWED_AGAIN_AFTER)
    summary = f"The end of the contract of {end.instance_name}: {error} It is tried again each hour."
    facts = {"contract": end.contract_id, "run": flow_run.id or "by hand"}
    about = instances.subject_of(end.instance_name)
    cases.raise_case(session, failure_key(end), cases.NOT_DONE, about, summary, facts=facts, now=at)
    return True


def failure_key(end: EndFacts) -> str:
    """The key of the case of an end in a state; a failure in another state is another matter."""
    return f"ending:{end.id}:{end.state}"


def _settle_failures(session: Session, end: EndFacts) -> None:
    """What failed about this end before has come right."""
    work.record_went_well(session, work.END_CONTRACT, end.work_subject, now())
    for case in cases.cases_of(session, instances.subject_of(end.instance_name)):
        if case.key.startswith(f"ending:{end.id}:") and case.settled_at is None and case.kind == cases.NOT_DONE:
            cases.settle_case(session, case.id, deeds.SERVICE, "A later run did it.", now())


def is_waiting(due: Next) -> bool:
    """Whether nothing is due just now."""
    return due.step is Step.WAIT
