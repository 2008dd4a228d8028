"""Names of instances: short, spoken without doubt, no words, the same for the same order (P10)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = "bcdfghjkmnpqrstvwxz"
"""No vowels, so that no word comes out; no l, which is read as 1."""

LATER = FIRST + "23456789"
LENGTH = 6
CANDIDATES = 1000
"""More than are ever taken in a row: there are 270 million names."""


def names_for(order_reference: str) -> Iterator[str]:
    """The names that an order's instance may get, the first free one counts."""
    for turn in range(CANDIDATES):
        digest = hashlib.sha256(f"{order_reference}\n{turn}".encode() if turn else order_reference.encode()).digest()
        number = int.from_bytes(digest, "big")
        number, first = divmod(number, len(FIRST))
        letters = [FIRST[first]]
        for _ in range(LENGTH - 1):
            number, later = divmod(number, len(LATER))
            letters.append(LATER[later])
        yield "".join(letters)
