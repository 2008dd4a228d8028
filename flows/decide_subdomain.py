"""Which name an instance gets in our zone: the program finds, a person decides, the customer is told (P26 to P28)."""

from __future__ import annotations

import contextlib
from typing import Any, Literal

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hosting.errors import ServiceError
from tasks.name_applications import (
    judge_queue_again,
    record_application,
    record_approval,
    record_refusal,
    report_name_queue,
    report_recheck,
    said_of,
)
from tasks.name_letters import tell_customers_of_names
from tasks.runs import dispatch_open_work

APPLY, APPROVE, REFUSE, SHOW = "apply for a name", "approve", "refuse", "show the queue"


class DecisionRequest(BaseModel):
    """Apply for a name, decide on one that waits, or look at all that wait."""

    model_config = ConfigDict(extra="forbid")
    action: Literal["apply for a name", "approve", "refuse", "show the queue"] = Field(
        "show the queue",
        title="Action",
        description="The queue is shown as the run's artifact in any case.",
    )
    application: int | None = Field(
        None, title="Application", description="Its number, as the queue tells it; to approve or refuse.", ge=1
    )
    instance: str = Field(
        "", title="Instance", description="Its name, e.g. k3v9q2; to apply.", pattern=r"^[a-z0-9]{0,32}$"
    )
    name: str = Field(
        "", title="Name", description="As the customer wrote it, without our zone; to apply.", max_length=191
    )
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field(
        "",
        title="Reason",
        description="Recorded. To refuse: in the customer's language, he reads it.",
        max_length=1000,
    )

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> DecisionRequest:
        """Each action needs its own; who acts is always named."""
        if self.action == APPLY and not (self.instance and self.name.strip()):
            raise ValueError("To apply, give the instance and the name.")
        if self.action in {APPROVE, REFUSE} and self.application is None:
            raise ValueError("To approve or refuse, give the application's number.")
        if self.action != SHOW and not (self.operator.strip() and self.reason.strip()):
            raise ValueError("Give your name and a reason: each name is decided on by a person (P28).")
        return self


@flow(name="decide-subdomain", persist_result=False)
def decide_subdomain(request: DecisionRequest) -> Any:
    """Record a wish or a decision, tell the customer, bring an approved name up, and show what still waits.

    Args:
        request: What to do, about which name, and who does it.
    """
    said = decided(request)
    if request.action != SHOW:
        with contextlib.suppress(ServiceError):  # in the run's log, and done by the clock within a minute
            tell_customers_of_names()
        with contextlib.suppress(ServiceError):  # likewise
            dispatch_open_work()
    waiting = report_name_queue()
    return Completed(message=f"{said} {waiting} names wait for a decision.".strip())


@flow(name="recheck-names", persist_result=False)
def recheck_names() -> Any:
    """Judge what waits by the lists of today, and tell which names in use would need another look."""
    found = judge_queue_again()
    report_recheck(found)
    report_name_queue()
    changed, in_use = len(found.changed), len(found.no_longer)
    said = f"{found.judged} names were judged by {found.version}: {changed} otherwise than before; {in_use} in use"
    return Completed(message=f"{said} would need another look.")


def decided(request: DecisionRequest) -> str:
    """What was done about the name, in one sentence."""
    if request.action == APPLY:
        return said_of(record_application(request.instance, request.name, request.operator, request.reason))
    if request.application is None:
        return ""
    if request.action == APPROVE:
        return said_of(record_approval(request.application, request.operator, request.reason))
    return said_of(record_refusal(request.application, request.operator, request.reason))
