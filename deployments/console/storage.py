"""`phm storage` and `phm capacity`: what instances store, what servers have room for, and when that is full."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import now, reading, who
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import heading
from hosting.policy.placement import left_gib
from hosting.settings import load_settings

if TYPE_CHECKING:
    from hosting.inventory.needed_moves import NeedFacts
    from hosting.inventory.storage_views import CapacityView, StorageView

GIB = 2**30
COLUMNS = {
    "instance": "instance", "server": "server", "used_gb": "used, GB", "pool_gib": "booked, GB", "percent": "%",
    "users_of_accounts": "users", "full_on": "full on", "measured_at": "measured",
}  # fmt: skip
TITLES = {
    "instance": "instance", "server": "server", "pool_gib": "booked, GB", "used_gb": "used, GB", "percent": "percent",
    "database_mib": "database, MiB", "files_mib": "files, MiB", "mib_a_day": "grows a day, MiB", "full_on": "full on",
    "users_of_accounts": "users", "measured_at": "measured",
}  # fmt: skip
USER_COLUMNS = {"user": "user", "mail": "mail, bytes", "files": "files, bytes"}
CAPACITY_COLUMNS = {
    "server": "server", "state": "state", "instances": "instances", "room_gib": "room, GiB",
    "booked_gib": "booked, GiB", "free_gib": "free, GiB", "left_gib": "beside growth",
    "used_gb": "used, GB", "not_measured": "not measured", "grows_mib_a_day": "grows a day, MiB", "full_on": "full on",
}  # fmt: skip
NEED_COLUMNS = {
    "instance_name": "instance", "source_name": "from", "to": "to", "storage_gib": "booked, GB", "state": "state",
    "found_at": "since", "reason": "why",
}  # fmt: skip


def storage(
    instance: Annotated[str, typer.Argument(help="The instance's name; all of them without.")] = "",
    *,
    measure: Annotated[bool, typer.Option("--measure", help="Measure it now first.")] = False,
    as_json: Json = False,
) -> None:
    """Show what instances store, how much of what is booked that is, and when it is full if it goes on so."""
    if measure:
        measured(instance)
    if instance:
        show_one(instance, as_json=as_json)
        return
    from hosting.inventory.bookings import instances_served  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.inventory.storage_views import storage_view  # noqa: PLC0415  # as above

    with reading() as session:
        views = [storage_view(session, one.name, now()) for one in instances_served(session)]
    emit([row_of(view) for view in views], COLUMNS, as_json=as_json, empty="No instance is open.")


def capacity(*, as_json: Json = False) -> None:
    """Show what each server has room for, what is booked and used of it, when that is full, and who needs to move."""
    from hosting.inventory.needed_moves import waiting_needs  # noqa: PLC0415  # as above
    from hosting.inventory.storage_views import capacity_views  # noqa: PLC0415  # as above

    with reading() as session:
        needs = [need_row(one) for one in waiting_needs(session)]
        rows = [capacity_row(view, needs) for view in capacity_views(session, now())]
    emit(rows, CAPACITY_COLUMNS, as_json=as_json, empty="There is no server.")
    if not as_json:
        heading("Who needs to move, as of last night")
        emit(needs, NEED_COLUMNS, as_json=False, empty="Nobody.")


def need_row(one: NeedFacts) -> dict[str, Any]:
    """A needed move as a row."""
    return {**asdict(one), "to": one.target_name or "nowhere", "reason": f"{one.why} {one.help}".strip()}


def measured(instance: str) -> None:
    """Start a measurement, and wait for its end."""
    from deployments.console.runs import start_run  # noqa: PLC0415  # as above

    request = {"instance": instance, "everything": not instance, "operator": who(), "reason": "phm storage --measure"}
    typer.echo(start_run(load_settings(), "measure-storage", request, about=instance or "all"), err=True)


def show_one(instance: str, *, as_json: bool) -> None:
    """One instance with its users and its last days."""
    from hosting.inventory.storage_views import curve, storage_view  # noqa: PLC0415  # as above

    with reading() as session:
        view = storage_view(session, instance, now())
    users = [
        {"user": name, **parts}
        for name, parts in sorted(
            (view.last.by_user if view.last else {}).items(), key=lambda one: -sum(one[1].values())
        )
    ]
    if as_json:
        days = [{"at": one.at, "used_bytes": one.used_bytes} for one in view.days]
        emit_one({**row_of(view), "by_user": users, "days": days}, {}, as_json=True)
        return
    emit_one(row_of(view), TITLES, as_json=False)
    heading("Users, by the product's own sums")
    emit(users, USER_COLUMNS, as_json=False)
    heading("The last days")
    typer.echo("\n".join(curve(view)) or "None was measured.")


def row_of(view: StorageView) -> dict[str, Any]:
    """An instance's storage as a row."""
    last = view.last
    return {
        "instance": view.instance.name,
        "server": view.instance.server_name,
        "pool_gib": view.instance.storage_gib,
        "used_bytes": last.use.used_bytes if last else None,
        "used_gb": f"{last.use.used_bytes / GIB:.2f}" if last else None,
        "percent": f"{last.use.per_mille(view.instance.storage_gib) / 10:.1f}" if last else None,
        "database_mib": f"{last.use.database_bytes / 2**20:.1f}" if last else None,
        "files_mib": f"{last.use.files_bytes / 2**20:.1f}" if last else None,
        "mib_a_day": f"{view.growth.bytes_a_day / 2**20:.1f}" if view.growth else None,
        "full_at": view.full_at,
        "full_on": f"{view.full_at:%Y-%m-%d}" if view.full_at else None,
        "users": last.users if last else None,
        "users_of_accounts": f"{last.users} of {view.instance.accounts}" if last else None,
        "measured_at": last.at if last else None,
    }


def capacity_row(view: CapacityView, needs: list[dict[str, Any]]) -> dict[str, Any]:
    """A server's room as a row, with who needs to move from it."""
    server = view.server
    return {
        "server": server.name,
        "state": server.state,
        "instances": server.instances,
        "room_gib": server.room_gib,
        "booked_gib": server.booked_gib,
        "free_gib": server.free_gib,
        "left_gib": left_gib(server),
        "used_bytes": view.used_bytes,
        "used_gb": f"{view.used_bytes / GIB:.2f}",
        "not_measured": view.unknown,
        "grows_mib_a_day": f"{view.growth.bytes_a_day / 2**20:.1f}" if view.growth else None,
        "full_at": view.full_at,
        "full_on": f"{view.full_at:%Y-%m-%d}" if view.full_at else None,
        "needed_moves": [one for one in needs if one["source_name"] == server.name],
    }
