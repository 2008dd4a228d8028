"""When a server is asked for its backups: spread over the night, few at once, by day only what can't wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.backup_nights import AGAIN_AFTER, FIRST_AFTER, MOST_AT_ONCE, WaitingBackup, servers_to_ask
from hosting.policy.backup_plan import Due
from hosting.policy.terms import STANDARD, Terms
from hosting.policy.values import PointKind, ServerName

HOUR = timedelta(hours=1)
OPENS = datetime(2026, 12, 9, 21, 30, tzinfo=UTC)  # a Wednesday, 22:30 in Berlin
NOON = datetime(2026, 12, 10, 11, 0, tzinfo=UTC)
LAST_NIGHT = OPENS - 23 * HOUR
APP1, APP2, APP3, APP4 = SERVERS = tuple(ServerName(f"app{number}") for number in range(1, 5))


def waiting(
    server: ServerName = APP1, last: datetime | None = LAST_NIGHT, since: datetime = OPENS, terms: Terms = STANDARD
) -> WaitingBackup:
    due = Due(PointKind.INCREMENTAL, "A backup is due every 24 h.", since)
    return WaitingBackup(server, due, terms, LAST_NIGHT - 300 * HOUR, last)


def asked(*given: WaitingBackup, at: datetime, **known: dict[ServerName, datetime] | set[ServerName]) -> list[str]:
    failed: dict[ServerName, datetime] = known.get("failed", {})  # type: ignore[assignment]
    return servers_to_ask(given, SERVERS, known.get("at_work", set()), failed, at)


def test_servers_start_one_after_another_in_the_first_half_of_the_night() -> None:
    everywhere = [waiting(name) for name in SERVERS]
    assert asked(*everywhere, at=OPENS - timedelta(seconds=1)) == []
    assert asked(*everywhere, at=OPENS) == [APP1]
    assert asked(*everywhere, at=OPENS + timedelta(minutes=57)) == [APP1, APP2]
    assert asked(*everywhere, at=OPENS + 3 * HOUR) == [APP1, APP2, APP3, APP4]


def test_by_day_what_is_not_stale_waits_for_the_night() -> None:
    assert asked(waiting(last=NOON - 25 * HOUR), at=NOON) == []
    assert asked(waiting(last=NOON - 27 * HOUR), at=NOON) == [APP1]


def test_a_level_that_agreed_on_more_is_served_by_day() -> None:
    often = replace(STANDARD, backup_every=timedelta(hours=6))
    assert asked(waiting(last=NOON - 6 * HOUR, terms=often), at=NOON) == [APP1]


def test_a_new_instance_gets_its_first_backup_by_day_once_set_ups_are_through() -> None:
    new = replace(waiting(last=None, since=NOON), active_since=NOON)
    assert asked(new, at=NOON + FIRST_AFTER - timedelta(seconds=1)) == []
    assert asked(new, at=NOON + FIRST_AFTER) == [APP1]


def test_an_instance_whose_only_backup_is_damaged_does_not_wait() -> None:
    assert asked(waiting(last=None, since=NOON), at=NOON) == [APP1]


def test_a_server_at_work_is_left_alone_and_one_that_failed_for_an_hour() -> None:
    late = OPENS + 4 * HOUR
    assert asked(waiting(APP1), waiting(APP2), at=late, at_work={APP1}) == [APP2]
    assert asked(waiting(APP1), at=late, failed={APP1: late - AGAIN_AFTER + timedelta(seconds=1)}) == []
    assert asked(waiting(APP1), at=late, failed={APP1: late - AGAIN_AFTER}) == [APP1]


def test_after_an_outage_the_longest_overdue_begin_and_never_too_many_at_once() -> None:
    names = [ServerName(f"app{number}") for number in range(1, 21)]
    all_late = [waiting(name, last=NOON - 90 * HOUR, since=NOON - HOUR * place) for place, name in enumerate(names)]
    assert servers_to_ask(all_late, names, set(), {}, NOON) == names[: -MOST_AT_ONCE - 1 : -1]
    assert len(servers_to_ask(all_late, names, set(names[:3]), {}, NOON)) == MOST_AT_ONCE - 3
    assert servers_to_ask(all_late, names, set(names[:9]), {}, NOON) == []


@given(st.integers(1, 60), st.integers(0, 60 * 24 * 3))
def test_each_server_is_asked_once_its_backup_is_stale_whatever_the_hour(servers: int, minutes: int) -> None:
    names = [ServerName(f"app{number}") for number in range(servers)]
    now = OPENS + timedelta(minutes=minutes)
    stale = [waiting(name, last=now - STANDARD.backup_stale_after - timedelta(seconds=1)) for name in names]
    assert len(servers_to_ask(stale, names, set(), {}, now)) == min(servers, MOST_AT_ONCE)


@given(st.integers(1, 60))
def test_by_the_middle_of_the_night_each_servers_turn_has_come(servers: int) -> None:
    names = [ServerName(f"app{number}") for number in range(servers)]
    half = OPENS + timedelta(hours=3, minutes=45)
    asked_for = [servers_to_ask([waiting(name)], names, set(), {}, half) for name in names]
    assert asked_for == [[name] for name in names]
