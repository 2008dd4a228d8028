"""`phm instance`: customers' instances."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.browser import Browser
from deployments.console.context import Reason, acting, reading, reason_given
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import local, show_history
from hosting.errors import Refused
from hosting.policy.states import InstanceState
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.views import InstanceView
    from hosting.policy.values import InstanceFacts, ServerFacts

app = typer.Typer(help="Instances: customers' phlyMail.")

Name = Annotated[str, typer.Argument(help="The instance's name.")]
COLUMNS = {
    "name": "instance", "state": "state", "order": "order", "server": "server", "accounts": "accounts",
    "storage_gib": "GB", "version": "release", "behind": "behind", "active_at": "open since", "url": "URL",
}  # fmt: skip
TITLES = {
    "name": "instance", "state": "state", "url": "URL", "order": "order", "customer": "customer", "server": "server",
    "accounts": "accounts", "storage_gib": "storage, GB", "version": "release", "reserved_at": "reserved",
    "active_at": "open since", "lease": "worked on by",
}  # fmt: skip
FIRST_ACCESS = "first access"
"""The purpose of links that lead to the first-access page, as `tasks.records.ACCESS` has it."""


@app.command("list")
def list_instances(*, as_json: Json = False) -> None:
    """List all instances, those that have ended too; who is behind the current release is told which that is."""
    from hosting.inventory.instances import all_instances  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.inventory.releases import all_releases  # noqa: PLC0415  # as above
    from hosting.inventory.servers import all_servers  # noqa: PLC0415  # as above
    from hosting.policy.roll_outs import behind  # noqa: PLC0415  # as above

    with reading() as session:
        servers = {server.name: server for server in all_servers(session)}
        known = all_instances(session)
        current = next((one for one in all_releases(session) if one.current), None)
    late = {one.name for one in behind(known, current)} if current else set()
    found = [
        {**row_of(one, servers[one.server_name]), "behind": current.version if current and one.name in late else ""}
        for one in known
    ]
    emit(found, COLUMNS, as_json=as_json, empty="There is no instance.")


@app.command("show")
def show_instance(name: Name, *, as_json: Json = False) -> None:
    """Show an instance with its URL, release, lease, cases and what was done; its secrets never."""
    view = view_of(name)
    row = row_of(view.instance, view.server)
    if as_json:
        rest = {key: value for key, value in asdict(view).items() if key not in {"instance", "server"}}
        emit_one({**row, **rest}, {}, as_json=True)
        return
    lease = view.lease
    said = f"{lease.owner} ({lease.purpose}) until {local(lease.expires_at)}" if lease else "nobody"
    customer = f"{view.order.customer_name} <{view.order.email}>"
    emit_one({**row, "customer": customer, "lease": said}, TITLES, as_json=False)
    show_history(view.cases, view.deeds)


@app.command("open")
def open_instance(name: Name) -> None:
    """Open an instance in a browser that knows the service's own names and certificates."""
    settings, view = load_settings(), view_of(name)
    url = url_of(view.instance, view.server)
    browser = Browser(url, view.server.host_name, view.server.address, settings)
    typer.echo(url)
    if not browser.start():
        typer.echo(f"There is no browser or no screen here. On a machine with both:\n  {browser.line}")


@app.command("access")
def access(name: Name, reason: Reason) -> None:
    """Make a new link to the page on which the customer sets his administrator's password; earlier ones end."""
    from hosting.inventory import deeds, instances, links  # noqa: PLC0415  # as above

    settings, why = load_settings(), reason_given(reason)
    valid = timedelta(days=settings.access_link_days)

    def make(session: Session, by: str, at: datetime) -> tuple[str, datetime]:
        instance = instances.instance_facts(session, name)
        if instance.state is not InstanceState.ACTIVE:
            raise Refused(f"Instance {name} is {instance.state}, not active.", "Wait until it is open.")
        token = links.make_link(session, name, FIRST_ACCESS, at, valid)
        evidence = {"expires_at": (at + valid).isoformat()}
        subject = instances.subject_of(name)
        deeds.record(session, by, "first access link made", subject, why=why, evidence=evidence, now=at)
        return token, at + valid

    token, expires_at = acting(make, settings)
    typer.echo(f"{settings.web.public_url}/access/{token}")
    typer.echo(f"It works once, until {local(expires_at)}. Give it to the customer only.", err=True)


def view_of(name: str) -> InstanceView:
    """An instance with everything around it.

    Raises:
        UnknownInstance: no instance has this name.
    """
    from hosting.inventory.views import instance_view  # noqa: PLC0415  # as above

    with reading() as session:
        return instance_view(session, name)


def row_of(instance: InstanceFacts, server: ServerFacts) -> dict[str, Any]:
    """An instance as a row."""
    return {
        "name": instance.name,
        "number": instance.number,
        "state": instance.state,
        "order": instance.order_reference,
        "server": instance.server_name,
        "accounts": instance.accounts,
        "storage_gib": instance.storage_gib,
        "version": instance.release.version,
        "release": instance.release.id,
        "reserved_at": instance.reserved_at,
        "active_at": instance.active_at,
        "url": url_of(instance, server),
    }


def url_of(instance: InstanceFacts, server: ServerFacts) -> str:
    """The long form of an instance's URL (P10)."""
    return f"https://{server.host_name}/{instance.name}/"
