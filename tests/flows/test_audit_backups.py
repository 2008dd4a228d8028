"""The morning's audit on a real store: who has no good backup, though nothing ran; told by table, letter and state."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.orchestration import get_client

from blocks import loading
from flows.audit_backups import audit_backups
from hosting.errors import Unreachable
from hosting.inventory import deeds, instances, leases, mends, recovery_points
from hosting.inventory.restores import BEGUN
from hosting.inventory.session import in_transaction
from hosting.policy.backup_times import ZONE
from hosting.policy.states import GenerationState
from hosting.policy.values import PointKind
from tasks.backup_audits import BackupsWanting, read_store_list
from tasks.letters import local
from tests.fleet_fixture import fleet
from tests.service.alone import Sink, prefect_alone, sink_for_letters
from tests.service.backup_bucket import broken, bucket_of, remove, written
from tests.service.records import MANIFEST, opened, provided, with_backup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from blocks.backup_store import BackupStore
    from fleet import Fleet
    from hosting.inventory.session import Inventory

__all__ = ["fleet"]

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

NOW = datetime.now(UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(scope="module")
def prefect(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with prefect_alone(fleet, tmp_path_factory.mktemp("prefect")):
        yield


@pytest.fixture
def store(fleet: Fleet, tmp_path: Path) -> Iterator[BackupStore]:
    made = bucket_of(fleet, tmp_path)
    yield made
    remove(made)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with sink_for_letters() as made:
        yield made


@pytest.fixture
def inventory(tmp_path: Path, store: BackupStore, sink: Sink, prefect: None) -> Iterator[Inventory]:
    with provided(tmp_path, store, relay_port=sink.port) as made:
        yield made


@pytest.fixture
def names(inventory: Inventory, store: BackupStore) -> tuple[str, str]:
    """Two instances, each with a proven full backup of this night."""
    both = []
    for order in ("A-1", "A-2"):
        name = opened(inventory, order, NOW - 100 * DAY)
        with_backup(inventory, name, f"{name}-g1", NOW - 9 * HOUR, proven_at=NOW - 4 * HOUR)
        written(store, "app1", name, f"{name}-g1")
        both.append(name)
    return both[0], both[1]


def run() -> Any:
    return audit_backups(return_state=True)


def finding() -> str:
    """The sentence with which the run failed."""
    state = run()
    assert state.is_failed(), state
    with pytest.raises(BackupsWanting) as caught:
        state.result()
    return str(caught.value)


def table(key: str) -> Any:
    with get_client(sync_client=True) as client:
        newest = max((one for one in client.read_artifacts() if one.key == key), key=lambda one: one.created)
    return json.loads(newest.data)


def test_a_good_morning_is_a_table_and_no_letter(inventory: Inventory, names: tuple[str, str], sink: Sink) -> None:
    state = run()
    assert state.is_completed(), state
    assert state.message == "2 instances, 0 things to look at."
    assert sink.letters == []
    rows = {row["instance"]: row for row in table("backups")}
    assert set(rows) == set(names)
    assert (rows[names[0]]["days ago"], rows[names[0]]["points"]) == ("0", 1)
    assert {row["oldest not looked at"] for row in rows.values()} == {"-"}
    assert float(rows[names[0]]["hours ago"]) == pytest.approx(9, abs=0.6)  # the session may be half an hour old


def test_an_instance_for_which_nothing_ran_is_told_once_a_day(
    inventory: Inventory, names: tuple[str, str], sink: Sink
) -> None:
    late = opened(inventory, "A-3", NOW - 3 * DAY)
    said = finding()
    assert said.startswith(f"One thing is wrong with the backups. The first: Instance {late}, opened on")
    assert said.endswith(
        f"has no good backup. No run has said why: perhaps none ran. Back it up now: phm backup {late}."
    )
    ((subject, text),) = sink.letters
    assert subject.startswith("Backups: 1 finding of the audit of ")
    assert f"phm backup {late}" in text
    finding()
    assert len(sink.letters) == 1
    in_transaction(inventory, lambda session: recovery_points.record_backup_failed(session, late, "Disk full.", NOW))
    assert "The last run said: Disk full." in finding()
    assert len(sink.letters) == 2  # other words, another letter
    assert [row["about"] for row in table("backup-findings")] == [f"instance:{late}"]


def test_what_records_and_store_do_not_say_alike_is_told_both_ways(
    inventory: Inventory, names: tuple[str, str], store: BackupStore, sink: Sink
) -> None:
    store.drop("app1", names[0], f"{names[0]}-g1")
    written(store, "app1", "nobody", "g9")
    finding()
    told = {row["about"]: row["what"] for row in table("backup-findings")}
    assert told == {
        f"generation:{names[0]}-g1": f"Generation {names[0]}-g1 of instance {names[0]} is recorded, "
        "but the store has no object of it.",
        "generation:g9": "The store has 3 objects under app1/nobody/g9, which no record knows.",
    }


def test_a_store_that_does_not_answer_is_a_finding_and_hides_no_other(
    inventory: Inventory, names: tuple[str, str], store: BackupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_store_list, "retries", 0)
    loading.provide(broken(store))
    late = opened(inventory, "A-3", NOW - 3 * DAY)
    finding()
    assert [row["about"] for row in table("backup-findings")] == [f"instance:{late}", "store"]
    with pytest.raises(Unreachable):
        read_store_list.fn()


def test_a_damaged_generation_with_a_good_one_after_it_is_told_once_and_fails_no_run(
    inventory: Inventory, names: tuple[str, str], store: BackupStore, sink: Sink
) -> None:
    with_backup(inventory, names[0], "later", NOW - HOUR, proven_at=NOW)
    written(store, "app1", names[0], "later")
    spoilt = f"{names[0]}-g1"
    in_transaction(
        inventory,
        lambda session: recovery_points.mark_generation(
            session, spoilt, GenerationState.DAMAGED, "A pack is gone.", NOW
        ),
    )
    for _ in range(2):
        state = run()
        assert state.is_completed(), state
    assert state.message == "2 instances, 1 things to look at."
    ((_, text),) = sink.letters
    assert f"Generation {spoilt} of instance {names[0]} is damaged: A pack is gone." in text


def test_a_restore_that_was_left_is_told_until_a_run_works_on_it(inventory: Inventory, names: tuple[str, str]) -> None:
    name = names[0]
    evidence = {"point": f"{name}-p", "server": "app1", "stamp": "1", "what": "all"}
    subject = instances.subject_of(name)
    in_transaction(
        inventory, lambda session: deeds.record(session, deeds.SERVICE, BEGUN, subject, evidence=evidence, now=NOW)
    )
    assert f"The restore of instance {name} to {name}-p" in finding()

    def lease(session: Session) -> None:
        leases.acquire(session, name, "run 1", "restore", now=datetime.now(UTC), ttl=timedelta(seconds=60))

    in_transaction(inventory, lease)
    assert run().is_completed()


def test_incrementals_count_as_good_backups(inventory: Inventory, names: tuple[str, str]) -> None:
    with_backup(inventory, names[0], f"{names[0]}-g1", NOW - HOUR, PointKind.INCREMENTAL)
    assert run().is_completed()
    shown = {row["instance"]: row for row in table("backups")}
    rows = {name: float(row["hours ago"]) for name, row in shown.items()}
    assert [rows[name] for name in names] == pytest.approx([1, 9], abs=0.6)
    assert shown[names[0]]["oldest not looked at"] == local(NOW - HOUR)  # the incremental: nothing has looked at it yet
    assert (shown[names[0]]["days old"], shown[names[1]]["oldest not looked at"]) == ("0", "-")


def test_a_point_without_its_salt_and_without_mails_that_the_database_names_is_told(
    inventory: Inventory, names: tuple[str, str]
) -> None:
    lacking = {**MANIFEST, "named": {"mails": {"named": 400, "missing": 400, "examples": []}}, "salt": False}
    with_backup(inventory, names[0], f"{names[0]}-g1", NOW - HOUR, PointKind.INCREMENTAL, manifest=lacking)
    assert finding().startswith("2 things are wrong with the backups. The first: Of 400 mails that the database of")
    lost, salt = [row["what"] for row in table("backup-findings")]
    assert lost.endswith(
        "400 were not in its folder on " + f"{(NOW - HOUR).astimezone(ZONE):%d %b %Y %H:%M}; the point before lacked 0."
    )
    assert salt.startswith(f"The settings of instance {names[0]} had no salt on ")


def test_objects_that_were_overwritten_are_told_until_what_was_there_is_current_again(
    inventory: Inventory, names: tuple[str, str], store: BackupStore
) -> None:
    content, place = b"what restic wrote", store.prefix("app1", names[0], f"{names[0]}-g1")
    key = f"{place}snapshots/{sha256(content).hexdigest()}"
    store.put_bytes(key, content)
    assert run().is_completed()
    store.put_bytes(key, b"bad")
    assert finding().endswith(
        f"Generation {names[0]}-g1 of instance {names[0]} has 1 object that is not what was first written there. "
        f"See which, and what belongs there: phm mend {names[0]}-g1."
    )
    (versions,) = store.versions.below(key)
    store.versions.make_current(versions[-1])
    assert run().is_completed()


def test_an_object_of_somebody_elses_without_which_a_mend_found_all_sound_fails_no_run(
    inventory: Inventory, names: tuple[str, str], store: BackupStore
) -> None:
    key = f"{store.prefix('app1', names[0], f'{names[0]}-g1')}data/ab/{'ab' * 32}"
    for content in (b"one", b"another"):  # neither is what the name says
        store.put_bytes(key, content)
    assert f"{names[0]}-g1 of instance {names[0]} has 1 object that is not what was first written" in finding()
    since = datetime.now(UTC) + timedelta(seconds=2)

    def end(session: Session) -> None:
        generation = recovery_points.generation(session, f"{names[0]}-g1")
        mends.record_mend_ended(session, generation, "app2", 0, since, since)

    in_transaction(inventory, end)
    assert run().is_completed()
    (row,) = table("backup-findings")
    assert row["what"] == (
        f"Generation {names[0]}-g1 of instance {names[0]} was mended since, and is sound; 1 object of somebody else's "
        "is left."
    )
