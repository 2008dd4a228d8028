"""`phm demo`: the whole story on the local fleet, by the commands that an operator types.

An order is placed, the shop's signed notice of the payment arrives over HTTP, a run is made of it, and over SSH an
empty Debian server becomes one that serves a customer's instance by HTTPS.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from deployments.console.settings_from_fleet import ensure_settings
from deployments.runtime.environment import api_login, places
from fleet.errors import FleetError
from fleet.fleet import Fleet
from fleet.release import pack_release
from hosting.inventory.instances import instance_of_order
from hosting.inventory.orders import order_facts
from hosting.inventory.servers import all_servers, server_facts
from hosting.inventory.session import Inventory
from hosting.settings import SETTINGS_FILE, Settings, home, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from fleet.mailbox import Mail
    from hosting.policy.values import OrderFacts

LEVEL = "around-the-clock"
OPEN_SECONDS = 120
ROOM_GIB = 500
"""Stated, not measured: the fleet's disks are small images."""

MARK = "# Made from the local fleet."
STEPS = 21
"""What a run has about, for the length of the bar; the run itself says when it is through."""


def demo() -> None:
    """Play the whole story on the local fleet: order, payment, an open instance."""
    began = time.monotonic()
    console = Console(highlight=False)
    console.rule("[bold]1 · Real servers on this machine")
    bring_fleet(console)
    console.rule("[bold]2 · The service: Prefect, worker, receiver")
    phm(console, "up")
    settings = load_settings()
    console.rule("[bold]3 · Servers, a release, a service level")
    prepare(console)
    console.rule("[bold]4 · An order, and its payment")
    order = f"A-{datetime.now(UTC):%m%d%H%M%S}"
    customer = ["--name", "Erika Mustermann", "--email", f"erika+{order.lower()}@kunde.test", "--accounts", "3"]
    phm(console, "shop", "order", "--reference", order, *customer, "--storage", "10", "--level", LEVEL)
    paid = time.monotonic()
    phm(console, "shop", "pay", order)
    follow(console, settings, order)
    opened = time.monotonic() - paid
    console.rule("[bold]5 · Open")
    tell(console, settings, order, opened)
    console.print(f"\n[dim]The demo took {time.monotonic() - began:.0f} s.[/dim]")


def bring_fleet(console: Console) -> None:
    """The fleet up; its hosts empty, unless the service here already knows them."""
    fleet = Fleet()
    with console.status("building and starting the fleet …"):
        fleet.up(lambda message: console.print(f"  [dim]{message}[/dim]"))
    if not fits(fleet, home()):
        if (home() / SETTINGS_FILE).exists():
            subprocess.run([sys.executable, "-m", "deployments.console.app", "down", "--now"], check=False, timeout=120)
            shutil.rmtree(home())
        with console.status("emptying the fleet's hosts …"):
            fleet.reset()
    ensure_settings(home())
    for host in fleet.description()["hosts"]:
        console.print(
            f"  {host['fqdn']}  {host['address']}  [dim]Debian 12, systemd, sshd, Apache, PHP-FPM, MariaDB[/dim]"
        )


def fits(fleet: Fleet, place: Path) -> bool:
    """Whether the service in this folder belongs to the fleet as it stands.

    Raises:
        FleetError: the folder's settings were not made from a fleet: a real service is not played with.
    """
    file = place / SETTINGS_FILE
    if not file.exists():
        return False
    if not file.read_text(encoding="utf-8").startswith(MARK):
        message = f"{file} is not a fleet's: the demo does not touch a real service."
        raise FleetError(message, "Set PHM_HOME to another folder.")
    inventory = Inventory(load_settings().inventory_url.get_secret_value())
    inventory.upgrade()
    with inventory.reading() as session:
        pinned = {server.name: server.host_key for server in all_servers(session)}
    keys = {host["name"]: host["host_key"] for host in fleet.description()["hosts"]}
    return bool(pinned) and all(keys.get(name) == key for name, key in pinned.items())


def prepare(console: Console) -> None:
    """Servers enrolled, the release registered, the level set; what is there is left as it is."""
    for host in Fleet().description()["hosts"]:
        phm(console, "server", "add", host["name"], "--fleet", "--room", str(ROOM_GIB), "--yes")
    chosen = os.environ.get("PHM_RELEASE")
    release = chosen or str(pack_release(home() / "phlymail-stand-in.zip"))
    phm(console, "release", "add", release)
    if not chosen:
        console.print(
            "  [dim]our own stand-in for the product; PHM_RELEASE=/path/to/release.zip runs the real one[/dim]"
        )
    phm(console, "level", "set", LEVEL, "--around-the-clock")
    console.print(
        "  [dim]the standard level sets up Monday to Friday, 10 to 19 o'clock (P09); the demo's does at any hour[/dim]"
    )


def phm(console: Console, *arguments: str) -> None:
    """One command of the console, shown as it is typed.

    Raises:
        FleetError: it failed; it has said why.
    """
    console.print(f"[bold green]$[/bold green] phm {' '.join(arguments)}")
    command = [sys.executable, "-m", "deployments.console.app", *arguments]
    if subprocess.run(command, check=False, timeout=300, stdin=subprocess.DEVNULL).returncode:
        raise FleetError(f"phm {arguments[0]} failed.", "What it said stands above.")


def follow(console: Console, settings: Settings, order: str) -> None:
    """Show the run's steps until the instance is open.

    Raises:
        FleetError: it isn't in time.
    """
    inventory = Inventory(settings.inventory_url.get_secret_value())
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as bar, prefect_client(settings) as client:
        line = bar.add_task("the notice has become a run …", total=STEPS)
        deadline = time.monotonic() + OPEN_SECONDS
        while time.monotonic() < deadline:
            with inventory.reading() as session:
                if order_facts(session, order).ready_at:
                    bar.update(line, completed=STEPS, description="open, and proven from outside")
                    return
            names = steps_of(client, order)
            if names:
                bar.update(line, completed=min(len(names), STEPS - 1), description=names[-1].replace("_", " "))
            time.sleep(0.2)
    raise FleetError(
        f"{order} is not open after {OPEN_SECONDS} s.", f"See phm order show {order}, and the run in the Prefect UI."
    )


def steps_of(client: httpx.Client, order: str) -> list[str]:
    """The steps that the order's run has begun, as Prefect tells them; it trails by a second."""
    query = {"flow_runs": {"tags": {"all_": [order]}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 100}
    try:
        return [str(run["name"]).rpartition("-")[0] for run in prefect_answer(client, "task_runs/filter", query)]
    except (httpx.HTTPError, KeyError, json.JSONDecodeError):
        return []


def prefect_client(settings: Settings) -> httpx.Client:
    """A client of Prefect's API, logged in."""
    user, _, password = api_login(places()).partition(":")
    return httpx.Client(base_url=settings.prefect_api_url, auth=(user, password), timeout=10, trust_env=False)


def prefect_answer(client: httpx.Client, path: str, query: dict[str, Any]) -> list[dict[str, Any]]:
    """What Prefect's API answers to a query; it wants a token against requests from foreign pages.

    Raises:
        httpx.HTTPError: it does not answer, or not well.
    """
    name = secrets.token_hex(8)
    token = client.get("csrf-token", params={"client": name}).raise_for_status().json()["token"]
    answer = client.post(path, json=query, headers={"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": name})
    found: list[dict[str, Any]] = answer.raise_for_status().json()
    return found


def tell(console: Console, settings: Settings, order: str, seconds: float) -> None:
    """The URL, the letter, the first access, the timeline, and where to look on."""
    inventory = Inventory(settings.inventory_url.get_secret_value())
    with inventory.reading() as session:
        known = order_facts(session, order)
        instance = instance_of_order(session, order)
        server = server_facts(session, instance.server_name) if instance else None
    mail = letter(known)
    console.print(f"[bold]The letter to {known.email}[/bold]: {mail.subject}\n")
    console.print("\n".join(f"  [dim]│[/dim] {line}" for line in mail.text.splitlines()), markup=True, soft_wrap=True)
    rows: dict[str, Any] = {
        "Instance": f"https://{server.host_name}/{instance.name}/" if server and instance else "-",
        "First access": next((word for word in mail.text.split() if "/access/" in word), "-"),
        "In a browser": f"phm instance open {instance.name}" if instance else "-",
        "Paid at": known.paid_at,
        "Promised by": known.promised_by,
        "Ready at": f"{known.ready_at}  ({seconds:.1f} s after the payment)",
        "All mails": Fleet().description()["sink_url"],
        "Prefect UI": settings.prefect_api_url.removesuffix("/api"),
        "Its password": f"cat {places().api_login}",
        "End": "phm down && phm fleet down",
    }
    console.print()
    for name, value in rows.items():
        console.print(f"  [bold]{name:13}[/bold] {value}", soft_wrap=True)


def letter(order: OrderFacts) -> Mail:
    """The customer's letter, as soon as it is there.

    Raises:
        FleetError: none came.
    """
    deadline = time.monotonic() + OPEN_SECONDS
    while time.monotonic() < deadline:
        if mails := Fleet().mails(order.email):
            return mails[-1]
        time.sleep(0.2)
    raise FleetError(f"No letter came for {order.email}.", "See the run in the Prefect UI.")
