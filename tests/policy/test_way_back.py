"""What a trial of the migration tells: what is copied aside, what is dropped to go back, how long the stop is (P17)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hosting.policy.way_back import (
    SMALL_BYTES,
    STOP_SECONDS,
    StopTooLong,
    Table,
    WayBack,
    check_stop,
    differing,
    shape_of,
    way_back,
)

MIB = 2**20
PLAIN = Table((("id", "int", "NO"), ("name", "text", "NO")), (("PRIMARY", 0, "BTREE", "id"),), (2, 7, 9), 3 * MIB)
COLUMN, KEY = ("note", "text", "NO"), ("note", 1, "BTREE", "note 10")


def test_a_small_table_is_kept_along_whatever_the_migration_does_to_it() -> None:
    small = replace(PLAIN, size=SMALL_BYTES)
    way = way_back({"s": small, "t": PLAIN}, {"s": replace(small, keys=(*PLAIN.keys, KEY)), "t": PLAIN}, 1)
    assert (way.small, way.kept, way.added, way.copied_bytes) == (("s",), ("s",), {}, SMALL_BYTES)


def one(after: Table | None) -> WayBack:
    return way_back({"t": PLAIN}, {} if after is None else {"t": after}, 0.25)


def test_a_table_that_the_migration_leaves_alone_costs_nothing() -> None:
    assert one(PLAIN) == WayBack(seconds=0.25, shape=shape_of({"t": PLAIN}))


def test_a_table_that_only_got_something_loses_it_again() -> None:
    more = replace(PLAIN, columns=(PLAIN.columns[0], COLUMN, PLAIN.columns[1]), keys=(*PLAIN.keys, KEY))
    assert one(more).added == {"t": (("note",), ("note",))}
    assert one(more).copied == ()


@pytest.mark.parametrize(
    "after",
    [
        None,
        replace(PLAIN, content=(3, 7, 9)),
        replace(PLAIN, content=None, columns=PLAIN.columns[:1]),
        replace(PLAIN, columns=(("id", "bigint", "NO"), PLAIN.columns[1])),
        replace(PLAIN, columns=PLAIN.columns[::-1]),
        replace(PLAIN, keys=(KEY,)),
        replace(PLAIN, keys=(("PRIMARY", 0, "BTREE", "id,name"),)),
    ],
    ids=["dropped", "other rows", "column gone", "column changed", "other order", "key gone", "key changed"],
)
def test_a_table_that_lost_or_changed_anything_is_copied_aside(after: Table | None) -> None:
    assert (one(after).copied, one(after).copied_bytes, one(after).added) == (("t",), 3 * MIB, {})


def test_new_tables_go_again() -> None:
    assert way_back({}, {"n": PLAIN}, 1).new == ("n",)


def test_it_comes_back_from_the_record_as_it_was() -> None:
    way = WayBack(("a",), {"b": (("c",), ())}, ("n",), 1.5, 7, ("s",), "0f")
    assert WayBack.of(way.told()) == way
    before_it_was_kept = {name: value for name, value in way.told().items() if name != "shape"}
    assert WayBack.of(before_it_was_kept) == replace(way, shape="")


def test_who_would_be_closed_for_too_long_is_left_with_the_figures() -> None:
    check_stop(WayBack(seconds=1.0, copied_bytes=100 * MIB))
    assert WayBack(seconds=1.0, copied_bytes=100 * MIB).stop_seconds == STOP_SECONDS + 5.0
    with pytest.raises(StopTooLong, match=r"12 s \(9 s for the migration, 25 MiB"):
        check_stop(WayBack(seconds=9.0, copied_bytes=25 * MIB))
    check_stop(WayBack(seconds=9.0), 60)


def test_shapes_are_compared_and_not_what_is_in_the_tables() -> None:
    other = replace(PLAIN, content=None, size=9)
    assert differing({"a": PLAIN, "b": PLAIN}, {"a": other, "b": other}) == []
    assert shape_of({"a": PLAIN, "b": PLAIN}) == shape_of({"b": other, "a": other})
    assert len({shape_of({"a": one}) for one in (PLAIN, replace(PLAIN, keys=()), replace(PLAIN, columns=()))}) == 3
    assert differing({"a": PLAIN, "b": PLAIN}, {"a": replace(PLAIN, keys=()), "c": PLAIN}) == ["a", "b", "c"]
