"""A database that grows no further than it may while strangers' rows come into it (P38).

What a dump says is counted before; what its rows really take shows on the disk alone.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

from tasks.on_server.measuring import table_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOOK_SECONDS = 0.5
TOO_LARGE, DISK_FULL = "too large", "disk full"


def why_to_end(folder: Path, most_bytes: int, free_bytes: int) -> str:
    """Why nothing more may come into a database; empty as long as it may.

    Args:
        folder: of its files.
        most_bytes: that they may take.
        free_bytes: that must be left on its disk.
    """
    with contextlib.suppress(OSError):  # a table's file that is just made or dropped
        if sum(table_files(folder)) > most_bytes:
            return TOO_LARGE
        disk = os.statvfs(folder)
        if disk.f_bavail * disk.f_frsize < free_bytes:
            return DISK_FULL
    return ""


@contextlib.contextmanager
def watched(folder: Path, most_bytes: int, free_bytes: int, end: Callable[[], None]) -> Iterator[list[str]]:
    """While rows are loaded, look at the files they come into, and end that once it has to be.

    Args:
        folder: of the database's files.
        most_bytes: that they may take.
        free_bytes: that must be left on its disk.
        end: ends it; called once at most.

    Yields:
        Why it was ended; empty if it was not.
    """
    over, why = threading.Event(), list[str]()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            if found := why_to_end(folder, most_bytes, free_bytes):
                why.append(found)
                end()
                return

    thread = threading.Thread(target=look, name="growing", daemon=True)
    thread.start()
    try:
        yield why
    finally:
        over.set()
        thread.join()
