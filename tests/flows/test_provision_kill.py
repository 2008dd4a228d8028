"""The flow's process is killed at every step; running again ends as an undisturbed run does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.service.listing import differences, listing
from tests.service.plans import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.flows.conftest import Undisturbed
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]


AT_ONCE = 6
"""So many orders have all the kills between them, where each has not one of its own."""


def trouble_after(service: Service, undisturbed: Undisturbed, orders: Iterable[Sequence[Fault]]) -> str:
    """For each order's faults: it is killed by one after the other, run again, and what is otherwise than undisturbed."""
    found = ""
    for faults in orders:
        order = service.order()
        killed = [service.run(order, fault).state for fault in faults]
        again = service.run(order)
        if set(killed) != {"Killed"} or not again.completed:
            found += f"\n{faults}: first {killed}, then {again.state} {again.message}"
        elif wrong := differences(undisturbed.listing, listing(service, order)):
            found += f"\n{faults}: {wrong}"
    return found


@pytest.mark.timeout(1200)
def test_a_run_killed_after_any_step_ends_the_same_when_run_again(service: Service, undisturbed: Undisturbed) -> None:
    """Several kills hit one order, each further on than the one before: what an earlier one left is found there, too."""
    faults = [Fault(step, "after") for step in undisturbed.steps]
    assert len(faults) > 20
    assert trouble_after(service, undisturbed, [faults[first::AT_ONCE] for first in range(AT_ONCE)]) == ""


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_run_killed_once_before_after_or_within_any_step_ends_the_same_when_run_again(
    service: Service, undisturbed: Undisturbed
) -> None:
    around = [Fault(step, moment) for moment in ("before", "after") for step in undisturbed.steps]
    commands = undisturbed.outcome.commands
    within = [
        Fault(step, "command", number) for step in undisturbed.steps for number in range(1, commands.get(step, 0) + 1)
    ]
    assert trouble_after(service, undisturbed, [[fault] for fault in (*around, *within)]) == ""
