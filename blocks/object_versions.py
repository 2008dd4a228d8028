"""The versions of objects in a bucket: listed whole, summed, and one of them made the current one again."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from hashlib import sha256
from heapq import merge
from itertools import groupby
from typing import TYPE_CHECKING

from blocks.store_client import StoreRefused, asking
from hosting.policy.stored_versions import StoredVersion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class ObjectVersions:
    """A bucket's versions, as the administrator sees them.

    Args:
        client: the administrator's.
        endpoint: of the store, for what is told of it.
        bucket: its name.
    """

    client: S3Client
    endpoint: str
    bucket: str

    def below(self, prefix: str) -> Iterator[list[StoredVersion]]:
        """All versions and delete markers of each object below a prefix, the newest first; a page at a time in memory.

        Raises:
            Unreachable: the store does not answer.
        """
        for _, versions in groupby(self._listed(prefix), key=lambda one: one.key):
            yield list(versions)

    def sum_of(self, version: StoredVersion) -> str:
        """The SHA-256 of a version's content; raises as `below`."""
        found = sha256()
        with asking(self.endpoint):
            body = self.client.get_object(Bucket=self.bucket, Key=version.key, VersionId=version.id)["Body"]
            for chunk in body.iter_chunks(CHUNK_BYTES):
                found.update(chunk)
        return found.hexdigest()

    def make_current(self, version: StoredVersion) -> None:
        """Have readers get this version again: it is copied on top within the store, and nothing is taken away.

        In one piece, so that the store's sum of it stays the same; what restic writes is far below the 5 GiB of S3's.
        Raises as `below`.
        """
        with asking(self.endpoint):
            self.client.copy_object(
                Bucket=self.bucket,
                Key=version.key,
                CopySource={"Bucket": self.bucket, "Key": version.key, "VersionId": version.id},
            )

    def kept_until(self, prefix: str) -> datetime | None:
        """Until when the store's lock keeps what was written last below a prefix; None where it does not tell."""
        there = (one for history in self.below(prefix) for one in history if not one.hides)
        last = max(there, key=lambda one: one.at, default=None)
        if last is None:
            return None
        with contextlib.suppress(StoreRefused), asking(self.endpoint):
            told = self.client.get_object_retention(Bucket=self.bucket, Key=last.key, VersionId=last.id)
            return told["Retention"].get("RetainUntilDate")
        return None

    def _listed(self, prefix: str) -> Iterator[StoredVersion]:
        """Versions and delete markers in the order of their keys, those of one key the newest first."""
        pages = iter(self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix))
        while True:
            with asking(self.endpoint):
                page = next(pages, None)
            if page is None:
                return
            yield from merge(_versions(page), _markers(page), key=lambda one: one.key)


def _versions(page: ListObjectVersionsOutputTypeDef) -> Iterator[StoredVersion]:
    """A page's versions that have content."""
    for one in page.get("Versions", ()):
        yield StoredVersion(
            one["Key"], one["VersionId"], one["LastModified"], one["Size"], one["ETag"], newest=one["IsLatest"]
        )


def _markers(page: ListObjectVersionsOutputTypeDef) -> Iterator[StoredVersion]:
    """A page's delete markers."""
    for one in page.get("DeleteMarkers", ()):
        yield StoredVersion(one["Key"], one["VersionId"], one["LastModified"], newest=one["IsLatest"], hides=True)
