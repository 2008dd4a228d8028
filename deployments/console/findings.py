"""`phm findings`: what inspections of the fleet have found; shown, mended, silenced."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import Yes, acting, ask, now, reading, reason_given, who
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import local
from hosting.errors import Refused
from hosting.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hosting.policy.inspection import Inspected, KnownFinding

app = typer.Typer(help="What is wrong with servers: list, show, mend, silence.", invoke_without_command=True)

Key = Annotated[str, typer.Argument(help="The finding's key, as the list shows it.")]
COLUMNS = {
    "severity": "", "server": "server", "sentence": "what", "first_seen": "since", "mends": "mends", "key": "key",
}  # fmt: skip
TITLES = {
    "key": "finding", "severity": "severity", "server": "server", "subject": "about", "sentence": "what", "do": "do",
    "mending": "mending", "first_seen": "first seen", "last_seen": "last seen", "gone_at": "gone",
    "silenced_until": "silenced until", "silenced_by": "silenced by", "silenced_because": "because",
}  # fmt: skip
MOST_DAYS = 365
UNKNOWN = "Nothing is known: no server was inspected yet. That is done every night, and by the form of inspect-fleet."


@app.callback()
def list_findings(
    context: typer.Context,
    *,
    server: Annotated[str, typer.Option("--server", help="Those of this server alone.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Those that are gone or silenced, too.")] = False,
    as_json: Json = False,
) -> None:
    """List what stands, the gravest first; what a person has silenced is counted only.

    For programs: findings, silenced, inspected. Nothing is known of a server whose wholly_at is null.
    """
    if context.invoked_subcommand is not None:
        return
    from hosting.inventory import findings  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.inventory.servers import server_facts  # noqa: PLC0415  # as above

    with reading() as session:
        chosen = server_facts(session, server).name if server else None
        read = findings.all_findings if everything else findings.standing
        found = read(session, chosen)
        looked = [one for one in findings.inspected(session) if chosen in {None, one.server}]
    shown = [one for one in found if everything or not one.is_silent(now())]
    silent = len(found) - len(shown)
    if as_json:
        rows = [as_row(one) for one in shown]
        emit_one({"findings": rows, "silenced": silent, "inspected": [*map(look_row, looked)]}, {}, as_json=True)
        return
    nobody = not any(one.made for one in looked)
    emit([as_row(one) for one in shown], COLUMNS, as_json=False, empty=UNKNOWN if nobody else "Nothing is found.")
    if silent:
        typer.echo(f"{silent} more {'is' if silent == 1 else 'are'} silenced: phm findings --all.")
    if not nobody:
        typer.echo("\n".join(when_looked(looked)))


@app.command("show")
def show(key: Key, *, as_json: Json = False) -> None:
    """Show a finding, with what mending it would do."""
    emit_one(as_row(known(key)), TITLES, as_json=as_json)


@app.command("mend")
def mend(
    key: Key,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; recorded.")] = "",
    yes: Yes = False,
) -> None:
    """Have a finding mended: looked at anew, mended, and looked at once more."""
    from hosting.policy.inspection import told_mend  # noqa: PLC0415  # as above

    one = known(key)
    if one.gone_at is not None:
        raise Refused(f"{key} is gone.", "There is nothing to mend.")
    if not one.mend:
        raise Refused(f"{key} is mended by hand alone.", one.do)
    typer.echo(f"{one.sentence}\n{told_mend(one.mend)}")
    if dry_run:
        typer.echo("Nothing was changed.")
        return
    settings = load_settings()
    ask("Do it?", yes=yes)
    from deployments.console.runs import start_run  # noqa: PLC0415  # as above

    request = {"key": key, "operator": who(), "reason": reason}
    typer.echo(start_run(settings, "mend-finding", request, about=one.server))


@app.command("silence")
def silence(
    key: Key,
    *,
    days: Annotated[int, typer.Option("--days", help="For so many days.", min=1, max=MOST_DAYS)],
    because: Annotated[str, typer.Option("--because", help="Why it is no matter meanwhile; recorded.")],
) -> None:
    """Say that a finding is known: for some days it is neither listed nor told."""
    from hosting.inventory import findings  # noqa: PLC0415  # as above

    said = reason_given(because)
    done = acting(lambda session, by, at: findings.silence(session, key, at + timedelta(days=days), said, by, at))
    typer.echo(f"{key} is silenced until {done.silenced_until:%Y-%m-%d}.")


def when_looked(looked: Sequence[Inspected]) -> Iterator[str]:
    """When servers were last looked at, those of one night in one line."""
    together: defaultdict[str, list[str]] = defaultdict(list)
    for one in looked:
        if one.wholly_at is not None:
            together[f"Inspected at {local(one.wholly_at)}"].append(one.server)
        else:
            together[f"Never looked at ({', '.join(one.never)})" if one.made else "Never inspected"].append(one.server)
    return (f"{when}: {', '.join(servers)}." for when, servers in sorted(together.items()))


def look_row(one: Inspected) -> dict[str, Any]:
    """When a server was looked at, as programs read it: `wholly_at` is null while a look of a night was never made."""
    return {"server": one.server, "wholly_at": one.wholly_at, "never": list(one.never), "made": dict(one.made)}


def known(key: str) -> KnownFinding:
    """One finding; raises UnknownFinding where none has this key."""
    from hosting.inventory import findings  # noqa: PLC0415  # as above

    with reading() as session:
        return findings.finding(session, key)


def as_row(one: KnownFinding) -> dict[str, Any]:
    """A finding as programs and people read it."""
    from hosting.policy.inspection import told_mend  # noqa: PLC0415  # as above

    return {**asdict(one), "mends": "by word" if one.mend else "by hand", "mending": told_mend(one.mend) or "by hand"}
