"""Product releases that operators registered; one of them is current (P01, P17)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.errors import Refused
from hosting.inventory.deeds import record
from hosting.inventory.models import Release
from hosting.inventory.turns import take_turn
from hosting.policy.values import ReleaseFacts, ReleaseId

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


class UnknownRelease(Refused):
    """No registered release has this id."""


class NoRelease(Refused):
    """No release is registered, so that nothing can be installed."""

    def __init__(self) -> None:
        super().__init__("No release is registered.", "Register one: phm release add FILE.")


def add_release(session: Session, release: ReleaseFacts, by: str, now: datetime) -> ReleaseFacts:
    """Register a release; the first one becomes current, the same archive again changes nothing."""
    take_turn(session, "releases")
    if session.get(Release, release.id) is None:
        current = session.scalars(select(Release).where(Release.current)).first() is None
        session.add(
            Release(
                id=release.id,
                build=release.build,
                version=release.version,
                edition=release.edition,
                bytes=release.bytes,
                added_at=now,
                added_by=by,
                current=current,
            )
        )
        session.flush()
        evidence = {"version": release.version, "build": release.build, "edition": release.edition}
        record(session, by, "release added", f"release:{release.id[:12]}", evidence=evidence, now=now)
    return release_facts(session, release.id)


def release_facts(session: Session, release_id: str) -> ReleaseFacts:
    """One registered release.

    Raises:
        UnknownRelease: no registered release has this id.
    """
    row = session.get(Release, release_id)
    if row is None:
        message = f"There is no release {release_id[:12]}."
        raise UnknownRelease(message, "List the releases (phm release list) and take one of them.")
    return facts_of(row)


def all_releases(session: Session) -> list[ReleaseFacts]:
    """All registered releases, the newest build first."""
    rows = session.scalars(select(Release).order_by(Release.build.desc(), Release.added_at.desc(), Release.id))
    return [facts_of(row) for row in rows]


def current_release(session: Session) -> ReleaseFacts:
    """The release that new instances get (P01).

    Raises:
        NoRelease: none is registered.
    """
    row = session.scalars(select(Release).where(Release.current)).first()
    if row is None:
        raise NoRelease
    return facts_of(row)


def make_current(session: Session, release_id: str, by: str, now: datetime) -> ReleaseFacts:
    """Let new instances get this release; the one that is current already stays so.

    Raises:
        UnknownRelease: no registered release has this id.
    """
    take_turn(session, "releases")
    chosen = release_facts(session, release_id)
    if not chosen.current:
        for row in session.scalars(select(Release)):
            row.current = row.id == chosen.id
        evidence = {"version": chosen.version}
        record(session, by, "release made current", f"release:{chosen.id[:12]}", evidence=evidence, now=now)
    return replace(chosen, current=True)


def facts_of(row: Release) -> ReleaseFacts:
    """The row, frozen."""
    return ReleaseFacts(ReleaseId(row.id), row.build, row.version, row.edition, row.bytes, row.current)
