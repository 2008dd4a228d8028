"""The bucket of backups: who writes where, what lies in it, how a whole generation leaves it (P19 to P22, P41)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

from prefect.blocks.core import Block
from prefect.types import SecretDict
from pydantic import Field, SecretStr

from blocks.bucket_settings import BucketSettings
from blocks.object_parts import ObjectParts
from blocks.object_versions import ObjectVersions
from blocks.store_client import StoreRefused, asking, client_for
from hosting.errors import DriftFound, Refused, ServiceError
from hosting.policy.placement import COUNTRY
from hosting.policy.store_rights import OUR_OWN, segment
from hosting.policy.stored_versions import is_altered, newest_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef


@dataclass(frozen=True)
class Credentials:
    """A key for the store, as restic takes it from its environment."""

    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True)
class Stored:
    """What lies under a generation's prefix; names are empty where a key is short.

    Args:
        objects: that are present.
        bytes: of them.
        altered: objects, present or hidden, that are not what was first written there.
        altered_at: when the last of them was altered, by the store's clock; None where none is.
    """

    server: str
    instance: str
    generation: str
    objects: int = 0
    bytes: int = 0
    altered: int = 0
    altered_at: datetime | None = None


@dataclass(frozen=True)
class StoredObject:
    """One object."""

    key: str
    bytes: int
    at: datetime


@dataclass(frozen=True)
class Dropped:
    """What was removed: present objects, all versions and delete markers, the bytes of all versions."""

    objects: int = 0
    versions: int = 0
    bytes: int = 0

    def __add__(self, other: Dropped) -> Dropped:
        """Both together."""
        return Dropped(self.objects + other.objects, self.versions + other.versions, self.bytes + other.bytes)


class BackupStore(Block):
    """The store's administrator for backups, and the keys that servers are given."""

    _block_type_name = "phlyMail backup store"
    _block_type_slug = "phm-backup-store"
    endpoint: str = Field(title="Endpoint", description="For example https://s3.example.de")
    endpoint_country: str = Field("", title="Country", description="Where the endpoint stands: DE (P02).")
    region: str = Field("eu-central-1", title="Region")
    bucket: str = Field("phm-backups", title="Bucket for backups")
    access_key: str = Field(title="Administrator's access key")
    secret_key: SecretStr = Field(title="Administrator's secret key")
    writers: SecretDict = Field(
        default_factory=lambda: SecretDict({}),
        title="Servers' keys",
        description="For each server: access_key and secret_key, with the rights that phm server storage-rights tells.",
    )
    reader_access_key: str = Field("", title="Reader's access key", description="For restores.")
    reader_secret_key: SecretStr = Field(SecretStr(""), title="Reader's secret key")
    lock_days: int = Field(14, title="Days of the object lock", description="In governance mode.", ge=1)
    authorities_pem: str = Field("", title="Authorities", description="Certificate authorities to trust for it, PEM.")
    escrow_certificate_pem: str = Field(
        "", title="Escrow certificate", description="Who opens the service's own backups."
    )

    @cached_property
    def client(self) -> S3Client:
        """The administrator's client; it never leaves the control machine."""
        secret = self.secret_key.get_secret_value()
        return client_for(self.endpoint, self.region, self.access_key, secret, self.authorities_pem)

    @property
    def versions(self) -> ObjectVersions:
        """All versions of what lies in the bucket."""
        return ObjectVersions(self.client, self.endpoint, self.bucket)

    @property
    def parts(self) -> ObjectParts:
        """Objects that servers write, and customers fetch, without a key.

        Raises:
            Refused: nobody stated that the store stands in Germany (P02).
        """
        self._stands_in_germany()
        return ObjectParts(self.client, self.endpoint, self.bucket)

    def prefix(self, server: str, instance: str, generation: str) -> str:
        """Where a generation lies in the bucket, with a slash at the end.

        Raises:
            Refused: a name holds signs that can't be part of it.
        """
        return "/".join(map(segment, (server, instance, generation))) + "/"

    def repository(self, server: str, instance: str, generation: str) -> str:
        """A generation as restic is told of it (RESTIC_REPOSITORY).

        Raises:
            Refused: a name holds signs that can't be part of it, or nobody stated that the store stands in Germany.
        """
        self._stands_in_germany()
        return f"s3:{self.endpoint.rstrip('/')}/{self.bucket}/{self.prefix(server, instance, generation).rstrip('/')}"

    def credentials(self, server: str) -> Credentials:
        """The key with which one server adds backups.

        Raises:
            ServiceError: it has none.
        """
        keys = self.writers.get_secret_value().get(server)
        if not keys:
            raise ServiceError(
                f"The server {server} has no key for the store of backups.",
                f"Make one with the rights that phm server storage-rights {server} prints, enter it in settings.toml "
                f"as [backup.writers.{server}], then run phm up.",
            )
        return Credentials(keys["access_key"], keys["secret_key"])

    def reader(self) -> Credentials:
        """The key with which restores read; it can't write.

        Raises:
            ServiceError: there is none.
        """
        secret = self.reader_secret_key.get_secret_value()
        if not (self.reader_access_key and secret):
            raise ServiceError(
                "There is no key for reading backups.",
                "Make one with the rights that phm server storage-rights --reader prints, enter it in settings.toml as "
                "[backup.reader], then run phm up.",
            )
        return Credentials(self.reader_access_key, secret)

    def ensure_ready(self) -> bool:
        """The bucket with versions, object lock and no rule that expires anything; read back and compared.

        Returns:
            Whether anything was changed.

        Raises:
            Refused: nobody stated that the store stands in Germany (P02).
            DriftFound: the store does not keep what it was told.
            Unreachable: it does not answer.
        """
        self._stands_in_germany()
        with asking(self.endpoint):
            return BucketSettings(self.client, self.bucket, self.lock_days).ensure()

    def generations(self) -> Iterator[Stored]:
        """What lies in the store, hidden or not, each generation once, without holding more than one page in memory.

        Raises:
            Unreachable: the store does not answer.
        """
        others = (found for found in self.versions.below("") if found[0].key.partition("/")[0] not in OUR_OWN)
        for names, found in groupby(others, key=lambda one: _names(one[0].key)):
            stored = Stored(*names)
            for versions in found:
                newest = newest_of(versions)
                stored = replace(stored, objects=stored.objects + (not newest.hides), bytes=stored.bytes + newest.bytes)
                if is_altered(versions):
                    last = max(newest.at, stored.altered_at or newest.at)
                    stored = replace(stored, altered=stored.altered + 1, altered_at=last)
            yield stored

    def drop(self, server: str, instance: str, generation: str) -> Dropped:
        """Remove a whole generation: every version of every object, past the lock; again, it finds nothing.

        Raises:
            DriftFound: the store still has something of it afterwards.
            Unreachable: the store does not answer.
        """
        return self.remove(self.prefix(server, instance, generation))

    def remove(self, prefix: str) -> Dropped:
        """Remove all versions of everything below a prefix; raises as `drop` does."""
        if not prefix.endswith("/"):
            raise ValueError("A prefix ends with a slash: its neighbours of a longer name stay.")
        return self._remove(prefix)

    def remove_object(self, key: str) -> Dropped:
        """Remove all versions of one object whose name begins no other one's; raises as `drop` does."""
        return self._remove(key)

    def _remove(self, prefix: str) -> Dropped:
        """Remove all versions of everything that begins so, and look whether it is gone."""
        removed = Dropped()
        with asking(self.endpoint):
            self._abort_uploads(prefix)
            pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
            for page in pages:
                removed += self._remove_page(page)
            left = self.client.list_object_versions(Bucket=self.bucket, Prefix=prefix, MaxKeys=1)
        if left.get("Versions") or left.get("DeleteMarkers"):
            raise DriftFound(f"The store still has objects below {prefix}.", "Look at the store, then run again.")
        return removed

    def put_bytes(self, key: str, content: bytes) -> None:
        """Store a small object; raises as `objects` does."""
        with asking(self.endpoint):
            self.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def get_bytes(self, key: str) -> bytes:
        """A small object's content.

        Raises:
            StoreRefused: it isn't there.
            Unreachable: the store does not answer.
        """
        with asking(self.endpoint):
            return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        """The present objects below a prefix, page by page.

        Raises:
            Unreachable: the store does not answer.
        """
        pages = iter(self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix))
        while True:
            with asking(self.endpoint):
                page = next(pages, None)
            if page is None:
                return
            for found in page.get("Contents", ()):
                yield StoredObject(found["Key"], found["Size"], found["LastModified"])

    def _remove_page(self, page: ListObjectVersionsOutputTypeDef) -> Dropped:
        """Remove one page of versions and delete markers at once."""
        versions, markers = page.get("Versions", []), page.get("DeleteMarkers", [])
        if not versions and not markers:
            return Dropped()
        answer = self.client.delete_objects(
            Bucket=self.bucket,
            Delete={
                "Objects": [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in (*versions, *markers)],
                "Quiet": True,
            },
            BypassGovernanceRetention=True,
        )
        if failed := answer.get("Errors"):
            raise StoreRefused(failed[0].get("Code", "?"))
        present = sum(bool(one.get("IsLatest")) for one in versions)
        return Dropped(present, len(versions) + len(markers), sum(one["Size"] for one in versions))

    def _abort_uploads(self, prefix: str) -> None:
        """End uploads that were never finished; their parts are no objects and would be left."""
        pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=prefix)
        for upload in [one for page in pages for one in page.get("Uploads", ())]:
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"])

    def _stands_in_germany(self) -> None:
        """Nothing is stored before the operator stated where (P02).

        Raises:
            Refused: he didn't, or it is another country.
        """
        if self.endpoint_country != COUNTRY:
            raise Refused(
                f"Nobody stated that the store of backups {self.endpoint} stands in Germany (P02).",
                f'State it in settings.toml, [backup] endpoint_country = "{COUNTRY}", then run phm up.',
            )


def _names(key: str) -> tuple[str, str, str]:
    """Server, instance and generation of an object, as its key has them."""
    parts = key.split("/")[:-1][:3]
    server, instance, generation = (*parts, "", "", "")[:3]
    return server, instance, generation
