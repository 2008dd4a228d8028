"""What moves would be, as operators see it before anything is touched, and the moments that they name."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import typer

from deployments.console.context import now, working
from deployments.console.output import emit_one
from hosting.errors import Refused
from hosting.policy.terms import TIME_ZONE

if TYPE_CHECKING:
    from hosting.settings import Settings
    from tasks.move_preview import Preview

MIB = 2**20
TITLES = {
    "instance": "instance", "source": "from", "target": "to", "files": "files", "database": "database",
    "way": "database goes", "takes": "takes about", "closed": "of it closed",
}  # fmt: skip


def moment(at: str) -> datetime | None:
    """A moment of Berlin's clock, not in the past; None where none was given.

    Raises:
        Refused: it is none, or has passed.
    """
    if not at:
        return None
    try:
        told = datetime.fromisoformat(at)
    except ValueError as error:
        raise Refused(f"{at} is no moment.", "Write it like 2026-12-01T23:30.") from error
    found = told if told.tzinfo else told.replace(tzinfo=ZoneInfo(TIME_ZONE))
    if found < now():
        raise Refused(f"{at} has passed.", "Give a moment to come, or leave --at out.")
    return found


def previewed(settings: Settings, name: str, target: str, *, without_backup: bool) -> Preview:
    """The plan, asked of both servers."""
    from deployments.connections import provide_all  # noqa: PLC0415  # not before it is needed: help is quick
    from tasks.move_preview import preview  # noqa: PLC0415  # as above

    provide_all(settings)
    with working(f"Asking both servers about {name}"):
        return preview(name, target, without_backup=without_backup)


def show(found: Preview, *, as_json: bool) -> None:
    """The plan as people or programs read it."""
    if as_json:
        emit_one(asdict(found), {}, as_json=True)
        return
    told: dict[str, Any] = {
        **asdict(found),
        "files": f"{found.sizes.files / MIB:.1f} MiB",
        "database": f"{found.sizes.database / MIB:.1f} MiB",
        "way": "as a dump while it is closed" if found.plan.method == "dump" else "by replication while it works",
        "takes": f"{found.plan.seconds:.0f} s",
        "closed": f"{found.plan.stop_seconds:.0f} s",
    }
    emit_one(told, TITLES, as_json=False)
    for said in found.objections:
        typer.echo(f"  forbidden: {said}")
