"""A recovery point of one instance: database and files of one moment, dump accepted before it is kept (P19 to P22).

`docs/decisions/0008`: this program stands between `mariadb-dump` and restic. Runs on servers: standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from tasks.on_server import file_tree, folder_copy
from tasks.on_server.dump_stream import is_broken_off, pieces
from tasks.on_server.dump_tally import Tally, objections
from tasks.on_server.job import Budget, Complaint, Progress
from tasks.on_server.mariadb_session import DatabaseSaid, Session
from tasks.on_server.moment import KEPT_SECONDS, Moment, dumping, names
from tasks.on_server.restic import Backup, Restic, ResticSaid

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from io import BufferedReader

    from tasks.on_server.folder_copy import Held

DUMP_LOCK = "/run/phm/dump.lock"
TURN_LOOK_SECONDS = 0.2
LOAD_LOOK_SECONDS = 2.0
EXAMPLES = 5
STORED_TIMES_MOST = 10
"""Files that are changed in place while they are stored are stored again, so often at most."""

HOLD_NONE, LET_GO = "SAVEPOINT nothing", "ROLLBACK TO SAVEPOINT nothing"
"""What a transaction has read nobody can alter before it is let go: he would wait, and all others behind him."""


def take(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Take the point that is asked for; what is told of it.

    Raises:
        Complaint: it could not be taken; nothing half-done stays.
    """
    request["asked"] = time.monotonic()
    wait_for_quiet(request["load_most"], request["load_seconds"])
    restic = Restic(request)
    work = Path(request["work"])
    unfinished = work / "unfinished"
    was_broken_off = unfinished.exists()
    clear(work)
    work.mkdir(parents=True, mode=0o700, exist_ok=True)
    unfinished.touch()
    progress.tell("opening the repository", now=True)
    budget = Budget(request["seconds"])
    try:
        made = restic.ensure_repository() if request["begins"] else False
        if was_broken_off:
            restic.drop_stale_locks()  # restic tells those of the dead from those of the living
        told = taken(request, restic, work, progress, budget) | {"repository_made": made}
        unfinished.unlink()
        took = {"seconds": round(budget.spent, 3), "phases": progress.phases()}
        return told | took | {"peak_kib": most_memory()}
    except ResticSaid as error:
        raise Complaint(error.kind, str(error)) from None
    except DatabaseSaid as error:
        raise Complaint("database", f"MariaDB said: {error}") from None
    finally:
        budget.end()
        clear(work)


def clear(work: Path) -> None:
    """Nothing of a point is left beside its instance."""
    folder_copy.drop(work / "point")
    shutil.rmtree(work / "aside", ignore_errors=True)


def taken(request: dict[str, Any], restic: Restic, work: Path, progress: Progress, budget: Budget) -> dict[str, Any]:
    """The point, on an open repository."""
    point = work / "point"
    point.mkdir(parents=True, mode=0o700)
    moment, tally = Moment(), Tally()
    folder = folder_copy.held(request["data"], point / "data", work / "aside", btrfs=request["btrfs"])
    tag = ["--tag", request["point"], "--host", request["instance"]]
    database = Backup(
        restic, [*tag, "--tag", "database", "--stdin", "--stdin-filename", "database.sql"], lambda _: None, feed=True
    )
    side = ThreadPoolExecutor(1)
    try:
        with one_dump_at_a_time(request["turn_seconds"], progress, budget):
            progress.tell("looking at the files", now=True)
            folder.prepare()
            progress.tell("locking the tables", now=True)
            with dumping(request, moment, folder) as (dump, reader):
                listing = side.submit(list_files, request, work, folder)  # beside the dump
                with counting(reader, request, moment, folder) as counted:
                    said = pass_on(dump, tally, database, progress, request)
                    progress.tell("counting rows", now=True)
                moment.rows, missing = counted()
        check_kept_in_time(moment)
        check_dump(objections(tally, request["database"], moment.rows, dump.returncode, said), dump.returncode, said)
        database.end_input()
        progress.tell("reading files", now=True)
        entries = folder.settled(listing.result())
        manifest = manifest_of(request, moment, tally, folder, missing)
        files = store_files(
            restic, [*tag, "--tag", "files"], folder, entries=entries, manifest=manifest, progress=progress
        )
        progress.tell("storing the database", now=True)
        stored = database.finish()
    except BaseException:
        database.kill()
        raise
    finally:
        side.shutdown(wait=False)  # where something failed the folder goes, and with it who reads it
    if stored["total_bytes_processed"] != tally.bytes:
        said = f"restic stored {stored['total_bytes_processed']} bytes of a dump of {tally.bytes} bytes"
        raise Complaint("store", said)
    (point / "files.jsonl").rename(work / "files.jsonl")
    return {
        "manifest": manifest,
        "database_snapshot": stored["snapshot_id"],
        "files_snapshot": files["snapshot_id"],
        "bytes_added": stored["data_added"] + files["data_added"],
    }


def list_files(request: dict[str, Any], work: Path, folder: Held) -> dict[str, list[Any]]:
    """Every file of the point with its sum; what did not change since the last point keeps the sum it had."""
    return folder.tree({} if request["begins"] else file_tree.read_lines(str(work / "files.jsonl")))


def pass_on(
    dump: subprocess.Popen[bytes], tally: Tally, kept: Backup, progress: Progress, request: dict[str, Any]
) -> str:
    """Pass the dump on while it is counted; its program's last words. Whoever keeps it is not told of its end."""
    err = cast("BufferedReader", dump.stderr)
    said: list[bytes] = []
    listener = threading.Thread(target=lambda: said.append(err.read()), daemon=True)
    listener.start()
    for piece in pieces(dump, request["database"]):
        tally.add(piece)
        kept.give(piece)
        progress.tell("dumping the database", tally.bytes, request["dump_bytes"])
    tally.end()
    dump.wait()
    listener.join()
    return "".join(b"".join(said).decode(errors="replace").strip().splitlines()[-1:])


def check_kept_in_time(moment: Moment) -> None:
    """See that no table without transactions was let go before the dump's end.

    Raises:
        Complaint: some were.
    """
    if moment.kept_too_long.is_set():
        tables = f"{', '.join(moment.plain[:EXAMPLES])} had to stay locked for longer than {KEPT_SECONDS:.0f} s"
        raise Complaint("engine", f"tables without transactions can't be dumped in time: {tables}")


def check_dump(found: list[str], exit_code: int, said: str) -> None:
    """See that nothing speaks against keeping the dump.

    Raises:
        Complaint: something does; names all of it. A dump that was killed, or lost its MariaDB, can be tried again.
    """
    if found:
        raise Complaint("database" if is_broken_off(exit_code, said) else "dump", "; ".join(found))


@contextlib.contextmanager
def counting(
    reader: Session, request: dict[str, Any], moment: Moment, folder: Held
) -> Iterator[Callable[[], tuple[dict[str, int], dict[str, Any]]]]:
    """Count rows and look for named files while the dump passes by, on the session that reads its moment."""
    with ThreadPoolExecutor(1) as pool:
        rows = pool.submit(count_rows, reader, request["database"], moment)
        missing = pool.submit(named_but_missing, reader, request["named"], folder)
        yield lambda: (rows.result(), missing.result())


def count_rows(reader: Session, database: str, moment: Moment) -> dict[str, int]:
    """The rows of each table at the moment."""
    counts = zip(moment.engines, names(database, list(moment.engines)), strict=True)
    one_each = (f"SELECT '{table}', COUNT(*) FROM {quoted}; {LET_GO}" for table, quoted in counts)
    return {row[0]: int(row[1]) for row in reader.run(f"{HOLD_NONE}; {'; '.join(one_each)}")}


def named_but_missing(reader: Session, named: list[dict[str, str]], folder: Held) -> dict[str, Any]:
    """Of what the database names, what the folder of the same moment does not hold: by kind, counts and examples."""
    found: dict[str, Any] = {}
    for one in named:
        asked, missing = 0, []
        for row in reader.ask(one["sql"]):
            asked += 1
            there = os.path.lexists(folder.target / row[0])  # a link counts: it was what the product wrote
            if not there and not folder.brought_back(row[0]):
                missing.append(row[0])
        reader.run(LET_GO)
        found[one["what"]] = {"named": asked, "missing": len(missing), "examples": missing[:EXAMPLES]}
    return found


def manifest_of(
    request: dict[str, Any], moment: Moment, tally: Tally, folder: Held, missing: dict[str, Any]
) -> dict[str, Any]:
    """What the point holds, small enough for the inventory; its files come to it when they are stored."""
    with Session() as session:
        version = session.run("SELECT VERSION()")[0][0]
    return dict(request["about"]) | {
        "point": request["point"],
        "taken_at": moment.at,
        "instance": request["instance"],
        "database": {
            "name": request["database"],
            "bytes": tally.bytes,
            "tables": {name: tally.tables[name].as_json() for name in sorted(tally.tables)},
            "server": version,
        },
        "salt": has_salt(folder.target / request["salt_file"]),
        "named": missing,
        "left_out": request["left_out"],
        "lock": moment.lock_as_json(),
        "copied_by": folder.by,
    }


def has_salt(file: Path) -> bool:
    """Whether the settings hold a salt: without it nobody could log in to what is restored; never the salt itself."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return False
    return any(line.startswith("system_salt") and line.partition("=")[2].strip(' "') for line in lines)


def store_files(
    restic: Restic, options: list[str], folder: Held, *, entries: dict[str, list[Any]], manifest: dict[str, Any],
    progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    """The folder stored as it is listed, with its list and the manifest beside it; restic's summary.

    Raises:
        Complaint: files were changed in place all the time.
    """
    point = folder.target.parent
    for _ in range(STORED_TIMES_MOST):
        progress.tell("storing files", now=True)
        manifest["files"] = file_tree.totals(entries)
        file_tree.write_lines(str(point / "files.jsonl"), entries)
        (point / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
        stored = back_up_files(restic, [*options, *folder.words], point, entries, progress)
        settled = folder.settled(entries)
        if settled is entries:
            return stored
        entries = settled
    raise Complaint("busy", f"its files were changed in place while they were stored, {STORED_TIMES_MOST} times")


def back_up_files(
    restic: Restic, options: list[str], point: Path, entries: dict[str, list[Any]], progress: Progress
) -> dict[str, Any]:
    """One round of storing; restic's summary.

    Raises:
        Complaint: restic saw another number of files or bytes than we did.
    """

    def told(status: dict[str, Any]) -> None:
        progress.tell("storing files", status.get("bytes_done", 0), status.get("total_bytes", 0))

    summary = Backup(restic, [*options, str(point)], told).finish()
    count = sum(entry[0] == "f" for entry in entries.values()) + 2
    if summary["total_files_processed"] != count:
        raise Complaint("store", f"restic stored {summary['total_files_processed']} files of {count}")
    return summary


@contextlib.contextmanager
def one_dump_at_a_time(seconds: float, progress: Progress, budget: Budget) -> Iterator[None]:
    """Dumps of one server's instances follow each other; waiting for the others is no part of the job's own time.

    Raises:
        Complaint: it was not this one's turn within so many seconds.
    """
    with open(DUMP_LOCK, "w") as lock_file:  # noqa: PTH123  # a path of the server
        if not free(lock_file):
            progress.tell("waiting for another dump of this server", now=True)
            with budget.waiting():
                wait_for_turn(lock_file, seconds)
        yield


def wait_for_turn(lock_file: TextIO, seconds: float) -> None:
    """Wait until nobody else dumps.

    Raises:
        Complaint: others still did after so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not free(lock_file):
        if time.monotonic() > deadline:
            raise Complaint("busy", f"other dumps of this server kept it waiting for longer than {seconds:.0f} s")
        time.sleep(TURN_LOOK_SECONDS)


def free(lock_file: TextIO) -> bool:
    """Whether nobody else dumps; it is ours then."""
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def most_memory() -> int:
    """The most memory that one of the programs had, ours included, in KiB."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def wait_for_quiet(most: float, seconds: float) -> None:
    """Wait while the server has other things to do, not for ever: the night is short."""
    deadline = time.monotonic() + seconds
    while os.getloadavg()[0] > most and time.monotonic() < deadline:
        time.sleep(LOAD_LOOK_SECONDS)
