"""What of a table's file is free is told by the file, within what MariaDB tells of it (P04)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from tasks.on_server.measuring import EXTENT, PAGES, free_of

if TYPE_CHECKING:
    from pathlib import Path


def table(folder: Path, extents: int, *, never_used: int, listed: int) -> Path:
    """A table's file of so many extents, of which some are free."""
    file = folder / "t.ibd"
    first = bytearray(16384)
    struct.pack_into(">II", first, 46, extents * PAGES, (extents - never_used) * PAGES)
    struct.pack_into(">I", first, 62, listed)
    with file.open("wb") as written:
        written.write(first)
        written.truncate(extents * EXTENT)
    return file


@pytest.mark.parametrize(
    ("extents", "never_used", "listed", "told", "free"),
    [
        (40, 0, 12, 10, 12),  # two are held back
        (40, 3, 12, 12, 15),  # and one of those that were never used
        (40, 0, 2, 0, 2),  # no more than that: nothing is told
        (300, 0, 45, 40, 45),  # two and one percent
        (40, 0, 30, 10, 13),  # the file is older than what is told: more was free then
        (40, 0, 0, 10, 12),  # or less
        (40, 0, 30, 0, 3),
    ],
)
def test_free_extents_are_those_that_the_file_tells_within_what_mariadb_tells(
    tmp_path: Path, *, extents: int, never_used: int, listed: int, told: int, free: int
) -> None:
    file = table(tmp_path, extents, never_used=never_used, listed=listed)
    assert free_of(file, told * EXTENT) == free * EXTENT


def test_a_table_whose_first_page_was_never_written_has_what_mariadb_tells_and_holds_back(tmp_path: Path) -> None:
    file = table(tmp_path, 300, never_used=0, listed=0)
    with file.open("r+b") as written:
        written.write(bytes(16384))
    assert free_of(file, 40 * EXTENT) == 45 * EXTENT
    assert free_of(file, 0) == 0


def test_a_small_table_and_one_without_a_file_of_its_name_are_as_mariadb_tells(tmp_path: Path) -> None:
    assert free_of(table(tmp_path, 1, never_used=0, listed=1), 0) == 0
    assert free_of(tmp_path / "gone.ibd", 3 * EXTENT) == 3 * EXTENT
