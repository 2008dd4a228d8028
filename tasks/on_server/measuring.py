"""What instances store on this server, and which users they have: one program for all of them at once (P04, P07).

    python3 -I bundle.pyz REQUEST

The request is JSON, `{"folder": …, "btrfs": …, "prefix": …, "instances": [{"name": …, "database": …, "data": …}, …]}`;
the answer is JSON on the standard output. Where the kernel keeps count (btrfs, qgroups) no file is walked.

With `"look": true` it is a look at what grew: files as the kernel counts them, databases by the sizes of their files.
Nobody is asked and nothing walked, so that it may be done every few minutes.

Runs on servers: standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from tasks.on_server.mariadb_session import DatabaseSaid, Session

BLOCK = 512
"""`st_blocks` counts in these, whatever the file system's own blocks are."""

EXTENT, PAGES = 1 << 20, 64
"""A table's file grows by extents of so many bytes, which are so many pages (InnoDB's own default)."""

MAY_HAVE_FREE = 2 * EXTENT
"""Smaller tables hold no free extents, and are not asked about."""

SPACE = struct.Struct(">46xII8xI")
"""The first page of a table's file: pages, those below which all was used once, and the free extents among these."""

USERS_MOST = 200


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request."""
    wanted = request["instances"]
    files = files_of([one["data"] for one in wanted], request["folder"], btrfs=request["btrfs"])
    answers: dict[str, Any] = {}
    while left := [one for one in wanted if one["name"] not in answers]:  # a refused statement ends its session
        with Session() as session:
            for one in left:
                answers[one["name"]], goes_on = answer_for(session, one, request["prefix"], files)
                if not goes_on:
                    break
    return {"instances": answers}


def look(request: dict[str, Any]) -> dict[str, Any]:
    """What each instance takes on the disks now; of one that has no folder or database nothing is told.

    Where the kernel does not count, files are null.
    """
    counted = counted_by_the_kernel(request["folder"]) if request["btrfs"] else {}
    with Session() as session:
        root = Path(session.run("SELECT @@datadir")[0][0])
    answers: dict[str, Any] = {}
    for one in request["instances"]:
        with contextlib.suppress(OSError):
            sizes = table_files(root / one["database"])
            answers[one["name"]] = {"database": sum(sizes), "files": counted.get(one["data"])}
    return {"instances": answers}


def answer_for(
    session: Session, one: dict[str, str], prefix: str, files: dict[str, int]
) -> tuple[dict[str, Any], bool]:
    """The figures of one instance or why there are none, and whether the session lives."""
    try:
        return {**database_of(session, one["database"], prefix), "files": files[one["data"]]}, True
    except DatabaseSaid as error:
        return {"complaint": f"its database: {error}"[:300]}, False
    except OSError as error:
        return {"complaint": f"{error.strerror}: {error.filename}"}, True
    except KeyError as error:
        return {"complaint": f"there is no folder {error}"}, True


def files_of(folders: list[str], root: str, *, btrfs: bool) -> dict[str, int]:
    """The allocated bytes of folders: the kernel's count of each subvolume, or the blocks of all files."""
    counted = counted_by_the_kernel(root) if btrfs else {}
    walked = [folder for folder in folders if folder not in counted and Path(folder).is_dir()]
    if walked:
        said = output("du", "-s", "-B1", "--", *walked)
        counted.update({path: int(used) for used, path in (line.split("\t", 1) for line in said.splitlines())})
    return counted


def counted_by_the_kernel(root: str) -> dict[str, int]:
    """What each subvolume below a mounted btrfs refers to, by its path; nothing where the count can't be trusted."""
    output("btrfs", "filesystem", "sync", root)
    paths = {}
    for line in output("btrfs", "subvolume", "list", root).splitlines():
        words, _, path = line.partition(" path ")
        paths[f"0/{words.split()[1]}"] = f"{root.rstrip('/')}/{path}"
    told = subprocess.run(["btrfs", "qgroup", "show", "--raw", root], capture_output=True, text=True, check=False)
    if told.returncode != 0 or "inconsistent" in told.stderr or "rescan" in told.stderr:
        return {}
    rows = [line.split() for line in told.stdout.splitlines()]
    return {paths[row[0]]: int(row[1]) for row in rows if row and row[0] in paths}


def database_of(session: Session, database: str, prefix: str) -> dict[str, Any]:
    """A database's files on the disk, what of them is free, and its users with the product's own sums of their data."""
    folder = Path(session.run("SELECT @@datadir")[0][0]) / database
    sizes = table_files(folder)
    free = free_extents(session, folder) if max(sizes, default=0) >= MAY_HAVE_FREE else 0
    users = session.run(
        f"SELECT HEX(u.username), (SELECT COALESCE(SUM(mailsize), 0) FROM `{database}`.{prefix}_email_folders"
        f" WHERE uid = u.uid AND att_type < 10), (SELECT COALESCE(SUM(filesize), 0) FROM"
        f" `{database}`.{prefix}_files_folders WHERE uid = u.uid AND att_type < 10)"
        f" FROM `{database}`.{prefix}_user u ORDER BY u.uid"
    )
    return {"database": sum(sizes), "free": free, "users": len(users), "by_user": users[:USERS_MOST]}


def table_files(folder: Path) -> list[int]:
    """The allocated bytes of each file of a database."""
    return [entry.stat().st_blocks * BLOCK for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]


def free_extents(session: Session, folder: Path) -> int:
    """The bytes of free extents in the tables of a database, which has this folder."""
    said = session.run(
        "SELECT TABLE_NAME, DATA_FREE FROM information_schema.TABLES"
        f" WHERE TABLE_SCHEMA = '{folder.name}' AND ENGINE = 'InnoDB'"
    )
    return sum(free_of(folder / f"{table}.ibd", int(told)) for table, told in said)


def free_of(file: Path, told: int) -> int:
    """The bytes of a table's free extents.

    MariaDB tells them less two, one percent of the table, and one of those that were never used; nothing, where there
    are no more (fsp_get_available_space_in_free_extents). How many there are stands in the file, which may be older
    than what MariaDB knows: it counts within what was told.

    Args:
        file: the table's own.
        told: DATA_FREE, in bytes.
    """
    try:
        with file.open("rb") as table:
            if (size := os.fstat(table.fileno()).st_size) < MAY_HAVE_FREE:
                return told
            pages, used_once, listed = SPACE.unpack(table.read(SPACE.size))
    except OSError:
        return told
    held_back = 2 + size // EXTENT // 100
    least = told // EXTENT + held_back if told else 0
    found = int(listed + (pages - used_once) // PAGES)
    return min(max(found, least), told // EXTENT + held_back + 1) * EXTENT


def output(*argv: str) -> str:
    """What a program writes; raises OSError where it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(done.returncode, (done.stderr.strip() or "failed").splitlines()[-1], argv[0])
    return done.stdout


def main() -> int:
    """Answer the request of the command line."""
    request = json.loads(sys.argv[1])
    json.dump(look(request) if request.get("look") else measure(request), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
