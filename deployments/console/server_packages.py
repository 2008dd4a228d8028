"""`phm server facts`, `update` and `canary`: what a server runs on, and how it is kept current (P13, P14, P15, P16)."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import Reason, acting, ask, now, reading, reason_given, who, working
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import heading, local
from hosting.errors import Refused, ServiceError, StepFailed
from hosting.policy.engines import ends_soon, engines
from hosting.policy.flavours import NAMES, UNPROVEN
from hosting.policy.months import day_of
from hosting.policy.quota import without_fence
from hosting.policy.server_updates import CANARY, Scope, Word, canaries_first, needs_reboot
from hosting.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.policy.announcements import Announced
    from hosting.policy.flavours import Database, Php
    from hosting.policy.server_updates import SystemFacts, Transaction
    from hosting.policy.values import ServerFacts

Name = Annotated[str, typer.Argument(help="The server's name.")]
COLUMNS = {"package": "package", "from": "has", "to": "gets", "of": "offered by"}
TURNS = {
    "update": "update", "instance": "instance", "opens": "opens", "closes": "closes", "state": "state",
    "told_at": "told", "notice_hours": "notice, h", "stop_seconds": "away, s",
}  # fmt: skip
TITLES = {
    "name": "server", "distribution": "distribution", "kernel": "kernel", "kernel_installed": "kernel installed",
    "php": "PHP by", "database": "database",
    "packages": "packages", "held": "held", "half_done": "half done", "stale_units": "run what was replaced",
    "security_updates": "security updates", "canary": "updates tried here first",
}  # fmt: skip


def facts(name: Name, *, as_json: Json = False) -> None:
    """Show what a server runs on: versions, ends of support, security updates offered, whether it needs a reboot."""
    server, found, offered = looked_at(name, Scope.SECURITY, set(), anew=False)
    notes = [
        *server.flavours.unproven,
        *ends_soon(found.distribution, found.packages, day_of(now())),
        *([f"A reboot is needed: {why}"] if (why := needs_reboot(found)) else []),
        *([without_fence(server.name)] if server.has_no_limits else []),
    ]
    row = {
        **{key: value for key, value in asdict(found).items() if key != "packages"},
        "name": server.name, "packages": len(found.packages), "canary": bool(server.facts.get(CANARY)),
        "held": sorted(found.held), "engines": engines(found.packages),
        "php": said(server.flavours.php), "php_address": server.flavours.php_address,
        "database": said(server.flavours.database), "notes": notes,
        "security_updates": [f"{one.name} {one.new}" for one in offered.changes],
    }  # fmt: skip
    if as_json:
        emit_one(row, {}, as_json=True)
        return
    told = {key: ", ".join(value) if isinstance(value, (list, tuple)) else value for key, value in row.items()}
    emit_one(
        {**told, **engines(found.packages)}, {**TITLES, **{one: one for one in engines(found.packages)}}, as_json=False
    )
    for note in notes:
        typer.echo(note)


def said(flavour: Php | Database) -> str:
    """A server's PHP or database as people call it, and whether it may be relied on."""
    return NAMES[flavour] + (" (unproven)" if flavour in UNPROVEN else "")


def update(
    names: Annotated[list[str] | None, typer.Argument(help="The servers' names.", show_default=False)] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All servers in use, the canary first.")] = False,
    full: Annotated[bool, typer.Option("--full", help="All updates, not those of the security archive alone.")] = False,
    word: Annotated[
        list[Word] | None,
        typer.Option("--word", help="What one server may do beside; several times.", case_sensitive=False),
    ] = None,
    urgent: Annotated[
        bool, typer.Option("--urgent", help="Outside of off-peak times too; customers are told at once.")
    ] = False,
    reboot: Annotated[
        bool, typer.Option("--reboot", help="With --urgent: reboot at once where the server asks for it.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; recorded. Only to look needs none.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and stop.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Start the run and don't wait for its end.")] = False,
    as_json: Json = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; do it.")] = False,
) -> None:
    """Update servers' packages: what would be done first, then a run that proves or takes back what it did."""
    from deployments.console.runs import start_run  # noqa: PLC0415  # seconds of Prefect, for this verb alone

    scope, words = Scope.FULL if full else Scope.SECURITY, set(word or ())
    why = reason if dry_run else reason_given(reason)
    if reboot and not urgent:
        raise Refused("A reboot waits for its turn, which customers are told.", "Leave --reboot out, or say --urgent.")
    if as_json and not dry_run:
        raise Refused("A preview alone is shown as JSON.", "Give --dry-run with it.")
    chosen = to_update(names or [], every=every)
    alone = chosen[0] if len(chosen) == 1 and not every else ""
    if words and not alone:
        raise Refused("A word is given for one server.", "Name that one alone.")
    show_previews(chosen, scope, words, as_json=as_json, only=dry_run or bool(alone))
    if dry_run:
        return
    ask("Update it?" if alone else "Update them?", yes=yes)
    request: dict[str, Any] = {
        "scope": scope, "urgent": urgent, "reboot": reboot, "operator": who(), "reason": why,
        **({"server": alone, "words": sorted(words)} if alone else {"servers": [] if every else chosen}),
    }  # fmt: skip
    flow, about = ("update-server", alone) if alone else ("update-servers", "all" if every else " ".join(chosen))
    typer.echo(start_run(load_settings(), flow, request, about=about, wait=not no_wait) or "It is started.")


def to_update(names: list[str], *, every: bool) -> list[str]:
    """The servers that are named, each once, or all that are in use, the canary first.

    Raises:
        Refused: neither is said, or both.
        UnknownServer: no server has one of these names.
    """
    from hosting.inventory.servers import all_servers, server_facts  # noqa: PLC0415  # as above
    from tasks.server_reports import IN_USE  # noqa: PLC0415  # as above

    if bool(names) == every:
        raise Refused("It is not said which servers.", "Name them, or say --all.")
    with reading() as session:
        if names:
            return [server_facts(session, name).name for name in dict.fromkeys(names)]
        return [one.name for one in canaries_first([one for one in all_servers(session) if one.state in IN_USE])]


def canary(
    name: Name,
    reason: Reason,
    *,
    off: Annotated[bool, typer.Option("--off", help="Not any more.")] = False,
) -> None:
    """Let updates be tried on this server before the others."""
    from hosting.inventory.server_updates import mark_canary  # noqa: PLC0415  # as above

    why = reason_given(reason)
    new = acting(lambda session, by, at: mark_canary(session, name, canary=not off, by=by, why=why, now=at))
    said = "as the others" if off else "first"
    typer.echo(f"Server {name} is updated {said}{'' if new else ' (unchanged)'}.")


def announced(
    instance: Annotated[str, typer.Argument(help="Of this instance alone.")] = "",
    *,
    days: Annotated[int, typer.Option(help="So many days back.", min=1)] = 30,
    as_json: Json = False,
) -> None:
    """List updates planned and done, instance by instance: told when, with which notice, how long it was away."""
    from hosting.inventory.announcements import turns_since  # noqa: PLC0415  # as above
    from hosting.inventory.instances import instance_facts  # noqa: PLC0415  # as above

    with reading() as session:
        if instance:
            instance_facts(session, instance)
        found = [turn_row(one) for one in turns_since(session, now() - timedelta(days=days), instance)]
    if not as_json:
        for row in found:
            row.update({key: local(row[key]) if row[key] else "-" for key in ("opens", "closes", "told_at")})
    emit(found, TURNS, as_json=as_json, empty="No update was planned.")


def turn_row(one: Announced) -> dict[str, Any]:
    """An instance's turn in an update as a row."""
    ended = "called off" if one.called_off_at else "done" if one.ended_at else "at work" if one.begun_at else "planned"
    notice = one.notice_given
    return {
        "update": one.update.key, "instance": one.instance_name, "opens": one.times.window.opens,
        "closes": one.times.window.closes, "state": ended, "urgent": one.update.urgent, "silent": one.silent,
        "told_at": one.told_at, "notice_hours": None if notice is None else round(notice / timedelta(hours=1), 1),
        "stop_seconds": one.stopped_seconds if one.ended_at else None,
    }  # fmt: skip


def looked_at(
    name: str, scope: Scope, words: set[Word], *, anew: bool = True
) -> tuple[ServerFacts, SystemFacts, Transaction]:
    """A server with what it runs on, and what apt would do; nothing but its lists of packages changes, if asked anew.

    By the lists as they are, an apt that finds no way hides nothing else: it would do nothing.
    """
    from deployments.connections import provide_all  # noqa: PLC0415  # as above
    from hosting.inventory.servers import server_facts  # noqa: PLC0415  # as above
    from hosting.policy.server_updates import Transaction  # noqa: PLC0415  # as above
    from tasks.server_updates import preview_update, read_system, refresh_lists  # noqa: PLC0415  # as above

    with reading() as session:
        server = server_facts(session, name)
    provide_all(load_settings())
    with working(f"looking at {name}"):
        if anew:
            refresh_lists.fn(server)
        found, planned = read_system.fn(server), Transaction()
        with contextlib.nullcontext() if anew else contextlib.suppress(StepFailed):
            planned = preview_update.fn(server, scope, words)
        return server, found, planned


def show_previews(names: Sequence[str], scope: Scope, words: set[Word], *, as_json: bool, only: bool) -> None:
    """What an update would do on each server, and what else is to be known of it.

    Args:
        names: of the servers.
        scope: which updates.
        words: given for them.
        as_json: as an object for one server, as a list for several.
        only: nothing else is done here, so that a server that does not answer is this verb's failure.

    Raises:
        ServiceError: of the first that could not be looked at, once all others are shown.
    """
    from tasks.server_reports import preview_notes, preview_rows  # noqa: PLC0415  # as above

    told: list[dict[str, Any]] = []
    failures: list[ServiceError] = []
    for name in names:
        try:
            server, found, planned = looked_at(name, scope, words)
        except ServiceError as error:
            failures.append(error)
            if len(names) > 1:
                typer.echo(f"{name}: {error}", err=True)
            continue
        rows, notes = preview_rows(planned), preview_notes(found, planned, words)
        told.append({"server": server.name, "packages": rows, "notes": notes})
        if as_json:
            continue
        if len(names) > 1:
            heading(server.name)
        emit(rows, COLUMNS, as_json=False, empty=f"Nothing is to be updated on {server.name}.")
        for note in notes:
            typer.echo(note)
    if as_json and len(names) > 1:
        emit(told, {}, as_json=True)
    elif as_json and told:
        emit_one(told[0], {}, as_json=True)
    if failures and only:
        raise failures[0]
