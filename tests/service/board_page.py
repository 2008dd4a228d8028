"""The board in a real browser: served at a door of its own on loopback, a fleet at work, an operator with a password."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from deployments.web.app import create_app
from deployments.web.board_app import Doors, create_board_app
from deployments.web.serve import listening, server_for
from hosting.inventory.operator_logins import set_password
from hosting.inventory.session import Inventory
from hosting.policy.operator_passwords import hash_password
from hosting.settings import BoardSettings
from tests.deployments.web.conftest import new_secret, settings_for
from tests.service.agreement_page import START_SECONDS, customer
from tests.service.fleet_records import fill
from tests.service.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from hosting.settings import Settings

OPERATOR, PASSWORD = "olga", "drei bunte Pferde"
DESKTOP = {"width": 1280, "height": 900}
PREFECT = "http://127.0.0.1:4200"


@dataclass(frozen=True)
class BoardSite:
    """One process that serves customers at one port and operators at another."""

    public: str
    board: str
    inventory: Inventory


def let_in(inventory: Inventory, name: str = OPERATOR, password: str = PASSWORD) -> None:
    """Give an operator a password."""
    with inventory.writing() as session:
        set_password(session, name, hash_password(password, b"s" * 16), by="test", now=datetime.now(UTC))


def board_settings(folder: Path) -> Settings:
    """Settings of a service with a board, at ports that are free."""
    settings = settings_for(f"sqlite:///{folder}/inventory.db", (new_secret(),), free_port())
    return settings.model_copy(update={"board": BoardSettings(bind_port=free_port(), prefect_url=PREFECT)})


@contextmanager
def served(settings: Settings, inventory: Inventory) -> Iterator[BoardSite]:
    """Both doors, as `deployments.web.serve` opens them."""
    public = create_app(settings, inventory, None, lambda *_: None)
    app = Doors(public, create_board_app(settings, inventory), settings.board.bind_port)
    server, sockets = server_for(app, settings.web), listening(settings)
    thread = threading.Thread(target=lambda: server.run(sockets), daemon=True)
    thread.start()
    end = time.monotonic() + START_SECONDS
    while not server.started:
        assert time.monotonic() < end, "the receiver does not start"
        time.sleep(0.02)
    try:
        yield BoardSite(f"http://127.0.0.1:{settings.web.bind_port}", settings.board.url, inventory)
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)


@contextmanager
def board_site(folder: Path, instances: int = 50) -> Iterator[BoardSite]:
    """The board of a fleet of so many instances, with something under way of every kind; none: an empty service."""
    settings = board_settings(folder)
    inventory = Inventory(settings.inventory_url.get_secret_value())
    inventory.upgrade()
    if instances:
        fill(inventory, datetime.now(UTC), instances)
    let_in(inventory)
    try:
        with served(settings, inventory) as site:
            yield site
    finally:
        inventory.close()


@contextmanager
def board_of(settings: Settings, folder: Path) -> Iterator[BoardSite]:
    """The board of a service that runs, on a copy of its inventory in which we have a password."""
    kept = make_url(settings.inventory_url.get_secret_value()).database
    with closing(sqlite3.connect(str(kept))) as source, closing(sqlite3.connect(folder / "inventory.db")) as copy:
        source.backup(copy)
    inventory = Inventory(f"sqlite:///{folder}/inventory.db")
    inventory.upgrade()
    let_in(inventory)
    doors = {"web": settings.web.model_copy(update={"bind_port": free_port()})}
    doors["board"] = settings.board.model_copy(update={"bind_port": free_port()})
    try:
        with served(settings.model_copy(update=doors), inventory) as site:
            yield site
    finally:
        inventory.close()


def operator(browser: Browser, viewport: dict[str, int] | None = None, scheme: str = "light") -> Page:
    """A page of an operator whose browser runs no JavaScript."""
    return customer(browser, viewport or DESKTOP, scheme)


def log_in(page: Page, site: BoardSite, *, refresh: bool = True) -> None:
    """Log in by the form; the board is there then."""
    page.goto(f"{site.board}/")
    page.get_by_label("Name").fill(OPERATOR)
    page.get_by_label("Password").fill(PASSWORD)
    if not refresh:
        page.get_by_role("checkbox").uncheck()
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Board", exact=True, level=1).wait_for()


def take_pictures(browser: Browser, site: BoardSite, shoot: Callable[[Page, str], None]) -> None:
    """The board at the width of a desk and of a phone."""
    for name, viewport in (("board", {"width": 1280, "height": 1100}), ("board-phone", {"width": 390, "height": 844})):
        page = operator(browser, viewport)
        log_in(page, site, refresh=False)
        shoot(page, name)
