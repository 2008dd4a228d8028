"""Runs on a server: the most memory that an import's programs hold there, until the file of the first argument is there.

Each process counts with what it has alone and its share of the rest (PSS). Prints MiB: of all together at one time, and
of readers, of MariaDB's client, of curl and of the job itself; then the seconds of a processor that they took, with
those of the database's server.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

KINDS = {
    "readers": b"readers.pyz", "client": b"--defaults-file=/srv/imports/", "curl": b"curl\0", "job": b"/run/phm/jobs/",
}  # fmt: skip


def pss(process: Path) -> int:
    """KiB of a process; 0 if it is gone."""
    try:
        found = re.search(r"^Pss:\s+(\d+)", (process / "smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def processor_seconds(process: Path) -> float:
    """What a process took of a processor until now, with its children that ended; 0 if it is gone."""
    try:
        words = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, words[11:13])) / os.sysconf("SC_CLK_TCK")


def kind_of(process: Path) -> str:
    """Which of an import's programs it is; empty if none."""
    try:
        words = (process / "cmdline").read_bytes()
    except OSError:
        return ""
    return next((kind for kind, sign in KINDS.items() if sign in words), "")


def name_of(process: Path) -> str:
    """Its program's name; empty if it is gone."""
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return ""


def main(until: Path) -> None:
    """Look ten times a second."""
    most, took = dict.fromkeys(("all", *KINDS), 0), dict[str, float]()
    servers = [process for process in Path("/proc").glob("[0-9]*") if name_of(process) == "mariadbd"]
    before = sum(map(processor_seconds, servers))
    while not until.exists():
        now = dict.fromkeys(most, 0)
        for process in Path("/proc").glob("[0-9]*"):
            if kind := kind_of(process):
                now[kind] += pss(process)
                took[process.name] = max(took.get(process.name, 0.0), processor_seconds(process))
        now["all"] = sum(now.values())
        most = {kind: max(most[kind], now[kind]) for kind in most}
        time.sleep(0.1)
    until.unlink()
    whole = sum(took.values()) + sum(map(processor_seconds, servers)) - before
    print(" ".join(str(kib // 1024) for kib in most.values()), f"{whole:.1f}")  # its purpose


if __name__ == "__main__":
    main(Path(sys.argv[1]))
