"""Packages of a server brought to versions, or back to them: noninteractive, configuration files kept (P14).

What was interrupted before is finished first, so that a run that comes after one that was killed goes on from there.
While packages are unpacked nobody else loads a file of the web server (`/run/phm/web.lock`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.on_server.job import Complaint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks.on_server.job import Progress

WEB_LOCK = Path("/run/phm/web.lock")
ARCHIVES = Path("/var/cache/apt/archives")
LINES = 6
NOT_FETCHED = ("Failed to fetch", "Unable to fetch")
CONFIGURATION = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
OPTIONS = (*CONFIGURATION, "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0")
QUIET = {
    "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", "APT_LISTCHANGES_FRONTEND": "none", "UCF_FORCE_CONFFOLD": "1",
    "NEEDRESTART_SUSPEND": "1",
}  # fmt: skip


def apply(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Install packages in exact versions, and remove some.

    Args:
        request: `versions` by name; `remove`, names; `held`, whether held packages may change.
        progress: is told the phase.

    Returns:
        The names of what was asked for.

    Raises:
        Complaint: a package could not be fetched, unpacked or set up; tells what apt said.
    """
    wanted = [f"{name}={version}" for name, version in request["versions"].items()]
    wanted += [f"{name}-" for name in request["remove"]]
    allowed = ["--allow-change-held-packages"] if request["held"] else []
    if not request["remove"]:
        allowed.append("--no-remove")
    progress.tell("download", now=True)
    _apt("packages not fetched", "--download-only", *allowed, "install", *wanted)
    progress.tell("install", now=True)
    _install(*allowed, *wanted)
    return {"packages": [*request["versions"], *request["remove"]]}


def put_back(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Bring packages back to the versions that they had, as far as those can still be got.

    Args:
        request: `versions` by name, as they were.
        progress: is told the phase.

    Returns:
        The names of those that are back, and of those that could not be got.

    Raises:
        Complaint: apt could not bring them back together; tells what it said.
    """
    progress.tell("look", now=True)
    sources = {name: _source(name, version) for name, version in request["versions"].items()}
    found = {name: source for name, source in sources.items() if source}
    progress.tell("put back", now=True)
    if found:
        _install("--allow-downgrades", "--allow-change-held-packages", *found.values())
    return {"back": sorted(found), "not_found": sorted(set(sources) - set(found))}


def _source(name: str, version: str) -> str:
    """Where apt gets a package of a version from: an archive, or the file that it once fetched; empty if nowhere."""
    offered = _run("apt-cache", "madison", name).stdout.splitlines()
    if any(line.split("|")[1].strip() == version for line in offered if line.count("|") > 1):
        return f"{name}={version}"
    plain, kept = name.partition(":")[0], version.replace(":", "%3a")
    return next((str(file) for file in sorted(ARCHIVES.glob(f"{plain}_{kept}_*.deb"))), "")


def _install(*words: str) -> None:
    """Install under the lock; what apt marks as wanted by a person is marked as it was before."""
    with _alone():
        left = _run("dpkg", "--force-confdef", "--force-confold", "--configure", "-a")
        automatic = _run("apt-mark", "showauto").stdout.split()
        try:
            _apt("packages not installed", "install", *words, before=left.stdout + left.stderr)
        finally:
            if automatic:
                _run("apt-mark", "auto", *automatic)


def _apt(kind: str, *words: str, before: str = "") -> None:
    """One call of apt-get.

    Raises:
        Complaint: it failed.
    """
    done = _run("apt-get", "-y", "-q", *OPTIONS, *words)
    if done.returncode:
        if "--download-only" in words and any(sign in done.stderr + done.stdout for sign in NOT_FETCHED):
            kind = "store"  # an archive that does not answer may heal
        lines = [line.strip() for line in (before + done.stdout + done.stderr).splitlines() if line.strip()]
        raise Complaint(kind, f"apt-get ended with {done.returncode}: {_last(lines)}")


def _last(lines: Sequence[str]) -> str:
    """The lines that tell why: errors where there are some."""
    telling = [line for line in lines if line.startswith(("E:", "dpkg: error", "Errors were"))] or lines
    return " | ".join(telling[-LINES:])


def _run(*argv: str) -> subprocess.CompletedProcess[str]:
    """One program, asking nothing; what it writes is for all to read, whatever a job's own files are."""
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
        env={**os.environ, **QUIET}, umask=0o022,
    )  # fmt: skip


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Nobody else loads the web server's files meanwhile."""
    WEB_LOCK.parent.mkdir(parents=True, exist_ok=True)
    with WEB_LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
