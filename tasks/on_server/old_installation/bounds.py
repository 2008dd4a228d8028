"""How much an archive may unpack to, counted while it is unpacked; what it says of itself counts for nothing."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.on_server.old_installation.refusal import Refusal

MIB = 2**20
PIECE = MIB
"""So many bytes are held at once of what is unpacked."""


@dataclass(frozen=True)
class Bounds:
    """What an archive may hold; entries and bytes follow the booking (`hosting/policy/import_conditions.py`).

    Args:
        entries: files, folders and links, those of nested archives included.
        bytes: unpacked, those of nested archives included.
        ratio: unpacked bytes for a packed one; asked from `ratio_from` bytes on, since little files of blanks are many.
        depth: folders above a file.
        path_bytes: of a whole path.
        name_bytes: of one part of it; the file systems hold no more.
        dictionary: bytes that an LZMA stream may ask for.
    """

    entries: int
    bytes: int
    ratio: int = 200
    ratio_from: int = 64 * MIB
    depth: int = 32
    path_bytes: int = 1000
    name_bytes: int = 255
    dictionary: int = 64 * MIB


class Budget:
    """What is left of the bounds while an archive is opened."""

    def __init__(self, bounds: Bounds, packed: int) -> None:
        """Nothing was unpacked yet of an archive of so many bytes."""
        self.bounds = bounds
        self.packed = packed
        self.entries = 0
        self.bytes = 0

    def entry(self) -> None:
        """One entry more.

        Raises:
            Refusal: too many.
        """
        self.entries += 1
        if self.entries > self.bounds.entries:
            raise Refusal("too_many_entries", most=self.bounds.entries)

    def take(self, count: int) -> None:
        """So many unpacked bytes more.

        Raises:
            Refusal: too many in all, or for what they were packed in.
        """
        self.bytes += count
        if self.bytes > self.bounds.bytes:
            raise Refusal("too_many_bytes", most_mib=self.bounds.bytes // MIB)
        if self.bytes > self.bounds.ratio_from and self.bytes > self.packed * self.bounds.ratio:
            raise Refusal("ratio", most=self.bounds.ratio)
