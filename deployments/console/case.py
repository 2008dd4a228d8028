"""`phm case`: matters that were put before a person."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from deployments.console.context import acting, reading, reason_given
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import CASE_COLUMNS, facts

app = typer.Typer(help="Cases: matters put before a person.")

Number = Annotated[int, typer.Argument(help="The case's number.")]
OPEN_COLUMNS = {key: title for key, title in CASE_COLUMNS.items() if key not in {"settled_by", "decision"}}
TITLES = {
    "id": "case", "kind": "kind", "subject": "about", "summary": "what", "facts": "facts", "raised_at": "raised",
    "settled_at": "settled", "settled_by": "settled by", "decision": "decision",
}  # fmt: skip


@app.command("list")
def list_cases(
    *,
    settled: Annotated[bool, typer.Option("--all", help="Those that are settled too.")] = False,
    as_json: Json = False,
) -> None:
    """List the cases that nobody has settled, the oldest first."""
    from hosting.inventory.cases import open_cases  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.inventory.views import all_cases  # noqa: PLC0415  # as above

    with reading() as session:
        found = all_cases(session) if settled else open_cases(session)
    columns = CASE_COLUMNS if settled else OPEN_COLUMNS
    emit([asdict(case) for case in found], columns, as_json=as_json, empty="No case is open.")


@app.command("show")
def show_case(number: Number, *, as_json: Json = False) -> None:
    """Show a case with its facts."""
    from hosting.inventory.views import case_view  # noqa: PLC0415  # as above

    with reading() as session:
        case = asdict(case_view(session, number))
    emit_one(case if as_json else {**case, "facts": facts(case["facts"])}, TITLES, as_json=as_json)


@app.command("settle")
def settle(
    number: Number, decision: Annotated[str, typer.Option(help="What was decided; recorded with your name.")]
) -> None:
    """Settle a case with your decision; one that is settled keeps its first."""
    from hosting.inventory.cases import settle_case  # noqa: PLC0415  # as above

    said = reason_given(decision)
    done, by, at = acting(lambda session, by, at: (settle_case(session, number, by, said, at), by, at))
    if done.settled_by == by and done.settled_at == at:
        typer.echo(f"Case {number} is settled.")
    else:
        typer.echo(f"Case {number} was settled before by {done.settled_by}: {done.decision} (unchanged)")
