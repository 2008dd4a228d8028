"""One-time, expiring links to a customer's pages; only the hash of a token is kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import CursorResult, select, update

from hosting.errors import Refused
from hosting.inventory.models import AccessLink

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session

TOKEN_BYTES = 32
ASK = "Ask for a new link."


@dataclass(frozen=True)
class LinkFacts:
    """What a link opens, and until when."""

    instance_name: str
    purpose: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class LinkUnknown(Refused):
    """No link has this token."""

    def __init__(self) -> None:
        super().__init__("This link is not valid.", ASK)


class LinkExpired(Refused):
    """The link's time is over, or a newer link took its place."""

    def __init__(self) -> None:
        super().__init__("This link has expired or was replaced by a newer one.", ASK)


class LinkUsed(Refused):
    """The link was used before."""

    def __init__(self) -> None:
        super().__init__("This link was used already.", ASK)


def make_link(
    session: Session, instance: str, purpose: str, now: datetime, valid_for: timedelta, *, replaces: bool = True
) -> str:
    """Make a link's token.

    Args:
        session: of the transaction.
        instance: what it leads to.
        purpose: what for.
        now: this moment.
        valid_for: how long it lives.
        replaces: whether earlier unused links to the same end expire with it; else with the first use of any.

    Returns:
        The token, told once: the inventory keeps its hash alone.
    """
    if replaces:
        end_unused(session, instance, purpose, now)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.add(
        AccessLink(
            token_sha256=_hash(token), instance_name=instance, purpose=purpose, made_at=now, expires_at=now + valid_for
        )
    )
    session.flush()
    return token


def find_link(session: Session, token: str, now: datetime) -> LinkFacts:
    """What a token opens.

    Raises:
        LinkUnknown: no link has this token.
        LinkUsed: it was used before.
        LinkExpired: its time is over, or a newer link took its place.
    """
    query = select(AccessLink).where(AccessLink.token_sha256 == _hash(token))
    row = session.scalars(query.execution_options(populate_existing=True)).first()
    if row is None:
        raise LinkUnknown
    if row.used_at is not None:
        raise LinkUsed
    if row.expires_at <= now:
        raise LinkExpired
    return LinkFacts(row.instance_name, row.purpose, row.made_at, row.expires_at)


def use_link(session: Session, token: str, now: datetime) -> LinkFacts:
    """Use a link up, and with it all others to the same end; of several who try at once, one succeeds.

    Raises:
        LinkUnknown: no link has this token.
        LinkUsed: it was used before.
        LinkExpired: its time is over, or a newer link took its place.
    """
    facts = find_link(session, token, now)
    claim = update(AccessLink).where(AccessLink.token_sha256 == _hash(token), AccessLink.used_at.is_(None))
    result = session.execute(claim.values(used_at=now))
    if not isinstance(result, CursorResult) or result.rowcount != 1:
        raise LinkUsed
    end_unused(session, facts.instance_name, facts.purpose, now)
    return facts


def end_unused(session: Session, instance: str, purpose: str, now: datetime) -> None:
    """Let all links to an end expire that nobody used."""
    unused = update(AccessLink).where(
        AccessLink.instance_name == instance,
        AccessLink.purpose == purpose,
        AccessLink.used_at.is_(None),
        AccessLink.expires_at > now,
    )
    session.execute(unused.values(expires_at=now))


def _hash(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
