"""How fast copies went between servers, as the moves of late tell it (P24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory.models import Move
from hosting.policy.move_pace import Copied, pace_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sqlalchemy.orm import Session

    from hosting.policy.values import ServerName

ESTIMATED, COPIED = "estimated", "copied_seconds"
"""The entries of a move's evidence that tell what it was to take, and what the copying took."""

LOOKED_AT = 200
"""So many of the last moves are looked at."""


def paces(session: Session) -> Callable[[ServerName, ServerName], float]:
    """The pace between two servers: of the last copies that one of them took part in."""
    newest = select(Move).where(Move.begun_at.is_not(None)).order_by(Move.id.desc()).limit(LOOKED_AT)
    seen = [
        ({row.source_name, row.target_name}, _copied(row.evidence))
        for row in session.scalars(newest)
        if COPIED in row.evidence
    ]

    def pace(source: ServerName, target: ServerName) -> float:
        return pace_of(copied for both, copied in seen if both & {source, target})

    return pace


def _copied(evidence: Mapping[str, Any]) -> Copied:
    """What a move has kept of its copying."""
    estimated = evidence[ESTIMATED]
    return Copied(estimated["seconds"] / estimated.get("pace", 1.0), evidence[COPIED])
