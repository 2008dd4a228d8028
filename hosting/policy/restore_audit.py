"""Restores that were begun and left: their instance is neither as it was nor as it was to be (P20)."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

from hosting.policy.backup_audit import Finding, Severity
from hosting.policy.backup_times import ZONE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


@dataclass(frozen=True)
class OpenRestore:
    """A restore that was begun and is not at its end.

    Args:
        instance: the name of the instance.
        point: the id of the point.
        begun_at: when.
        worked_on: whether a run has the instance's lease.
        server: another one to which it goes and where the instance is not yet; empty where there is none.
        part: what is brought back: all, database, files, or a path.
    """

    instance: str
    point: str
    begun_at: datetime
    worked_on: bool
    server: str = ""
    part: str = "all"


def left_restores(restores: Iterable[OpenRestore]) -> list[Finding]:
    """A finding for each restore that nobody works on."""
    return [
        Finding(
            Severity.WRONG,
            f"instance:{one.instance}",
            f"The restore of instance {one.instance} to {one.point}, begun on "
            f"{one.begun_at.astimezone(ZONE):%d %b %Y %H:%M}, is not at its end, and no run works on it.",
            f"Run it to its end: {restore_command(one.instance, one.point, part=one.part, server=one.server)}",
            "restore left",
        )
        for one in restores
        if not one.worked_on
    ]


def restore_command(instance: str, point: str, *, part: str, server: str = "") -> str:
    """The console's words by which a restore that was begun goes on.

    Args:
        instance: its name.
        point: the id of the point.
        part: all, database, files, or a path.
        server: to which it goes; empty where that is the instance's own.
    """
    only = {"all": "", "database": " --database", "files": " --files"}.get(part, f" --path {quote(part)}")
    there = f" --server {server} (with --lost, if its own does not come back)" if server else ""
    return f"phm restore {instance} {point}{only} --yes --reason …{there}"
