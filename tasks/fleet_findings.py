"""Findings kept, told and shown: each grave one by a letter, once; all of them as a table (P18)."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from prefect.artifacts import create_table_artifact

from hosting.inventory import cases, findings
from hosting.inventory.session import in_transaction
from hosting.policy import backup_audit
from hosting.policy.backup_audit import audit
from hosting.policy.inspection import SERVICE, FleetFinding, Look, Severity, to_tell, unreachable
from hosting.policy.restore_audit import left_restores
from tasks.backup_audits import read_backup_records
from tasks.inspecting import Looked
from tasks.letters import local, tell_findings
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.errors import ServiceError
    from hosting.policy.inspection import KnownFinding
    from hosting.policy.values import ServerFacts

SEVERITIES = {backup_audit.Severity.WRONG: Severity.WRONG, backup_audit.Severity.WATCH: Severity.NOTE}
"""What the audit of backups finds is told by its own letter: here it stands beside the rest."""

OF_DOMAINS = (cases.CERTIFICATE_ENDED, cases.DOMAIN_ASTRAY)
"""The kinds of cases that inspect-certificates puts before a person."""


def silent(server: ServerFacts, error: ServiceError) -> Looked:
    """What came of a server that could not be looked at: that alone is known."""
    return Looked(server.name, frozenset({Look.REACH}), [unreachable(server.name, error.what.rstrip("."))])


@reading
def look_at_records() -> Looked:
    """What the inventory alone tells: backups and rehearsals that are too old, domains that need a person."""
    records, at = read_backup_records.fn(), now()
    audited = [*audit(records.audited, records.generations, None, at, records.sound), *left_restores(records.restores)]
    found = [
        FleetFinding(
            SERVICE, Look.BACKUPS, f"{one.subject} {one.code}", SEVERITIES[one.severity], one.sentence, one.do,
            one.subject,
        )
        for one in audited
    ]  # fmt: skip
    with inventory().reading() as session:
        waiting = [one for one in cases.open_cases(session) if one.kind in OF_DOMAINS]
    found += [
        FleetFinding(
            SERVICE, Look.DOMAINS, f"case {one.id}", Severity.WRONG, one.summary,
            f"It is case {one.id}: phm case show {one.id}.", one.subject,
        )
        for one in waiting
    ]  # fmt: skip
    return Looked(SERVICE, frozenset({Look.BACKUPS, Look.DOMAINS}), found)


@reading
def record_findings(looked: Sequence[Looked]) -> list[KnownFinding]:
    """What was found, kept; all that stands of the servers that were looked at."""
    at = now()
    stands: list[KnownFinding] = []
    for one in looked:
        record = partial(findings.record_look, server=one.server, looked=one.looks, found=one.found, now=at)
        stands += in_transaction(inventory(), record)
    return stands


@reading
def report_findings() -> list[KnownFinding]:
    """All findings that stand, as a table."""
    with inventory().reading() as session:
        stands = findings.standing(session)
    rows = [
        {
            "": one.severity.value, "server": one.server or "service", "about": one.subject, "what": one.sentence,
            "what to do": one.do, "since": local(one.first_seen),
            "silenced until": local(one.silenced_until) if one.is_silent(now()) else "", "key": one.key,
        }
        for one in stands
    ]  # fmt: skip
    create_table_artifact(key="fleet-findings", table=rows, description=f"Findings as of {local(now())} (P18)")
    return stands


@reading
def tell_grave_findings() -> int:
    """One letter about all grave findings of which none was sent since they came; how many.

    Raises:
        Unreachable: the relay does not take it; the next inspection tells of them.
    """
    at = now()
    with inventory().reading() as session:
        new = to_tell(findings.untold(session), at)
    if not new:
        return 0
    said = sha256("\n".join(one.key for one in new).encode()).hexdigest()[:16]
    many = "1 grave finding" if len(new) == 1 else f"{len(new)} grave findings"
    title = f"{many} of the inspection of {local(at)[:16]}"
    told = [{"subject": one.subject.replace(":", " "), "sentence": one.sentence, "do": one.do} for one in new]
    tell_findings(f"findings:{at:%Y%m%dT%H%M%S}:{said}", title, told)
    in_transaction(inventory(), partial(findings.record_told, keys=[one.key for one in new], now=at))
    return len(new)


def counted(stands: Sequence[KnownFinding]) -> str:
    """How many findings there are, in words."""
    at = now()
    silenced = sum(one.is_silent(at) for one in stands)
    counts = [f"{sum(one.severity is severity for one in stands)} {severity}" for severity in Severity]
    return ", ".join(counts) + (f"; {silenced} of them silenced" if silenced else "")
