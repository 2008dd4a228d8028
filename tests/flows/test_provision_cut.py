"""The server's network is cut during each step: what may heal heals, what doesn't is one sentence; it ends the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.service.listing import differences, listing
from tests.service.plans import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.flows.conftest import Undisturbed
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

SHORT_SECONDS, LONGER_SECONDS, LONG_SECONDS = 1.0, 3.0, 90.0
LOST = re.compile(
    r"(The connection to app\d was lost during [\w. -]+( \(\w+\))?\."
    r"|app\d \(10\.77\.0\.\d+:22\) does not answer by SSH \(\w+\)\."
    r"|The database of app\d went away\."
    r"|MariaDB on app\d does not answer\."
    r"|https?://app\d\S+ can't be asked: .+\.) \S.*\."
)


def run_with_the_cut(service: Service, order: str, fault: Fault, **plan: bool) -> Outcome:
    """The run; the network is whole again afterwards, whatever became of it."""
    try:
        return service.run(order, fault, **plan)
    finally:
        service.fleet.heal(service.host)


def trouble_with(service: Service, undisturbed: Undisturbed, faults: Iterable[Fault]) -> str:
    """For each cut: what of the instance is otherwise than undisturbed, after a second run where the first one failed."""
    found = ""
    for fault in faults:
        order = service.order()
        outcome = run_with_the_cut(service, order, fault)
        if not outcome.completed:
            if outcome.error != "Unreachable" or not LOST.fullmatch(outcome.message):
                found += f"\n{fault}: {outcome.error} {outcome.message}"
            outcome = service.run(order)
        if not outcome.completed:
            found += f"\n{fault}: then {outcome.state} {outcome.message}"
        elif wrong := differences(undisturbed.listing, listing(service, order)):
            found += f"\n{fault}: {wrong}"
    return found


def cuts(undisturbed: Undisturbed, seconds: float, *, every: bool) -> list[Fault]:
    """A cut at the first command of each step that speaks to the server, or at every command."""
    spoken = undisturbed.outcome.commands.items()
    return [
        Fault(step, "command", number, "cut", seconds)
        for step, most in spoken
        for number in range(1, (most if every else 1) + 1)
    ]


@pytest.mark.timeout(1200)
def test_a_network_cut_during_any_step_ends_the_same(service: Service, undisturbed: Undisturbed) -> None:
    faults = cuts(undisturbed, SHORT_SECONDS, every=False)
    assert len(faults) > 15
    assert trouble_with(service, undisturbed, faults) == ""


def test_a_long_cut_fails_in_one_sentence_and_the_next_run_goes_on(service: Service, undisturbed: Undisturbed) -> None:
    order = service.order()
    fault = Fault("ensure_installed", "command", 3, "cut", LONG_SECONDS)
    outcome = run_with_the_cut(service, order, fault, retries=False)
    assert (outcome.state, outcome.error) == ("Failed", "Unreachable")
    assert LOST.fullmatch(outcome.message), outcome.message
    again = service.run(order)
    assert again.completed, again
    assert not again.changed["ensure_database"]
    assert differences(undisturbed.listing, listing(service, order)) == []


@pytest.mark.soak
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("seconds", [LONGER_SECONDS, LONG_SECONDS])
def test_a_network_cut_during_any_command_ends_the_same(
    service: Service, undisturbed: Undisturbed, seconds: float
) -> None:
    assert trouble_with(service, undisturbed, cuts(undisturbed, seconds, every=seconds == LONGER_SECONDS)) == ""
