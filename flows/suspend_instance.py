"""An instance is closed for its users while its data stay, and opened again; by the records of what is wanted (P41)."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from tasks.closing import ensure_nothing_runs
from tasks.leases import working_on
from tasks.probes import prove_instance_answers
from tasks.records import read_server
from tasks.suspending import (
    as_served,
    as_suspended,
    prove_suspended,
    read_morning,
    read_wanted,
    record_put_off,
    record_resumed,
    record_suspended,
    record_work_done,
    tell_customer_resumed,
    tell_customer_suspended,
    tried_again,
)
from tasks.web import ensure_cron, ensure_site


class SuspensionRequest(BaseModel):
    """Bring an instance to what its suspensions say; run again, it is gone on with."""

    model_config = ConfigDict(extra="forbid")
    instance: str = Field(title="Instance", description="Its name, e.g. k3v9q2.", pattern=r"^[a-z0-9]{1,32}$")


@flow(name="suspend-instance", flow_run_name="suspend-instance {request.instance}", persist_result=False)
def suspend_instance(request: SuspensionRequest) -> Any:
    """A page says that the instance is suspended, and nothing of it runs; its data and backups stay as they are.

    Args:
        request: Which instance. Nothing happens where nobody wants it suspended any more; for its rent alone it is
            closed on a working morning only, however late the run comes.
    """
    instance, _ = read_wanted(request.instance)
    server = read_server(instance.server_name)
    with tried_again(), working_on(server, instance, "suspend"):
        instance, wanted = read_wanted(request.instance)
        server = read_server(instance.server_name)  # a move may have ended meanwhile
        if not wanted:
            record_work_done(instance, suspending=True)
            return Completed(message=f"Nobody wants {instance.name} suspended.")
        morning = read_morning(instance)
        if morning is not None:
            ensure_site(server, instance)  # a run that was killed may have closed it half
            ensure_cron(server, instance)
            record_put_off(instance, morning)
            return Completed(message=f"{instance.name} is suspended for its rent when somebody works: {morning}.")
        shut = as_suspended(instance)
        ensure_cron(server, shut)
        ensure_site(server, shut)
        ensure_nothing_runs(server, shut)
        record_suspended(shut, prove_suspended(server, shut))
        tell_customer_suspended(shut)
        record_work_done(shut, suspending=True)
    return Completed(message=f"{instance.name} is suspended.")


@flow(name="resume-instance", flow_run_name="resume-instance {request.instance}", persist_result=False)
def resume_instance(request: SuspensionRequest) -> Any:
    """The instance serves as before, proven from outside, at any time of the day.

    Args:
        request: Which instance. It stays closed where a suspension of it stands.
    """
    instance, _ = read_wanted(request.instance)
    server = read_server(instance.server_name)
    with tried_again(), working_on(server, instance, "resume"):
        instance, wanted = read_wanted(request.instance)
        server = read_server(instance.server_name)  # a move may have ended meanwhile
        if wanted is not False:
            record_work_done(instance, suspending=False)
            return Completed(message=f"{instance.name} is not opened: it is {instance.state}, or stays suspended.")
        served = as_served(instance)
        ensure_site(server, served)
        ensure_cron(server, served)
        record_resumed(served, prove_instance_answers(server, served))
        tell_customer_resumed(served)
        record_work_done(served, suspending=False)
    return Completed(message=f"{instance.name} serves again.")
