"""Every night, after what is stored was measured: which instances need to move, and whither (P24)."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.states import Completed

from tasks.capacity import find_needs, report_needs


@flow(name="plan-moves", persist_result=False)
def plan_moves() -> Any:
    """Record the moves that are needed, and show them; none is done, and nobody told, before a person says so."""
    needs = find_needs()
    report_needs(needs)
    nowhere = sum(one.target_name is None for one in needs)
    said = (
        f"{len(needs)} moves are needed, {nowhere} of them fit nowhere."
        if needs
        else "Every server gives what is booked."
    )
    return Completed(message=said)
