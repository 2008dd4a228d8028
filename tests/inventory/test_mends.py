"""Mends of generations: a killed one is gone on with, a rehearsal's verdict stands, and what is recorded is true."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hosting.inventory import mends, recovery_points, rehearsals
from hosting.inventory.mends import RehearsalStands
from hosting.inventory.session import in_transaction
from hosting.policy.states import GenerationState
from hosting.policy.stored_versions import AlteredObject, StoredVersion
from hosting.policy.values import InstanceName, RehearsalFacts, RehearsalOutcome, ServerName
from tests.inventory.words import HOUR, NOW, server, with_servers
from tests.service.records import opened, with_backup

if TYPE_CHECKING:
    from hosting.inventory.session import Inventory
    from hosting.policy.values import GenerationFacts, PointFacts

SINCE = NOW + 3 * HOUR
NEWEST, FIRST = StoredVersion("app1/x/G1/config", "2", NOW), StoredVersion("app1/x/G1/config", "1", NOW)
OVERWRITTEN = AlteredObject("config", NEWEST, FIRST)
FOREIGN = AlteredObject("data/ab/" + "ab" * 32, NEWEST, None)


@pytest.fixture
def point(inventory: Inventory) -> PointFacts:
    """The full backup with which generation G1 begins."""
    with_servers(inventory, server("app1", 200), server("app2"))
    return with_backup(inventory, opened(inventory, "A-1", NOW), "G1", NOW)


def generation(inventory: Inventory) -> GenerationFacts:
    with inventory.reading() as session:
        return recovery_points.generation(session, "G1")


def left(inventory: Inventory, *altered: AlteredObject) -> bool:
    with inventory.reading() as session:
        return mends.left_to_mend(session, recovery_points.generation(session, "G1"), altered)


def begin(inventory: Inventory) -> None:
    facts = generation(inventory)
    in_transaction(inventory, lambda session: mends.record_mend_begun(session, facts, 2, NOW + HOUR))


def end(inventory: Inventory, objects: int = 0) -> None:
    facts, at = generation(inventory), SINCE + HOUR
    in_transaction(inventory, lambda session: mends.record_mend_ended(session, facts, "app2", objects, SINCE, at))


def spoil(inventory: Inventory, finding: str = "A pack is gone.") -> None:
    mark = partial(recovery_points.mark_generation, generation_id="G1", state=GenerationState.DAMAGED)
    in_transaction(inventory, lambda session: mark(session, finding=finding, now=NOW))


def rehearse(inventory: Inventory, of: PointFacts, outcome: RehearsalOutcome, at: int, **how: Any) -> None:
    ended = NOW + at * HOUR
    told = RehearsalFacts(
        f"R{at}", of.id, InstanceName(of.instance_name), ServerName("app2"), NOW, ended, outcome, {}, 9.5
    )
    in_transaction(inventory, lambda session: rehearsals.record_rehearsal(session, told, ended, **how))


def test_what_is_altered_or_damaged_is_to_be_mended_and_nothing_else(inventory: Inventory, point: PointFacts) -> None:
    assert (left(inventory), left(inventory, OVERWRITTEN), left(inventory, FOREIGN)) == (False, True, True)
    spoil(inventory)
    assert left(inventory)


def test_a_mend_of_an_open_generation_that_was_killed_once_nothing_is_altered_any_more_is_gone_on_with(
    inventory: Inventory, point: PointFacts
) -> None:
    for _ in range(2):  # the second run finds it begun
        begin(inventory)
    assert generation(inventory).state is GenerationState.OPEN
    assert left(inventory)
    end(inventory)
    assert not left(inventory)
    assert generation(inventory).state is GenerationState.OPEN


def test_what_a_rehearsal_found_is_not_overturned_by_reading_where_nothing_was_altered(
    inventory: Inventory, point: PointFacts
) -> None:
    rehearse(inventory, point, RehearsalOutcome.FAILED, 2, damaged=True, finding="Table users differs.")
    with pytest.raises(RehearsalStands, match=f"a rehearsal found that its point {point.id} is not what was") as caught:
        left(inventory)
    with pytest.raises(RehearsalStands):
        left(inventory, FOREIGN)
    assert f"phm backup {point.instance_name} --full" in caught.value.do
    assert left(inventory, OVERWRITTEN)
    rehearse(inventory, point, RehearsalOutcome.PASSED, 5)
    assert left(inventory)


def test_a_mend_that_was_begun_before_the_kill_is_not_refused_for_what_the_alteration_made_a_rehearsal_find(
    inventory: Inventory, point: PointFacts
) -> None:
    rehearse(inventory, point, RehearsalOutcome.FAILED, 2, damaged=True, finding="A pack can't be read.")
    begin(inventory)
    assert left(inventory)
    end(inventory)
    with inventory.reading() as session:
        assert recovery_points.point(session, point.id).damaged  # until it is proven itself


@pytest.mark.parametrize(
    ("begun", "objects", "why"),
    [
        (False, 0, mends.NOTHING_TO_BRING),
        (True, 2, mends.BROUGHT_BACK),
        (True, 0, mends.BROUGHT_BACK),  # by a run that was killed
    ],
)
def test_the_reason_for_which_a_generation_counts_again_is_true(
    inventory: Inventory, point: PointFacts, *, begun: bool, objects: int, why: str
) -> None:
    spoil(inventory)
    if begun:
        begin(inventory)
    end(inventory, objects)
    assert (generation(inventory).state, generation(inventory).finding) == (GenerationState.CLOSED, why)


def test_since_when_a_generation_is_known_to_be_sound_is_kept(inventory: Inventory, point: PointFacts) -> None:
    begin(inventory)
    with inventory.reading() as session:
        assert mends.found_sound(session) == {}
    end(inventory, 2)
    with inventory.reading() as session:
        assert mends.found_sound(session) == {"G1": SINCE}
