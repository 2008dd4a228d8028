"""Letters that were sent; each is sent once under its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory.models import Letter

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def letter_sent(session: Session, key: str) -> bool:
    """Whether the letter of this key was sent."""
    return session.get(Letter, key) is not None


def record_letter(
    session: Session, key: str, *, recipient: str, language: str, subject: str, message_id: str, now: datetime
) -> None:
    """Record a letter as sent; the first record of a key stays."""
    if not letter_sent(session, key):
        session.add(
            Letter(key=key, recipient=recipient, language=language, subject=subject, message_id=message_id, sent_at=now)
        )
        session.flush()
