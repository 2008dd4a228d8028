"""What the export writes, read back by readers that are not ours: `mailbox`, `vobject`, `icalendar`, `html`, `xml` (P41)."""

from __future__ import annotations

import base64
import io
import mailbox
import tempfile
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.on_server.exporting.icalendar_file import end, event, head, task
from tasks.on_server.exporting.markup import Tree, bookmarks, feeds
from tasks.on_server.exporting.mbox import Flags, entry, separator, unquoted
from tasks.on_server.exporting.people import CONTACT
from tasks.on_server.exporting.php_values import NotReadable, choices, unserialized
from tasks.on_server.exporting.vcard import vcard
from tasks.on_server.exporting.zones import vtimezone, zone_named

BERLIN = ZoneInfo("Europe/Berlin")
STAMP = "20260302T090000Z"
AT = datetime(2026, 3, 2, 9, 5, 7)  # noqa: DTZ001  # as the database has it
LINE = st.sampled_from(
    [
        b"From here",
        b">From there",
        b">>From",
        b"From: a@b",
        b"",
        b"Gr\xc3\xbc\xc3\x9fe",
        b"From ",
        b" From x",
        b"\xff\xfe",
        b".",
    ]
)
MAILS = st.lists(st.tuples(st.lists(LINE, max_size=6), st.sampled_from([b"\n", b"\r\n"])), max_size=5)
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=120)
NAME = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=60).filter(str.strip)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 3


def boxed(*mails: bytes) -> mailbox.mbox:
    """Mails written by us, opened by Python's own reader."""
    folder = Path(tempfile.mkdtemp())
    with (folder / "a.mbox").open("wb") as out:
        for raw in mails:
            out.writelines(
                entry(separator("Jürgen <j@kunde.test>", AT), Flags(read=True, answered=True), io.BytesIO(raw))
            )
    return mailbox.mbox(folder / "a.mbox", create=False)


def mail_of(box: mailbox.mbox, key: int) -> bytes:
    """A mail's own bytes: without the two lines of flags, without what was put before its lines."""
    return unquoted(box.get_bytes(key).split(b"\n", 2)[2])


@settings(max_examples=150, deadline=None)
@given(MAILS)
def test_each_mail_comes_back_byte_for_byte_whatever_its_lines_begin_with(
    told: list[tuple[list[bytes], bytes]],
) -> None:
    raws = [b"Subject: x" + end_ + end_ + b"".join(line + end_ for line in lines) for lines, end_ in told]
    box = boxed(*raws)
    assert len(box) == len(raws)
    assert [mail_of(box, key) for key in box.keys()] == raws  # noqa: SIM118  # mailbox's keys are not its iteration


def test_a_mail_without_a_last_line_end_an_empty_one_and_a_very_long_line_stay_apart() -> None:
    raws = [
        b"Subject: a\n\nno end",
        b"",
        b"Subject: b\n\n" + b"x" * 300_000 + b"From y\n",
        b"Subject: c\r\n\r\nFrom z\r\n",
    ]
    box = boxed(*raws)
    assert [mail_of(box, key).rstrip(b"\n") for key in box.keys()] == [raw.rstrip(b"\n") for raw in raws]  # noqa: SIM118
    assert [message["subject"] for message in box] == ["a", None, "b", "c"]
    assert box[0].get_flags() == "ROA"
    assert box[0].get_from().endswith("Mon Mar  2 09:05:07 2026")


def test_umlauts_and_an_attachment_are_read_as_they_were_sent() -> None:
    from email.message import EmailMessage

    message = EmailMessage()
    message["Subject"], message["From"] = "Grüße 😀", "a@kunde.test"
    message.set_content("From hier an:\nFrom\n>From\nÄ\n")
    message.add_attachment(PNG, "image", "png", filename="Größe.png")
    read = message_from_bytes(mail_of(boxed(message.as_bytes()), 0), policy=default)
    assert read["subject"] == "Grüße 😀"
    assert [part.get_content() for part in read.iter_attachments()] == [PNG]
    body = read.get_body()
    assert body is not None
    assert body.get_content() == "From hier an:\nFrom\n>From\nÄ\n"


def contact(**told: str) -> dict[str, str]:
    """A row of the contacts' table."""
    return dict.fromkeys(CONTACT, "") | told


FULL = contact(
    uuid="0f8fad5b-d9cb-469f-a165-70867728950e", nick="Jo; das, \\ Ass", firstname="Jürgen", thirdname="O.", lastname="Groß",
    title="Dr.", company="Größe & Söhne; GmbH", comp_dep="Ein, Kauf", email1="j@kunde.test", email2="k@kunde.test",
    tel_private="+49 30 1", tel_business="+49 30 2", cellular="+49 170 3", comp_cellular="+49 170 4", fax="+49 30 5",
    comp_fax="+49 30 6", street="Straße 1", zip="10115", location="Berlin", country="Deutschland", comp_street="Weg 2",
    comp_zip="20095", comp_location="Hamburg", www="https://kunde.test/?a=1&b=2", birthday="1970-02-28",
    comments="Zeile eins\nZeile zwei; mit, Zeichen\\n 😀", comp_role="Chef", customer_number="K-1",
)  # fmt: skip


@pytest.mark.parametrize("version", ["4.0", "3.0"])
def test_a_contact_is_read_with_all_that_is_in_it(version: str) -> None:
    written = vcard(FULL, version, groups=["Freunde, alte", "Büro"], free=[("Hund", "Bello")], picture=PNG)
    card = vobject.readOne(written)
    assert card.version.value == version
    assert card.fn.value == "Jürgen O. Groß"
    assert (card.n.value.family, card.n.value.given, card.n.value.prefix) == ("Groß", "Jürgen", "Dr.")
    assert card.nickname.value == "Jo; das, \\ Ass"
    assert card.org.value == ["Größe & Söhne; GmbH", "Ein, Kauf"]
    assert [one.value for one in card.contents["email"]] == ["j@kunde.test", "k@kunde.test"]
    assert [one.value[-1] for one in card.contents["tel"]] == list("123456")
    assert [(one.value.street, one.value.code, one.value.city) for one in card.contents["adr"]] == [
        ("Straße 1", "10115", "Berlin"), ("Weg 2", "20095", "Hamburg"),
    ]  # fmt: skip
    assert card.categories.value == ["Freunde, alte", "Büro"]
    assert card.note.value == FULL["comments"] + "\nHund: Bello"
    assert card.bday.value.replace("-", "") == "19700228"
    assert card.url.value == FULL["www"]
    if version == "3.0":
        assert card.photo.value == PNG
    else:  # a URL, which vobject reads as a text and cuts
        [photo] = [
            line for line in written.replace("\r\n ", "").split("\r\n") if line.startswith("PHOTO:data:image/png;")
        ]
        assert base64.b64decode(photo.partition("base64,")[2]) == PNG


@settings(max_examples=100, deadline=None)
@given(TEXT, TEXT, NAME)
def test_whatever_stands_in_a_contact_is_read_back(comments: str, company: str, name: str) -> None:
    plain = "".join(sign for sign in comments if sign in "\n\t" or (sign >= " " and sign != "\x7f"))
    for version in ("4.0", "3.0"):
        written = vcard(contact(comments=comments, company=company, lastname=name), version)
        assert all(len(line.encode()) <= 75 for line in written.split("\r\n"))
        texts = {line.partition(":")[0]: line.partition(":")[2] for line in written.replace("\r\n ", "").split("\r\n")}
        assert read_text(texts.get("NOTE", "")) == plain
        assert read_text(texts["FN"]) == name


def read_text(value: str) -> str:
    """A text's value as RFC 6350 says that it is read."""
    found, escaped = "", False
    for sign in value:
        if escaped:
            found, escaped = found + ("\n" if sign in "nN" else sign), False
        elif sign == "\\":
            escaped = True
        else:
            found += sign
    return found


def test_a_contact_with_nothing_but_an_address_has_a_name_all_the_same() -> None:
    assert vobject.readOne(vcard(contact(email2="x@kunde.test"), "3.0")).fn.value == "x@kunde.test"
    assert vobject.readOne(vcard(contact(birthday="0000-00-00"), "4.0")).fn.value == "?"


EVENT = {
    "id": "7", "uuid": "u-1", "title": "Besprechung, wichtig; 😀", "location": "Büro", "description": "a\nb", "opaque": "1",
    "starts": "2026-03-27 09:00:00", "ends": "2026-03-27 10:30:00", "lastmod": "2026-07-01 12:00:00", "type": "10", "status": "2",
}  # fmt: skip
RULE = {"type": "day", "repeat": "0", "extra": "", "until": ""}


def calendar(*parts: str) -> icalendar.Calendar:
    """Parts as a file, read by somebody else."""
    return icalendar.Calendar.from_ical(head("Größe, alles", BERLIN) + "".join(parts) + end())


def only(found: icalendar.Calendar, kind: str = "VEVENT") -> icalendar.Component:
    [one] = found.walk(kind)
    return one


def test_an_event_has_its_words_its_zone_its_people_and_its_alarms() -> None:
    reminders = [
        {"mode": "s", "time": "900", "text": "", "mailto": ""}, {"mode": "e", "time": "86400", "text": "Nu", "mailto": "a@b.test"},
        {"mode": "-", "time": "60", "text": "", "mailto": ""},
    ]  # fmt: skip
    people = [
        {"name": 'Groß, "Jo"', "email": "j@kunde.test", "role": "chair", "type": "person", "status": "1"},
        {"name": "", "email": "r@kunde.test", "role": "opt", "type": "room", "status": "0"},
    ]
    one = only(calendar(event(EVENT, BERLIN, STAMP, reminders=reminders, attendees=people)))
    assert (one["summary"], one["location"], one["description"]) == (EVENT["title"], "Büro", "a\nb")
    assert one["dtstart"].dt == datetime(2026, 3, 27, 9, tzinfo=BERLIN)
    assert one["dtend"].dt.astimezone(UTC) == datetime(2026, 3, 27, 9, 30, tzinfo=UTC)
    assert one["last-modified"].dt == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert (one["status"], one["transp"]) == ("CONFIRMED", "OPAQUE")
    assert [str(who) for who in one["attendee"]] == ["mailto:j@kunde.test", "mailto:r@kunde.test"]
    assert one["attendee"][0].params["CN"] == "Groß, 'Jo'"
    assert (one["attendee"][0].params["PARTSTAT"], one["attendee"][1].params["CUTYPE"]) == ("ACCEPTED", "ROOM")
    assert [alarm["trigger"].dt for alarm in one.walk("VALARM")] == [timedelta(minutes=-15), timedelta(days=-1)]
    assert [alarm["action"] for alarm in one.walk("VALARM")] == ["DISPLAY", "EMAIL"]


def test_an_event_of_whole_days_has_dates_and_ends_on_the_next_day() -> None:
    row = EVENT | {"starts": "2026-12-24 00:00:00", "ends": "2026-12-26 23:59:00"}
    one = only(calendar(event(row, BERLIN, STAMP)))
    assert (one["dtstart"].dt, one["dtend"].dt) == (date(2026, 12, 24), date(2026, 12, 27))


CASES = {
    "each day": ({"type": "day", "repeat": "0"}, ["2026-03-27", "2026-03-28", "2026-03-29"]),
    "workdays": ({"type": "day", "repeat": str(64 + 32 + 16 + 8 + 4)}, ["2026-03-27", "2026-03-30", "2026-03-31"]),
    "sundays": ({"type": "week", "repeat": "0"}, ["2026-03-29", "2026-04-05", "2026-04-12"]),
    "every second friday": ({"type": "week", "repeat": "5", "extra": "2"}, ["2026-03-27", "2026-04-10", "2026-04-24"]),
    "the 27th": ({"type": "month", "repeat": "27"}, ["2026-03-27", "2026-04-27", "2026-05-27"]),
    "the last day": ({"type": "month", "repeat": "31"}, ["2026-03-31", "2026-04-30", "2026-05-31"]),
    "in june and may": ({"type": "month", "repeat": "1", "extra": "5,6"}, ["2026-05-01", "2026-06-01", "2027-05-01"]),
    "each year": ({"type": "year", "repeat": "0"}, ["2026-03-27", "2027-03-27", "2028-03-27"]),
    "until a day": ({"type": "day", "repeat": "0", "until": "2026-03-29 00:00:00"}, ["2026-03-27", "2026-03-28"]),
    "until within a day": (
        {"type": "day", "repeat": "0", "until": "2026-03-28 00:00:01"},
        ["2026-03-27", "2026-03-28"],
    ),
    "not any more": ({"type": "disable"}, ["2026-03-27"]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_event_comes_again_on_the_days_on_which_the_product_shows_it(case: tuple[dict[str, str], list[str]]) -> None:
    rule, days = case
    one = only(calendar(event(EVENT, BERLIN, STAMP, rules=[RULE | rule])))
    begins = one["dtstart"].dt
    if "rrule" not in one:
        assert days == [f"{begins:%Y-%m-%d}"]
        return
    found = rrulestr(one["rrule"].to_ical().decode(), dtstart=begins)
    assert [f"{at:%Y-%m-%d %H:%M}" for at, _ in zip(found, range(3), strict=False)] == [f"{day} 09:00" for day in days]


def test_an_event_with_two_rules_is_two_events_that_differ_in_their_ids() -> None:
    rules = [RULE | {"type": "year"}, RULE | {"type": "week", "repeat": "1"}]
    found = calendar(event(EVENT, BERLIN, STAMP, rules=rules)).walk("VEVENT")
    assert [str(one["uid"]) for one in found] == ["u-1", "u-1-2"]
    assert [one["rrule"]["FREQ"] for one in found] == [["YEARLY"], ["WEEKLY"]]


def test_a_task_may_lack_its_dates_and_an_event_without_one_is_not_written() -> None:
    row = {**EVENT, "importance": "1", "completion": "140", "status": "6", "starts": "", "ends": "0000-00-00 00:00:00"}
    one = only(
        calendar(task(row, BERLIN, STAMP, reminders=[{"mode": "s", "time": "60", "text": "", "mailto": ""}])), "VTODO"
    )
    assert (one["percent-complete"], one["priority"], one["status"]) == (100, 1, "COMPLETED")
    assert "due" not in one
    assert not one.walk("VALARM")
    due = only(calendar(task(row | {"ends": "2026-05-01 08:00:00"}, BERLIN, STAMP)), "VTODO")
    assert due["due"].dt == datetime(2026, 5, 1, 8, tzinfo=BERLIN)
    assert event(EVENT | {"starts": "0000-00-00 00:00:00"}, BERLIN, STAMP) == ""


@settings(max_examples=100, deadline=None)
@given(TEXT, TEXT)
def test_whatever_stands_in_an_event_is_read_back(title: str, description: str) -> None:
    written = event(EVENT | {"title": title, "description": description}, BERLIN, STAMP)
    assert all(len(line.encode()) <= 75 for line in written.split("\r\n"))
    one = only(calendar(written))
    for value, name in ((title, "summary"), (description, "description")):
        plain = "".join(sign for sign in value if sign in "\n\t" or (sign >= " " and sign != "\x7f"))
        assert str(one.get(name, "")) == plain


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"])
def test_the_zone_in_the_file_is_that_of_the_system_on_many_days(name: str) -> None:
    zone = zone_named(name)
    text_ = "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *vtimezone(zone), "END:VCALENDAR"])
    [told] = vobject.readOne(text_).contents["vtimezone"]
    read = told.gettzinfo()
    for days in range(0, 365 * 20, 5):
        at = datetime(2010, 1, 1, 12) + timedelta(days=days)  # noqa: DTZ001  # each zone makes it its own
        assert at.replace(tzinfo=read).utcoffset() == at.replace(tzinfo=zone).utcoffset(), at


class Bookmarks(HTMLParser):
    """Reads the file as a browser's importer does: folders by their lists."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[str] = []
        self.found: list[tuple[str, str, str]] = []
        self._tag, self._href, self._text, self._next = "", "", "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._text, self._tag = "", tag
        if tag == "a":
            self._href = dict(attrs)["href"] or ""
        elif tag == "dl":
            self.path.append(self._next)

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "h3":
            self._next = self._text
        elif tag == "a":
            self.found.append(("/".join(self.path[1:]), self._text, self._href))
        elif tag == "dl":
            self.path.pop()


FOLDERS = [
    {"id": "1", "childof": "0", "name": "Büro & <Co>", "description": ""}, {"id": "2", "childof": "1", "name": "Tief", "description": "d"},
    {"id": "3", "childof": "4", "name": "im Kreis", "description": ""}, {"id": "4", "childof": "3", "name": "auch", "description": ""},
    {"id": "5", "childof": "99", "name": "ohne Eltern", "description": ""},
]  # fmt: skip


def link(name: str, fid: str, url: str = "https://kunde.test/?a=1&b=\"2'") -> dict[str, str]:
    return {"name": name, "fid": fid, "childof": fid, "url": url, "description": "x < y", "added": "1772442900", "modified": "",
            "visited": "", "xml_uri": url, "html_uri": ""}  # fmt: skip


def test_bookmarks_are_read_with_their_folders_and_none_is_lost_in_a_circle() -> None:
    items = [
        link("Grüße 😀", "2"),
        link("", "0", "https://nackt.test/"),
        link("Kreis", "4"),
        link("Waise", "77"),
        link("W", "5"),
    ]
    reader = Bookmarks()
    reader.feed("".join(bookmarks(Tree(FOLDERS, items, "fid"))))
    assert sorted(reader.found) == sorted([
        ("Büro & <Co>/Tief", "Grüße 😀", items[0]["url"]), ("", "https://nackt.test/", "https://nackt.test/"),
        ("auch", "Kreis", items[2]["url"]), ("", "Waise", items[3]["url"]), ("ohne Eltern", "W", items[4]["url"]),
    ])  # fmt: skip


def test_feeds_are_read_with_their_folders() -> None:
    items = [link("Grüße 😀\x0b", "2"), link("Waise", "77")]
    root = ET.fromstring("".join(feeds(Tree(FOLDERS, items, "childof"), "a < b")))  # noqa: S314  # our own
    assert [one.get("xmlUrl") for one in root.iterfind(".//outline[@type='rss']")] == [one["url"] for one in items]
    assert root.find("body/outline[@text='Büro & <Co>']/outline[@text='Tief']/outline[@text='Grüße 😀']") is not None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), max_size=6))
def test_any_feed_is_well_formed_and_any_bookmark_is_there(told: list[tuple[str, str]]) -> None:
    items = [link(name, "0", url) for name, url in told]
    root = ET.fromstring("".join(feeds(Tree([], items, "childof"), "x")))  # noqa: S314  # our own
    assert len(root.findall(".//outline")) == len(items)
    reader = Bookmarks()
    reader.feed("".join(bookmarks(Tree([], items, "fid"))))
    assert len(reader.found) == len(items)


def test_settings_are_read_as_php_wrote_them_and_nothing_else_is() -> None:
    assert choices('a:1:{s:4:"core";a:2:{s:8:"pagesize";i:50;s:4:"name";s:5:"Größ";}}'.encode()) == {}  # a byte short
    assert choices('a:1:{s:4:"core";a:2:{s:8:"pagesize";i:50;s:4:"name";s:6:"Größ";}}'.encode()) == {
        "core": {"pagesize": 50, "name": "Größ"}
    }
    assert choices(b"#x;;1\npagesize;;50\nname;;a;;b\n") == {"core": {"pagesize": "50", "name": "a;;b"}}
    assert choices(b"") == {}
    for hostile in (b'O:8:"stdClass":0:{}', b"a:1:{i:0;", b"a:" + b"9" * 30 + b":{", b"a:1:{i:0;" * 200):
        with pytest.raises(NotReadable):
            unserialized(hostile)
