"""The morning's audit notices what is missing, not looked at, unknown or unusual, also if nothing ran at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from hosting.policy.backup_audit import (
    AuditedInstance,
    Finding,
    Severity,
    StoredGeneration,
    audit,
    backup_standing,
    oldest_not_looked_at,
    told_oldest,
)
from hosting.policy.states import GenerationState
from hosting.policy.terms import GIB, STANDARD
from hosting.policy.values import PointKind
from tests.policy.backups import MIB, NAME, generation, point

if TYPE_CHECKING:
    from hosting.policy.values import PointFacts

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MORNING = datetime(2026, 12, 9, 6, 0, tzinfo=UTC)  # a Wednesday, 07:00 in Berlin
NIGHT = MORNING - 8 * HOUR
SUNDAY = NIGHT - 2 * DAY
OPENED = MORNING - 300 * DAY
G1 = generation("G1", SUNDAY - timedelta(minutes=1))
STATES = {"G1": GenerationState.OPEN, "G0": GenerationState.DROPPING}
STORED = StoredGeneration("app1", NAME, "G1", 40, 9 * MIB)
HEALTHY = (
    point("G1", SUNDAY, PointKind.FULL, proven_at=SUNDAY + 3 * HOUR),
    point("G1", SUNDAY + DAY),
    point("G1", NIGHT),
)


def audited(*points: PointFacts, active_since: datetime = OPENED, last_failure: str = "") -> AuditedInstance:
    return AuditedInstance(NAME, active_since, points, STANDARD, last_failure)


def found(*points: PointFacts, active_since: datetime = OPENED, last_failure: str = "") -> list[Finding]:
    one = audited(*points, active_since=active_since, last_failure=last_failure)
    return audit([one], [G1], [STORED], MORNING)


def test_a_healthy_morning_has_no_findings() -> None:
    assert found(*HEALTHY) == []
    assert audit([], [], [], MORNING) == []


def test_an_instance_without_a_backup_since_yesterday_is_named_with_the_reason() -> None:
    [finding] = found(*HEALTHY[:2], last_failure="The store does not answer.")
    assert finding == Finding(
        Severity.WRONG,
        f"instance:{NAME}",
        f"Instance {NAME} has had no good backup since 07 Dec 2026 23:00, which is more than 26 h. "
        "The last run said: The store does not answer.",
        f"Back it up now: phm backup {NAME}.",
    )


def test_a_backup_that_never_ran_is_noticed_too() -> None:
    [finding] = found(*HEALTHY[:2])
    assert finding.sentence.endswith("No run has said why: perhaps none ran.")


def test_a_new_instance_has_its_first_day_and_is_named_after_it() -> None:
    assert found(active_since=MORNING - 26 * HOUR) == []
    [finding] = found(active_since=MORNING - 26 * HOUR - timedelta(seconds=1))
    assert finding.sentence.startswith(f"Instance {NAME}, opened on 08 Dec 2026 04:59, has no good backup. ")


@pytest.mark.parametrize("state", [GenerationState.DAMAGED, GenerationState.DROPPING, GenerationState.DROPPED])
def test_points_of_a_generation_that_can_not_be_relied_on_are_no_backup(state: GenerationState) -> None:
    lost = replace(G1, state=state)
    subjects = {finding.subject for finding in audit([audited(*HEALTHY)], [lost], [STORED], MORNING)}
    assert f"instance:{NAME}" in subjects


def test_a_damaged_point_is_no_backup() -> None:
    [finding] = found(*HEALTHY[:2], replace(HEALTHY[2], damaged=True))
    assert "no good backup since 07 Dec 2026 23:00" in finding.sentence


def test_a_week_without_a_full_backup_is_named_though_incrementals_are_there() -> None:
    early = replace(HEALTHY[0], taken_at=MORNING - 8 * DAY - 3 * HOUR)
    [finding] = found(early, *HEALTHY[1:])
    assert finding.sentence == f"Instance {NAME} has had no full backup since 01 Dec 2026 04:00."
    assert found(replace(early, taken_at=MORNING - 8 * DAY - HOUR), *HEALTHY[1:]) == []


def test_a_proof_that_is_too_old_or_never_came_is_named() -> None:
    proven = replace(HEALTHY[0], proven_at=MORNING - 28 * DAY - timedelta(seconds=1))
    [finding] = found(proven, *HEALTHY[1:])
    assert finding.sentence == (
        f"A restore of instance {NAME} was last proven on 11 Nov 2026 06:59; a proof is owed every 28 days."
    )
    assert finding.do == f"Prove it now: phm rehearse {NAME}."
    unproven = replace(HEALTHY[0], proven_at=None)
    [finding] = found(unproven, *HEALTHY[1:])
    assert finding.sentence == f"A restore of instance {NAME} has never been proven; a proof is owed every 28 days."
    assert found(unproven, *HEALTHY[1:], active_since=MORNING - 20 * DAY) == []


def test_the_standing_tells_the_newest_points_and_the_last_proof() -> None:
    stands = backup_standing(HEALTHY, STATES)
    assert (stands.last_good_at, stands.last_full_at, stands.proven_at) == (NIGHT, SUNDAY, SUNDAY + 3 * HOUR)
    empty = backup_standing([], {})
    assert (empty.last_good_at, empty.last_full_at, empty.proven_at, empty.not_looked_at, empty.grown) == (None,) * 5


@pytest.mark.parametrize(
    ("points", "checked", "left"),
    [
        (HEALTHY, {}, HEALTHY[1]),
        ([replace(one, proven_at=None) for one in HEALTHY], {}, replace(HEALTHY[0], proven_at=None)),
        ([replace(one, proven_at=MORNING) for one in HEALTHY], {}, None),
        ([HEALTHY[0], HEALTHY[1], replace(HEALTHY[2], proven_at=MORNING)], {}, HEALTHY[1]),  # a later one proves none
        (HEALTHY, {"G1": NIGHT - HOUR}, HEALTHY[2]),  # looked through before the last one came
        (HEALTHY, {"G1": MORNING - HOUR}, None),
        (HEALTHY, {"G0": MORNING - HOUR}, HEALTHY[1]),  # another generation was looked through
        ([HEALTHY[0], replace(HEALTHY[1], damaged=True), HEALTHY[2]], {}, HEALTHY[2]),
        ([point("G0", SUNDAY - DAY), *HEALTHY], {}, HEALTHY[1]),  # G0 is not kept any more
    ],
)
def test_the_oldest_point_not_looked_at_is_that_which_no_rehearsal_has_proven_and_no_check_since_looked_through(
    points: list[PointFacts], checked: dict[str, datetime], left: PointFacts | None
) -> None:
    assert backup_standing(points, STATES, checked).not_looked_at == left


def test_of_all_instances_the_oldest_point_not_looked_at_is_told_with_its_age() -> None:
    late = backup_standing(HEALTHY, STATES)
    early = backup_standing([point("G2", SUNDAY - 20 * DAY, PointKind.FULL, "zz")], {"G2": GenerationState.CLOSED})
    proven = backup_standing(HEALTHY, STATES, {"G1": MORNING})
    found = oldest_not_looked_at([late, early, proven])
    assert found == early.not_looked_at
    assert told_oldest(found, MORNING) == (
        "The oldest point that no rehearsal has proven and no check has looked through: G2-202611162200 of "
        "16 Nov 2026 23:00, 22 days old."
    )
    assert oldest_not_looked_at([proven]) is None
    assert told_oldest(None, MORNING) == (
        "No point is kept that neither a rehearsal has proven nor a check has looked through since it was taken."
    )


def test_a_damaged_generation_is_told_as_long_as_its_points_are_there() -> None:
    spoilt = replace(G1, state=GenerationState.DAMAGED, finding="A pack is gone.")
    later = generation("G2", NIGHT)
    good = point("G2", NIGHT, PointKind.FULL, proven_at=NIGHT)
    [finding] = audit([audited(*HEALTHY[:2], good)], [spoilt, later], None, MORNING)
    assert finding.severity is Severity.WATCH
    assert finding.sentence == f"Generation G1 of instance {NAME} is damaged: A pack is gone."
    assert audit([audited(good)], [spoilt, later], None, MORNING) == []


def test_without_the_stores_list_the_records_alone_are_looked_at() -> None:
    assert audit([audited(*HEALTHY)], [G1], None, MORNING) == []
    [finding] = audit([audited(*HEALTHY[:2])], [G1], None, MORNING)
    assert finding.subject == f"instance:{NAME}"


# The store -----------------------------------------------------------------------------------------------------------


def naming(taken_at: datetime, missing: int, *, named: int = 400, **more: Any) -> PointFacts:
    manifest = {"named": {"mails": {"named": named, "missing": missing, "examples": []}}, **more}
    return point("G1", taken_at, manifest=manifest)


def test_a_point_whose_mails_are_gone_though_the_database_names_them_is_no_green_backup() -> None:
    [finding] = found(*HEALTHY[:1], naming(SUNDAY + DAY, 2), naming(NIGHT, 400))
    assert finding.severity is Severity.WRONG
    assert finding.sentence == (
        "Of 400 mails that the database of instance k3v9aa names, 400 were not in its folder on 08 Dec 2026 23:00; "
        "the point before lacked 2."
    )
    assert finding.do == "Restore what is gone from a point before it: phm snapshots k3v9aa."


def test_single_mails_that_are_gone_ask_for_a_look_and_those_that_always_were_for_nothing() -> None:
    [finding] = found(*HEALTHY[:1], naming(SUNDAY + DAY, 2), naming(NIGHT, 5))
    assert finding.severity is Severity.WATCH
    assert found(*HEALTHY[:1], naming(SUNDAY + DAY, 5), naming(NIGHT, 5)) == []
    assert found(*HEALTHY[:1], naming(SUNDAY + DAY, 5), naming(NIGHT, 0, named=0)) == []


def test_a_point_without_a_salt_is_told() -> None:
    [finding] = found(*HEALTHY[:2], naming(NIGHT, 0, salt=False))
    assert (finding.severity, "no salt" in finding.sentence) == (Severity.WRONG, True)
    assert found(*HEALTHY[:2], naming(NIGHT, 0, salt=True)) == []


def of_store(*stored: StoredGeneration, **changes: Any) -> list[str]:
    record = replace(G1, **changes)
    return [finding.sentence for finding in audit([], [record], stored, MORNING)]


def test_a_recorded_generation_without_objects_is_named() -> None:
    missing = f"Generation G1 of instance {NAME} is recorded, but the store has no object of it."
    assert of_store() == [missing]
    assert of_store(STORED._replace(objects=0)) == [missing]
    assert of_store(state=GenerationState.CLOSED) == [missing]


def test_a_generation_that_has_no_point_yet_or_is_being_dropped_needs_no_objects() -> None:
    assert of_store(bytes_added=0) == []
    assert of_store(state=GenerationState.DROPPING) == []
    assert of_store(STORED, state=GenerationState.DROPPING) == []
    assert of_store(state=GenerationState.DROPPED) == []


def test_objects_that_are_not_what_was_first_written_are_named_with_the_way_to_bring_them_back() -> None:
    [finding] = audit([], [G1], [STORED._replace(altered=3)], MORNING)
    assert finding == Finding(
        Severity.WRONG,
        "generation:G1",
        f"Generation G1 of instance {NAME} has 3 objects that are not what was first written there.",
        "See which, and what belongs there: phm mend G1.",
    )
    assert of_store(STORED._replace(objects=0, altered=40)) == [  # all of them are hidden: no second finding
        f"Generation G1 of instance {NAME} has 40 objects that are not what was first written there."
    ]
    assert "has 1 object that is not" in of_store(STORED._replace(altered=1))[0]
    assert of_store(STORED._replace(altered=1), state=GenerationState.DROPPING) == []


def test_objects_without_which_a_mend_has_found_all_sound_since_ask_for_a_look() -> None:
    altered = STORED._replace(altered=2, altered_at=NIGHT)

    def told(sound: datetime, stored: StoredGeneration = altered) -> Finding:
        (finding,) = audit([], [G1], [stored], MORNING, {"G1": sound})
        return finding

    assert told(NIGHT + HOUR) == Finding(
        Severity.WATCH,
        "generation:G1",
        f"Generation G1 of instance {NAME} was mended since, and is sound; 2 objects of somebody else's are left.",
        "Nothing of it needs them, and they go with it. See which: phm mend G1.",
    )
    assert told(NIGHT - HOUR).severity is Severity.WRONG  # altered once more after the mend
    assert told(NIGHT + timedelta(microseconds=999_999)).severity is Severity.WRONG
    assert told(NIGHT + HOUR, altered._replace(altered_at=None)).severity is Severity.WRONG
    (other,) = audit([], [G1], [altered], MORNING, {"G0": NIGHT + HOUR})
    assert other.severity is Severity.WRONG


def test_objects_of_a_dropped_generation_are_named() -> None:
    assert of_store(STORED, state=GenerationState.DROPPED) == [
        f"Generation G1 of instance {NAME} was dropped, but the store still has 40 objects of it."
    ]


def test_objects_that_no_record_knows_are_named_with_their_place() -> None:
    assert of_store(STORED, StoredGeneration("app1", NAME, "G0", 3, 5)) == [
        f"The store has 3 objects under app1/{NAME}/G0, which no record knows."
    ]
    elsewhere = of_store(STORED._replace(server_name="app2"))
    assert len(elsewhere) == 2  # missing in the one place, unknown in the other


def test_growth_asks_for_a_look() -> None:
    grown = [*HEALTHY[:2], replace(HEALTHY[2], kind=PointKind.FULL, bytes_added=5 * GIB)]
    [finding] = found(*grown)
    assert finding == Finding(
        Severity.WATCH,
        f"instance:{NAME}",
        f"The full backup of instance {NAME} of 08 Dec 2026 23:00 has 5.0 GiB, where 1.0 MiB were usual.",
        "Look at what grew or is gone, before older points are dropped.",
    )


def test_what_breaks_a_promise_is_told_before_what_only_asks_for_a_look() -> None:
    grown = [*HEALTHY[:2], replace(HEALTHY[2], kind=PointKind.FULL, bytes_added=5 * GIB)]
    findings = audit([audited(*grown)], [G1], [STORED, StoredGeneration("app1", "zz", "G9", 1, 1)], MORNING)
    assert [finding.severity for finding in findings] == [Severity.WRONG, Severity.WATCH]
