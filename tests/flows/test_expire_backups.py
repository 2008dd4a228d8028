"""On a real server and the real store: what has had its time goes at its time, and a killed run is gone on with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from blocks.backup_store import BackupStore
from blocks.loading import load
from hosting.inventory import deeds, recovery_points
from hosting.policy.states import GenerationState
from tasks.restored_aside import REMOVED
from tests.service.backups import back_up, check_restorable, points_of, restore
from tests.service.customer import site
from tests.service.plans import Fault, Plan

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(600)]

DAY = timedelta(days=1)
ASIDE = """
ls -d /srv/backup/$1-aside-* /srv/backup/$1-failed-* 2>/dev/null
mariadb -NBe "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'phm\\\\_$1\\\\_aside%'"
true
"""
"""What restores of an instance laid aside."""


def expire(service: Service, later: timedelta, fault: Fault | None = None) -> Outcome:
    """The flow as it runs so much later."""
    at = (datetime.now(UTC) + later).timestamp()
    return service.runner.run(Plan(flow="flows.expire_backups.expire_backups", at=at, fault=fault))


def aside(service: Service, instance: InstanceFacts) -> list[str]:
    done = service.fleet.run(instance.server_name, f"sh -s {instance.name}", text_in=ASIDE)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def states(service: Service, instance: InstanceFacts) -> list[GenerationState]:
    with service.inventory.reading() as session:
        return [one.state for one in recovery_points.generations_of(session, instance.name)]


@pytest.fixture(scope="module")
def instance(service: Service) -> InstanceFacts:
    """An open instance with two full backups."""
    made = service.provision()
    for _ in range(2):
        assert back_up(service, made, "full").completed
    return made


def test_what_a_restore_laid_aside_goes_after_a_week_and_the_instance_works_on(
    service: Service, instance: InstanceFacts
) -> None:
    assert expire(service, 8 * DAY).completed  # what other tests' restores laid aside goes before
    assert restore(service, instance, points_of(service, instance)[-1]).completed
    assert len(aside(service, instance)) == 2
    assert expire(service, 6 * DAY).completed
    assert len(aside(service, instance)) == 2
    assert expire(service, 8 * DAY, Fault("drop_aside", "after")).state == "Killed"
    assert aside(service, instance) == []
    again = expire(service, 8 * DAY)
    assert again.completed, again
    assert again.changed["drop_aside"] is False
    with service.inventory.reading() as session:
        told = [deed.what for deed in deeds.deeds_of(session, f"instance:{instance.name}")]
    assert told.count(REMOVED) == 1
    mine = site(service, instance)
    with mine.client:
        assert mine.log_in(service.secret(instance, "root_admin")).status_code == 302
    assert "drop_aside" not in expire(service, 8 * DAY).tasks


def test_a_generation_leaves_the_store_after_five_weeks_though_runs_are_killed(
    service: Service, instance: InstanceFacts
) -> None:
    old, new = points_of(service, instance)
    assert expire(service, 34 * DAY).completed
    assert states(service, instance) == [GenerationState.CLOSED, GenerationState.OPEN]
    assert expire(service, 36 * DAY, Fault("drop_generation", "before")).state == "Killed"
    assert states(service, instance) == [GenerationState.DROPPING, GenerationState.OPEN]
    refused = restore(service, instance, old)
    assert refused.error == "PointGone", refused
    assert expire(service, 36 * DAY).completed
    assert states(service, instance) == [GenerationState.DROPPED, GenerationState.OPEN]
    store = load(BackupStore)
    left = store.client.list_object_versions(
        Bucket=store.bucket, Prefix=store.prefix(old.server_name, old.instance_name, old.generation)
    )
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")
    check_restorable(service, new)


def test_a_cache_that_nobody_uses_any_more_goes_and_the_one_in_use_stays(
    service: Service, instance: InstanceFacts
) -> None:
    folder = "/var/cache/phm/restic"
    unused = "ab" * 32
    service.on(f"mkdir {folder}/{unused} && touch -d '11 days ago' {folder}/{unused}", instance.server_name)
    before = set(service.on(f"ls {folder}", instance.server_name).split())
    assert expire(service, timedelta()).completed
    after = set(service.on(f"ls {folder}", instance.server_name).split())
    assert before - after == {unused}
    assert after - {"CACHEDIR.TAG"}


def test_a_server_that_is_cut_off_keeps_nothing_else_from_being_dropped(
    service: Service, instance: InstanceFacts
) -> None:
    for _ in range(2):
        assert back_up(service, instance, "full").completed
    service.fleet.cut(instance.server_name)
    try:
        outcome = expire(service, 50 * DAY)
    finally:
        service.fleet.heal(instance.server_name)
    assert outcome.error == "NotAllDone", outcome
    assert instance.server_name in outcome.message
    assert states(service, instance).count(GenerationState.DROPPED) == 3
    assert expire(service, 50 * DAY).completed
