"""The page of promises names every promise once, and places that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "promises.md"
ROW = re.compile(r"^\| (P\d\d) \|(.*)\|$", re.MULTILINE)
PLACE = re.compile(r"`((?:hosting|tasks|flows|deployments|tests|blocks)/[^`]+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
ROWS = ROW.findall(PAGE.read_text(encoding="utf-8"))


def test_every_promise_stands_on_the_page_once() -> None:
    assert [number for number, _ in ROWS] == [f"P{number:02}" for number in range(1, 42)]


@pytest.mark.parametrize(("number", "places"), ROWS, ids=[number for number, _ in ROWS])
def test_a_promise_names_files_that_exist_or_says_not_yet(number: str, places: str) -> None:
    named = PLACE.findall(places)
    assert named or "not yet" in places, f"{number} names no place"
    missing = [place for place in named if not (ROOT / place).exists()]
    assert not missing, f"{number} names {missing}"


def test_links_between_the_documents_lead_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    links = [(page, target) for page in pages for target in LINK.findall(page.read_text(encoding="utf-8"))]
    broken = [f"{page.relative_to(ROOT)} → {target}" for page, target in links if not (page.parent / target).exists()]
    assert broken == []
