"""How an instance's database goes back after an update that failed: told by a trial of the migration (P17).

The migration runs first on a copy of the database. What it changed there says what the stop has to keep: a table whose
rows changed is copied aside, of one that only got columns or keys these are dropped again, what is new is dropped. All
other tables the migration may only read: the database itself refuses it more, so that nothing else can have changed.
Small tables are copied aside in any case, which costs next to nothing: on them a migration may write what it likes.
Columns and keys it may say anew of every table: the shape of all is compared afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias

from hosting.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

COPIED_A_SECOND = 25 * 2**20
"""Bytes of a table that are copied aside in a second, on a slow disk."""

SMALL_BYTES = 2 * 2**20
"""Tables up to this size are copied aside whether they change or not."""

STOP_SECONDS = 2.0
"""What closing, snapshot, switch, proof and opening take, whatever the size; with room."""

STOP_MOST_SECONDS = 10.0
"""No instance is closed for longer by an update, unless an operator allows it."""

Columns: TypeAlias = "tuple[tuple[Any, ...], ...]"
"""Name, type, whether it may be empty, collation; in order."""

Keys: TypeAlias = "tuple[tuple[Any, ...], ...]"
"""Name, whether it allows doubles, kind, and the columns with their lengths; by name."""


class StopTooLong(Refused):
    """The instance would be closed for longer than an update may close it."""


@dataclass(frozen=True)
class Table:
    """A table as it was seen.

    Args:
        columns: its columns.
        keys: its keys.
        content: rows, and sums over what is in the columns that it had before the migration; None where one is gone.
        size: its bytes, data and keys.
    """

    columns: Columns
    keys: Keys
    content: tuple[int, ...] | None
    size: int = 0


@dataclass(frozen=True)
class WayBack:
    """What is needed to go back, as the trial told it.

    Args:
        copied: tables whose rows or present columns the migration changes.
        added: of tables that it only adds to, the columns and the keys that come.
        new: tables that it makes, or may drop where they are not there.
        seconds: what the migration took on the copy.
        copied_bytes: of the copied tables.
        small: further tables that are copied aside, and put back if they turn out to be others.
        shape: of all tables before, as `shape_of` tells it; empty in records of before it was kept.
    """

    copied: tuple[str, ...] = ()
    added: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    new: tuple[str, ...] = ()
    seconds: float = 0.0
    copied_bytes: int = 0
    small: tuple[str, ...] = ()
    shape: str = ""

    @property
    def kept(self) -> tuple[str, ...]:
        """All tables that lie aside during the stop."""
        return (*self.copied, *self.small)

    @property
    def stop_seconds(self) -> float:
        """For how long the instance will be closed, estimated."""
        return round(STOP_SECONDS + self.seconds + self.copied_bytes / COPIED_A_SECOND, 1)

    def told(self) -> dict[str, Any]:
        """As the record of the update keeps it."""
        return {
            "copied": list(self.copied),
            "added": {table: [list(columns), list(keys)] for table, (columns, keys) in self.added.items()},
            "new": list(self.new),
            "seconds": self.seconds,
            "copied_bytes": self.copied_bytes,
            "small": list(self.small),
            "shape": self.shape,
        }

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> WayBack:
        """From the record."""
        added = {table: (tuple(columns), tuple(keys)) for table, (columns, keys) in told["added"].items()}
        return cls(
            tuple(told["copied"]), added, tuple(told["new"]), told["seconds"], told["copied_bytes"],
            tuple(told["small"]), told.get("shape", ""),
        )  # fmt: skip


def way_back(
    before: Mapping[str, Table], after: Mapping[str, Table], seconds: float, always: Collection[str] = ()
) -> WayBack:
    """What the migration changed on the copy, and so what it takes to go back.

    Args:
        before: all tables of the copy as they were.
        after: the same once the migration was through, their content by the columns of before.
        seconds: what it took.
        always: tables that it writes or drops at each run, whether that changes anything or not.
    """
    copied: list[str] = []
    small: list[str] = []
    came: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for name, was in sorted(before.items()):
        now = after.get(name)
        if now is None or now.content is None or now.content != was.content or not _only_added(was, now):
            copied.append(name)
        elif was.size <= SMALL_BYTES or name in always:
            small.append(name)
        elif (now.columns, now.keys) != (was.columns, was.keys):
            came[name] = added(was, now)
    new = tuple(sorted({*after, *always} - set(before)))
    size = sum(before[name].size for name in (*copied, *small))
    return WayBack(tuple(copied), came, new, round(seconds, 2), size, tuple(small), shape_of(before))


def added(was: Table, now: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the columns and of the keys that a table got."""
    return _names(now.columns, was.columns), _names(now.keys, was.keys)


def check_stop(way: WayBack, most_seconds: float = STOP_MOST_SECONDS) -> None:
    """See that the instance will not be closed for too long.

    Raises:
        StopTooLong: it would; tells for how long, and what for.
    """
    if way.stop_seconds > most_seconds:
        message = (
            f"It would be closed for about {way.stop_seconds:.0f} s ({way.seconds:.0f} s for the migration, "
            f"{way.copied_bytes // 2**20} MiB of tables to be kept aside); {most_seconds:.0f} s are allowed."
        )
        raise StopTooLong(message, "Agree on it with the customer, then update it alone with more seconds allowed.")


def differing(wanted: Mapping[str, Table], found: Mapping[str, Table]) -> list[str]:
    """The tables that have other columns or keys in one than in the other."""
    shapes = [{name: (one.columns, one.keys) for name, one in tables.items()} for tables in (wanted, found)]
    return sorted(name for name in {*wanted, *found} if shapes[0].get(name) != shapes[1].get(name))


def shape_of(tables: Mapping[str, Table]) -> str:
    """One sum over the columns and keys of all tables, in hexadecimal digits; what is in them is not part of it."""
    shape = repr([(name, one.columns, one.keys) for name, one in sorted(tables.items())])
    return sha256(shape.encode()).hexdigest()


def _only_added(was: Table, now: Table) -> bool:
    """Whether everything of before is still there as it was."""
    names = {column[0] for column in was.columns}
    kept = tuple(column for column in now.columns if column[0] in names)
    return kept == was.columns and set(was.keys) <= set(now.keys)


def _names(now: Iterable[tuple[Any, ...]], was: Iterable[tuple[Any, ...]]) -> tuple[str, ...]:
    """The names of what came."""
    known = {one[0] for one in was}
    return tuple(one[0] for one in now if one[0] not in known)
