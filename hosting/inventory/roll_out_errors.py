"""What the probers were told by the instances that a roll-out has updated (P17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory.probes import spans_between
from hosting.policy.roll_out_errors import Updated, asked, error_halt
from hosting.policy.roll_outs import UpdateState
from hosting.policy.terms import STANDARD
from hosting.policy.values import InstanceName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.roll_out_rows import UpdateFacts


def errors_since(session: Session, updates: Sequence[UpdateFacts], now: datetime) -> str:
    """Why the roll-out of these updates has to halt: more errors in a ring than before; empty where it goes on."""
    watched = STANDARD.update_watched
    done = [
        (one, one.begun_at or one.ended_at, one.ended_at) for one in updates
        if one.state is UpdateState.DONE and not one.forgiven and one.ended_at and now - one.ended_at < watched
    ]  # fmt: skip
    if not done:
        return ""
    names = [one.instance for one, _, _ in done]
    spans = spans_between(session, min(begun for _, begun, _ in done) - watched, now, names)
    found = []
    for one, begun, ended in done:
        seen = spans.get(InstanceName(one.instance), [])
        found.append(Updated(one.ring, asked(seen, begun - watched, begun), asked(seen, ended, now)))
    return error_halt(found, STANDARD.update_errors_most_percent)
