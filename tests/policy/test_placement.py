"""Which server takes an instance (P02, P12)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.placement import (
    GROWTH,
    NoServerHasRoom,
    check_takes,
    choose_server,
    left_gib,
    takes_instances,
)
from hosting.policy.states import ServerState
from hosting.policy.values import ServerFacts, ServerName


def server(
    name: str = "app1",
    room_gib: int = 100,
    booked_gib: int = 0,
    instances: int = 0,
    *,
    country: str = "DE",
    dedicated: bool = True,
    state: ServerState = ServerState.ACTIVE,
    growth_gib: int = 0,
) -> ServerFacts:
    return ServerFacts(
        name=ServerName(name), host_name=f"{name}.phlymail.test", address="192.0.2.1", ssh_port=22, host_key="",
        country=country, dedicated=dedicated, state=state, room_gib=room_gib, booked_gib=booked_gib,
        instances=instances, facts={GROWTH: growth_gib} if growth_gib else {},
    )  # fmt: skip


def test_the_server_with_the_most_free_room_is_chosen() -> None:
    assert choose_server(5, [server("app1", 100, 50), server("app2", 80, 20), server("app3", 60, 5)]).name == "app2"


def test_among_equals_the_one_with_the_fewest_instances_then_the_first_by_name_is_chosen() -> None:
    full, empty = server("app1", 100, 10, 2), server("app2", 100, 10, 1)
    assert choose_server(5, [full, empty]).name == "app2"
    assert choose_server(5, [server("app3"), server("app2")]).name == "app2"


def test_room_that_fits_exactly_is_enough() -> None:
    assert choose_server(25, [server(room_gib=50, booked_gib=25)]).name == "app1"


def test_what_grows_on_a_server_is_left_its_room_so_that_nobody_has_to_move_for_it() -> None:
    growing, calm = server("app1", 100, 20, growth_gib=30), server("app2", 100, 40)
    assert choose_server(25, [growing, calm]).name == "app2"
    assert choose_server(25, [server("app1", 100, 20, growth_gib=15), calm]).name == "app1"


def test_growth_keeps_nobody_out_where_no_server_has_room_beside_it() -> None:
    servers = [server("app1", 50, 20, growth_gib=20), server("app2", 50, 22, growth_gib=10)]
    assert choose_server(25, servers).name == "app2"
    assert choose_server(30, servers).name == "app1"
    with pytest.raises(NoServerHasRoom, match="the most free is 30 GiB"):
        choose_server(31, servers)


@pytest.mark.parametrize(
    "unfit",
    [server(country="NL"), server(dedicated=False)]
    + [server(state=state) for state in ServerState if state is not ServerState.ACTIVE],
)
def test_only_an_active_dedicated_server_in_germany_takes_instances(unfit: ServerFacts) -> None:
    assert not takes_instances(unfit)
    with pytest.raises(NoServerHasRoom):
        choose_server(5, [unfit])


def test_where_none_has_room_the_best_is_told_with_the_way_out() -> None:
    with pytest.raises(NoServerHasRoom) as refused:
        choose_server(30, [server("app1", 100, 80), server("app2", 100, 75), server("app3", 500, country="NL")])
    assert str(refused.value) == (
        "No server has room for 30 GiB: 2 of 3 may take instances, the most free is 25 GiB. "
        "Add a server with 30 GiB of room or more (phm server add), or free 5 GiB on app2 (phm capacity). "
        "Then run again."
    )


def test_a_draining_server_with_the_room_is_a_way_out() -> None:
    resting = server("app2", 100, state=ServerState.DRAINING)
    with pytest.raises(NoServerHasRoom, match=r"or let app2 take instances again \(phm server undrain app2\)\. Then"):
        choose_server(30, [server("app1", 20), resting])


def test_without_servers_the_way_out_is_told() -> None:
    with pytest.raises(NoServerHasRoom, match="0 of 0 may take instances, the most free is 0 GiB"):
        choose_server(5, [])


fleets = st.lists(
    st.builds(
        server,
        name=st.uuids().map(str),
        room_gib=st.integers(0, 200),
        booked_gib=st.integers(0, 200),
        instances=st.integers(0, 9),
        country=st.sampled_from(["DE", "DE", "NL"]),
        dedicated=st.booleans(),
        state=st.sampled_from(ServerState),
        growth_gib=st.integers(0, 60),
    ),
    max_size=6,
)


@given(fleets, st.integers(1, 100), st.randoms())
def test_the_choice_fits_and_does_not_hang_on_the_order_of_the_servers(
    servers: list[ServerFacts], pool_gib: int, dice: object
) -> None:
    try:
        chosen = choose_server(pool_gib, servers)
    except NoServerHasRoom:
        assert not any(takes_instances(one) and one.free_gib >= pool_gib for one in servers)
        return
    shuffled = list(servers)
    dice.shuffle(shuffled)
    assert choose_server(pool_gib, shuffled) == chosen
    assert takes_instances(chosen)
    assert chosen.free_gib >= pool_gib
    fitting = [one for one in servers if takes_instances(one) and one.free_gib >= pool_gib]
    assert left_gib(chosen) == max(map(left_gib, fitting))
    if any(left_gib(one) >= pool_gib for one in fitting):  # the coming of nobody is the next need to move
        assert left_gib(chosen) >= pool_gib


def test_many_orders_are_placed_evenly() -> None:
    booked = {"app1": 0, "app2": 0}
    for _ in range(20):
        fleet = [server(name, 500, 5 * number, number) for name, number in booked.items()]
        booked[choose_server(5, fleet).name] += 1
    assert booked == {"app1": 10, "app2": 10}


def test_a_server_that_a_person_names_has_to_take_instances_and_to_have_the_room() -> None:
    check_takes(server(room_gib=50, booked_gib=25), 25)
    with pytest.raises(NoServerHasRoom, match="24 GiB of room; 25 GiB are booked"):
        check_takes(server(room_gib=50, booked_gib=26), 25)
    with pytest.raises(NoServerHasRoom, match="app1 takes no instances: it is draining"):
        check_takes(server(state=ServerState.DRAINING), 5)
