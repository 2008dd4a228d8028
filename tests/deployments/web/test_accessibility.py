"""Every page of the service looked through by axe-core, in the light and in the dark: nothing serious is found."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import exports
from hosting.policy.export_links import sign_link
from hosting.policy.exports import ArchiveFacts
from tests.deployments.web.conftest import make_link
from tests.service.accessibility import findings
from tests.service.agreement_page import PHONE, agreement_site, chromium
from tests.service.board_page import DESKTOP, BoardSite, board_site, log_in
from tests.service.certificate_page import certificate_site, hand_over

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.service.agreement_page import AgreementSite

pytestmark = pytest.mark.slow

LANGUAGES = ("de", "en")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardSite]:
    with board_site(tmp_path_factory.mktemp("board"), 30) as site:
        yield site


def looked_at(browser: Browser, viewport: dict[str, int]) -> Page:
    """A page into which axe may be brought; the page's own policy lets no script in."""
    return browser.new_context(viewport=viewport, bypass_csp=True).new_page()


def in_both(page: Page, *, without: tuple[str, ...] = ()) -> list[str]:
    """What axe finds in the light and in the dark."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {one}" for one in findings(page, without=without)]
    return found


def submit(page: Page) -> None:
    """Send the form; its answer is there then."""
    with page.expect_navigation():
        page.locator("button[type=submit]").click()


def test_axe_finds_what_is_wrong(browser: Browser) -> None:
    page = looked_at(browser, DESKTOP)
    page.set_content("<html lang=en><title>x</title><main><h1>x</h1><input><p style='color:#ccc'>pale</p></main>")
    assert {one.split()[0] for one in findings(page)} == {"label", "color-contrast"}


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP])
def test_the_board_and_its_login(browser: Browser, site: BoardSite, viewport: dict[str, int]) -> None:
    page = looked_at(browser, viewport)
    page.goto(f"{site.board}/")
    assert in_both(page) == []
    page.get_by_label("Name").fill("erna")
    page.get_by_label("Password").fill("falsch")
    submit(page)
    assert page.get_by_role("alert").count() == 1
    assert in_both(page) == []
    log_in(page, site)
    # The login asks whether the page is to fetch itself anew, and the page has the way to stop it: WCAG 2.2.1.
    assert in_both(page, without=("meta-refresh",)) == []
    page.get_by_role("link", name="stop that").click()
    page.wait_for_url("**/?refresh=off")
    assert in_both(page) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_of_an_offer(browser: Browser, tmp_path: Path, language: str) -> None:
    with agreement_site(tmp_path, language) as site:
        page = looked_at(browser, PHONE)
        for address in (site.tampered, site.expired, site.link):
            page.goto(address)
            assert in_both(page) == [], address
        submit(page)
        assert page.get_by_role("alert").count() == 1
        assert in_both(page) == []
        page.locator("#time-1").check()
        submit(page)
        assert in_both(page) == []
        page.goto(site.link)
        assert page.locator("form").count() == 0
        assert in_both(page) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_for_certificates(browser: Browser, tmp_path: Path, language: str) -> None:
    with certificate_site(tmp_path, language) as site:
        page = looked_at(browser, PHONE)
        page.goto(site.link)
        assert in_both(page) == []
        hand_over(page, site, "shop", "post")
        assert page.get_by_role("alert").count() == 1
        assert in_both(page) == []
        hand_over(page, site, "post", "post")
        assert in_both(page) == []
        page.goto(site.link)
        assert in_both(page) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_of_a_first_access(browser: Browser, tmp_path: Path, language: str) -> None:
    with ExitStack() as stack:
        site = stack.enter_context(agreement_site(tmp_path, language))  # a receiver with an instance
        link = f"{site.url}/access/{make_link(site.inventory, site.offer.instance_name)}"
        page = looked_at(browser, PHONE)
        page.goto(f"{site.url}/access/nothing")
        assert in_both(page) == []
        page.goto(link)
        assert in_both(page) == []
        page.locator("#password").fill("kurz")
        page.locator("#again").fill("kurz")
        submit(page)
        assert page.get_by_role("alert").count() == 1
        assert in_both(page) == []
        page.locator("#password").fill("drei bunte Pferde")
        page.locator("#again").fill("drei bunte Pferde")
        submit(page)
        assert page.locator("form").count() == 0
        assert in_both(page) == []
        page.goto(link)
        assert in_both(page) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_of_an_export(browser: Browser, tmp_path: Path, language: str) -> None:
    with agreement_site(tmp_path, language) as site:  # a receiver with an instance
        page, link = looked_at(browser, PHONE), export_link(site)
        page.goto(f"{site.url}/export/nothing")
        assert in_both(page) == []
        page.goto(link)
        assert page.locator("a[href*='/export/']").count() == 1
        assert in_both(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def export_link(site: AgreementSite) -> str:
    """The address of an export that is ready: one archive that can be fetched, one user who is left out."""
    now, instance = datetime.now(UTC), site.offer.instance_name
    with site.inventory.writing() as session:
        made = exports.ask(session, exports.ExportWish(instance, "", "test"), "olga", now)
        there = ArchiveFacts(
            3, "jürgen & co", key="exports/x/1/3.zip", bytes=3 << 20, sha256="ab" * 32, counts={"mails": 5}
        )
        for archive in (there, ArchiveFacts(4, "weg", skipped="The user was deleted before.")):
            exports.record_archive(session, made.id, archive)
        exports.record_ready(session, made.id, now + timedelta(days=14), now)
        order = exports.export_facts(session, made.id)
    told = sign_link(key=site.key, export=order.id, instance=order.instance, asked=order.asked_at.isoformat())
    return f"{site.url}/export/{told}"
