"""`phm name`: names that customers wish for, decided on by a person (P28); with the verbs of names that are held."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import Reason, acting, ask, now, reading, reason_given
from deployments.console.held_names import Instance, Wish, Yes, app, done
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import heading
from hosting.errors import Refused, ServiceError
from hosting.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.name_application_rows import ApplicationFacts
    from hosting.inventory.name_applications import Recheck
    from hosting.inventory.name_views import ApplicationView
    from hosting.policy.findings import Finding
    from hosting.policy.values import NameFacts

__all__ = ["app"]

Number = Annotated[int, typer.Argument(help="The application's number, as queue shows it.")]
Told = Annotated[str, typer.Option("--reason", help="Why, in the customer's language: he reads it. Recorded.")]
QUEUE_COLUMNS = {
    "id": "number", "name": "name", "a_label": "as DNS has it", "outcome": "outcome", "found": "findings",
    "similar": "similar", "instance_name": "instance", "customer": "customer", "asked_at": "asked",
}  # fmt: skip
TITLES = {
    "id": "number", "state": "state", "outcome": "outcome", "wished": "wished", "name": "name",
    "a_label": "as DNS has it", "scripts": "scripts", "signs": "signs", "spelled": "spelled", "skeleton": "looks like",
    "instance_name": "instance", "customer": "customer", "language": "language", "asked_at": "asked",
    "asked_by": "by", "why": "why", "version": "rules", "judged_at": "judged", "decided_at": "decided",
    "decided_by": "by", "reason": "reason",
}  # fmt: skip
FINDING_COLUMNS = {"rule": "rule", "outcome": "outcome", "sentence": "finding", "note": "note"}
NAME_COLUMNS = {"as_ordered": "name", "instance_name": "instance", "state": "state", "since": "since"}
EARLIER_COLUMNS = {"id": "number", "name": "name", "instance_name": "instance", "state": "state", "reason": "reason"}
AGAIN_COLUMNS = {"name": "name", "instance_name": "instance", "stands": "stands", "found": "findings"}


@app.command("check")
def check(name: Wish, *, as_json: Json = False) -> None:
    """Say what the program finds about a name; nothing is recorded."""
    from hosting.inventory.name_applications import judgement_of  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.name_lists import load_lists  # noqa: PLC0415  # as above
    from hosting.policy.labels import read_label  # noqa: PLC0415  # as above

    settings = load_settings()
    label = read_label(name, settings.zone)
    with reading() as session:
        found = judgement_of(session, "", label, load_lists(settings.name_lists), zone=settings.zone, now=now())
    told = {"name": label.name, "a_label": label.a_label, "outcome": found.outcome, "version": found.version}
    findings = finding_rows(found.findings)
    if as_json:
        emit_one({**told, "findings": findings}, {}, as_json=True)
        return
    emit_one(told, {key: TITLES[key] for key in told}, as_json=False)
    heading("Findings")
    emit(findings, FINDING_COLUMNS, as_json=False, empty="None; a person decides all the same.")


@app.command("apply")
def apply(instance: Instance, name: Wish, reason: Reason, *, as_json: Json = False) -> None:
    """Hand a customer's wish in: it waits for a decision, or is refused at once; he gets a letter."""
    from hosting.inventory.name_applications import apply_for  # noqa: PLC0415  # as above
    from hosting.name_lists import load_lists  # noqa: PLC0415  # as above

    settings, why = load_settings(), reason_given(reason)
    lists = load_lists(settings.name_lists)

    def record(session: Session, by: str, at: datetime) -> ApplicationFacts:
        return apply_for(session, instance, name, lists, zone=settings.zone, by=by, why=why, now=at)

    made = acting(record, settings)
    if as_json:
        emit_one(row_of(made), {}, as_json=True)
    elif made.state == "waiting":
        found = " ".join(map(str, made.findings)) or "Nothing was found."
        typer.echo(f"{made.name} waits as application {made.id} ({made.outcome}). {found}")
    if made.state == "refused":
        do = f"It is kept as application {made.id}, and the customer is told by letter."
        raise Refused(f"{made.name} is refused: {made.reason}", do)


@app.command("queue")
def queue(*, as_json: Json = False) -> None:
    """List the names that wait for a decision, the oldest first, with all that is known of them."""
    from hosting.inventory.name_views import queue_views  # noqa: PLC0415  # as above

    with reading() as session:
        views = queue_views(session)
    rows = [view_row(view) for view in views]
    emit(rows if as_json else [queue_told(row) for row in rows], QUEUE_COLUMNS, as_json=as_json,
         empty="No name waits for a decision.")  # fmt: skip


@app.command("show")
def show(number: Number, *, as_json: Json = False) -> None:
    """Show an application: the name, how it looks, what is similar, the customer, what went before."""
    from hosting.inventory.name_views import application_view  # noqa: PLC0415  # as above

    with reading() as session:
        row = view_row(application_view(session, number))
    if as_json:
        emit_one(row, {}, as_json=True)
        return
    emit_one({**row, "signs": ", ".join(row["signs"]) or "plain ones alone"}, TITLES, as_json=False)
    heading("Findings")
    emit(row["findings"], FINDING_COLUMNS, as_json=False, empty="None.")
    heading("Similar names of others")
    emit(row["similar"], NAME_COLUMNS, as_json=False, empty="None.")
    heading("Names of the instance")
    emit(row["held"], NAME_COLUMNS, as_json=False, empty="It has none and had none.")
    heading("Other applications of the customer")
    emit(row["earlier"], EARLIER_COLUMNS, as_json=False, empty="None.")


@app.command("release", hidden=True)  # as the service description says it: freigeben
@app.command("approve")
def approve(number: Number, reason: Reason, *, yes: Yes = False) -> None:
    """Approve a name: it is live within seconds, in place of the one that the instance may have."""
    from hosting.inventory import name_application_rows, name_applications, names  # noqa: PLC0415  # as above
    from hosting.name_lists import load_lists  # noqa: PLC0415  # as above

    settings, why = load_settings(), reason_given(reason)
    lists = load_lists(settings.name_lists)
    with reading() as session:
        one = name_application_rows.application_facts(session, number)
    found = " ".join(map(str, one.findings)) or "Nothing was found."
    question = f"Do you approve {one.name}.{settings.zone} ({one.a_label}) for {one.instance_name}? {found}"
    ask(question, yes=yes or one.state == "approved")

    def record(session: Session, by: str, at: datetime) -> NameFacts | None:
        name_applications.approve(session, number, lists, zone=settings.zone, by=by, why=why, now=at)
        own = names.names_of(session, one.instance_name)
        return next((name for name in own if name.a_label == one.a_label), None)

    name = acting(record, settings)
    if name is None:
        typer.echo(f"{one.name} was approved before and is gone again (unchanged).")
        return
    try:
        done(settings, name)
    except ServiceError as error:
        raise ServiceError(f"{one.name} is approved, but not live yet: {error.what}", error.do) from error


@app.command("refuse")
def refuse(number: Number, reason: Told, *, yes: Yes = False) -> None:
    """Refuse a name, with a reason that the customer reads in his letter."""
    from hosting.inventory import name_application_rows, name_applications  # noqa: PLC0415  # as above

    settings, why = load_settings(), reason_given(reason)
    with reading() as session:
        one = name_application_rows.application_facts(session, number)
    if one.state == "refused":
        typer.echo(f"{one.name} was refused before by {one.decided_by}: {one.reason} (unchanged)")
        return
    ask(f"Do you refuse {one.name} for {one.instance_name}? The customer reads: {why}", yes=yes)
    acting(lambda session, by, at: name_applications.refuse(session, number, by=by, reason=why, now=at), settings)
    typer.echo(f"{one.name} is refused; the customer is told by letter.")


@app.command("recheck")
def recheck(*, as_json: Json = False) -> None:
    """Judge what waits by the lists of today, and list names in use that would not pass any more; they stay."""
    from hosting.inventory import name_applications  # noqa: PLC0415  # as above
    from hosting.name_lists import load_lists  # noqa: PLC0415  # as above

    settings = load_settings()
    lists = load_lists(settings.name_lists)
    found = acting(
        lambda session, _by, at: name_applications.recheck(session, lists, zone=settings.zone, now=at), settings
    )
    rows = again_rows(found)
    if as_json:
        emit_one({"version": found.version, "judged": found.judged, "found": rows}, {}, as_json=True)
        return
    sys.stdout.write(f"Judged by {found.version}: {found.judged} in the queue.\n")
    emit([{**row, "found": sentences(row["findings"])} for row in rows], AGAIN_COLUMNS, as_json=False,
         empty="Nothing is judged otherwise than before.")  # fmt: skip


def again_rows(found: Recheck) -> list[dict[str, Any]]:
    """What the lists of today change: in the queue, then of names in use."""
    waiting = [
        {
            "name": one.application.name,
            "instance_name": one.application.instance_name,
            "stands": f"waits as {one.application.id}: {one.before} before, {one.application.outcome} now",
            "findings": finding_rows(one.application.findings),
        }
        for one in found.changed
    ]
    in_use = [
        {
            "name": one.name.as_ordered,
            "instance_name": one.name.instance_name,
            "stands": f"{one.name.state}, stays",
            "findings": finding_rows(one.findings),
        }
        for one in found.no_longer
    ]
    return [*waiting, *in_use]


def row_of(one: ApplicationFacts) -> dict[str, Any]:
    """An application as programs read it."""
    return {**asdict(one), "findings": finding_rows(one.findings), "outcome": one.outcome}


def view_row(view: ApplicationView) -> dict[str, Any]:
    """An application with all that is known around it."""
    return {
        **row_of(view.application),
        **view.looks,
        "customer": f"{view.order.customer_name} ({view.order.customer_reference})",
        "language": view.order.language,
        "similar": [asdict(name) for name in view.similar],
        "held": [asdict(name) for name in view.held],
        "earlier": [row_of(other) for other in view.earlier],
    }


def queue_told(row: dict[str, Any]) -> dict[str, Any]:
    """The same as a line of the queue."""
    return {
        **row,
        "found": sentences(row["findings"]) or "-",
        "similar": ", ".join(name["as_ordered"] for name in row["similar"]) or "-",
    }


def finding_rows(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings, each with its rule and sentence."""
    return [
        {
            "rule": one.code,
            "outcome": "refused" if one.refuses else "flagged",
            "sentence": str(one),
            "note": one.facts.get("note") or None,
            "facts": dict(one.facts),
        }
        for one in findings
    ]


def sentences(findings: Iterable[dict[str, Any]]) -> str:
    """The sentences of findings."""
    return " ".join(one["sentence"] for one in findings)
