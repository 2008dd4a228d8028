"""How fast instances are copied between servers, as earlier moves have shown it (P24)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONG_SECONDS = 300.0
"""What was not estimated to take so long tells of beginnings, ends and a hiccup between, not of a pace."""

LOOKED_AT = 5
"""So many of the last copies tell."""

PACE_MOST = 4.0
"""More than that was a fault that somebody mended, and no pace of the next one."""


@dataclass(frozen=True)
class Copied:
    """What a copy was to take, at the pace that is usual, and what it took; in seconds."""

    usual: float
    took: float


def pace_of(copies: Iterable[Copied]) -> float:
    """So many times as long as is usual a copy may take: as the slowest of the last ones did, within bounds.

    Who is ready too early waits for the time that was agreed on; who is too late has promised what he can't keep.

    Args:
        copies: the last one first.
    """
    told = [one.took / one.usual for one in copies if one.usual >= LONG_SECONDS]
    return min(PACE_MOST, max([1.0, *told[:LOOKED_AT]]))
