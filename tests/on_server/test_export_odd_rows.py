"""What one odd row does to a user's export: it is told as missing, or loses the odd part; all others are there (P41)."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject

from tasks.on_server.exporting.archive import Archive
from tasks.on_server.exporting.dates import export_dates
from tasks.on_server.exporting.icalendar_file import whole
from tasks.on_server.exporting.notes import export_bookmarks
from tasks.on_server.exporting.people import CONTACT
from tasks.on_server.exporting.user_export import UserExport
from tasks.on_server.exporting.vcard import vcard
from tasks.on_server.exporting.wording import readme

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ZONES = ("Europe/Berlin", "America/New_York")
GOOD = {"starts": "2026-03-27 09:00:00", "ends": "2026-03-27 10:00:00", "title": "good"}


class Tables:
    """The rows of tables, as the database would tell them."""

    def __init__(self, **tables: list[dict[str, str]]) -> None:
        self._tables = tables

    def of(self, table: str, columns: Sequence[str], _where: str, key: str) -> Iterator[dict[str, str]]:
        for number, row in enumerate(self._tables.get(table, ())):
            yield dict.fromkeys((*columns, key), "") | {key: str(number + 1)} | row


def exported(part: Any, zone: str = ZONES[0], **tables: list[dict[str, str]]) -> tuple[UserExport, zipfile.ZipFile]:
    """What a part of the export makes of the tables: its counts and what is missing, and the archive."""
    out = io.BytesIO()
    job = UserExport(
        rows=cast("Any", Tables(**tables)), files=cast("Any", SimpleNamespace()), archive=Archive(out, AT), uid=1,
        user="anna", instance="k3v9q2", zone=ZoneInfo(zone), at=AT, choices={}, tell=lambda _: None,
    )  # fmt: skip
    part(job)
    job.archive.finish()
    return job, zipfile.ZipFile(out)


def titles(archive: zipfile.ZipFile, path: str, kind: str) -> list[str]:
    found = icalendar.Calendar.from_ical(archive.read(path)).walk(kind)
    return [str(one["summary"]) for one in found]


ODD = {
    "ends with time itself": ({"starts": "9999-12-31 00:00:00", "ends": "9999-12-31 23:59:00"}, {}),
    "is over before time began": ({}, {"type": "day", "until": "0001-01-01 00:00:00"}),
}


@pytest.mark.parametrize("case", ODD.values(), ids=ODD)
def test_an_event_that_can_not_be_told_is_missing_and_all_others_are_there(
    case: tuple[dict[str, str], dict[str, str]],
) -> None:
    row, rule = case
    events = [GOOD, GOOD | {"title": "odd"} | row, GOOD]
    rules = [{"eid": "2", "ref": "evt", "repeat": "0"} | rule]
    job, archive = exported(export_dates, calendar_events=events, calendar_event_repetitions=rules)
    assert titles(archive, "calendars/Calendar.ics", "VEVENT") == ["good", "good"]
    assert (job.counts["events"], job.missing.rows) == (2, 1)
    told = b"".join(job.missing.pieces()).decode()
    assert "odd" in told
    assert "a date that no calendar knows" in told
    assert "Datum, das es in keinem Kalender gibt" in readme(0, TOLD, job.counts, 1)
    assert "a date that no calendar knows" in readme(1, TOLD, job.counts, 1)


TOLD = {"user": "anna", "instance": "k3v9q2", "at": "", "zone": "", "imap": 0}
ODD_PARTS = (
    ({"lastmod": "0001-01-01 00:00:00"}, {}),
    ({"lastmod": "9999-12-31 23:59:59"}, {}),
    ({}, {"type": "week", "repeat": "5", "extra": "²"}),
    ({}, {"type": "month", "repeat": "--5", "extra": "²,5, 6"}),
    ({"status": "--2", "type": "9" * 5000}, {}),
)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("row", "rule"), ODD_PARTS)
def test_an_odd_part_of_an_event_or_task_is_left_out_and_the_rest_is_there(
    row: dict[str, str], rule: dict[str, str], zone: str
) -> None:
    rules = [{"eid": "1", "ref": "evt"} | rule] if rule else []
    job, archive = exported(
        export_dates, zone, calendar_events=[GOOD | row], calendar_tasks=[GOOD | row], calendar_event_repetitions=rules
    )
    assert titles(archive, "calendars/Calendar.ics", "VEVENT") == ["good"]
    assert titles(archive, "tasks/Tasks.ics", "VTODO") == ["good"]
    assert (job.counts["events"], job.counts["tasks"], job.missing.rows) == (1, 1, 0)


def test_a_day_of_the_first_thousand_years_is_told_with_four_digits() -> None:
    days = [{"hname": "founded", "hdate": "0900-01-01", "recurring": "1"}]
    _, archive = exported(export_dates, calendar_holidays=days)
    assert b"DTSTART;VALUE=DATE:09000101\r\n" in archive.read("calendars/Calendar.ics")


@pytest.mark.parametrize("zone", ZONES)
def test_a_bookmark_with_a_time_at_the_edge_is_there_without_it(zone: str) -> None:
    times = {"added": "0001-01-01 00:00:00", "modified": "9999-12-31 23:59:59", "visited": "2026-03-27 09:00:00"}
    items = [{"name": "odd", "url": "https://kunde.test/", **times}]
    job, archive = exported(export_bookmarks, zone, bookmarks_item=items)
    page = archive.read("bookmarks/bookmarks.html").decode()
    assert job.counts["bookmarks"] == 1
    assert 'HREF="https://kunde.test/"' in page
    assert "LAST_VISIT=" in page


@pytest.mark.parametrize("value", ["²", "--5", "5-", "", "٣", "9" * 5000])
def test_what_only_looks_like_a_number_is_none(value: str) -> None:
    assert whole(value) == 0
    assert (whole("-5"), whole("12")) == (-5, 12)


@pytest.mark.parametrize("version", ["4.0", "3.0"])
@pytest.mark.parametrize("day", ["01.02.1970", "1970", "1970-2-3", "1970-02-03 10:00", "a-b-c", "1970-02-03\n"])
def test_a_birthday_that_is_no_day_is_not_told(day: str, version: str) -> None:
    written = vcard(dict.fromkeys(CONTACT, "") | {"firstname": "Jo", "birthday": day}, version)
    assert "BDAY" not in written
    assert vobject.readOne(written).fn.value == "Jo"


@pytest.mark.parametrize("version", ["4.0", "3.0"])
def test_a_place_on_earth_is_told_only_by_two_numbers(version: str) -> None:
    def written(latitude: str, longitude: str) -> str:
        place = {"personal_geo_lat": latitude, "personal_geo_long": longitude}
        return vcard(dict.fromkeys(CONTACT, "") | {"firstname": "Jo"} | place, version)

    for odd in ("north", "52;1", "1\r\nNOTE:x", "nan", "52,5", ""):
        assert "GEO" not in written(odd, "13.4")
        assert "GEO" not in written("52.5", odd)
    told = {"4.0": "GEO;TYPE=home:geo:52.5,-13.4\r\n", "3.0": "GEO:52.5;-13.4\r\n"}
    assert told[version] in written(" 52.5", "-13.4")
