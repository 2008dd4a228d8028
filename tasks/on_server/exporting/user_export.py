"""One user's export: what is read, what is written, what was not there."""

from __future__ import annotations

import csv
import io
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from tasks.on_server.exporting.names import safe_name
from tasks.on_server.exporting.php_values import choices
from tasks.on_server.exporting.zones import zone_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zoneinfo import ZoneInfo

    from tasks.on_server.exporting.archive import Archive
    from tasks.on_server.exporting.rows import Rows
    from tasks.on_server.exporting.stored_files import StoredFiles

PIECE = 1 << 16


class Table:
    """Lines of a table of ours, kept on disk until their turn in the archive has come; some megabytes at most."""

    def __init__(self, *columns: str) -> None:
        """The line of titles stands."""
        self.rows = 0
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # it ends with the process
        self._columns = columns
        self._write(columns)

    def add(self, *values: object) -> None:
        """A line."""
        self.rows += 1
        self._write(values)

    def pieces(self) -> Iterator[bytes]:
        """The whole table."""
        self._file.seek(0)
        while piece := self._file.read(PIECE):
            yield piece

    def _write(self, values: tuple[object, ...]) -> None:
        line = io.StringIO()
        csv.writer(line).writerow([_harmless(str(value)) for value in values])
        self._file.write(line.getvalue().encode(errors="replace"))


def _harmless(value: str) -> str:
    """A value that no table program takes for a formula."""
    return f"'{value}" if value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


@dataclass
class UserExport:
    """What all parts of an export share.

    Args:
        rows: of the instance's database.
        files: of the user, in the instance's storage.
        archive: that is written.
        uid: the user's number.
        user: the user's name.
        instance: the instance's.
        zone: in which the user's times are told.
        at: the moment of the export.
        choices: the user's settings.
        tell: is told of the phases.
        counts: of what was written.
        missing: what stood in a list and was not there.
        imap_folders: of the user, which lie elsewhere.
    """

    rows: Rows
    files: StoredFiles
    archive: Archive
    uid: int
    user: str
    instance: str
    zone: ZoneInfo
    at: datetime
    choices: dict[str, Any]
    tell: Callable[[str], None]
    counts: Counter[str] = field(default_factory=Counter)
    missing: Table = field(default_factory=lambda: Table("what", "name", "place", "why"))
    imap_folders: int = 0

    @property
    def stamp(self) -> str:
        """The moment as iCalendar writes it."""
        return f"{self.at.astimezone(UTC):%Y%m%dT%H%M%SZ}"

    def file_name(self, name: str, unnamed: str, ending: str = "") -> str:
        """A name of the user's as that of a file."""
        return safe_name(name, unnamed) + ending


def zone_of(settings: dict[str, Any], fallback: str) -> ZoneInfo:
    """The zone of a user's times: his own, or that of the instance."""
    core = settings.get("core")
    own = core.get("timezone") if isinstance(core, dict) else None
    return zone_named(own if isinstance(own, str) and own else fallback)


def settings_of(rows: Rows, uid: int) -> dict[str, Any]:
    """A user's settings."""
    for row in rows.raw("user", ("choices",), f"uid={uid}", "uid"):
        return choices(row["choices"])
    return {}
