"""Backups that are due become work once, and what a run came to is told of the work it was made for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
import time_machine

from hosting.errors import ServiceError
from hosting.inventory import alone, cases, deeds, recovery_points, server_updates, work
from hosting.inventory.backup_views import all_backups
from hosting.inventory.session import in_transaction
from hosting.policy.server_updates import AT_WORK_MOST, Change, Transaction
from hosting.policy.states import WorkState
from hosting.policy.values import PointKind
from tasks import backup_runs
from tasks.backup_dispatch import ask_for_due_backups, subject_at
from tests.inventory.words import at_once
from tests.service.records import opened, provided, with_backup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.session import Inventory

HOUR = timedelta(hours=1)
NIGHT = datetime(2026, 12, 9, 22, 0, tzinfo=UTC)  # a Wednesday, 23:00 in Berlin
YESTERDAY = NIGHT - 23 * HOUR
FIRST = subject_at("app1", NIGHT)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as made:
        yield made


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An open instance on app1 with a full backup of last night."""
    made = opened(inventory, "A-1", NIGHT - 300 * HOUR)
    with_backup(inventory, made, "g1", YESTERDAY)
    return made


def ask(at: datetime = NIGHT) -> list[str]:
    with time_machine.travel(at, tick=False):
        return ask_for_due_backups.fn()


def test_a_server_whose_update_is_at_work_begins_no_backup_until_it_is_over(inventory: Inventory, name: str) -> None:
    planned, since = Transaction((Change("openssl", "1", "2"),)), NIGHT - HOUR
    begun = in_transaction(
        inventory, partial(server_updates.begin, server="app1", key="k", planned=planned, before={}, now=since)
    )
    assert ask() == []
    with inventory.reading() as session:
        assert server_updates.closed_to_others(session, NIGHT) == {"app1"}
        assert server_updates.updated_now(session, since + AT_WORK_MOST) == set()  # a killed run's
    end = partial(server_updates.end, begun=begun, what="x", evidence={}, by="olga", now=NIGHT)
    in_transaction(inventory, end)
    assert ask() == [FIRST]


def test_a_server_that_is_rebooted_begins_no_backup_either(inventory: Inventory, name: str) -> None:
    for server, seconds in (("app1", 30), ("app2", 90)):
        take = partial(
            alone.take_server, server=server, owner="run 9", purpose="reboot", ttl=timedelta(seconds=seconds)
        )
        in_transaction(inventory, partial(take, now=NIGHT))
    assert ask() == []
    with inventory.reading() as session:
        assert server_updates.closed_to_others(session, NIGHT) == {"app1", "app2"}
    assert ask(NIGHT + timedelta(minutes=1)) == [subject_at("app1", NIGHT + timedelta(minutes=1))]


def works(inventory: Inventory) -> dict[str, WorkState]:
    with inventory.reading() as session:
        return {one.subject: one.state for one in work.work_in(session) if one.kind == work.BACK_UP_SERVER}


def dispatched(inventory: Inventory, subject: str, run: str = "run-1") -> None:
    def mark(session: object) -> None:
        found = work.work_of(session, work.BACK_UP_SERVER, subject)  # type: ignore[arg-type]
        assert found is not None
        work.mark_dispatched(session, found.id, run, found.attempt)  # type: ignore[arg-type]

    in_transaction(inventory, mark)


def told(inventory: Inventory, run: str | None, finding: str, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with this id comes to its end."""
    monkeypatch.setattr(backup_runs, "flow_run", type("Run", (), {"id": run}))
    with time_machine.travel(at, tick=False):
        if not finding:
            with backup_runs.telling_backup_failure():
                return
        with pytest.raises(ServiceError), backup_runs.telling_backup_failure():
            raise ServiceError(finding)


def test_a_server_is_asked_once_and_never_while_its_run_is_at_work(inventory: Inventory, name: str) -> None:
    assert ask(NIGHT - HOUR) == []
    assert ask() == [FIRST]
    assert ask(NIGHT + HOUR) == []
    dispatched(inventory, FIRST)
    assert ask(NIGHT + 2 * HOUR) == []
    assert works(inventory) == {FIRST: WorkState.DISPATCHED}


def test_dispatchers_at_once_ask_once(inventory: Inventory, name: str) -> None:
    with time_machine.travel(NIGHT, tick=False):
        asked = at_once(*[partial(ask_for_due_backups.fn) for _ in range(4)])
    assert sorted(asked) == [[], [], [], [FIRST]]


def test_a_server_with_all_its_backups_is_not_asked(inventory: Inventory, name: str) -> None:
    with_backup(inventory, name, "g1", NIGHT - timedelta(minutes=10), PointKind.INCREMENTAL)
    assert ask() == []


def test_a_run_tells_the_work_that_it_was_made_for(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    dispatched(inventory, FIRST)
    told(inventory, None, "by hand", NIGHT, monkeypatch)
    told(inventory, "run-2", "another run", NIGHT, monkeypatch)
    assert works(inventory) == {FIRST: WorkState.DISPATCHED}
    told(inventory, "run-1", "", NIGHT, monkeypatch)
    assert works(inventory) == {FIRST: WorkState.DONE}


def test_a_failed_run_is_asked_for_again_an_hour_after_it_failed(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    dispatched(inventory, FIRST)
    told(inventory, "run-1", "The store does not answer.", NIGHT + HOUR, monkeypatch)
    with inventory.reading() as session:
        (deed,) = deeds.deeds_of(session, f"work:{work.BACK_UP_SERVER}:{FIRST}")
    assert deed.why == "The store does not answer."
    assert ask(NIGHT + HOUR * 1.9) == []
    assert ask(NIGHT + HOUR * 2) == [subject_at("app1", NIGHT + HOUR * 2)]


def test_what_was_put_before_a_person_is_settled_by_a_later_run(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(session: object) -> None:
        work.record_failed(session, work.BACK_UP_SERVER, FIRST, "It was lost.")  # type: ignore[arg-type]
        for server in ("app1", "app11"):
            subject = f"work:{work.BACK_UP_SERVER}:{subject_at(server, NIGHT)}"
            cases.raise_case(session, server, cases.NOT_DONE, subject, "x", facts={}, now=NIGHT)  # type: ignore[arg-type]

    ask()
    in_transaction(inventory, lost)
    (second,) = ask(NIGHT + 2 * HOUR)
    dispatched(inventory, second, "run-2")
    told(inventory, "run-2", "", NIGHT + 2 * HOUR, monkeypatch)
    with inventory.reading() as session:
        assert [case.key for case in cases.open_cases(session)] == ["app11"]


def test_what_is_asked_each_minute_decides_as_all_that_is_known_would(inventory: Inventory, name: str) -> None:
    with_backup(inventory, name, "g1", NIGHT - 20 * HOUR, PointKind.INCREMENTAL)
    with_backup(inventory, name, "g2", NIGHT - 10 * HOUR)
    with_backup(inventory, name, "g2", NIGHT - 9 * HOUR, PointKind.INCREMENTAL)
    with_backup(inventory, name, "g2", NIGHT - 8 * HOUR, PointKind.INCREMENTAL, damaged=True)
    other = opened(inventory, "A-2", NIGHT - 5 * HOUR)
    third = opened(inventory, "A-3", NIGHT - 50 * HOUR)
    with_backup(inventory, third, "g3", NIGHT - 48 * HOUR)
    with_backup(inventory, third, "g3", NIGHT - 26 * HOUR, PointKind.INCREMENTAL)
    with inventory.reading() as session:
        whole, newest = all_backups(session, NIGHT), all_backups(session, NIGHT, newest_only=True)
    assert [one.instance.name for one in whole] == [name, other, third]
    for hours in range(-3, 200, 7):
        at = NIGHT + hours * HOUR
        assert [one.due(at) for one in newest] == [one.due(at) for one in whole]
    assert [one.standing.last_good_at for one in newest] == [one.standing.last_good_at for one in whole]


def test_a_failure_is_told_for_the_audit_until_there_is_a_point(inventory: Inventory, name: str) -> None:
    in_transaction(inventory, lambda session: recovery_points.record_backup_failed(session, name, "Full.", NIGHT))
    with inventory.reading() as session:
        assert recovery_points.last_failure(session, name) == "Full."
