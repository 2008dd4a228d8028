"""Long work on a server that survives a cut connection: a systemd unit with a folder (FLEET.md section 7).

The folder `/run/phm/jobs/<id>` holds the program, the request until the program has read it, `progress`, and at the
end `result` or `complaint`, with the exit code in `exit`. The id makes it one job, however often it is asked for.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hosting.commands.command import Command, script

if TYPE_CHECKING:
    from collections.abc import Mapping

JOBS = "/run/phm/jobs"
ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")
START_SECONDS = 30
FOLLOW_MOST_SECONDS = 20

_START = """
d=/run/phm/jobs/$1 u=phm-job-$1.service n=$2 work=$3 most=$4 memory=$6
exec 9>"/run/phm/jobs.lock"; flock -w 20 -E 75 9
if systemctl -q is-active "$u" || [ -e "$d/exit" ]; then cat >/dev/null; echo unchanged; exit; fi
umask 077; rm -rf "$d"; mkdir -p "$d"
head -c "$n" >"$d/program.pyz"; cat >"$d/request"
[ "$(stat -c %s "$d/program.pyz")" = "$n" ] && [ "$(stat -c %s "$d/request")" = "$5" ] ||
  { rm -rf "$d"; echo "the job came in part only" >&2; exit 75; }
systemctl reset-failed "$u" 2>/dev/null || :
systemd-run --quiet --collect --unit="$u" -p Nice=5 -p RuntimeMaxSec="$most" -p OOMPolicy=kill -p UMask=0077 \\
  -p MemoryMax="$memory" -p LimitDATA="$memory" -p StandardInput="file:$d/request" -p StandardOutput="file:$d/out" \\
  -p StandardError="file:$d/err" \\
  -p ExecStopPost="/bin/sh -c 'echo \\$\\$EXIT_STATUS >$d/exit.part; mv $d/exit.part $d/exit'" \\
  /usr/bin/python3 -I "$d/program.pyz" "$work" "$d" 9>&-
echo changed
"""

_FOLLOW = """
d=/run/phm/jobs/$1 u=phm-job-$1.service most=$2 seen=$3 i=0
while [ ! -e "$d/exit" ]; do
  i=$((i+1)); [ $i -le "$most" ] || break
  if [ $((i % 20)) = 0 ] && ! systemctl -q is-active "$u"; then
    sleep 0.5; [ -e "$d/exit" ] || { echo gone; exit; }
  fi
  sleep 0.05
done
if [ -e "$d/exit" ]; then echo "exit $(cat "$d/exit")"; else echo running; fi
for f in progress result complaint; do if [ -e "$d/$f" ]; then printf '%s %s\\n' "$f" "$(cat "$d/$f")"; fi; done
if [ -e "$d/exit" ] && [ -s "$d/err" ]; then echo "said $(tail -n 3 "$d/err" | tr '\\n' ' ' | head -c 500)"; fi
"""

_CLEAR = """
systemctl stop "phm-job-$1.service" 2>/dev/null || :
if [ -e "/run/phm/jobs/$1" ]; then rm -rf "/run/phm/jobs/$1"; echo changed; else echo unchanged; fi
"""

_LIST = """
[ -d /run/phm/jobs ] || exit 0
cd /run/phm/jobs; for j in */; do j=${j%/}; [ -d "$j" ] || continue
if systemctl -q is-active "phm-job-$j.service"; then echo "$j running"; else echo "$j ended"; fi; done
"""


@dataclass(frozen=True)
class JobState:
    """How a job is: running, ended with an exit code, or gone without one (the server was restarted)."""

    running: bool
    gone: bool = False
    exit_code: str = ""
    progress: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None
    complaint: Mapping[str, str] | None = None
    said: str = ""


def start_job(
    id_: str, program: bytes, work: str, request: Mapping[str, Any], seconds: float, *, memory: str = "infinity"
) -> Command:  # fmt: skip
    """Start a job, once: one that runs or has ended under this id stays as it is.

    Args:
        id_: lower case letters, digits, dots and hyphens; names the unit.
        program: a zipped program with the work in it.
        work: what it does, by name.
        request: what it is told; may hold secrets, which travel and lie nowhere but in a file of root's until read.
        seconds: the most it may take before it is ended.
        memory: the most that its processes may hold, as systemd counts it (`MemoryMax`); beyond it they are ended. None
            gets more from the kernel by itself either (`LimitDATA`), which holds where control groups can't.
    """
    told = json.dumps(request).encode()
    words = (_checked(id_), str(len(program)), work, f"{seconds:.0f}", str(len(told)), memory)
    return script("job", _START, *words, stdin=program + told, seconds=START_SECONDS)


def follow_job(id_: str, seconds: float) -> Command:
    """Wait for a job's end, so many seconds at most; say how it is."""
    looks = str(max(1, int(min(seconds, FOLLOW_MOST_SECONDS) / 0.05)))
    return script("job", _FOLLOW, _checked(id_), looks, "", seconds=FOLLOW_MOST_SECONDS + 20)


def clear_job(id_: str) -> Command:
    """End a job with all its processes, and remove its folder."""
    return script("job", _CLEAR, _checked(id_), seconds=60)


def list_jobs() -> Command:
    """The jobs that are there, a line each: id and `running` or `ended`."""
    return script("jobs", _LIST)


def parse_jobs(out: str) -> dict[str, bool]:
    """What `list_jobs` told: by id, whether it runs."""
    return {name: state == "running" for name, _, state in (line.partition(" ") for line in out.splitlines())}


def parse_job(out: str) -> JobState:
    """What `follow_job` told."""
    told = dict(line.partition(" ")[::2] for line in out.splitlines())
    return JobState(
        running="running" in told,
        gone="gone" in told,
        exit_code=told.get("exit", ""),
        progress=json.loads(told.get("progress", "{}")),
        result=json.loads(told["result"]) if "result" in told else None,
        complaint=json.loads(told["complaint"]) if "complaint" in told else None,
        said=told.get("said", ""),
    )


def _checked(id_: str) -> str:
    """The id, if it is one."""
    if not ID.fullmatch(id_):
        raise ValueError(f"{id_!r} is no id of a job.")
    return id_
