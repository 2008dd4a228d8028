"""What is rehearsed where (P20)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hosting.policy.quota import FREE_MIB_LEAST
from hosting.policy.rehearsals import NoRoomToRehearse, can_be_brought_back, newest_good, server_with_room
from hosting.policy.states import GenerationState, ServerState
from hosting.policy.values import PointFacts, ServerFacts, ServerName
from tests.policy.backups import APP1, MIB, generation, point
from tests.policy.test_placement import server

NIGHT = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)
DAY = timedelta(days=1)
NEEDS = {"database": {"bytes": 10 * MIB}, "files": {"bytes": 30 * MIB}}
SRV, MYSQL = 2 * 30 + FREE_MIB_LEAST, 2 * 2 * 10 + FREE_MIB_LEAST
"""Twice what the copy needs, and what must stay free; a database needs about twice its dump."""


def good(taken_at: datetime = NIGHT, of: str = "g1", **changes: Any) -> PointFacts:
    return point(of, taken_at, manifest=NEEDS, **changes)


def free(srv: int = SRV, mysql: int = MYSQL) -> dict[str, int]:
    return {"/srv": srv * MIB, "/var/lib/mysql": mysql * MIB}


def chosen(*servers: ServerFacts, **left: dict[str, int]) -> str:
    return server_with_room(servers, {ServerName(name): one for name, one in left.items()}, good(), APP1).name


def test_the_newest_good_point_is_proven() -> None:
    kept, gone = generation("g1", NIGHT), generation("g0", NIGHT - DAY, GenerationState.DROPPED)
    damaged = good(NIGHT + 2 * DAY, damaged=True)
    assert newest_good([kept, gone], [good(), good(NIGHT + DAY), damaged]) == good(NIGHT + DAY)
    assert newest_good([gone], [good(of="g0")]) is None
    assert newest_good([generation("g1", NIGHT, GenerationState.DAMAGED)], [good()]) is None
    assert newest_good([], []) is None


@pytest.mark.parametrize("state", GenerationState)
def test_an_operator_may_bring_back_whatever_is_in_the_store(state: GenerationState) -> None:
    there = state not in {GenerationState.DROPPING, GenerationState.DROPPED}
    assert can_be_brought_back(generation("g1", NIGHT, state)) is there


def test_another_server_than_its_own_is_chosen_however_much_room_its_own_has() -> None:
    assert chosen(server("app1"), server("app2"), app1=free(9000, 9000), app2=free()) == "app2"


def test_of_several_others_the_one_with_the_most_room_on_its_fuller_disk_is_chosen() -> None:
    three = server("app1"), server("app2"), server("app3")
    assert chosen(*three, app1=free(), app2=free(9000, 200), app3=free(400, 400)) == "app3"


def test_where_no_other_has_room_its_own_serves() -> None:
    assert chosen(server("app1"), server("app2"), app1=free(), app2=free(SRV - 1)) == "app1"


@pytest.mark.parametrize("left", [{}, {"app1": free(SRV - 1)}, {"app1": free(mysql=MYSQL - 1)}, {"app2": free()}])
def test_a_server_that_did_not_answer_or_lacks_the_room_of_one_disk_is_not_asked(left: dict[str, Any]) -> None:
    with pytest.raises(NoRoomToRehearse, match=rf"{SRV} MiB in /srv, {MYSQL} MiB in /var/lib/mysql"):
        chosen(server("app1"), **left)


def test_a_server_that_takes_no_instances_takes_no_copy() -> None:
    draining = server("app2", state=ServerState.DRAINING)
    assert chosen(server("app1"), draining, app1=free(), app2=free(9000, 9000)) == "app1"
