"""Roll-outs that go on become work of their servers, which `dispatch_open_work` turns into runs (P17)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.inventory import roll_outs, work
from hosting.inventory.deeds import SERVICE
from hosting.inventory.roll_out_turns import call_off_missed, missed_while_halted
from hosting.inventory.session import in_transaction
from hosting.inventory.turns import take_turn
from hosting.policy.roll_outs import RollOutState, UpdateState
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
    see_to_halted()
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


def see_to_halted() -> None:
    """Turns that were told and went by while their roll-out stood are called off; nobody waits for the next night."""
    at = now()
    with inventory().reading() as session:
        halted = {one.id: _waiting(session, one.id) for one in roll_outs.all_roll_outs(session, RollOutState.HALTED)}
        missed = [
            number for number, names in halted.items()
            if missed_while_halted(session, roll_outs.roll_out_facts(session, number), names, at)
        ]  # fmt: skip

    def call_off(session: Session) -> None:
        for number in missed:
            facts = roll_outs.roll_out_facts(session, number)
            if facts.state is RollOutState.HALTED:
                call_off_missed(session, facts, _waiting(session, number), at)

    if missed:  # most minutes: nobody is kept from writing for that
        in_transaction(inventory(), call_off)


def _waiting(session: Session, number: int) -> list[str]:
    """The instances of a roll-out that nobody has begun."""
    return [one.instance for one in roll_outs.updates_of(session, number) if one.state is UpdateState.WAITING]


def parameters_of(subject: str) -> dict[str, Any]:
    """What the run of such work is told."""
    number, _, rest = subject.partition(":")
    return {"request": {"roll_out": int(number), "server": rest.partition("@")[0]}}
