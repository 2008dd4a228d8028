"""What was overwritten or hidden of a generation in the store is what was first written there again (P20)."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from tasks.leases import working_on
from tasks.mending import (
    ensure_first_written,
    prove_whole,
    read_altered,
    read_checking_server,
    read_generation,
    read_left_to_mend,
    record_begun,
    record_mended,
    report_mended,
)
from tasks.records import now, record_operator


class MendRequest(BaseModel):
    """Bring back what was first written of a generation."""

    model_config = ConfigDict(extra="forbid")
    generation: str = Field(
        title="Generation",
        description="Its id, as phm snapshots --json and the audit name it, e.g. k3v9q2-20261206t223104.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,127}$",
    )
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field("", title="Reason", description="Why; recorded.", max_length=500)


@flow(name="mend-generation", flow_run_name="mend-generation {request.generation}", persist_result=False)
def mend_generation(request: MendRequest) -> Any:
    """Bring back what was overwritten or hidden of a generation in the store, and look all of it through.

    Nothing is taken away: the version that belongs there is copied on top. A generation that was damaged can be relied
    on again once it was read whole, and is closed; one that is spoilt all the same stays damaged. What a rehearsal has
    found where nothing is altered, reading does not overturn: that is refused.

    Args:
        request: Which generation, and who asks.
    """
    generation, instance = read_generation(request.generation)
    if request.operator:
        record_operator(request.operator, f"instance:{instance.name}", request.reason)
    server = read_checking_server(generation)
    with working_on(server, instance, "mend"):
        altered = read_altered(generation)
        if not read_left_to_mend(generation, altered):
            return Completed(message=f"Generation {generation.id} is what was first written: nothing to mend.")
        report_mended(generation, altered)
        record_begun(generation, altered)
        mended = ensure_first_written(generation, altered)
        since = now()
        prove_whole(server, generation, altered)
        record_mended(server, generation, mended, since)
    return Completed(message=f"Generation {generation.id} is sound: {mended} objects brought back, all of it read.")
