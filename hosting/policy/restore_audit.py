"""Restores that were begun and left: their instance is neither as it was nor as it was to be (P20)."""

from __future__ import annotations

from dataclasses import dataclass
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
    """

    instance: str
    point: str
    begun_at: datetime
    worked_on: bool
    server: str = ""


def left_restores(restores: Iterable[OpenRestore]) -> list[Finding]:
    """A finding for each restore that nobody works on."""
    return [
        Finding(
            Severity.WRONG,
            f"instance:{one.instance}",
            f"The restore of instance {one.instance} to {one.point}, begun on "
            f"{one.begun_at.astimezone(ZONE):%d %b %Y %H:%M}, is not at its end, and no run works on it.",
            f"Run it to its end: phm restore {one.instance} {one.point}{_there(one)} --yes.",
        )
        for one in restores
        if not one.worked_on
    ]


def _there(one: OpenRestore) -> str:
    """How the server is named to which a restore goes."""
    return f" --server {one.server}" if one.server else ""
