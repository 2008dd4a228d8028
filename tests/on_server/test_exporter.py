"""The exporter as servers run it, on a real database: all that is a user's, nothing that is another's, read by others (P41)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import mailbox
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject
from sqlalchemy import create_engine, text

from tasks.export_program import exporter
from tasks.on_server.exporting.mbox import unquoted
from tests.inventory.databases import PrivateMariadb
from tests.on_server.test_export_formats import Bookmarks
from tests.service.exported_data import JPEG, PNG, USERS, ZERO, Made, create_statements, fill, mail, sum_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
FLAT_KIB = 45_000
"""More than the exporter needs for any mailbox: Python itself, a page of rows, a piece of a file."""


class Bench:
    """A database with an instance's tables, its storage, and the exporter."""

    def __init__(self, server: PrivateMariadb, folder: Path) -> None:
        self.server, self.folder, self.storage = server, folder, folder / "storage"
        self.storage.mkdir()
        (folder / "exporter.pyz").write_bytes(exporter())
        server.statement("CREATE DATABASE phm_x CHARACTER SET utf8mb4")
        server.statement("CREATE USER phm_x@localhost IDENTIFIED BY 'pw'")
        server.statement("GRANT SELECT ON phm_x.* TO phm_x@localhost")
        self.engine = create_engine(
            server.admin_url.replace("localhost/", "localhost/phm_x"), isolation_level="AUTOCOMMIT"
        )
        self.put(create_statements())

    def put(self, statements: list[str]) -> None:
        with self.engine.connect() as connection:
            connection.exec_driver_sql(ZERO)
            for statement in statements:
                connection.exec_driver_sql(statement.replace("%", "%%"))

    def export(self, uid: int) -> tuple[int, dict[str, Any], Path, int]:
        """Exit code, last word, the archive, the most memory that it had in KiB."""
        request = {
            "storage": str(self.storage), "uid": uid, "instance": "k3v9q2", "now": "2026-03-02T09:00:00+00:00", "user": "phm_x",
            "client": [f"--socket={self.server.folder}/socket"], "password": "pw", "database": "phm_x", "prefix": "phlymail",
        }  # fmt: skip
        out = self.folder / f"{uid}.zip"
        with out.open("wb") as sink, subprocess.Popen(
            [PYTHON, "-I", str(self.folder / "exporter.pyz")], stdin=subprocess.PIPE, stdout=sink, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            assert process.stdin
            assert process.stderr
            process.stdin.write(json.dumps(request).encode())
            process.stdin.close()
            said, peak = b"", 0
            for line in process.stderr:  # each tells a phase: what it has taken until then is asked while it is there
                said, peak = said + line, max(peak, memory_of(process.pid))
        return process.returncode, json.loads(said.splitlines()[-1]), out, peak


def memory_of(pid: int) -> int:
    """The most that a process has held so far, in KiB; 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) if found else 0


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    server = PrivateMariadb()
    try:
        yield Bench(server, tmp_path_factory.mktemp("export"))
    finally:
        server.remove()


@pytest.fixture(scope="module")
def made(bench: Bench) -> Made:
    made = fill(bench.storage)
    bench.put(made.sql)
    return made


class Opened:
    """An archive, unpacked as a customer does it."""

    def __init__(self, told: dict[str, Any], file: Path) -> None:
        self.told, self.folder = told["result"], file.with_suffix("")
        with zipfile.ZipFile(file) as archive:
            assert archive.testzip() is None
            self.names = archive.namelist()
            archive.extractall(self.folder)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def below(self, folder: str) -> dict[str, bytes]:
        return {
            name: self.read(name) for name in self.names if name.startswith(f"{folder}/") and not name.endswith("/")
        }


@pytest.fixture(scope="module")
def anna(bench: Bench, made: Made) -> Opened:
    code, told, file, _ = bench.export(1)
    assert code == 0, told
    return Opened(told, file)


def test_every_mail_is_there_once_byte_for_byte_and_the_index_tells_its_sum(anna: Opened, made: Made) -> None:
    found, files = Counter[bytes](), [name for name in anna.names if name.endswith(".mbox")]
    index = list(csv.DictReader(io.StringIO(anna.read("mail/index.csv").decode())))
    for name in files:
        box = mailbox.mbox(anna.folder / name, create=False)
        mails = [unquoted(box.get_bytes(key).split(b"\n", 2)[2]) for key in box.keys()]  # noqa: SIM118  # not its iteration
        sums = [row["sha256"] for row in index if row["file"] == name and row["number"]]
        wanted = [sum_of(raw) for raw in mails]
        assert all(one in {sum_of(raw), sum_of(raw.rstrip(b"\n"))} for one, raw in zip(sums, mails, strict=True)), (
            wanted
        )
        found.update(raw for raw in mails if raw.strip())
    assert found == Counter(raw for mails in made.mails.values() for raw in mails if raw)
    assert anna.told["counts"]["mails"] == sum(map(len, made.mails.values()))
    assert anna.told["counts"]["empty"] == 1


def test_folders_of_mail_have_names_that_people_and_systems_read(anna: Opened) -> None:
    assert sorted(name for name in anna.names if name.endswith(".mbox")) == sorted([
        "mail/Posteingang.mbox", "mail/Posteingang/Büro- 2026-27.mbox", "mail/Posteingang/Büro- 2026-27/büro- 2026-27.mbox",
        "mail/Kreis.mbox", "mail/Kreis/Kreis.mbox", "mail/Leer.mbox", "mail/unnamed.mbox", "mail/_unlisted.mbox",
    ])  # fmt: skip
    assert anna.read("mail/Leer.mbox") == b""
    assert anna.told["imap_folders"] == 1
    flags = [
        message.get_flags()
        for message in mailbox.mbox(anna.folder / "mail/Posteingang/Büro- 2026-27.mbox", create=False)
    ]
    assert flags[:2] == ["ROA", "O"]


def test_what_is_missing_or_leads_elsewhere_is_told_and_nothing_of_others_comes_along(anna: Opened) -> None:
    rows = list(csv.DictReader(io.StringIO(anna.read("missing.csv").decode())))
    assert sorted((row["what"], row["name"]) for row in rows) == [
        ("event", "Ohne Datum"), ("file", "Weg.bin"), ("file", "fremd.bin"), ("mail", "'=FEHLT()"), ("mail", "Ausbruch"),
        ("mail", "Verweis"),
    ]  # fmt: skip
    assert anna.told["missing"] == len(rows)
    everything = b"".join(anna.read(name) for name in anna.names if not name.endswith("/"))
    for foreign in (b"not yours", b"Nicht Annas", b"Clara", b"Fremde", b"root:", b"geheim"):
        assert foreign not in everything


def test_files_have_their_real_names_in_their_folders(anna: Opened, made: Made) -> None:
    assert anna.below("files") == made.files
    assert "files/Verträge- -2026-/Leer/" in anna.names
    assert anna.told["counts"]["files"] == len(made.files)


def test_contacts_are_read_in_both_versions_with_groups_and_pictures(anna: Opened) -> None:
    for version in ("4.0", "3.0"):
        cards = list(vobject.readComponents(anna.read(f"contacts/contacts-vcard-{version}.vcf").decode()))
        assert len(cards) == anna.told["counts"]["contacts"] == 31
        assert cards[0].fn.value == "Anna"
        by_mail = {card.email.value: card for card in cards}
        assert by_mail["2@kunde.test"].categories.value == ["Freunde, alte"]
        assert [one.value for one in by_mail["1@kunde.test"].contents["email"]] == ["1@kunde.test", "1b@kunde.test"]
        assert by_mail["1@kunde.test"].note.value == "Zeile; eins\nZwei, 😀\nHund: Bello"
        if version == "3.0":
            assert [by_mail[f"{number}@kunde.test"].photo.value for number in (1, 2)] == [PNG, JPEG * 3]


def test_calendars_and_tasks_are_read_with_rules_alarms_and_people(anna: Opened) -> None:
    calendars = {name: icalendar.Calendar.from_ical(raw) for name, raw in anna.below("calendars").items()}
    assert sorted(calendars) == [
        "calendars/Abonniert.ics",
        "calendars/Büro - privat.ics",
        "calendars/Calendar.ics",
        "calendars/Leer.ics",
    ]
    events = {str(one["uid"]): one for calendar in calendars.values() for one in calendar.walk("VEVENT")}
    assert len(events) == anna.told["counts"]["events"] == 42
    first = events["e-1"]
    assert first["summary"] == "Termin 1, Größe 😀"
    assert first["dtstart"].dt == datetime(2026, 3, 27, 9, tzinfo=ZoneInfo("Europe/Vienna"))
    assert first["dtstart"].params["TZID"] == "Europe/Vienna"
    assert (first["rrule"]["FREQ"], first["rrule"]["BYDAY"], first["rrule"]["INTERVAL"]) == (["WEEKLY"], ["FR"], [2])
    assert [alarm["trigger"].dt for alarm in first.walk("VALARM")] == [timedelta(minutes=-15)]
    assert first["attendee"].params["CN"] == "Groß, 'Jo'"
    assert (events["e-50"]["dtstart"].dt, events["e-50"]["dtend"].dt) == (date(2026, 12, 24), date(2026, 12, 25))
    assert events["holiday-1@export.invalid"]["summary"] == "Betriebsausflug"
    [tasks] = [icalendar.Calendar.from_ical(raw) for raw in anna.below("tasks").values()]
    assert [str(one["summary"]) for one in tasks.walk("VTODO")] == [f"Aufgabe {number}" for number in range(1, 6)]


def test_bookmarks_feeds_and_what_has_no_format_are_there(anna: Opened) -> None:
    reader = Bookmarks()
    reader.feed(anna.read("bookmarks/bookmarks.html").decode())
    assert len(reader.found) == anna.told["counts"]["bookmarks"] == 12
    assert ("Büro & <Co>", "Seite 1 😀", "https://kunde.test/?n=1&x=\"'") in reader.found
    assert b'ADD_DATE="1772439300"' in anna.read("bookmarks/bookmarks.html")
    outline = ET.fromstring(anna.read("feeds/feeds.opml")).find(".//outline[@type='rss']")  # noqa: S314  # our own
    assert outline is not None
    assert outline.get("xmlUrl") == "https://kunde.test/feed?a=1&b=2"
    texts = {name: raw.decode() for name, raw in anna.below("settings").items()}
    assert texts["settings/signatures/Büro-1.txt"] == "Grüße\nAnna"
    assert texts["settings/text-blocks/Antworten/Danke.html"] == "<b>Danke ä</b>"
    assert "core.pagesize = 50" in texts["settings/settings.txt"]
    assert "core.otp_pass = (not exported)" in texts["settings/settings.txt"]
    assert "subject contains 'Rechnung'" in texts["settings/filters.txt"]
    assert "aliases: Info <info@kunde.test>" in texts["settings/mail-accounts.txt"]
    assert "https://kunde.test/feiertage.ics" in texts["settings/subscriptions.txt"]
    assert texts["settings/trusted-senders.txt"] == "j@kunde.test\n"


def test_the_page_that_explains_tells_counts_and_that_imap_was_never_ours_and_all_sums_are_right(anna: Opened) -> None:
    for name, words in (
        ("LIESMICH.txt", ("IMAP", "lagen nie bei uns", "41  E-Mails")),
        ("README.txt", ("never were", "31  contacts")),
    ):
        page = anna.read(name).decode()
        assert all(word in page for word in (*words, "anna", "k3v9q2", "Europe/Vienna", "missing.csv"))
        assert not re.search(r"[{}]", page)
    sums = dict(reversed(line.split("  ", 1)) for line in anna.read("SHA256SUMS").decode().splitlines())
    files = [name for name in anna.names if not name.endswith("/") and name != "SHA256SUMS"]
    assert sums == {name: hashlib.sha256(anna.read(name)).hexdigest() for name in files}


def test_somebody_with_nothing_gets_an_archive_and_somebody_who_is_gone_gets_none(bench: Bench, made: Made) -> None:
    code, told, file, _ = bench.export(4)
    assert (code, told["result"]["missing"]) == (0, 0)
    dora = Opened(told, file)
    assert dora.read("mail/Posteingang.mbox") == b""
    assert "missing.csv" not in dora.names
    code, told, _, _ = bench.export(3)
    assert (code, told["kind"]) == (1, "gone")
    assert set(USERS) == {1, 2, 4}


def test_what_changes_while_it_is_written_is_not_in_it(bench: Bench, made: Made) -> None:
    """The rows of one moment: a lock on a pipe that nobody reads holds the exporter in its first part."""
    reader, writer = os.pipe()
    request = {
        "storage": str(bench.storage), "uid": 1, "instance": "x", "now": "2026-03-02T09:00:00+00:00", "user": "phm_x",
        "client": [f"--socket={bench.server.folder}/socket"], "password": "pw", "database": "phm_x", "prefix": "phlymail",
    }  # fmt: skip
    with subprocess.Popen(
        [PYTHON, "-I", str(bench.folder / "exporter.pyz")], stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.PIPE
    ) as process:
        os.close(writer)
        assert process.stdin
        assert process.stderr
        process.stdin.write(json.dumps(request).encode())
        process.stdin.close()
        assert json.loads(process.stderr.readline()) == {"phase": "mail"}
        bench.put(
            [
                "INSERT INTO phlymail_calendar_events (id, uid, uuid, title, starts) VALUES (999, 1, 'late', 'spät', '2026-03-27 09:00:00')"
            ]
        )
        with os.fdopen(reader, "rb") as pipe:
            raw = pipe.read()
        process.wait()
    bench.put(["DELETE FROM phlymail_calendar_events WHERE id=999"])
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert b"e-50" in archive.read("calendars/Büro - privat.ics")
        assert b"late" not in b"".join(archive.read(name) for name in archive.namelist())


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_thirty_thousand_mails_take_no_more_memory_than_some(bench: Bench, made: Made) -> None:
    import random

    rng, folder = random.Random(3), bench.storage / "user/2/email/inbox"
    raw = [mail(number, rng) for number in range(50)]
    rows = []
    for number in range(30_000):
        (folder / f"m{number}").write_bytes(raw[number % 50])
        rows.append(f"(201, 2, 'm{number}', 'Grüße {number}', '2026-03-02 09:05:07', '', '')")
    for begin in range(0, len(rows), 2000):
        values = ", ".join(rows[begin : begin + 2000])
        bench.put(
            [
                f"INSERT INTO phlymail_email_index (folder_id, uid, uidl, hsubject, hdate_recv, search_body, hmessage_id) VALUES {values}"
            ]
        )
    code, told, file, peak = bench.export(2)
    assert code == 0, told
    assert told["result"]["counts"]["mails"] == 30_001  # with the one in no list
    assert peak < FLAT_KIB
    with zipfile.ZipFile(file) as archive, archive.open("mail/Posteingang.mbox") as box:
        assert sum(line.startswith(b"From ") for line in box) == 30_000
    with bench.engine.connect() as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM phlymail_email_index WHERE uid=2")).scalar() == 30_000
