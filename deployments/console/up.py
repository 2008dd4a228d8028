"""`phm up`, `phm down`: the embedded default on this machine."""

from __future__ import annotations

import shlex
import time
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from deployments.console.output import emit
from deployments.console.settings_from_fleet import ensure_settings
from deployments.runtime.embedded import DRAIN_SECONDS, Embedded
from deployments.runtime.environment import places
from hosting.settings import SETTINGS_FILE, advice, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deployments.runtime.environment import Places
    from hosting.settings import Settings

COLUMNS = {"title": "process", "state": "state", "pid": "pid", "page": "page", "log": "log"}


def up() -> None:
    """Start Prefect, worker and receiver on this machine.

    Makes the settings from the local fleet if there are none, brings the inventory up to date, starts what does not run
    and renews what is older than settings and programs. Done again, it changes nothing.
    """
    began = time.monotonic()
    at = places()
    with progress("starting") as report:
        if ensure_settings(at.home):
            report(f"settings made from the local fleet: {at.home / SETTINGS_FILE}")
        settings = load_settings()
        embedded = Embedded(settings, at, report)
        embedded.up()
    emit([asdict(state) for state in embedded.states()], COLUMNS, as_json=False)
    typer.echo(how_to_log_in(at))
    advise(settings)
    typer.echo(f"up after {time.monotonic() - began:.1f} s")


def down(
    *,
    now: Annotated[bool, typer.Option("--now", help="Don't wait for running runs; their work is tried again.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for running runs.", min=0, max=86_400)] = DRAIN_SECONDS,
) -> None:
    """End Prefect, worker and receiver on this machine, once running runs are through."""
    with progress("ending") as report:
        Embedded(load_settings(), places(), report).down(now=now, seconds=wait)


def advise(settings: Settings) -> None:
    """What would better be set."""
    for sentence in advice(settings):
        typer.echo(f"Better: {sentence}")


def how_to_log_in(at: Places) -> str:
    """Where an operator finds what Prefect's UI asks for; never the secret itself."""
    return f"The Prefect UI asks for a password; show it: cat {shlex.quote(str(at.api_login))}"


@contextmanager
def progress(doing: str) -> Iterator[Callable[[str], None]]:
    """A spinner with the seconds so far, and a line for everything that is done, on standard error."""
    console = Console(stderr=True, highlight=False)
    began, last = time.monotonic(), ""

    def report(line: str) -> None:
        nonlocal last
        if line != last:
            console.print(f"[dim]{time.monotonic() - began:5.1f} s[/dim]  {line}")
            last = line

    with console.status(f"{doing} …"):
        yield report
