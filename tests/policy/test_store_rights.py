"""Who may do what in the bucket of backups, judged as IAM judges: what is not allowed, or denied, is not done."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.errors import Refused
from hosting.policy.store_rights import CONTROL, reader_policy, segment, writer_policy

BUCKET = "phm-backups"
WRITER = writer_policy(BUCKET, "app1")
READER = reader_policy(BUCKET)
LOCK = "app1/wz8c6f/g7/locks/2fa90b49"
DATA = "app1/wz8c6f/g7/data/aa/aa01"
ELSEWHERE = (
    "app10/wz8c6f/g7/data/aa/aa01",
    "app2/wz8c6f/g7/locks/2fa90b49",
    "control/now",
    "exports/wz8c6f/7/1.zip",
    "app1",
    "x/app1/y/z/locks/l",
)


def applies(statement: dict[str, Any], action: str, key: str | None, prefix: str | None) -> bool:
    resource = f"arn:aws:s3:::{BUCKET}" + ("" if key is None else f"/{key}")
    if action not in statement["Action"] or not any(fnmatchcase(resource, one) for one in statement["Resource"]):
        return False
    wanted = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix")
    return wanted is None or (prefix is not None and any(fnmatchcase(prefix, one) for one in wanted))


def may(policy: dict[str, Any], action: str, key: str | None = None, prefix: str | None = None) -> bool:
    effects = {one["Effect"] for one in policy["Statement"] if applies(one, action, key, prefix)}
    return effects == {"Allow"}


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"])
def test_a_server_adds_below_its_own_prefix_and_nowhere_else(action: str) -> None:
    assert may(WRITER, action, DATA)
    assert not [key for key in ELSEWHERE if may(WRITER, action, key)]


def test_a_server_removes_nothing_but_its_own_locks() -> None:
    assert may(WRITER, "s3:DeleteObject", LOCK)
    assert not [key for key in (DATA, "app1/wz8c6f/g7/config", *ELSEWHERE) if may(WRITER, "s3:DeleteObject", key)]
    assert not [key for key in (LOCK, DATA) if may(WRITER, "s3:DeleteObjectVersion", key)]


def test_a_server_lists_what_is_its_own() -> None:
    assert may(WRITER, "s3:ListBucket", prefix="app1/wz8c6f/g7/data/")
    assert not [prefix for prefix in ("app2/", "app10/", "", None) if may(WRITER, "s3:ListBucket", prefix=prefix)]


def test_a_server_does_not_touch_versions_locks_and_rules_of_the_bucket() -> None:
    allowed = {action for statement in WRITER["Statement"] for action in statement["Action"]}
    assert allowed == {
        "s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetObject", "s3:PutObject",
        "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:DeleteObject",
    }  # fmt: skip


def test_who_restores_reads_everything_but_the_control_machines_own() -> None:
    assert may(READER, "s3:GetObject", DATA)
    assert may(READER, "s3:GetObjectVersion", DATA)
    assert may(READER, "s3:ListBucket")
    assert not may(READER, "s3:GetObject", "control/2026-11-26T10:00:00Z")
    assert not may(READER, "s3:GetObject", "exports/wz8c6f/7/1.zip")
    allowed = {action for statement in READER["Statement"] for action in statement["Action"]}
    assert not [action for action in allowed if "Put" in action or "Delete" in action]


def test_policies_are_plain_json() -> None:
    for policy in (WRITER, READER):
        assert json.loads(json.dumps(policy)) == policy
        assert policy["Version"] == "2012-10-17"


@pytest.mark.parametrize("name", ["", CONTROL, "a/b", "*", "app?", "..", "${aws:username}", "app1/"])
def test_a_name_that_reads_otherwise_in_a_policy_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="can't be a part of a backup's place"):
        writer_policy(BUCKET, name)


@pytest.mark.parametrize("bucket", ["", "*", "Phm", "a/b", "-a-"])
def test_a_bucket_that_none_can_be_is_refused(bucket: str) -> None:
    with pytest.raises(Refused, match="is no name for a bucket"):
        reader_policy(bucket)


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True))
def test_two_servers_never_reach_into_each_other(name: str) -> None:
    if name == CONTROL:
        return
    assert segment(name) == name
    own = writer_policy(BUCKET, name)
    assert may(own, "s3:PutObject", f"{name}/i/g/config")
    assert not may(own, "s3:PutObject", f"{name}x/i/g/config")
    assert not may(own, "s3:PutObject", f"x{name}/i/g/config")
