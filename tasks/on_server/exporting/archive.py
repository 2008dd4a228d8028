"""The archive as one stream: a ZIP that is written once from begin to end, with the sums of all that is in it."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING, BinaryIO

from tasks.on_server.exporting.names import Taken

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

LEVEL = 3
LARGE = 1 << 30
"""What may have so many bytes is announced as large (ZIP64); the others any unpacker takes."""

SUMS = "SHA256SUMS"
EARLIEST_YEAR, LATEST_YEAR = 1980, 2107
"""Years that a ZIP can tell."""


class Archive:
    """A ZIP that grows.

    Args:
        out: takes bytes in order; it is never read or wound back.
        at: the moment of the export, in the customer's zone.
    """

    def __init__(self, out: BinaryIO, at: datetime) -> None:
        self.taken = Taken()
        self.files = 0
        self._zip = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=LEVEL)
        self._at = at
        self._sums = list[tuple[str, str]]()

    def add(
        self, path: str, pieces: Iterable[bytes], *, expected: int = 0, at: datetime | None = None
    ) -> str:  # fmt: skip
        """A file of pieces; its SHA-256.

        Args:
            path: one that `taken` gave.
            pieces: of it, each only held while it is written.
            expected: so many bytes at most, about.
            at: when it was last changed.
        """
        entry = zipfile.ZipInfo(path, _moment(at or self._at))
        entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
        entry._compresslevel = LEVEL  # type: ignore[attr-defined]  # noqa: SLF001  # ZipFile's own is for names only
        sum_ = hashlib.sha256()
        with self._zip.open(entry, "w", force_zip64=expected >= LARGE) as file:
            for piece in pieces:
                sum_.update(piece)
                file.write(piece)
        self.files += 1
        self._sums.append((path, sum_.hexdigest()))
        return sum_.hexdigest()

    def text(self, folder: str, name: str, lines: Iterable[str]) -> str:
        """A file of lines, in the first free name; its path."""
        path = self.taken.free(folder, name)
        self.add(path, (line.encode() for line in lines))
        return path

    def folder(self, path: str) -> None:
        """A folder that would not be there else, being empty."""
        entry = zipfile.ZipInfo(f"{path}/", _moment(self._at))
        entry.external_attr = (0o40755 << 16) | 0x10
        self._zip.writestr(entry, b"")

    def finish(self) -> None:
        """The sums, as `sha256sum -c` reads them, and the end; nothing is added then."""
        lines = "".join(f"{sum_}  {path}\n" for path, sum_ in self._sums)
        entry = zipfile.ZipInfo(SUMS, _moment(self._at))
        entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
        self._zip.writestr(entry, lines)
        self._zip.close()


def _moment(at: datetime) -> tuple[int, int, int, int, int, int]:
    """A moment as a ZIP tells it, without a zone."""
    year = min(LATEST_YEAR, max(EARLIEST_YEAR, at.year))
    return year, at.month, at.day, at.hour, at.minute, at.second
