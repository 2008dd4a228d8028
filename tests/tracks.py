"""`make test`: the tests that need the fleet, in sessions of their own, on two pairs of servers side by side.

Each session begins with empty servers and a new inventory. The demo has all servers of the fleet to itself, so that it
comes first, with what stops services of the fleet. What a session says is shown when it ends; all sessions are run, and
one that failed fails the whole.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from fleet import Fleet

ROOT = Path(__file__).parents[1]
LOGS = ROOT / ".make" / "tests"
MARKS = "(fleet or prefect or slow) and not soak"
TRACKS = (("app1", "app2"), ("app4", "app5"))
DEMO = "tests/fleet/test_by_console.py"
ALONE = tuple(
    f"tests/fleet/test_fleet_hosts.py::{one}"
    for one in ("test_names_are_changed_with_the_key_only_and_survive_a_crash", "test_services_are_stopped_and_started_by_name")
)  # fmt: skip
"""They stop what every session needs: names and mail."""

FLOWS = "tests/flows"
SECONDS = 1800
"""No session takes longer; it would hang."""

LINES = 400
"""Of the end of a failed session's words so many are shown."""


@dataclass(frozen=True)
class Session:
    """Tests that share servers and an inventory: what pytest is told; the servers, where they need their own."""

    name: str
    words: tuple[str, ...]
    hosts: tuple[str, ...] = ()


BESIDE = (
    Session("tasks", ("tests/tasks", "tests/templates", "tests/on_server")),
    Session("beside the flows", ("tests", *(f"--ignore=tests/{one}" for one in ("flows", "tasks", "templates", "on_server")), f"--ignore={DEMO}", *(f"--deselect={one}" for one in ALONE))),
)  # fmt: skip
OWN = (
    Session(
        "without subvolumes",
        (
            f"{FLOWS}/test_backups_without_subvolumes.py",
            f"{FLOWS}/test_move_without_subvolumes.py",
            f"{FLOWS}/test_update_without_subvolumes.py",
            f"{FLOWS}/test_end_after_moves.py",
            f"{FLOWS}/test_backup_week.py",
            f"{FLOWS}/test_backup_dumps.py::test_points_under_writing_hold_every_write_that_was_acknowledged_before",
        ),
        ("app6", "app10", "app9"),
    ),
)
"""Sessions with servers of their own. The last server is where instances go: it has no btrfs; of the others one has."""

GROUPS = (
    "move_instance",
    "backup_faults backup_week backups_of_a_level",
    "no_secret_leaks provision_again provision_cancelled provision_cut provision_kill provision_lease provision_refusals",
    "export_instance suspend_instance",
    "audit_backups backup_dumps dump_turns check_generations mend_generation escrow_by_hand",
    "restore_faults",
    "change_booking measure_storage evacuate_server",
    "names certificate_kinds",
    "name_from_the_shop",
    "end_contract",
    "restore_elsewhere",
    "import_installation",
    "rehearse_restore",
    "measure_availability",
    "update_server expire_backups",
    "restore_beside move_at_work",
)
"""Modules of flows, the longest groups first; those that are not named here are a group of their own."""


def sessions() -> list[Session]:
    """All sessions, the longest first."""
    there = {file.stem.removeprefix("test_") for file in (ROOT / FLOWS).glob("test_*.py")}
    named = {name for group in GROUPS for name in group.split()}
    if gone := named - there:
        raise SystemExit(f"tests/tracks.py names tests that are not there: {', '.join(sorted(gone))}")
    own = {Path(word.partition("::")[0]).stem.removeprefix("test_") for one in OWN for word in one.words}
    rest = there - named - own
    groups = [*GROUPS, *([" ".join(sorted(rest))] if rest else [])]
    flows = [Session(group, tuple(f"{FLOWS}/test_{name}.py" for name in group.split())) for group in groups]
    return [*flows[:3], *OWN, *BESIDE, *flows[3:]]


def run(session: Session, hosts: tuple[str, ...], shown: threading.Lock) -> bool:
    """One session to its end; whether it went well."""
    log = LOGS / f"{session.name.partition(' ')[0]}.log"
    command = [sys.executable, "-m", "pytest", "-m", MARKS, "--durations=5", *session.words]
    environment = {**os.environ, "PHM_TEST_HOSTS": " ".join(hosts)}
    began = time.monotonic()
    with log.open("wb") as out:
        try:
            code = subprocess.run(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                timeout=SECONDS, check=False,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            code = -1
    lines = log.read_text(errors="replace").splitlines()
    with shown:
        print(f"\n=== {session.name}, on {' and '.join(hosts)}: {time.monotonic() - began:.0f} s, exit code {code}")
        print("\n".join(lines[-LINES:] if code else lines[-8:]), flush=True)
    return code == 0


def main() -> int:
    """The demo, then all else; the exit code."""
    LOGS.mkdir(parents=True, exist_ok=True)
    shown, fleet, waiting = threading.Lock(), Fleet(), SimpleQueue[Session]()
    every = sessions()
    fleet.up(print)
    well = [run(Session("the demo", (DEMO, *ALONE)), TRACKS[0], shown)]
    fleet.up(print, names=tuple(host for track in TRACKS for host in track))
    for session in every:
        waiting.put(session)

    def track(hosts: tuple[str, ...]) -> None:
        while True:
            try:
                session = waiting.get_nowait()
            except Empty:
                return
            well.append(run(session, session.hosts or hosts, shown))

    with ThreadPoolExecutor(len(TRACKS)) as pool:
        for done in [pool.submit(track, hosts) for hosts in TRACKS]:
            done.result()
    print(f"\n{sum(well)} of {1 + len(every)} sessions went well.")
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
