"""Which servers back up now: spread over the night, few at once; by day only what can't wait (P21, P22).

What is due is settled by `backup_plan`; here is only when a server is asked to do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hosting.policy.backup_plan import spread
from hosting.policy.backup_times import ONE_DAY, in_utc, night_window

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from hosting.policy.backup_plan import Due
    from hosting.policy.terms import Terms
    from hosting.policy.values import ServerName

MOST_AT_ONCE = 4
"""Servers that back up at once: they share the store and its network, so that an outage ends without a stampede."""

STARTS_WITHIN = 2
"""Servers start within one such part of the night; the rest of it is for what is slow, late or tried again."""

AGAIN_AFTER = timedelta(hours=1)
"""A server whose run failed is asked again after so long at the earliest."""

FIRST_AFTER = timedelta(hours=1)
"""A new instance holds next to nothing: its first full backup waits so long, to keep out of the way of set-ups."""

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class WaitingBackup:
    """A backup of one instance that is due.

    Args:
        server_name: where the instance is.
        due: what is due, since when.
        terms: of the instance's contract.
        active_since: when the instance was opened.
        last_good_at: when its newest point was taken that can be relied on; None if there is none.
    """

    server_name: ServerName
    due: Due
    terms: Terms
    active_since: datetime
    last_good_at: datetime | None


def servers_to_ask(
    waiting: Iterable[WaitingBackup],
    servers: Collection[ServerName],
    at_work: Collection[ServerName],
    failed_at: Mapping[ServerName, datetime],
    now: datetime,
) -> list[ServerName]:
    """The servers that are asked to back up now, the longest overdue first.

    Args:
        waiting: all that is due.
        servers: all that have instances to back up; their places in the night follow from their names.
        at_work: those whose run is asked for or at work: they are left alone, and count among those at once.
        failed_at: when the last run of a server failed.
        now: the moment of the question.
    """
    now = in_utc(now)
    since: dict[ServerName, datetime] = {}
    for one in waiting:
        resting = now < failed_at.get(one.server_name, NEVER) + AGAIN_AFTER
        if one.server_name in at_work or resting or not is_wanted(one, servers, now):
            continue
        since[one.server_name] = min(one.due.was_due_at, since.get(one.server_name, one.due.was_due_at))
    longest = sorted(since, key=lambda name: (since[name], name))
    return longest[: max(0, MOST_AT_ONCE - len(at_work))]


def is_wanted(one: WaitingBackup, servers: Iterable[ServerName], now: datetime) -> bool:
    """Whether a backup that is due is to be made now: its server's place in the night has come, or it can't wait.

    By day as by night: what is stale, what a level wants more often than daily (P40), and a new instance's first one.
    """
    if one.last_good_at is None:
        return now >= one.active_since + FIRST_AFTER
    if one.terms.backup_every < ONE_DAY or now - one.last_good_at > one.terms.backup_stale_after:
        return True
    opens, closes = night_window(now, one.terms)
    return now >= opens + spread(servers, (closes - opens) / STARTS_WITHIN)[one.server_name]
