"""`phm name`: the names that instances have, assigned and withdrawn at once (P26, P29)."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.console.context import Reason, acting, ask, now, open_inventory, reading, reason_given, working
from deployments.console.output import Json, emit
from hosting.errors import ServiceError
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import NameFacts
    from hosting.settings import Settings

app = typer.Typer(help="Names of instances: list, assign, withdraw.")

WAIT_SECONDS = 120.0
LOOK_SECONDS = 0.5
Instance = Annotated[str, typer.Argument(help="The instance's name.")]
Wish = Annotated[str, typer.Argument(help="The name without our zone, in Unicode, e.g. muster.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask; do it.")]
Gone = Annotated[bool, typer.Option("--gone", help="Those that are gone, too.")]
COLUMNS = {
    "instance_name": "instance", "as_ordered": "name", "a_label": "as DNS has it", "kind": "kind", "state": "state",
    "since": "since", "resting_until": "rests until", "finding": "finding",
}  # fmt: skip


@app.command("list")
def list_names(
    instance: Annotated[str, typer.Argument(help="Of this instance only.")] = "", *, gone: Gone = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """List the names that instances have beside their long form."""
    from hosting.inventory import names  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.inventory.name_rows import HOLDING  # noqa: PLC0415  # as above

    with reading() as session:
        found = names.all_names(session) if gone else names.all_names(session, *HOLDING)
    rows = [asdict(one) for one in found if instance in {"", one.instance_name}]
    emit(rows, COLUMNS, as_json=as_json, empty="Nobody has a name of his own.")


@app.command("assign")
def assign(instance: Instance, name: Wish, reason: Reason, *, yes: Yes = False) -> None:
    """Give an instance a name in our zone, in place of the one that it may have; you approve it by that (P28)."""
    from hosting.inventory import name_orders  # noqa: PLC0415  # as above
    from hosting.inventory.name_applications import stop_if_wrong  # noqa: PLC0415  # as above
    from hosting.name_lists import load_lists  # noqa: PLC0415  # as above

    settings, why = load_settings(), reason_given(reason)
    label = name_orders.label_of(name, settings.zone)
    had = [one for one in own(instance) if one.a_label != label.a_label]
    before = f" in place of {', '.join(one.as_ordered for one in had)}" if had else ""
    lists = load_lists(settings.name_lists)
    with reading() as session:
        found = stop_if_wrong(session, instance, label, lists, zone=settings.zone, now=now())
    said = "".join(f" {one}" for one in found.findings)
    ask(f"Do you approve {label.name}.{settings.zone} ({label.a_label}) for {instance}{before}?{said}", yes=yes)

    def order(session: Session, by: str, at: datetime) -> NameFacts:
        from hosting.inventory import deeds, instances  # noqa: PLC0415  # as above

        subject, told = instances.subject_of(instance), {"name": label.a_label}
        deeds.record(session, by, "name approved", subject, why=why, evidence=told, now=at)
        return name_orders.order_subdomain(session, instance, label.a_label, label.name, by=by, now=at)

    done(settings, acting(order, settings))


@app.command("withdraw")
def withdraw(instance: Instance, name: Wish, reason: Reason, *, yes: Yes = False) -> None:
    """Take a name away from an instance, which goes on in its long form."""
    from hosting.inventory import name_orders  # noqa: PLC0415  # as above
    from hosting.policy.labels import read_label  # noqa: PLC0415  # as above

    settings, why = load_settings(), reason_given(reason)
    a_label = read_label(name, settings.zone).a_label or name
    ask(f"Does {name} go from {instance}? Nobody reaches it under that name from then on.", yes=yes)

    def order(session: Session, by: str, at: datetime) -> NameFacts:
        return name_orders.order_release(session, instance, a_label, by=by, why=why, now=at)

    done(settings, acting(order, settings))


def own(instance: str) -> list[NameFacts]:
    """The names that an instance has now.

    Raises:
        UnknownInstance: no instance has this name.
    """
    from hosting.inventory import instances, names  # noqa: PLC0415  # as above

    with reading() as session:
        instances.instance_facts(session, instance)
        return names.names_of(session, instance)


def done(settings: Settings, name: NameFacts) -> None:
    """Have the run begin at once, wait until the name has come to rest, and say so.

    Raises:
        Unreachable: Prefect does not take the run now; it is begun later by itself.
        ServiceError: it is not done, or not yet; the reason where one is known.
    """
    host, began = name.host_name(settings.zone), now()
    last = result(settings, name)
    seconds = (now() - began).total_seconds()
    if last.state == "live":
        typer.echo(f"{name.instance_name} is at https://{host}/ after {seconds:.0f} s.")
    elif last.state == "gone":
        typer.echo(f"{host} is gone after {seconds:.0f} s; {name.instance_name} goes on in its long form.")
    else:
        said = last.finding or f"{host} is still {last.state} after {seconds:.0f} s."
        raise ServiceError(said, f"It is gone on with; look at: phm name list {name.instance_name}, phm case list.")


def result(settings: Settings, name: NameFacts) -> NameFacts:
    """Have the run begin at once, and wait for it; the name as it is then.

    Raises:
        Unreachable: Prefect does not take the run now; it is begun later by itself.
    """
    from deployments.dispatching import dispatcher  # noqa: PLC0415  # as above

    with working(f"Bringing {name.host_name(settings.zone)} up or away"):
        dispatcher(settings)()
        return at_rest(settings, name)


def at_rest(settings: Settings, name: NameFacts) -> NameFacts:
    """A name once it is live, gone, or hindered; or as it is after two minutes."""
    from hosting.inventory import names  # noqa: PLC0415  # as above

    inventory, deadline = open_inventory(settings), time.monotonic() + WAIT_SECONDS
    try:
        while True:
            with inventory.reading() as session:
                found = next(one for one in names.all_names(session) if one.id == name.id)
            if found.state in {"live", "gone"} or found.finding or time.monotonic() > deadline:
                return found
            time.sleep(LOOK_SECONDS)
    finally:
        inventory.close()
