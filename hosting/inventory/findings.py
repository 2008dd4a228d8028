"""What inspections have found, kept from look to look: new, there still, gone, silenced, told (P18)."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from hosting.errors import Refused
from hosting.inventory.deeds import record
from hosting.inventory.finding_rows import Finding, LookMade
from hosting.inventory.models import Server
from hosting.policy.inspection import ORDER, Inspected, KnownFinding, Look, Severity, closes
from hosting.policy.states import ServerState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.inspection import FleetFinding

SILENCED = "finding silenced"
MENDED = "finding mended"

NEWS_AFTER = timedelta(days=1)
"""So long a finding that was told has to be gone, or not as grave any more, to be told once more."""


class UnknownFinding(Refused):
    """No finding has this key."""


def record_look(
    session: Session, server: str, looked: Collection[Look], found: Iterable[FleetFinding], now: datetime
) -> list[KnownFinding]:
    """Keep what a look at a server has found, and close what it did not find any more; of a retired one nothing stands.

    Args:
        session: of the transaction.
        server: its name; `SERVICE` for what is about no single one.
        looked: the looks that were really made: what others had found stays as it was.
        found: by those looks.
        now: the moment.

    Returns:
        All that stands of this server, the gravest first.
    """
    known = session.get(Server, server, populate_existing=True)
    if known is not None and known.state == ServerState.RETIRED:
        close_all(session, server, now)
        return []
    for look in set(looked) - {Look.REACH}:
        session.merge(LookMade(server_name=server, kind=look, at=now))
    seen = {one.key: one for one in found}
    for one in seen.values():
        _keep(session, one, now)
    session.flush()
    query = select(Finding).where(Finding.server_name == server, Finding.gone_at.is_(None)).with_for_update()
    standing = []
    for row in session.scalars(query):
        if closes(looked, facts_of(row), seen):
            row.gone_at = now
        else:
            standing.append(facts_of(row))
    session.flush()
    return _sorted(standing)


def close_all(session: Session, server: str, now: datetime) -> None:
    """Nothing of a server stands any more: it is retired, and no look will close anything."""
    standing = Finding.server_name == server, Finding.gone_at.is_(None)
    session.execute(update(Finding).where(*standing).values(gone_at=now))


def inspected(session: Session) -> list[Inspected]:
    """When each server that is there was last looked at, by name."""
    made: defaultdict[str, dict[Look, datetime]] = defaultdict(dict)
    for row in session.scalars(select(LookMade)):
        made[row.server_name][Look(row.kind)] = row.at
    there = select(Server.name).where(Server.state != ServerState.RETIRED).order_by(Server.name)
    return [Inspected(name, made[name]) for name in session.scalars(there)]


def standing(session: Session, server: str | None = None) -> list[KnownFinding]:
    """The findings that stand, of one server or of all, the gravest first."""
    query = select(Finding).where(Finding.gone_at.is_(None))
    if server is not None:
        query = query.where(Finding.server_name == server)
    return _sorted(facts_of(row) for row in session.scalars(query))


def all_findings(session: Session, server: str | None = None) -> list[KnownFinding]:
    """All that was ever found, those that are gone last."""
    query = select(Finding) if server is None else select(Finding).where(Finding.server_name == server)
    found = _sorted(facts_of(row) for row in session.scalars(query))
    return sorted(found, key=lambda one: one.gone_at is not None)


def finding(session: Session, key: str) -> KnownFinding:
    """One finding.

    Raises:
        UnknownFinding: none has this key.
    """
    return facts_of(_row(session, key))


def untold(session: Session) -> list[KnownFinding]:
    """The findings that stand and of which no letter was sent since they were news."""
    rows = session.scalars(select(Finding).where(Finding.gone_at.is_(None), Finding.told_at.is_(None)))
    return _sorted(facts_of(row) for row in rows)


def record_told(session: Session, keys: Iterable[str], now: datetime) -> None:
    """The operators got a letter about these."""
    for key in keys:
        _row(session, key).told_at = now
    session.flush()


def silence(  # noqa: PLR0917  # the columns of a row
    session: Session, key: str, until: datetime, because: str, by: str, now: datetime
) -> KnownFinding:
    """A person says that a finding is known: nobody is told of it until a moment; recorded.

    Raises:
        UnknownFinding: none has this key.
    """
    row = _row(session, key)
    row.silenced_until, row.silenced_by, row.silenced_because = until, by, because
    evidence = {"key": key, "until": until.isoformat()}
    record(session, by, SILENCED, row.subject, why=because, evidence=evidence, now=now)
    session.flush()
    return facts_of(row)


def record_mended(session: Session, known: KnownFinding, done: str, *, by: str, why: str, now: datetime) -> None:
    """What was done about a finding, by whose word; it is gone once a look does not find it any more."""
    evidence = {"key": known.key, "done": done, "mend": dict(known.mend)}
    record(session, by, MENDED, known.subject, why=why, evidence=evidence, now=now)


def facts_of(row: Finding) -> KnownFinding:
    """The row, frozen."""
    return KnownFinding(
        key=row.key,
        server=row.server_name,
        look=Look(row.kind),
        subject=row.subject,
        severity=Severity(row.severity),
        sentence=row.sentence,
        do=row.do,
        mend=row.mend,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        gone_at=row.gone_at,
        silenced_until=row.silenced_until,
        silenced_by=row.silenced_by,
        silenced_because=row.silenced_because,
    )


def _keep(session: Session, one: FleetFinding, now: datetime) -> None:
    """One finding as it is now; the day on which it was first seen stays."""
    row = session.get(Finding, one.key, with_for_update=True, populate_existing=True)
    if row is None:
        row = Finding(key=one.key, first_seen=now, silenced_by="", silenced_because="", severity=one.severity)
        session.add(row)
    if _is_news(row, one.severity, now):
        row.told_at = None
    row.server_name, row.kind, row.subject, row.severity = one.server, one.look, one.about, one.severity
    row.sentence, row.do, row.mend = one.sentence, one.told_do, dict(one.mend)
    row.last_seen, row.gone_at = now, None


def _is_news(row: Finding, severity: Severity, now: datetime) -> bool:
    """Whether a finding is told once more: it is back, or has grown graver. What comes and goes by the hour is not."""
    back = row.gone_at is not None and now - row.gone_at >= NEWS_AFTER
    graver = ORDER.index(severity) < ORDER.index(Severity(row.severity))
    return back or (graver and row.told_at is not None and now - row.told_at >= NEWS_AFTER)


def _sorted(findings: Iterable[KnownFinding]) -> list[KnownFinding]:
    """The gravest first; what is silenced is no matter of this."""
    return sorted(findings, key=lambda one: (ORDER.index(one.severity), one.server, one.key))


def _row(session: Session, key: str) -> Finding:
    """The row of a key, locked."""
    row = session.get(Finding, key, with_for_update=True, populate_existing=True)
    if row is None:
        raise UnknownFinding(f"There is no finding {key}.", "List them (phm findings) and take one of the keys.")
    return row
