"""What instances store on this server, and which users they have: one program for all of them at once (P04, P07).

    python3 -I bundle.pyz REQUEST

The request is JSON, `{"folder": …, "btrfs": …, "prefix": …, "instances": [{"name": …, "database": …, "data": …}, …]}`;
the answer is JSON on the standard output. Where the kernel keeps count (btrfs, qgroups) no file is walked.

Runs on servers: standard library only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tasks.on_server.mariadb_session import DatabaseSaid, Session

BLOCK = 512
"""`st_blocks` counts in these, whatever the file system's own blocks are."""

MAY_HAVE_FREE = 2 << 20
"""A table's file grows by extents of 1 MiB; smaller ones hold no free extents, and are not asked about."""

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
    sizes = [entry.stat().st_blocks * BLOCK for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]
    free = free_extents(session, database) if max(sizes, default=0) >= MAY_HAVE_FREE else 0
    users = session.run(
        f"SELECT HEX(u.username), (SELECT COALESCE(SUM(mailsize), 0) FROM `{database}`.{prefix}_email_folders"
        f" WHERE uid = u.uid AND att_type < 10), (SELECT COALESCE(SUM(filesize), 0) FROM"
        f" `{database}`.{prefix}_files_folders WHERE uid = u.uid AND att_type < 10)"
        f" FROM `{database}`.{prefix}_user u ORDER BY u.uid"
    )
    return {"database": sum(sizes), "free": free, "users": len(users), "by_user": users[:USERS_MOST]}


def free_extents(session: Session, database: str) -> int:
    """The bytes of free extents in a database's tables, by MariaDB's own count."""
    said = session.run(
        "SELECT COALESCE(SUM(DATA_FREE), 0) FROM information_schema.TABLES"
        f" WHERE TABLE_SCHEMA = '{database}' AND ENGINE = 'InnoDB'"
    )
    return int(said[0][0])


def output(*argv: str) -> str:
    """What a program writes; raises OSError where it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(done.returncode, (done.stderr.strip() or "failed").splitlines()[-1], argv[0])
    return done.stdout


def main() -> int:
    """Answer the request of the command line."""
    json.dump(measure(json.loads(sys.argv[1])), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
