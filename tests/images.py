"""`make images`: the screenshots in docs/images, taken with a real browser from a real run (`make demo` first)."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from deployments.runtime.environment import api_login, places
from fleet import Fleet
from fleet.demo import prefect_answer, prefect_client
from hosting.inventory.instances import all_instances
from hosting.inventory.servers import all_servers
from hosting.inventory.session import Inventory
from hosting.inventory.work import PROVISION, work_of
from hosting.policy.states import InstanceState
from hosting.settings import load_settings
from tests.service import availability_page, board_page, certificate_page
from tests.service.agreement_page import agreement_site, chromium, take_pictures
from tests.service.certificate_page import certificate_site

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from hosting.settings import Settings

FOLDER = Path(__file__).parents[1] / "docs" / "images"
SIZE = {"width": 1280, "height": 860}
BROWSER = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions",
)  # fmt: skip
SETTLE_MS = 2_500


def shoot(page: Page, name: str, url: str, *, settle: int = SETTLE_MS) -> None:
    """One page as it looks when it has come to rest."""
    page.goto(url, wait_until="load")
    page.wait_for_timeout(settle)
    page.screenshot(path=str(FOLDER / f"{name}.png"))
    print(f"docs/images/{name}.png")


def log_in(page: Page, ui: str) -> None:
    """Fill in what the UI asks for before it shows anything; it keeps it for its own origin."""
    page.goto(ui, wait_until="load")
    page.locator("input[type=password]").fill(api_login(places()))
    page.get_by_role("button", name="Login").click()
    page.wait_for_url("**/dashboard*")


def keep(page: Page, name: str) -> None:
    """The whole of a page."""
    page.screenshot(path=str(FOLDER / f"{name}.png"), full_page=True)
    print(f"docs/images/{name}.png")


def agreement_images() -> None:
    """The page on which a customer agrees on a time for his move, on a receiver and an inventory of their own."""
    with TemporaryDirectory() as folder, agreement_site(Path(folder), "de") as site, chromium() as browser:
        take_pictures(browser, site, keep)


def certificate_images() -> None:
    """The page on which a customer hands his certificate over, likewise."""
    with TemporaryDirectory() as folder, certificate_site(Path(folder), "de") as site, chromium() as browser:
        certificate_page.take_pictures(browser, site, keep)


def board_images(settings: Settings) -> None:
    """The operators' board of the real run, on a copy of its inventory; what is seen of it without scrolling."""

    def shown(page: Page, name: str) -> None:
        page.screenshot(path=str(FOLDER / f"{name}.png"))
        print(f"docs/images/{name}.png")

    with TemporaryDirectory() as folder, board_page.board_of(settings, Path(folder)) as site, chromium() as browser:
        board_page.take_pictures(browser, site, shown)


def availability_images() -> None:
    """The report on a customer's year, of a year that was made up."""
    with TemporaryDirectory() as folder, chromium() as browser:
        availability_page.take_pictures(browser, availability_page.write_report(Path(folder), "de"), keep)


def main() -> int:
    """Take them all; returns the exit code."""
    agreement_images()
    certificate_images()
    availability_images()
    settings = load_settings()
    inventory = Inventory(settings.inventory_url.get_secret_value())
    with inventory.reading() as session:
        opened = [one for one in all_instances(session) if one.state is InstanceState.ACTIVE]
        hosts = {server.name: server for server in all_servers(session)}
        work = work_of(session, PROVISION, opened[-1].order_reference) if opened else None
    if work is None or work.flow_run_id is None:
        print("There is no instance to show. Run first: make demo", file=sys.stderr)
        return 1
    board_images(settings)
    instance, server = opened[-1], hosts[opened[-1].server_name]
    ui = settings.prefect_api_url.removesuffix("/api")
    with prefect_client(settings) as client:
        deployment = client.get(f"deployments/name/{PROVISION}/{PROVISION}").raise_for_status().json()["id"]
        query = {"artifacts": {"key": {"any_": [f"instance-{instance.name}"]}}}
        artifact = prefect_answer(client, "artifacts/filter", query)[0]["id"]
    names = [f"MAP {one.host_name} {one.address}" for one in hosts.values()]
    near = [f"EXCLUDE {one}" for one in ("127.0.0.1", "localhost", "10.77.0.*")]
    rules = ",".join([*names, "MAP * ~NOTFOUND", *near])  # nothing outside is even looked up
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=[*FLAGS, f"--host-resolver-rules={rules}"])
        page = browser.new_context(viewport=SIZE, ignore_https_errors=True, locale="en-GB").new_page()
        log_in(page, ui)
        shoot(page, "deployments", f"{ui}/deployments")
        shoot(page, "form", f"{ui}/deployments/deployment/{deployment}/run")
        shoot(page, "run", f"{ui}/runs/flow-run/{work.flow_run_id}", settle=4_000)
        shoot(page, "artifact", f"{ui}/artifacts/artifact/{artifact}")
        shoot(page, "promises", f"{ui}/artifacts/key/open-promises")
        mails = [mail for mail in Fleet().mails() if instance.order_reference in mail.subject]
        if mails:
            shoot(page, "letter", f"{Fleet().description()['sink_url']}/mails/{mails[-1].id}")
            access = next(word for word in mails[-1].text.split() if "/access/" in word)
            shoot(page, "first-access", access, settle=300)
        shoot(page, "instance", f"https://{server.host_name}/{instance.name}/", settle=800)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
