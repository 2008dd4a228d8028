"""The flow's process is killed at every step; running again ends as an undisturbed run does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.service.listing import differences, listing
from tests.service.plans import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.flows.conftest import Undisturbed
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]


def trouble_after(service: Service, undisturbed: Undisturbed, faults: Iterable[Fault]) -> str:
    """For each fault: an order killed so, run again, and what of it is otherwise than undisturbed."""
    found = ""
    for fault in faults:
        order = service.order()
        killed = service.run(order, fault)
        again = service.run(order)
        if killed.state != "Killed" or not again.completed:
            found += f"\n{fault}: first {killed.state} {killed.message}, then {again.state} {again.message}"
        elif wrong := differences(undisturbed.listing, listing(service, order)):
            found += f"\n{fault}: {wrong}"
    return found


@pytest.mark.timeout(1200)
def test_a_run_killed_after_any_step_ends_the_same_when_run_again(service: Service, undisturbed: Undisturbed) -> None:
    faults = [Fault(step, "after") for step in undisturbed.steps]
    assert len(faults) > 20
    assert trouble_after(service, undisturbed, faults) == ""


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_run_killed_before_or_within_any_step_ends_the_same_when_run_again(
    service: Service, undisturbed: Undisturbed
) -> None:
    before = [Fault(step, "before") for step in undisturbed.steps]
    commands = undisturbed.outcome.commands
    within = [
        Fault(step, "command", number) for step in undisturbed.steps for number in range(1, commands.get(step, 0) + 1)
    ]
    assert trouble_after(service, undisturbed, [*before, *within]) == ""
