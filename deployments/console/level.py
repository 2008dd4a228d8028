"""`phm level`: service levels, agreed differently from the standard terms (P40)."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import acting, reading
from deployments.console.output import Json, emit
from deployments.console.wording import facts
from hosting.errors import Refused

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

app = typer.Typer(help="Service levels: terms that a contract has agreed differently.")

NAME_MOST = 60
COLUMNS = {"name": "level", "overrides": "differs from the standard in", "agreed": "contracts"}
TERM_COLUMNS = {"term": "term", "standard": "standard"}


@app.command("set")
def set_level(
    name: Annotated[str, typer.Argument(help="The level's name.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="term=value, e.g. setup_within=4 (hours), probe_every=30s."),
    ] = None,
    *,
    around_the_clock: Annotated[
        bool, typer.Option("--around-the-clock", help="Set up at any hour of any day.")
    ] = False,
) -> None:
    """Set what a service level has agreed differently; what isn't named is standard.

    phm level terms lists what can be set. A level that somebody has agreed on can only be made better.
    """
    from hosting.inventory import deeds, levels, views  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.policy.terms import AROUND_THE_CLOCK  # noqa: PLC0415  # as above

    if not name.strip() or len(name) > NAME_MOST:
        raise Refused("That is no name for a service level.", f"Name it with 1 to {NAME_MOST} characters.")
    wanted = {**(AROUND_THE_CLOCK if around_the_clock else {}), **dict(map(parsed, overrides or []))}

    def enter(session: Session, by: str, at: datetime) -> bool:
        if any(known.name == name and known.overrides == wanted for known in views.all_levels(session)):
            return False
        levels.ensure_level(session, name, wanted)
        deeds.record(session, by, "service level set", f"level:{name}", evidence=wanted, now=at)
        return True

    changed = acting(enter)
    typer.echo(f"Service level {name}: {facts(wanted) or 'the standard terms'}{'' if changed else ' (unchanged)'}.")


@app.command("list")
def list_levels(*, as_json: Json = False) -> None:
    """List the service levels beside the standard one, with who has agreed on each."""
    from hosting.inventory.levels import users_of  # noqa: PLC0415  # as above
    from hosting.inventory.views import all_levels  # noqa: PLC0415  # as above

    with reading() as session:
        found = [{**asdict(level), "agreed": users_of(session, level.name)} for level in all_levels(session)]
    if not as_json:
        found = [{**row, "overrides": facts(row["overrides"]), "agreed": len(row["agreed"])} for row in found]
    emit(found, COLUMNS, as_json=as_json, empty="There is no level beside the standard one.")


@app.command("terms")
def list_terms(*, as_json: Json = False) -> None:
    """List the terms that a level can set, with their standard values; durations are set in hours, or like 30s."""
    from hosting.policy.terms import SERVICE_WIDE, STANDARD, Terms  # noqa: PLC0415  # as above

    settable = [field.name for field in fields(Terms) if field.name not in SERVICE_WIDE]
    rows = [{"term": name, "standard": str(getattr(STANDARD, name))} for name in settable]
    emit(rows, TERM_COLUMNS, as_json=as_json)


def parsed(text: str) -> tuple[str, Any]:
    """`term=value` as JSON has it: numbers, true and false, lists by commas, anything else as text.

    Raises:
        Refused: not of this form.
    """
    name, sign, value = text.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise Refused(f"{text!r} is no term=value.", "Write it like setup_within=4.")
    if "," in value:
        return name.strip(), [scalar(part) for part in value.split(",")]
    return name.strip(), scalar(value)


def scalar(text: str) -> Any:
    """A number, true or false, or the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()
