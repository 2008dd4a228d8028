"""What Prefect does by itself: silent runs are marked as crashed, and who fails has outages looked at."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from deployments.runtime.environment import ZOMBIE_SECONDS
from tasks.outages import CHANGED

if TYPE_CHECKING:
    from uuid import UUID

HEARTBEAT = "prefect.flow-run.heartbeat"
ENDS = {f"prefect.flow-run.{end}" for end in ("Completed", "Failed", "Cancelled", "Crashed")}

AUTOMATIONS = (
    AutomationCore(
        name="Mark silent runs as crashed",
        description=(
            "A killed worker takes its runs with it and tells nobody. A run that gave no sign of life for "
            f"{ZOMBIE_SECONDS} seconds is marked as crashed; dispatch-due-work then tries its work again."
        ),
        trigger=EventTrigger(
            match=ResourceSpecification.model_validate({"prefect.resource.id": "prefect.flow-run.*"}),
            for_each={"prefect.resource.id"},
            after={HEARTBEAT},
            expect={HEARTBEAT, *ENDS},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=ZOMBIE_SECONDS),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="It gave no sign of life.")],
    ),
)


def on_changed_probes(deployment_id: UUID) -> AutomationCore:
    """The automation that has `measure-availability` look at once, when the prober says that somebody fails or is back.

    Args:
        deployment_id: of that flow, as the server knows it.
    """
    return AutomationCore(
        name="Look at who fails",
        description="The prober's event that an instance fails so often that it is an alarm, or is up again.",
        trigger=EventTrigger(
            match=ResourceSpecification.model_validate({"prefect.resource.id": "phm.prober"}),
            expect={CHANGED},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[RunDeployment(source="selected", deployment_id=deployment_id)],
    )
