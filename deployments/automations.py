"""What Prefect does by itself: a run that stopped giving signs of life is marked as crashed."""

from __future__ import annotations

from datetime import timedelta

from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from deployments.runtime.environment import ZOMBIE_SECONDS

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
