"""The page for certificates in a real browser: the receiver on loopback, an authority, a customer with a link (P31)."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deployments.web.app import create_app
from deployments.web.serve import server_for
from fleet import certificates
from hosting.inventory import domain_invitations
from hosting.inventory.session import Inventory
from tests.deployments.web.conftest import new_secret, open_instance, settings_for
from tests.service.agreement_page import START_SECONDS, customer
from tests.service.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

ORDERED, HOST = "Post.Müller.example", "post.xn--mller-kva.example"


@dataclass(frozen=True)
class CertificateSite:
    """A receiver that serves one customer's link."""

    link: str
    folder: Path
    inventory: Inventory
    instance: str


@contextmanager
def certificate_site(folder: Path, language: str) -> Iterator[CertificateSite]:
    """The receiver with an instance whose customer is asked for a certificate, which an authority has made."""
    certificates.ensure_authority(folder)
    for stem, host in (("post", HOST), ("shop", "shop.example")):
        certificates.ensure_leaf(folder, stem, [host])
    port, now = free_port(), datetime.now(UTC)
    settings = settings_for(f"sqlite:///{folder}/inventory.db", (new_secret(),), port)
    settings = settings.model_copy(update={"trust_store": str(folder / "ca.pem")})
    inventory = Inventory(settings.inventory_url.get_secret_value())
    inventory.upgrade()
    name = open_instance(inventory, language)
    with inventory.writing() as session:
        made = domain_invitations.ensure_invitation(session, name, HOST, ORDERED, by="test", now=now)
        token = domain_invitations.make_upload_link(session, made, now)
    server = server_for(create_app(settings, inventory, None, lambda *_: None), settings.web)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + START_SECONDS
    while not server.started:
        assert time.monotonic() < end, "the receiver does not start"
        time.sleep(0.02)
    try:
        yield CertificateSite(f"http://127.0.0.1:{port}/certificate/{token}", folder, inventory, name)
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        inventory.close()


def hand_over(page: Page, site: CertificateSite, certificate: str, key: str) -> None:
    """Choose a certificate and a key, and send the form; its answer is there then."""
    page.locator("#certificate").set_input_files(site.folder / f"{certificate}.pem")
    page.locator("#key").set_input_files(site.folder / f"{key}.key")
    with page.expect_navigation():
        page.locator("button").click()


def take_pictures(browser: Browser, site: CertificateSite, shoot: Callable[[Page, str], None]) -> None:
    """The form, what it says to files that don't fit, and to those that do."""
    page = customer(browser)
    page.goto(site.link)
    shoot(page, "certificate")
    hand_over(page, site, "shop", "post")
    shoot(page, "certificate-refused")
    hand_over(page, site, "post", "post")
    shoot(page, "certificate-taken")
