"""A release comes ring by ring: canaries first, then server by server, halted where too much fails (P17)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.roll_outs import (
    AT_WORK,
    CANARIES,
    ENDS,
    CannotRollOut,
    Place,
    UpdateState,
    going_on,
    objections_to,
    places,
)
from hosting.policy.states import InstanceState
from hosting.policy.values import InstanceFacts, InstanceName, OrderReference, ReleaseFacts, ReleaseId, ServerName

AT = datetime(2026, 11, 23, tzinfo=UTC)
OLD = ReleaseFacts(ReleaseId("ab" * 32), 40470, "4.04.70", "free", 1)
NEW = ReleaseFacts(ReleaseId("cd" * 32), 40471, "4.04.71", "free", 1)


def instance(number: int, server: str = "app1", **changes: Any) -> InstanceFacts:
    facts = InstanceFacts(
        InstanceName(f"i{number}"), number, OrderReference(f"A-{number}"), ServerName(server), OLD, 1, 5 * number,
        InstanceState.ACTIVE, AT,
    )  # fmt: skip
    return replace(facts, **changes)


SIX = [instance(number, "app2" if number % 2 else "app1") for number in range(1, 7)]


def rings(found: list[Place]) -> dict[int, list[str]]:
    return {ring: [one.instance for one in found if one.ring == ring] for ring in sorted({one.ring for one in found})}


def test_the_smallest_go_first_where_no_canary_is_named_then_a_server_after_the_other() -> None:
    assert rings(places(SIX, NEW)) == {0: ["i1", "i2"], 1: ["i4", "i6"], 2: ["i3", "i5"]}
    assert CANARIES == 2


def test_named_canaries_go_first_whether_instances_or_a_whole_server() -> None:
    assert rings(places(SIX, NEW, canaries=("i5",))) == {0: ["i5"], 1: ["i2", "i4", "i6"], 2: ["i1", "i3"]}
    assert rings(places(SIX, NEW, canaries=("app2",))) == {0: ["i1", "i3", "i5"], 1: ["i2", "i4", "i6"]}


def test_a_choice_of_servers_or_instances_leaves_the_others_as_they_are() -> None:
    assert rings(places(SIX, NEW, servers=("app1",), canaries=("i2",))) == {0: ["i2"], 1: ["i4", "i6"]}
    assert rings(places(SIX, NEW, only=("i3",))) == {0: ["i3"]}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"state": InstanceState.SUSPENDED}, "It is suspended."),
        ({"release": NEW}, "It has this release."),
        ({"release": replace(OLD, build=40480, version="4.04.80")}, "newer 4.04.80"),
        ({"release": replace(OLD, edition="lite")}, "edition lite, not free"),
    ],
)
def test_who_can_not_get_it_is_left_and_told_if_he_was_named(changes: dict[str, Any], why: str) -> None:
    other = instance(9, **changes)
    assert why in objections_to(other, NEW)
    assert "i9" not in {one.instance for one in places([*SIX, other], NEW)}
    with pytest.raises(CannotRollOut, match="i9"):
        places([*SIX, other], NEW, only=("i9",))


def test_all_that_is_wrong_with_a_wish_is_told_at_once() -> None:
    with pytest.raises(CannotRollOut) as told:
        places(SIX, NEW, only=("i1", "nobody"), canaries=("i6",))
    assert "no instance nobody" in str(told.value)
    assert "i6 is no instance that gets it" in str(told.value)
    with pytest.raises(CannotRollOut, match="No instance is behind"):
        places([], NEW)


def after(states: dict[str, UpdateState]) -> list[Place]:
    return [replace(one, state=states.get(one.instance, UpdateState.WAITING)) for one in places(SIX, NEW)]


def test_a_ring_begins_when_all_before_it_are_at_their_end() -> None:
    assert going_on(after({}), 1).servers == ("app1", "app2")
    one = {"i1": UpdateState.DONE}
    assert (going_on(after(one), 1).ring, going_on(after(one), 1).servers) == (0, ("app1",))
    both = {**one, "i2": UpdateState.SKIPPED}
    assert (going_on(after(both), 1).ring, going_on(after(both), 1).servers) == (1, ("app1",))
    assert going_on(after(dict.fromkeys(("i1", "i2", "i3", "i4", "i5", "i6"), UpdateState.DONE)), 1).done


def test_a_canary_that_fails_halts_and_so_does_one_failure_too_many_in_a_later_ring() -> None:
    well = {"i1": UpdateState.DONE, "i2": UpdateState.DONE}
    assert "ring 0" in going_on(after({"i1": UpdateState.FAILED}), 5).halt
    one = {**well, "i4": UpdateState.FAILED}
    assert going_on(after(one), 1).halt == ""
    assert going_on(after(one), 0).halt
    assert "2 of the instances of ring 1" in going_on(after({**one, "i6": UpdateState.FAILED}), 1).halt


def test_what_an_operator_has_borne_halts_no_more() -> None:
    failed = after({"i1": UpdateState.FAILED, "i2": UpdateState.DONE})
    assert going_on(failed, 1, forgiven={"i1"}).ring == 1


@given(st.lists(st.sampled_from(list(UpdateState)), min_size=6, max_size=6), st.integers(0, 3))
def test_nothing_of_a_later_ring_is_asked_for_while_an_earlier_one_is_under_way(
    states: list[UpdateState], most: int
) -> None:
    found = after(dict(zip(("i1", "i2", "i3", "i4", "i5", "i6"), states, strict=True)))
    going = going_on(found, most)
    if going.ring is not None and not going.halt:
        assert all(one.state in ENDS for one in found if one.ring < going.ring)
        assert going.servers == tuple(
            sorted({one.server for one in found if one.ring == going.ring and one.state not in ENDS})
        )
    if going.done:
        assert not AT_WORK & {one.state for one in found}
