"""The agreement page as customers have it: by keyboard and screen reader, without JavaScript, on a phone (P24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hosting.policy.states import OfferState
from hosting.templates.wording import span
from tests.service.agreement_page import PHONE, AgreementSite, agreement_site, chromium, customer, send, take_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

QUESTION = {"de": "Welcher Termin passt Ihnen?", "en": "Which time suits you?"}
SEND = {"de": "Antwort senden", "en": "Send answer"}
WORDS = {"de": "Nachricht an uns (freiwillig)", "en": "Message to us (optional)"}
SETTLED = {"de": "Der Termin steht fest", "en": "The time is settled"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(params=["de", "en"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AgreementSite]:
    with agreement_site(tmp_path, request.param) as site:
        yield site


def language_of(page: Page) -> str:
    return page.locator("html").get_attribute("lang") or ""


def test_a_screen_reader_finds_the_question_its_answers_and_the_rest(browser: Browser, site: AgreementSite) -> None:
    page = customer(browser)
    page.goto(site.link)
    language = language_of(page)
    group = page.get_by_role("group", name=QUESTION[language])
    assert group.get_by_role("radio").count() == 6
    for window in site.offer.windows:
        assert group.get_by_role("radio", name=span(window.opens, window.closes, language), exact=True).count() == 1
    assert page.get_by_role("textbox", name=WORDS[language]).count() == 1
    assert page.get_by_role("button", name=SEND[language]).count() == 1
    assert page.get_by_role("heading", level=1).count() == 1


def test_an_answer_is_given_by_keyboard_alone(browser: Browser, site: AgreementSite) -> None:
    page = customer(browser)
    page.goto(site.link)
    language = language_of(page)
    for key in ("Tab", "Space", "ArrowDown", "Tab", "r", "u", "f", "Tab", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("heading", name=SETTLED[language]).wait_for()
    window = site.offer.windows[1]
    assert span(window.opens, window.closes, language) in page.locator("main").inner_text()
    assert (site.now.state, site.now.answer) == (OfferState.ACCEPTED, "ruf")


def test_a_form_without_a_choice_comes_back_and_leads_to_the_answers(browser: Browser, site: AgreementSite) -> None:
    page = customer(browser)
    page.goto(site.link)
    page.locator("#words").fill("meine Worte")
    page.locator("button").click()
    alert = page.get_by_role("alert")
    alert.get_by_role("link").click()
    assert page.url.endswith("#time-1")
    assert page.locator("#words").input_value() == "meine Worte"
    assert site.now == site.offer


def test_nothing_is_cut_off_on_a_narrow_phone(browser: Browser, site: AgreementSite) -> None:
    page = browser.new_context(viewport=PHONE).new_page()
    page.goto(site.link)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_reused_link_shows_what_was_answered_and_the_browser_goes_nowhere_else(
    browser: Browser, site: AgreementSite
) -> None:
    page = customer(browser, scheme="dark")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site.link)
    page.locator("#decline").check()
    send(page)
    told = page.locator("h1").inner_text()
    before = site.now
    page.goto(site.link)
    assert page.locator("h1").inner_text() == told
    assert page.locator("form").count() == 0
    assert site.now == before
    assert before.state is OfferState.DECLINED
    assert {url.partition("/agreement/")[0] for url in asked} <= {site.url, f"{site.url}/favicon.ico"}


def test_the_pictures_of_the_documentation_can_be_taken(browser: Browser, site: AgreementSite) -> None:
    taken: dict[str, bytes] = {}
    take_pictures(browser, site, lambda page, name: taken.update({name: page.screenshot()}))
    assert list(taken) == [
        "agreement-tampered", "agreement-expired", "agreement", "agreement-accepted", "agreement-reused",
    ]  # fmt: skip
    assert all(len(picture) > 5_000 for picture in taken.values())
    assert len(set(taken.values())) == len(taken)
    assert site.now.state is OfferState.ACCEPTED
