"""`phm backup`, `phm restore`, `phm rehearse`: runs of backups that an operator starts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import now, reading, reason_given, who, working
from deployments.console.output import Json, emit_one
from deployments.console.wording import duration, local
from hosting.errors import Refused, ServiceError
from hosting.policy.backup_budget import restore_needs
from hosting.settings import load_settings

if TYPE_CHECKING:
    from hosting.policy.terms import Terms
    from hosting.policy.values import InstanceFacts, PointFacts, ServerFacts
    from hosting.settings import Settings

MIB = 2**20
WhyOptional = Annotated[str, typer.Option("--reason", help="Why; recorded.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Start the run and don't wait for its end.")]
Path = Annotated[str, typer.Option("--path", help="Only this path below the data folder.")]


def backup(
    instance: Annotated[str, typer.Argument(help="The instance's name.")] = "",
    *,
    server: Annotated[str, typer.Option("--server", help="All that is due on this server.")] = "",
    full: Annotated[bool, typer.Option("--full", help="A full backup, which begins a generation.")] = False,
    reason: WhyOptional = "",
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Back up an instance now, or all that is due on a server."""
    from hosting.inventory.instances import instance_facts  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.inventory.servers import server_facts  # noqa: PLC0415  # as above

    if bool(instance) == bool(server):
        raise Refused("Back up what?", "Name an instance, or a server by --server.")
    if full and server:
        raise Refused("A server's backups are made as they are due.", "Leave --full out, or name one instance.")
    settings, by = load_settings(), {"operator": who(), "reason": reason}
    with reading() as session:
        if instance:
            instance_facts(session, instance)
        else:
            server_facts(session, server)
    if instance:
        request = {"instance": instance, "kind": "full" if full else "as due", **by}
        run(settings, "back-up-instance", request, about=instance, wait=not no_wait, as_json=as_json)
    else:
        run(settings, "back-up-server", {"server": server, **by}, about=server, wait=not no_wait, as_json=as_json)


def rehearse(
    instance: Annotated[str, typer.Argument(help="The instance's name.")],
    point: Annotated[str, typer.Argument(help="The point; the newest good one by default.")] = "",
    *,
    reason: WhyOptional = "",
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Restore a point on trial into a copy, compare it, log in, and take the copy away again."""
    from hosting.inventory.instances import instance_facts  # noqa: PLC0415  # as above

    with reading() as session:
        instance_facts(session, instance)
    request = {"instance": instance, "point": point, "operator": who(), "reason": reason}
    run(load_settings(), "rehearse-restore", request, about=instance, wait=not no_wait, as_json=as_json)


def restore(
    instance: Annotated[str, typer.Argument(help="The instance's name.")],
    point: Annotated[str, typer.Argument(help="The point's id, as phm snapshots lists it.")],
    *,
    database: Annotated[bool, typer.Option("--database", help="Only the database.")] = False,
    files: Annotated[bool, typer.Option("--files", help="Only the files.")] = False,
    path: Path = "",
    server: Annotated[str, typer.Option("--server", help="On this server, in place of its own.")] = "",
    lost: Annotated[
        bool, typer.Option("--lost", help="With --server: its own one does not answer, and won't come back.")
    ] = False,
    reason: WhyOptional = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it you see what it means.")] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Bring an instance back to a point: all of it, only the database, only the files, or one path of them."""
    from tasks.recovery_points import check_point_of  # noqa: PLC0415  # as above

    what, settings = part_of(database=database, files=files, path=path), load_settings()
    request = checked_request({
        "instance": instance, "point": point, "what": what, "path": path, "server": server, "old_server_lost": lost,
        "operator": who(),
        "reason": reason_given(reason) if yes else "only looked at",
    })  # fmt: skip
    known, onto, wanted, terms = facts_of(instance, point, server)
    check_point_of(known, wanted, what)
    meaning = meaning_of(known, wanted, terms, what, path)
    if onto.name != known.server_name:
        meaning += meaning_elsewhere(known, onto, lost=lost)
    if not yes:
        meaning += [room_on(settings, onto, wanted, what), "Nothing was changed. To do it, give --yes and --reason."]
        emit_one({"changed": False, "meaning": meaning}, {}, as_json=True) if as_json else typer.echo(
            "\n".join(meaning)
        )
        return
    if not as_json:
        typer.echo("\n".join(meaning))
    run(settings, "restore-instance", request, about=instance, wait=not no_wait, as_json=as_json)


def run(settings: Settings, deployment: str, request: dict[str, Any], *, about: str, wait: bool, as_json: bool) -> None:
    """Start a run, follow it if anybody waits, and tell what it said; raises as `start_run`."""
    from deployments.console.runs import started_run  # noqa: PLC0415  # as above

    started = started_run(settings, deployment, request, about=about, wait=wait)
    if as_json:
        emit_one({"deployment": deployment, "about": about, "waited": wait, **asdict(started)}, {}, as_json=True)
        return
    typer.echo(started.said or "It is started.")


def checked_request(request: dict[str, Any]) -> dict[str, Any]:
    """A request as the flow's own form takes it.

    Raises:
        Refused: the form does not take it.
    """
    from pydantic import ValidationError  # noqa: PLC0415  # as above

    from flows.restore_instance import RestoreRequest  # noqa: PLC0415  # as above

    try:
        return RestoreRequest(**request).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise Refused(f"The {field} {request.get(field)!r} can't be: {first['msg']}.", "Correct it.") from None


def part_of(*, database: bool, files: bool, path: str) -> str:
    """What of an instance is restored, as the flow's form names it.

    Raises:
        Refused: two parts that exclude each other.
    """
    if database and (files or path):
        raise Refused("Only the database, and only files: that can't be both.", "Leave both out to restore all.")
    return "database" if database else "files" if files or path else "all"


def facts_of(instance: str, point: str, server: str) -> tuple[InstanceFacts, ServerFacts, PointFacts, Terms]:
    """The instance, the server on which it is to be, the point, and the terms.

    Raises:
        UnknownInstance: no instance has this name.
        UnknownServer: no server has this name.
        UnknownPoint: no point has this id.
        Refused: the point is not there any more.
    """
    from hosting.inventory import instances, levels, servers  # noqa: PLC0415  # as above
    from hosting.inventory.backup_views import points_with_manifests  # noqa: PLC0415  # as above
    from hosting.inventory.recovery_points import point as point_facts  # noqa: PLC0415  # as above

    with reading() as session:
        known, wanted = instances.instance_facts(session, instance), point_facts(session, point)
        there = {one.id for one in points_with_manifests(session, wanted.instance_name)}
        if point not in there:
            do = f"Take one of those that are: phm snapshots {wanted.instance_name}."
            raise Refused(f"The point {point} is not there any more: its generation was dropped.", do)
        onto = servers.server_facts(session, server or known.server_name)
        return known, onto, wanted, levels.terms_of_instance(session, instance, now())


def meaning_of(instance: InstanceFacts, point: PointFacts, terms: Terms, what: str, path: str) -> list[str]:
    """What restoring a point means, a line each."""
    old = duration(now() - point.taken_at)
    proof = f"last proven {local(point.proven_at)}" if point.proven_at else "never proven by a restore"
    place = f"{instance.name} on {instance.server_name}"
    lines = [f"{place} is brought back to {local(point.taken_at)} ({old} ago): {point.kind} point {point.id}, {proof}."]
    if point.damaged:
        lines.append("The point was found damaged: what can't be brought back whole is not put in its place.")
    lines.append(f"Replaced is {replaced_by(point, what, path)}; what was written there since then is not in it.")
    if not path:
        lines.append("The instance works on until the restored state is compared; then it is closed for some seconds.")
    lines.append(f"What is replaced stays aside on {instance.server_name} for {terms.restored_aside_days} days.")
    return lines


def meaning_elsewhere(instance: InstanceFacts, server: ServerFacts, *, lost: bool) -> list[str]:
    """What restoring on another server means besides, a line each."""
    old = instance.server_name
    closed = f"It is closed on {old} before."
    if lost:
        closed = f"{old} counts as lost: where it does not answer it can't be closed, and must not come back."
    return [
        f"It comes to {server.name}. {closed} What {old} still has of it stays there.",
        f"Its URL becomes https://{server.host_name}/{instance.name}/: the customer has to be told.",
    ]


def replaced_by(point: PointFacts, what: str, path: str) -> str:
    """The parts that are replaced, with their sizes."""
    if path:
        return f"the path {path}"
    database, files = point.manifest["database"], point.manifest["files"]
    parts = {
        "files": f"all files ({files['files']} files, {files['bytes'] / MIB:.1f} MiB)",
        "database": f"the database ({len(database['tables'])} tables, {database['bytes'] / MIB:.1f} MiB)",
    }
    return " and ".join(said for part, said in parts.items() if what in {"all", part})


def room_on(settings: Settings, server: ServerFacts, point: PointFacts, what: str) -> str:
    """The room that it needs beside what is there, and what the server has; where it doesn't answer, only the one."""
    disks = {"files": "/srv", "database": "/var/lib/mysql"}
    wanted = {disk for part, disk in disks.items() if what in {"all", part}}
    needs = {disk: size for disk, size in restore_needs(point).items() if disk in wanted}
    try:
        free: dict[str, Any] = free_on(settings, server, tuple(needs))
    except ServiceError as error:
        typer.echo(f"What {server.name} has free can't be told: {error}", err=True)
        free = {}
    told = [
        f"{size / MIB:.0f} MiB on {disk}" + (f" ({free[disk] / MIB:.0f} MiB free)" if disk in free else "")
        for disk, size in needs.items()
    ]
    return f"Room that it needs on {server.name}: {', '.join(told)}."


def free_on(settings: Settings, server: ServerFacts, disks: tuple[str, ...]) -> dict[str, int]:
    """The free bytes of a server's disks; raises as a connection does."""
    from blocks.loading import load  # noqa: PLC0415  # as above
    from blocks.ssh_host import SshHost  # noqa: PLC0415  # as above
    from deployments.connections import provide_all  # noqa: PLC0415  # as above
    from hosting.commands.storage import parse_free, read_free  # noqa: PLC0415  # as above

    provide_all(settings)
    with working(f"asking {server.name}"):
        return parse_free(disks, load(SshHost).connection(server).run(read_free(*disks)).out)
