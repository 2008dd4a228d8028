"""What is booked for an instance: wished for, decided on, asked again on its day (P05 to P07, P23, P25)."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.errors import ServiceError, Unreachable
from hosting.inventory import booking_changes, bookings, cases, deeds, work
from hosting.inventory.cases import NOT_DONE
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.session import in_transaction
from hosting.policy.attempts import AGAIN_AFTER, again_at
from hosting.policy.booking_changes import Change, ChangeKind, Need
from hosting.policy.booking_ends import settle_ends
from hosting.policy.booking_refusals import DoesNotFit
from hosting.policy.maintenance import is_off_peak, next_off_peak
from hosting.policy.months import day_of
from hosting.policy.quota import rebuilding_may_help
from hosting.policy.states import ChangeState, WorkState
from tasks.cases import tell_open_cases
from tasks.records import inventory, now, read_terms
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.booking_changes import ChangeFacts, Meaning
    from hosting.inventory.measurements import MeasuredFacts
    from hosting.policy.booking_ends import BookingEnd
    from hosting.policy.values import InstanceFacts


def need_of(measured: MeasuredFacts) -> Need:
    """What an instance needs, by its measurement."""
    return Need(measured.users, measured.use.used_bytes)


@reading
def read_meaning(instance: InstanceFacts, change: Change, measured: MeasuredFacts) -> Meaning:
    """What a change would mean now; raises what refuses it."""
    with inventory().reading() as session:
        return booking_changes.meaning_of(session, instance.name, change, need_of(measured), now())


@reading
def record_wish(instance: InstanceFacts, change: Change, by: str, why: str) -> ChangeFacts:
    """A change that was asked for, with the work that brings it to its end if this run doesn't."""
    return in_transaction(
        inventory(),
        lambda session: booking_changes.ask_for_change(session, instance.name, change, by=by, why=why, now=now()),
    )


@reading
def read_wish(number: int) -> ChangeFacts:
    """A change that was asked for before."""
    with inventory().reading() as session:
        return booking_changes.change_facts(session, number)


@reading
def decide(wish: ChangeFacts, measured: MeasuredFacts) -> ChangeFacts:
    """The change made or refused, once; a word about it in the run's log."""
    decided = in_transaction(
        inventory(),
        lambda session: booking_changes.decide_change(session, wish.id, need_of(measured), now()),
    )
    run_logger().info("%s: %s. %s", decided.change.kind.value, decided.state.value, decided.finding)
    return decided


@reading
def settle_due(instance: InstanceFacts, measured: MeasuredFacts) -> list[BookingEnd]:
    """The bookings whose day has come: over, or running on since they are needed after all."""
    ends = in_transaction(
        inventory(),
        lambda session: bookings.settle_due_ends(session, instance.name, need_of(measured), now()),
    )
    for end in ends:
        said = "is over" if end.takes_effect else f"runs on. {end.refusal}"
        run_logger().info("%s, booking %s, %s", end.booking.kind.value, end.booking.id, said)
    return ends


@reading
def would_be_rebuilt_for(instance: InstanceFacts, wish: ChangeFacts | None, measured: MeasuredFacts) -> bool:
    """Whether something would be refused for lack of room that tables written anew could make fit (P25)."""
    need = need_of(measured)
    with inventory().reading() as session:
        contract = bookings.contract_of(session, instance.name)
        refusals: list[ServiceError | None] = [end.refusal for end in settle_ends(contract, day_of(now()), need)]
        if wish is not None and wish.state is ChangeState.OPEN:
            try:
                booking_changes.meaning_of(session, instance.name, wish.change, need, now())
            except ServiceError as error:
                refusals.append(error)
    missing = [one.missing_bytes for one in refusals if isinstance(one, DoesNotFit)]
    return any(rebuilding_may_help(one, measured.use) for one in missing)


@reading
def wait_for_the_night(instance: InstanceFacts, wish: ChangeFacts | None) -> datetime | None:
    """The moment for which it was put off, None if it is off-peak now: its work gets that moment (P15)."""
    at, terms, holidays = now(), read_terms.fn(instance.name), load(ServiceSettings).holidays_state
    if is_off_peak(at, terms, holidays):
        return None
    night = next_off_peak(at, terms, holidays)
    subject = wish.work_subject if wish else bookings.work_subject(instance.name, day_of(at))

    def put_off(session: Session) -> None:
        found = work.work_of(session, work.CHANGE_BOOKING, subject)
        if found is None or found.state in {WorkState.FAILED, *work.ENDS}:
            work.ask_for(session, work.CHANGE_BOOKING, subject, night, by=deeds.SERVICE, now=at)
        else:
            work.reschedule(session, found.id, night)

    in_transaction(inventory(), put_off)
    return night


@reading
def record_settled(wish: ChangeFacts | None) -> None:
    """Nothing is left to do; the last of all, so that a run that ends before it is tried again."""

    def done(session: Session) -> None:
        subjects = {wish.work_subject} if wish else set()
        one = work.work_of_run(session, flow_run.id) if flow_run.id else None
        if one is not None and one.kind == work.CHANGE_BOOKING:
            subjects.add(one.subject)
        for subject in subjects:
            found = work.work_of(session, work.CHANGE_BOOKING, subject)
            if found is not None and found.state not in work.ENDS:
                work.record_done(session, work.CHANGE_BOOKING, subject)
            _settle_failures(session, subject)

    in_transaction(inventory(), done)


def parameters_of(subject: str) -> dict[str, object]:
    """The flow's parameters for a piece of work: what is due on a day, or a change by its number."""
    instance, _, number = subject.partition("#")
    if number:
        return {"request": {"instance": instance, "change": "asked for before", "number": int(number)}}
    return {"request": {"instance": instance.partition("@")[0], "change": "what is due"}}


@reading
def ask_for_due_bookings() -> list[str]:
    """Bookings whose day has come and that no work was asked for today get it: a net under the net; their instances."""

    def ask(session: Session) -> list[str]:
        at = now()
        today = day_of(at)
        asked = []
        for name in bookings.instances_with_due_ends(session, today):
            if work.work_of(session, work.CHANGE_BOOKING, bookings.work_subject(name, today)) is None:
                bookings.ask_for_ends(session, name, [today], deeds.SERVICE, at)
                asked.append(name)
        return asked

    with inventory().reading() as session:
        if not bookings.instances_with_due_ends(session, day_of(now())):
            return []  # most minutes: nobody is kept from writing for that
    return in_transaction(inventory(), ask)


@reading
def show_meaning(instance: InstanceFacts, meaning: Meaning, measured: MeasuredFacts) -> str:
    """A preview as an artifact of the run; its one sentence."""
    told = booking_changes.told(meaning.preview)
    said = sentence_of(instance, meaning)
    rows = "\n".join(
        f"| {name.replace('_', ' ')} | {value} |" for name, value in told.items() if value not in (None, [])
    )
    create_markdown_artifact(
        key=f"booking-{instance.name}",
        description=f"What it would mean for {instance.name}",
        markdown=f"""# {said}

| | |
| --- | --- |
{rows}
| users now | {measured.users} |
| stored now | {measured.use.used_bytes} bytes, {measured.per_mille / 10:.1f} % |
| server | {meaning.here.name}, {meaning.here.free_gib} GiB free |
""",
    )
    return said


def sentence_of(instance: InstanceFacts, meaning: Meaning) -> str:
    """What a change means, in one sentence."""
    meant = meaning.preview
    before, after = meant.before, meant.after
    said = (
        f"{instance.name}: {before.accounts} to {after.accounts} accounts, {before.pool_gib} to {after.pool_gib} GB, "
        f"from {meant.takes_effect_on} on"
    )
    if meant.bound_until:
        said += f"; what is newly booked runs until {meant.bound_until} at least"
    return f"{said}; a move to {meaning.server.name} is needed." if meaning.needs_move else f"{said}."


@contextlib.contextmanager
def telling_booking_failure(instance: str) -> Iterator[None]:
    """Where the body fails: what did not answer is tried again, bounded; anything else is put before a person."""
    try:
        yield
    except ServiceError as error:
        run_logger().error("%s", error)  # one sentence is what helps here
        with contextlib.suppress(ServiceError):
            if in_transaction(inventory(), partial(_failed, instance=instance, error=error)) is None:
                tell_open_cases()
        raise


def _failed(session: Session, instance: str, error: ServiceError) -> datetime | None:
    """When the work of this run is tried again; None where a person has to see to it. A run by hand has no work."""
    at = now()
    one = work.work_of_run(session, flow_run.id) if flow_run.id else None
    if one is None or one.kind != work.CHANGE_BOOKING or one.state in work.ENDS:
        return None
    subject = f"work:{one.kind}:{one.subject}"
    tried = sum(deed.what == work.TRIED_AGAIN for deed in deeds.deeds_of(session, subject))
    if isinstance(error, (Unreachable, LeaseHeld)) and tried < len(AGAIN_AFTER):
        evidence = {"run": one.flow_run_id, "attempt": one.attempt}
        deeds.record(session, deeds.SERVICE, work.TRIED_AGAIN, subject, why=str(error), evidence=evidence, now=at)
        return work.try_again(session, one.id, again_at(tried, at)).due_at
    work.record_failed(session, one.kind, one.subject, str(error))
    facts, key = {"run": one.flow_run_id, "instance": instance}, f"run:{one.flow_run_id}"
    cases.raise_case(session, key, NOT_DONE, subject, f"{one.kind} {one.subject}: {error}", facts=facts, now=at)
    return None


def _settle_failures(session: Session, subject: str) -> None:
    """What failed about this work before has come right."""
    for case in cases.cases_of(session, f"work:{work.CHANGE_BOOKING}:{subject}"):
        if case.kind == NOT_DONE and case.settled_at is None:
            cases.settle_case(session, case.id, deeds.SERVICE, "A later run did it.", now())


def change_of(kind: str, amount: int, booking: int | None) -> Change:
    """A wish as a form has it."""
    return Change(ChangeKind(kind), amount, booking)
