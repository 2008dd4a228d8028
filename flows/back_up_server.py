"""Every day an incremental backup, every week a full one, of every instance (P19, P21, P22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from prefect import flow
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict, Field

from hosting.policy.backup_budget import backup_seconds
from hosting.policy.values import PointKind
from tasks.backup_reports import check_all_backed_up, report_backups, report_point
from tasks.backup_runs import back_up, telling_backup_failure
from tasks.records import now, read_server, record_operator
from tasks.recovery_points import read_histories, read_history, read_instance
from tasks.snapshots import ensure_store_ready

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture
    from prefect.task_runners import TaskRunner

SIDE_BY_SIDE = 2
"""Instances of one server at once: while one dumps, another one stores; dumps follow each other."""


class BackUpServerRequest(BaseModel):
    """Back up what is due on one server; what is not due is left alone."""

    model_config = ConfigDict(extra="forbid")
    server: str = Field(title="Server", description="Its name, e.g. app1.", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field("", title="Reason", description="Why you start it by hand; recorded.", max_length=500)


class BackUpInstanceRequest(BaseModel):
    """Back up one instance now."""

    model_config = ConfigDict(extra="forbid")
    instance: str = Field(title="Instance", description="Its name, e.g. k3v9q2.", pattern=r"^[a-z0-9]{1,32}$")
    kind: Literal["as due", "full", "incremental"] = Field(
        "as due", title="Kind", description="As due: full where a full one is due or none is there, else incremental."
    )
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field("", title="Reason", description="Why you start it by hand; recorded.", max_length=500)


@flow(
    name="back-up-server",
    flow_run_name="back-up-server {request.server}",
    persist_result=False,
    task_runner=cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=SIDE_BY_SIDE)),
)
def back_up_server(request: BackUpServerRequest) -> Any:
    """Back up every instance of a server for which a backup is due; one that fails stops none of the others.

    Args:
        request: Which server, and who asks.
    """
    with telling_backup_failure():
        if request.operator:
            record_operator(request.operator, f"server:{request.server}", request.reason)
        server = read_server(request.server)
        due = [(history, what) for history in read_histories(server.name) if (what := history.due(now()))]
        due.sort(key=lambda one: one[1].was_due_at)
        if due:
            ensure_store_ready()
        taken = [
            back_up.with_options(task_run_name=f"back up {history.instance.name}").submit(
                server,
                history.instance,
                what.kind,
                backup_seconds(history.points, full=what.kind is PointKind.FULL),
                patient=True,
            )
            for history, what in due
        ]
        outcomes = [one.result() for one in taken]
        report_backups(server, outcomes)
        check_all_backed_up(server, outcomes)
        return Completed(message=f"{len(outcomes)} of {len(outcomes)} instances that were due are backed up.")


@flow(name="back-up-instance", flow_run_name="back-up-instance {request.instance}", persist_result=False)
def back_up_instance(request: BackUpInstanceRequest) -> Any:
    """Back up one instance now, whatever is due.

    Args:
        request: Which instance, how, and who asks.
    """
    if request.operator:
        record_operator(request.operator, f"instance:{request.instance}", request.reason)
    instance = read_instance(request.instance)
    history = read_history(instance)
    kind = history.kind_of(request.kind, now())
    ensure_store_ready()
    outcome = back_up(
        read_server(instance.server_name), instance, kind, backup_seconds(history.points, full=kind is PointKind.FULL)
    )
    point = report_point(outcome)
    return Completed(message=f"{instance.name}: {point.kind} point {point.id}, {point.seconds:.1f} s.")
