"""The figures of the whole service at a moment, for a monitoring that the operators have already (P11, P20, P22)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.inventory import cases, findings, probes
from hosting.inventory.availability_views import years_told
from hosting.inventory.backup_views import all_backups
from hosting.policy.months import day_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.availability_views import InstanceYear
    from hosting.policy.backup_audit import BackupStanding


@dataclass(frozen=True)
class ServiceFigures:
    """What is told of the service.

    Args:
        at: the moment.
        years: the running year of every instance that is or was open in it.
        backups: of every instance that is backed up, by name.
        findings: what inspections found and nobody has silenced, and what the year finds, by source and severity.
        cases: what waits for a person, by kind.
        last_probe: when anything was last probed; None before the first probe.
    """

    at: datetime
    years: tuple[InstanceYear, ...]
    backups: Mapping[str, BackupStanding]
    findings: Mapping[tuple[str, str], int]
    cases: Mapping[str, int]
    last_probe: datetime | None


def service_figures(session: Session, now: datetime, probe_seconds: float | None) -> ServiceFigures:
    """The figures as they are now.

    Args:
        session: to read from.
        now: the moment.
        probe_seconds: the setting `probes.seconds`.
    """
    years = tuple(years_told(session, day_of(now).year, now, probe_seconds))
    found = [("inspection", str(one.severity)) for one in findings.standing(session) if not one.is_silent(now)]
    found += [("availability", str(finding.severity)) for one in years for finding in one.findings]
    return ServiceFigures(
        at=now,
        years=years,
        backups={one.instance.name: one.standing for one in all_backups(session, now)},
        findings=Counter(found),
        cases=Counter(one.kind for one in cases.open_cases(session)),
        last_probe=probes.last_probe(session),
    )
