"""What is lost with the kept state is counted: nothing twice, nothing left out (P24)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.kept_source import (
    Loss,
    LossNotAccepted,
    check_accepted,
    difference,
    differing_parts,
    files_differing,
)

MARKS = st.lists(st.sampled_from("abcd"), max_size=12)
PARTS = st.dictionaries(st.integers(0, 9), st.tuples(st.integers(1, 9), st.integers(0, 1)))
FILES = st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(0, 2), st.sampled_from(["1.0", "2.0"])))


def test_the_loss_is_told_in_one_sentence() -> None:
    assert str(Loss(95, 12, 3, ("mails",), 4, 1)) == (
        "12 rows and 4 files of the last 95 minutes are lost, 3 rows and 1 files are back as they were."
    )


def test_a_changed_row_is_lost_and_back_and_equal_rows_count_each() -> None:
    assert difference(["new", "same", "twice", "twice"], ["old", "same", "twice"]) == (2, 1)


@given(MARKS, MARKS)
def test_what_is_lost_and_what_is_back_is_all_that_differs(now: list[str], kept: list[str]) -> None:
    lost, back = difference(now, kept)
    assert len(now) - lost == len(kept) - back
    assert difference(kept, now) == (back, lost)
    assert (difference(now, kept) == (0, 0)) is (sorted(now) == sorted(kept))


@given(PARTS, PARTS, st.integers(1, 20))
def test_each_part_that_differs_is_read_once_and_no_more_rows_at_once_than_memory_bears(
    now: dict[int, tuple[int, ...]], kept: dict[int, tuple[int, ...]], most: int
) -> None:
    groups = differing_parts(now, kept, most)
    assert sorted(part for group in groups for part in group) == sorted(
        part for part in {*now, *kept} if now.get(part) != kept.get(part)
    )
    for group in groups:
        assert group
        for side in (now, kept):
            assert len(group) == 1 or sum(side[part][0] for part in group if part in side) <= most


@given(FILES, FILES)
def test_files_differ_by_size_or_moment(now: dict[str, tuple[int, str]], kept: dict[str, tuple[int, str]]) -> None:
    lost, back = files_differing(now, kept)
    same = len(set(now.items()) & set(kept.items()))
    assert (lost, back) == (len(now) - same, len(kept) - same)


def test_the_loss_is_accepted_by_the_instances_name_alone() -> None:
    check_accepted("k3v9q2", " k3v9q2 ")
    for typed in ("", "y", "yes", "K3V9Q2", "k3v9q3"):
        with pytest.raises(LossNotAccepted, match="phm move back k3v9q2"):
            check_accepted("k3v9q2", typed)
