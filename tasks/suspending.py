"""An instance that is suspended: closed for everybody, its data and backups as before (P41)."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from prefect.runtime import flow_run

from blocks.loading import load
from blocks.mail_relay import MailRelay
from blocks.service_settings import ServiceSettings
from blocks.web_probe import web_probe
from hosting.errors import ServiceError, StepFailed, Unreachable
from hosting.inventory import deeds, instances, orders, suspensions, work
from hosting.inventory.calendars import calendar_for
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.levels import level_of_order, terms_of
from hosting.inventory.models import Work
from hosting.inventory.session import in_transaction
from hosting.inventory.suspensions import Cause
from hosting.policy.attempts import AGAIN_AFTER, HELD_AGAIN_AFTER, again_at
from hosting.policy.rent import is_working_morning, next_working_morning
from hosting.policy.states import InstanceState, WorkState
from hosting.templates.letters import compose
from tasks.letters import send_letter
from tasks.probes import url_of
from tasks.records import inventory, now
from tasks.step import reading, step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.suspensions import SuspensionFacts
    from hosting.policy.values import InstanceFacts, ServerFacts

DOORS = ("", "config.php", "api.php", "webdav.php/", "m.php")
SEEN_WITHIN_SECONDS = 10.0
"""So long Apache's old processes may still take requests that came before the reload."""


@reading
def read_wanted(instance: str) -> tuple[InstanceFacts, bool | None]:
    """An instance, and whether it is to be suspended; None where it is not served anyway: there is nothing to do."""
    with inventory().reading() as session:
        facts = instances.instance_facts(session, instance)
        if facts.state not in suspensions.SERVED:
            return facts, None
        return facts, bool(suspensions.standing(session, instance))


@contextlib.contextmanager
def tried_again() -> Iterator[None]:
    """The work of this run is soon tried again where another run has the instance; bounded, where nobody answers.

    Raises:
        LeaseHeld: as it came; no attempt was made, so that none is counted and nobody is asked.
        Unreachable: likewise; after the last attempt the failed run is put before a person, as any is.
    """
    try:
        yield
    except (LeaseHeld, Unreachable) as error:
        said = error
        with contextlib.suppress(ServiceError):
            in_transaction(inventory(), lambda session: _try_again(session, said))
        raise


def _try_again(session: Session, error: ServiceError) -> None:
    """Another attempt for this run's own work, if it has one that is not over."""
    at = now()
    found = work.work_of_run(session, flow_run.id) if flow_run.id else None
    if found is None or found.state is not WorkState.DISPATCHED:
        return
    if isinstance(error, LeaseHeld):
        work.try_again(session, found.id, at + HELD_AGAIN_AFTER)
        return
    tried = work.tries(session, found.kind, found.subject)
    if tried < len(AGAIN_AFTER):
        subject, evidence = f"work:{found.kind}:{found.subject}", {"run": flow_run.id}
        deeds.record(session, deeds.SERVICE, work.TRIED_AGAIN, subject, why=str(error), evidence=evidence, now=at)
        work.try_again(session, found.id, again_at(tried, at))


@reading
def read_morning(instance: InstanceFacts) -> datetime | None:
    """The working morning to which a suspension for rent that comes late is put off; None where it is done now."""
    at = now()
    with inventory().reading() as session:
        wanted = suspensions.standing(session, instance.name)
        only_rent = all(one.cause is Cause.RENT and one.closed_at is None for one in wanted)
        if instance.state is InstanceState.SUSPENDED or not only_rent:
            return None
        terms = terms_of(session, level_of_order(session, instance.order_reference, at))
        calendar = calendar_for(session, None, load(ServiceSettings).holidays_state)  # of those who answer
    return None if is_working_morning(at, terms, calendar) else next_working_morning(at, terms, calendar)


@reading
def record_put_off(instance: InstanceFacts, until: datetime) -> None:
    """The suspension of an instance is done then, and not before."""

    def put_off(session: Session) -> None:
        for one in work.work_in(session, WorkState.OPEN, WorkState.DISPATCHED):
            if one.kind == work.SUSPEND and one.subject.startswith(f"{instance.name}@"):
                work.reschedule(session, one.id, until)

    in_transaction(inventory(), put_off)


def as_suspended(instance: InstanceFacts) -> InstanceFacts:
    """The instance as it will be recorded."""
    return replace(instance, state=InstanceState.SUSPENDED)


def as_served(instance: InstanceFacts) -> InstanceFacts:
    """Likewise."""
    return replace(instance, state=InstanceState.ACTIVE)


@reading
def prove_suspended(server: ServerFacts, instance: InstanceFacts) -> dict[str, Any]:
    """Asked from outside, each door of an instance answers 503 with the page that says whom to ask.

    Raises:
        Unreachable: nobody answers.
        StepFailed: a door is still open, or says something else.
    """
    settings, url = load(ServiceSettings), url_of(server, instance)
    deadline = time.monotonic() + SEEN_WITHIN_SECONDS
    while True:
        with web_probe(settings.trust, tuple(settings.resolvers)) as web:
            answers = {door: web.ask("GET", url + door) for door in DOORS}
        asked = {door: answer.status_code for door, answer in answers.items()}
        said = all("suspended" in one.text and "retry-after" in one.headers for one in answers.values())
        if set(asked.values()) == {HTTPStatus.SERVICE_UNAVAILABLE} and said:
            return {"asked": asked}
        if time.monotonic() > deadline:
            told = ", ".join(f"/{door} {status}" for door, status in asked.items())
            message = f"{instance.name} is to be suspended, but answers: {told}."
            raise StepFailed(message, "Look at its site, then run again.")
        time.sleep(0.2)


@reading
def record_suspended(instance: InstanceFacts, evidence: Mapping[str, Any]) -> list[SuspensionFacts]:
    """Nobody is let in any more; those suspensions that are wanted, none where nobody wants it meanwhile."""
    closed = partial(suspensions.record_closed, instance=instance.name, evidence=evidence, now=now())
    return in_transaction(inventory(), closed)


@reading
def record_resumed(instance: InstanceFacts, evidence: Mapping[str, Any]) -> list[SuspensionFacts]:
    """It is served as before; those suspensions that are over by that, none where another one stands meanwhile."""
    opened = partial(suspensions.record_opened, instance=instance.name, evidence=evidence, now=now())
    return in_transaction(inventory(), opened)


@step
def tell_customer_suspended(instance: InstanceFacts) -> bool:
    """A letter for each suspension that holds and that none was sent for: why, what stays, whom to ask."""
    with inventory().reading() as session:
        told = [one for one in suspensions.standing(session, instance.name) if one.closed_at is not None]
    sent = [_tell("suspended", one, instance) for one in told]
    return any(sent)


@step
def tell_customer_resumed(instance: InstanceFacts) -> bool:
    """A letter for the newest suspension, once it is over and was told."""
    with inventory().reading() as session:
        over = [one for one in suspensions.suspensions_of(session, instance.name) if one.closed_at and one.opened_at]
    sent = [_tell("resumed", one, instance) for one in over[-1:]]
    return any(sent)


def _tell(letter: str, one: SuspensionFacts, instance: InstanceFacts) -> bool:
    """Send one; what an operator wrote down is for us, not for the customer."""
    with inventory().reading() as session:
        order = orders.order_facts(session, instance.order_reference)
    values = {"name": order.customer_name, "order": order.reference, "for_rent": one.cause is Cause.RENT}
    sender = load(MailRelay).sender
    made = compose(letter, order.language, values)
    return send_letter(f"{letter}:{one.id}", made, order.email, order.language, sender)


@reading
def record_work_done(instance: InstanceFacts, *, suspending: bool) -> None:
    """All work of this direction is done for the instance; what is wanted otherwise by now is asked for anew."""

    def done(session: Session) -> None:
        at, kind = now(), work.SUSPEND if suspending else work.RESUME
        for row in session.query(Work).where(Work.kind == kind, Work.subject.startswith(f"{instance.name}@")):
            if row.state not in work.ENDS:
                work.record_done(session, row.kind, row.subject)
        suspensions.see_to(session, instances.instance_facts(session, instance.name), at)

    in_transaction(inventory(), done)


@reading
def see_to_suspensions() -> list[str]:
    """Ask for a run for each instance that is not as its suspensions say; the works' subjects."""
    with inventory().reading() as session:
        if not suspensions.not_as_wanted(session):
            return []  # most minutes: nobody is kept from writing for that

    def ask(session: Session) -> list[str]:
        asked = [suspensions.see_to(session, one, now()) for one in suspensions.not_as_wanted(session)]
        return [subject for subject in asked if subject]

    return in_transaction(inventory(), ask)
