"""Who may do what in the bucket of backups, as IAM policies to be set at the store's provider (P12, P19).

A server adds below its own prefix and takes nothing away but restic's locks; who restores only reads. Nobody but the
control machine's own key deletes, and what is overwritten stays as an older version (docs/decisions/0008).
"""

from __future__ import annotations

import re
from typing import Any

from hosting.errors import Refused

CONTROL = "control"
"""The prefix of the control machine's own backups: the name of no server."""

EXPORTS = "exports"
"""The prefix of what is exported for customers (P41)."""

OUR_OWN = (CONTROL, EXPORTS)
"""What lies below these is no backup of an instance, and no server's nor restore's business."""

VERSION = "2012-10-17"
"""The version of the policy language, as every provider spells it."""

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
SEGMENT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
"""What a policy and a prefix are made of carries no sign that either reads as a pattern."""

ADDING = ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
READING = ("s3:GetObject", "s3:GetObjectVersion")
READING_LISTS = ("s3:ListBucket", "s3:ListBucketVersions")

Policy = dict[str, Any]
"""A policy as the JSON that providers take."""


def writer_policy(bucket: str, server: str) -> Policy:
    """What one server may do: list, read and add below its own prefix, and remove restic's locks there.

    It can't look at the bucket itself and learns no names of others; restic 0.14 would insist on that look before it
    makes a repository, so a new one's two files are put without it (`tasks/on_server/new_repository.py`).

    Raises:
        Refused: the bucket or the server has no such name.
    """
    own = f"{_objects(bucket)}/{segment(server)}"
    return _policy(
        _allow(("s3:GetBucketLocation",), _objects(bucket)),
        _listing(("s3:ListBucket", "s3:ListBucketMultipartUploads"), bucket, f"{server}/*"),
        _allow(ADDING, f"{own}/*"),
        _allow(("s3:DeleteObject",), f"{own}/*/*/locks/*"),
    )


def reader_policy(bucket: str) -> Policy:
    """What a restore may do: list and read everything, old versions too, but not what is our own.

    Raises:
        Refused: the bucket has no such name.
    """
    return _policy(
        _allow(("s3:GetBucketLocation", *READING_LISTS), _objects(bucket)),
        _allow(READING, f"{_objects(bucket)}/*"),
        *({**_allow(READING, f"{_objects(bucket)}/{own}/*"), "Effect": "Deny"} for own in OUR_OWN),
    )


def segment(name: str) -> str:
    """A server, instance or generation as one part of a prefix.

    Raises:
        Refused: it is the control machine's, or holds signs that a prefix or a policy reads otherwise.
    """
    if name in OUR_OWN or not SEGMENT.fullmatch(name):
        raise Refused(
            f"{name!r} can't be a part of a backup's place in the store.",
            f"Take letters, digits and hyphens, and none of {', '.join(OUR_OWN)}.",
        )
    return name


def _policy(*statements: Policy) -> Policy:
    """Statements as a policy."""
    return {"Version": VERSION, "Statement": list(statements)}


def _allow(actions: tuple[str, ...], resource: str) -> Policy:
    """One statement that allows actions on one resource."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": [resource]}


def _listing(actions: tuple[str, ...], bucket: str, prefix: str) -> Policy:
    """One statement that allows to list what begins with a prefix."""
    return {**_allow(actions, _objects(bucket)), "Condition": {"StringLike": {"s3:prefix": [prefix]}}}


def _objects(bucket: str) -> str:
    """A bucket's name as policies have it.

    Raises:
        Refused: no bucket can be called so.
    """
    if not BUCKET.fullmatch(bucket):
        raise Refused(f"{bucket!r} is no name for a bucket.", "Take lower-case letters, digits and hyphens.")
    return f"arn:aws:s3:::{bucket}"
