"""One step of fetching a customer's archive: curl(1), without rights, to the one address that was decided on (P37).

The name is not asked for again, no redirect is followed, no proxy and no settings of anybody's are used. What came so
far is gone on with where the source proves that it is still the same; the file is root's all the time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.on_server.job import Complaint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.on_server.job import Progress

NOBODY, NOGROUP = "nobody", "nogroup"
CONNECT_SECONDS = 20
LOOK_SECONDS = 0.1
PIECE = 2**20
SPARE_SECONDS = 30.0
"""curl ends itself by then; else it is ended."""

OK, PARTIAL = 200, 206
NOT_SATISFIABLE = 416
REDIRECTS = (301, 302, 303, 307, 308)
DONE = {"https": (OK, PARTIAL), "http": (OK, PARTIAL), "ftp": (226,), "sftp": (0,)}
"""By which answers a file has come; SFTP knows none."""

ANSWERED = 400
"""Codes from here on say that there is nothing to be had."""

TOO_MUCH = (63, 23)
"""curl's exit codes for a file that is larger than told, and for one that could not be written further."""

UNPROVEN = (51, 58, 60, 77, 79, 83, 90)
"""For a certificate or a host key that is not the one that it should be."""

REFUSED_LOGIN = (67, 9)
NOT_THERE = (78, 19)
NO_RANGE = (33, 36)
CONTROLS = ("\n", "\r", "\0")


def fetch(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Ask the source once.

    Args:
        request: `url`, `address` (empty where the URL has one), `host`, `port`, `scheme`, `user`, `login`, `host_key`,
            `most_bytes`, `seconds`, `silence_seconds`, `authorities`, and `folder`, in which the archive comes to lie.
        progress: is told of the bytes that are there.

    Returns:
        `sha256` and `size` of the whole; or `location` of a redirect; or `refused`, why there is nothing to be had.

    Raises:
        Complaint: the source does not answer or broke off; what came stays, to be gone on with.
    """
    folder = Path(request["folder"])
    stem = hashlib.sha256(request["url"].encode()).hexdigest()[:16]  # the hops of a redirect don't meet
    file, mark, heads = folder / f"{stem}.part", folder / f"{stem}.mark", folder / "heads"
    if request["scheme"] in {"http", "https"} and not mark.exists():
        file.unlink(missing_ok=True)  # nobody could tell whether what comes next belongs to it
    for _ in range(2):  # once more from the beginning, where the source can't go on in the middle
        at, read = file.stat().st_size if file.exists() else 0, Sum(file)
        code, status, said = asked(request, file, mark, at, progress, read)
        head = headers_of(heads)
        if status in REDIRECTS and code == 0:
            cut(file, at)
            return {"location": head.get("location", "")}
        if status == NOT_SATISFIABLE and head.get("content-range", "").endswith(f"/{at}"):
            cut(file, at)
            return whole(file, progress, Sum(file))
        if code in NO_RANGE or status == NOT_SATISFIABLE or (code == 0 and at and status == OK):
            cut(file, 0)
            continue
        if status in {OK, PARTIAL}:
            keep_mark(mark, head)
        if code == 0 and status in DONE[request["scheme"]]:
            return whole(file, progress, read)
        return refused_by(request, file, at, Ended(code, status, said))
    raise Complaint("busy", "the source can't go on where it stopped")


@dataclass(frozen=True)
class Ended:
    """How a call of curl ended: its exit code, the answer's status, what it complained of."""

    code: int
    status: int
    said: str


def refused_by(request: dict[str, Any], file: Path, at: int, ended: Ended) -> dict[str, Any]:
    """What it means that a call did not bring the archive."""
    size, code, status = file.stat().st_size, ended.code, ended.status
    if code == -signal.SIGXFSZ or (code in TOO_MUCH and (code == TOO_MUCH[0] or size >= request["most_bytes"])):
        return {"refused": "too_large", "size": max(size, request["most_bytes"] + 1)}
    if code in UNPROVEN:
        return {"refused": "host_key" if request["scheme"] == "sftp" else "certificate"}
    if code in REFUSED_LOGIN or status in {401, 407}:
        return {"refused": "login"}
    if code in NOT_THERE or ANSWERED <= status < 500:  # noqa: PLR2004  # from there on the fault is the source's
        cut(file, at)
        return {"refused": "not_there", "status": status}
    if status >= ANSWERED:
        cut(file, at)
        raise Complaint("busy", f"the source answers {status}")
    raise Complaint("busy", f"the source broke off ({ended.said or f'curl ended with {code}'})")


def asked(  # noqa: PLR0917  # a source, a file, and who is told
    request: dict[str, Any], file: Path, mark: Path, at: int, progress: Progress, read: Sum
) -> tuple[int, int, str]:  # fmt: skip
    """One call of curl: its exit code, the answer's status, what it complained of."""
    heads = file.with_name("heads")
    heads.unlink(missing_ok=True)
    os.close(os.open(heads, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if os.geteuid() == 0:
        os.chown(heads, *nobody())
    with open(file, "ab") as out:  # noqa: PTH123  # a path of the server
        os.chmod(file, 0o600)  # noqa: PTH101  # as above
        with subprocess.Popen(
            command(request, heads, at), stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE, env={}, cwd="/",
            preexec_fn=lambda: without_rights(request["most_bytes"]),  # noqa: PLW1509  # the job has one thread
        ) as curl:  # fmt: skip
            assert curl.stdin  # noqa: S101  # a pipe was asked for
            assert curl.stderr  # noqa: S101  # likewise
            with contextlib.suppress(BrokenPipeError):  # its exit code tells why it reads nothing
                curl.stdin.write(settings(request, mark, at).encode())
                curl.stdin.close()
            deadline = time.monotonic() + request["seconds"] + SPARE_SECONDS
            is_marked = False
            while curl.poll() is None:
                progress.tell("fetch", os.fstat(out.fileno()).st_size)
                is_marked = is_marked or mark_early(mark, heads)
                read.go_on()
                if time.monotonic() > deadline:
                    curl.kill()
                time.sleep(LOOK_SECONDS)
            said = curl.stderr.read().decode(errors="replace")
    complaint, _, status = said.rpartition("\x1f")
    return curl.returncode, int(status) if status.strip().isdigit() else 0, shown(complaint)


def command(request: dict[str, Any], heads: Path, at: int) -> list[str]:
    """The call, in which no secret stands: they come by the standard input."""
    words = [
        "curl", "--disable", "--silent", "--show-error", "--globoff", "--path-as-is", "--noproxy", "*",
        "--proto", f"={request['scheme']}", "--max-redirs", "0", "--connect-timeout", str(CONNECT_SECONDS),
        "--max-time", str(int(request["seconds"])), "--speed-limit", "1",
        "--speed-time", str(int(request["silence_seconds"])), "--max-filesize", str(request["most_bytes"]),
        "--capath", "/etc/ssl/certs", "--dump-header", str(heads), "--output", "-",
        "--write-out", "%{stderr}\x1f%{response_code}", "--config", "-",
    ]  # fmt: skip
    extra = request["authorities"]
    if extra and os.path.exists(extra) and os.path.getsize(extra):  # noqa: PTH110, PTH202  # a path of the server
        words += ["--cacert", extra]
    if request["address"]:
        address = f"[{request['address']}]" if ":" in request["address"] else request["address"]
        words += ["--resolve", f"{request['host']}:{request['port']}:{address}"]
    return [*words, *(["--continue-at", str(at)] if at else [])]


def settings(request: dict[str, Any], mark: Path, at: int) -> str:
    """What curl is told by its standard input: the URL, which may open the archive, and who asks."""
    lines = [("url", request["url"])]
    if request["user"] or request["login"]:
        lines.append(("user", f"{request['user'] or 'anonymous'}:{request['login']}"))
    if request["host_key"]:
        lines.append(("hostpubsha256", request["host_key"].removeprefix("SHA256:")))
    if at and mark.exists():
        lines.append(("header", f"If-Range: {mark.read_text()}"))
    return "".join(f'{name} = "{escaped(value)}"\n' for name, value in lines)


def escaped(value: str) -> str:
    """A value within quotes, as curl's settings write it."""
    if any(sign in value for sign in CONTROLS):
        raise Complaint("failed", "a value for the source has a line end in it")
    return value.replace("\\", "\\\\").replace('"', '\\"')


def without_rights(most_bytes: int) -> None:
    """The process has no rights, and writes no larger file than is fetched."""
    if os.geteuid() == 0:
        uid, gid = nobody()
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes + 1, most_bytes + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def nobody() -> tuple[int, int]:
    """Who has no rights."""
    import grp  # noqa: PLC0415  # where there are users
    import pwd  # noqa: PLC0415  # likewise

    return pwd.getpwnam(NOBODY).pw_uid, grp.getgrnam(NOGROUP).gr_gid


def keep_mark(file: Path, head: dict[str, str]) -> None:
    """By what the source tells whether its file is still the same: a strong tag, or else the moment of its change."""
    tag = head.get("etag", "")
    mark = tag if tag and not tag.startswith("W/") else head.get("last-modified", "")
    if mark:
        file.write_text(mark)
    else:
        file.unlink(missing_ok=True)


def mark_early(mark: Path, heads: Path) -> bool:
    """The mark while the archive is coming, so that a job that is killed is gone on with; whether there is a head."""
    text = heads.read_bytes()
    if text.endswith(b"\r\n\r\n") and text.split(b" ", 2)[1:2] in ([b"200"], [b"206"]):
        keep_mark(mark, headers_of(heads))
        return True
    return False


def headers_of(file: Path) -> dict[str, str]:
    """The head of the last answer, names in lower case."""
    block = file.read_bytes().decode("latin-1").replace("\r\n", "\n").strip().split("\n\n")[-1]
    pairs: Sequence[tuple[str, str, str]] = [line.partition(":") for line in block.splitlines()[1:]]
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def cut(file: Path, size: int) -> None:
    """What came behind this is no part of the archive."""
    if file.exists() and file.stat().st_size > size:
        os.truncate(file, size)


class Sum:
    """A file's SHA-256, worked out while the file still comes; what is there of it only grows meanwhile."""

    def __init__(self, file: Path) -> None:
        """Nothing was read yet."""
        self.file, self.digest, self.done = file, hashlib.sha256(), 0

    def go_on(self, most: int = 64 * PIECE) -> bool:
        """Read on, so much at most; whether there was something."""
        before = self.done
        with self.file.open("rb") as content:
            content.seek(before)
            while self.done - before < most and (piece := content.read(PIECE)):
                self.digest.update(piece)
                self.done += len(piece)
        return self.done > before


def whole(file: Path, progress: Progress, read: Sum) -> dict[str, Any]:
    """The archive under its name, with its sum."""
    size = file.stat().st_size
    while read.go_on():
        progress.tell("checksum", read.done, size)
    file.rename(file.with_name("archive"))
    file.with_suffix(".mark").unlink(missing_ok=True)
    return {"sha256": read.digest.hexdigest(), "size": size}


def shown(complaint: str) -> str:
    """What curl said, in one line without the URL's secrets: its own number and words."""
    lines = [line for line in complaint.splitlines() if line.startswith("curl: (")]
    return " ".join(lines[-1].split())[:150] if lines else ""
