"""The page for certificates as customers have it: without JavaScript, on a phone, in both languages (P31)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hosting.inventory import names
from tests.service.agreement_page import PHONE, chromium, customer
from tests.service.certificate_page import HOST, ORDERED, CertificateSite, certificate_site, hand_over

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

LABELS = {
    "de": ("Zertifikat", "Privater Schlüssel", "Zwischenzertifikate des Ausstellers"),
    "en": ("Certificate", "Private key", "The issuer's intermediate certificates"),
}
TAKEN = {"de": "Ihr Zertifikat ist übernommen", "en": "Your certificate is taken"}
WRONG = {"de": "Es wurde nichts übernommen", "en": "Nothing was taken"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(params=["de", "en"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CertificateSite]:
    with certificate_site(tmp_path, request.param) as site:
        yield site


def test_files_are_chosen_refused_with_every_reason_and_taken_without_javascript(
    browser: Browser, site: CertificateSite
) -> None:
    page = customer(browser, PHONE)
    page.goto(site.link)
    language = page.locator("html").get_attribute("lang") or ""
    for label in LABELS[language]:
        assert page.get_by_label(label, exact=True).count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert ORDERED in page.inner_text("main")

    hand_over(page, site, "shop", "post")
    alert = page.get_by_role("alert", name=WRONG[language])
    assert alert.locator("ul li").count() == 2
    assert alert.locator("ol li").all_inner_texts() == ["shop.pem", "post.key"]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    hand_over(page, site, "post", "post")
    assert page.get_by_role("heading", level=1).inner_text() == TAKEN[language]
    with site.inventory.reading() as session:
        assert [(one.as_ordered, one.a_label) for one in names.names_of(session, site.instance)] == [(ORDERED, HOST)]
