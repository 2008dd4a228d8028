"""Which servers are taken, with everything that speaks against one at once (P02, P13)."""

from __future__ import annotations

from typing import Any

import pytest

from hosting.policy.enrolment import objections, room_gib

GOOD: dict[str, Any] = {
    "debian": "12.11",
    "programs": ["curl", "flock"],
    "php_modules": ["mysqli"],
    "units": {"apache2": "active", "ssh": "active"},
}


def told(country: str = "DE", *, dedicated: bool = True, clock_off: float = 0.0, **facts: Any) -> tuple[str, ...]:
    return objections(
        {**GOOD, **facts}, ("curl", "flock"), ("mysqli",), country, dedicated=dedicated, clock_off=clock_off
    )


def test_nothing_speaks_against_a_good_server() -> None:
    assert told() == ()


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ({"country": "FR"}, "It stands in FR; instances are kept in Germany (P02)."),
        ({"dedicated": False}, "It is not dedicated to this service (P02)."),
        ({"debian": "11.9"}, "It runs Debian 11.9; this service knows Debian 12."),
        ({"debian": "trixie/sid"}, "It runs Debian trixie/sid; this service knows Debian 12."),
        ({"programs": ["curl"]}, "These programs are missing: flock."),
        ({"php_modules": []}, "These PHP modules are missing: mysqli."),
        ({"units": {"apache2": "active", "mariadb": "failed"}}, "These services don't run: mariadb."),
        ({"clock_off": -3.04}, "Its clock is off by -3.0 s."),
    ],
)
def test_each_objection_is_one_sentence(case: dict[str, Any], sentence: str) -> None:
    assert told(**case) == (sentence,)


def test_everything_is_told_at_once() -> None:
    assert (
        len(told("AT", dedicated=False, clock_off=9, debian="", programs=[], php_modules=[], units={"ssh": "inactive"}))
        == 7
    )


@pytest.mark.parametrize(
    ("size", "room"), [(0, 0), (2**30, 0), (4 * 2**30, 3), (100 * 2**30, 90), (500 * 2**30 - 1, 449)]
)
def test_a_tenth_is_kept_free(size: int, room: int) -> None:
    assert room_gib(size) == room
