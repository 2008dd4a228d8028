"""Damage in the real store is found from the server and marked; a store that does not answer is no damage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blocks.backup_store import BackupStore
from blocks.loading import load
from hosting.errors import Unreachable
from hosting.inventory import letters, recovery_points
from hosting.policy.backup_checks import PARTS, NextCheck
from hosting.policy.states import GenerationState
from hosting.policy.values import PointKind
from tasks.generation_checks import FoundDamaged, check_all_sound, check_generation, check_on, last_checks, tell_damaged
from tests.service.backups import back_up, generation_of, points_of
from tests.service.plans import Plan

if TYPE_CHECKING:
    from hosting.policy.values import GenerationFacts, InstanceFacts
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(600)]

AWAY = "table inet store_away { chain out { type filter hook output priority -10; tcp dport 19003 reject; }; }"


@pytest.fixture(scope="module")
def instance(service: Service) -> InstanceFacts:
    return service.provision()


@pytest.fixture
def fresh(service: Service, instance: InstanceFacts) -> GenerationFacts:
    """A generation with a full backup of its own."""
    outcome = back_up(service, instance, "full")
    assert outcome.completed, outcome
    return generation_of(service, points_of(service, instance)[-1])


def data_objects(generation: GenerationFacts) -> list[str]:
    """The generation's data in the store, the largest first."""
    store = load(BackupStore)
    prefix = store.prefix(generation.server_name, generation.instance_name, generation.id)
    found = sorted(store.objects(f"{prefix}data/"), key=lambda one: -one.bytes)
    return [one.key for one in found]


def part_of(key: str) -> int:
    """The part of the data that an object belongs to: restic goes by the first byte of its name."""
    return int(key.rpartition("/")[2][:2], 16) % PARTS + 1


def spoil(key: str) -> None:
    """One bit of an object turned over."""
    store = load(BackupStore)
    content = bytearray(store.get_bytes(key))
    content[len(content) // 2] ^= 1
    store.put_bytes(key, bytes(content))


def state_of(service: Service, generation: GenerationFacts) -> GenerationState:
    with service.inventory.reading() as session:
        return recovery_points.generation(session, generation.id).state


def test_the_nightly_run_looks_through_what_was_never_looked_through(
    service: Service, instance: InstanceFacts, fresh: GenerationFacts
) -> None:
    for _ in range(12):  # a night takes a fifth of all instances, and other tests have left some
        service.runner.run(Plan(flow="flows.check_generations.check_generations"))
        with service.inventory.reading() as session:
            if instance.name in last_checks(session):
                break
    with service.inventory.reading() as session:
        assert last_checks(session)[instance.name].count == 1
    assert state_of(service, fresh) is GenerationState.OPEN


def test_a_spoilt_object_is_found_when_its_part_is_read_and_a_full_backup_takes_its_place(
    service: Service, instance: InstanceFacts, fresh: GenerationFacts
) -> None:
    key = data_objects(fresh)[0]
    spoil(key)
    server, part = service.server(instance.server_name), part_of(key)
    other = part % PARTS + 1
    assert not check_generation(server, NextCheck(fresh, other)).finding
    results = check_on.fn(server, [NextCheck(fresh, part)])
    (checked,) = results
    assert checked.damaged
    assert key.rpartition("/")[2] in checked.finding
    assert state_of(service, fresh) is GenerationState.DAMAGED
    with pytest.raises(FoundDamaged, match=fresh.id):
        check_all_sound(results)
    tell_damaged.fn(results)
    with service.inventory.reading() as session:
        assert letters.letter_sent(session, f"damaged:{fresh.id}")
    assert back_up(service, instance).completed
    newest = points_of(service, instance)[-1]
    assert (newest.kind, newest.generation != fresh.id) == (PointKind.FULL, True)


def test_a_missing_object_is_found_whichever_part_is_read(
    service: Service, instance: InstanceFacts, fresh: GenerationFacts
) -> None:
    store, key = load(BackupStore), data_objects(fresh)[0]
    store.client.delete_object(Bucket=store.bucket, Key=key)
    checked = check_generation(service.server(instance.server_name), NextCheck(fresh, part_of(key) % PARTS + 1))
    assert checked.damaged
    assert "does not exist" in checked.finding


def test_a_store_that_does_not_answer_is_no_damage(
    service: Service, instance: InstanceFacts, fresh: GenerationFacts
) -> None:
    server = instance.server_name
    service.fleet.run(server, "nft -f -", text_in=AWAY)
    try:
        with pytest.raises(Unreachable):
            check_generation(service.server(server), NextCheck(fresh, 1))
        (told,) = check_on.fn(service.server(server), [NextCheck(fresh, 1)])
        assert told.finding
        assert not told.damaged
    finally:
        service.on("nft delete table inet store_away", server)
    assert state_of(service, fresh) is GenerationState.OPEN
    assert not check_generation(service.server(server), NextCheck(fresh, 1)).finding
