"""A generation looked through: all of its metadata, and a part of its data read and compared with its sums (P20).

What is found counts only if it is found twice: a backup that ends meanwhile can look like damage for a moment.
Runs on servers: standard library only.
"""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

from tasks.on_server.job import Complaint
from tasks.on_server.restic import SPOILT, Restic, ending

if TYPE_CHECKING:
    from tasks.on_server.job import Progress

DAMAGE = ("repository contains errors", "LoadIndex returned errors", *SPOILT)
"""How restic 0.14 says that it found the repository spoilt; it has one exit code for all that goes wrong."""

PASSING = ("dial tcp", "connection re", "timeout", "no such host", "TLS handshake", "Service Unavailable", "SlowDown")
"""What it says besides where the store or the network is to blame."""

PAUSE_SECONDS = 10.0


def check(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Look the generation through; the seconds that it took.

    Args:
        request: `repository` and who may read it; `part` and `parts` of the data that are read.
        progress: is told.

    Raises:
        Complaint: it is spoilt (`damaged`), or restic could not look (`store`).
    """
    began = time.monotonic()
    progress.tell("checking", now=True)
    if looked_through(request):
        progress.tell("checking once more", now=True)
        time.sleep(PAUSE_SECONDS)
        if found := looked_through(request):
            raise Complaint("damaged", found)
    return {"seconds": round(time.monotonic() - began, 3)}


def looked_through(request: dict[str, Any]) -> str:
    """What restic found spoilt, in its own words; empty if nothing.

    Raises:
        Complaint: it could not look.
    """
    process = Restic(request).start(
        "check", "--no-lock", f"--read-data-subset={request['part']}/{request['parts']}",
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    _, err = process.communicate()
    if process.returncode == 0:
        return ""
    said = err.decode(errors="replace")
    found = ending("check", process.returncode, err)
    if any(words in said for words in DAMAGE) and not any(words in said for words in PASSING):
        return found
    raise Complaint("store", found)
