"""Generations, recovery points and rehearsals as the inventory keeps them (P19 to P22)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from hosting.errors import DriftFound, Refused
from hosting.inventory import deeds, instances, levels, recovery_points, rehearsals
from hosting.inventory.backup_rows import UnknownGeneration
from hosting.inventory.instances import InstanceEnded, UnknownInstance
from hosting.inventory.models import Contract, Generation, Instance, Snapshot
from hosting.inventory.recovery_points import GenerationNotOpen, NoOpenGeneration, PointOutOfPlace, UnknownPoint
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.placement import choose_server
from hosting.policy.states import ForbiddenEdge, GenerationState, InstanceState
from hosting.policy.terms import STANDARD
from hosting.policy.values import (
    GenerationFacts,
    InstanceName,
    PointFacts,
    PointKind,
    RehearsalFacts,
    RehearsalOutcome,
    ServerName,
)
from tests.inventory.words import HOUR, NOW, RELEASE, at_once, placed, received, rows, server, take, with_servers

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

DAY = timedelta(days=1)
APP1, APP2 = ServerName("app1"), ServerName("app2")
MANIFEST = {"tables": {"users": {"rows": 3, "sum": "8d1f"}}, "files": {"count": 12, "root": "ab" * 32}}
FULL, INCREMENTAL = PointKind.FULL, PointKind.INCREMENTAL


@pytest.fixture
def name(inventory: Inventory) -> InstanceName:
    """An open instance on app1."""
    with_servers(inventory, server("app1", 200), server("app2"))
    return opened(inventory, "A-1")


def opened(inventory: Inventory, order: str) -> InstanceName:
    take(inventory, placed(order), received(f"{order}-paid", order=order))
    return do(inventory, partial(reserve_and_open, order=order))


def reserve_and_open(session: Session, order: str) -> InstanceName:
    made = instances.reserve_instance(session, order, choose_server, release=RELEASE, seal=str.upper, now=NOW)
    instances.record_active(session, made.name, NOW, {})
    return made.name


def do(inventory: Inventory, function: Callable[[Session], Any]) -> Any:
    return in_transaction(inventory, function)


def read(inventory: Inventory, function: Callable[[Session], Any]) -> Any:
    with inventory.reading() as session:
        return function(session)


def begin(inventory: Inventory, name: str, id_: str, at: int = 0, on: str = "app1") -> GenerationFacts:
    return do(
        inventory,
        lambda session: recovery_points.begin_generation(session, id_, name, on, f"wrapped-{id_}", NOW + at * HOUR),
    )


def a_point(name: str, id_: str, of: str, kind: PointKind = INCREMENTAL, at: int = 1, **changes: Any) -> PointFacts:
    facts = PointFacts(
        id=id_,
        instance_name=InstanceName(name),
        generation=of,
        server_name=APP1,
        kind=kind,
        taken_at=NOW + at * HOUR,
        release_id=RELEASE.id,
        manifest=MANIFEST,
        database_snapshot="d" * 64,
        files_snapshot="f" * 64,
        bytes_added=5 * 2**40,
        seconds=1234.5678,
    )
    return replace(facts, **changes)


def keep(inventory: Inventory, point: PointFacts) -> PointFacts:
    return do(inventory, lambda session: recovery_points.record_point(session, point, point.taken_at))


def filled(inventory: Inventory, name: str, id_: str, at: int = 0) -> PointFacts:
    """A generation with its full backup."""
    begin(inventory, name, id_, at)
    return keep(inventory, a_point(name, f"{id_}-full", id_, FULL, at + 1))


def states(inventory: Inventory, name: str) -> list[tuple[str, str]]:
    found = read(inventory, lambda session: recovery_points.generations_of(session, name))
    return [(one.id, one.state.value) for one in found]


def said(inventory: Inventory, name: str) -> list[str]:
    """The deeds of backups, without those of the opening."""
    done = read(inventory, lambda session: deeds.deeds_of(session, f"instance:{name}"))
    return [deed.what for deed in done if not deed.what.startswith("instance ")]


def mark(inventory: Inventory, id_: str, state: GenerationState, finding: str = "") -> GenerationFacts:
    return do(inventory, lambda session: recovery_points.mark_generation(session, id_, state, finding, NOW + DAY))


# Generations and points ----------------------------------------------------------------------------------------------


def test_a_point_comes_back_as_it_was_recorded(inventory: Inventory, name: InstanceName) -> None:
    begin(inventory, name, "G1")
    point = a_point(name, "P1", "G1", FULL)
    assert keep(inventory, point) == point
    assert read(inventory, lambda session: recovery_points.point(session, "P1")) == point
    assert read(inventory, lambda session: recovery_points.points_of(session, name)) == [point]
    generation = read(inventory, lambda session: recovery_points.generation(session, "G1"))
    assert generation == GenerationFacts(
        "G1", name, APP1, NOW, GenerationState.OPEN, "wrapped-G1", bytes_added=point.bytes_added
    )
    assert "wrapped-G1" not in repr(generation)
    assert said(inventory, name) == ["generation begun", "full backup recorded"]


def test_beginning_and_recording_twice_changes_nothing(inventory: Inventory, name: InstanceName) -> None:
    first = begin(inventory, name, "G1")
    assert begin(inventory, name, "G1", at=5) == first
    point = a_point(name, "P1", "G1", FULL)
    keep(inventory, point)
    assert keep(inventory, replace(point, seconds=1.0, bytes_added=7)) == point
    generation = read(inventory, lambda session: recovery_points.generation(session, "G1"))
    assert generation.bytes_added == point.bytes_added
    assert (rows(inventory, Generation), rows(inventory, Snapshot)) == (1, 1)
    assert said(inventory, name) == ["generation begun", "full backup recorded"]


def test_a_generation_stays_open_until_the_next_has_its_full_backup(inventory: Inventory, name: InstanceName) -> None:
    filled(inventory, name, "G1")
    begin(inventory, name, "G2", at=10)
    assert states(inventory, name) == [("G1", "open"), ("G2", "open")]
    assert read(inventory, lambda session: recovery_points.open_generation(session, name)).id == "G1"
    keep(inventory, a_point(name, "P1", "G1", at=11))
    keep(inventory, a_point(name, "P2", "G2", FULL, at=12))
    assert states(inventory, name) == [("G1", "closed"), ("G2", "open")]
    closed = read(inventory, lambda session: recovery_points.generation(session, "G1"))
    assert closed.closed_at == NOW + 12 * HOUR
    assert read(inventory, lambda session: recovery_points.open_generation(session, name)).id == "G2"
    assert said(inventory, name)[-2:] == ["generation closed", "full backup recorded"]


def test_a_generation_that_a_dead_run_began_is_marked_by_the_next(inventory: Inventory, name: InstanceName) -> None:
    filled(inventory, name, "G1")
    begin(inventory, name, "G2", at=10)
    begin(inventory, name, "G3", at=20)
    assert states(inventory, name) == [("G1", "open"), ("G2", "damaged"), ("G3", "open")]
    assert read(inventory, lambda session: recovery_points.generation(session, "G2")).finding == (
        "It never got its full backup: the run that began it died."
    )
    with pytest.raises(GenerationNotOpen, match="Generation G2 is damaged: it takes no point"):
        keep(inventory, a_point(name, "P2", "G2", FULL, at=21))


def test_a_generation_has_one_full_backup_and_it_comes_first(inventory: Inventory, name: InstanceName) -> None:
    begin(inventory, name, "G1")
    with pytest.raises(PointOutOfPlace, match="can't take incremental backup P0"):
        keep(inventory, a_point(name, "P0", "G1"))
    keep(inventory, a_point(name, "P1", "G1", FULL))
    with pytest.raises(PointOutOfPlace, match="can't take full backup P2"):
        keep(inventory, a_point(name, "P2", "G1", FULL))
    assert rows(inventory, Snapshot) == 1


def test_without_an_open_generation_an_incremental_has_no_place(inventory: Inventory, name: InstanceName) -> None:
    begin(inventory, name, "G1")
    with pytest.raises(NoOpenGeneration, match=f"Make a full backup: phm backup {name}"):
        read(inventory, lambda session: recovery_points.open_generation(session, name))


def test_a_generation_belongs_to_one_instance_on_one_server(inventory: Inventory, name: InstanceName) -> None:
    begin(inventory, name, "G1")
    with pytest.raises(DriftFound, match=f"belongs to instance {name} on app1, not to {name} on app2"):
        begin(inventory, name, "G1", on="app2")
    with pytest.raises(DriftFound, match="belongs to instance"):
        keep(inventory, a_point(name, "P1", "G1", FULL, server_name=APP2))


def test_what_is_unknown_is_refused(inventory: Inventory, name: InstanceName) -> None:
    with pytest.raises(UnknownPoint, match="There is no recovery point P9"):
        read(inventory, lambda session: recovery_points.point(session, "P9"))
    with pytest.raises(UnknownGeneration, match="There is no generation G9"):
        read(inventory, lambda session: recovery_points.generation(session, "G9"))
    with pytest.raises(UnknownGeneration):
        mark(inventory, "G9", GenerationState.DAMAGED)
    with pytest.raises(UnknownGeneration):
        keep(inventory, a_point(name, "P1", "G9", FULL))
    with pytest.raises(UnknownInstance):
        begin(inventory, "nobody", "G1")


def test_eight_runs_that_record_the_same_point_at_once_record_it_once(inventory: Inventory, name: InstanceName) -> None:
    begin(inventory, name, "G1")
    point = a_point(name, "P1", "G1", FULL)
    assert set(map(str, at_once(*[lambda: keep(inventory, point).id] * 8))) == {"P1"}
    assert read(inventory, lambda session: recovery_points.generation(session, "G1")).bytes_added == point.bytes_added


def test_points_are_told_by_instance_and_the_oldest_comes_first(inventory: Inventory, name: InstanceName) -> None:
    other = opened(inventory, "A-2")
    filled(inventory, name, "G1")
    filled(inventory, other, "H1")
    keep(inventory, a_point(name, "a-later", "G1", at=9))
    keep(inventory, a_point(name, "b-earlier", "G1", at=5))
    found = read(inventory, lambda session: recovery_points.points_of(session, name))
    assert [one.id for one in found] == ["G1-full", "b-earlier", "a-later"]
    everything = read(inventory, recovery_points.all_generations)
    assert {one.id for one in everything} == {"G1", "H1"}


# Marks ---------------------------------------------------------------------------------------------------------------


def test_a_mark_follows_the_edges_keeps_its_reason_and_is_recorded_once(
    inventory: Inventory, name: InstanceName
) -> None:
    filled(inventory, name, "G1")
    damaged = mark(inventory, "G1", GenerationState.DAMAGED, "Object 4f is not what was written.")
    assert (damaged.state, damaged.closed_at) == (GenerationState.DAMAGED, NOW + DAY)
    assert mark(inventory, "G1", GenerationState.DAMAGED, "Something else.") == damaged
    with pytest.raises(ForbiddenEdge):
        mark(inventory, "G1", GenerationState.OPEN)
    with inventory.reading() as session:
        deed = deeds.deeds_of(session, f"instance:{name}")[-1]
    assert (deed.what, deed.why) == ("generation damaged", "Object 4f is not what was written.")
    assert deed.evidence == {"generation": "G1", "from": "open"}


def test_what_is_dropped_leaves_neither_password_nor_manifest_and_its_points_are_no_choice(
    inventory: Inventory, name: InstanceName
) -> None:
    filled(inventory, name, "G1")
    filled(inventory, name, "G2", at=10)
    mark(inventory, "G1", GenerationState.DROPPING)
    assert [one.id for one in read(inventory, lambda s: recovery_points.points_of(s, name))] == ["G2-full"]
    assert read(inventory, lambda session: recovery_points.generation(session, "G1")).wrapped_password == "wrapped-G1"
    dropped = mark(inventory, "G1", GenerationState.DROPPED)
    assert dropped.wrapped_password == ""
    gone, kept = (
        read(inventory, lambda session, id_=id_: recovery_points.point(session, id_)) for id_ in ("G1-full", "G2-full")
    )
    assert (gone.manifest, kept.manifest) == ({}, MANIFEST)


def test_the_last_failure_is_told_until_a_point_is_recorded(inventory: Inventory, name: InstanceName) -> None:
    def last() -> str:
        return read(inventory, lambda session: recovery_points.last_failure(session, name))

    assert last() == ""
    for sentence in ("The store does not answer.", "The dump has no end."):
        do(inventory, lambda session, said=sentence: recovery_points.record_backup_failed(session, name, said, NOW))
    assert last() == "The dump has no end."
    filled(inventory, name, "G1")
    assert last() == ""


# Rehearsals ----------------------------------------------------------------------------------------------------------


def rehearse(
    inventory: Inventory, name: str, point: str, outcome: RehearsalOutcome, *, id_: str = "R1", at: int = 30, **how: Any
) -> RehearsalFacts:
    began = NOW + at * HOUR
    facts = RehearsalFacts(
        id_, point, InstanceName(name), APP2, began, began + HOUR, outcome, {"tables": 56, "differ": 0}, 99.5
    )
    return do(inventory, lambda session: rehearsals.record_rehearsal(session, facts, began + HOUR, **how))


def test_a_rehearsal_that_passed_proves_its_point_and_is_kept_with_its_evidence(
    inventory: Inventory, name: InstanceName
) -> None:
    filled(inventory, name, "G1")
    keep(inventory, a_point(name, "P1", "G1", at=9))
    told = rehearse(inventory, name, "P1", RehearsalOutcome.PASSED)
    assert rehearse(inventory, name, "P1", RehearsalOutcome.PASSED) == told
    with inventory.reading() as session:
        assert rehearsals.rehearsals_of(session, name) == [told]
        assert recovery_points.point(session, "P1").proven_at == NOW + 31 * HOUR
        assert recovery_points.point(session, "G1-full").proven_at is None
        assert recovery_points.generation(session, "G1").verified_at == NOW + 31 * HOUR
        assert rehearsals.last_proofs(session) == {name: NOW + 31 * HOUR}
        assert rehearsals.last_failures(session) == {}
    assert said(inventory, name)[-1] == "rehearsal passed"
    assert said(inventory, name).count("rehearsal passed") == 1


def test_an_older_rehearsal_that_is_recorded_late_does_not_make_the_proof_older(
    inventory: Inventory, name: InstanceName
) -> None:
    filled(inventory, name, "G1")
    rehearse(inventory, name, "G1-full", RehearsalOutcome.PASSED, id_="R2", at=50)
    rehearse(inventory, name, "G1-full", RehearsalOutcome.PASSED, id_="R1", at=30)
    assert read(inventory, lambda session: recovery_points.point(session, "G1-full")).proven_at == NOW + 51 * HOUR


@pytest.mark.parametrize("outcome", [RehearsalOutcome.FAILED, RehearsalOutcome.BROKEN_OFF])
def test_a_rehearsal_that_failed_for_other_reasons_says_nothing_about_the_point(
    inventory: Inventory, name: InstanceName, outcome: RehearsalOutcome
) -> None:
    filled(inventory, name, "G1")
    rehearse(inventory, name, "G1-full", outcome, finding="Server app2 is full.")
    with inventory.reading() as session:
        point = recovery_points.point(session, "G1-full")
        assert (point.proven_at, point.damaged) == (None, False)
        assert rehearsals.last_proofs(session) == {name: None}
        assert list(rehearsals.last_failures(session)) == [name]
        deed = deeds.deeds_of(session, f"instance:{name}")[-1]
    assert states(inventory, name) == [("G1", "open")]
    assert (deed.what, deed.why) == (f"rehearsal {outcome}", "Server app2 is full.")


def test_damage_that_a_rehearsal_finds_marks_the_point_and_its_generation_and_no_other(
    inventory: Inventory, name: InstanceName
) -> None:
    for place, id_ in enumerate(("G1", "G2", "G3")):
        filled(inventory, name, id_, at=10 * place)
    rehearse(inventory, name, "G2-full", RehearsalOutcome.FAILED, damaged=True, finding="Object 4f is damaged.")
    assert states(inventory, name) == [("G1", "closed"), ("G2", "damaged"), ("G3", "open")]
    with inventory.reading() as session:
        assert recovery_points.point(session, "G2-full").damaged
        assert recovery_points.generation(session, "G2").finding == "Object 4f is damaged."
        assert not recovery_points.point(session, "G3-full").damaged


def test_a_generation_that_was_mended_is_closed_and_its_damaged_point_counts_again_once_it_is_proven(
    inventory: Inventory, name: InstanceName
) -> None:
    filled(inventory, name, "G1")
    rehearse(inventory, name, "G1-full", RehearsalOutcome.FAILED, damaged=True, finding="Object 4f is damaged.")
    mark(inventory, "G1", GenerationState.CLOSED, "It was mended.")
    with pytest.raises(ForbiddenEdge):
        mark(inventory, "G1", GenerationState.OPEN)
    with inventory.reading() as session:
        assert recovery_points.point(session, "G1-full").damaged
    rehearse(inventory, name, "G1-full", RehearsalOutcome.PASSED, id_="R2", at=40)
    with inventory.reading() as session:
        point = recovery_points.point(session, "G1-full")
    assert (point.damaged, point.proven_at is not None) == (False, True)


def test_a_point_that_is_being_dropped_may_fail_without_a_mark(inventory: Inventory, name: InstanceName) -> None:
    filled(inventory, name, "G1")
    mark(inventory, "G1", GenerationState.DROPPING)
    rehearse(inventory, name, "G1-full", RehearsalOutcome.FAILED, damaged=True, finding="Objects are missing.")
    assert states(inventory, name) == [("G1", "dropping")]


def test_a_rehearsal_of_an_unknown_or_somebody_elses_point_is_refused(inventory: Inventory, name: InstanceName) -> None:
    other = opened(inventory, "A-2")
    filled(inventory, other, "H1")
    for point in ("P9", "H1-full"):
        with pytest.raises(UnknownPoint, match=f"Instance {name} has no recovery point {point}"):
            rehearse(inventory, name, point, RehearsalOutcome.PASSED)


def test_proofs_are_owed_to_instances_that_are_served_and_have_a_point_to_prove(
    inventory: Inventory, name: InstanceName
) -> None:
    def proofs() -> dict[str, Any]:
        return read(inventory, rehearsals.last_proofs)

    opened(inventory, "A-2")
    assert proofs() == {}
    filled(inventory, name, "G1")
    assert proofs() == {name: None}
    rehearse(inventory, name, "G1-full", RehearsalOutcome.PASSED)
    filled(inventory, name, "G2", at=40)
    assert proofs() == {name: NOW + 31 * HOUR}
    for state, owed in ((InstanceState.SUSPENDED, 1), (InstanceState.ENDED, 0)):
        with inventory.writing() as session:
            session.get_one(Instance, name).state = state
        assert len(proofs()) == owed


# Keys and terms ------------------------------------------------------------------------------------------------------


def test_a_secret_that_an_instance_lacks_is_made_once_and_destroyed_for_good(
    inventory: Inventory, name: InstanceName
) -> None:
    made: list[str] = []

    def ensure(session: Session) -> str:
        return instances.ensure_secret(session, name, "backup", lambda: f"sealed-{made.append('') or len(made)}")

    assert {do(inventory, ensure), do(inventory, ensure)} == {"sealed-1"}
    assert read(inventory, lambda session: instances.sealed_secret(session, name, "backup")) == "sealed-1"
    for _ in range(2):
        do(
            inventory,
            lambda session: instances.forget_secret(session, name, "backup", by="olga", now=NOW),
        )
    with pytest.raises(UnknownInstance, match="has no secret for backup"):
        read(inventory, lambda session: instances.sealed_secret(session, name, "backup"))
    assert said(inventory, name) == ["secret destroyed"]
    with pytest.raises(UnknownInstance, match="There is no instance nobody"):
        do(inventory, lambda session: instances.ensure_secret(session, "nobody", "backup", str))


def test_an_ended_instance_gets_no_new_key(inventory: Inventory, name: InstanceName) -> None:
    with inventory.writing() as session:
        session.get_one(Instance, name).state = InstanceState.ENDED
    with pytest.raises(InstanceEnded):
        do(inventory, lambda session: instances.ensure_secret(session, name, "backup", str))


def test_four_runs_that_lack_the_key_at_once_get_the_same(inventory: Inventory, name: InstanceName) -> None:
    def ensure(key: str) -> str:
        return do(inventory, lambda session: instances.ensure_secret(session, name, "backup", lambda: key))

    assert len(set(at_once(*(partial(ensure, f"key-{number}") for number in range(4))))) == 1


def test_an_instance_is_backed_up_by_the_terms_of_its_contract(inventory: Inventory, name: InstanceName) -> None:
    assert read(inventory, lambda session: levels.terms_of_instance(session, name, NOW)) == STANDARD

    def agree(session: Session) -> None:
        levels.ensure_level(session, "often", {"backup_every": 6})
        session.scalars(select(Contract)).one().service_level = "often"

    do(inventory, agree)
    terms = read(inventory, lambda session: levels.terms_of_instance(session, name, NOW))
    assert terms == replace(STANDARD, backup_every=6 * HOUR)


def test_a_level_by_which_no_backup_can_be_planned_is_refused(inventory: Inventory) -> None:
    with pytest.raises(Refused, match="Backups every 0 h follow too fast"):
        do(inventory, lambda session: levels.ensure_level(session, "never", {"backup_every": 0}))
    assert read(inventory, lambda session: session.scalar(select(func.count()).select_from(Contract))) == 0
    assert read(inventory, levels.level_names) == []
