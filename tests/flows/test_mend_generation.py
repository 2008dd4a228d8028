"""Who has a server's key overwrites its backups; the audit sees it, and what was first written comes back and restores."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from blocks.backup_store import BackupStore
from blocks.loading import load
from blocks.store_client import client_for
from hosting.inventory import deeds, mends, recovery_points, rehearsals
from hosting.inventory.mends import MENDED
from hosting.inventory.session import in_transaction
from hosting.policy.backup_audit import audit
from hosting.policy.backup_checks import PARTS, NextCheck
from hosting.policy.states import GenerationState
from hosting.policy.values import PointKind, RehearsalFacts, RehearsalOutcome
from hosting.product.layout import InstanceLayout
from tasks.backup_audits import read_store_list
from tasks.generation_checks import check_generation
from tasks.mending import altered_objects
from tasks.records import now
from tests.service.backups import LIVE, back_up, check_restorable, generation_of, on, points_of, restore
from tests.service.plans import Fault, Plan

if TYPE_CHECKING:
    from hosting.policy.values import GenerationFacts, InstanceFacts
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def instance(service: Service) -> InstanceFacts:
    made = service.provision(accounts=3)
    on(service, LIVE, made, InstanceLayout.of(made).user, "0")
    return made


@pytest.fixture
def fresh(service: Service, instance: InstanceFacts) -> GenerationFacts:
    """A generation with a full backup and an incremental of its own."""
    for kind in ("full", "incremental"):
        outcome = back_up(service, instance, kind)
        assert outcome.completed, outcome
    return generation_of(service, points_of(service, instance)[-1])


def prefix_of(generation: GenerationFacts) -> str:
    return load(BackupStore).prefix(generation.server_name, generation.instance_name, generation.id)


def objects(generation: GenerationFacts) -> list[str]:
    """All that restic has written of a generation."""
    found = [one.key for one in load(BackupStore).objects(prefix_of(generation))]
    return [key for key in found if "/locks/" not in key]


def intruder(generation: GenerationFacts) -> Any:
    """Somebody with the server's own key."""
    store = load(BackupStore)
    keys = store.credentials(generation.server_name)
    return client_for(store.endpoint, store.region, keys.access_key, keys.secret_key, store.authorities_pem)


def overwrite(generation: GenerationFacts, *keys: str) -> None:
    """What the server's own key can do to its backups: it can't remove them, and so writes on top of them."""
    client, bucket = intruder(generation), load(BackupStore).bucket
    for key in keys:
        with pytest.raises(ClientError):
            client.delete_object(Bucket=bucket, Key=key)
        client.put_object(Bucket=bucket, Key=key, Body=b"pay to have it back")


def mend(service: Service, generation: GenerationFacts, fault: Fault | None = None) -> Outcome:
    wish = {"generation": generation.id, "operator": "test", "reason": "the server's key was stolen"}
    return service.runner.run(Plan(flow="flows.mend_generation.mend_generation", parameters=wish, fault=fault))


def phm(*words: str) -> str:
    """What the console says, on the service's own settings and inventory."""
    command = [sys.executable, "-m", "deployments.console.app", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def state_of(service: Service, generation: GenerationFacts) -> GenerationState:
    with service.inventory.reading() as session:
        return recovery_points.generation(session, generation.id).state


def audited(generation: GenerationFacts, service: Service | None = None) -> list[str]:
    """What the audit says of the generation, having asked the store; with the service, also of what a mend found."""
    sound = {}
    if service:
        with service.inventory.reading() as session:
            sound = mends.found_sound(session)
    findings = audit([], [generation], read_store_list.fn(), now(), sound)
    return [one.sentence for one in findings if one.subject == f"generation:{generation.id}"]


def test_a_generation_of_which_everything_was_overwritten_is_found_by_the_audit_and_restores_once_it_is_mended(
    service: Service, instance: InstanceFacts, fresh: GenerationFacts
) -> None:
    keys = objects(fresh)
    assert {key.removeprefix(prefix_of(fresh)).split("/")[0] for key in keys} == {
        "config", "data", "index", "keys", "snapshots",
    }  # fmt: skip
    assert audited(fresh) == []
    overwrite(fresh, *keys)
    (sentence,) = audited(fresh)
    assert sentence == (
        f"Generation {fresh.id} of instance {instance.name} has {len(keys)} objects that are not what was first "
        "written there."
    )
    checked = check_generation(service.server(instance.server_name), NextCheck(fresh, 1))
    assert checked.damaged, checked
    outcome = mend(service, fresh)
    assert outcome.completed, outcome
    assert outcome.message == (f"Generation {fresh.id} is sound: {len(keys)} objects brought back, all of it read.")
    assert audited(fresh) == []
    assert state_of(service, fresh) is GenerationState.CLOSED  # a run may have begun another one meanwhile
    full, incremental = [one for one in points_of(service, instance) if one.generation == fresh.id]
    for point in (full, incremental):
        check_restorable(service, point)
    assert restore(service, instance, incremental).completed
    with service.inventory.reading() as session:
        deed = deeds.deeds_of(session, f"instance:{instance.name}")
    (mended,) = [one for one in deed if one.what == MENDED and one.evidence["generation"] == fresh.id]
    assert mended.evidence["objects"] == len(keys)
    assert back_up(service, instance).completed
    newest = points_of(service, instance)[-1]
    assert (newest.kind, newest.generation != fresh.id) == (PointKind.FULL, True)


def test_hidden_objects_come_back_and_a_generation_that_nobody_had_found_yet_stays_open(
    service: Service, instance: InstanceFacts, fresh: GenerationFacts
) -> None:
    store, keys = load(BackupStore), objects(fresh)
    for key in keys[:3]:
        store.client.delete_object(Bucket=store.bucket, Key=key)  # the administrator's key: nobody else can
    overwrite(fresh, keys[3], keys[3])  # twice on top of each other
    altered = altered_objects(fresh)
    assert [one.newest.hides for one in altered] == [True, True, True, False]
    assert all(one.right for one in altered)
    assert len(objects(fresh)) == len(keys) - 3
    name = keys[3].removeprefix(prefix_of(fresh))
    said = phm("mend", fresh.id).splitlines()
    assert said[0] == (
        f"Generation {fresh.id} of {instance.name} on {instance.server_name} (open): 4 objects are not what was first "
        "written there."
    )
    assert said[4].startswith(f"  {name}: overwritten ")
    assert said[4].endswith(" belongs there")
    assert said[5:] == ["Nothing was changed. To do it, give --yes and --reason."]
    told = json.loads(phm("mend", "--server", str(instance.server_name), "--json"))
    shown = {one["generation"]: [found["object"] for found in one["altered"]] for one in told["generations"]}
    assert (told["changed"], len(shown[fresh.id]), shown[fresh.id][3]) == (False, 4, name)
    assert altered_objects(fresh) == altered
    outcome = mend(service, fresh)
    assert outcome.completed, outcome
    assert objects(fresh) == keys
    assert state_of(service, fresh) is GenerationState.OPEN
    again = mend(service, fresh)
    assert again.message == f"Generation {fresh.id} is what was first written: nothing to mend."
    assert back_up(service, instance, "incremental").completed
    newest = points_of(service, instance)[-1]
    assert newest.generation == fresh.id
    check_restorable(service, newest)


def test_what_has_no_right_version_any_more_is_named_and_the_generation_stays_damaged(
    service: Service, instance: InstanceFacts, fresh: GenerationFacts
) -> None:
    store = load(BackupStore)
    key, other = [one for one in objects(fresh) if "/data/" in one][:2]
    overwrite(fresh, key, other)
    first = store.client.list_object_versions(Bucket=store.bucket, Prefix=key)["Versions"][-1]
    store.client.delete_object(
        Bucket=store.bucket, Key=key, VersionId=first["VersionId"], BypassGovernanceRetention=True
    )
    overwrite(fresh, key)
    long = store.client.head_object(Bucket=store.bucket, Key=key)["ContentLength"]
    store.client.put_object(Bucket=store.bucket, Key=key, Body=bytes(long))  # restic asks for minutes after a short one
    outcome = mend(service, fresh)
    assert not outcome.completed
    assert outcome.error == "CanNotBeMended"
    assert "1 of its objects have no version that belongs there" in outcome.message
    assert state_of(service, fresh) is GenerationState.DAMAGED
    left = [one.name for one in altered_objects(fresh)]
    assert left == [key.removeprefix(prefix_of(fresh))]  # the other one is back
    checked = check_generation(service.server(instance.server_name), NextCheck(fresh, 1, PARTS))
    assert checked.damaged


def test_a_run_that_is_killed_once_the_objects_are_back_is_gone_on_with(
    service: Service, instance: InstanceFacts, fresh: GenerationFacts
) -> None:
    overwrite(fresh, *objects(fresh)[:2])
    check_generation(service.server(instance.server_name), NextCheck(fresh, 1, 1))
    killed = mend(service, fresh, Fault("ensure_first_written", "after"))
    assert killed.state == "Killed"
    assert (altered_objects(fresh), state_of(service, fresh)) == ([], GenerationState.DAMAGED)
    outcome = mend(service, fresh)
    assert outcome.completed, outcome
    assert state_of(service, fresh) is GenerationState.CLOSED


def test_a_run_that_is_killed_once_the_objects_of_an_open_generation_are_back_is_gone_on_with(
    service: Service, fresh: GenerationFacts
) -> None:
    overwrite(fresh, *objects(fresh)[:2])
    killed = mend(service, fresh, Fault("ensure_first_written", "after"))
    assert killed.state == "Killed"
    assert (altered_objects(fresh), state_of(service, fresh)) == ([], GenerationState.OPEN)
    said = phm("mend", fresh.id).splitlines()
    assert said[0].endswith("(open): nothing is altered in the store; all of it is still to be looked through.")
    assert said[1:] == ["Nothing was changed. To do it, give --yes and --reason."]
    outcome = mend(service, fresh)
    assert outcome.message == f"Generation {fresh.id} is sound: 0 objects brought back, all of it read."
    assert mend(service, fresh).message == f"Generation {fresh.id} is what was first written: nothing to mend."
    assert phm("mend", fresh.id).splitlines() == [said[0].replace("; all of it is still to be looked through", "")]


def test_what_a_rehearsal_found_where_nothing_was_altered_is_not_overturned(
    service: Service, instance: InstanceFacts, fresh: GenerationFacts
) -> None:
    point, at = points_of(service, instance)[-1], now()
    server = service.server(instance.server_name).name
    found = RehearsalFacts(
        f"{point.id}-r", point.id, instance.name, server, at, at, RehearsalOutcome.FAILED, {"finding": "differs"}, 1.0
    )
    in_transaction(
        service.inventory,
        lambda session: rehearsals.record_rehearsal(session, found, at, damaged=True, finding="Table users differs."),
    )
    outcome = mend(service, fresh)
    assert (outcome.completed, outcome.error) == (False, "RehearsalStands"), outcome
    assert f"a rehearsal found that its point {point.id} is not what was recorded" in outcome.message
    assert state_of(service, fresh) is GenerationState.DAMAGED
    told = json.loads(phm("mend", "--server", str(instance.server_name), "--json"))
    (shown,) = [one for one in told["generations"] if one["generation"] == fresh.id]
    assert (shown["work"], shown["altered"], point.id in shown["refused"]) == (False, [], True)


def test_what_somebody_put_there_besides_is_no_damage_once_all_was_read(
    service: Service, instance: InstanceFacts, fresh: GenerationFacts
) -> None:
    name = f"data/ab/{'ab' * 32}"
    for content in (b"one", b"another"):  # neither is what the name says
        intruder(fresh).put_object(Bucket=load(BackupStore).bucket, Key=prefix_of(fresh) + name, Body=content)
    assert [(one.name, one.right) for one in altered_objects(fresh)] == [(name, None)]
    (sentence,) = audited(fresh, service)
    assert "has 1 object that is not what was first written there" in sentence
    time.sleep(1)  # what is written in the second in which the look begins counts as not seen
    outcome = mend(service, fresh)
    assert outcome.message == f"Generation {fresh.id} is sound: 0 objects brought back, all of it read."
    (sentence,) = audited(fresh, service)
    assert sentence == (
        f"Generation {fresh.id} of instance {instance.name} was mended since, and is sound; 1 object of somebody "
        "else's is left."
    )
    overwrite(fresh, prefix_of(fresh) + name)
    (sentence,) = audited(fresh, service)
    assert "has 1 object that is not what was first written there" in sentence
