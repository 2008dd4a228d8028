"""`phm escrow`: for the day on which all else is lost (docs/runbooks/escrow.md)."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path  # noqa: TC003  # Typer reads it at run time
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy import make_url

from deployments.console.context import acting, working
from deployments.console.settings_from_fleet import write_private
from hosting.errors import Refused
from hosting.settings import SETTINGS_FILE, load_settings

if TYPE_CHECKING:
    from hosting.inventory.control_archive import ControlArchive

app = typer.Typer(help="What restores everything without this program, and this program without its machine.")

URL_LINE = re.compile(r"^inventory_url\s*=.*$", re.MULTILINE)
LISTS_LINE = re.compile(r"^name_lists\s*=.*$", re.MULTILINE)


@app.command("export")
def export(file: Annotated[Path, typer.Argument(help="A new file; only the escrow key's holder can read it.")]) -> None:
    """Write where every backup lies and what opens it, encrypted to the escrow certificate; recorded."""
    from hosting.inventory.escrows import record_exported  # noqa: PLC0415  # not before it is needed: help is quick

    settings = load_settings()
    if file.exists():
        raise Refused(f"{file} is there already.", "Name a new file.")
    with working("unwrapping the passwords"):
        from blocks.envelope import envelope  # noqa: PLC0415  # seconds of Prefect, under the spinner
        from deployments.connections import provide_all  # noqa: PLC0415  # as above
        from tasks.escrow import escrow, problems  # noqa: PLC0415  # as above

        provide_all(settings)
        content = escrow()
        sealed = envelope(
            json.dumps(content, ensure_ascii=False, indent=1).encode(), settings.backup.escrow_certificate_pem
        )
    file.write_bytes(sealed)
    repositories = content["repositories"]
    acting(lambda session, by, at: record_exported(session, len(repositories), by=by, now=at), settings)
    points = sum(len(one["points"]) for one in repositories)
    typer.echo(f"{file}: {len(repositories)} generations with {points} points, for the holder of the escrow key.")
    if found := problems(content):
        raise Refused(f"{len(found)} of them can't be opened: {found[0]}", "Find out why before you rely on the file.")


@app.command("restore-control")
def restore_control(
    archive: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The archive, decrypted (.tar.gz).")],
    *,
    home: Annotated[Path, typer.Option(help="The new folder of the service (PHM_HOME).")],
    inventory_url: Annotated[
        str, typer.Option(help="An empty database; by default the settings' own, or a new file for SQLite.")
    ] = "",
) -> None:
    """Rebuild the control machine's folder from its backup: the inventory first, the settings last."""
    from hosting.inventory.control_archive import unpack  # noqa: PLC0415  # not before it is needed: help is quick

    if (home / SETTINGS_FILE).exists():
        raise Refused(f"{home} is a service's folder already.", "Name an empty one.")
    found = unpack(archive.read_bytes())
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = inventory_url or url_for(found, home)
    with working("putting the inventory back"):
        rows = put_back(found, url)
    settings = URL_LINE.sub(lambda _: f"inventory_url = {json.dumps(url)}", found.settings, 1)
    if found.lists:
        lists = put_lists_back(found, home)
        settings = LISTS_LINE.sub(lambda _: f"name_lists = {json.dumps(str(lists))}", settings, 1)
    write_private(home / SETTINGS_FILE, settings)
    typer.echo(f"{home} is the service as of {found.made_at}: {rows} rows. Go on: PHM_HOME={home} phm up.")


def url_for(archive: ControlArchive, home: Path) -> str:
    """Where the inventory goes: into the new folder where it was a file, otherwise where it was."""
    url = str(tomllib.loads(archive.settings)["inventory_url"])
    return f"sqlite:///{home.resolve() / 'inventory.db'}" if make_url(url).get_backend_name() == "sqlite" else url


def put_lists_back(archive: ControlArchive, home: Path) -> Path:
    """The operator's own lists of names in a folder of the new home; that folder."""
    folder = home.resolve() / "name_lists"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, content in archive.lists.items():
        (folder / name).write_bytes(content)
    return folder


def put_back(archive: ControlArchive, url: str) -> int:
    """The inventory's rows in an empty database; how many."""
    from hosting.inventory.portable import put_rows  # noqa: PLC0415  # as above
    from hosting.inventory.session import Inventory  # noqa: PLC0415  # as above

    inventory = Inventory(url)
    try:
        return put_rows(inventory, archive.revision, archive.rows)
    finally:
        inventory.close()
