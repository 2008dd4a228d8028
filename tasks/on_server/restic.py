"""restic as a child process: its environment, its JSON, its end (FLEET.md section 4; 0.14 and newer).

Runs on servers: standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any

from tasks.on_server import new_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MISSING = ("The specified key does not exist", "repository does not exist")
"""How it says, up to 0.16 and since, that there is no repository; a store that doesn't answer is told otherwise."""

SPOILT = (
    "ciphertext verification failed", "decrypt invalid data", "invalid data returned", "Unmarshal", "wrong password",
    *MISSING,
)  # fmt: skip
"""How it says that something of the repository is not what was written, or not there; also its config and its keys."""

CACHE = "/var/cache/phm/restic"

KINDS = (
    ("disk full", ("no space left on device",)),
    ("denied", ("Access Denied", "AccessDenied", "Access Key Id", "signature we calculated")),
    ("damaged", SPOILT),
)
"""What restic's words mean to who asked, and where none of them stands: the store does not answer as it should."""

NO_REASONS = ("Is there a repository at the following location?", "s3:")
"""Lines that restic adds and that help nobody here."""

FILE = re.compile(r"^ignoring error for .*?: ")
"""How it begins what it says of one of a customer's files."""

END_SECONDS = 10.0


class ResticSaid(Exception):
    """restic failed; its exit code and last words, which never hold its password."""

    @property
    def kind(self) -> str:
        """What it means, as a complaint's kind."""
        said = str(self)
        return next((kind for kind, words in KINDS if any(one in said for one in words)), "store")


class Restic:
    """A repository and who may open it.

    Args:
        request: `repository`, `password`, `access_key`, `secret_key`, `authorities` (a file), `region`; for a new one
            `work` (a folder).
    """

    def __init__(self, request: Mapping[str, Any]) -> None:
        """Nothing is asked yet."""
        self.request = request
        authorities = request.get("authorities") or ""
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LC_ALL": "C.UTF-8",
            "RESTIC_REPOSITORY": request["repository"],
            "RESTIC_PASSWORD": request["password"],
            "RESTIC_CACHE_DIR": CACHE,
            "RESTIC_PROGRESS_FPS": "2",
            "AWS_ACCESS_KEY_ID": request["access_key"],
            "AWS_SECRET_ACCESS_KEY": request["secret_key"],
            "AWS_DEFAULT_REGION": request["region"],
        }
        if authorities:  # beside the server's own roots, which `--cacert` would leave out
            self.environment["SSL_CERT_FILE"] = authorities

    def start(self, *words: str, **streams: Any) -> subprocess.Popen[bytes]:
        """A restic that runs."""
        os.makedirs(CACHE, mode=0o700, exist_ok=True)  # noqa: PTH103  # a path of the server
        return subprocess.Popen(["restic", *words], env=self.environment, **streams)

    def run(self, *words: str) -> str:
        """What a restic that has to succeed says.

        Raises:
            ResticSaid: it failed.
        """
        process = self.start(*words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate()
        if process.returncode:
            raise ResticSaid(ending(words[0], process.returncode, err))
        return out.decode(errors="replace")

    def ensure_repository(self) -> bool:
        """The repository is there; whether it was made. One that another password opens is an error."""
        try:
            self.run("cat", "config")
        except ResticSaid as error:
            if not any(words in str(error) for words in MISSING):
                raise
        else:
            return False
        try:
            new_repository.make(self.request, lambda folder: self.run("init", "--repo", folder))
        except new_repository.StoreRefusedFile as error:
            raise ResticSaid(str(error)) from None
        return True

    def drop_stale_locks(self) -> None:
        """Remove the locks of dead runs; restic itself tells them from live ones."""
        self.run("unlock")


class Backup:
    """A `restic backup --json` that runs; read in a thread, so that it never waits for us.

    Args:
        restic: the repository.
        words: what to back up.
        told: is given each status line of restic.
        feed: whether it reads from us.
    """

    def __init__(
        self, restic: Restic, words: list[str], told: Callable[[dict[str, Any]], None], *, feed: bool = False
    ) -> None:
        self.summary: dict[str, Any] = {}
        self._told = told
        self._said: list[bytes] = []
        stdin = subprocess.PIPE if feed else subprocess.DEVNULL
        self.process = restic.start(
            "backup", "--json", *words, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._readers = [threading.Thread(target=one, daemon=True) for one in (self._read, self._listen)]
        for reader in self._readers:
            reader.start()

    def give(self, piece: bytes) -> None:
        """The next bytes of what it reads from us.

        Raises:
            ResticSaid: it ended before.
        """
        if self.process.stdin is None:
            raise ResticSaid("this backup reads nothing")
        try:
            self.process.stdin.write(piece)
        except BrokenPipeError:
            self.finish()
            raise ResticSaid("restic ended before the dump did") from None

    def end_input(self) -> None:
        """Tell it that nothing more comes: what it was given becomes a snapshot while others work on."""
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()

    def finish(self) -> dict[str, Any]:
        """Wait for its end; its summary.

        Raises:
            ResticSaid: it failed, or kept something from us (exit code 3: a file could not be read).
        """
        self.end_input()
        code = self.process.wait()
        for reader in self._readers:
            reader.join()
        if code or not self.summary:
            raise ResticSaid(ending("backup", code, b"".join(self._said)))
        return self.summary

    def kill(self) -> None:
        """End it: what it was given never becomes a snapshot, for its input has not ended. It takes its lock away."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _read(self) -> None:
        """Its JSON lines."""
        for line in self.process.stdout or ():
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if said.get("message_type") == "summary":
                self.summary = said
            elif said.get("message_type") == "status":
                self._told(said)

    def _listen(self) -> None:
        """Its complaints."""
        for line in self.process.stderr or ():
            self._said = [*self._said[-20:], line]


def ending(verb: str, code: int, err: bytes) -> str:
    """How restic ended, in one line: the first of its lines that has a meaning for us, or else the last ones.

    A restore goes on after what it could not bring back, and names every file: what was wrong stands at the begin.
    """
    lines = [FILE.sub("", line.strip()) for line in err.decode(errors="replace").splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(NO_REASONS)]
    telling = [line for line in lines if any(word in line for _, words in KINDS for word in words)]
    shown = telling[:1] or lines[-3:]
    return f"restic {verb} ended with exit code {code}: {' | '.join(shown)[:400].rstrip('.') or 'it said nothing'}"
