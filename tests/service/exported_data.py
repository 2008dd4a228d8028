"""An instance with a life in it for exports: its tables as the stand-in declares them, rows and files, nothing else of it."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

APPLICATION = Path(__file__).parents[2] / "fleet/standin/application"
DECLARED = """
define('_IN_PHM_', 1); chdir($argv[1]); require 'shared/lib/Schema.php'; $sql = [];
foreach (Schema::declared() as $table => $columns) {
    $parts = [];
    foreach ($columns as $name => $type) { if ($name[0] !== '#') { $parts[] = "`$name` " . Schema::type($type); } }
    $sql[] = "CREATE TABLE `phlymail_$table` (" . implode(', ', $parts) . ') ENGINE=InnoDB DEFAULT CHARSET=utf8mb4';
}
echo json_encode($sql);
"""
ZERO = "SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO'"
"""As servers have it: no strict mode, so that dates may be zero."""

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4


def create_statements() -> list[str]:
    """The tables, as SQL."""
    done = subprocess.run(["php", "-r", DECLARED, "--", str(APPLICATION)], capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


@dataclass
class Made:
    """What was put into it.

    Args:
        mails: of each folder's path, the raw mails in order.
        files: the uploads by the path that they have for the user.
    """

    mails: dict[str, list[bytes]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    sql: list[str] = field(default_factory=list)

    def row(self, table: str, **values: object) -> None:
        """A row."""
        names = ", ".join(f"`{name}`" for name in values)
        self.sql.append(f"INSERT INTO `phlymail_{table}` ({names}) VALUES ({', '.join(map(literal, values.values()))})")


def literal(value: object) -> str:
    """A value as SQL."""
    if value is None:
        return "NULL"
    raw = value if isinstance(value, bytes) else str(value).encode()
    return f"x'{raw.hex()}'" if isinstance(value, bytes) else f"CONVERT(x'{raw.hex()}' USING utf8mb4)"


def mail(number: int, rng: random.Random, end: bytes = b"\r\n") -> bytes:
    """A mail with umlauts, an emoji, lines that begin with From, and an attachment."""
    message = EmailMessage()
    message["From"], message["To"] = "Jürgen Groß <j@kunde.test>", "anna@kunde.test"
    message["Subject"] = f"Grüße {number} 😀"
    message.set_content(f"Hallo {number}\nFrom hier an\n>From dort\n>>From\nÄÖÜ\n", cte="8bit")
    message.add_attachment(rng.randbytes(rng.randrange(1, 9000)), "application", "octet-stream", filename="Größe.bin")
    return message.as_bytes().replace(b"\n", end)


USERS = {1: "anna", 2: "bert", 4: "dora"}
"""3 was deleted; of it some is left."""


def fill(storage: Path) -> Made:
    """Three users, of whom the first has everything; a folder of somebody who is gone."""
    made, rng = Made(), random.Random(7)
    for uid, name in USERS.items():
        choices = 'a:1:{s:4:"core";a:3:{s:8:"pagesize";i:50;s:8:"otp_pass";s:7:"geheim0";s:4:"sign";s:4:"Ä=1";}}'
        made.row("user", uid=uid, username=name, active="1", choices=choices if uid == 1 else "", contactid=900 + uid)
        made.row("adb_adr", aid=900 + uid, owner=0, type="user", firstname=name.title(), email1=f"{name}@kunde.test")
        (storage / f"user/{uid}/email/inbox").mkdir(parents=True)
        made.row(
            "email_folders", idx=100 * uid, uid=uid, friendly_name="Postfach", att_icon=":mailbox", att_has_items="0"
        )
        made.row("email_folders", idx=100 * uid + 1, uid=uid, childof=100 * uid, folder_path="inbox", friendly_name="Posteingang",
                 att_icon=":inbox")  # fmt: skip
    config = storage / "config"
    config.mkdir()
    (config / "choices.ini.php").write_text(';<?php die(); ?>\n[core]\ntimezone = "Europe/Vienna"\n')
    fill_mail(made, storage, rng)
    fill_people(made, storage)
    fill_dates(made)
    fill_files(made, storage, rng)
    fill_notes(made)
    leave_behind(made, storage)
    return made


def fill_mail(made: Made, storage: Path, rng: random.Random) -> None:
    """Folders in folders, an empty one, one in a circle, one elsewhere; mails that are empty, or not there."""
    folders = [
        (110, 101, "11", "Büro: 2026/27", 0), (111, 110, "12", "büro: 2026/27", 0), (112, 113, "13", "Kreis", 0),
        (113, 112, "14", "Kreis", 0), (114, 100, "15", "Leer", 0), (115, 100, "7:INBOX", "INBOX", 10), (116, 100, "16", "..", 0),
    ]  # fmt: skip
    for idx, parent, path, name, kind in folders:
        made.row(
            "email_folders",
            idx=idx,
            uid=1,
            childof=parent,
            folder_path=path,
            friendly_name=name,
            att_type=kind,
            att_icon="",
        )
        if kind == 0:
            (storage / f"user/1/email/{path}").mkdir()
    for number in range(40):
        folder, path = [(101, "inbox"), (110, "11"), (111, "12"), (112, "13"), (116, "16")][number % 5]
        raw = b"" if number == 5 else mail(number, rng, b"\n" if number % 7 == 0 else b"\r\n")
        (storage / f"user/1/email/{path}/u{number}").write_bytes(raw)
        made.mails.setdefault(path, []).append(raw)
        mail_row(made, folder, f"u{number}", f"Grüße {number} 😀", read="1" if number % 2 else "0")
    mail_row(made, 101, "never-there", "=FEHLT()")
    mail_row(made, 101, "../../2/email/inbox/secret", "Ausbruch")
    (storage / "user/2/email/inbox/secret").write_bytes(b"Subject: not yours\n\n")
    (storage / "user/1/email/inbox/link").symlink_to("/etc/passwd")
    mail_row(made, 101, "link", "Verweis")
    made.row("email_index", folder_id=115, uid=1, uidl="77", hsubject="bei IMAP", search_body="", hmessage_id="")
    orphan = mail(99, rng)
    (storage / "user/1/email/inbox/orphan").write_bytes(orphan)
    made.mails["_unlisted"] = [orphan]
    (storage / "user/1/email/.tmp").mkdir()
    (storage / "user/1/email/.tmp/cache").write_bytes(b"x")


def mail_row(made: Made, folder: int, uidl: str, subject: str, read: str = "1") -> None:
    made.row("email_index", folder_id=folder, uid=1, uidl=uidl, hsubject=subject, hfrom="Jürgen <j@kunde.test>", read=read,
             hdate_recv="2026-03-02 09:05:07", search_body="", hmessage_id="", answered="1" if uidl == "u1" else "0")  # fmt: skip


def fill_people(made: Made, storage: Path) -> None:
    """Contacts with groups, pictures, own fields; also somebody else's."""
    made.row("adb_group", gid=1, owner=1, name="Freunde, alte")
    made.row("adb_group", gid=2, owner=2, name="Fremde")
    made.row("adb_freefield_type", id=1, uid=1, name="Hund")
    for aid in range(1, 31):
        picture = {1: PNG, 2: JPEG}.get(aid)
        made.row("adb_adr", aid=aid, owner=1, uuid=f"c-{aid}", firstname="Jürgen", lastname=f"Groß-{aid}", email1=f"{aid}@kunde.test",
                 email2=f"{aid}b@kunde.test" if aid % 2 else "", comments="Zeile; eins\nZwei, 😀", image=picture)  # fmt: skip
        made.row("adb_adr_group", aid=aid, gid=1 + aid % 2, uid=1)
    made.row("adb_freefield", aid=1, type_id=1, value="Bello")
    made.row("adb_adr", aid=50, owner=2, lastname="Nicht Annas")
    (storage / "user/1/contacts").mkdir()
    (storage / "user/1/contacts/2").write_bytes(JPEG * 3)


def fill_dates(made: Made) -> None:
    """Events with rules, alarms and attendees, whole days, tasks, days that are marked; some in nobody's calendar."""
    made.row("calendar_groups", gid=5, owner=1, name="Büro / privat")
    made.row("calendar_groups", gid=6, owner=1, name="Leer")
    made.row(
        "calendar_groups",
        gid=7,
        owner=1,
        name="Abonniert",
        type=1,
        uri="https://kunde.test/feiertage.ics",
        ext_pw="geheim1",
    )
    for number in range(1, 41):
        made.row("calendar_events", id=number, uid=1, gid=[0, 5, 99][number % 3], uuid=f"e-{number}", title=f"Termin {number}, Größe 😀",
                 starts="2026-03-27 09:00:00", ends="2026-03-27 10:00:00", opaque="1", type=10)  # fmt: skip
    made.row(
        "calendar_events",
        id=50,
        uid=1,
        gid=5,
        uuid="e-50",
        title="Ganztags",
        starts="2026-12-24 00:00:00",
        ends="2026-12-24 23:59:00",
    )
    made.row("calendar_events", id=51, uid=1, gid=5, uuid="e-51", title="Ohne Datum", starts="0000-00-00 00:00:00")
    made.row(
        "calendar_event_repetitions", eid=1, ref="evt", type="week", repeat=5, extra="2", until="2026-06-01 00:00:00"
    )
    made.row("calendar_event_repetitions", eid=1, ref="tsk", type="day", repeat=0)
    made.row("calendar_event_reminders", eid=1, ref="evt", uid=1, time=900, mode="s")
    made.row(
        "calendar_event_attendees",
        eid=1,
        ref="evt",
        name='Groß, "Jo"',
        email="j@kunde.test",
        role="chair",
        status=1,
        mailhash="h1",
    )
    for number in range(1, 6):
        made.row(
            "calendar_tasks",
            id=number,
            uid=1,
            gid=5,
            uuid=f"t-{number}",
            title=f"Aufgabe {number}",
            importance=1,
            completion=20,
        )
    made.row("calendar_holidays", hid=1, uid=1, gid=5, hname="Betriebsausflug", hdate="2026-07-01", recurring="1")


def fill_files(made: Made, storage: Path, rng: random.Random) -> None:
    """Files with names that some system can't write, that collide, that lead elsewhere; one is gone, one is in no list."""
    base = storage / "user/1/files"
    (base / "21").mkdir(parents=True)
    made.row("files_folders", idx=20, uid=1, folder_path="", friendly_name="Dateien", att_icon=":files")
    made.row("files_folders", idx=21, uid=1, childof=20, folder_path="21", friendly_name="Verträge: <2026>")
    made.row("files_folders", idx=22, uid=1, childof=21, folder_path="22", friendly_name="Leer")
    named = [
        (20, "Übersicht 😀.pdf", "files/Übersicht 😀.pdf"), (20, "übersicht 😀.pdf", "files/übersicht 😀 (2).pdf"),
        (20, "../../../etc/passwd", "files/..-..-..-etc-passwd"), (20, "CON.txt", "files/_CON.txt"), (20, "a:b*c?.txt", "files/a-b-c-.txt"),
        (20, "x" * 240 + ".docx", "files/" + "x" * 115 + ".docx"), (20, " . ", "files/unnamed"), (21, "gleich.txt", "files/Verträge- -2026-/gleich.txt"),
        (21, "gleich.txt", "files/Verträge- -2026-/gleich (2).txt"), (99, "verwaist.txt", "files/verwaist.txt"), (21, "leer.txt", "files/Verträge- -2026-/leer.txt"),
    ]  # fmt: skip
    for number, (folder, name, path) in enumerate(named):
        content = b"" if name == "leer.txt" else rng.randbytes(rng.randrange(1, 20_000))
        place = base / "21" if folder == 21 else base
        (place / f"17{number}.abc").write_bytes(content)
        made.row(
            "files_index",
            folder_id=folder,
            uid=1,
            file_name=f"17{number}.abc",
            friendly_name=name,
            mtime="2026-02-01 10:00:00",
        )
        made.files[path] = content
    made.row("files_index", folder_id=20, uid=1, file_name="gone.abc", friendly_name="Weg.bin")
    made.row("files_index", folder_id=20, uid=1, file_name="../../2/email/inbox/secret", friendly_name="fremd.bin")
    (base / "99.lost").write_bytes(b"lost and found")
    made.files["files/_unlisted/99.lost"] = b"lost and found"


def fill_notes(made: Made) -> None:
    """Bookmarks, feeds, signatures, filters, accounts, text blocks."""
    made.row("bookmarks_folder", id=1, owner=1, name="Büro & <Co>")
    for number in range(12):
        made.row("bookmarks_item", owner=1, fid=number % 2, name=f"Seite {number} 😀", url=f"https://kunde.test/?n={number}&x=\"'",
                 added="2026-03-02 09:15:00")  # fmt: skip
    made.row("rss_folder", id=1, owner=1, name="Nachrichten & mehr")
    made.row("rss_feed", owner=1, childof=1, name="Feed <1>", xml_uri="https://kunde.test/feed?a=1&b=2")
    made.row("signatures", uid=1, title="Büro/1", signature="Grüße\nAnna", signature_html="<p>Grüße</p>")
    made.row("profiles", id=3, uid=1, accname="Büro", acctype="imap", popserver="imap.kunde.test", popuser="anna", poppass="geheim2",
             smtppass="geheim3", address="anna@kunde.test")  # fmt: skip
    made.row("profile_alias", uid=1, profile=3, real_name="Info", email="info@kunde.test")
    made.row("email_filters", filter=1, uid=1, name="Rechnungen", active="1", move="1", move_to="11")
    made.row("email_filterrules", filter=1, field="subject", operator="contains", search="Rechnung")
    made.row("email_boilerplate_groups", id=1, owner=1, name="Antworten")
    made.row("email_boilerplates", gid=1, owner=1, type="html", name="Danke", body="<b>Danke ä</b>")
    made.row("email_whitelist", uid=1, filter="j@kunde.test")


def leave_behind(made: Made, storage: Path) -> None:
    """What is left of a user who was deleted (phlymail.md section 9)."""
    made.row(
        "calendar_events", id=300, uid=3, gid=0, uuid="e-300", title="Von Clara, gelöscht", starts="2026-03-27 09:00:00"
    )
    made.row("calendar_groups", gid=30, owner=3, name="Claras")
    (storage / "user/3/email/inbox").mkdir(parents=True)
    (storage / "user/3/email/inbox/u1").write_bytes(b"Subject: Claras\n\n")


def sum_of(content: bytes) -> str:
    """The sum that an index tells."""
    return hashlib.sha256(content).hexdigest()
