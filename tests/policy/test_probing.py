"""A server never asks what it serves itself, and any of a location can stand in for another (P11)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.probing import Target, answer_within, by_location, calls, interval_of
from hosting.policy.states import ServerState
from hosting.policy.terms import terms_with
from hosting.policy.values import InstanceName, ServerName
from tests.inventory.words import server

MINUTE = timedelta(minutes=1)


def target(number: int, home: str) -> Target:
    return Target(InstanceName(f"i{number}"), ServerName(home), f"{home}.test", "192.0.2.1", "/api.php", MINUTE)


def test_of_two_servers_each_asks_what_the_other_one_serves() -> None:
    here = [server("app1"), server("app2")]
    made = calls([target(1, "app1"), target(2, "app2")], here)
    assert {one.server.name: [t.server for t in one.targets] for one in made} == {"app1": ["app2"], "app2": ["app1"]}


def test_a_location_of_many_servers_needs_two_calls() -> None:
    here = [server(f"app{number}") for number in range(1, 9)]
    made = calls([target(number, f"app{number % 8 + 1}") for number in range(80)], here)
    assert [(one.server.name, len(one.targets)) for one in made] == [("app1", 70), ("app2", 10)]


def test_where_one_server_stands_alone_nobody_of_its_location_asks() -> None:
    assert calls([target(1, "app1")], [server("app1")]) == ()


@given(st.lists(st.integers(1, 4), max_size=30), st.sets(st.integers(1, 4)))
def test_whoever_fails_everything_is_asked_once_as_long_as_another_server_is_left(
    homes: list[int], failed: set[int]
) -> None:
    here = [server(f"app{number}") for number in range(1, 5) if number not in failed]
    targets = [target(number, f"app{home}") for number, home in enumerate(homes)]
    made = calls(targets, here)
    assert all(one.server.name != t.server for one in made for t in one.targets)
    asked = sorted(t.instance for one in made for t in one.targets)
    can = [one for one in targets if any(other.name != one.server for other in here)]
    assert asked == sorted(one.instance for one in can)


def test_servers_stand_where_the_settings_say_and_the_others_together() -> None:
    known = [server("app1"), server("app2"), server("app3"), replace(server("app4"), state=ServerState.RETIRED)]
    places = by_location(known, {"app2": "nbg1"})
    assert [[one.name for one in here] for here in places] == [["app1", "app3"], ["app2"]]


@pytest.mark.parametrize(
    ("overrides", "setting", "interval"),
    [
        ({}, None, 60),
        ({}, 20.0, 20),
        ({}, 300.0, 60),
        ({"probe_every": "30s"}, None, 30),
        ({"probe_every": "30s"}, 60.0, 30),
    ],
)
def test_the_setting_has_instances_probed_oftener_than_their_level_says_never_less_often(
    overrides: dict[str, object], setting: float | None, interval: int
) -> None:
    assert interval_of(terms_with(overrides), setting) == timedelta(seconds=interval)


def test_an_answer_is_waited_for_half_of_a_short_interval() -> None:
    assert answer_within(timedelta(seconds=4)) == timedelta(seconds=2)
    assert answer_within(timedelta(minutes=5)) == timedelta(seconds=10)
