"""A user's calendars and tasks, a file for each calendar (P41)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tasks.on_server.exporting.icalendar_file import end, event, head, task, whole
from tasks.on_server.exporting.names import safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tasks.on_server.exporting.user_export import UserExport

    Row = Mapping[str, str]

SHARED = ("id", "gid", "uuid", "title", "location", "description", "starts", "ends", "lastmod", "type", "status")
EVENT = (*SHARED, "opaque")
TASK = (*SHARED, "importance", "completion")
RULE = ("eid", "ref", "type", "repeat", "extra", "until")
REMINDER = ("eid", "ref", "time", "mode", "text", "mailto")
ATTENDEE = ("eid", "ref", "name", "email", "role", "type", "status")
HOLIDAY = ("gid", "hid", "hname", "hdate", "recurring")
OTHERS = "0"
"""The calendar of what names none that is there."""

KINDS = {"evt": "calendar_events", "tsk": "calendar_tasks"}


class Belongings:
    """Rules, reminders and attendees of a user's events, or of the tasks, by the number of each."""

    def __init__(self, job: UserExport, kind: str) -> None:
        self._found = {
            "rules": _by_item(job, "repetitions", RULE, kind),
            "reminders": _by_item(job, "reminders", REMINDER, kind),
            "attendees": _by_item(job, "attendees", ATTENDEE, kind),
        }

    def of(self, what: str, number: str) -> Sequence[Row]:
        """Those of one."""
        return self._found[what].get(number, ())


def _by_item(job: UserExport, table: str, columns: Sequence[str], kind: str) -> dict[str, list[Row]]:
    """The rows of one kind; where a table doesn't tell the kind, all are of events."""
    found: dict[str, list[Row]] = {}
    where = f"eid IN (SELECT id FROM {{p}}{KINDS[kind]} WHERE uid={job.uid})"
    for row in job.rows.of(f"calendar_event_{table}", columns, where, "id"):
        if (row["ref"] or "evt") == kind:
            found.setdefault(row["eid"], []).append(row)
    return found


def export_dates(job: UserExport) -> None:
    """All calendars, also those without an event; tasks where there are some."""
    job.tell("calendars")
    groups = {
        one["gid"]: one["name"] for one in job.rows.of("calendar_groups", ("gid", "name"), f"owner={job.uid}", "gid")
    }
    events, tasks = Belongings(job, "evt"), Belongings(job, "tsk")
    for number, name in {OTHERS: "", **groups}.items():
        where = _in_calendar(job, number, groups)
        _file(job, "calendars", name or "Calendar", _events(job, where, events), always=number != OTHERS)
        _file(job, "tasks", name or "Tasks", _tasks(job, where, tasks), always=False)


def _in_calendar(job: UserExport, number: str, groups: Mapping[str, str]) -> str:
    """The condition of a calendar; that of the others takes whatever names none of the user's own."""
    if number != OTHERS:
        return f"uid={job.uid} AND gid={whole(number)}"
    own = ", ".join(str(whole(one)) for one in groups)
    return f"uid={job.uid}" + (f" AND gid NOT IN ({own})" if own else "")


def _file(job: UserExport, folder: str, name: str, written: Iterator[str], *, always: bool) -> None:
    """A calendar as a file, if there is something in it."""
    first = next(written, None)
    if first is None and not always:
        return

    def lines() -> Iterator[bytes]:
        yield head(name, job.zone).encode()
        if first is not None:
            yield first.encode()
        for one in written:
            yield one.encode()
        yield end().encode()

    path = job.archive.taken.free(folder, safe_name(name, "Calendar") + ".ics")
    job.archive.add(path, lines())


def _events(job: UserExport, where: str, belonging: Belongings) -> Iterator[str]:
    """The events of a calendar."""
    for row in job.rows.of("calendar_events", EVENT, where, "id"):
        all_of_it = {what: belonging.of(what, row["id"]) for what in ("rules", "reminders", "attendees")}
        yield from _or_missing(job, "event", row, partial(event, row, job.zone, job.stamp, **all_of_it))
    yield from _holidays(job, where)


def _holidays(job: UserExport, where: str) -> Iterator[str]:
    """The days that a user marked in a calendar, each as an event of a whole day."""
    nothing = dict.fromkeys(EVENT, "")
    for row in job.rows.of("calendar_holidays", HOLIDAY, where, "hid"):
        day = {"starts": f"{row['hdate']} 00:00:00", "ends": f"{row['hdate']} 23:59:00", "title": row["hname"]}
        rules = [{"type": "year", "repeat": "0", "extra": "", "until": ""}] if row["recurring"] == "1" else []
        marked = {**nothing, **day, "id": f"holiday-{row['hid']}", "opaque": "0"}
        yield from _or_missing(job, "event", marked, partial(event, marked, job.zone, job.stamp, rules=rules))


def _tasks(job: UserExport, where: str, belonging: Belongings) -> Iterator[str]:
    """The tasks of a calendar."""
    for row in job.rows.of("calendar_tasks", TASK, where, "id"):
        all_of_it = {what: belonging.of(what, row["id"]) for what in ("reminders", "attendees")}
        yield from _or_missing(job, "task", row, partial(task, row, job.zone, job.stamp, **all_of_it))


def _or_missing(job: UserExport, kind: str, row: Row, write: Callable[[], str]) -> Iterator[str]:
    """What is written of a row, counted; one that can't be written keeps none of the others from it."""
    why = "has no date"
    try:
        written = write()
    except (ValueError, OverflowError):
        written, why = "", f"has a date that no calendar knows: {row['starts']} to {row['ends']}"
    if written:
        job.counts[f"{kind}s"] += 1
        yield written
    else:
        job.missing.add(kind, row["title"], row["uuid"] or row["id"], why)
