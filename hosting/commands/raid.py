"""RAID arrays as the kernel and mdadm tell them; the parsers are pure (P18).

Sources: md(4) and drivers/md/md.c of kernel 6.1 (`md_seq_show`) for /proc/mdstat; mdadm(8) 4.2 for `--detail`, of which
`--export` gives KEY=value; mdadm.conf(5); Documentation/admin-guide/md.rst of the kernel for the `state` of a member,
for `mismatch_cnt` and `last_sync_action`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from hosting.policy.inspected import ArrayFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

ARRAY = re.compile(r"^(md[^\s:]*)\s*:\s*(active|inactive|broken)\s*(?:\((read-only|auto-read-only)\))?\s*(.*)$")
LEVELS = re.compile(r"(raid\d+|linear|multipath|faulty|container)")
MEMBER = re.compile(r"(\S+?)\[(\d+)\]((?:\([A-Z]\))*)")
COUNTS = re.compile(r"\[(\d+)/(\d+)\]\s*\[([U_]+)\]")
PROGRESS = re.compile(r"(recovery|resync|reshape|check|repair)\s*=\s*([\d.]+)%.*?finish=(\S+)")
WAITING = re.compile(r"(recovery|resync|reshape|check|repair)\s*=\s*(DELAYED|PENDING|REMOTE)")
LEVEL = re.compile(r"^\s*Raid Level : (raid\d+|linear)\s*$", re.MULTILINE)
STATE = re.compile(r"^\s*State : (.*?)\s*$", re.MULTILINE)
NUMBER = re.compile(r"^\s*(Raid Devices|Active Devices|Failed Devices) : (\d+)$", re.MULTILINE)
FAULTY = re.compile(r"^\s+\d+\s+\d+\s+\d+\s+\S+\s+faulty.*?/dev/(\S+)\s*$", re.MULTILINE)
GONE = re.compile(r"^\s+\d+\s+\d+\s+\d+\s+\d+\s+active sync\s+missing\s*$", re.MULTILINE)
"""A disk that is not there any more, and that the kernel has not noticed yet: of a stripe it never does."""

NAMED = re.compile(r"^ARRAY\s+(/dev/\S+)(.*)$", re.MULTILINE)
UUID = re.compile(r"\bUUID=([0-9a-fA-F:]+)", re.IGNORECASE)


UNSOUND = frozenset({"write_error", "want_replacement"})
"""States of a member that failed to take a write: its blocks there are noted as bad, and the array shows as whole."""


COMPARED = frozenset({"check", "repair"})
"""What of `last_sync_action` compares disks; a resync of a new array counts what nobody has written yet."""


def parse_arrays(
    mdstat: str,
    detail: Mapping[str, str],
    export: Mapping[str, str],
    members: Mapping[str, Mapping[str, str]] | None = None,
    compared: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[ArrayFacts, ...]:
    """All arrays that the kernel knows.

    Args:
        mdstat: /proc/mdstat; empty where the kernel has no md.
        detail: what `mdadm --detail` wrote, by array; empty where mdadm is not installed.
        export: what `mdadm --detail --export` wrote, by array.
        members: what the kernel says of each disk of an array (`md/dev-*/state` in sysfs).
        compared: what it counted as it last went through the disks (`md/mismatch_cnt`, `md/last_sync_action`).
    """
    found = []
    for block in re.split(r"\n(?=md\S*\s*:)", "\n" + mdstat):
        lines = block.strip("\n").splitlines()
        if lines and (match := ARRAY.match(lines[0])):
            one = _of_block(match, "\n".join(lines[1:]))
            one = replace(one, unsound=_unsound((members or {}).get(one.name, {})))
            one = _with_comparison(one, (compared or {}).get(one.name, {}))
            found.append(_with_detail(one, detail.get(one.name, ""), _exported(export.get(one.name, ""))))
    return tuple(one for one in found if one.level != "container")


def _of_block(match: re.Match[str], rest: str) -> ArrayFacts:
    """An array as /proc/mdstat has it: its line, and those that follow."""
    name, state, read_only, words = match.groups()
    level = LEVELS.search(words.split("[")[0])
    members = MEMBER.findall(words)
    counts, progress, waiting = COUNTS.search(rest), PROGRESS.search(rest), WAITING.search(rest)
    sound = [member for member, _, marks in members if "(F)" not in marks and "(S)" not in marks]
    container = "super external:" in rest and "super external:/" not in rest
    return ArrayFacts(
        name=name,
        level="container" if container else level[1] if level else "",
        active=state == "active",
        wanted=int(counts[1]) if counts else 0 if state != "active" else len(members),
        working=int(counts[2]) if counts else len(sound),
        members=tuple(member for member, _, _ in members),
        failed=tuple(member for member, _, marks in members if "(F)" in marks),
        action=progress[1] if progress else waiting[1] if waiting else "",
        percent=float(progress[2]) if progress else None,
        finish=progress[3] if progress else "",
        read_only=read_only == "read-only",
    )


def _with_detail(one: ArrayFacts, detail: str, export: dict[str, str]) -> ArrayFacts:
    """An array with what mdadm adds: its state in words; its level and disks where the kernel does not run it."""
    state = STATE.search(detail)
    numbers = {key: int(value) for key, value in NUMBER.findall(detail)}
    level = LEVEL.search(detail)
    return replace(
        one,
        level=one.level or export.get("MD_LEVEL", "") or (level[1] if level else ""),
        state=state[1] if state else "",
        wanted=one.wanted or numbers.get("Raid Devices", 0),
        working=one.working - len(GONE.findall(detail)),
        failed=one.failed or tuple(FAULTY.findall(detail)),
    )


def _with_comparison(one: ArrayFacts, compared: Mapping[str, str]) -> ArrayFacts:
    """An array with what differed as its disks were last compared."""
    action, count = compared.get("last_sync_action", ""), compared.get("mismatch_cnt", "")
    if action not in COMPARED or not count.isdigit():
        return one
    return replace(one, differing=int(count), made_equal=action == "repair")


def _unsound(members: Mapping[str, str]) -> tuple[str, ...]:
    """Those that failed to take a write and are in the array still."""
    states = {name: set(said.split(",")) for name, said in members.items()}
    return tuple(name for name, said in states.items() if said & UNSOUND and "faulty" not in said)


def _exported(text: str) -> dict[str, str]:
    """KEY=value, a line each."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def parse_named(conf: str, export: Mapping[str, str]) -> tuple[str, ...]:
    """The arrays that /etc/mdadm/mdadm.conf names by a number and that the kernel does not have by any name.

    Args:
        conf: the file; empty where there is none.
        export: what `mdadm --detail --export` wrote, by array: an array that was assembled under another name is there.
    """
    there = {_exported(one).get("MD_UUID") for one in export.values()}
    found = []
    for path, rest in NAMED.findall(conf):
        number, uuid = re.fullmatch(r"/dev/(?:md/|md)(\d+)", path), UUID.search(rest)
        if number and not (uuid and uuid[1].lower() in there):
            found.append(f"md{number[1]}")
    return tuple(dict.fromkeys(found))
