"""What is lost where the state that a move left behind is served again: stated before an operator accepts it (P24)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hosting.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

ACCEPTED_FOR = timedelta(minutes=15)
"""A loss that was accepted grows with each minute: what does not begin within this time has to be accepted anew."""


PARTS = 1024
"""A table is compared in so many parts, by what is in its rows; only those that differ are read row by row."""

ROWS_AT_ONCE = 200_000
"""So many rows of a side are held at once, however large the table is."""

Parts = Mapping[int, tuple[int, ...]]
"""Of each part of a table that has rows: how many, and sums over them."""


class NothingKept(Refused):
    """There is no state of an instance that could be served again as it was left."""


class LossNotAccepted(Refused):
    """Nobody has said that what was changed since may be lost."""


@dataclass(frozen=True)
class Loss:
    """What the present state has and the kept one has not, and the other way round.

    Args:
        minutes: since the switch.
        rows_lost: rows of the database that are new or changed since.
        rows_back: rows that were deleted or changed since.
        tables: the tables in which that is, by name.
        files_lost: files that are new or changed since.
        files_back: files that were deleted or changed since.
    """

    minutes: int
    rows_lost: int
    rows_back: int
    tables: tuple[str, ...]
    files_lost: int
    files_back: int

    def __str__(self) -> str:
        """In one sentence."""
        lost = f"{self.rows_lost} rows and {self.files_lost} files of the last {self.minutes} minutes are lost"
        back = f"{self.rows_back} rows and {self.files_back} files are back as they were"
        return f"{lost}, {back}."


def difference(now: Iterable[str], kept: Iterable[str]) -> tuple[int, int]:
    """How many of what is there now are not in the kept state, and how many are there alone; equal ones count each."""
    here, there = Counter(now), Counter(kept)
    return (here - there).total(), (there - here).total()


def differing_parts(now: Parts, kept: Parts, most: int = ROWS_AT_ONCE) -> list[list[int]]:
    """The parts of a table that differ, in groups that are read together: no side has more rows in one than asked.

    A part that has more by itself is a group of its own.
    """
    groups: list[list[int]] = []
    held = most
    for part in sorted({*now, *kept}):
        if now.get(part) == kept.get(part):
            continue
        rows = max(side[part][0] for side in (now, kept) if part in side)
        if held + rows > most:
            groups.append([])
            held = 0
        groups[-1].append(part)
        held += rows
    return groups


def files_differing(now: Mapping[str, tuple[int, str]], kept: Mapping[str, tuple[int, str]]) -> tuple[int, int]:
    """How many files are new or changed, and how many are gone or changed.

    Args:
        now: size and moment of the last change of each file, by its path.
        kept: the same of the kept state.
    """
    return _other_in(now, kept), _other_in(kept, now)


def check_accepted(instance: str, typed: str) -> None:
    """See that an operator has typed which instance loses what was changed since.

    Raises:
        LossNotAccepted: he has not.
    """
    if typed.strip() != instance:
        message = f"Nothing was changed: the name of the instance was to be typed, which is {instance}."
        raise LossNotAccepted(message, f"To move it with its present data: phm move back {instance}.")


def _other_in(these: Mapping[str, tuple[int, str]], those: Mapping[str, tuple[int, str]]) -> int:
    """How many of these are not the same among those."""
    paths: Collection[str] = these
    return sum(those.get(path) != these[path] for path in paths)
