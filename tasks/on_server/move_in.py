"""On the target of a move: files and database fetched straight from the source, by the move's own key (P24).

Runs on servers: standard library only. What is fetched comes through `ssh -F /run/phm/move/NAME/config source WORD`;
the source answers a few words and nothing else (hosting/commands/server_link.py).
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.on_server import file_tree, folder_copy, tree_update
from tasks.on_server.dump_tally import Tally, objections
from tasks.on_server.job import Complaint

if TYPE_CHECKING:
    from tasks.on_server.job import Progress

PIECE = 1 << 18
TAIL_BYTES = 1 << 12
WAIT_SECONDS = 600.0
SESSIONS_SECONDS = 5.0
SETTLED_SECONDS = file_tree.SETTLED_NS / 1e9 + 1
HELD = "held"
GTID = re.compile(rb"gtid_slave_pos='([0-9,-]+)'")
CLIENT = (
    "mariadb", "--no-defaults", "--socket=/run/mysqld/mysqld.sock", "--user=root",
    "--default-character-set=utf8mb4", "--init-command=SET sql_log_bin=0, unique_checks=0",
)  # fmt: skip


def files(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """One round of the files: all, or what has changed since the round before; the last one is put in its place.

    Returns:
        Number, bytes and sum of the files as they are here now.

    Raises:
        Complaint: the source did not send them whole.
    """
    work, data = Path(request["work"]), Path(request["data"])
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    counted = Counted(work / "tree", last=request["last"])
    progress.tell("ready", now=True)
    if request["awaited"]:
        wait_for(Path(request["awaited"]))
    if request["btrfs"]:
        come = received(request, work)
    else:
        synchronised(request, data)
        come = data
    logged_in = sessions(request) if request["last"] else None
    before = work / str(request["number"] - 1) if request["btrfs"] else None
    found = counted.now(come, before)
    if request["last"] and request["btrfs"]:
        put(come, data)
    end(logged_in)
    return found


def tree(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """On the source: number, bytes and sum of the files in a folder; what has not changed is not read again.

    A folder that changes meanwhile is counted all the same, so that in the stop only what has changed is looked at.
    """
    kept = Path(request["kept"])
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    counted = Counted(kept, last=request["last"])
    progress.tell("ready", now=True)
    wait_for(Path(request["awaited"]))
    before = Path(request["before"]) if request["before"] else None
    return counted.now(Path(request["folder"]), before, changing=request["changing"])


class Counted:
    """The tree of a folder as the round before found it; all that can be done ahead of the stop is done at once."""

    def __init__(self, kept: Path, *, last: bool) -> None:
        """Read it."""
        self.kept, self.last = kept, last
        self.since = kept.with_suffix(".since")
        self.entries = file_tree.read_lines(str(kept))
        if last:
            self.total = tree_update.total_of(self.entries)
            self.children = tree_update.children_of(self.entries)

    def now(self, folder: Path, before: Path | None, *, changing: bool = False) -> dict[str, Any]:
        """Number, bytes and sum of the files in the folder as it is now.

        Args:
            folder: where they are.
            before: the snapshot whose tree it was; None where there are no snapshots.
            changing: as `file_tree.tree`.
        """
        if self.last and self.entries:
            try:
                return self._brought_up_to_date(str(folder), before)
            except tree_update.Unclear:
                self.entries = file_tree.read_lines(str(self.kept))
        began = time.time()
        self.entries = file_tree.tree(str(folder), self.entries, changing=changing)
        if not self.last:
            file_tree.write_lines(str(self.kept), self.entries)
            self.since.write_text(str(began - SETTLED_SECONDS), encoding="ascii")
        return tree_update.total_of(self.entries).told()

    def _brought_up_to_date(self, folder: str, before: Path | None) -> dict[str, Any]:
        """By what has changed alone."""
        if before is not None:
            touched = tree_update.changed_between(str(before), folder)
        else:
            since = float(self.since.read_text(encoding="ascii"))
            touched = tree_update.changed_since(folder, self.entries, self.children, since)
        tree_update.bring_up_to_date(folder, self.entries, self.total, touched)
        return self.total.told()


def sums(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """On the target: what a statement says of its database as it is when that is asked for, and not later.

    The moment is held by a connection of this job, whatever becomes of who asked.

    Returns:
        `rows`, each as a list of words.

    Raises:
        Complaint: the database did not answer, or nobody asked.
    """
    asking = subprocess.Popen(
        [*CLIENT, "--batch", "--skip-column-names", "--unbuffered", request["database"]],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert asking.stdin and asking.stdout  # noqa: S101, PT018  # as asked for above
    try:
        progress.tell("ready", now=True)
        wait_for(Path(request["awaited"]))
        asking.stdin.write(f"START TRANSACTION WITH CONSISTENT SNAPSHOT; SELECT '{HELD}';\n".encode())
        asking.stdin.flush()
        if asking.stdout.readline().decode().strip() == HELD:
            Path(request["held"]).touch()
            asking.stdin.write(request["sql"].encode() + b";\n")
        asking.stdin.close()
        rows = [line.decode().rstrip("\n").split("\t") for line in asking.stdout]
    except BrokenPipeError:
        rows = []
    said = words_of(asking)
    if asking.wait() != 0 or not rows:
        raise Complaint("database", f"the database could not be summed up: {said}")
    return {"rows": rows}


def wait_for(sign: Path) -> None:
    """Until something is there; for who is to go on in the stop without being begun then."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not sign.exists():
        if time.monotonic() > deadline:
            raise Complaint("busy", f"{sign.name} was never there")
        time.sleep(0.01)


def database(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The source's dump loaded while it comes, in one piece or not at all; not written to this server's own log.

    Returns:
        `gtid`, the position of the dump in the source's log; the numbers of tables, rows and bytes.

    Raises:
        Complaint: the dump did not come whole, or was not loaded whole.
    """
    name, tally, tail = request["database"], Tally(), b""
    sending = subprocess.Popen(asked(request["name"], "dump"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    loading = subprocess.Popen(
        [*CLIENT, name], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        assert sending.stdout and loading.stdin  # noqa: S101, PT018  # as asked for above
        while piece := sending.stdout.read(PIECE):
            tail = (tail + piece)[-TAIL_BYTES:]
            tally.add(piece)
            loading.stdin.write(piece)
            progress.tell("database", tally.bytes)
        loading.stdin.close()
    except BrokenPipeError:
        sending.kill()
    said = words_of(loading)
    sent = words_of(sending)
    tally.end()
    if loading.wait() != 0:
        raise Complaint("database", f"the dump could not be loaded: {said}")
    rows = {table: one.rows for table, one in tally.tables.items()}
    if wrong := objections(tally, name, rows, sending.wait(), sent):
        raise Complaint("store", "; ".join(wrong))
    found = GTID.findall(tail)
    if not found:
        raise Complaint("database", "the dump does not say its position")
    return {"gtid": found[0].decode(), "tables": len(rows), "rows": sum(rows.values()), "bytes": tally.bytes}


def asked(name: str, *words: str) -> list[str]:
    """How the source is asked."""
    return ["ssh", "-F", f"/run/phm/move/{name}/config", "source", *words]


def received(request: dict[str, Any], work: Path) -> Path:
    """A snapshot of the source, whole or as the difference to one that came before."""
    here = work / str(request["number"])
    if here.exists():  # a round that was broken off
        folder_copy.ran("btrfs", "subvolume", "delete", str(here), seconds=60)
    words = ["send", str(request["number"])]
    if request["number"] > 1:
        words += ["from", str(request["number"] - 1)]
    sending = subprocess.Popen(asked(request["name"], *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    taking = subprocess.Popen(
        ["btrfs", "-q", "receive", str(work)], stdin=sending.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    if sending.stdout:
        sending.stdout.close()  # so that the sender notices when the taker ends
    said = words_of(taking) or words_of(sending)
    if taking.wait() != 0 or sending.wait() != 0:
        raise Complaint("store", f"the files did not come whole: {said}")
    return here


def synchronised(request: dict[str, Any], data: Path) -> None:
    """The folder as it is on the source, where one of the servers has no snapshots."""
    way = f"ssh -F /run/phm/move/{request['name']}/config"
    argv = ["rsync", "-aHAX", "--numeric-ids", "--delete", "--delete-excluded", "-e", way, "source:/", f"{data}/"]
    done = subprocess.run(argv, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    vanished = 24  # rsync(1): files went away while it read them; the last round finds none of those
    if done.returncode not in ({0} if request["last"] else {0, vanished}):
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise Complaint("store", f"the files did not come whole: {lines[-1] if lines else 'rsync failed'}")


def put(come: Path, data: Path) -> None:
    """What came in the place of the empty folder that was made ready."""
    if data.exists() and folder_copy.is_subvolume(data):
        folder_copy.ran("btrfs", "subvolume", "delete", str(data), seconds=60)
    elif data.exists():
        shutil.rmtree(data)
    folder_copy.ran("btrfs", "subvolume", "snapshot", str(come), str(data), seconds=60)


def sessions(request: dict[str, Any]) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    """Who is logged in stays so; begun here, and not worth stopping for where it fails."""
    user, scratch = request["user"], request["scratch"]
    sending = subprocess.Popen(asked(request["name"], "sessions"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    taking = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "tar", "-C", scratch, "-xf", "-"]
    taken = subprocess.Popen(
        [*taking, "--no-same-owner"], stdin=sending.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return sending, taken


def end(begun: tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]] | None) -> None:
    """The sessions have come, or time is too dear to wait for them."""
    if begun is None:
        return
    with contextlib.suppress(subprocess.TimeoutExpired):
        begun[1].wait(SESSIONS_SECONDS)
    for process in begun:
        process.kill()
        process.wait()


def words_of(process: subprocess.Popen[bytes]) -> str:
    """A program's last words, once it has ended."""
    said = process.stderr.read().decode(errors="replace").strip().splitlines() if process.stderr else []
    return said[-1] if said else ""
