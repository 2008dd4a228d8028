"""What forbids a move, how it goes, and what the next run does about one that did not come to its end (P24)."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hosting.policy.move_plan import (
    Meaning,
    Method,
    MoveForbidden,
    Obstacles,
    Sizes,
    WindowPassed,
    check,
    check_within_window,
    meaning_of,
    objections,
    plan,
)
from hosting.policy.quota import MIB
from hosting.policy.states import EDGES, InstanceState, MoveState, ServerState
from hosting.policy.terms import GIB
from hosting.policy.values import (
    InstanceFacts,
    InstanceName,
    OrderReference,
    ReleaseFacts,
    ReleaseId,
    ServerFacts,
    ServerName,
)

NOW = datetime(2026, 11, 26, 22, 0, tzinfo=UTC)
FACTS = {"php": "8.2.29", "mariadb": "10.11.19-MariaDB", "php_modules": ["mysqli", "gd"]}
RELEASE = ReleaseFacts(ReleaseId("a" * 64), 40470, "4.4.70", "Free", 1)
INSTANCE = InstanceFacts(
    InstanceName("k3v9q2"), 7, OrderReference("A-1"), ServerName("app1"), RELEASE, 3, 15, InstanceState.ACTIVE, NOW
)
SOURCE = ServerFacts(
    ServerName("app1"), "app1.test", "192.0.2.1", 22, "k", "DE", dedicated=True, state=ServerState.DRAINING,
    room_gib=100, facts=FACTS,
)  # fmt: skip
TARGET = replace(SOURCE, name=ServerName("app2"), state=ServerState.ACTIVE)
SIZES = Sizes(100 * MIB, 2 * GIB, {"/srv": 50 * GIB, "/var/lib/mysql": 50 * GIB})
FINE = Obstacles(last_backup=NOW - timedelta(hours=20))


def said(
    *, instance: InstanceFacts = INSTANCE, target: ServerFacts = TARGET, sizes: Sizes = SIZES, found: Obstacles = FINE
) -> list[str]:
    return objections(instance, SOURCE, target, sizes=sizes, found=found, now=NOW)


def test_from_a_server_that_is_emptied_to_one_with_room_nothing_is_objected() -> None:
    assert said() == []
    check(INSTANCE, TARGET, said())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"target": replace(TARGET, name=SOURCE.name)}, "It is there already."),
        ({"target": replace(TARGET, state=ServerState.DRAINING)}, "app2 takes no instances (draining, in DE)."),
        ({"target": replace(TARGET, country="FR")}, "app2 takes no instances (active, in FR)."),
        ({"target": replace(TARGET, booked_gib=90)}, "15 GiB are booked, 10 GiB are left to book on app2."),
        ({"target": replace(TARGET, facts=FACTS | {"php": "8.1.99"})}, "PHP on app2 is 8.1.99, on app1 8.2.29."),
        (
            {"target": replace(TARGET, facts=FACTS | {"mariadb": "10.11.9-MariaDB"})},
            "MariaDB on app2 is 10.11.9-MariaDB, on app1 10.11.19-MariaDB.",
        ),
        ({"target": replace(TARGET, facts=FACTS | {"php_modules": ["gd"]})}, "app2 lacks the PHP modules mysqli."),
        ({"sizes": replace(SIZES, free={"/srv": GIB, "/var/lib/mysql": GIB})}, "The disk of /srv on app2 has 1024 MiB"),
        ({"instance": replace(INSTANCE, state=InstanceState.RESERVED)}, "It is reserved."),
        ({"instance": replace(INSTANCE, state=InstanceState.ENDED)}, "It is ended."),
        ({"found": replace(FINE, leased="run x (back up)")}, "It is worked on by run x (back up)."),
        ({"found": replace(FINE, restoring=True)}, "A restore of it was begun and is not at its end."),
        ({"found": replace(FINE, last_backup=None)}, "Its last good backup is never made"),
        (
            {"found": replace(FINE, last_backup=NOW - timedelta(hours=25))},
            "Its last good backup is of 2026-11-25 21:00",
        ),
        ({"found": replace(FINE, unmoved=2)}, "Its database has 2 events, triggers, routines or views"),
        (
            {"found": replace(FINE, certificate_ends=NOW + timedelta(seconds=30))},
            "The zone's certificate ends at 2026-11-26 22:00 UTC, before the move is through: enter a new one",
        ),
        (
            {"found": replace(FINE, until=NOW + timedelta(hours=2), certificate_ends=NOW + timedelta(hours=2))},
            "The zone's certificate ends at 2026-11-27 00:00 UTC, before the move is through: enter a new one",
        ),
        (
            {"found": replace(FINE, bare_domains=("post.example", "mail.example"))},
            "No certificate is known for post.example, mail.example: phm domain connect",
        ),
        ({"found": replace(FINE, replicating=True)}, "The target takes in another instance's database just now."),
    ],
)
def test_each_obstacle_is_told_in_a_sentence(change: dict[str, object], sentence: str) -> None:
    found = said(**change)  # type: ignore[arg-type]
    assert len(found) == 1
    assert found[0].startswith(sentence)


def test_a_certificate_that_outlives_the_move_is_no_obstacle() -> None:
    until = NOW + timedelta(hours=2)
    for found in (replace(FINE, certificate_ends=NOW + timedelta(hours=1)),
                  replace(FINE, until=until, certificate_ends=until + timedelta(seconds=1))):  # fmt: skip
        assert said(found=found) == []


def test_a_suspended_instance_moves_as_it_is() -> None:
    assert said(instance=replace(INSTANCE, state=InstanceState.SUSPENDED)) == []


def test_all_obstacles_are_told_at_once() -> None:
    found = said(target=replace(TARGET, country="FR"), found=Obstacles(leased="x (move)"))
    with pytest.raises(MoveForbidden, match=r"takes no instances.*worked on by.*last good backup"):
        check(INSTANCE, TARGET, found)


def test_an_operator_may_say_that_it_begins_without_a_fresh_backup() -> None:
    assert said(found=Obstacles(without_backup=True)) == []


@pytest.mark.parametrize(
    ("mib", "replicating", "method", "compared_in_stop", "most_seconds"),
    [
        (9, False, Method.REPLICATION, True, 3),
        (40, False, Method.REPLICATION, True, 3),
        (41, False, Method.REPLICATION, False, 3),
        (50_000, False, Method.REPLICATION, False, 3),
        (9, True, Method.DUMP, True, 9),
        (40, True, Method.DUMP, True, 10),
    ],
)
def test_the_stop_does_not_grow_with_the_size(
    mib: int, replicating: bool, method: Method, compared_in_stop: bool, most_seconds: float
) -> None:
    what = plan(replace(SIZES, database=mib * MIB), replicating=replicating)
    assert (what.method, what.compared_in_stop) == (method, compared_in_stop)
    assert what.stop_seconds <= most_seconds


def test_before_the_switch_a_run_undoes_and_after_it_it_goes_on() -> None:
    assert {state: meaning_of(state) for state in MoveState} == {
        MoveState.PLANNED: Meaning.BEGIN,
        MoveState.COPYING: Meaning.UNDO,
        MoveState.FROZEN: Meaning.UNDO,
        MoveState.SWITCHED: Meaning.GO_ON,
        MoveState.DONE: Meaning.NOTHING,
        MoveState.RETIRED: Meaning.NOTHING,
        MoveState.CALLED_OFF: Meaning.NOTHING,
    }


def test_nothing_leads_back_over_the_switch() -> None:
    edges = EDGES[MoveState]
    after, reached = {"switched"}, {"switched"}
    while reached:
        reached = {to for state in reached for to in edges[state]} - after
        after |= reached
    assert after == {"switched", "done", "retired"}


@pytest.mark.parametrize(("minutes", "passed"), [(-1, False), (0, False), (1, True)])
def test_what_would_be_closed_after_its_window_is_not_closed_at_all(minutes: int, passed: bool) -> None:
    until = datetime(2026, 12, 1, 23, 0, tzinfo=UTC)
    open_again = until + timedelta(minutes=minutes)
    check_within_window(None, open_again)
    with pytest.raises(WindowPassed, match="2026-12-01 23:00 UTC, which was agreed on") if passed else nullcontext():
        check_within_window(until, open_again)
