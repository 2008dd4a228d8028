"""`phm fleet …`: the fleet by hand. Exit codes: 0 done, 1 it failed, 2 wrong use."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from fleet import Fleet
from fleet.errors import FleetError, UnknownName
from fleet.plan import CHECKOUT, Plan
from fleet.requirements import is_root
from fleet.sink_pages import as_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fleet.status import FleetStatus

FAILED, WRONG_USE = 1, 2
READING = ("mails",)
PASSED_ON = ("PHM_FLEET_HOME", "PHM_FLEET_SOURCES", "COLUMNS", "TERM")

app = typer.Typer(name="fleet", help="The local fleet: real servers on this machine.", no_args_is_help=True)
mails_app = typer.Typer(help="The mails that arrived.", no_args_is_help=True)
app.add_typer(mails_app, name="mails")
out = Console()
err = Console(stderr=True)

HOSTS = ", ".join(host.name for host in Plan().hosts)
HostArgument = Annotated[str, typer.Argument(help=f"A host, of {HOSTS}.")]
NameArgument = Annotated[str, typer.Argument(help=f"A host, of {HOSTS}, or one of the services dns, s3, smtp.")]
PathArgument = Annotated[str, typer.Argument(help="/srv or /var/lib/mysql.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


@app.callback()
def enter(context: typer.Context) -> None:
    """Become root where that is needed: ask sudo for it."""
    verb = context.invoked_subcommand
    if verb is None or is_root() or verb in READING or context.resilient_parsing:
        return
    words = sys.argv[sys.argv.index(verb) :] if verb in sys.argv else [verb]
    if "--help" in words:
        return
    try:
        os.execvp("sudo", sudo_command(words, os.environ))  # noqa: S606 - this very program again, with the same words
    except FileNotFoundError:
        err.print("The fleet needs root, and there is no sudo here. Run it as root.", style="red")
        raise typer.Exit(FAILED) from None


def sudo_command(words: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """This program again as root: the same words, and only the settings it knows."""
    settings = [f"{name}={environment[name]}" for name in PASSED_ON if name in environment]
    return ["sudo", "env", f"PYTHONPATH={CHECKOUT}", *settings, sys.executable, "-m", "fleet", *words]


@contextmanager
def told() -> Iterator[None]:
    """Say what went wrong in one line, and end with its exit code."""
    try:
        yield
    except UnknownName as error:
        err.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(WRONG_USE) from None
    except FleetError as error:
        err.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(FAILED) from None


@app.command()
def up(
    replace: Annotated[bool, typer.Option("--replace", help="Take over a running fleet of another checkout.")] = False,
    host: Annotated[list[str] | None, typer.Option(help=f"Start this host only; of {HOSTS}.")] = None,
    srv_gib: Annotated[int, typer.Option(min=1, envvar="PHM_FLEET_SRV_GIB", help="Size of /srv for new hosts.")] = 4,
    mysql_gib: Annotated[
        int, typer.Option(min=1, envvar="PHM_FLEET_MYSQL_GIB", help="Size of /var/lib/mysql for new hosts.")
    ] = 3,
) -> None:
    """Start the fleet; at once where it runs already."""
    fleet = Fleet(Plan().with_sizes(srv_gib=srv_gib, mysql_gib=mysql_gib))
    begun = time.monotonic()
    with told(), out.status("starting the fleet"):
        content = fleet.up(
            lambda message: out.print(f"  {message}", highlight=False), replace=replace, names=tuple(host or ())
        )
    out.print(f"[green]The fleet is up[/] after {time.monotonic() - begun:.1f} s.", highlight=False)
    for one in content["hosts"]:
        out.print(f"  {one['name']}  {one['address']}  {one['fqdn']}", highlight=False)
    out.print(f"  mails  {content['sink_url']}", highlight=False)


@app.command()
def down() -> None:
    """Power everything off; disks, mails and stored objects stay."""
    with told(), out.status("powering the fleet off"):
        Fleet().down()


@app.command()
def status(as_json_text: JsonOption = False) -> None:
    """Show what runs; exit code 1 where not all of it does."""
    with told():
        found = Fleet().status()
    if as_json_text:
        typer.echo(json.dumps(found.as_json(), indent=2))
    else:
        show(found)
    if not found.up:
        raise typer.Exit(FAILED)


def show(found: FleetStatus) -> None:
    """The status as a table."""
    table = Table(box=None, pad_edge=False)
    for title in ("name", "address", "state", "free"):
        table.add_column(title)
    for host in found.hosts:
        room = ", ".join(f"{path} {mib} MiB" for path, mib in host.free_mib.items())
        table.add_row(host.name, host.address, host.condition, room)
    for service in found.services:
        table.add_row(service.name, service.address, "running" if service.running else "stopped", "")
    out.print(table)
    if found.owner:
        out.print(f"owner: {found.owner}", highlight=False)


@app.command()
def reset(host: Annotated[str | None, typer.Argument(help="One host only; else everything.")] = None) -> None:
    """Make fresh servers: empty disks, new host keys. Without a host, an empty store, zone and mailbox too."""
    with told(), out.status("resetting"):
        Fleet().reset(host)


@app.command()
def cut(host: HostArgument) -> None:
    """Take a host off the network."""
    with told():
        Fleet().cut(host)


@app.command()
def heal(host: HostArgument) -> None:
    """Put a host back on the network."""
    with told():
        Fleet().heal(host)


@app.command()
def kill(name: NameArgument) -> None:
    """Let a host or a service crash."""
    with told():
        Fleet().kill(name)


@app.command()
def stop(name: NameArgument) -> None:
    """Power a host off, or stop a service, in good order."""
    with told():
        Fleet().stop(name)


@app.command()
def start(name: NameArgument) -> None:
    """Start a host or a service again."""
    with told(), out.status(f"starting {name}"):
        Fleet().start(name)


@app.command()
def fill(
    host: HostArgument,
    path: PathArgument,
    leave_mib: Annotated[int, typer.Option(min=0, help="Leave so many MiB free.")] = 0,
) -> None:
    """Fill a disk of a host."""
    with told():
        taken = Fleet().fill(host, path, leave_mib)
    out.print(f"{path} on {host} holds {taken / 2**20:.0f} MiB of ballast.", highlight=False)


@app.command()
def free(host: HostArgument, path: PathArgument) -> None:
    """Take the ballast off a disk again."""
    with told():
        Fleet().free(host, path)


@mails_app.command("list")
def list_mails(
    to: Annotated[str | None, typer.Option(help="Only those to this address.")] = None, as_json_text: JsonOption = False
) -> None:
    """List the mails that arrived."""
    mails = Fleet().mails(to)
    if as_json_text:
        typer.echo(json.dumps([as_json(mail) for mail in mails], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("id", "to", "subject"):
        table.add_column(title)
    for mail in mails:
        table.add_row(mail.id, ", ".join(mail.recipients), mail.subject)
    out.print(table)


@mails_app.command("show")
def show_mail(name: Annotated[str, typer.Argument(help="The mail's id; `last` for the newest.")]) -> None:
    """Show one mail as a person reads it."""
    mails = Fleet().mails()
    found = mails[-1:] if name == "last" else [mail for mail in mails if mail.id == name]
    if not found:
        err.print(f"There is no mail {name}. `phm fleet mails list` names them.", style="red", highlight=False)
        raise typer.Exit(FAILED)
    mail = found[0]
    lines = [
        f"From: {mail.sender}",
        f"To: {', '.join(mail.recipients)}",
        f"Subject: {mail.subject}",
        "",
        mail.text or mail.html,
    ]
    typer.echo("\n".join(lines))


@mails_app.command("clear")
def clear_mails() -> None:
    """Throw all mails away."""
    Fleet().clear_mails()


if __name__ == "__main__":
    app()
