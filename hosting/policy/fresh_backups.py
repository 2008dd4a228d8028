"""Whether a backup is fresh enough for what begins only with one: a move, an update of a server (P14, P24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.policy.terms import STANDARD

if TYPE_CHECKING:
    from datetime import datetime

FRESH = STANDARD.backup_fresh
"""No older may it be; the same for the whole service."""


def is_fresh(last_good_at: datetime | None, now: datetime) -> bool:
    """Whether an instance could be brought back as it was not long ago.

    Args:
        last_good_at: of its newest point that can be relied on (`backup_audit.backup_standing`); None: there is none.
        now: this moment.
    """
    return last_good_at is not None and now - last_good_at <= FRESH
