"""Which version of an object in the store of backups is the one first written, and how that is known (P20).

A server's key adds and so overwrites, but every version stays (docs/decisions/0008). restic names what it writes by its
SHA-256, all but `config`: so an object's right version is the one that is what its name says, whoever wrote others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

CONFIG = "config"
"""The one object whose name tells nothing of its content; the first version is taken, and a check proves it."""

NAMED = re.compile(r"(?:data/[0-9a-f]{2}|index|keys|snapshots)/([0-9a-f]{64})")
"""The objects of a restic repository that are named by what they hold; locks are left out, which come and go."""


@dataclass(frozen=True)
class StoredVersion:
    """One version of an object, as the store lists it.

    Args:
        key: of the object, with its generation's prefix.
        id: the store's own.
        at: when it was written.
        bytes: its size.
        tag: the store's sum of it; two versions with the same one and size have the same content.
        newest: whether it is what a reader gets.
        hides: whether it is a delete marker, which has no content.
    """

    key: str
    id: str
    at: datetime
    bytes: int = 0
    tag: str = ""
    newest: bool = False
    hides: bool = False


@dataclass(frozen=True)
class AlteredObject:
    """An object that is not what was first written there any more.

    Args:
        name: below its generation's prefix.
        newest: what a reader gets now.
        right: the version that belongs there; None where no version is what the name says.
    """

    name: str
    newest: StoredVersion
    right: StoredVersion | None


def is_altered(versions: Sequence[StoredVersion]) -> bool:
    """Whether what a reader gets is not what was first written there.

    Args:
        versions: all of one object, the newest first; what restic has not written is nobody's concern.
    """
    written, newest = _written(versions), newest_of(versions)
    name = name_of(newest.key)
    if not written or not (name == CONFIG or NAMED.fullmatch(name)):
        return False
    return newest.hides or (newest.tag, newest.bytes) != (written[0].tag, written[0].bytes)


def altered_object(versions: Sequence[StoredVersion], sum_of: Callable[[StoredVersion], str]) -> AlteredObject | None:
    """An object that was altered, with the version that belongs there; None where it is in order.

    Args:
        versions: all of one object, the newest first.
        sum_of: the SHA-256 of a version's content, in hexadecimal digits; asked for no more than is needed.
    """
    if not is_altered(versions):
        return None
    newest = newest_of(versions)
    name = name_of(newest.key)
    if not (named := NAMED.fullmatch(name)):
        return AlteredObject(name, newest, _written(versions)[0])
    right = next((one for one in _written(versions) if sum_of(one) == named[1]), None)
    if right and not newest.hides and (right.tag, right.bytes) == (newest.tag, newest.bytes):
        return None  # what came first was wrong, and was put right
    return AlteredObject(name, newest, right)


def newest_of(versions: Sequence[StoredVersion]) -> StoredVersion:
    """What a reader gets."""
    return next((one for one in versions if one.newest), versions[0])


def name_of(key: str) -> str:
    """An object's name below its generation's prefix, which is server, instance and generation."""
    return "/".join(key.split("/")[3:])


def _written(versions: Sequence[StoredVersion]) -> list[StoredVersion]:
    """The versions that have content, the first one written first."""
    return [one for one in reversed(versions) if not one.hides]
