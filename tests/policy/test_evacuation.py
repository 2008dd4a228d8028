"""A server is emptied by a plan: who goes whither, in which order, at once with whom, how long, and who can't (P12)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.evacuation import (
    PARALLEL,
    CannotBeEmptied,
    Leaving,
    check_can_be_emptied,
    choose_successor,
    next_moves,
    plan_evacuation,
)
from hosting.policy.quota import MIB
from hosting.policy.states import ServerState
from hosting.policy.values import InstanceName
from tests.policy.test_placement import server

SOURCE = server("app1", 100, 60, 3, state=ServerState.DRAINING)


def leaving(name: str, storage_gib: int = 10, mib: int = 0, **more: Any) -> Leaving:
    return Leaving(InstanceName(name), storage_gib, mib * MIB, 0, **more)


def test_the_smallest_goes_first_and_each_target_takes_in_one_at_a_time() -> None:
    some = [leaving("a", mib=600), leaving("b", mib=20), leaving("c", mib=200), leaving("d", mib=40)]
    plan = plan_evacuation(SOURCE, some, [SOURCE, server("app2", 20), server("app3", 20)])
    assert [[one.instance for one in batch] for batch in plan.batches] == [["b", "c"], ["d", "a"]]
    assert all(len({one.target for one in batch}) == len(batch) <= PARALLEL for batch in plan.batches)
    assert plan.seconds == 40.0 + 60.0
    assert plan.staying == ()


def test_with_one_target_all_go_one_after_another() -> None:
    plan = plan_evacuation(SOURCE, [leaving("a"), leaving("b"), leaving("c")], [server("app2")], parallel=3)
    assert [len(batch) for batch in plan.batches] == [1, 1, 1]
    assert plan.seconds == 90.0


def test_what_fits_nowhere_or_can_not_move_is_named_with_what_would_help() -> None:
    some = [
        leaving("a", 50),
        leaving("b", 10),
        leaving("c", hindered="It is suspended."),
        leaving("d", going_to="app3"),
    ]
    plan = plan_evacuation(SOURCE, some, [SOURCE, server("app2", 40), server("app4", 500, country="NL")])
    assert [(one.instance, one.target) for one in plan.moves] == [("b", "app2")]
    assert [one.name for one in plan.going] == ["d"]
    assert [(one.instance, one.why) for one in plan.staying] == [
        ("c", "It is suspended."),
        (
            "a",
            (
                "50 GiB fit on no server that may take it. Add a server with 50 GiB of room or more (phm server add), "
                "or free 20 GiB on app2 (phm capacity)."
            ),
        ),
    ]


def test_what_grows_on_a_target_is_left_its_room_as_long_as_all_can_go() -> None:
    growing, calm = server("app2", 60, growth_gib=45), server("app3", 40)
    plan = plan_evacuation(SOURCE, [leaving("a", 20), leaving("b", 20)], [SOURCE, growing, calm])
    assert {one.target for one in plan.moves} == {"app3"}
    plan = plan_evacuation(SOURCE, [leaving(name, 20) for name in "abc"], [SOURCE, growing, calm])
    assert (len(plan.moves), plan.staying) == (3, ())


def test_only_the_named_targets_are_used() -> None:
    some = [leaving("a"), leaving("b")]
    plan = plan_evacuation(SOURCE, some, [server("app2"), server("app3", 10)], to=["app3"])
    assert [(one.instance, one.target) for one in plan.moves] == [("a", "app3")]
    assert [one.instance for one in plan.staying] == ["b"]


def test_the_next_moves_wait_for_a_free_target_and_keep_within_the_limit() -> None:
    some = [leaving(name, mib=at) for at, name in enumerate("abcdef")]
    plan = plan_evacuation(SOURCE, some, [server("app2", 30), server("app3", 30), server("app4", 30)], parallel=3)
    first = next_moves(plan.moves, [], 0, 3)
    assert len({one.target for one in first}) == len(first) == 3
    assert [one.target for one in next_moves(plan.moves, [first[0].target], 1, 2)] == [
        next(one.target for one in plan.moves if one.target != first[0].target)
    ]
    assert next_moves(plan.moves, ["app2"], 2, 2) == []
    assert next_moves(plan.moves, ["app2", "app3", "app4"], 0, 9) == []


@given(
    st.lists(
        st.builds(
            Leaving, name=st.uuids().map(lambda one: InstanceName(str(one))), storage_gib=st.integers(1, 40),
            database_bytes=st.integers(0, 2**34), files_bytes=st.integers(0, 2**36),
            hindered=st.sampled_from(["", "", "", "It is suspended."]), going_to=st.sampled_from(["", "", "app9"]),
        ),
        max_size=12,
    ),
    st.lists(
        st.tuples(st.integers(0, 120), st.integers(0, 60), st.sampled_from(ServerState), st.sampled_from([0, 0, 5, 40])),
        max_size=5,
    ),
    st.integers(1, 4),
)  # fmt: skip
def test_no_plan_exceeds_a_targets_room_and_every_instance_is_placed_or_named(
    some: list[Leaving], fleet: list[tuple[int, int, ServerState, int]], parallel: int
) -> None:
    others = [
        server(f"app{at}", room, booked, state=state, growth_gib=growth)
        for at, (room, booked, state, growth) in enumerate(fleet, 2)
    ]
    plan = plan_evacuation(SOURCE, some, [SOURCE, *others], parallel=parallel)
    named = [
        *(one.instance for one in plan.moves),
        *(one.name for one in plan.going),
        *(one.instance for one in plan.staying),
    ]
    assert sorted(named) == sorted(one.name for one in some)
    for one in others:
        coming = sum(move.storage_gib for move in plan.moves if move.target == one.name)
        assert not coming or (coming <= one.free_gib and one.state is ServerState.ACTIVE)
    for batch in plan.batches:
        assert 1 <= len(batch) <= parallel
        assert len({one.target for one in batch}) == len(batch)
    assert plan.seconds == pytest.approx(sum(max(one.seconds for one in batch) for batch in plan.batches), abs=0.1)


def test_a_server_that_is_retired_or_was_never_ready_is_not_emptied_and_all_is_told_at_once() -> None:
    check_can_be_emptied(server("app1"), [server("app2")], ["app2"])
    with pytest.raises(CannotBeEmptied) as refused:
        check_can_be_emptied(
            server("app1", state=ServerState.RETIRED),
            [server("app1"), server("app2", state=ServerState.DRAINING)],
            ["app1", "app2", "app9"],
        )
    assert str(refused.value) == (
        "app1 can't be emptied so: It is retired. It can't take its own instances. app2 takes no instances (draining). "
        "There is no server app9. Look at them: phm server list."
    )
    with pytest.raises(CannotBeEmptied, match="It is enrolled"):
        check_can_be_emptied(server("app1", state=ServerState.ENROLLED), [])


def test_the_server_with_the_most_room_answers_under_the_name_of_one_that_is_retired_or_the_named_one() -> None:
    others = [SOURCE, server("app2", 50), server("app3", 90), server("app4", 900, state=ServerState.DRAINING)]
    assert choose_successor(SOURCE, others).name == "app3"
    assert choose_successor(SOURCE, others, "app2").name == "app2"
    with pytest.raises(CannotBeEmptied, match=r"app4 takes no instances, and can't answer for app1\.phlymail\.test"):
        choose_successor(SOURCE, others, "app4")
    with pytest.raises(CannotBeEmptied, match="No other server takes instances"):
        choose_successor(SOURCE, [SOURCE])
