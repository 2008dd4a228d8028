"""Cases that operators are told of by letter: each once, and again each minute until the relay has taken it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory import cases
from hosting.inventory.cases import (
    CERTIFICATE_ENDED,
    CONTROL_NOT_BACKED_UP,
    DOMAIN_ASTRAY,
    NAME_NOT_JUDGED,
    NAME_WAITS,
    NOT_AGREED,
    NOT_DONE,
    REHEARSAL_FAILED,
    SETUP_FAILED,
)
from hosting.inventory.evacuation_rows import STILL
from hosting.inventory.server_updates import HALTED
from tasks.letters import local, tell_operator
from tasks.records import inventory
from tasks.step import reading

if TYPE_CHECKING:
    from hosting.inventory.cases import CaseFacts

TOLD = (
    SETUP_FAILED,
    NOT_DONE,
    NOT_AGREED,
    REHEARSAL_FAILED,
    CONTROL_NOT_BACKED_UP,
    STILL,
    HALTED,
    CERTIFICATE_ENDED,
    DOMAIN_ASTRAY,
    NAME_NOT_JUDGED,
    NAME_WAITS,
)
"""The kinds that keep a customer, a move or updates waiting, or a backup from being made or trusted; the others are
looked through by day (`phm case list`)."""


def tell_open_cases() -> int:
    """A letter for every open case of these kinds that none was sent for; how many were sent.

    Raises:
        Unreachable: the relay does not take one; it is sent the next time.
    """
    with inventory().reading() as session:
        waiting = [case for case in cases.open_cases(session) if case.kind in TOLD]
    return sum(_tell(case) for case in waiting)


def _tell(case: CaseFacts) -> bool:
    """One case's letter, unless it was sent."""
    values: dict[str, object] = {
        "job": case.kind,
        "subject": case.subject.replace(":", " "),
        "what": case.summary,
        "do": f"It is case {case.id}: phm case show {case.id}.",
        "run": str(case.facts.get("run", "-")),
        "at": local(case.raised_at),
    }
    return tell_operator(f"case:{case.id}", values)


@reading
def tell_operators() -> int:
    """Letters for the open cases that keep a customer waiting."""
    return tell_open_cases()
