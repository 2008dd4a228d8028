"""The report on a year says what was reckoned, in two languages, and needs nothing but itself (P11)."""

from __future__ import annotations

import re
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from hosting.policy.availability import Standing, Stretch
from hosting.policy.availability_year import YearTold, year_told
from hosting.policy.outage_causes import Cause
from hosting.policy.terms import LANGUAGES
from hosting.templates.availability_plot import BOTTOM, LEFT, RIGHT, TOP, plot_of
from hosting.templates.availability_report import availability_report, section_of
from hosting.templates.availability_wording import CAUSES, duration, percent, promised, short_moment, unmeasured
from tests.policy.lines import DAY, HOUR, MINUTE, at, down, line, owed

NEW_YEAR, NEXT_YEAR = at("2025-12-31 23:00"), at("2026-12-31 23:00")
NOW = at("2026-08-20 09:12")


def year(*others: Stretch, to: object = NOW, since: object = NEW_YEAR) -> YearTold:
    return year_told(line(NEW_YEAR, to, *others), [owed(since)], 2026, to)  # type: ignore[arg-type]


def report(told: YearTold, language: str = "de", customer: str = "Ada Löwe") -> str:
    return availability_report(customer, language, 2026, [("k3v9q2", told)], NOW)


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("<body>")[2]).split())


MOVE = down(at("2026-06-01 12:00"), HOUR, Cause.MOVE)
FAULT = down(at("2026-03-01 12:00"), 26 * HOUR, Cause.OURS)
GAP = Stretch(Standing.UNMEASURED, at("2026-04-19 22:00"), at("2026-04-21 22:00"))
OUTSIDE = Stretch(Standing.OUTSIDE_FAILS, at("2026-05-01"), at("2026-05-01 03:00"), Cause.CUSTOMERS_DNS)


def test_the_german_report_tells_figures_outages_causes_and_what_was_not_measured() -> None:
    told = words(report(year(MOVE, FAULT, GAP, OUTSIDE)))
    for part in (
        "Verfügbarkeit 2026",
        "für Ada Löwe",
        "99,509 %",
        "27 h",
        "34 h 50 min 53 s",
        "01.06.2026, 14:00:00 01.06.2026, 15:00:00 1 h Umzug auf einen anderen Server",
        "01.03.2026, 13:00:00 02.03.2026, 15:00:00 26 h Störung des Servers",
        "April 100,000 % 0 s 6,67 %",
        "01.05.2026, 02:00:00 01.05.2026, 05:00:00 3 h DNS-Eintrag Ihrer Domain",
    ):
        assert part in told, part


def test_the_english_report_says_the_same() -> None:
    told = words(report(year(MOVE, FAULT, GAP), "en"))
    for part in ("Availability 2026", "for Ada Löwe", "99.509 %", "move to another server", "fault of the server"):
        assert part in told, part
    assert "Ausfall" not in told


@pytest.mark.parametrize(
    ("told", "de", "en"),
    [
        (year(), "geht es so weiter, wird die zugesagte Verfügbarkeit von 99,6 % eingehalten", "will be kept"),
        (year(FAULT), "Geht es so weiter, ist sie am 08.11.2026 verbraucht", "used up on 2026-11-08"),
        (
            year(down(at("2026-03-01"), 2 * DAY)),
            "12 h 57 min 36 s länger nicht verfügbar",
            "12 h 57 min 36 s more than",
        ),
        (year(to=NEXT_YEAR), "Verfügbarkeit von 99,6 % wurde eingehalten", "of 99.6 % was kept"),
        (year(Stretch(Standing.UNMEASURED, NEW_YEAR, NOW)), "keine Messungen", "no measurements"),
    ],
    ids=["lasts", "used up soon", "broken", "year is over and kept", "nothing measured"],
)
def test_the_first_sentence_says_how_the_promise_stands(told: YearTold, de: str, en: str) -> None:
    assert de in words(report(told, "de"))
    assert en in words(report(told, "en"))


def test_an_outage_that_lasts_has_no_end() -> None:
    assert "12 min dauert an" not in (lasting := words(report(year(down(NOW - 12 * MINUTE, 12 * MINUTE)))))
    assert "dauert an 12 min" in lasting


def test_a_year_without_outage_says_so_and_suspended_time_is_shown_where_there_is_some() -> None:
    assert "Es wurde kein Ausfall gemessen." in words(report(year()))
    assert "Gesperrt" not in words(report(year())).partition("Wie gemessen")[0]
    gone = Stretch(Standing.NOT_OWED, at("2026-07-20"), at("2026-07-25"), Cause.SUSPENDED)
    assert "Gesperrt 120 h" in words(report(year(gone)))


def test_what_a_customer_is_called_can_not_change_the_page() -> None:
    html = report(year(), customer='<script>alert("x")</script> & Söhne')
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_fetches_nothing(language: str) -> None:
    html = report(year(MOVE, GAP), language)
    assert not re.findall(r"""(?:src|href)=|@import|url\((?!#)""", html)
    assert re.findall(r"https?://[^\"]+", html) == ["http://www.w3.org/2000/svg"]
    assert f'<html lang="{language}">' in html


def test_the_picture_is_well_formed_and_says_in_words_what_it_shows() -> None:
    html = report(year(MOVE, FAULT, GAP))
    svg = ET.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])  # noqa: S314  # our own
    name = "{http://www.w3.org/2000/svg}"
    title, told = svg.find(f"{name}title"), svg.find(f"{name}desc")
    assert title is not None
    assert told is not None
    assert svg.get("aria-labelledby") == f"{title.get('id')} {told.get('id')}"
    assert "27 h" in (told.text or "")


def test_the_curve_begins_at_nothing_rises_with_each_outage_and_stays_in_its_frame() -> None:
    picture = plot_of(year(MOVE, FAULT), "de")
    points = [tuple(map(float, point.split(","))) for point in picture.used.split()]
    assert points[0] == (LEFT, BOTTOM)
    heights = [height for _, height in points]
    assert heights == sorted(heights, reverse=True)
    assert len(points) == 6
    assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for x, y in points)
    assert picture.today == points[-1][0]
    assert picture.budget < heights[-1]
    assert (picture.months[0].label, picture.months[2].label) == ("Jan", "Mär")
    assert picture.grid[0].label == "0"


def test_a_year_that_breaks_its_budget_rises_above_its_line_and_a_short_gap_is_seen() -> None:
    gap = Stretch(Standing.UNMEASURED, at("2026-05-01"), at("2026-05-01 00:05"))
    picture = plot_of(year(down(at("2026-03-01"), 2 * DAY), gap), "en")
    last = float(picture.used.split()[-1].partition(",")[2])
    assert last < picture.budget
    assert [one.width for one in picture.unmeasured] == [0.8]
    assert picture.foretold == ""


def test_a_part_of_a_year_begins_where_the_instance_was_opened() -> None:
    july = at("2026-06-30 22:00")
    picture = plot_of(year(since=july), "en")
    assert float(picture.used.partition(",")[0]) == picture.months[6].at
    assert section_of("k3v9q2", year(since=july), "en").since == "2026-07-01, 00:00:00"


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=45), "45 s"),
        (timedelta(minutes=2102.4), "35 h 2 min 24 s"),
        (-timedelta(minutes=3), "\N{MINUS SIGN}3 min"),
    ],
)
def test_lengths_are_told_to_the_second(length: timedelta, told: str) -> None:
    assert duration(length) == told


def test_percents_have_the_mark_of_their_language_and_no_mark_where_there_is_none() -> None:
    assert (percent(99.9999, "de"), percent(99.9999, "en"), percent(None, "de")) == (
        "99,999 %", "99.999 %", "\N{EN DASH}",
    )  # fmt: skip
    assert (promised(99.6, "de"), promised(99.95, "en"), promised(100.0, "en")) == ("99,6 %", "99.95 %", "100 %")
    assert (unmeasured(0.0, "de"), unmeasured(0.001, "de"), unmeasured(12.345, "en")) == ("0,00 %", "0,01 %", "12.35 %")


def test_the_hour_that_comes_twice_says_which_one_it_is() -> None:
    assert short_moment(at("2026-10-25 00:30"), "de") == "25.10.2026, 02:30:00 CEST"
    assert short_moment(at("2026-10-25 01:30"), "de") == "25.10.2026, 02:30:00 CET"
    assert short_moment(at("2026-10-26 01:30"), "en") == "2026-10-26, 02:30:00"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_cause_has_its_words(language: str) -> None:
    assert set(CAUSES[language]) == set(Cause)
