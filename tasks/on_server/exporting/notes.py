"""A user's bookmarks and feeds; as plain text what has no format of its own: settings, signatures, filters (P41)."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC
from typing import TYPE_CHECKING, Any

from tasks.on_server.exporting.icalendar_file import moment, whole
from tasks.on_server.exporting.markup import Tree, bookmarks, feeds
from tasks.on_server.exporting.names import safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tasks.on_server.exporting.user_export import UserExport

TOP = "settings"
SECRET = re.compile(r"pass|pw|secret|token|digest|key", re.IGNORECASE)
"""Settings whose names begin or hold this are not written: who finds the archive must not get further with it."""

ACCOUNT = (
    "accname", "acctype", "real_name", "address", "popserver", "popport", "popuser", "popsec", "leaveonserver",
    "smtpserver", "smtpport", "smtpuser", "smtpsec", "checkevery", "imapprefix",
)  # fmt: skip
FILTER = (
    "filter", "name", "type", "active", "match", "move", "move_to", "copy", "copy_to", "forward", "forward_to",
    "bounce", "bounce_to", "set_prio", "new_prio",
    "mark_read", "markread_status", "set_colour", "new_colour", "mark_junk", "delete",
    "archive", "alert_sms", "sms_to", "sms_timeframe", "alert_email", "email_to", "email_timeframe",
)  # fmt: skip
PROJECT = ("title", "location", "description", "starts", "ends", "importance", "completion")


def export_bookmarks(job: UserExport) -> None:
    """All bookmarks in their folders."""
    job.tell("bookmarks")
    mine = f"owner={job.uid}"
    folders = list(job.rows.of("bookmarks_folder", ("id", "childof", "name", "description"), mine, "id"))
    columns = ("fid", "name", "url", "description", "added", "modified", "visited")
    items = [_with_times(job, row) for row in job.rows.of("bookmarks_item", columns, mine, "id")]
    job.counts["bookmarks"] = len(items)
    if folders or items:
        job.archive.text("bookmarks", "bookmarks.html", bookmarks(Tree(folders, items, "fid")))


def _with_times(job: UserExport, row: Mapping[str, str]) -> dict[str, str]:
    """A bookmark with its times in seconds since 1970; without one at the edge of time."""
    told = dict(row)
    for column in ("added", "modified", "visited"):
        at, told[column] = moment(row[column]), ""
        if at:
            with contextlib.suppress(ValueError, OverflowError):
                told[column] = str(int(at.replace(tzinfo=job.zone).astimezone(UTC).timestamp()))
    return told


def export_feeds(job: UserExport) -> None:
    """All feeds in their folders."""
    job.tell("feeds")
    mine = f"owner={job.uid}"
    folders = list(job.rows.of("rss_folder", ("id", "childof", "name"), mine, "id"))
    columns = ("childof", "name", "description", "xml_uri", "html_uri")
    items = list(job.rows.of("rss_feed", columns, mine, "id"))
    job.counts["feeds"] = len(items)
    if folders or items:
        job.archive.text("feeds", "feeds.opml", feeds(Tree(folders, items, "childof"), f"phlyMail: {job.user}"))


def export_settings(job: UserExport) -> None:
    """Settings, accounts, signatures, filters, text blocks, senders that are trusted, subscriptions, projects."""
    job.tell("settings")
    _text(job, "settings.txt", _flat(job.choices, ""))
    _text(job, "mail-accounts.txt", _accounts(job))
    _text(job, "filters.txt", _filters(job))
    _text(
        job, "trusted-senders.txt", (f"{row['filter']}\n" for row in _mine(job, "email_whitelist", ("filter",), "id"))
    )
    _text(job, "subscriptions.txt", _subscriptions(job))
    _text(job, "projects.txt", _records(_mine(job, "calendar_projects", PROJECT, "id")))
    sent = ("moment", "target_number", "content")
    _text(job, "text-messages.txt", _records(_mine(job, "user_smslogging", sent, "sid")))
    for row in _mine(job, "signatures", ("title", "signature", "signature_html"), "id"):
        for column, ending in (("signature", "txt"), ("signature_html", "html")):
            if row[column]:
                name = safe_name(row["title"], "signature") + f".{ending}"
                job.archive.text(f"{TOP}/signatures", name, [row[column]])
    groups = {
        one["id"]: one["name"]
        for one in job.rows.of("email_boilerplate_groups", ("id", "name"), f"owner={job.uid}", "id")
    }
    for row in job.rows.of("email_boilerplates", ("gid", "type", "name", "body"), f"owner={job.uid}", "id"):
        folder = f"{TOP}/text-blocks" + (f"/{safe_name(groups[row['gid']])}" if row["gid"] in groups else "")
        ending = "html" if row["type"] == "html" else "txt"
        job.archive.text(folder, safe_name(row["name"], "text") + f".{ending}", [row["body"]])


def _mine(job: UserExport, table: str, columns: Sequence[str], key: str) -> Iterator[dict[str, str]]:
    """The user's rows of a table."""
    return job.rows.of(table, columns, f"uid={job.uid}", key)


def _text(job: UserExport, name: str, lines: Iterator[str]) -> None:
    """A file of lines, unless there are none."""
    first = next(lines, None)
    if first is None:
        return

    def whole_text() -> Iterator[str]:
        yield first
        yield from lines

    job.archive.text(TOP, name, whole_text())


def _flat(value: Any, name: str) -> Iterator[str]:
    """Tables within tables as lines `section.key = value`; what opens something is left out."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else key)
    elif SECRET.search(name):
        yield f"{name} = (not exported)\n"
    else:
        yield f"{name} = {_line('' if value is None else str(value))}\n"


def _line(value: str) -> str:
    """A value in one line."""
    return value.replace("\r\n", "\n").replace("\n", "\\n")


def _records(rows: Iterator[Mapping[str, str]]) -> Iterator[str]:
    """Rows as paragraphs of `name: value`; what is empty is left out."""
    for row in rows:
        yield "".join(f"{name}: {_line(value)}\n" for name, value in row.items() if value) + "\n"


def _accounts(job: UserExport) -> Iterator[str]:
    """The accounts at mail providers, without their passwords, each with its aliases."""
    aliases = list(_mine(job, "profile_alias", ("profile", "real_name", "email"), "aid"))
    for row in _mine(job, "profiles", ("id", *ACCOUNT), "id"):
        told = {name: value for name, value in row.items() if name != "id"}
        mine = [f"{one['real_name']} <{one['email']}>".strip() for one in aliases if one["profile"] == row["id"]]
        yield from _records(iter([told | ({"aliases": ", ".join(mine)} if mine else {})]))


def _filters(job: UserExport) -> Iterator[str]:
    """The filters, each with what it looks for."""
    for row in _mine(job, "email_filters", FILTER, "filter"):
        looks = job.rows.of(
            "email_filterrules", ("field", "operator", "search"), f"filter={whole(row['filter'])}", "id"
        )
        rules = "; ".join(f"{one['field']} {one['operator']} {one['search']!r}" for one in looks)
        told = {name: value for name, value in row.items() if name != "filter" and value not in {"", "0"}}
        yield from _records(iter([told | {"looks for": rules}]))


def _subscriptions(job: UserExport) -> Iterator[str]:
    """Calendars and address books that lie elsewhere: their addresses, without their passwords."""
    for table in ("calendar_groups", "adb_group"):
        for row in job.rows.of(table, ("name", "uri", "ext_un"), f"owner={job.uid}", "gid"):
            if row["uri"]:
                yield from _records(iter([{"name": row["name"], "address": row["uri"], "user": row["ext_un"]}]))
