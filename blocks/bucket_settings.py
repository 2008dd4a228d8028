"""How the bucket of backups is set: versions, an object lock that a person can lift, and nothing that expires."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from hosting.errors import DriftFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_s3 import S3Client

UPLOAD_DAYS = 7
"""An upload that was not finished for so long never will be; its parts are part of no repository."""

LIFECYCLE: list[dict[str, Any]] = [
    {
        "ID": "unfinished-uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOAD_DAYS},
    }
]
"""The one rule: no object ever expires, old versions neither, so that no generation can be broken by the clock."""

NOT_SET = {"NoSuchLifecycleConfiguration", "ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"}
"""How stores say that a setting was never made."""

MADE_ALREADY = {"BucketAlreadyOwnedByYou"}
MISSING = {"404", "NoSuchBucket"}
NO_REGION = "us-east-1"


@dataclass(frozen=True)
class BucketSettings:
    """A bucket as backups need it.

    Args:
        client: the administrator's.
        bucket: its name.
        lock_days: how long a version can't be removed without lifting the lock (governance mode, never compliance:
            what the law wants deleted must be deletable).
    """

    client: S3Client
    bucket: str
    lock_days: int

    def ensure(self) -> bool:
        """Make and set the bucket; whether anything was changed.

        Raises:
            DriftFound: it is not set afterwards as it was told.
            ClientError: the store refused.
        """
        changed = [self._ensure_bucket()]
        for name, read, wanted, write in self._settings():
            if read() != wanted:
                write()
                changed.append(True)
                if read() != wanted:
                    raise DriftFound(
                        f"The bucket {self.bucket} does not keep its {name} as it was told.",
                        "Use a store that has versions, object lock and lifecycle rules.",
                    )
        return any(changed)

    def _ensure_bucket(self) -> bool:
        """The bucket itself; the lock has to be asked for when it is made."""
        try:
            self.client.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            if error.response["Error"].get("Code") not in MISSING:
                raise
        else:
            return False
        try:
            self.client.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=True, **self._place())
        except ClientError as error:
            if error.response["Error"].get("Code") not in MADE_ALREADY:
                raise
        return True

    def _place(self) -> dict[str, Any]:
        """The region, where it isn't the one that S3 takes for none."""
        region = self.client.meta.region_name
        return {} if region == NO_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}

    def _settings(self) -> list[tuple[str, Callable[[], Any], Any, Callable[[], Any]]]:
        """Each setting: its name, how it is read, what it has to be, how it is set."""
        bucket, client = self.bucket, self.client
        lock: Any = {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": self.lock_days}},
        }
        rules: Any = LIFECYCLE
        return [
            (
                "versions",
                lambda: client.get_bucket_versioning(Bucket=bucket).get("Status"),
                "Enabled",
                lambda: client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}),
            ),
            (
                "object lock",
                lambda: _set(lambda: client.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]),
                lock,
                lambda: client.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock),
            ),
            (
                "lifecycle",
                lambda: _rules(_set(lambda: client.get_bucket_lifecycle_configuration(Bucket=bucket)) or {}),
                _rules({"Rules": LIFECYCLE}),
                lambda: client.put_bucket_lifecycle_configuration(
                    Bucket=bucket, LifecycleConfiguration={"Rules": rules}
                ),
            ),
        ]


def _set(read: Callable[[], Any]) -> Any:
    """A setting as the store has it; None where it was never made."""
    try:
        return read()
    except ClientError as error:
        if error.response["Error"].get("Code") in NOT_SET:
            return None
        raise


def _rules(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lifecycle rules without what providers spell differently: their names, and a filter that takes everything."""
    return [
        {key: value for key, value in rule.items() if key != "ID" and value not in ("", {}, {"Prefix": ""})}
        for rule in answer.get("Rules", ())
    ]
