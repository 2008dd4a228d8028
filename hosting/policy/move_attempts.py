"""When a move is tried again whose run came to nothing: at once where its customer is kept out (P24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.errors import StepFailed
from hosting.policy.attempts import AGAIN_AFTER, CLOSED_AGAIN_AFTER, again_at
from hosting.policy.states import MoveState

if TYPE_CHECKING:
    from datetime import datetime

CALMER_AFTER = AGAIN_AFTER[-1]
"""How long to wait for a quieter moment, where the instance would have been closed for too long."""


class NotInTime(StepFailed):
    """The instance would be closed for too long: it opens again where it is, and is moved at a quieter time."""

    def __init__(self, what: str) -> None:
        super().__init__(what, "It is open on its old server, and is moved at a quieter time.")


def next_try(
    state: MoveState, *, closed: bool, passes: bool, calmer: bool, tried: int, now: datetime
) -> datetime | None:
    """When a move is tried again after a failure; None where a person has to see to it first.

    Args:
        state: in which the failure left it; planned, where it has not begun or was undone.
        closed: whether its customer is kept out: then it is gone on with whatever the failure was.
        passes: whether the failure may heal by itself.
        calmer: whether a quieter moment is what it needs.
        tried: how often it was tried again already.
        now: this moment.
    """
    if closed:
        return now + CLOSED_AGAIN_AFTER
    if not passes or (state is MoveState.PLANNED and tried >= len(AGAIN_AFTER)):
        return None
    if state not in {MoveState.PLANNED, MoveState.COPYING, MoveState.SWITCHED}:
        return None
    return now + CALMER_AFTER if calmer else again_at(tried, now)
