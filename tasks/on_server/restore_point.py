"""A recovery point brought back beside what is there, and compared with its manifest to the last row and byte (P20).

Nothing is replaced here: files come into a folder, the database into one of another name; who asked swaps both.
Runs on servers: standard library only.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tasks.on_server import file_tree, folder_copy
from tasks.on_server.dump_stream import DUMP, PIECE
from tasks.on_server.dump_tally import Tally
from tasks.on_server.job import Complaint, Progress
from tasks.on_server.mariadb_session import CHARACTERS, CLIENT, DatabaseSaid, Session
from tasks.on_server.moment import names
from tasks.on_server.restic import Restic, ResticSaid, ending

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import BufferedReader

LOADING = "SET SESSION sql_log_bin=0, unique_checks=0, foreign_key_checks=0"
"""A restored database is no change that other servers follow; its rows were whole when they were dumped."""

DISK_FULL = ("ERROR 1114 ", "ERROR 1021 ", "Errcode: 28", "error 28", "No space left on device")
"""How MariaDB says that its disk has no more room, where it says it: it may just as well hang up."""

DATABASES = "/var/lib/mysql"
FREE_LEAST = 8 * 2**20
"""InnoDB grows its files by so many bytes at a time: where less is left, that is why it did not go on."""

LOOK_SECONDS = 0.5
SHOWN = 5


def restore(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Bring a point back into `work/restored` and the database `into`; compared, with the seconds that it took.

    Args:
        request: `repository` and who may read it; the snapshots' ids; `work`, `into` (a database that is there and
            empty; none: files alone), `path` (below the data folder; none: all), `files` (whether files are wanted),
            `manifest` as the inventory has it, `btrfs`.
        progress: is told.

    Raises:
        Complaint: it can't be brought back, or is not what the manifest says (`differs`); nothing of it stays then.
    """
    target = Path(request["work"]) / "restored"
    clear(request, target)
    began = time.monotonic()
    try:
        both_back(request, target, progress)
    except BaseException:
        clear(request, target)  # what is there needs the room
        raise
    return {
        "seconds": round(time.monotonic() - began, 3),
        "data": str(data_of(target, request)),
        "tables": len(request["manifest"]["database"]["tables"]) if request["into"] else 0,
        "files": request["manifest"]["files"]["files"] if request["files"] and not request["path"] else 0,
    }


def both_back(request: dict[str, Any], target: Path, progress: Progress) -> None:
    """Database and files, side by side.

    Raises:
        Complaint: one of them does not come back, or is not what the manifest says.
    """
    restic = Restic(request)
    try:
        with ThreadPoolExecutor(2) as pool:
            loading = pool.submit(database_back, restic, request, progress) if request["into"] else None
            fetching = pool.submit(files_back, restic, request, target, progress) if request["files"] else None
            found = [*(loading.result() if loading else []), *(fetching.result() if fetching else [])]
    except ResticSaid as error:
        raise Complaint(error.kind, str(error)) from None
    except DatabaseSaid as error:
        raise not_taken(f"MariaDB said: {error}") from None
    if found:
        raise Complaint("differs", "; ".join(found[:SHOWN]))


def clear(request: dict[str, Any], target: Path) -> None:
    """Nothing of an earlier restore is left, neither files nor tables."""
    drop(target)
    if request["into"]:
        with contextlib.suppress(DatabaseSaid):  # a database that does not answer is told by who loads it
            empty(request["into"])


def empty(database: str) -> None:
    """No table is left in a database.

    Raises:
        DatabaseSaid: MariaDB does not answer, or refuses.
    """
    with Session() as session:
        present = [row[0] for row in session.run(f"SHOW TABLES FROM `{database}`")]
        if present:
            session.run("SET foreign_key_checks=0")
            session.run(f"DROP TABLE {', '.join(names(database, present))}")


def drop(target: Path) -> None:
    """No file of an earlier restore is left."""
    for data in target.glob("srv/backup/*/point"):
        folder_copy.drop(data)
    shutil.rmtree(target, ignore_errors=True)


def data_of(target: Path, request: Mapping[str, Any]) -> Path:
    """Where the data folder comes to lie."""
    return target / "srv" / "backup" / str(request["instance"]) / "point" / "data"


def files_back(restic: Restic, request: dict[str, Any], target: Path, progress: Progress) -> list[str]:
    """The files, compared with the list that lies beside them; what differs."""
    data = data_of(target, request)
    data.parent.mkdir(parents=True, mode=0o700)
    if request["btrfs"]:
        subprocess.run(["btrfs", "subvolume", "create", str(data)], check=True, stdout=subprocess.DEVNULL, timeout=60)
    beside = f"/{data.parent.relative_to(target).as_posix()}"
    wanted = [f"data/{request['path']}", "files.jsonl", "manifest.json"] if request["path"] else []
    only = [f"--include={beside}/{path}" for path in wanted]
    process = restic.start(
        "restore", "--no-lock", request["files_snapshot"], "--target", str(target), *only,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    watcher = Watcher(data, request["manifest"]["files"]["bytes"], progress)
    _, err = process.communicate()
    watcher.stop()
    if process.returncode:
        raise ResticSaid(ending("restore", process.returncode, err))
    return compared_files(request, data)


def compared_files(request: dict[str, Any], data: Path) -> list[str]:
    """What of the restored files is not as they were."""
    wanted = file_tree.read_lines(str(data.parent / "files.jsonl"))
    kept = json.loads((data.parent / "manifest.json").read_text())
    said = request["manifest"]["files"]
    if kept["point"] != request["manifest"]["point"] or file_tree.root_sum(wanted) != said["sha256"]:
        return ["the list of files in the store is not the one that was recorded"]
    found = file_tree.tree(str(data))
    if request["path"]:
        chosen = request["path"].rstrip("/")
        parents = {"/".join(chosen.split("/")[:depth]) for depth in range(1, chosen.count("/") + 1)}
        wanted = {path: entry for path, entry in wanted.items() if f"{path}/".startswith(f"{chosen}/")}
        found = {path: entry for path, entry in found.items() if path not in parents}
        if not wanted:
            return [f"the point holds nothing at {chosen}"]
    return file_tree.differences(wanted, found)


def database_back(restic: Restic, request: dict[str, Any], progress: Progress) -> list[str]:
    """The database loaded, and dumped again to be compared; what differs."""
    fetched = load(restic, request, progress)
    wanted = request["manifest"]["database"]["tables"]
    if differing := differing_tables(wanted, fetched):
        return [f"the dump in the store is not the one that was recorded: {', '.join(differing[:SHOWN])}"]
    progress.tell("comparing the database", now=True)
    loaded = tally_of(request["into"])
    return [f"the restored table differs: {name}" for name in differing_tables(wanted, loaded)]


def load(restic: Restic, request: dict[str, Any], progress: Progress) -> Tally:
    """The dump from the store into the database; counted on its way.

    Raises:
        Complaint: MariaDB refused it.
        ResticSaid: the store does not give it whole.
    """
    tally, whole = Tally(), request["manifest"]["database"]["bytes"]
    source = restic.start(
        "dump", "--no-lock", request["database_snapshot"], "database.sql",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    sink = subprocess.Popen(
        [*CLIENT[:-1], *CHARACTERS, f"--init-command={LOADING}", request["into"]],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    complaints: dict[str, bytes] = {}
    listeners = [
        threading.Thread(target=lambda who=who, pipe=pipe: complaints.update({who: pipe.read()}), daemon=True)
        for who, pipe in (("restic", source.stderr), ("mariadb", sink.stderr))
    ]
    for listener in listeners:
        listener.start()
    out, into, hung_up = cast("BufferedReader", source.stdout), sink.stdin, False
    try:
        while into is not None and (piece := out.read1(PIECE)):
            tally.add(piece)
            into.write(piece)
            progress.tell("loading the database", tally.bytes, whole)
        if into is not None:
            into.close()
    except BrokenPipeError:
        hung_up = True
        source.kill()
    tally.end()
    codes = source.wait(), sink.wait()
    for listener in listeners:
        listener.join()
    if codes[0] and not hung_up:  # half a dump is no SQL: what MariaDB says of it then is no reason
        raise ResticSaid(ending("dump", codes[0], complaints["restic"]))
    if codes[1]:
        raise not_taken(
            f"MariaDB did not take the dump: {complaints['mariadb'].decode(errors='replace').strip()[-300:]}"
        )
    return tally


def not_taken(said: str) -> Complaint:
    """Why MariaDB did not do what it was told; a disk that is full stays so."""
    full = any(words in said for words in DISK_FULL) or shutil.disk_usage(DATABASES).free < FREE_LEAST
    return Complaint("disk full", f"the disk of {DATABASES} is full ({said})") if full else Complaint("database", said)


def tally_of(database: str) -> Tally:
    """A database that nobody writes to, dumped as points are and counted; nothing of it is kept.

    Raises:
        Complaint: it could not be dumped.
    """
    tally = Tally()
    dump = subprocess.Popen([*DUMP, database], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    out = cast("BufferedReader", dump.stdout)
    while piece := out.read1(PIECE):
        tally.add(piece)
    tally.end()
    if dump.wait() or not tally.ended:
        raise not_taken(f"the database {database} could not be dumped to be compared")
    return tally


def differing_tables(wanted: Mapping[str, Mapping[str, Any]], found: Tally) -> list[str]:
    """The tables whose rows, sums or definitions are not as recorded, with the figures."""
    tables = {name: table.as_json() for name, table in found.tables.items()}
    said = []
    for name in sorted(set(wanted) | set(tables)):
        if name not in tables:
            said.append(f"{name} is missing")
        elif name not in wanted:
            said.append(f"{name} is too much")
        elif tables[name]["rows"] != wanted[name]["rows"]:
            said.append(f"{name} has {tables[name]['rows']} rows of {wanted[name]['rows']}")
        elif tables[name] != dict(wanted[name]):
            said.append(f"{name} has other content")
    return said


class Watcher:
    """Tells how much of the files is there, by the disk's count: restic 0.14 tells nothing of a restore."""

    def __init__(self, folder: Path, whole: int, progress: Progress) -> None:
        """Look from now on."""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(folder, whole, progress), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._done.set()
        self._thread.join()

    def _look(self, folder: Path, whole: int, progress: Progress) -> None:
        """Twice a second."""
        start = shutil.disk_usage(folder).used
        while not self._done.wait(LOOK_SECONDS):
            progress.tell("restoring files", max(0, min(shutil.disk_usage(folder).used - start, whole)), whole)
