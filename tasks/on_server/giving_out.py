"""A user's export on its server: written by the instance's own user, sent on as it comes, never whole on a disk (P41).

Root opens none of the customer's files: the exporter is a process of the instance's user, whose standard output is the
archive. What it says passes here in pieces to the addresses that were given for them, and each of these takes one
object's part and nothing else; the server has no key for the store. Standard library only.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import ssl
import subprocess
import threading
import time
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tasks.on_server.job import Complaint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.on_server.job import Progress

PYTHON = "/usr/bin/python3"
PIECE = 1 << 18
SEND_SECONDS = 120.0
PAUSES = (1.0, 4.0, 15.0, 45.0, 90.0)
"""Between attempts to send a part; after the last one the store is told as not answering."""

WORDS_MOST = 1 << 20
"""Of what the exporter tells; it tells its phases and its end."""

REFUSED = range(400, 500)
PASSED_ON = ("storage", "uid", "instance", "now", "client", "user", "password", "database", "prefix")


def give_out(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Write one user's archive into the store.

    Args:
        request: `key` (of the object), `program` (base64), `unix_user`, what the exporter is told (`PASSED_ON`),
            `upload` (the store's name of it), `parts` (an address for each), `part_bytes`, `authorities` (a file;
            empty: the system's own).
        progress: is told of the bytes that are sent.

    Returns:
        `key`, `upload`, `tags` (of the parts), `bytes`, `sha256`, and what the exporter tells.

    Raises:
        Complaint: the exporter failed, the store does not take it, or it has more parts than there are addresses.
    """
    sent = Sent(request, progress)
    with exporter(request) as process:
        said = Said(process)
        assert process.stdout  # noqa: S101  # a pipe was asked for
        try:
            sent.all_of(process.stdout)
        except BaseException:
            process.kill()
            raise
        process.wait()
        told = said.end()
    if process.returncode != 0 or "result" not in told:
        kind = told["kind"] if told.get("kind") in {"database", "gone"} else "failed"
        why = told.get("failed", "its program ended without a word")
        raise Complaint(kind, f"the export could not be written: {why}")
    return {"key": request["key"], "upload": request["upload"], **sent.summary(), **told["result"]}


@contextlib.contextmanager
def exporter(request: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """The exporter at work, as the instance's user; its program lies in memory alone."""
    memory = os.memfd_create("exporter")
    os.write(memory, base64.b64decode(request["program"]))
    os.fchmod(memory, 0o444)
    with subprocess.Popen(
        [PYTHON, "-I", f"/proc/self/fd/{memory}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, pass_fds=(memory,), env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, cwd="/",
        **without_rights(request),
    ) as process:  # fmt: skip
        os.close(memory)
        assert process.stdin  # noqa: S101  # a pipe was asked for
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps({name: request[name] for name in PASSED_ON}).encode())
            process.stdin.close()
        yield process


def without_rights(request: dict[str, Any]) -> dict[str, Any]:
    """As whom the exporter runs; there is no other way than as root's child."""
    return {"user": request["unix_user"], "group": request["unix_user"], "extra_groups": []}


class Said:
    """What the exporter tells while it writes, heard in a thread."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._lines = list[bytes]()
        self._process = process
        self._ear = threading.Thread(target=self._hear, daemon=True)
        self._ear.start()

    def end(self) -> dict[str, Any]:
        """Its last word."""
        self._ear.join()
        for line in reversed(self._lines):
            with contextlib.suppress(ValueError):
                told = json.loads(line)
                if isinstance(told, dict):
                    return told
        return {}

    def _hear(self) -> None:
        """Keep the last lines; one that says too much is ended."""
        pipe, heard = self._process.stderr, 0
        while pipe and (line := pipe.readline(WORDS_MOST)):
            heard += len(line)
            self._lines = [*self._lines[-5:], line]
            if heard > WORDS_MOST:
                self._process.kill()


class Sent:
    """What is sent: parts of one size, each held until the store has it."""

    def __init__(self, request: dict[str, Any], progress: Progress) -> None:
        self.tags = list[str]()
        self.bytes = 0
        self._addresses: list[str] = request["parts"]
        self._size: int = request["part_bytes"]
        self._trust = ssl.create_default_context()
        if request["authorities"]:
            self._trust.load_verify_locations(cafile=request["authorities"])
        self._whole = hashlib.sha256()
        self._progress = progress

    def all_of(self, pipe: IO[bytes]) -> None:
        """Everything that comes, in order."""
        part = bytearray()
        while piece := pipe.read(PIECE):
            part += piece
            while len(part) >= self._size:
                self._part(bytes(part[: self._size]))
                del part[: self._size]
        if part or not self.tags:
            self._part(bytes(part))

    def summary(self) -> dict[str, Any]:
        """What is in the store, once its parts are joined."""
        return {"tags": self.tags, "bytes": self.bytes, "sha256": self._whole.hexdigest()}

    def _part(self, content: bytes) -> None:
        """One part, tried again where the store does not answer."""
        if len(self.tags) == len(self._addresses):
            raise Complaint("too large", f"the archive has more than {self.bytes >> 20} MiB")
        address = self._addresses[len(self.tags)]
        for pause in (*PAUSES, None):
            tag, why = self._put(address, content)
            if tag:
                break
            if pause is None:
                raise Complaint("store", f"the store does not take the archive ({why})")
            time.sleep(pause)
        self.tags.append(tag)
        self.bytes += len(content)
        self._whole.update(content)
        self._progress.tell("send", self.bytes)

    def _connection(self, host: str, port: int | None, *, tls: bool) -> http.client.HTTPConnection:
        """To the store; its certificate is judged."""
        if tls:
            return http.client.HTTPSConnection(host, port, timeout=SEND_SECONDS, context=self._trust)
        return http.client.HTTPConnection(host, port, timeout=SEND_SECONDS)

    def _put(self, address: str, content: bytes) -> tuple[str, str]:
        """The store's tag of a part; empty, and why, where it did not take it.

        Raises:
            Complaint: it refuses.
        """
        where = urlsplit(address)
        connection = self._connection(str(where.hostname), where.port, tls=where.scheme == "https")
        sum_ = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        try:
            connection.request("PUT", f"{where.path}?{where.query}", content, {"Content-MD5": sum_})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return "", type(error).__name__
        finally:
            connection.close()
        if answer.status == http.client.OK:
            return answer.getheader("ETag") or "", "no tag"
        if answer.status in REFUSED:
            raise Complaint("denied", f"the store refuses the archive (HTTP {answer.status})")
        return "", f"HTTP {answer.status}"
