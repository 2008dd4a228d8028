"""`phm release`: the product's releases."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path  # noqa: TC003  # Typer reads it at run time
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.console.context import acting, reading, working
from deployments.console.output import Json, emit
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.product.releases import ReleaseArchive

app = typer.Typer(help="Releases of the product.")

COLUMNS = {
    "short": "release", "version": "version", "instances": "instances", "build": "build", "edition": "edition",
    "bytes": "bytes", "current": "current", "added_at": "added", "added_by": "by",
}  # fmt: skip


@app.command("add")
def add(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The release as a ZIP archive.")],
    *,
    current: Annotated[bool, typer.Option("--current/--not-current", help="Whether new instances get it.")] = True,
) -> None:
    """Register a release: its markers are checked, it is stored under its checksum; the same again changes nothing."""
    from hosting.product.releases import inspect_archive, object_key  # noqa: PLC0415  # not before it is needed: help is quick

    settings = load_settings()
    with working(f"checking {file.name}"):
        archive = inspect_archive(file)
    with working(f"storing {file.name} ({archive.bytes} bytes)"):
        from deployments.connections import store_of  # noqa: PLC0415  # two seconds of Prefect, under the spinner

        store = store_of(settings)
        stored = not store.has(object_key(archive))
        if stored:
            store.put(object_key(archive), file)
    changed = acting(lambda session, by, at: register(session, archive, by, at, current=current), settings)
    what = ", ".join(changed) or ("stored again" if stored else "unchanged")
    typer.echo(f"Release {archive.version} (build {archive.build}, {archive.edition}, {archive.id[:12]}): {what}.")


def register(session: Session, archive: ReleaseArchive, by: str, at: datetime, *, current: bool) -> list[str]:
    """Enter a stored archive in the inventory; tells what that changed. The first release is current in any case."""
    from hosting.inventory.releases import add_release, all_releases, make_current  # noqa: PLC0415  # as above
    from hosting.policy.values import ReleaseFacts, ReleaseId  # noqa: PLC0415  # as above

    before = {release.id: release.current for release in all_releases(session)}
    facts = ReleaseFacts(ReleaseId(archive.id), archive.build, archive.version, archive.edition, archive.bytes)
    found = add_release(session, facts, by, at)
    if current and not found.current:
        found = make_current(session, found.id, by, at)
    changed = [] if found.id in before else ["added"]
    return changed + (["current from now on"] if found.current and not before.get(found.id) else [])


@app.command("list")
def list_releases(*, as_json: Json = False) -> None:
    """List the registered releases, the newest build first."""
    from hosting.inventory.instances import all_instances  # noqa: PLC0415  # as above
    from hosting.inventory.views import all_releases  # noqa: PLC0415  # as above
    from hosting.policy.states import InstanceState  # noqa: PLC0415  # as above
    from hosting.policy.values import ReleaseId  # noqa: PLC0415  # as above

    with reading() as session:
        there = Counter(one.release.id for one in all_instances(session) if one.state is not InstanceState.ENDED)
        found = [{**asdict(one), "instances": there.get(ReleaseId(one.id), 0)} for one in all_releases(session)]
    if not as_json:
        found = [{**row, "short": row["id"][:12]} for row in found]
    emit(found, COLUMNS, as_json=as_json, empty="No release is registered; register one: phm release add FILE.")
