"""Every minute: what is recorded as due becomes a run, and what a run left undone is seen to (DESIGN.md section 2)."""

from __future__ import annotations

from prefect import flow

from tasks.run_ends import settle_ended_runs
from tasks.runs import dispatch_open_work


@flow(name="dispatch-due-work", persist_result=False)
def dispatch_due_work() -> None:
    """Turn due records into runs; nothing is lost and nothing doubled, however often this runs at once."""
    settle_ended_runs()
    dispatch_open_work()
