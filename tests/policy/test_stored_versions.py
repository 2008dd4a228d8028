"""What was first written of an object is found by its name, whatever was written on top of it or hides it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from hosting.policy.stored_versions import AlteredObject, StoredVersion, altered_object, is_altered, name_of

NIGHT = datetime(2026, 12, 6, 21, 31, tzinfo=UTC)
PREFIX = "app1/k3v9aa/G1/"
GOOD = b"what restic wrote"
NAMED = sha256(GOOD).hexdigest()
PACK = f"{PREFIX}data/{NAMED[:2]}/{NAMED}"


def versions(key: str, *contents: bytes | None) -> list[StoredVersion]:
    """The versions of an object as the store lists them, the newest first; None is a delete marker."""
    last = len(contents) - 1
    return [
        StoredVersion(
            key,
            (content or b"-").decode(),
            NIGHT + number * timedelta(days=1),
            len(content or b""),
            str(content),
            newest=number == last,
            hides=content is None,
        )
        for number, content in enumerate(contents)
    ][::-1]


def sum_of(version: StoredVersion) -> str:
    assert not version.hides
    return sha256(version.id.encode()).hexdigest()


def never(version: StoredVersion) -> str:
    raise AssertionError(f"{version} need not be read")


@pytest.mark.parametrize(
    ("key", "contents"),
    [
        (PACK, (GOOD,)),
        (PACK, (GOOD, GOOD)),  # a put that was tried again
        (PACK, (GOOD, b"bad", GOOD)),  # mended
        (PACK, (GOOD, None, GOOD)),
        (PACK, (None,)),  # nothing was ever there
        (f"{PREFIX}config", (b"config",)),
        (f"{PREFIX}locks/{NAMED}", (GOOD, None)),  # given back
        (f"{PREFIX}data/00", (GOOD, b"bad")),  # restic writes nothing of that name
        (f"{PREFIX}notes/{NAMED}", (GOOD, b"bad")),
    ],
)
def test_an_object_that_is_what_was_first_written_is_in_order_and_is_not_read(
    key: str, contents: tuple[bytes | None, ...]
) -> None:
    found = versions(key, *contents)
    assert not is_altered(found)
    assert altered_object(found, never) is None


@pytest.mark.parametrize("kind", [f"data/{NAMED[:2]}", "index", "keys", "snapshots"])
@pytest.mark.parametrize("contents", [(GOOD, b"bad"), (GOOD, None), (GOOD, b"bad", b"worse"), (GOOD, b"bad", None)])
def test_what_was_written_on_top_or_hides_an_object_is_found_with_the_version_that_belongs_there(
    kind: str, contents: tuple[bytes | None, ...]
) -> None:
    found = versions(f"{PREFIX}{kind}/{NAMED}", *contents)
    assert is_altered(found)
    assert altered_object(found, sum_of) == AlteredObject(f"{kind}/{NAMED}", found[0], found[-1])


def test_the_version_that_belongs_there_is_the_one_that_is_what_the_name_says_not_the_first_one() -> None:
    found = versions(PACK, b"too early", GOOD, b"bad")
    altered = altered_object(found, sum_of)
    assert altered is not None
    assert altered.right == found[1]
    assert altered_object(versions(PACK, b"too early", GOOD), sum_of) is None  # what a reader gets is right


def test_where_no_version_is_what_the_name_says_none_belongs_there() -> None:
    altered = altered_object(versions(PACK, b"one", b"two"), sum_of)
    assert altered is not None
    assert altered.right is None


def test_of_the_config_whose_name_tells_nothing_the_first_version_is_taken() -> None:
    found = versions(f"{PREFIX}config", b"config", b"other", None)
    assert altered_object(found, never) == AlteredObject("config", found[0], found[2])


def test_a_name_is_told_without_the_generations_prefix() -> None:
    assert name_of(PACK) == f"data/{NAMED[:2]}/{NAMED}"
    assert name_of("app1/k3v9aa/G1") == ""
