"""Backups whose run, programs, server, network or store break: no point is recorded that can't be restored (P19 to P22)."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from blocks.backup_store import BackupStore
from blocks.loading import load
from hosting.policy.states import GenerationState
from hosting.policy.values import PointKind
from hosting.product.layout import InstanceLayout
from tasks.on_server.restic import Restic
from tasks.snapshots import job_of, reading_request
from tests.service.backups import (
    BULK,
    LIVE,
    back_up,
    check_restorable,
    generation_of,
    kill_and_start,
    left_behind,
    locks_of,
    on,
    points_of,
    when,
)
from tests.service.plans import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hosting.policy.values import InstanceFacts, PointFacts
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

DUMPING, STORING = "dumping the database", "storing files"
CUT_SECONDS = 20.0
STORE_AWAY_SECONDS = 12

STORE_AWAY = """
nft -f - <<'END'
table inet store_away {{ chain out {{ type filter hook output priority -10; tcp dport 19003 {verdict}; }}; }}
END
sleep {seconds}; nft delete table inet store_away
"""


@pytest.fixture(scope="module")
def living(service: Service) -> InstanceFacts:
    """A small instance with users, mails and files."""
    instance = service.provision(accounts=3)
    on(service, LIVE, instance, InstanceLayout.of(instance).user, "0")
    return instance


@pytest.fixture(scope="module")
def big(service: Service) -> InstanceFacts:
    """An instance whose full backup takes seconds."""
    instance = service.provision(accounts=3)
    user = InstanceLayout.of(instance).user
    on(service, LIVE, instance, user, "0")
    on(service, BULK, instance, user)
    return instance


def trouble_after(service: Service, instance: InstanceFacts, faults: Iterable[Fault]) -> str:
    """For each fault: a run killed so, run again, and what is otherwise than it should be then."""
    found = ""
    for fault in faults:
        before = len(points_of(service, instance))
        killed, again = back_up(service, instance, fault=fault), back_up(service, instance)
        if killed.state != "Killed" or not again.completed:
            found += f"\n{fault}: first {killed.state} {killed.message}, then {again.state} {again.message}"
        elif left := left_behind(service, instance):
            found += f"\n{fault}: left {left}"
        elif not 1 <= len(points_of(service, instance)) - before <= 2:
            found += f"\n{fault}: {len(points_of(service, instance)) - before} points"
    for point in points_of(service, instance):
        check_restorable(service, point)
    return found


def check_good(service: Service, instance: InstanceFacts, new_points: int) -> None:
    """So many new points, the last one restorable; nothing half-done, and no lock of restic's."""
    points = points_of(service, instance)
    assert len(points) == new_points
    check_restorable(service, points[-1])
    assert left_behind(service, instance) == ""
    assert locks_of(points[-1]) == []


def test_a_killed_run_is_made_good_by_the_next_one(service: Service, living: InstanceFacts) -> None:
    assert back_up(service, living).completed
    assert trouble_after(service, living, [Fault("take_point", "after"), Fault("take_point", "command", 1)]) == ""


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_run_killed_at_any_step_is_made_good_by_the_next_one(service: Service, living: InstanceFacts) -> None:
    undisturbed = back_up(service, living)
    assert undisturbed.completed, undisturbed
    after = [Fault(step, "after") for step in dict.fromkeys(undisturbed.tasks)]
    within = [
        Fault(step, "command", number) for step, most in undisturbed.commands.items() for number in range(1, most + 1)
    ]
    assert len(after) > 10
    assert trouble_after(service, living, [*after, *within]) == ""


def test_the_point_of_a_killed_run_is_found_on_the_server(service: Service, big: InstanceFacts) -> None:
    before = len(points_of(service, big))
    assert back_up(service, big, "full", Fault("take_point", "command", 2)).state == "Killed"
    again = back_up(service, big, "full")
    assert again.completed, again
    assert "take_point" not in again.tasks
    check_good(service, big, before + 1)


@pytest.mark.parametrize(
    ("moment", "deed"),
    [
        (STORING, "for i in $(seq 20); do pkill -9 -x restic; sleep 0.05; done; true"),
        pytest.param(DUMPING, "systemctl kill -s KILL mariadb", marks=pytest.mark.soak),
        pytest.param(DUMPING, "pkill -9 -x mariadb-dump", marks=pytest.mark.soak),
    ],
    ids=["restic", "mariadbd", "mariadb-dump"],
)
def test_a_program_that_is_killed_is_asked_again(service: Service, big: InstanceFacts, moment: str, deed: str) -> None:
    before = len(points_of(service, big))
    with when(service, job_of(big.name), moment, deed):
        outcome = back_up(service, big, "full")
    assert outcome.completed, outcome
    check_good(service, big, before + 1)


@pytest.mark.soak
def test_a_job_that_is_killed_is_told_and_the_next_run_is_good(service: Service, big: InstanceFacts) -> None:
    before = len(points_of(service, big))
    with when(service, job_of(big.name), STORING, f"systemctl kill -s KILL phm-job-point-{big.name}"):
        outcome = back_up(service, big, "full")
    assert outcome.error == "NotBackedUp"
    assert "was ended from outside" in outcome.message
    assert len(points_of(service, big)) == before
    assert back_up(service, big, "full").completed
    check_good(service, big, before + 1)


def test_a_server_that_dies_under_a_backup_takes_it_when_it_is_back(service: Service, big: InstanceFacts) -> None:
    before = len(points_of(service, big))
    with when(service, job_of(big.name), STORING, lambda: kill_and_start(service)):
        outcome = back_up(service, big, "full")
    assert outcome.completed, outcome
    check_good(service, big, before + 1)


def test_a_run_that_is_cut_off_from_its_server_goes_on_when_it_is_back(service: Service, big: InstanceFacts) -> None:
    before = len(points_of(service, big))
    try:
        outcome = back_up(service, big, "full", Fault("take_point", "command", 2, "cut", CUT_SECONDS))
    finally:
        service.fleet.heal(service.host)
    assert outcome.completed, outcome
    assert outcome.seconds > CUT_SECONDS
    check_good(service, big, before + 1)


@pytest.mark.parametrize(
    "verdict",
    [pytest.param("drop", marks=pytest.mark.soak), "reject with tcp reset"],
    ids=["silent", "down"],
)
def test_a_store_that_is_away_for_a_while_is_waited_for(service: Service, big: InstanceFacts, verdict: str) -> None:
    before = len(points_of(service, big))
    deed = STORE_AWAY.format(verdict=verdict, seconds=STORE_AWAY_SECONDS)
    with when(service, job_of(big.name), STORING, deed):
        outcome = back_up(service, big, "full")
    assert outcome.completed, outcome
    check_good(service, big, before + 1)


def test_a_store_that_refuses_the_servers_key_is_told_in_one_sentence(service: Service, living: InstanceFacts) -> None:
    back_up(service, living)
    before = points_of(service, living)
    file = service.home / "settings.toml"
    text = file.read_text()
    file.write_text(text.replace(service.fleet.description()["s3"]["writers"][service.host]["secret_key"], "0" * 40))
    try:
        outcome = back_up(service, living)
    finally:
        file.write_text(text)
    assert outcome.error == "NotBackedUp"
    assert outcome.message.endswith(
        "Access Denied. Look at the key that the settings name for it and at its rights, then run again."
    )
    assert points_of(service, living) == before
    assert back_up(service, living).completed
    check_good(service, living, len(before) + 1)


def test_the_lock_of_a_living_restic_is_left_alone_and_that_of_a_dead_one_goes(
    service: Service, living: InstanceFacts
) -> None:
    assert back_up(service, living, "full").completed
    last = points_of(service, living)[-1]
    unfinished = f"touch /srv/backup/{living.name}/unfinished"  # as a run that was broken off leaves it
    with other_restic(service, last):
        held = locks_of(last)
        assert len(held) == 1
        service.on(unfinished)
        outcome = back_up(service, living)
        assert outcome.completed, outcome
        assert locks_of(last) == held
        service.on("pkill -KILL -x restic; sleep 0.2")  # a service that is ended lets it take its lock away
    assert locks_of(last) == held
    service.on(unfinished)
    assert back_up(service, living).completed
    check_good(service, living, len(points_of(service, living)))


@contextlib.contextmanager
def other_restic(service: Service, point: PointFacts) -> Iterator[None]:
    """Another restic on a point's server that works on its repository for as long as the block goes on."""
    asked = reading_request(generation_of(service, point))
    keys = load(BackupStore).credentials(point.server_name)
    words = Restic({**asked, "access_key": keys.access_key, "secret_key": keys.secret_key}).environment
    file, unit = "/run/phm/test-restic.env", "phm-test-restic"
    text = "".join(f"{name}={value}\n" for name, value in words.items())
    service.fleet.run(point.server_name, f"umask 077; cat >{file}", text_in=text)
    line = "sleep 120 | restic backup --stdin --stdin-filename other --tag other"
    service.on(f"systemd-run --quiet --unit={unit} -p EnvironmentFile={file} sh -c '{line}'")
    try:
        deadline = time.monotonic() + 60
        while not locks_of(point):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield
    finally:
        service.on(f"systemctl stop {unit} 2>/dev/null; systemctl reset-failed {unit} 2>/dev/null; rm -f {file}; true")


def test_a_generation_that_is_spoilt_in_the_store_is_followed_by_a_full_backup(
    service: Service, living: InstanceFacts
) -> None:
    back_up(service, living)
    last = points_of(service, living)[-1]
    store = load(BackupStore)
    store.remove_object(store.prefix(last.server_name, last.instance_name, last.generation) + "config")
    outcome = back_up(service, living)
    assert outcome.error == "NotBackedUp"
    assert generation_of(service, last).state is GenerationState.DAMAGED
    again = back_up(service, living)
    assert again.completed, again
    assert points_of(service, living)[-1].kind is PointKind.FULL


def test_a_full_disk_is_told_and_the_next_run_is_good(service: Service, living: InstanceFacts) -> None:
    back_up(service, living)
    before = points_of(service, living)
    service.fleet.fill(service.host, "/srv")
    try:
        outcome = back_up(service, living)
    finally:
        service.fleet.free(service.host, "/srv")
    assert "No space left on device" in outcome.message
    assert outcome.message.endswith("Free room on the server, then run again.")
    assert points_of(service, living) == before
    assert back_up(service, living).completed
    check_good(service, living, len(before) + 1)
