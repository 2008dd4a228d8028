"""What a server does with a fetched old installation: opened, looked through, loaded, laid out (P33 to P36).

Root reads nothing of it: each reader is a process of the draft's own Unix user, which reaches no network and no file of
anybody else's, and says what it found in one JSON object.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tasks.on_server.counting import DATABASES
from tasks.on_server.growing import DISK_FULL, TOO_LARGE, watched
from tasks.on_server.job import Complaint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.on_server.job import Progress

PYTHON = "/usr/bin/python3"
DUMPS_MOST = 5
"""So many files that look like SQL are looked through, the largest first."""

PACKET_MOST = "64M"
ANSWER_MOST = 16 << 20
"""Bytes of a reader's answer; what a reader lists is bounded, and that of the largest installation is a tenth of it."""

KINDS = (("No space", "disk full"), ("quota", "disk full"), ("more memory", "memory"))
"""Of what a reader failed by, by words of it."""

ERROR = re.compile(r"ERROR (\d+) \(\w+\) at line (\d+)")


class ReaderRefused(Exception):
    """A reader does not take what came: a code and facts."""

    def __init__(self, told: dict[str, Any]) -> None:
        """Keep what it told."""
        super().__init__(told["code"])
        self.told = told


def read(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Open the archive and look through what is in it.

    Args:
        request: `folder` (with `archive` and `readers.pyz`), `user`, `name`, `password`, `entries`, `bytes`.
        progress: is told of the phases.

    Returns:
        `opened`, `tree` and `dumps` as the readers tell them, or `refused`.

    Raises:
        Complaint: something stood in the way here.
    """
    folder = Path(request["folder"])
    tree = str(folder / "tree")
    bounds = {"entries": request["entries"], "bytes": request["bytes"]}
    try:
        progress.tell("open", now=True)
        opened = reader(
            request, "open", archive=str(folder / "archive"), name=request["name"], folder=tree,
            password=request["password"], **bounds,
        )  # fmt: skip
        progress.tell("look through the files", now=True)
        found = reader(request, "look-at-tree", folder=tree, **bounds)
        progress.tell("look through the database", now=True)
        sizes = sorted(found["dumps"], key=lambda path: -int(found["dumps"][path]))
        dumps = [look_at_dump(request, tree, path) for path in sizes[:DUMPS_MOST]]
    except ReaderRefused as error:
        return {"refused": error.told}
    return {"opened": opened, "tree": found, "dumps": dumps}


def look_at_dump(request: dict[str, Any], tree: str, path: str) -> dict[str, Any]:
    """What a file that looks like SQL holds, or why it can't be taken: another one may be the dump."""
    try:
        return {"path": path, "survey": reader(request, "look-at-dump", folder=tree, dump=path)}
    except ReaderRefused as error:
        return {"path": path, "refused": error.told}


def fill(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Load the product's tables and lay out the users' files beside each other: neither touches what the other does.

    Args:
        request: as `load` and `lay_out` have it.
        progress: is told of the phase.

    Returns:
        `rows` by table and `files`, what was laid out; or `refused`.

    Raises:
        Complaint: as `load` and `lay_out`.
    """
    progress.tell("load tables, lay out files", now=True)
    try:
        with ThreadPoolExecutor(1) as beside:
            files = beside.submit(lay_out, request)
            return {"rows": load(request), "files": files.result()}
    except ReaderRefused as error:
        return {"refused": error.told}


def load(request: dict[str, Any]) -> dict[str, int]:
    """Load the product's tables of the dump as a database user who knows the draft's database alone; rows by table.

    Args:
        request: `folder`, `user`, `database`, `password`, what is wanted of the dump (`PASS_ON`), `most_bytes` that
            the tables may take, and `free_bytes` that must be left on their disk.

    Raises:
        ReaderRefused: the dump can't be taken, or its rows take more than they may.
        Complaint: MariaDB refused a statement (its line of what is passed on, never its values), or has no room.
    """
    told = {"folder": str(Path(request["folder"]) / "tree"), **{name: request[name] for name in PASS_ON}}
    with access(request) as settings, running(request, "pass-on") as giver, loader(request, settings, giver) as client:
        assert giver.stdin  # noqa: S101  # a pipe was asked for
        assert giver.stdout  # noqa: S101  # likewise
        giver.stdout.close()  # the client alone reads it
        said: list[bytes] = []
        ear = threading.Thread(target=hear, args=(giver, said))
        ear.start()
        with contextlib.suppress(BrokenPipeError):
            giver.stdin.write(json.dumps(told).encode())
            giver.stdin.close()
        limits = DATABASES / request["database"], request["most_bytes"], request["free_bytes"]
        with watched(*limits, lambda: end_loading(client, request["database"])) as why:
            complaint = client.communicate()[1].decode(errors="replace")
        ear.join()
        giver.wait()
    if why:
        as_root(f"DROP DATABASE IF EXISTS `{request['database']}`")  # its room is needed, and nobody wants its rows
    if DISK_FULL in why:
        raise Complaint("disk full", "the database's disk has no room for the export's rows")
    if TOO_LARGE in why:
        raise ReaderRefused({"code": "too_many_bytes", "facts": {"most_mib": request["most_bytes"] >> 20}})
    if client.returncode != 0:
        error = ERROR.search(complaint)
        what = f"error {error[1]} at line {error[2]}" if error else f"exit code {client.returncode}"
        raise Complaint("damaged", f"MariaDB does not take the export ({what})")
    return dict(result_of(b"".join(said), giver.returncode)["rows"])


def hear(giver: subprocess.Popen[bytes], said: list[bytes]) -> None:
    """Keep what a giver says beside its rows; one that says too much is ended."""
    assert giver.stderr  # noqa: S101  # a pipe was asked for
    said.append(giver.stderr.read(ANSWER_MOST + 1))
    if len(said[0]) > ANSWER_MOST:
        giver.kill()


def end_loading(client: subprocess.Popen[bytes], database: str) -> None:
    """The client ends, and what the server still does for it; the draft's user is called like its database."""
    client.kill()
    as_root(f"KILL USER `{database}`")


def as_root(sql: str) -> None:
    """One statement, by the socket.

    Raises:
        Complaint: MariaDB did not do it.
    """
    done = subprocess.run(
        ["mariadb", "--no-defaults", "-e", sql], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )  # fmt: skip
    if done.returncode != 0:
        raise Complaint("failed", "what was loaded into the draft's database could not be ended")


PASS_ON = ("dump", "survey", "section", "prefix", "new_prefix", "tables")


def lay_out(request: dict[str, Any]) -> dict[str, Any]:
    """What is taken over of the tree lies in the draft's storage, too, as its user; what was taken and left.

    Args:
        request: `folder`, `user`, `root`, `base`, `config`, `most_bytes` of a file, and `storage`, the draft's.

    Raises:
        ReaderRefused: the files can't be laid out.
        Complaint: there is no room for them.
    """
    tree, words = Path(request["folder"]) / "tree", {name: request[name] for name in WHERE}
    subprocess.run(["sync", "-f", str(tree)], check=False)  # at once: a file's content is shared from the disk alone
    return reader(request, "lay-out", folder=str(tree), bytes=request["most_bytes"], **words)


WHERE = ("root", "base", "config", "storage")


def reader(request: dict[str, Any], work: str, **told: Any) -> dict[str, Any]:
    """What a reader says.

    Raises:
        ReaderRefused: it does not take what came.
        Complaint: it failed.
    """
    with running(request, work) as process:
        assert process.stdin  # noqa: S101  # pipes were asked for
        assert process.stdout  # noqa: S101  # likewise
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(told).encode())
            process.stdin.close()
        said = bounded(process.stdout, process)
    return result_of(said, process.returncode)


def bounded(pipe: IO[bytes], process: subprocess.Popen[bytes]) -> bytes:
    """What a reader says, to its end; one that says too much is ended.

    Raises:
        Complaint: it said too much.
    """
    said = pipe.read(ANSWER_MOST + 1)
    if len(said) > ANSWER_MOST:
        process.kill()
        raise Complaint("failed", f"a reader's answer has more than {ANSWER_MOST >> 20} MiB")
    return said


def running(request: dict[str, Any], work: str) -> subprocess.Popen[bytes]:
    """A reader at work, as the draft's user."""
    program = str(Path(request["folder"]) / "readers.pyz")
    return subprocess.Popen(
        [PYTHON, "-I", program, work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}, cwd="/",
        stderr=subprocess.PIPE if work == "pass-on" else subprocess.DEVNULL, **without_rights(request),
    )  # fmt: skip


def result_of(said: bytes, code: int) -> dict[str, Any]:
    """A reader's answer; the last line of what it said."""
    lines = said.splitlines()
    try:
        told: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise Complaint("failed", f"a reader ended with {code} without a word") from error
    if "refused" in told:
        raise ReaderRefused(told["refused"])
    if "failed" in told:
        kind = next((kind for sign, kind in KINDS if sign in told["failed"]), "failed")
        raise Complaint(kind, f"a reader failed: {told['failed']}")
    return dict(told["result"])


@contextlib.contextmanager
def access(request: dict[str, Any]) -> Iterator[Path]:
    """The file with the database user's password, for as long as it is needed; the draft's user alone reads it."""
    file = Path(request["folder"]) / "client.cnf"
    file.unlink(missing_ok=True)
    user = pwd.getpwnam(request["user"])
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        os.fchown(out.fileno(), user.pw_uid, user.pw_gid)
        out.write(f"[client]\nuser={request['database']}\npassword={request['password']}\n")
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def loader(request: dict[str, Any], settings: Path, giver: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """MariaDB's client, as the draft's user; it knows no command but SQL in what it reads from the giver."""
    return subprocess.Popen(
        ["mariadb", f"--defaults-file={settings}", "--batch", "--binary-mode", "--disable-local-infile",
         "--init-command=SET autocommit=0", f"--max-allowed-packet={PACKET_MOST}", request["database"]],
        stdin=giver.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={"PATH": "/usr/bin:/bin"}, cwd="/",
        **without_rights(request),
    )  # fmt: skip


def without_rights(request: dict[str, Any]) -> dict[str, Any]:
    """As whom the readers run; there is no other way than as root's child."""
    return {"user": request["user"], "group": request["user"], "extra_groups": []}
