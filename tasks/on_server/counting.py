"""What a draft holds once it stands: its files, what its database names that isn't there, what both take (P33, P38).

Strangers decide how many rows and files there are: none of them are held in memory but some to be shown.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.on_server.job import Complaint
from tasks.on_server.measuring import table_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.on_server.job import Progress

DATABASES = Path("/var/lib/mysql")
LISTED = 20


def count(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """What lies in the draft's storage, and what its database names that does not lie there.

    Args:
        request: `data`, `database`, and `named` (statements by what they name, as `hosting.product.named_files` has
            them).
        progress: is told of the phase.
    """
    progress.tell("count", now=True)
    there, files, size = digests_below(Path(request["data"]))
    named = {one["what"]: looked_for(one["sql"], there) for one in request["named"]}
    tables = sum(table_files(DATABASES / request["database"]))
    examples = paths_of(Path(request["data"]), there)
    return {"files": files, "bytes": size, "database_bytes": tables, "named": named} | examples


def files_below(data: Path) -> Iterator[Path]:
    """The users' files in a data folder; no link is followed."""
    for place, folders, names in os.walk(data / "storage" / "user"):
        folders.sort()
        yield from (Path(place) / name for name in sorted(names))


def digests_below(data: Path) -> tuple[dict[bytes, bool], int, int]:
    """The users' files by their digests, as the database would name them, and whether it does; their number and bytes.

    Of millions of files and rows their paths are not held.
    """
    there, size = dict[bytes, bool](), 0
    for path in files_below(data):
        there[digest_of(str(path.relative_to(data)))] = False
        size += path.lstat().st_size
    return there, len(there), size


def digest_of(path: str) -> bytes:
    """A path, short."""
    return hashlib.blake2b(path.encode(errors="surrogateescape"), digest_size=16).digest()


def looked_for(sql: str, there: dict[bytes, bool]) -> dict[str, Any]:
    """How many files a question names, which of them are missing; those that are there are marked as named."""
    missing, asked, examples = 0, 0, list[str]()
    for row in rows_of(sql):
        asked, digest = asked + 1, digest_of(row)
        if digest in there:
            there[digest] = True
            continue
        missing += 1
        if len(examples) < LISTED:
            examples.append(row)
    return {"named": asked, "missing": missing, "examples": shown(examples)}


def paths_of(data: Path, there: dict[bytes, bool]) -> dict[str, Any]:
    """How many of the files nobody named, and some of them; pictures of contacts are named nowhere."""
    unnamed, examples = 0, list[str]()
    for path in files_below(data):
        named = str(path.relative_to(data))
        if there.get(digest_of(named)) or "/contacts/" in named:
            continue
        unnamed += 1
        if len(examples) < LISTED:
            examples.append(named)
    return {"unnamed": unnamed, "examples": shown(examples)}


def shown(paths: list[str]) -> list[str]:
    """Some paths, as JSON can hold them."""
    return [path.encode(errors="replace").decode() for path in paths[:LISTED]]


def rows_of(sql: str) -> Iterator[str]:
    """The one column of a question's rows, asked as root by the socket; a row at a time."""
    words = ["mariadb", "--no-defaults", "--batch", "--raw", "--skip-column-names", "--quick",
             "--default-character-set=utf8mb4", "-e", sql]  # fmt: skip
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
        assert client.stdout  # noqa: S101  # a pipe was asked for
        for line in client.stdout:
            yield line.decode(errors="surrogateescape").rstrip("\n")
        if client.wait() != 0:
            raise Complaint("failed", "the draft's database could not be asked")
