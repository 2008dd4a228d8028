"""Roll-outs that go on become work of their servers, which `dispatch_open_work` turns into runs (P17)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.inventory import roll_outs, work
from hosting.inventory.deeds import SERVICE
from hosting.inventory.session import in_transaction
from hosting.inventory.turns import take_turn
from hosting.policy.states import WorkState
from tasks.records import inventory, now
from tasks.step import reading, run_logger
from tasks.update_records import due_updates

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LONGEST_RUN = timedelta(days=1)
WAITING = frozenset({WorkState.OPEN, WorkState.DISPATCHED})


@reading
def ask_for_due_updates() -> list[str]:
    """Each server that a roll-out needs now gets work, unless it has some; the works' subjects."""
    with inventory().reading() as session:
        if not roll_outs.with_work(session):
            return []  # most minutes: nobody is kept from writing for that

    def ask(session: Session) -> list[str]:
        take_turn(session, f"ask for {work.UPDATE_APPLICATION}")
        at, asked = now(), []
        runs = work.work_since(session, work.UPDATE_APPLICATION, at - LONGEST_RUN)
        busy = {one.subject.partition("@")[0] for one in runs if one.state in WAITING}
        for facts in roll_outs.with_work(session):
            for server in roll_outs.go_on(session, facts.id, at, load(ServiceSettings).holidays_state).servers:
                head = f"{facts.id}:{server}"
                if head not in busy and due_updates(session, facts.id, server, at):
                    asked.append(f"{head}@{at:%Y-%m-%dT%H:%MZ}")
        for subject in asked:
            work.ask_for(session, work.UPDATE_APPLICATION, subject, at, by=SERVICE, now=at)
        return asked

    subjects = in_transaction(inventory(), ask)
    for subject in subjects:
        run_logger().info("A roll-out goes on: %s", subject)
    return subjects


def parameters_of(subject: str) -> dict[str, Any]:
    """What the run of such work is told."""
    number, _, rest = subject.partition(":")
    return {"request": {"roll_out": int(number), "server": rest.partition("@")[0]}}
