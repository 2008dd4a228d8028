"""How an old installation looks, after the notes on the product alone, by eyes that had not seen the importer (P33)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from tests.product.old_dumps_by_the_book import WRITERS, Table, Tables, Value

GUARD = ";<?php die(); ?>\n"
ID = "bigint(20) unsigned NOT NULL AUTO_INCREMENT"
REF = "bigint(20) unsigned NOT NULL DEFAULT '0'"
NAME = "varchar(255) NOT NULL DEFAULT ''"
FLAG = "enum('0','1') NOT NULL DEFAULT '0'"
WHEN = "datetime NOT NULL DEFAULT '0000-00-00 00:00:00'"
PATHS = ("theme", "frontend", "lib", "handler", "driver", "message", "admin", "tplcache", "temp", "logging", "msggw")


@dataclass(frozen=True)
class Person:
    """A user of the old installation."""

    uid: int
    name: str
    password: str
    mails: tuple[str, ...]
    stored: tuple[str, ...] = ()
    active: bool = True


@dataclass(frozen=True)
class BookTree:
    """One old installation: where its things lie, who wrote its dump, and what it holds."""

    title: str
    edition: str
    build: str
    dump_by: str
    prefix: str
    salt: str
    people: tuple[Person, ...]
    dump_at: str
    top: str = ""
    conf: str = "storage/config"
    base: str = "storage/user"
    paths: dict[str, str] | None = None
    more_core: dict[str, str] = field(default_factory=dict)
    old_driver: bool = False
    split_choices: bool = True
    ends: str = "\n"
    leftover: int | None = None

    @property
    def series(self) -> int:
        """The first digit of the build."""
        return int(self.build[0])

    @property
    def mails(self) -> int:
        """How many mails have to arrive."""
        return sum(len(person.mails) for person in self.people)

    @property
    def stored(self) -> int:
        """How many stored files have to arrive."""
        return sum(len(person.stored) for person in self.people)

    def digest(self, person: Person) -> str:
        """Return the digest that the product compares at a login."""
        return hashlib.md5(f"{person.name}:{self.salt}:{person.password}".encode(), usedforsecurity=False).hexdigest()

    def _choices(self) -> tuple[str, str]:
        core = {"online_status": "1", "database": "mysql", "language": "de", "theme_name": "Yokohama"} | self.more_core
        sections = {"core": core, "auth": {"system_salt": self.salt, "countonfail": "5", "waitonfail": "5"}}
        if self.paths is not None:
            sections["path"] = dict.fromkeys(PATHS, "shared/x") | self.paths
        first = _ini(sections)
        second = _ini({"core": {"pagesize": "75", "provider_name": "Bäcker & Söhne"}, "antijunk": {"use_feature": "1"}})
        return first, second

    def _driver(self) -> tuple[str, str]:
        access = {"host": "localhost:/tmp/mysql5.sock", "user": "web12", "pass": "geheim", "database": "usr_web12_1"}
        access["prefix"] = self.prefix
        if self.old_driver:
            lines = "".join(f"mysql_{key};;{value}\n" for key, value in access.items())
            return f"{self.conf}/driver.mysql.conf.php", "<?php die(); ?>\n" + lines
        return f"{self.conf}/driver.mysql.ini.php", GUARD + _lines(access)

    def _config_files(self) -> dict[str, str]:
        first, second = self._choices()
        at, driver = self._driver()
        label = {"MessageCenter": "phlyMail MessageCenter", "Lite": "phlyMail Lite", "Free": "phlyMail Free"}[
            self.edition
        ]
        second_name = "global.choices.ini.php" if self.series == 3 else "choices.ini.php"
        files = {
            "choices.ini.php": first,
            at: driver,
            f"{self.conf}/current.build": self.build,
            f"{self.conf}/build.name": label,
            f"{self.conf}/config.choices.ini.php": GUARD + 'language = "de"\nscheme = "default"\nallow_ip = "1"\n',
            f"{self.conf}/config.allowed_ips.php": "<?php die(); ?>\n10.1.\n192.168.3.\n",
            f"{self.conf}/active_handlers.ini.php": GUARD + _lines(dict.fromkeys(("core", "email", "calendar"), "1")),
        }
        return files | ({f"{self.conf}/{second_name}": second} if self.split_choices else {})

    def _code(self) -> dict[str, bytes]:
        entries = ("index.php", "config.php", "m.php", "api.php") + (("webdav.php",) if self.series > 3 else ())
        code = dict.fromkeys(entries, b"<?php define('_IN_PHM_', true); // phlyMail\n")
        messages = "shared/messages/de.php" if self.series > 3 else "frontend/messages/de.php"
        code |= {messages: b"<?php $WP_msg = array();\n", "shared/lib/functions.php": b"<?php\n"}
        return code | {f"handlers/{name}/description.ini": b"version = 430\n" for name in ("core", "email", "calendar")}

    def _user_files(self) -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        for person in self.people:
            own = f"{self.base}/{person.uid}"
            for number, subject in enumerate(person.mails):
                files[f"{own}/email/{self.folder(number)}/{uidl(person, number)}"] = mail(person, subject)
            for number, text in enumerate(person.stored):
                files[f"{own}/files/13000{number}.4e3f{person.uid:04x}"] = text.encode()
        if self.leftover is not None:
            files[f"{self.base}/{self.leftover}/email/inbox/gone.1"] = b"Subject: of a user who is gone\r\n\r\nx\r\n"
        return files

    @staticmethod
    def folder(number: int) -> str:
        """Return the folder of a person's n-th mail: the first lie in the inbox, the last in a folder of their own."""
        return ("inbox", "inbox", "sent", "17")[number % 4]

    def files(self) -> dict[str, bytes]:
        """Return every file of the archive: its path and its bytes."""
        config = {path: text.replace("\n", self.ends).encode() for path, text in self._config_files().items()}
        rubbish = {
            "storage/tplcache/index.tpl.cache": b'O:8:"template":0:{}',
            "storage/filter_scripts/mine.php": b"<?php system('id');",
            "storage/.htaccess": b"deny from all\n",
        }
        whole = self._code() | rubbish | config | self._user_files()
        placed = {self.top + path: content for path, content in whole.items()}
        return placed | {self.dump_at: WRITERS[self.dump_by](self.tables(), self.prefix)}

    def tables(self) -> Tables:
        """Return what stands in the database."""
        return self._accounts() | self._mail() | self._content()

    def _accounts(self) -> Tables:
        old = self.series == 3
        kind = "varchar(32) NOT NULL DEFAULT ''"
        columns = {"uid": ID, "username": "varbinary(64) NOT NULL DEFAULT ''", "password": kind}
        columns |= {"firstname": NAME} if old else {"pw_digesta1": kind}
        columns |= {"active": FLAG, "choices": "text"}
        keys = ("PRIMARY KEY (`uid`)", "UNIQUE KEY `username` (`username`)")
        return {
            "admin": Table(columns, (self._account(Person(1, "chef", "Chef!1", ()), old=old),), keys),
            "user": Table(columns, tuple(self._account(person, old=old) for person in self.people), keys),
        }

    def _account(self, person: Person, *, old: bool) -> tuple[Value, ...]:
        plain = hashlib.md5(person.password.encode(), usedforsecurity=False).hexdigest()
        secret = (plain, person.name.title()) if old else ("", self.digest(person))
        choices = "core;;language;;de\ncore;;theme_name;;Yokohama" if old else 'a:1:{s:4:"core";a:0:{}}'
        return (person.uid, person.name, *secret, "1" if person.active else "0", choices)

    def _mail(self) -> Tables:
        folders = {"idx": ID, "uid": REF, "folder_path": "text", "friendly_name": NAME, "childof": REF}
        folders |= {"att_type": "tinyint(4) NOT NULL DEFAULT '0'", "mailnum": "int(11) NOT NULL DEFAULT '0'"}
        index = {"idx": ID, "folder_id": REF, "uid": REF, "uidl": NAME, "hsubject": "text", "hfrom": "text"}
        index |= {"hdate_sent": WHEN, "hsize": REF, "search_body": "text NOT NULL", "cached": FLAG}
        kept: list[tuple[Value, ...]] = []
        mails: list[tuple[Value, ...]] = []
        for person in self.people:
            for at, (path, friendly) in enumerate((("inbox", "Posteingang"), ("sent", "Gesendet"), ("17", "Größe"))):
                kept.append((person.uid * 10 + at, person.uid, path, friendly, 0, 0, len(person.mails)))
            for number, subject in enumerate(person.mails):
                folder = person.uid * 10 + ("inbox", "sent", "17").index(self.folder(number))
                size = len(mail(person, subject))
                body = f"it's \\ {subject}\nzweite Zeile"
                mails.append(
                    (
                        len(mails) + 1,
                        folder,
                        person.uid,
                        uidl(person, number),
                        subject,
                        '"Ä" <a@example.org>',
                        "2009-02-30 00:00:00",
                        size,
                        body,
                        "1",
                    )
                )
        profiles = {"id": ID, "uid": REF, "accname": NAME, "popserver": NAME, "popuser": NAME, "poppass": NAME}
        accounts = tuple((one.uid, one.uid, "Privat", "pop.example.org", one.name, "x3Fh~") for one in self.people)
        return {
            "profiles": Table(profiles, accounts, ("PRIMARY KEY (`id`)", "KEY `uid` (`uid`)")),
            "email_folders": Table(folders, tuple(kept), ("PRIMARY KEY (`idx`)", "KEY `uid` (`uid`)")),
            "email_index": Table(
                index, tuple(mails), ("PRIMARY KEY (`idx`)", "FULLTEXT KEY `search_body` (`search_body`)")
            ),
        }

    def _content(self) -> Tables:
        gone = [] if self.leftover is None else [(900, self.leftover, 0, "Termin von niemandem")]
        events = [(one.uid, one.uid, 0, f"Frühstück mit {one.name}") for one in self.people]
        contacts = [(one.uid, one.uid, "Jürgen", "Groß; DROP TABLE", "contact") for one in self.people]
        files = [
            (
                len(person.stored) * person.uid + number + 100,
                0,
                person.uid,
                f"13000{number}.4e3f{person.uid:04x}",
                "Übersicht.txt",
            )
            for person in self.people
            for number in range(len(person.stored))
        ]
        groups = [(1, self.people[0].uid, "Privat", 0, None), (2, self.people[0].uid, "Fern", 1, "file:///etc/passwd")]
        key = ("PRIMARY KEY (`{}`)",)
        return {
            "calendar_events": Table(
                {"id": ID, "uid": REF, "gid": REF, "title": NAME}, tuple(events + gone), _keys(key, "id")
            ),
            "calendar_groups": Table(
                {"gid": ID, "owner": REF, "name": NAME, "type": "tinyint(4) NOT NULL DEFAULT '0'", "uri": "text"},
                tuple(groups),
                _keys(key, "gid"),
            ),
            "adb_adr": Table(
                {
                    "aid": ID,
                    "owner": REF,
                    "firstname": NAME,
                    "lastname": NAME,
                    "type": "enum('user','contact') NOT NULL DEFAULT 'contact'",
                },
                tuple(contacts),
                _keys(key, "aid"),
            ),
            "files_index": Table(
                {"idx": ID, "folder_id": REF, "uid": REF, "file_name": NAME, "friendly_name": NAME},
                tuple(files),
                _keys(key, "idx"),
            ),
        }


def _keys(keys: tuple[str, ...], column: str) -> tuple[str, ...]:
    return tuple(key.format(column) for key in keys)


def _lines(values: dict[str, str]) -> str:
    return "".join(f"{key} = {text}\n" if text.isdigit() else f'{key} = "{text}"\n' for key, text in values.items())


def _ini(sections: dict[str, dict[str, str]]) -> str:
    return GUARD + "".join(f"[{name}]\n{_lines(values)}\n" for name, values in sections.items())


def uidl(person: Person, number: int) -> str:
    """Return the name of the file of a mail."""
    return f"{person.uid}f00{number}.1199{number:06d}"


def mail(person: Person, subject: str) -> bytes:
    """Return a raw mail: a header, a body with a line that only dots could end, and 8-bit text."""
    head = (
        f"From: a@example.org\r\nTo: {person.name}@example.com\r\nSubject: =?utf-8?q?{subject.encode().hex()}?=\r\n\r\n"
    )
    return (head + f"{subject}\r\n.\r\nFrom here on: größer\r\n").encode()
