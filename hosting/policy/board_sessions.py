"""Sessions at the board: signed, bounded in time, over with the password; and the seal of its forms.

A session is a signed statement of who logged in when, and was last seen when. The signature (HMAC-SHA256, RFC 2104)
covers the kept password's hash as well: another password, or none, ends all sessions. Nothing of it is kept here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

IDLE_MOST = timedelta(hours=1)
"""So long after the last look by a person's hand a session ends; the page's own refreshing does not count."""

SESSION_MOST = timedelta(hours=12)
"""A session ends then in any case."""

FORM_MOST = timedelta(hours=1)
"""So long the login's form may stand open."""

SEEN_AGAIN_AFTER = timedelta(minutes=1)
"""A session that was seen within so long is not stamped anew."""

AHEAD_MOST = timedelta(minutes=1)
"""A stamp from further ahead was not made here."""

PURPOSE = b"phm operators' board, 1"
"""What the key is derived for: what is signed here is taken nowhere else."""

EPOCH, TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

FORM = re.compile(r"([A-Za-z0-9_-]{1,800})\.([1-9][0-9]{14,15})\.([1-9][0-9]{14,15})\.([A-Za-z0-9_-]{43})", re.ASCII)
"""The operator's name in base64, the microseconds of login and last look, the signature."""


@dataclass(frozen=True)
class BoardSession:
    """What a cookie says; true only if its signature is."""

    operator: str
    begun_at: datetime
    seen_at: datetime
    signature: str = ""

    def seen(self, now: datetime) -> BoardSession:
        """The same, looked at now; its signature has to be made anew."""
        return replace(self, seen_at=now, signature="")


def write_session(key: str, session: BoardSession, kept: str) -> str:
    """The cookie of a session.

    Args:
        key: the service's sealing key.
        session: who, since when, seen when.
        kept: the hash of the operator's password.
    """
    told = _told(session)
    return f"{told}.{_signature(key, 'session', told, kept)}"


def read_session(cookie: str) -> BoardSession | None:
    """What a cookie says, None if it has not the form of one; not proven yet."""
    found = FORM.fullmatch(cookie)
    if found is None:
        return None
    name, begun, seen, signature = found.groups()
    try:
        operator = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
    except ValueError:
        return None
    return BoardSession(operator, EPOCH + int(begun) * TICK, EPOCH + int(seen) * TICK, signature)


def is_valid(key: str, session: BoardSession, kept: str, sessions_since: datetime, now: datetime) -> bool:
    """Whether a session was made here, by this password, is not logged out, and is within its times.

    Args:
        key: the service's sealing key.
        session: as read.
        kept: the hash of the operator's password as it is now.
        sessions_since: what was begun before has ended.
        now: the moment.
    """
    made = _signature(key, "session", _told(session), kept)
    in_time = now - session.seen_at <= IDLE_MOST and now - session.begun_at <= SESSION_MOST
    past = session.begun_at <= session.seen_at <= now + AHEAD_MOST
    counts = session.begun_at >= sessions_since
    return hmac.compare_digest(made, session.signature) and in_time and past and counts


def seal_form(key: str, visitor: str, now: datetime) -> str:
    """What a form carries along: only who was shown the page, and not long ago, can send it.

    Args:
        key: the service's sealing key.
        visitor: what the visitor's own cookie says.
        now: the moment.
    """
    seconds = str(int(now.timestamp()))
    return f"{seconds}-{_signature(key, 'form', visitor, seconds)}"


def is_own_form(key: str, visitor: str, seal: str, now: datetime) -> bool:
    """Whether a form was shown to this visitor, not long ago."""
    seconds, _, signature = seal.partition("-")
    if not visitor or not re.fullmatch(r"[1-9][0-9]{8,10}", seconds, re.ASCII):
        return False
    age = now - datetime.fromtimestamp(int(seconds), UTC)
    own = hmac.compare_digest(_signature(key, "form", visitor, seconds).encode(), signature.encode("utf-8", "replace"))
    return own and -AHEAD_MOST <= age <= FORM_MOST


def _told(session: BoardSession) -> str:
    """What is signed of a session."""
    name = base64.urlsafe_b64encode(session.operator.encode()).rstrip(b"=").decode()
    return f"{name}.{(session.begun_at - EPOCH) // TICK}.{(session.seen_at - EPOCH) // TICK}"


def _signature(key: str, *parts: str) -> str:
    """The signature of texts, each with its length before it."""
    derived = hmac.digest(key.encode(), PURPOSE, hashlib.sha256)
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return base64.urlsafe_b64encode(hmac.digest(derived, text.encode(), hashlib.sha256)).rstrip(b"=").decode()
