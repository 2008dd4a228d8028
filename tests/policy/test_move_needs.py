"""Which instances need to move, and whither: the fewest and smallest that mend it, and never the next need (P24)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.move_needs import (
    Ahead,
    Emptying,
    MoveNeed,
    Standing,
    Tenant,
    fewest_and_smallest,
    growth_by_server,
    needed_moves,
    spread,
)
from hosting.policy.placement import GROWTH, choose_server, left_gib, takes_instances
from hosting.policy.states import ServerState
from hosting.policy.values import InstanceName, ServerName
from tests.policy.test_placement import server

NOW = datetime(2026, 12, 1, 0, 20, tzinfo=UTC)
AHEAD = Ahead(NOW)
SOON = NOW + timedelta(days=20)
LATE = NOW + timedelta(days=40)


def tenant(name: str, storage_gib: int = 10, **more: Any) -> Tenant:
    return Tenant(InstanceName(name), storage_gib, **more)


def going(name: str, storage_gib: int, **more: Any) -> Tenant:
    return tenant(name, storage_gib, movable=False, going_to=ServerName("app2"), **more)


def standing(name: str, room_gib: int, *tenants: Tenant, coming: int = 0, **more: Any) -> Standing:
    booked = sum(one.storage_gib for one in tenants) + coming
    return Standing(server(name, room_gib, booked, len(tenants), **more), tenants)


def told(needs: list[MoveNeed]) -> list[tuple[str, str, str | None]]:
    return [(one.instance, one.source, one.target) for one in needs]


def test_nothing_needs_to_move_while_every_server_gives_what_is_booked() -> None:
    assert needed_moves([standing("app1", 20, tenant("a"), tenant("b")), standing("app2", 0)], AHEAD) == []


def test_a_server_whose_disk_gives_less_than_is_booked_is_relieved_of_the_smallest_that_mends_it() -> None:
    full = standing("app1", 70, tenant("a", 40), tenant("b", 5), tenant("c", 15), tenant("d", 20))
    [need] = needed_moves([full, standing("app2", 100)], AHEAD)
    assert (need.instance, need.target, need.storage_gib) == ("c", "app2", 15)
    assert need.why == "80 GiB are booked on app1, which can give 70 GiB."


def test_a_pool_that_is_full_before_long_needs_a_server_with_a_further_package() -> None:
    first = standing("app1", 32, tenant("a", 20, full_at=SOON), tenant("b", 10))
    assert told(needed_moves([first, standing("app2", 100)], AHEAD)) == [("b", "app1", "app2")]
    [need] = needed_moves([first, standing("app2", 100)], AHEAD)
    assert need.why == "The pool of a is full within 30 days; app1 has 2 GiB left."
    assert needed_moves([standing("app1", 35, *first.tenants), standing("app2", 100)], AHEAD) == []
    later = replace(first, tenants=(tenant("a", 20, full_at=LATE), tenant("b", 10)))
    assert needed_moves([later, standing("app2", 100)], AHEAD) == []
    [need] = needed_moves([later, standing("app2", 100)], Ahead(NOW, days=60))
    assert need.why == "The pool of a is full within 60 days; app1 has 2 GiB left."
    assert needed_moves([first, standing("app2", 100)], Ahead(NOW, days=14)) == []


def test_what_was_asked_for_and_found_no_room_makes_the_smallest_leave_that_gives_it() -> None:
    asked = standing("app1", 60, tenant("a", 25, asked_gib=15), tenant("b", 10), tenant("c", 20))
    [need] = needed_moves([asked, standing("app2", 200)], AHEAD)
    assert (need.instance, need.target) == ("b", "app2")
    assert need.why == "More was asked for by a (15 GiB); app1 has 5 GiB left."


def test_nobody_is_sent_where_his_coming_would_be_the_next_need() -> None:
    growing = tenant("x", 20, full_at=SOON)
    full = standing("app1", 30, tenant("a", 20), tenant("b", 15))
    [need] = needed_moves([full, standing("app2", 36, growing)], AHEAD)
    assert (need.instance, need.target) == ("b", None)
    assert (
        need.help == "Add a server with 15 GiB of room or more (phm server add), or free 4 GiB on app2 (phm capacity)."
    )
    assert told(needed_moves([full, standing("app2", 40, growing)], AHEAD)) == [("b", "app1", "app2")]


def test_who_is_on_the_way_already_is_counted_as_gone_and_not_named_again() -> None:
    full = standing("app1", 30, tenant("a", 20), going("b", 15))
    assert needed_moves([full, standing("app2", 50, coming=15)], AHEAD) == []


def test_what_somebody_on_his_way_asked_for_is_kept_where_he_goes_and_nowhere_else() -> None:
    left = standing("app1", 45, tenant("a", 25), going("b", 15, asked_gib=10))
    other = standing("app3", 20, tenant("c", 25))
    assert told(needed_moves([left, standing("app2", 50, coming=15)], AHEAD)) == []  # app1 gives what is on it
    assert told(needed_moves([left, standing("app2", 50, coming=15), other], AHEAD)) == [("c", "app3", "app2")]
    [need] = needed_moves([left, standing("app2", 49, coming=15), other], AHEAD)  # 10 of its 34 GiB are kept for b
    assert (need.instance, need.target) == ("c", None)


def test_everybody_leaves_a_server_that_is_emptied_but_those_that_can_not() -> None:
    first = standing(
        "app1", 100, tenant("a", 30), tenant("b", 10), tenant("c", movable=False), state=ServerState.DRAINING
    )
    needs = needed_moves([first, standing("app2", 35), standing("app3", 25)], AHEAD, {"app1": Emptying("new disks")})
    assert told(needs) == [("a", "app1", "app2"), ("b", "app1", "app3")]
    assert needs[0].why == "app1 is being emptied: new disks"
    only = needed_moves([first, standing("app2", 35), standing("app3", 25)], AHEAD, {"app1": Emptying("x", ("app3",))})
    assert told(only) == [("a", "app1", None), ("b", "app1", "app3")]
    assert (
        only[0].help
        == "Add a server with 30 GiB of room or more (phm server add), or free 15 GiB on app3 (phm capacity)."
    )


def test_where_even_spreading_leaves_one_out_it_is_packed_tighter() -> None:
    wanted = {InstanceName("a"): 10, InstanceName("b"): 10, InstanceName("c"): 20}
    assert None not in spread(wanted, {ServerName("app1"): 20, ServerName("app2"): 20}).values()
    wanted = {InstanceName("a"): 50, InstanceName("b"): 60}
    assert None not in spread(wanted, {ServerName("app1"): 110, ServerName("app2"): 50}).values()


@given(
    st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(1, 60), min_size=1, max_size=8),
    st.integers(1, 200),
)
def test_the_choice_mends_it_with_the_fewest_and_none_of_them_could_be_smaller(
    weights: dict[str, int], missing: int
) -> None:
    named = {InstanceName(name): gib for name, gib in weights.items()}
    chosen = fewest_and_smallest(named, missing)
    total = sum(named[one] for one in chosen)
    if sum(named.values()) < missing:
        assert set(chosen) == set(named)
        return
    assert total >= missing
    fewer = combinations(named.values(), len(chosen) - 1)
    assert all(sum(some) < missing for some in fewer)
    for one in chosen:
        for other in set(named) - set(chosen):
            assert named[other] >= named[one] or total - named[one] + named[other] < missing


tenants = st.lists(
    st.builds(
        Tenant, name=st.uuids().map(lambda one: InstanceName(str(one))), storage_gib=st.integers(1, 20).map(lambda n: 5 * n),
        full_at=st.sampled_from([None, None, SOON, LATE]), asked_gib=st.sampled_from([0, 0, 0, 10]),
        movable=st.sampled_from([True, True, False]),
    ),
    max_size=6,
)  # fmt: skip
fleets = st.lists(
    st.tuples(st.integers(0, 300), tenants, st.sampled_from(list(ServerState)[:3])), min_size=1, max_size=5
)


def built(fleet: list[tuple[int, list[Tenant], ServerState]]) -> list[Standing]:
    return [standing(f"app{at}", room, *some, state=state) for at, (room, some, state) in enumerate(fleet)]


@given(fleets, st.booleans())
def test_no_plan_overfills_a_target_and_all_are_placed_or_named(
    fleet: list[tuple[int, list[Tenant], ServerState]], emptying: bool
) -> None:
    standings = built(fleet)
    emptied = {"app0": Emptying("away with it")} if emptying else {}
    needs = needed_moves(standings, AHEAD, emptied)
    by_name = {one.name: one for some in standings for one in some.tenants}
    assert len({one.instance for one in needs}) == len(needs)
    for some in standings:
        coming = sum(one.storage_gib for one in needs if one.target == some.server.name)
        going = sum(one.storage_gib for one in needs if one.source == some.server.name and one.target)
        if coming:
            assert takes_instances(some.server)
            assert some.free_gib + going - coming >= 0
    for one in needs:
        assert by_name[one.instance].movable
        assert bool(one.help) == (one.target is None)
        assert one.why
    if emptying:
        assert {one.instance for one in needs if one.source == "app0"} == {
            one.name for one in standings[0].tenants if one.movable
        }


@given(fleets)
def test_once_the_named_moves_are_done_no_server_that_could_be_mended_lacks_anything(
    fleet: list[tuple[int, list[Tenant], ServerState]],
) -> None:
    standings = built(fleet)
    needs = needed_moves(standings, AHEAD)
    if any(one.target is None for one in needs):
        return
    to = {one.instance: one.target for one in needs}
    everyone = [(to.get(one.name) or some.server.name, one) for some in standings for one in some.tenants]
    after = [
        standing(
            some.server.name,
            some.server.room_gib,
            *(one for at, one in everyone if at == some.server.name),
            state=some.server.state,
        )
        for some in standings
    ]
    for need in needed_moves(after, AHEAD):
        before = next(some for some in standings if some.server.name == need.source)
        movable = sum(one.storage_gib + one.growth_gib(AHEAD) for one in before.tenants if one.movable)
        lacks = sum(one.growth_gib(AHEAD) for one in before.tenants) - before.free_gib
        assert movable < lacks, need  # nothing that may move would have been enough


def test_growth_counts_where_it_will_be() -> None:
    here = standing(
        "app1", 100, tenant("a", 10, full_at=SOON), tenant("b", 10, asked_gib=15), going("c", 10, asked_gib=5)
    )
    there = standing("app2", 100, tenant("d", 10, full_at=LATE), coming=10)
    assert growth_by_server([here, there], AHEAD) == {"app1": 20, "app2": 5}


@given(fleets, st.integers(1, 20).map(lambda n: 5 * n))
def test_a_new_instance_makes_nobody_move_where_a_server_has_the_room_beside_growth(
    fleet: list[tuple[int, list[Tenant], ServerState]], pool_gib: int
) -> None:
    standings = built(fleet)
    growth = growth_by_server(standings, AHEAD)
    servers = [replace(one.server, facts={GROWTH: growth[one.server.name]}) for one in standings]
    if not any(takes_instances(one) and left_gib(one) >= pool_gib for one in servers):
        return
    chosen = choose_server(pool_gib, servers).name
    after = [
        standing(one.server.name, one.server.room_gib, *one.tenants, *[tenant("new", pool_gib)] * (one.server.name == chosen),
                 state=one.server.state)
        for one in standings
    ]  # fmt: skip
    assert chosen not in {one.source for one in needed_moves(after, AHEAD)}


@pytest.mark.parametrize("missing", [1, 5, 6])
def test_one_that_is_enough_by_itself_is_rather_moved_than_two(missing: int) -> None:
    named = {InstanceName("a"): 5, InstanceName("b"): 5, InstanceName("c"): 40}
    assert fewest_and_smallest(named, missing) == (["a"] if missing <= 5 else ["c"])
