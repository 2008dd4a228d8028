"""The letter and the page by which a customer fetches his data (P41)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hosting.policy.exports import ArchiveFacts
from hosting.policy.terms import LANGUAGES
from hosting.templates import render
from hosting.templates.letters import compose
from hosting.templates.wording import size

ARCHIVES = [
    ArchiveFacts(1, "<b>anna", key="k", bytes=3 << 20, sha256="ab", counts={"mails": 1234}),
    ArchiveFacts(2, "bert", key="l", bytes=5 << 30),
]
VALUES = {"name": "Erika Muster", "order": "A-1001", "url": "https://app1.phlymail.test/k3v9q2/", "until": "…", "imap_folders": 2,
          "export_url": "https://service.phlymail.test/export/7-abc", "archives": ARCHIVES}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("missing", [0, 3])
def test_the_letter_tells_where_how_much_until_when_and_that_imap_was_never_ours(language: str, missing: int) -> None:
    letter = compose("exported", language, VALUES | {"missing": missing})
    for text in (letter.text, letter.html):
        for wanted in (
            VALUES["export_url"],
            VALUES["url"],
            "1234",
            "bert",
            "IMAP",
            {"de": "3,0 MB", "en": "3.0 MB"}[language],
        ):
            assert str(wanted) in text
        assert ("missing.csv" in text) is bool(missing)
    assert "<b>anna" not in letter.html
    assert "A-1001" in letter.subject


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_leads_to_each_archive_and_tells_its_sum(language: str) -> None:
    until = datetime(2026, 3, 16, 9, tzinfo=UTC)
    html = render(
        f"pages/{language}/export.html.j2", language=language, url="u", token="7-abc", archives=ARCHIVES, until=until
    )
    assert 'href="/export/7-abc/1"' in html
    assert "ab" in html
    assert "<b>anna" not in html
    for reason in ("expired", "unknown"):
        assert "<h1>" in render(f"pages/{language}/export_gone.html.j2", language=language, reason=reason)


def test_sizes_are_told_as_people_say_them() -> None:
    assert (size(10, "en"), size(3 << 20, "de"), size(5 << 30, "en"), size(1023 << 20, "de")) == (
        "0.1 MB",
        "3,0 MB",
        "5.0 GB",
        "1023,0 MB",
    )
