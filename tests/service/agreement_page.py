"""The agreement page in a real browser: the receiver on loopback, an offer, a customer without JavaScript (P24)."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from deployments.web.app import create_app
from deployments.web.serve import server_for
from hosting.inventory import offers, servers
from hosting.inventory.session import Inventory
from hosting.policy.agreement_links import sign_link
from hosting.policy.states import ServerState
from hosting.policy.values import ServerFacts, ServerName
from tests.deployments.web.conftest import new_secret, open_instance, settings_for
from tests.service.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from hosting.inventory.offer_rows import OfferFacts

BROWSER = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
SIZE = {"width": 1000, "height": 560}
PHONE = {"width": 320, "height": 640}
START_SECONDS = 30


@dataclass(frozen=True)
class AgreementSite:
    """A receiver that serves one customer's offer."""

    url: str
    key: str
    inventory: Inventory
    offer: OfferFacts

    @property
    def link(self) -> str:
        return self.address(self.offer.answer_by)

    @property
    def expired(self) -> str:
        return self.address(datetime.now(UTC) - timedelta(seconds=1))

    @property
    def tampered(self) -> str:
        return self.link[:-1] + ("A" if self.link[-1] != "A" else "B")

    @property
    def now(self) -> OfferFacts:
        with self.inventory.reading() as session:
            return offers.offer_facts(session, self.offer.id)

    def address(self, ends_at: datetime) -> str:
        return f"{self.url}/agreement/{sign_link(self.key, self.offer.id, self.offer.instance_name, ends_at)}"


@contextmanager
def agreement_site(folder: Path, language: str) -> Iterator[AgreementSite]:
    """The receiver with an instance whose customer is offered times."""
    port = free_port()
    settings = settings_for(f"sqlite:///{folder}/inventory.db", (new_secret(),), port)
    inventory = Inventory(settings.inventory_url.get_secret_value())
    inventory.upgrade()
    name = open_instance(inventory, language)
    target = ServerFacts(
        ServerName("app2"), "app2.phlymail.test", "10.77.0.12", 22, "ssh-ed25519 AAAB", "DE", dedicated=True,
        state=ServerState.ACTIVE, room_gib=500,
    )  # fmt: skip
    now = datetime.now(UTC)
    with inventory.writing() as session:
        servers.add_server(session, target, "test", now)
        offer = offers.offer_windows(session, name, "app2", "app1 is full soon", by="test", now=now)
    server = server_for(create_app(settings, inventory, None, lambda *_: None), settings.web)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + START_SECONDS
    while not server.started:
        assert time.monotonic() < end, "the receiver does not start"
        time.sleep(0.02)
    try:
        yield AgreementSite(f"http://127.0.0.1:{port}", settings.sealing_key.get_secret_value(), inventory, offer)
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        inventory.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, which looks up no name."""
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        yield started
        started.close()


def customer(browser: Browser, viewport: dict[str, int] | None = None, scheme: str = "light") -> Page:
    """A page of a browser that runs no JavaScript."""
    context = browser.new_context(
        viewport=viewport or SIZE, java_script_enabled=False, locale="de-DE", color_scheme=scheme
    )
    return context.new_page()


def send(page: Page) -> None:
    """Send the answer; its page is there then, and no form any more."""
    page.locator("button").click()
    page.locator("form").wait_for(state="detached")


def take_pictures(browser: Browser, site: AgreementSite, shoot: Callable[[Page, str], None]) -> None:
    """The pages of an offer, from the question to what a reused, a tampered and an expired link show."""
    page, other = customer(browser), customer(browser)
    for address, name in ((site.tampered, "agreement-tampered"), (site.expired, "agreement-expired")):
        page.goto(address)
        shoot(page, name)
    for one, choice in ((page, "#time-2"), (other, "#decline")):
        one.goto(site.link)
        one.locator(choice).check()
    shoot(page, "agreement")
    send(page)
    shoot(page, "agreement-accepted")
    send(other)
    shoot(other, "agreement-reused")
