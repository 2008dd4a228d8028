"""The bucket of backups on a store that enforces rights, versions and locks: who can do what to whose backups."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from blocks.backup_store import BackupStore, Dropped, Stored
from blocks.store_client import StoreRefused, client_for
from deployments.connections import backup_store_of
from deployments.console.settings_from_fleet import settings_of
from hosting.errors import Refused, ServiceError, Unreachable
from hosting.settings import Settings
from tests.fleet_fixture import fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fleet import Fleet

__all__ = ["fleet"]

pytestmark = pytest.mark.fleet

KEY = "data/aa/aa01"
HERE, THERE = "app1", "app2"


@pytest.fixture(scope="module")
def store(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> BackupStore:
    """The block as the settings make it, its bucket ready."""
    made = backup_store_of(Settings.model_validate(settings_of(fleet.description(), tmp_path_factory.mktemp("home"))))
    made.ensure_ready()
    return made


@pytest.fixture
def place(store: BackupStore) -> Iterator[tuple[str, str, str]]:
    """A generation that nobody else uses, gone afterwards."""
    names = (HERE, f"t{secrets.token_hex(4)}", "g1")
    yield names
    store.drop(*names)


def client(store: BackupStore, access_key: str, secret_key: str) -> Any:
    return client_for(store.endpoint, store.region, access_key, secret_key, store.authorities_pem)


@pytest.fixture
def writer(store: BackupStore) -> Any:
    keys = store.credentials(HERE)
    return client(store, keys.access_key, keys.secret_key)


@pytest.fixture
def reader(store: BackupStore) -> Any:
    keys = store.reader()
    return client(store, keys.access_key, keys.secret_key)


def refused(act: Callable[[], Any]) -> bool:
    """Whether the store itself says no."""
    with pytest.raises(ClientError) as caught:
        act()
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_bucket_keeps_versions_and_locks_them_and_nothing_in_it_expires(store: BackupStore) -> None:
    assert not store.ensure_ready()
    asked = store.client
    assert asked.get_bucket_versioning(Bucket=store.bucket)["Status"] == "Enabled"
    lock = asked.get_object_lock_configuration(Bucket=store.bucket)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": store.lock_days}
    (rule,) = asked.get_bucket_lifecycle_configuration(Bucket=store.bucket)["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert not [name for name in rule if "Expiration" in name or "Transition" in name]


def test_a_bucket_that_was_set_otherwise_is_set_right(store: BackupStore) -> None:
    other = store.model_copy(update={"bucket": f"phm-test-{secrets.token_hex(4)}"})
    asked = store.client
    asked.create_bucket(Bucket=other.bucket, ObjectLockEnabledForBucket=True)
    try:
        compliance: Any = {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
        }
        asked.put_object_lock_configuration(Bucket=other.bucket, ObjectLockConfiguration=compliance)
        expiry: Any = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}
        asked.put_bucket_lifecycle_configuration(Bucket=other.bucket, LifecycleConfiguration={"Rules": [expiry]})
        assert other.ensure_ready()
        assert not other.ensure_ready()
        lock = asked.get_object_lock_configuration(Bucket=other.bucket)["ObjectLockConfiguration"]
        assert lock["Rule"]["DefaultRetention"]["Mode"] == "GOVERNANCE"
    finally:
        asked.delete_bucket(Bucket=other.bucket)


def test_a_server_adds_and_its_backups_are_locked(store: BackupStore, writer: Any, place: tuple[str, str, str]) -> None:
    key = store.prefix(*place) + KEY
    writer.put_object(Bucket=store.bucket, Key=key, Body=b"one")
    assert writer.get_object(Bucket=store.bucket, Key=key)["Body"].read() == b"one"
    listed = writer.list_objects_v2(Bucket=store.bucket, Prefix=store.prefix(*place))
    assert [found["Key"] for found in listed["Contents"]] == [key]
    held = store.client.get_object_retention(Bucket=store.bucket, Key=key)["Retention"]
    assert held["Mode"] == "GOVERNANCE"
    until = datetime.now(UTC) + timedelta(days=store.lock_days)
    assert abs(held["RetainUntilDate"] - until) < timedelta(hours=1)


def test_large_objects_go_in_parts(store: BackupStore, writer: Any, place: tuple[str, str, str]) -> None:
    where: Any = {"Bucket": store.bucket, "Key": store.prefix(*place) + KEY}
    upload = writer.create_multipart_upload(**where)["UploadId"]
    tag = writer.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x" * (5 << 20))["ETag"]
    parts: Any = {"Parts": [{"ETag": tag, "PartNumber": 1}]}
    writer.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)
    assert writer.head_object(**where)["ContentLength"] == 5 << 20
    writer.create_multipart_upload(**where)
    assert store.drop(*place) == Dropped(1, 1, 5 << 20)
    left = store.client.list_multipart_uploads(Bucket=store.bucket, Prefix=store.prefix(*place))
    assert not left.get("Uploads")


def test_a_server_takes_nothing_away(store: BackupStore, writer: Any, place: tuple[str, str, str]) -> None:
    bucket, key = store.bucket, store.prefix(*place) + KEY
    writer.put_object(Bucket=bucket, Key=key, Body=b"one")
    writer.put_object(Bucket=bucket, Key=key, Body=b"two")
    old = next(
        one["VersionId"]
        for one in store.client.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
        if not one["IsLatest"]
    )
    assert refused(lambda: writer.delete_object(Bucket=bucket, Key=key))
    assert refused(lambda: writer.delete_object(Bucket=bucket, Key=key, VersionId=old))
    assert refused(lambda: writer.delete_object(Bucket=bucket, Key=key, VersionId=old, BypassGovernanceRetention=True))
    batch: Any = {"Objects": [{"Key": key}, {"Key": key, "VersionId": old}]}
    answer = writer.delete_objects(Bucket=bucket, Delete=batch, BypassGovernanceRetention=True)
    assert [one["Code"] for one in answer["Errors"]] == ["AccessDenied"] * 2
    assert store.get_bytes(key) == b"two"
    assert store.client.get_object(Bucket=bucket, Key=key, VersionId=old)["Body"].read() == b"one"


def test_a_server_does_not_change_the_rules(store: BackupStore, writer: Any, place: tuple[str, str, str]) -> None:
    bucket, key = store.bucket, store.prefix(*place) + KEY
    writer.put_object(Bucket=bucket, Key=key, Body=b"one")
    until = datetime.now(UTC) + timedelta(days=1)
    for act in (
        lambda: writer.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}),
        lambda: writer.put_object_lock_configuration(
            Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
        ),
        lambda: writer.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": []}),
        lambda: writer.delete_bucket_lifecycle(Bucket=bucket),
        lambda: writer.put_bucket_policy(Bucket=bucket, Policy="{}"),
        lambda: writer.put_object_retention(
            Bucket=bucket,
            Key=key,
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until},
            BypassGovernanceRetention=True,
        ),
        lambda: writer.put_object(
            Bucket=bucket, Key=key, Body=b"", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until
        ),
        lambda: writer.put_object(Bucket=bucket, Key=key, Body=b"", ObjectLockLegalHoldStatus="ON"),
        lambda: writer.delete_bucket(Bucket=bucket),
    ):
        assert refused(act)
    assert not store.ensure_ready()


def test_a_server_reaches_nothing_of_another_one(store: BackupStore, writer: Any, place: tuple[str, str, str]) -> None:
    theirs = (THERE, *place[1:])
    bucket, key = store.bucket, store.prefix(*theirs) + KEY
    store.put_bytes(key, b"theirs")
    try:
        own: Any = {"Bucket": bucket, "Key": store.prefix(*place) + KEY}
        for act in (
            lambda: writer.get_object(Bucket=bucket, Key=key),
            lambda: writer.put_object(Bucket=bucket, Key=key, Body=b""),
            lambda: writer.create_multipart_upload(Bucket=bucket, Key=key),
            lambda: writer.copy_object(**own, CopySource={"Bucket": bucket, "Key": key}),
            lambda: writer.delete_object(Bucket=bucket, Key=store.prefix(*theirs) + "locks/l"),
            lambda: writer.list_objects_v2(Bucket=bucket, Prefix=f"{THERE}/"),
            lambda: writer.list_objects_v2(Bucket=bucket),
            lambda: writer.list_object_versions(Bucket=bucket, Prefix=f"{HERE}/"),
            lambda: writer.put_object(Bucket=bucket, Key=f"{HERE}0/i/g/{KEY}", Body=b""),
            lambda: writer.put_object(Bucket=bucket, Key="control/now", Body=b""),
        ):
            assert refused(act)
        assert store.get_bytes(key) == b"theirs"
    finally:
        store.drop(*theirs)


def test_a_server_removes_its_locks_alone(store: BackupStore, writer: Any, place: tuple[str, str, str]) -> None:
    lock = store.prefix(*place) + "locks/2fa90b49"
    writer.put_object(Bucket=store.bucket, Key=lock, Body=b"held")
    writer.delete_object(Bucket=store.bucket, Key=lock)
    assert list(store.objects(lock)) == []
    assert store.drop(*place) == Dropped(objects=0, versions=2, bytes=4)


def test_who_restores_reads_old_versions_too_and_writes_nothing(
    store: BackupStore, reader: Any, place: tuple[str, str, str]
) -> None:
    bucket, key = store.bucket, store.prefix(*place) + KEY
    first = store.client.put_object(Bucket=bucket, Key=key, Body=b"one")["VersionId"]
    store.put_bytes(key, b"two")
    assert reader.get_object(Bucket=bucket, Key=key)["Body"].read() == b"two"
    assert reader.get_object(Bucket=bucket, Key=key, VersionId=first)["Body"].read() == b"one"
    assert reader.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"] == 1
    for act in (
        lambda: reader.put_object(Bucket=bucket, Key=key, Body=b""),
        lambda: reader.create_multipart_upload(Bucket=bucket, Key=key),
        lambda: reader.delete_object(Bucket=bucket, Key=key),
        lambda: reader.delete_object(Bucket=bucket, Key=store.prefix(*place) + "locks/l"),
        lambda: reader.get_object(Bucket=bucket, Key="control/now"),
    ):
        assert refused(act)


def test_a_generation_is_dropped_with_all_its_versions_past_the_lock_and_its_neighbour_stays(
    store: BackupStore, writer: Any, place: tuple[str, str, str]
) -> None:
    neighbour = (*place[:2], "g10")
    store.put_bytes(store.prefix(*neighbour) + "config", b"stays")
    for body in (b"one", b"two"):
        writer.put_object(Bucket=store.bucket, Key=store.prefix(*place) + KEY, Body=body)
    store.put_bytes(store.prefix(*place) + "config", b"c")
    store.client.delete_object(Bucket=store.bucket, Key=store.prefix(*place) + "config")
    assert store.drop(*place) == Dropped(objects=1, versions=4, bytes=7)
    assert store.drop(*place) == Dropped()
    left = store.client.list_object_versions(Bucket=store.bucket, Prefix=store.prefix(*place))
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")
    assert [one.key for one in store.objects(store.prefix(*neighbour))] == [store.prefix(*neighbour) + "config"]
    store.drop(*neighbour)


def test_what_a_server_writes_on_top_is_counted_and_what_was_there_can_be_current_again(
    store: BackupStore, writer: Any, place: tuple[str, str, str]
) -> None:
    content, bucket, versions = b"what restic wrote", store.bucket, store.versions
    name = sha256(content).hexdigest()
    key = f"{store.prefix(*place)}data/{name[:2]}/{name}"
    for body in (content, content, b"bad"):  # a put that was tried again is no harm
        writer.put_object(Bucket=bucket, Key=key, Body=body)
    (found,) = versions.below(store.prefix(*place))
    assert [(one.newest, one.bytes, one.hides) for one in found] == [
        (True, 3, False),
        (False, 17, False),
        (False, 17, False),
    ]
    assert versions.sum_of(found[-1]) == name
    assert Stored(*place, objects=1, bytes=3, altered=1, altered_at=found[0].at) in list(store.generations())
    versions.make_current(found[-1])
    assert store.get_bytes(key) == content
    assert store.client.get_object_retention(Bucket=bucket, Key=key)["Retention"]["Mode"] == "GOVERNANCE"
    assert Stored(*place, objects=1, bytes=17) in list(store.generations())
    store.client.delete_object(Bucket=bucket, Key=key)
    (found,) = versions.below(store.prefix(*place))
    hidden_at = next(one.at for one in found if one.newest)
    assert Stored(*place, altered=1, altered_at=hidden_at) in list(store.generations())  # told all the same
    assert [one.hides for one in found if one.newest] == [True]
    versions.make_current(next(one for one in found if not one.hides))
    assert store.get_bytes(key) == content


def test_more_than_a_page_is_counted_and_dropped(store: BackupStore, place: tuple[str, str, str]) -> None:
    for number in range(1100):
        store.put_bytes(f"{store.prefix(*place)}data/{number:04}", b"xy")
    assert Stored(*place, objects=1100, bytes=2200) in list(store.generations())
    assert store.drop(*place) == Dropped(1100, 1100, 2200)
    assert place[1] not in {one.instance for one in store.generations()}


def test_what_goes_wrong_is_told_in_a_sentence(store: BackupStore) -> None:
    wrong = store.model_copy(update={"secret_key": store.reader_secret_key})
    wrong.__dict__.pop("client", None)
    with pytest.raises(StoreRefused, match="SignatureDoesNotMatch"):
        list(wrong.generations())
    with pytest.raises(StoreRefused, match="AccessDenied"):
        wrong.ensure_ready()
    with pytest.raises(StoreRefused, match="NoSuchKey"):
        store.get_bytes("control/never")
    with pytest.raises(ServiceError, match=r"app99 has no key .* storage-rights app99 .* \[backup\.writers\.app99\]"):
        store.credentials("app99")
    silent = BackupStore(endpoint="http://127.0.0.1:9", endpoint_country="DE", access_key="a", secret_key="s")
    with pytest.raises(Unreachable, match="does not answer"):
        silent.ensure_ready()
    with pytest.raises(ServiceError, match="no key for reading backups"):
        silent.reader()


def test_nothing_is_stored_before_somebody_stated_that_the_store_stands_in_germany() -> None:
    nowhere = BackupStore(endpoint="https://s3.example", access_key="a", secret_key="s")
    for act in (nowhere.ensure_ready, lambda: nowhere.repository(HERE, "wz8c6f", "g1")):
        with pytest.raises(Refused, match=r"Nobody stated .* stands in Germany \(P02\)"):
            act()


def test_a_generation_has_one_place_for_restic(tmp_path: Path) -> None:
    store = BackupStore(endpoint="https://s3.example.de/", endpoint_country="DE", access_key="a", secret_key="s")
    assert store.repository(HERE, "wz8c6f", "g1") == "s3:https://s3.example.de/phm-backups/app1/wz8c6f/g1"
    for name in ("..", "a/b", "", "control"):
        with pytest.raises(Refused):
            store.prefix(name, "wz8c6f", "g1")
    with pytest.raises(ValueError, match="ends with a slash"):
        store.remove("app1")
