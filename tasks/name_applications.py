"""Names that customers wish for: recorded, decided on, judged again, and shown to who decides (P28)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_table_artifact

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.inventory import name_applications, name_views, name_wishes, operators
from hosting.inventory.session import in_transaction
from hosting.name_lists import load_lists
from hosting.policy.listed_names import NameLists
from hosting.policy.states import EventState
from tasks.failures import check_all_done, standing_alone
from tasks.letters import local, tell_findings
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from hosting.errors import ServiceError
    from hosting.inventory.name_application_rows import ApplicationFacts
    from hosting.inventory.name_applications import Recheck
    from hosting.inventory.name_views import ApplicationView
    from hosting.inventory.name_wishes import Wish
    from hosting.policy.findings import Finding


def lists() -> NameLists:
    """The lists by which names are judged."""
    return load_lists(load(ServiceSettings).name_lists)


@reading
def judge_wishes_of_the_shop() -> int:
    """Names that customers ordered in the shop are judged once their instances are there; those cancelled there go.

    Returns:
        How many were taken up, or put before a person.

    Raises:
        NotAllDone: some wishes were not seen to, e.g. since a list can't be read; they are kept for the next time.
    """
    with inventory().reading() as session:
        waiting = name_wishes.waiting_wishes(session)
    seen, failures = 0, list["ServiceError"]()
    for wish in waiting:
        with standing_alone(failures, f"event {wish.event}"):
            seen += see_to_wish(wish) is not EventState.WAITING
    check_all_done(failures, "It is tried again each minute.")
    return seen


def see_to_wish(wish: Wish) -> EventState:
    """One wish, in a transaction of its own; a name is taken away whether the lists can be read or not."""
    known, zone = NameLists(()) if wish.is_cancelled else lists(), load(ServiceSettings).zone
    return in_transaction(
        inventory(), lambda session: name_wishes.judge_wish(session, wish, known, zone=zone, now=now())
    )  # fmt: skip


@reading
def record_application(instance: str, wish: str, operator: str, reason: str) -> ApplicationFacts:
    """A wish is recorded: it waits for a person, or is refused at once; raises as `name_applications.apply_for`."""
    known, zone = lists(), load(ServiceSettings).zone

    def record(session: Session) -> ApplicationFacts:
        by = operators.ensure_operator(session, operator, now())
        return name_applications.apply_for(session, instance, wish, known, zone=zone, by=by, why=reason, now=now())

    return in_transaction(inventory(), record)


@reading
def record_approval(number: int, operator: str, reason: str) -> ApplicationFacts:
    """The operator approves a name; raises as `name_applications.approve`."""
    known, zone = lists(), load(ServiceSettings).zone

    def record(session: Session) -> ApplicationFacts:
        by = operators.ensure_operator(session, operator, now())
        return name_applications.approve(session, number, known, zone=zone, by=by, why=reason, now=now())

    return in_transaction(inventory(), record)


@reading
def record_refusal(number: int, operator: str, reason: str) -> ApplicationFacts:
    """The operator refuses a name; raises as `name_applications.refuse`."""

    def record(session: Session) -> ApplicationFacts:
        by = operators.ensure_operator(session, operator, now())
        return name_applications.refuse(session, number, by=by, reason=reason, now=now())

    return in_transaction(inventory(), record)


@reading
def judge_queue_again() -> Recheck:
    """The queue is judged by the lists of today; names in use are looked at and left alone."""
    known, zone = lists(), load(ServiceSettings).zone
    return in_transaction(inventory(), lambda session: name_applications.recheck(session, known, zone=zone, now=now()))


@reading
def report_name_queue() -> int:
    """The queue with all that is known of each name, as a table; how many wait."""
    with inventory().reading() as session:
        views = name_views.queue_views(session)
    create_table_artifact(
        key="name-queue",
        table=[queue_row(view) for view in views],
        description=f"Names to decide on, {local(now())} (P28)",
    )
    return len(views)


@reading
def report_recheck(found: Recheck) -> None:
    """What the lists of today change, as a table and, once for a version, as a letter to the operators."""
    findings = findings_of(found)
    create_table_artifact(
        key="names-again",
        table=findings,
        description=f"Names by the rules of today ({found.version}) (P28)",
    )
    if findings:
        run_logger().warning("%d names would be judged otherwise now (%s).", len(findings), found.version)
        tell_findings(f"names-again:{found.version}", "Names that would be judged otherwise now", findings)


def queue_row(view: ApplicationView) -> dict[str, Any]:
    """An application as people read it."""
    one = view.application
    return {
        "number": one.id,
        "name": one.name,
        "as DNS has it": one.a_label or "-",
        "outcome": one.outcome.value,
        "findings": told(one.findings) or "-",
        "scripts": view.looks["scripts"],
        "signs": ", ".join(view.looks["signs"]) or "-",
        "looks like": view.looks["skeleton"],
        "similar": ", ".join(f"{name.as_ordered} ({name.instance_name})" for name in view.similar) or "-",
        "instance": one.instance_name,
        "customer": f"{view.order.customer_name} ({view.order.customer_reference})",
        "has or had": ", ".join(f"{name.as_ordered} ({name.state})" for name in view.held) or "-",
        "earlier": ", ".join(f"{other.name} ({other.state})" for other in view.earlier) or "-",
        "asked": local(one.asked_at),
        "why": one.why,
        "rules": one.version,
    }


def findings_of(found: Recheck) -> list[dict[str, str]]:
    """What a recheck found, as findings for operators."""
    waiting = [
        {
            "subject": f"application {one.application.id}: {one.application.name}",
            "sentence": f"{one.before} before, {one.application.outcome} now. {told(one.application.findings)}".strip(),
            "do": f"Decide on it: phm name show {one.application.id}.",
        }
        for one in found.changed
    ]
    in_use = [
        {
            "subject": f"{one.name.as_ordered} of {one.name.instance_name}",
            "sentence": told(one.findings),
            "do": "It stays as it is; talk to the customer if it has to go.",
        }
        for one in found.no_longer
    ]
    return [*waiting, *in_use]


def said_of(one: ApplicationFacts) -> str:
    """How an application stands, in one sentence."""
    if one.state == "waiting":
        return f"{one.name} waits as application {one.id}, {one.outcome}. {told(one.findings)}".strip()
    if one.state == "refused":
        return f"{one.name} is refused (application {one.id}): {one.reason}"
    if one.state == "withdrawn":
        return f"{one.name} is withdrawn (application {one.id}): {one.reason}"
    return f"{one.name} is approved for {one.instance_name} (application {one.id})."


def told(findings: Iterable[Finding]) -> str:
    """Findings as operators read them, one after another."""
    return " ".join(map(str, findings))
