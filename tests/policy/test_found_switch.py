"""An instance is found where one server alone serves it and all others pass on to that one, or not at all (P24)."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.found_switch import NothingToRecord, SiteThere, SwitchNotProven, found_on

NAMES = ("app1", "app2", "app3")
NOTHING, CLOSED, SERVES = "nothing", "closed", "serves"


def site(server: str, what: str) -> SiteThere:
    """A server that serves, is closed, has no site, or passes on to the one that is named."""
    to = f"{what}.test" if what in NAMES else ""
    return SiteThere(server, f"{server}.test", what != NOTHING, what == SERVES, to)


def found(*whats: str) -> str:
    return found_on("k3v9q2", "app1", [site(server, what) for server, what in zip(NAMES, whats, strict=False)]).server


@pytest.mark.parametrize(
    "whats", [("app2", SERVES), ("app2", SERVES, NOTHING), ("app2", SERVES, "app2"), ("app2", SERVES, CLOSED)]
)
def test_the_one_that_serves_is_where_it_is_if_the_recorded_one_passes_on_to_it(whats: tuple[str, ...]) -> None:
    assert found(*whats) == "app2"


def test_where_the_inventory_is_right_there_is_nothing_to_record() -> None:
    with pytest.raises(NothingToRecord, match="k3v9q2 is on app1, as the inventory has it"):
        found(SERVES, NOTHING, "app1")


@pytest.mark.parametrize(
    ("whats", "said"),
    [
        (("app2", SERVES, SERVES), "Not one server alone serves k3v9q2: app1 passes on to app2.test; app2 serves it"),
        ((SERVES, SERVES), "Not one server alone"),
        (("app2", CLOSED), "app2 does not serve it"),
        (("app2", NOTHING), "app2 has no site of it"),
        ((CLOSED, SERVES), "app1, where the inventory has k3v9q2, does not pass it on to app2"),
        ((NOTHING, SERVES), "does not pass it on to app2"),
        (("app3", SERVES, NOTHING), "Not all that pass k3v9q2 on pass it on to app2"),
        (("app2", SERVES, "app1"), "Not all that pass k3v9q2 on"),
    ],
)
def test_what_is_not_beyond_doubt_is_refused_with_what_every_server_has(whats: tuple[str, ...], said: str) -> None:
    with pytest.raises(SwitchNotProven, match=said):
        found(*whats)


@given(st.sampled_from([*product((NOTHING, CLOSED, SERVES, *NAMES), repeat=3)]))
def test_it_is_never_found_on_a_server_that_does_not_serve_it_alone(whats: tuple[str, ...]) -> None:
    try:
        home = found(*whats)
    except (NothingToRecord, SwitchNotProven):
        return
    assert whats.count(SERVES) == 1
    assert whats[NAMES.index(home)] == SERVES
    assert whats[0] == home
