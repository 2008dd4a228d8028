"""States change along the edges alone."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from hosting.policy.states import (
    EDGES,
    EndState,
    EventState,
    ForbiddenEdge,
    GenerationState,
    InstanceState,
    NameState,
    OfferState,
    OrderState,
    ServerState,
    WorkState,
    step,
)

if TYPE_CHECKING:
    from enum import StrEnum

ALL = [OrderState, InstanceState, ServerState, WorkState, EventState, GenerationState, NameState, OfferState, EndState]
PAIRS = [pair for states in ALL for pair in product(states, states)]


@pytest.mark.parametrize("states", ALL)
def test_each_state_has_its_edges_and_they_lead_to_states(states: type[StrEnum]) -> None:
    edges = EDGES[states]
    assert set(edges) == {str(state) for state in states}
    assert {to for onward in edges.values() for to in onward} <= set(edges)


@pytest.mark.parametrize(("current", "to"), PAIRS)
def test_a_state_goes_where_an_edge_leads_and_may_be_confirmed(current: StrEnum, to: StrEnum) -> None:
    if to == current or to in EDGES[type(current)][current]:
        assert step(current, to) is to
    else:
        with pytest.raises(ForbiddenEdge):
            step(current, to)


@pytest.mark.parametrize(
    "end",
    [
        OrderState.FULFILLED,
        OrderState.REFUSED,
        OrderState.CANCELLED,
        InstanceState.ENDED,
        ServerState.RETIRED,
        GenerationState.DROPPED,
        NameState.GONE,
        EndState.DELETED,
        EndState.CALLED_OFF,
    ],
)
def test_an_end_is_an_end(end: StrEnum) -> None:
    assert EDGES[type(end)][end] == ()


def test_a_forbidden_edge_names_the_states_that_are_allowed() -> None:
    with pytest.raises(ForbiddenEdge) as refused:
        step(OrderState.PLACED, OrderState.FULFILLED)
    assert str(refused.value) == (
        "OrderState can't go from placed to fulfilled; from placed it may go to paid, refused, cancelled. "
        "Look at the record of what was done."
    )
    with pytest.raises(ForbiddenEdge, match="from ended it may go to nothing"):
        step(InstanceState.ENDED, InstanceState.ACTIVE)
