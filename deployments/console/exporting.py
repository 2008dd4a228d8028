"""`phm export`: everything of an instance in open formats, for its customer to fetch for some days (P41)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import Reason, acting, ask, reading, reason_given, who
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import heading
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.exports import ExportFacts

app = typer.Typer(help="Everything of an instance in open formats: start, status, link, withdraw, call-off.")

MIB = 2**20
Instance = Annotated[str, typer.Argument(help="The instance whose data are exported, e.g. k3v9q2.")]
Number = Annotated[int, typer.Argument(help="The export's number, as phm export status shows it.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Start the run and don't wait for its end.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell whose data would be exported.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask; do it.")]
COLUMNS = {
    "id": "export", "instance": "instance", "state": "state", "archives": "archives", "mib": "MiB",
    "missing": "missing", "asked_at": "asked", "by": "by", "ends_at": "until", "fetched_at": "fetched",
}  # fmt: skip


@app.command("start")
def start(
    instance: Annotated[str, typer.Argument(help="The instance whose data are exported, e.g. k3v9q2.")] = "",
    *,
    user: Annotated[str, typer.Option("--user", help="Only this user's; everybody's if not given.")] = "",
    number: Annotated[int, typer.Option("--number", help="Go on with this export, whose run failed.")] = 0,
    dry_run: DryRun = False,
    reason: Reason = "",
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Write an archive for each user into the store; the customer gets a letter with the link."""
    from deployments.console.backup import run  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.errors import Refused  # noqa: PLC0415  # as above

    if bool(instance) == bool(number):
        raise Refused("Export what?", "Name the instance, or --number of an export to go on with.")
    settings = load_settings()
    request = {"instance": instance, "user": user, "dry_run": dry_run}
    if number:
        request = {"number": number}
    if not dry_run:
        why = reason or (known(number).why if number else "")
        request |= {"operator": who(), "reason": reason_given(why)}
    run(settings, "export-instance", request, about=instance or f"export {number}", wait=not no_wait, as_json=as_json)


@app.command("status")
def status(
    number: Annotated[int, typer.Argument(help="Of this export.")] = 0,
    *,
    instance: Annotated[str, typer.Option("--instance", help="Only those of this instance.")] = "",
    as_json: Json = False,
) -> None:
    """List the exports, or show one with its archives."""
    from hosting.inventory import exports  # noqa: PLC0415  # as above

    if number:
        show(known(number), as_json=as_json)
        return
    with reading() as session:
        rows = [row_of(one) for one in reversed(exports.all_exports(session, instance))]
    emit(rows, COLUMNS, as_json=as_json, empty="Nothing was exported.")


@app.command("link")
def link(number: Number) -> None:
    """Show the link of the letter again; it is a secret: whoever knows it can fetch everything."""
    from deployments.connections import provide_all  # noqa: PLC0415  # as above
    from hosting.policy.exports import ExportStands, ExportState  # noqa: PLC0415  # as above
    from tasks.export_letters import export_url  # noqa: PLC0415  # as above

    facts = known(number)
    if facts.state is not ExportState.READY:
        raise ExportStands(f"The export {number} is {facts.state}; it has no link.", "Look: phm export status.")
    provide_all(load_settings())
    typer.echo(export_url(facts))


@app.command("withdraw")
def withdraw(number: Number, *, reason: Reason = "", yes: Yes = False, as_json: Json = False) -> None:
    """End an export before its time: its link opens nothing, its archives leave the store now."""
    from deployments.console.backup import run  # noqa: PLC0415  # as above
    from hosting.inventory import exports  # noqa: PLC0415  # as above

    why, facts = reason_given(reason), known(number)
    ask(f"Remove the archives of export {number} ({facts.instance}) from the store?", yes=yes)

    def end(session: Session, by: str, at: datetime) -> ExportFacts:
        return exports.end_now(session, number, by, why, at)

    acting(end)
    request = {"operator": who(), "reason": why}
    run(load_settings(), "withdraw-exports", request, about=facts.instance, wait=True, as_json=as_json)


@app.command("call-off")
def call_off(number: Number, *, reason: Reason = "", as_json: Json = False) -> None:
    """Give an export up that is not ready; what it has written leaves the store by the clock."""
    from hosting.inventory import exports  # noqa: PLC0415  # as above

    why = reason_given(reason)

    def end(session: Session, by: str, at: datetime) -> ExportFacts:
        return exports.call_off(session, number, by, why, at)

    show(acting(end), as_json=as_json)


def known(number: int) -> ExportFacts:
    """An export; raises as `exports.export_facts`."""
    from hosting.inventory import exports  # noqa: PLC0415  # as above

    with reading() as session:
        return exports.export_facts(session, number)


def show(facts: ExportFacts, *, as_json: bool) -> None:
    """One export, with its archives."""
    archives = [
        {"uid": one.uid, "user": one.user, "mib": _mib(one.bytes), "missing": one.missing, **one.counts,
         "sha256": one.sha256, "skipped": one.skipped}
        for one in facts.archives
    ]  # fmt: skip
    if as_json:
        emit_one({**row_of(facts), "made": archives}, {}, as_json=True)
        return
    emit_one(row_of(facts) | {"why": facts.why, "finding": facts.finding}, {**COLUMNS, "why": "why"}, as_json=False)
    if archives:
        heading("Archives")
        columns = {
            name: name for name in ("uid", "user", "mib", "mails", "contacts", "events", "files", "missing", "skipped")
        }
        emit([{name: one.get(name, 0) for name in columns} for one in archives], columns, as_json=False, empty="")


def row_of(facts: ExportFacts) -> dict[str, Any]:
    """An export in a row."""
    made = [one for one in facts.archives if not one.skipped]
    return {
        "id": facts.id, "instance": facts.instance, "state": facts.state.value, "only_user": facts.only_user,
        "archives": len(made), "mib": _mib(sum(one.bytes for one in made)), "missing": sum(one.missing for one in made),
        "by": facts.by, "asked_at": facts.asked_at, "ready_at": facts.ready_at, "ends_at": facts.ends_at,
        "fetched_at": facts.fetched_at, "ended_at": facts.ended_at,
    }  # fmt: skip


def _mib(count: int) -> float:
    """Bytes in MiB, with one digit."""
    return round(count / MIB, 1)
