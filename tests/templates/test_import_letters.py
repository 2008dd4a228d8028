"""The letters of imports: the report, what has to be changed, and the draft of an offer (P33, P38, P39)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from hosting.policy.import_rules import ACCOUNTS_SHORT
from hosting.policy.imports import ImportFacts, ImportState
from hosting.policy.terms import LANGUAGES
from hosting.product.conversion_table import REASONS
from hosting.product.poison import RULES
from hosting.templates.letters import compose
from tasks.import_reports import head_of, told_in

REPORT: dict[str, Any] = {
    "recognised": "MessageCenter 4.03.11",
    "counts": {
        "rows": [{"what": "user", "before": 3, "after": 3}, {"what": "rss_feed", "before": 0, "after": 0}],
        "files": {"named": {"mails": {"named": 5, "missing": 2}}},
        "reset": ["<b>eve</b>"],
        "unsure": ["björn"],
    },
    "files": {"files": 15, "left": {"program": 4}},
    "settings": [
        {"key": "core.sendmail", "old": "/bin/sh", "new": "", "why": "our_relay"},
        {"key": "core.pagesize", "old": "50", "new": "50", "why": "kept"},
    ],
    "neutralised": {"fetched": 7},
    "findings": [{"code": "x", "de": "Gefunden: Thema Blau.", "en": "Found: theme Blau."}],
    "modifications": ["theme Blau"],
    "administrators": {"names": ["chef"], "password_kept": False},
}
ABOUT = {"name": "Erika Muster", "order": "A-1001", "url": "https://app1.phlymail.test/k3v9q2/"}
LINK = {"administrator": "admin", "access_days": 14, "access_url": "https://service.phlymail.test/access/abc"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kept", [True, False])
def test_the_report_tells_counts_changes_and_who_needs_a_password(language: str, kept: bool) -> None:
    report = told_in(REPORT, language)
    letter = compose("imported", language, ABOUT | LINK | {"password_kept": kept, "report": report})
    for text in (letter.text, letter.html):
        for wanted in (ABOUT["url"], "MessageCenter 4.03.11", "core.sendmail", "theme Blau", "björn", "15", "(7)"):
            assert wanted in text
        assert "core.pagesize" not in text  # taken over as it was: nothing to be told
        assert "Feeds" not in text
        assert (LINK["access_url"] in text) is not kept
    assert "<b>eve" not in letter.html


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_report_can_be_had_without_a_letter(language: str) -> None:
    page = compose("import_report", language, {**ABOUT, "instance": "k3v9q2", "report": told_in(REPORT, language)})
    assert "k3v9q2" in page.html
    assert "core.sendmail" in page.html
    assert "MessageCenter" in page.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_has_to_be_changed_is_told_all_at_once(language: str) -> None:
    findings = [ACCOUNTS_SHORT.found(needed=5, booked=2, missing=3).told(language), "…"]
    letter = compose("import_refused", language, {**ABOUT, "findings": findings})
    assert all(one in letter.text and one in letter.html for one in findings)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("accounts", [0, 3])
def test_the_draft_of_an_offer_leaves_the_price_to_a_person(language: str, accounts: int) -> None:
    values = {**ABOUT, "instance": "k3v9q2", "findings": ["…"], "accounts": accounts, "packages": 0, "step_gib": 5}
    letter = compose("import_offer", language, values)
    assert "[" in letter.text
    assert ("3 " in letter.text) is bool(accounts)


def test_no_name_of_a_stranger_is_a_picture_or_a_link_in_the_report_of_a_run() -> None:
    """Whoever looks at a run would ask a foreign server for it."""
    trick = "![x](https://evil.example/a) <img src=//evil.example> [y](//evil.example)"
    order = ImportFacts(
        7, "k3v9q2", "app1", ImportState.REFUSED, only_check=False, shown_url=f"https://files.example/{trick}", modifications=(),
        told_sha256="", by="olga", why="w", asked_at=datetime(2026, 12, 1, tzinfo=UTC), finding=f"“{trick}” is a path.",
    )  # fmt: skip
    text = "\n".join(head_of(order, trick))
    assert text.count("evil.example") == 9
    assert re.search(r"(?<!\\)[\[\]()<>!]", text) is None


def test_every_reason_of_a_report_has_its_words() -> None:
    assert {"our_relay", "kept", "for_passwords", "clear_passwords"} <= set(REASONS)
    for rule in (*REASONS.values(), *RULES.values()):
        assert not rule.refuses
        facts = {"count": 1} if rule.code in RULES else {}
        assert rule.found(**facts).told("de") != rule.found(**facts).told("en")
