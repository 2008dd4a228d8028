"""`phm server`: the application servers."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from deployments.console.context import Reason, Yes, acting, ask, reading, reason_given
from deployments.console.output import Json, emit, emit_one
from deployments.console.server_packages import announced, canary, facts, update
from deployments.console.wording import heading, local, show_history
from hosting.errors import Refused
from hosting.policy.evacuation import PARALLEL, PARALLEL_MOST
from hosting.policy.flavours import Database, Flavours, Php, check_flavours
from hosting.policy.host_keys import fingerprint
from hosting.policy.placement import COUNTRY, takes_instances
from hosting.policy.states import ServerState, step
from hosting.policy.store_rights import reader_policy, segment, writer_policy
from hosting.policy.values import ServerFacts, ServerName
from hosting.settings import load_settings

if TYPE_CHECKING:
    from deployments.console.enrolling import Enrolment

app = typer.Typer(help="Servers: where instances live.")
for verb in (facts, update, announced, canary):
    app.command(verb.__name__)(verb)

Name = Annotated[str, typer.Argument(help="The server's name.")]
COLUMNS = {
    "name": "server", "state": "state", "address": "address", "room_gib": "room, GiB", "booked_gib": "booked",
    "free_gib": "free", "instances": "instances", "country": "in", "data_filesystem": "files on",
}  # fmt: skip
TITLES = {
    "name": "server", "state": "state", "host_name": "host name", "address": "address", "fingerprint": "host key",
    "country": "country", "dedicated": "dedicated", "room_gib": "room, GiB", "booked_gib": "booked, GiB",
    "free_gib": "free, GiB", "number": "number", "data_filesystem": "files on", "debian": "Debian", "php": "PHP",
    "mariadb": "MariaDB",
}  # fmt: skip
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
INSTANCE_COLUMNS = {"name": "instance", "state": "state", "order_reference": "order", "storage_gib": "GB"}


@app.command("list")
def list_servers(*, as_json: Json = False) -> None:
    """List the servers with what is booked on them."""
    from hosting.inventory.servers import all_servers  # noqa: PLC0415  # not before it is needed: help is quick

    with reading() as session:
        found = [row_of(server) for server in all_servers(session)]
    emit(found, COLUMNS, as_json=as_json, empty="There is no server; add one: phm server add.")


@app.command("show")
def show_server(name: Name, *, as_json: Json = False) -> None:
    """Show a server with its facts, instances, cases and what was done."""
    from hosting.inventory.evacuations import evacuation_of  # noqa: PLC0415  # as above
    from hosting.inventory.views import server_view  # noqa: PLC0415  # as above

    with reading() as session:
        view, emptied = server_view(session, name), evacuation_of(session, name)
    row = {**row_of(view.server), "fingerprint": fingerprint(view.server.host_key)}
    if as_json:
        rest = {key: value for key, value in asdict(view).items() if key not in {"server", "instances"}}
        instances = [one.name for one in view.instances]
        told = {"facts": dict(view.server.facts), "instance_names": instances, "evacuation": emptied}
        emit_one({**row, **told, **rest}, {}, as_json=True)
        return
    emit_one(
        {**row, **{key: view.server.facts.get(key) for key in ("debian", "php", "mariadb")}}, TITLES, as_json=False
    )
    if emptied:
        since = f"Emptying ({emptied.state}) since {local(emptied.begun_at)}, by {emptied.by}: {emptied.order.why}."
        typer.echo(f"\n{since} {emptied.finding}".rstrip())
    heading("Instances")
    emit([asdict(one) for one in view.instances], INSTANCE_COLUMNS, as_json=False)
    show_history(view.cases, view.deeds)


@app.command("add")
def add(
    name: Name,
    *,
    address: Annotated[str, typer.Option(help="Its IP address; needed for a new server.")] = "",
    host_name: Annotated[str, typer.Option(help="Its full name; NAME.zone by default.")] = "",
    port: Annotated[int, typer.Option(help="The port of its SSH.", min=1, max=65535)] = 22,
    country: Annotated[str, typer.Option(help="Where it stands (P02), as ISO 3166 has it.")] = COUNTRY,
    dedicated: Annotated[
        bool, typer.Option("--dedicated/--shared", help="Whether it serves this service alone.")
    ] = True,
    room: Annotated[int | None, typer.Option(help="GiB to book on it; measured by default.")] = None,
    key: Annotated[str, typer.Option(help="Its host key: fingerprint, public key, or the file of it.")] = "",
    from_fleet: Annotated[bool, typer.Option("--fleet", help="Address and key as the local fleet tells them.")] = False,
    php: Annotated[Php | None, typer.Option(help="What runs PHP (P13); hhvm is unproven.")] = None,
    php_address: Annotated[str, typer.Option(help="Where hhvm listens for FastCGI: 127.0.0.1:9000.")] = "",
    database: Annotated[Database | None, typer.Option(help="Its database (P13); mysql is unproven.")] = None,
    replace_key: Annotated[
        bool, typer.Option("--replace-key", help="Pin another host key, after a look at both.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be set, and stop.")] = False,
    yes: Yes = False,
) -> None:
    """Add a server: pin its host key, check it, show what would be set, set it; run again, check and repair it.

    --yes answers the question whether to set it, never the one whether the host key is the right one: for that
    state the key (--key).
    """
    from blocks.host_keys import PREFERRED, offered_key  # noqa: PLC0415  # seconds of Prefect, for this verb alone
    from deployments.console.enrolling import enrol, examine  # noqa: PLC0415  # as above
    from deployments.console.host_key_pinning import KeyWish, fleet_host, pin  # noqa: PLC0415  # as above

    settings, known = load_settings(), known_server(name)
    if from_fleet:
        address, key = fleet_host(name)
    wanted = (
        known_as(known, address, host_name)
        if known
        else new_server(name, address, host_name or f"{name}.{settings.zone}", port)
    )
    wanted = with_flavours(wanted, php, php_address, database)
    kind = known.host_key.split()[0] if known else PREFERRED
    offered = offered_key(wanted.address, wanted.ssh_port, settings.ssh.connect_seconds, kind)
    host_key = pin(name, offered, known, KeyWish(key, replace=replace_key))
    server = replace(wanted, host_key=host_key, country=country.upper(), dedicated=dedicated)
    enrolment = examine(settings, server, known, room)
    show_preview(enrolment, room)
    if dry_run:
        return
    if enrolment.changes:
        ask("Set that?", yes=yes)
    changed = enrol(settings, enrolment, room_stated=room is not None, why="compared by the operator")
    typer.echo(f"Server {name} is {'ready' if changed else 'ready (unchanged)'}.")


@app.command("drain")
def drain(name: Name, reason: Reason, *, yes: Yes = False) -> None:
    """Let a server take no new instance; those on it run on."""
    from hosting.inventory.servers import all_servers  # noqa: PLC0415  # as above

    server = known_server(name) or unknown(name)
    with reading() as session:
        others = [one.name for one in all_servers(session) if one.name != name and takes_instances(one)]
    typer.echo(f"{name} takes no new instance from now on.")
    typer.echo(f"{server.instances} instances ({server.booked_gib} GiB) run on it and stay.")
    onward = f"New instances go to: {', '.join(others)}."
    typer.echo(onward if others else "No other server takes new instances: orders will wait for one.")
    set_state(server, ServerState.DRAINING, reason, yes=yes)


@app.command("undrain")
def undrain(name: Name, reason: Reason, *, yes: Yes = False) -> None:
    """Let a draining server take new instances again."""
    server = known_server(name) or unknown(name)
    check_not_emptied(name)
    typer.echo(f"{name} takes new instances again, up to {server.free_gib} GiB.")
    set_state(server, ServerState.ACTIVE, reason, yes=yes)


@app.command("evacuate")
def evacuate(
    name: Name,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; recorded. Only to look needs none.")] = "",
    to: Annotated[
        list[str] | None, typer.Option("--to", help="A server that may take instances; several times.")
    ] = None,
    emergency: Annotated[bool, typer.Option("--emergency", help="At once, without asking the customers.")] = False,
    parallel: Annotated[int, typer.Option(help="Moves at once.", min=1, max=PARALLEL_MOST)] = PARALLEL,
    successor: Annotated[str, typer.Option(help="Answers under its name afterwards; the one with most room.")] = "",
    stop: Annotated[bool, typer.Option("--stop", help="Begin no further move; the server is not retired.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the whole plan, and stop.")] = False,
    as_json: Json = False,
    yes: Yes = False,
) -> None:
    """Empty a server and retire it: the whole plan first, then move after move; again, it goes on from there."""
    from deployments.console.evacuating import begin, end, show_plan  # noqa: PLC0415  # as above
    from hosting.inventory.evacuation_rows import EvacuationOrder  # noqa: PLC0415  # as above

    why = reason if dry_run and not stop else reason_given(reason)
    if stop:
        end(name, why, yes=yes)
        return
    if as_json and not dry_run:
        raise Refused("A plan alone is shown as JSON.", "Give --dry-run with it.")
    order = EvacuationOrder(name, why, emergency, parallel, tuple(to or ()), successor)
    show_plan(order, as_json=as_json)
    if not dry_run:
        begin(order, yes=yes)


@app.command("storage-rights")
def storage_rights(
    name: Annotated[str, typer.Argument(help="The server's name.")] = "",
    *,
    reader: Annotated[bool, typer.Option("--reader", help="The rights of the key with which restores read.")] = False,
    as_json: Json = False,
) -> None:
    """Print the rights of a server's key for the store of backups, to be set at its provider (IAM policy)."""
    bucket = load_settings().backup.bucket
    if reader == bool(name):
        raise Refused("Whose rights?", "Name a server, or give --reader.")
    policy = reader_policy(bucket) if reader else writer_policy(bucket, name)
    typer.echo(json.dumps(policy, indent=2))
    if not as_json:
        entry = "reader" if reader else f"writers.{name}"
        typer.echo(f"Make a key with these rights at the store's provider, enter it as [backup.{entry}]", err=True)
        typer.echo("in settings.toml (access_key, secret_key), then run phm up.", err=True)


def set_state(server: ServerFacts, to: ServerState, reason: str, *, yes: bool) -> None:
    """Change a server's state, once the operator has said yes."""
    from hosting.inventory.servers import set_server_state  # noqa: PLC0415  # as above

    why = reason_given(reason)
    if server.state is to:
        typer.echo(f"Server {server.name} is {to} (unchanged).")
        return
    step(server.state, to)
    ask("Go on?", yes=yes)
    acting(lambda session, by, at: set_server_state(session, server.name, to, by=by, why=why, now=at))
    typer.echo(f"Server {server.name} is {to}.")


def check_not_emptied(name: str) -> None:
    """See that nobody empties a server.

    Raises:
        Refused: somebody does.
    """
    from hosting.inventory.evacuations import open_evacuations  # noqa: PLC0415  # as above

    with reading() as session:
        emptied = [one.order.server for one in open_evacuations(session)]
    if name in emptied:
        raise Refused(f"{name} is being emptied.", f"Stop that first: phm server evacuate {name} --stop.")


def show_preview(enrolment: Enrolment, room: int | None) -> None:
    """What enrolling would set and record."""
    server = enrolment.server
    by = server.facts.get("room_stated_by")
    said = "stated now" if room is not None else f"stated by {by}" if by else "measured"
    system = server.facts.get("data_filesystem")
    kept = "limits kept by the kernel" if server.has_btrfs else "limits watched, not kept by the kernel"
    typer.echo(f"{server.name} is {server.host_name} at {server.address}, with the number {enrolment.number}.")
    for sentence in server.flavours.unproven:
        typer.echo(f"{sentence} It will take no instances.")
    typer.echo(f"{server.room_gib} GiB to book ({said}), files on {system} ({kept}).")
    if not enrolment.changes:
        typer.echo("Nothing is to be set.")
        return
    typer.echo("To be set:")
    for change in enrolment.changes:
        typer.echo(f"  {change}")


def known_server(name: str) -> ServerFacts | None:
    """The server as the inventory has it; None if it is new."""
    from hosting.inventory.servers import all_servers  # noqa: PLC0415  # as above

    with reading() as session:
        return next((server for server in all_servers(session) if server.name == name), None)


def unknown(name: str) -> NoReturn:
    """Say that there is no such server.

    Raises:
        UnknownServer: always.
    """
    from hosting.inventory.servers import UnknownServer  # noqa: PLC0415  # as above

    raise UnknownServer(f"There is no server {name}.", "List the servers (phm server list) and take one of them.")


def known_as(known: ServerFacts, address: str, host_name: str) -> ServerFacts:
    """A server that is known already.

    Raises:
        Refused: another address or host name is stated for it.
    """
    for what, stated, has in (("address", address, known.address), ("host name", host_name, known.host_name)):
        if stated and stated != has:
            raise Refused(
                f"Server {known.name} is known with the {what} {has}, not {stated}.",
                "Leave it out, or add a server of another name.",
            )
    return known


def with_flavours(server: ServerFacts, php: Php | None, php_address: str, database: Database | None) -> ServerFacts:
    """A server with the PHP and the database that are stated; what is not stated is as it was.

    Raises:
        WrongFlavour: that can't be so.
    """
    has = server.flavours
    address = php_address if php or php_address else has.php_address
    wanted = Flavours(php or has.php, address, database or has.database)
    check_flavours(wanted, has, server.instances)
    return server if wanted == has else replace(server, facts={**server.facts, **wanted.as_fact()})


def new_server(name: str, address: str, host_name: str, port: int) -> ServerFacts:
    """A server that is new.

    Raises:
        Refused: the name is none, or the address is missing or none.
    """
    if not LABEL.fullmatch(name):
        raise Refused(f"{name!r} is no name for a server.", "Take lower-case letters, digits and hyphens, at most 32.")
    segment(name)  # it is a prefix in the store of backups too
    if not all(map(HOST_LABEL.fullmatch, host_name.split("."))) or "." not in host_name:
        raise Refused(f"{host_name!r} is no full host name.", "Name it like app1.phlymail.example.")
    try:
        place = str(ip_address(address))
    except ValueError as error:
        raise Refused(f"{address!r} is no IP address of a server.", "Give it: --address 192.0.2.10.") from error
    return ServerFacts(
        ServerName(name), host_name, place, port, "", COUNTRY, dedicated=True, state=ServerState.ENROLLED, room_gib=0
    )


def row_of(server: ServerFacts) -> dict[str, Any]:
    """A server as a row."""
    return {
        "name": server.name,
        "host_name": server.host_name,
        "address": server.address,
        "ssh_port": server.ssh_port,
        "state": server.state,
        "country": server.country,
        "dedicated": server.dedicated,
        "room_gib": server.room_gib,
        "booked_gib": server.booked_gib,
        "free_gib": server.free_gib,
        "instances": server.instances,
        "number": server.facts.get("number"),
        "data_filesystem": server.facts.get("data_filesystem"),
    }
