"""Dumps of one server follow each other: who waits for his neighbour's is not taken for one that hangs (P22)."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

import pytest

from hosting.errors import StepFailed
from hosting.policy.values import PointKind
from hosting.product.layout import InstanceLayout
from tasks import snapshots
from tasks.jobs import JobInterrupted
from tasks.recovery_points import record_point
from tasks.snapshots import PointWish, end_backup_job, take_point
from tests.service.backups import LIVE, back_up, check_restorable, generation_of, left_behind, on, points_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.policy.values import InstanceFacts, PointFacts
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

NEIGHBOUR = "phm-test-neighbour"
NEIGHBOUR_SECONDS = 4
"""So long he goes on once somebody is seen to wait for him."""

LONG_SECONDS = 300
WAITING = "waiting for another dump of this server"


@pytest.fixture(scope="module")
def living(service: Service) -> InstanceFacts:
    """An instance with a first point."""
    instance = service.provision(accounts=3)
    on(service, LIVE, instance, InstanceLayout.of(instance).user, "0")
    assert back_up(service, instance, "full").completed
    return instance


@contextlib.contextmanager
def neighbour(service: Service, seconds: int) -> Iterator[None]:
    """While another instance of the server is dumped for so many seconds."""
    service.on(
        f"systemd-run -q --unit={NEIGHBOUR} flock /run/phm/dump.lock sleep {seconds}; "
        "i=0; while flock -n /run/phm/dump.lock true; do i=$((i+1)); [ $i -lt 100 ]; sleep 0.1; done"
    )
    try:
        yield
    finally:
        service.on(f"systemctl stop {NEIGHBOUR} 2>/dev/null; systemctl reset-failed {NEIGHBOUR} 2>/dev/null; true")


def wish(service: Service, instance: InstanceFacts, number: int, seconds: float) -> PointWish:
    """Another point in the generation that is there."""
    last = points_of(service, instance)[-1]
    return PointWish(generation_of(service, last), PointKind.INCREMENTAL, f"{instance.name}-turn{number}", seconds)


def test_the_wait_is_told_and_no_part_of_what_the_backup_took(service: Service, living: InstanceFacts) -> None:
    waits, began = list[threading.Timer](), time.monotonic()

    def tell(phase: str, *_: object) -> None:
        if phase == WAITING and not waits:
            waits.append(threading.Timer(NEIGHBOUR_SECONDS, service.on, (f"systemctl stop {NEIGHBOUR}",)))
            waits[0].start()

    with neighbour(service, LONG_SECONDS):
        point: PointFacts = take_point.fn(service.server(), living, wish(service, living, 1, LONG_SECONDS), tell)
    whole = time.monotonic() - began
    waited = point.manifest["phases"][WAITING]
    assert waited > NEIGHBOUR_SECONDS
    assert point.seconds <= whole - waited
    record_point.fn(point)
    end_backup_job.fn(service.server(), living)
    check_restorable(service, point)


def test_a_neighbour_that_does_not_end_is_waited_for_in_bounds(
    service: Service, living: InstanceFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "TURN_SECONDS", 2.0)
    with neighbour(service, LONG_SECONDS), pytest.raises(JobInterrupted, match="kept it waiting for longer than 2 s"):
        take_point.fn(service.server(), living, wish(service, living, 2, 300))
    assert left_behind(service, living) == ""


def test_a_backup_that_hangs_in_its_own_time_is_ended_and_the_next_is_good(
    service: Service, living: InstanceFacts
) -> None:
    with pytest.raises(StepFailed, match="took longer than 0 s and was ended"):
        take_point.fn(service.server(), living, wish(service, living, 3, 0.2))
    assert back_up(service, living).completed
    check_restorable(service, points_of(service, living)[-1])
    assert left_behind(service, living) == ""
