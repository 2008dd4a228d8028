"""Rows that would act on a server don't any more, in a real database; what is lawful stays as it was (P34)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from hosting.commands import importing
from hosting.product.accounts import table
from hosting.product.poison import POISONS, RULES
from tests.inventory.databases import PrivateMariadb

if TYPE_CHECKING:
    from collections.abc import Iterator

DATABASE = "phm_draft"
LAWFUL = {
    "calendar_groups": [("uri", "https://calendar.example/a.ics"), ("uri", ""), ("uri", "webcal://cal.example:8443/x")],
    "rss_feed": [("xml_uri", "http://max:pw@news.example/feed?u=http://127.0.0.1/"), ("xml_uri", "https://10news.example/")],
    "bookmarks_item": [("url", "https://a.example/?next=file:///x"), ("url", "mailto:a@b.example")],
    "email_filters": [("script_name", "")],
    "user": [("choices", 'a:1:{s:1:"a";s:5:"O:3:x";}'), ("choices", "theme;;Yokohama")],
    "email_index": [("uidl", "0a1b2c.7"), ("uidl", "..a"), ("uidl", "<x@y>")],
    "files_index": [("file_name", "1199145600.47a"), ("file_name", "a..b")],
    "files_folders": [("folder_path", "7"), ("folder_path", "7/8")],
}  # fmt: skip
POISONED = {
    "calendar_groups": [("uri", one) for one in (
        "file:///etc/passwd", "FILE:///etc/passwd", "/etc/passwd", "php://filter/x", "phar://x", "data:text/plain,x",
        "http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest", "https://localhost:8080/", "http://0x7f000001/",
        "http://2130706433/", "http://x@10.1.2.3/", "http://192.168.1.1/", "http://172.20.0.1/", "http://0/", "https://nas.local/",
    )],
    "rss_feed": [("xml_uri", "gopher://x.example/"), ("html_uri", "javascript:alert(1)")],
    "adb_group": [("uri", "file:///x")],
    "bookmarks_folder": [("uri", "expect://id")],
    "bookmarks_item": [("url", "javascript:alert(1)"), ("url", " JavaScript:x"), ("url", "file:///etc/passwd"),
        ("url", "\tjavascript:x"), ("url", "java\tscript:x"), ("url", "java\r\nscript:x"), ("url", "\x01javascript:x"), ("url", "\0 data:x")],
    "email_filters": [("script_name", "../../evil.php")],
    "user": [("choices", 'a:1:{i:0;O:8:"Evil_Cls":0:{}}'), ("choices", 'O:+8:"Evil_Cls":0:{}'), ("choices", 'C:3:"X":0:{}')],
    "email_index": [("uidl", "../../1/email/inbox/x"), ("uidl", ".."), ("uidl", "a/b"), ("uidl", "a\0b")],
    "files_index": [("file_name", "../x"), ("file_name", "/etc/passwd")],
    "files_folders": [("folder_path", "../../2/files"), ("folder_path", "/etc")],
    "email_folders": [("folder_path", "a/../../b")],
}  # fmt: skip
GOES = {"email_index", "files_index"}
"""Of these the row goes; of all others the value is emptied or made harmless."""


@pytest.fixture(scope="module")
def mariadb() -> Iterator[PrivateMariadb]:
    server = PrivateMariadb()
    try:
        server.statement("SET GLOBAL sql_mode = 'NO_ENGINE_SUBSTITUTION'")
        yield server
    finally:
        server.remove()


class Draft:
    """A database with a table for each that can hold something that acts."""

    def __init__(self, server: PrivateMariadb) -> None:
        self.connection = pymysql.connect(
            unix_socket=f"{server.folder}/socket", user="root", charset="utf8mb4", autocommit=True
        )
        self.ask(f"DROP DATABASE IF EXISTS {DATABASE}")
        self.ask(f"CREATE DATABASE {DATABASE}")
        columns: dict[str, set[str]] = {"email_folders": {"att_type"}, "core_crontab": {"job"}}
        for poison in POISONS:
            columns.setdefault(poison.table, set()).add(poison.column)
        for name, found in columns.items():
            plain = [f"`{one}` text" for one in sorted(found - {"att_type", "run_script"})]
            numbers = [f"`{one}` int NOT NULL DEFAULT 0" for one in sorted(found & {"att_type", "run_script"})]
            more = ", folder_id int NOT NULL DEFAULT 1" if name == "email_index" else ""
            self.ask(
                f"CREATE TABLE {DATABASE}.{table(name)} (idx int PRIMARY KEY AUTO_INCREMENT, "
                f"{', '.join([*plain, *numbers])}{more}) DEFAULT CHARSET=utf8"
            )
        self.ask(f"INSERT INTO {DATABASE}.{table('email_folders')} (folder_path) VALUES ('inbox')")

    def ask(self, question: str, values: tuple[Any, ...] | None = None) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(question, values)
            return list(cursor.fetchall())

    def add(self, rows: dict[str, list[tuple[str, str]]]) -> int:
        for name, pairs in rows.items():
            for column, value in pairs:
                self.ask(f"INSERT INTO {DATABASE}.{table(name)} ({column}) VALUES (%s)", (value,))
        return sum(map(len, rows.values()))

    def values(self, name: str, column: str) -> list[Any]:
        return [row[0] for row in self.ask(f"SELECT {column} FROM {DATABASE}.{table(name)} ORDER BY idx")]

    def neutralise(self) -> dict[str, int]:
        statement = importing.columns(DATABASE)
        there: dict[str, set[str]] = {}
        for name, column in self.ask(statement.sql, statement.values):
            there.setdefault(name, set()).add(column)
        found: dict[str, int] = {}
        for poison in POISONS:
            if importing.can_act(poison, there) and (count := self.ask(importing.poisoned(DATABASE, poison).sql)[0][0]):
                self.ask(importing.neutralise(DATABASE, poison).sql)
                found[poison.why.code] = found.get(poison.why.code, 0) + count
        return found


def test_what_is_lawful_stays_as_it_is(mariadb: PrivateMariadb) -> None:
    draft = Draft(mariadb)
    draft.add(LAWFUL)
    assert draft.neutralise() == {}
    for name, pairs in LAWFUL.items():
        for column in {column for column, _ in pairs}:
            wanted = [value for other, value in pairs if other == column]
            assert [one for one in draft.values(name, column) if one is not None] == wanted


def test_each_poisoned_row_is_found_and_told_and_none_acts_any_more(mariadb: PrivateMariadb) -> None:
    draft = Draft(mariadb)
    count = draft.add(POISONED)
    found = draft.neutralise()
    assert sum(found.values()) == count, found
    assert draft.neutralise() == {}
    for name, pairs in POISONED.items():
        for column, value in pairs:
            assert value not in draft.values(name, column)
        if name in GOES:
            assert draft.values(name, "idx") == []
    for code, number in found.items():
        assert str(number) in RULES[code].found(count=number).told("de")


def test_in_columns_of_bytes_other_letters_hide_nothing(mariadb: PrivateMariadb) -> None:
    """A dump declares its columns itself; bytes are compared by letter case, unless it is said not to count."""
    draft = Draft(mariadb)
    for name, column in (("bookmarks_item", "url"), ("calendar_groups", "uri"), ("user", "choices")):
        draft.ask(f"ALTER TABLE {DATABASE}.{table(name)} MODIFY {column} longblob")
    hidden = {
        "bookmarks_item": [("url", one) for one in ("JavaScript:x", "JAVA\tSCRIPT:x", "FILE:///etc/passwd")],
        "calendar_groups": [("uri", one) for one in ("http://LocalHost/", "HTTP://NAS.Local/", "HTTPS://0X7f000001/")],
        "user": [("choices", 'O:8:"Evil_Cls":0:{}')],
    }
    draft.add(
        {
            "calendar_groups": [("uri", "HTTPS://Calendar.example/a.ics")],
            "bookmarks_item": [("url", "HTTP://a.example/")],
        }
    )
    assert draft.neutralise() == {}
    count = draft.add(hidden)
    assert sum(draft.neutralise().values()) == count
    assert draft.values("calendar_groups", "uri")[0] == b"HTTPS://Calendar.example/a.ics"


def test_columns_in_other_letters_are_looked_at_all_the_same(mariadb: PrivateMariadb) -> None:
    draft = Draft(mariadb)
    for name, column in (("email_filters", "script_name"), ("bookmarks_item", "url"), ("email_folders", "att_type")):
        kind = "int NOT NULL DEFAULT 0" if column == "att_type" else "text"
        draft.ask(f"ALTER TABLE {DATABASE}.{table(name)} CHANGE {column} {column.upper()} {kind}")
    few = {name: POISONED[name] for name in ("email_filters", "bookmarks_item", "email_index")}
    assert sum(draft.neutralise().values()) == 0
    count = draft.add(few)
    assert sum(draft.neutralise().values()) == count


def test_foreign_jobs_and_sessions_are_gone_and_the_products_jobs_stay(mariadb: PrivateMariadb) -> None:
    draft = Draft(mariadb)
    for handler, job in (("core", "archive"), ("shop", "run"), ("core", "../evil"), ("email", "fetchmails")):
        draft.ask(f"INSERT INTO {DATABASE}.{table('core_crontab')} (handler, job) VALUES (%s, %s)", (handler, job))
    draft.ask(f"INSERT INTO {DATABASE}.{table('core_lock')} (token) VALUES ('x')")
    draft.ask(f"INSERT INTO {DATABASE}.{table('user')} (token) VALUES ('x')")
    assert draft.neutralise() == {"foreign_jobs": 2, "tokens": 2}
    assert draft.values("core_crontab", "job") == ["archive", "fetchmails"]
    assert draft.values("user", "token") == [None]


def test_mails_that_lie_on_another_server_keep_their_names(mariadb: PrivateMariadb) -> None:
    draft = Draft(mariadb)
    draft.ask(f"UPDATE {DATABASE}.{table('email_folders')} SET att_type = 10")
    draft.ask(f"INSERT INTO {DATABASE}.{table('email_index')} (uidl) VALUES ('a/b')")
    assert draft.neutralise() == {}


def test_an_old_database_that_lacks_a_table_or_column_is_no_trouble(mariadb: PrivateMariadb) -> None:
    draft = Draft(mariadb)
    for name in ("rss_feed", "email_folders"):
        draft.ask(f"DROP TABLE {DATABASE}.{table(name)}")
    assert draft.neutralise() == {}
