"""A server is emptied, move by move, and retired; addresses under its name go on working (P10, P12)."""

from __future__ import annotations

from typing import Any, Self

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hosting.inventory.evacuation_rows import EvacuationOrder
from hosting.policy.evacuation import PARALLEL, PARALLEL_MOST
from tasks.evacuations import (
    begin_evacuation,
    go_on_with,
    read_evacuation_plan,
    report_evacuation,
    telling_evacuation_failure,
)
from tasks.standing_in import (
    ensure_name_answered,
    ensure_zone_leads_to,
    prove_name_answered,
    read_names,
    read_successor,
    record_retired,
)

NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"


class EvacuationRequest(BaseModel):
    """Empty a server, look what that would be, or go on with one that is being emptied."""

    model_config = ConfigDict(extra="forbid")
    server: str = Field(title="Server", description="Its name, e.g. app1.", pattern=NAME)
    going_on: bool = Field(
        default=False, title="Go on", description="As it was ordered before; all below but the plan is left aside."
    )
    preview: bool = Field(default=True, title="Only show", description="Show the plan; nothing is changed.")
    to: list[str] = Field(
        default_factory=list, title="To", description="Servers that may take instances; none: all that take any."
    )
    emergency: bool = Field(
        default=False,
        title="Emergency",
        description="Without asking the customers, and without a fresh backup; else each is offered times.",
    )
    parallel: int = Field(PARALLEL, title="At once", description="Moves at the same time.", ge=1, le=PARALLEL_MOST)
    successor: str = Field(
        "", title="Successor", description="Answers under the server's name afterwards; empty: the one with most room."
    )
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field("", title="Reason", description="Why; recorded.", max_length=500)

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        """Nothing is begun without a reason."""
        if self.preview or self.going_on or self.reason.strip():
            return self
        raise ValueError("say why the server is to be emptied: the reason is recorded")

    @property
    def order(self) -> EvacuationOrder:
        """What is wanted."""
        return EvacuationOrder(
            self.server, self.reason, self.emergency, self.parallel, tuple(self.to), self.successor
        )  # fmt: skip


@flow(name="evacuate-server", flow_run_name="evacuate-server {request.server}", persist_result=False)
def evacuate_server(request: EvacuationRequest) -> Any:
    """Let a server take nothing new, have its instances moved, and retire it once nothing is left on it.

    The moves are runs of their own; `dispatch-due-work` goes on with the next ones each minute. Run again at any time,
    it goes on from there.

    Args:
        request: Which server, how, and who asks.
    """
    if request.preview and not request.going_on:
        plan = read_evacuation_plan(request.order)
        report_evacuation(plan)
        said = f"{len(plan.moves)} moves, about {plan.seconds / 60:.0f} min; {len(plan.staying)} stay for now."
        return Completed(name="Shown", message=said)
    with telling_evacuation_failure(request.server):
        if not request.going_on:
            begin_evacuation(request.order, request.operator or "service")
        beat = go_on_with(request.server)
        report_evacuation(beat.plan)
        if not beat.empty:
            said = f"{len(beat.plan.moves) + len(beat.plan.going)} are to go, {len(beat.plan.staying)} stay for now."
            return Completed(message=f"{request.server} is being emptied: {len(beat.begun)} begin, {said}")
        successor = read_successor(beat.evacuation)
        for gone in read_names(request.server):
            ensure_name_answered(successor, gone)
            prove_name_answered(successor, gone)
            ensure_zone_leads_to(successor, gone)
        record_retired(request.server, successor.name)
        return Completed(message=f"{request.server} is retired; {successor.name} answers under its name.")
