"""The board as operators have it: on a phone and at a desk, without JavaScript, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.service.agreement_page import PHONE, chromium
from tests.service.board_page import DESKTOP, BoardSite, board_site, log_in, operator, take_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardSite]:
    with board_site(tmp_path_factory.mktemp("board")) as site:
        yield site


def test_the_board_is_at_its_own_port_and_customers_find_nothing_of_it(site: BoardSite) -> None:
    with httpx.Client(trust_env=False) as client:
        assert client.get(f"{site.public}/health").status_code == 200
        for path in ("/", "/login", "/logout"):
            assert client.get(f"{site.public}{path}", headers={"host": site.board[7:]}).status_code == 404
        assert client.get(f"{site.board}/").headers["location"] == "/login"
        assert client.get(f"{site.board}/health").status_code == 404


def test_a_browser_keeps_the_session_and_no_script_sees_it(browser: Browser, site: BoardSite) -> None:
    page = browser.new_context(viewport=DESKTOP).new_page()
    log_in(page, site)
    assert page.evaluate("document.cookie") == ""
    kept = page.context.cookies()
    assert [(one["name"], one["httpOnly"], one["secure"], one["sameSite"]) for one in kept] == [
        ("__Host-phm-board", True, True, "Strict")
    ]
    page.get_by_role("button", name="Log olga out").click()
    page.get_by_role("heading", name="Board: log in").wait_for()
    assert [one["name"] for one in page.context.cookies()] == ["__Host-phm-form"]
    page.goto(f"{site.board}/")
    assert page.url == f"{site.board}/login"


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_on_a_phone_and_at_a_desk(
    browser: Browser, site: BoardSite, viewport: dict[str, int], scheme: str
) -> None:
    page = browser.new_context(viewport=viewport, color_scheme=scheme).new_page()
    log_in(page, site)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    cut = "[...document.querySelectorAll('p, code, h2, strong')].filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display != 'inline').map(e => e.textContent)"
    assert page.evaluate(cut) == []


def test_each_part_is_found_by_a_screen_reader_and_reached_from_the_top(browser: Browser, site: BoardSite) -> None:
    page = operator(browser)
    log_in(page, site, refresh=False)
    parts = page.get_by_role("navigation", name="Parts of the board").get_by_role("link")
    titles = parts.all_inner_texts()
    assert {"Cases", "Open orders", "Moves", "Servers and room"} <= set(titles)
    for title in titles:
        assert page.get_by_role("region", name=title, exact=True).count() == 1
    parts.filter(has_text="Moves").click()
    assert page.url.endswith("#moves")
    assert page.get_by_role("link", name="Run of B-0001 in Prefect").count() == 1


def test_the_page_fetches_itself_anew_until_that_is_stopped(browser: Browser, site: BoardSite) -> None:
    page = operator(browser)
    log_in(page, site)
    refresh = page.locator("meta[http-equiv=refresh]")
    assert refresh.get_attribute("content") == "60; url=/?by=itself"
    page.get_by_role("link", name="stop that").click()
    page.wait_for_url("**/?refresh=off")
    assert refresh.count() == 0
    page.get_by_role("link", name="by itself every 60 s").click()
    page.wait_for_url(f"{site.board}/")
    assert refresh.count() == 1


def test_what_customers_wrote_runs_nothing_and_the_browser_goes_nowhere_else(browser: Browser, site: BoardSite) -> None:
    page = browser.new_context(viewport=DESKTOP).new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    log_in(page, site)
    assert 'alert("x")' in page.locator("main").inner_text()
    assert said == []
    assert all(url.startswith(site.board) for url in asked)


def test_the_pictures_of_the_documentation_can_be_taken(browser: Browser, site: BoardSite) -> None:
    taken: dict[str, bytes] = {}
    take_pictures(browser, site, lambda page, name: taken.update({name: page.screenshot()}))
    assert list(taken) == ["board", "board-phone"]
    assert all(len(picture) > 20_000 for picture in taken.values())
