"""`phm level agree`, `show`, `history`, `call-off`, `remove`: which contract has which level since when (P40)."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import Reason, Yes, acting, ask, now, reading, reason_given
from deployments.console.level import app
from deployments.console.output import Json, emit
from deployments.console.wording import heading, local
from hosting.errors import Refused
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.level_agreements import ContractLevel, LevelPreview
    from hosting.policy.level_consequences import Consequences
    from hosting.policy.service_levels import Agreement, TermChange

__all__ = ["app"]

Contract = Annotated[str, typer.Argument(help="An instance, the reference of its order, or the contract's number.")]
Level = Annotated[str, typer.Argument(help="The level's name; standard is the service description itself.")]
CHANGE_COLUMNS = {"term": "term", "before": "so far", "after": "then", "for_customer": "for the customer"}
CONSEQUENCE_COLUMNS = {"what": "what comes of it", "before": "so far", "after": "then"}
HISTORY_COLUMNS = {
    "id": "agreement", "level": "level", "from_day": "from", "stands": "stands", "agreed_by": "agreed by",
    "agreed_at": "agreed", "reason": "reason", "called_off": "called off",
}  # fmt: skip
TERM_COLUMNS = {"term": "term", "before": "standard", "after": "this level", "for_customer": "for the customer"}
SUITS = {True: "better", False: "less", None: "otherwise"}
MIB = 2**20
HOUR, MINUTE = 3600, 60


@app.command("agree")
def agree(
    contract: Contract,
    level: Level,
    *,
    from_day: Annotated[str, typer.Option("--from", help="The first day on which it counts: 2027-01-01, or today.")],
    reason: Annotated[str, typer.Option("--reason", help="With whom, for what fee; recorded.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would change.")] = False,
    yes: Yes = False,
) -> None:
    """Agree on a level for a contract from a day on; shows first what changes, and tells the customer by letter."""
    from hosting.inventory import level_agreements  # noqa: PLC0415  # not before it is needed: help is quick

    day, state = day_given(from_day), load_settings().holidays_state
    with reading() as session:
        seen = level_agreements.preview(session, contract, level, day, now=now(), state=state)
    show_preview(seen)
    if dry_run:
        typer.echo("\nNothing was changed: this was a dry run.")
        return
    why = reason_given(reason)
    ask(f"Agree on {level} for {seen.contract.customer} from {day} on?", yes=yes)

    def enter(session: Session, by: str, at: datetime) -> Agreement:
        return level_agreements.agree(session, contract, level, day, reason=why, by=by, now=at, state=state)

    made = acting(enter)
    typer.echo(f"Agreement {made.id}: {level} counts from {day} on; the customer gets a letter within a minute.")


@app.command("call-off")
def call_off(
    number: Annotated[int, typer.Argument(help="The agreement's number, as phm level history shows it.")],
    *,
    reason: Reason,
) -> None:
    """Give up an agreement whose day has not come; who has its letter already gets another one."""
    from hosting.inventory import level_agreements  # noqa: PLC0415  # as above

    why = reason_given(reason)
    off = acting(lambda session, by, at: level_agreements.call_off(session, number, why, by=by, now=at))
    typer.echo(f"Agreement {off.id} was called off at {local(off.called_off_at)} by {off.called_off_by}.")


@app.command("history")
def history(contract: Contract, *, as_json: Json = False) -> None:
    """List what was agreed on for a contract, and which level counts today."""
    from hosting.inventory.level_agreements import contract_named  # noqa: PLC0415  # as above
    from hosting.policy.months import day_of  # noqa: PLC0415  # as above

    with reading() as session:
        known = contract_named(session, contract)
    emit(history_of(known), HISTORY_COLUMNS, as_json=as_json)
    if not as_json:
        typer.echo(f"\nToday counts: {known.level_on(day_of(now())) or 'standard'}.")


@app.command("show")
def show(level: Level, *, as_json: Json = False) -> None:
    """Show what a level has otherwise than the standard one, and who has agreed on it."""
    from hosting.inventory.levels import terms_of, users_of  # noqa: PLC0415  # as above
    from hosting.policy.service_levels import STANDARD_NAME, changes  # noqa: PLC0415  # as above
    from hosting.policy.terms import STANDARD  # noqa: PLC0415  # as above

    with reading() as session:
        terms = STANDARD if level == STANDARD_NAME else terms_of(session, level)
        users = users_of(session, level)
    rows = list(map(row_of, changes(STANDARD, terms)))
    emit(rows, TERM_COLUMNS, as_json=as_json, empty="It is the service description itself.")
    if not as_json:
        typer.echo(f"\nAgreed on by: {', '.join(users) or 'nobody'}.")


@app.command("remove")
def remove(level: Level) -> None:
    """Remove a level that nobody ever agreed on."""
    from hosting.inventory import level_agreements  # noqa: PLC0415  # as above

    acting(lambda session, by, at: level_agreements.drop_level(session, level, by=by, now=at))
    typer.echo(f"Service level {level} is gone.")


def day_given(text: str) -> date:
    """A day as the operator wrote it.

    Raises:
        Refused: it is none.
    """
    from hosting.policy.months import day_of  # noqa: PLC0415  # as above

    if text == "today":
        return day_of(now())
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{text!r} is no day.", "Write it like 2027-01-01, or today.") from error


def show_preview(seen: LevelPreview) -> None:
    """What changes, old and new, and what comes of it."""
    typer.echo(
        f"Contract {seen.contract.id} of {seen.contract.customer}, order {seen.contract.order}, "
        f"from {seen.from_day} on: {seen.before_level or 'standard'} → {seen.level or 'standard'}"
    )
    heading("Terms")
    emit(list(map(row_of, seen.changes)), CHANGE_COLUMNS, as_json=False)
    heading("Consequences")
    before, after = told(seen.before), told(seen.after)
    emit([{"what": what, "before": before[what], "after": after[what]} for what in before], CONSEQUENCE_COLUMNS,
         as_json=False)  # fmt: skip


def told(one: Consequences) -> dict[str, str]:
    """What terms come to, as people read it."""
    room = "no backup yet" if one.backup_bytes is None else f"{one.backup_bytes / MIB:.1f} MiB"
    window = f"{local(one.update.opens)} to {local(one.update.closes)}" if one.update else "never"
    return {
        "next backup due": local(one.next_backup),
        "backups a day": str(one.backups_a_day),
        "points kept at most": str(one.points_kept),
        "room they take, estimated": room,
        "next window of an update that is announced now": window,
    }


def row_of(change: TermChange) -> dict[str, Any]:
    """A change of a term as a row."""
    return {
        "term": change.term,
        "before": plain(change.before),
        "after": plain(change.after),
        "for_customer": SUITS[change.better],
    }


def plain(value: Any) -> str:
    """A term's value as it is set: "4 h", "30 s", "08:00", "0, 1, 2"."""
    match value:
        case timedelta():
            seconds = value.total_seconds()
            whole = next((unit for size, unit in ((HOUR, "h"), (MINUTE, "min")) if seconds % size == 0), "s")
            return f"{seconds / {'h': HOUR, 'min': MINUTE, 's': 1}[whole]:g} {whole}"
        case time():
            return f"{value:%H:%M}"
        case tuple():
            return ", ".join(map(str, value)) or "none"
        case bool():
            return "yes" if value else "no"
        case _:
            return f"{value:g}" if isinstance(value, float) else str(value)


def history_of(known: ContractLevel) -> list[dict[str, Any]]:
    """What was agreed on, the level of the order first."""
    first = {
        "id": None, "level": known.first or "standard", "from_day": known.begun, "stands": True, "agreed_by": "order",
        "agreed_at": None, "reason": f"order {known.order}", "called_off": "",
    }  # fmt: skip
    rows = [
        {
            "id": one.id, "level": one.level or "standard", "from_day": one.from_day, "stands": one.stands,
            "agreed_by": one.agreed_by, "agreed_at": one.agreed_at, "reason": one.reason,
            "called_off": "" if one.stands else f"{local(one.called_off_at)} {one.called_off_by}: {one.called_off_why}",
        }
        for one in known.agreements
    ]  # fmt: skip
    return [first, *rows]
