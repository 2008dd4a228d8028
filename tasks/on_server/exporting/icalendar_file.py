"""Events and tasks as iCalendar (RFC 5545): all-day, in their zone, recurring, with alarms and attendees.

The product keeps wall-clock times without a zone, whole days as 00:00 to 23:59, and its rules as `type`, `repeat`,
`extra` and `until` (an event is seen on a day while that begins before `until`).
"""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from tasks.on_server.exporting.content_lines import block, one_line, parameter, text
from tasks.on_server.exporting.zones import vtimezone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    Row = Mapping[str, str]

PRODUCT = "-//phlyMail as a Service//Export//EN"
FORM = "%Y-%m-%d %H:%M:%S"
WEEKDAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")
"""By the product's number of a weekly rule."""

MONTHS = range(1, 13)
BITS = ((64, "MO"), (32, "TU"), (16, "WE"), (8, "TH"), (4, "FR"), (2, "SA"), (1, "SU"))
"""A daily rule's weekdays."""

LAST_DAY = 31
"""A monthly rule of this day is also seen on the last day of a shorter month."""

TYPES = {
    1: "APPOINTMENT", 2: "HOLIDAY", 3: "BIRTHDAY", 4: "PERSONAL", 5: "EDUCATION", 6: "TRAVEL", 7: "ANNIVERSARY",
    8: "NOT IN OFFICE", 9: "SICK DAY", 10: "MEETING", 11: "VACATION", 12: "PHONE CALL", 13: "BUSINESS",
    14: "NON-WORKING HOURS", 50: "SPECIAL OCCASION",
}  # fmt: skip
EVENT_STATES = {2: "CONFIRMED", 3: "CANCELLED", 10: "TENTATIVE"}
TASK_STATES = {3: "CANCELLED", 5: "IN-PROCESS", 6: "COMPLETED", 11: "NEEDS-ACTION"}
ANSWERS = {1: "ACCEPTED", 2: "DECLINED", 3: "TENTATIVE"}
ROLES = {"chair": "CHAIR", "req": "REQ-PARTICIPANT", "opt": "OPT-PARTICIPANT", "non": "NON-PARTICIPANT"}
NUMBER = re.compile(r"-?[0-9]{1,18}")
WHOS = {"person": "INDIVIDUAL", "group": "GROUP", "resource": "RESOURCE", "room": "ROOM"}


def moment(value: str) -> datetime | None:
    """A moment as the database has it, without a zone; None where none is set."""
    try:
        return datetime.strptime(value[:19], FORM)  # noqa: DTZ007  # the zone is the user's, and comes later
    except ValueError:
        return None


def whole(value: str) -> int:
    """A number, 0 where none is set."""
    return int(value) if NUMBER.fullmatch(value) else 0


def is_all_day(starts: datetime, ends: datetime) -> bool:
    """Whether an event takes whole days, as the product shows it."""
    return (starts.hour, starts.minute) == (0, 0) and (ends.hour, ends.minute) == (23, 59)


def head(name: str, zone: ZoneInfo) -> str:
    """The begin of a file."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODUCT}", "CALSCALE:GREGORIAN"]
    return block([*lines, f"X-WR-CALNAME:{text(name)}", *vtimezone(zone)])


def end() -> str:
    """The end of a file."""
    return block(["END:VCALENDAR"])


def event(
    row: Row, zone: ZoneInfo, stamp: str, *, rules: Sequence[Row] = (), reminders: Sequence[Row] = (),
    attendees: Sequence[Row] = (),
) -> str:  # fmt: skip
    """An event; one with several rules becomes several of the same words, as one may have one rule only.

    Args:
        row: of `calendar_events`; without a begin nothing is written. A moment that no calendar of Python's can
            tell raises ValueError or OverflowError.
        zone: in which its times are told.
        stamp: the moment of the export, as iCalendar writes it.
        rules: of `calendar_event_repetitions`.
        reminders: of `calendar_event_reminders`.
        attendees: of `calendar_event_attendees`.
    """
    starts = moment(row["starts"])
    if starts is None:
        return ""
    ends = max(moment(row["ends"]) or starts, starts)
    days = is_all_day(starts, ends)
    if days:
        when = [
            f"DTSTART;VALUE=DATE:{_day(starts)}",
            f"DTEND;VALUE=DATE:{_day(ends + timedelta(days=1))}",
        ]
    else:
        when = [f"DTSTART;{_local(starts, zone)}", f"DTEND;{_local(ends, zone)}"]
    state = [f"STATUS:{EVENT_STATES[code]}" for code in (whole(row["status"]),) if code in EVENT_STATES]
    seen = ["TRANSP:TRANSPARENT" if row["opaque"] == "0" else "TRANSP:OPAQUE"]
    body = [*when, *_words(row), *state, *seen, *_people(attendees), *_alarms(row, reminders)]
    repeated = [rule for rule in (_rule(one, zone, days=days) for one in rules) if rule]
    return "".join(
        block(["BEGIN:VEVENT", *_identity(row, zone, stamp, number), *rule, *body, "END:VEVENT"])
        for number, rule in enumerate([[rule] for rule in repeated] or [[]])
    )


def task(
    row: Row, zone: ZoneInfo, stamp: str, *, reminders: Sequence[Row] = (), attendees: Sequence[Row] = ()
) -> str:  # fmt: skip
    """A task, of `calendar_tasks`; its dates may be missing."""
    starts, due = moment(row["starts"]), moment(row["ends"])
    when = [f"DTSTART;{_local(starts, zone)}"] if starts else []
    if due and (starts is None or due > starts):
        when.append(f"DUE;{_local(due, zone)}")
    done = min(100, max(0, whole(row["completion"])))
    state = [f"STATUS:{TASK_STATES[code]}" for code in (whole(row["status"]),) if code in TASK_STATES]
    rank = min(9, max(0, whole(row["importance"])))
    # an alarm's moment is told from a date that the task must have
    alarms = [one for one in reminders if (due if one["mode"] == "e" else starts)]
    body = [*when, *_words(row), *state, f"PERCENT-COMPLETE:{done}", f"PRIORITY:{rank}", *_people(attendees)]
    return block(["BEGIN:VTODO", *_identity(row, zone, stamp, 0), *body, *_alarms(row, alarms), "END:VTODO"])


def _identity(row: Row, zone: ZoneInfo, stamp: str, number: int) -> list[str]:
    """By which a program knows it again."""
    uid = one_line(row["uuid"]) or f"{row['id']}@export.invalid"
    lines = [f"UID:{uid}{f'-{number + 1}' if number else ''}", f"DTSTAMP:{stamp}"]
    changed = moment(row["lastmod"])
    if changed:
        with contextlib.suppress(OverflowError):  # one at the edge of time says nothing
            lines.append(f"LAST-MODIFIED:{_in_utc(changed.replace(tzinfo=zone))}")
    return lines


def _words(row: Row) -> list[str]:
    """Title, place, description and kind."""
    lines = [f"SUMMARY:{text(row['title'])}"]
    lines += [
        f"{name}:{text(row[column])}"
        for name, column in (("LOCATION", "location"), ("DESCRIPTION", "description"))
        if row[column]
    ]
    return lines + [f"CATEGORIES:{TYPES[code]}" for code in (whole(row["type"]),) if code in TYPES]


def _rule(row: Row, zone: ZoneInfo, *, days: bool) -> str:
    """A rule by which an event comes again; empty where it doesn't."""
    repeat, extra = whole(row["repeat"]), row["extra"].strip()
    match row["type"]:
        case "year":
            rule = "FREQ=YEARLY"
        case "month":
            months = [str(whole(one.strip())) for one in extra.split(",") if whole(one.strip()) in MONTHS]
            day = -1 if repeat == LAST_DAY else repeat
            rule = "FREQ=MONTHLY" + (f";BYMONTH={','.join(months)}" if months else "")
            rule += f";BYMONTHDAY={day}" if day == -1 or 1 <= day < LAST_DAY else ""
        case "week":
            every = f";INTERVAL={whole(extra)}" if whole(extra) > 1 else ""
            rule = f"FREQ=WEEKLY{every}" + (f";BYDAY={WEEKDAYS[repeat]}" if 0 <= repeat < len(WEEKDAYS) else "")
        case "day":
            chosen = [name for bit, name in BITS if repeat & bit]
            rule = "FREQ=DAILY" + (f";BYDAY={','.join(chosen)}" if 0 < len(chosen) < len(BITS) else "")
        case _:
            return ""
    return f"RRULE:{rule}{_until(moment(row['until']), zone, days=days)}"


def _until(until: datetime | None, zone: ZoneInfo, *, days: bool) -> str:
    """The last day on which an event is seen, to its end; in UTC, as the standard wants it."""
    if until is None:
        return ""
    last: date = (until - timedelta(seconds=1)).date()
    if days:
        return f";UNTIL={_day(last)}"
    over = datetime(last.year, last.month, last.day, 23, 59, 59, tzinfo=zone)
    return f";UNTIL={_in_utc(over)}"


def _alarms(row: Row, reminders: Sequence[Row]) -> list[str]:
    """The alarms that are told from begin or end; those of none are none."""
    lines = list[str]()
    for one in reminders:
        if one["mode"] not in {"s", "e"}:
            continue
        words = text(one["text"] or row["title"] or row["description"] or "Reminder")
        lines += [
            "BEGIN:VALARM",
            f"TRIGGER;RELATED={'END' if one['mode'] == 'e' else 'START'}:{_before(whole(one['time']))}",
        ]
        if one["mailto"]:
            lines += ["ACTION:EMAIL", f"SUMMARY:{words}", f"ATTENDEE:mailto:{one_line(one['mailto'])}"]
        else:
            lines.append("ACTION:DISPLAY")
        lines += [f"DESCRIPTION:{words}", "END:VALARM"]
    return lines


def _before(seconds: int) -> str:
    """So many seconds before."""
    for unit, size in (("W", 604_800), ("D", 86_400)):
        if seconds and seconds % size == 0:
            return f"-P{seconds // size}{unit}"
    for unit, size in (("H", 3_600), ("M", 60)):
        if seconds and seconds % size == 0:
            return f"-PT{seconds // size}{unit}"
    return f"-PT{seconds}S"


def _people(attendees: Sequence[Row]) -> list[str]:
    """Who is asked to come, and what he said."""
    return [
        f"ATTENDEE;CUTYPE={WHOS.get(one['type'], 'UNKNOWN')};ROLE={ROLES.get(one['role'], 'OPT-PARTICIPANT')}"
        f";PARTSTAT={ANSWERS.get(whole(one['status']), 'NEEDS-ACTION')}"
        + (f";CN={parameter(one['name'])}" if one["name"].strip() else "")
        + f":mailto:{one_line(one['email']) or 'unknown@invalid'}"
        for one in attendees
    ]


def _local(at: datetime, zone: ZoneInfo) -> str:
    """A moment in its zone, as the value of a property."""
    return f"TZID={zone.key}:{_day(at)}T{at:%H%M%S}"


def _in_utc(at: datetime) -> str:
    """A moment of a zone in UTC, likewise; at the edge of time it may have none, which raises OverflowError."""
    told = at.astimezone(UTC)
    return f"{_day(told)}T{told:%H%M%SZ}"


def _day(day: date) -> str:
    """A day with a year of four digits, which `%Y` doesn't give to the early ones."""
    return f"{day.year:04}{day:%m%d}"
