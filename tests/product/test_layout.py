"""Where an instance lives: apart from every other, and countable (P04, P19)."""

from __future__ import annotations

import itertools
from pathlib import PurePosixPath as Path

import pytest

from hosting.policy.values import ReleaseFacts, ReleaseId
from hosting.product.layout import FIRST_UID, LAST_UID, InstanceLayout

RELEASE = ReleaseFacts(ReleaseId("ab" * 32), 40470, "4.04.70", "Free", 1)
FOLDERS = ("data", "storage", "settings", "code", "current", "scratch")
FILES = ("socket", "pool_file", "site_file", "cron_file", "php_ini", "log", "step_lock", "lock")


def layout(name: str, number: int = 1) -> InstanceLayout:
    return InstanceLayout(name, number, RELEASE)


@pytest.mark.parametrize("place", [*FOLDERS, *FILES, "user", "uid", "database", "path"])
def test_nothing_is_shared_between_two_instances(place: str) -> None:
    assert getattr(layout("a1", 1), place) != getattr(layout("a2", 2), place)


def test_no_folder_of_an_instance_lies_in_another_s_though_its_name_begins_alike() -> None:
    for mine, other in itertools.product(FOLDERS, repeat=2):
        assert not getattr(layout("abc"), mine).is_relative_to(getattr(layout("ab"), other))


def test_what_is_counted_holds_neither_code_nor_scratch() -> None:
    found = layout("x")
    assert not found.code.is_relative_to(found.data)
    assert not found.scratch.is_relative_to(found.data)
    assert found.storage.is_relative_to(found.data)
    assert found.settings.is_relative_to(found.data)


def test_cron_reads_the_name_of_its_file() -> None:
    assert "." not in layout("k3v9qz").cron_file.name


def test_code_is_told_apart_by_release() -> None:
    other = ReleaseFacts(ReleaseId("cd" * 32), 40470, "4.04.70", "Free", 1)
    assert layout("x").code == Path("/srv/code/x/40470-abababababab")
    assert InstanceLayout("x", 1, other).code != layout("x").code


@pytest.mark.parametrize("number", [1, LAST_UID - FIRST_UID])
def test_uids_come_from_the_reserved_range(number: int) -> None:
    assert FIRST_UID < layout("x", number).uid <= LAST_UID


def test_a_number_beyond_the_range_is_refused() -> None:
    with pytest.raises(ValueError, match="beyond the reserved uids"):
        _ = layout("x", LAST_UID - FIRST_UID + 1).uid
