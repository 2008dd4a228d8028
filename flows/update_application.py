"""A product release comes to instances: ring by ring, each closed for seconds, with a way back for each (P17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hosting.errors import ServiceError, StepFailed
from hosting.inventory.closed_updates import CLOSED
from hosting.inventory.leases import LeaseLost
from hosting.inventory.roll_out_rows import RollOutOrder
from hosting.policy.backup_budget import backup_seconds
from hosting.policy.roll_outs import AT_WORK, FAILURES_MOST, PARALLEL, PARALLEL_MOST, UpdateState
from hosting.policy.values import PointKind
from hosting.policy.way_back import STOP_MOST_SECONDS
from tasks.application import ensure_release
from tasks.backup_runs import taken
from tasks.failures import check_all_done
from tasks.leases import working_on
from tasks.outside import watched
from tasks.probes import prove_instance_answers, url_of
from tasks.records import now, read_server
from tasks.recovery_points import read_history
from tasks.snapshots import ensure_store_ready
from tasks.update_records import (
    begin_roll_out,
    check_place,
    next_of,
    outcome_of,
    read_due_updates,
    read_roll_out,
    read_roll_out_plan,
    read_update,
    report_roll_out_plan,
    report_updates,
    telling_update_failure,
)
from tasks.update_states import (
    read_state,
    record,
    record_broken_off,
    record_cleared,
    record_opened,
    record_outage,
    record_preparing,
    record_stopped,
    settle_failure,
)
from tasks.update_stop import (
    close,
    drop_code,
    drop_kept,
    ensure_cron_at_rest,
    ensure_keeping_prepared,
    ensure_new_code,
    keep,
    open_again,
    prove,
    put_back,
    switch,
)
from tasks.update_trial import ensure_no_trial, try_migration
from tasks.web import ensure_cron

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture
    from prefect.task_runners import TaskRunner

    from hosting.policy.values import ServerFacts
    from tasks.update_records import Outcome, Update
    from tasks.update_trial import Trial


class RollOutRequest(BaseModel):
    """Bring a release to the instances that are behind it, or look what that would be."""

    model_config = ConfigDict(extra="forbid")
    release: str = Field(
        title="Release", description="Its id, as phm release list --json has it.", pattern=r"^[0-9a-f]{64}$"
    )
    preview: bool = Field(default=True, title="Only show", description="Show the rings; nothing is changed.")
    servers: list[str] = Field(
        default_factory=list, title="Servers", description="Only what is on these; none: on all."
    )
    instances: list[str] = Field(default_factory=list, title="Instances", description="Only these; none: all.")
    canaries: list[str] = Field(
        default_factory=list, title="Canaries", description="Instances or servers that go first; none: the smallest."
    )
    urgent: bool = Field(
        default=False, title="Urgent", description="A grave bug: at once, without waiting for the night."
    )
    parallel: int = Field(
        PARALLEL, title="At once", description="Instances of a server at the same time.", ge=1, le=PARALLEL_MOST
    )
    failures_most: int = Field(
        FAILURES_MOST, title="Failures borne", description="In a ring; with more it halts. A canary halts it at once.",
        ge=0, le=1000,
    )  # fmt: skip
    stop_most_seconds: float = Field(
        STOP_MOST_SECONDS, title="Stop at most, s", description="Who would be closed for longer is left.", gt=0, le=3600
    )
    operator: str = Field("", title="Operator", description="Your name; recorded as stated.", max_length=64)
    reason: str = Field("", title="Reason", description="Why; recorded.", max_length=500)

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        """Nothing is begun without a reason."""
        if self.preview or self.reason.strip():
            return self
        raise ValueError("say why the release is rolled out: the reason is recorded")

    @property
    def order(self) -> RollOutOrder:
        """What is wanted."""
        return RollOutOrder(
            self.release, self.reason, self.urgent, tuple(self.servers), tuple(self.instances), tuple(self.canaries),
            self.parallel, self.failures_most, self.stop_most_seconds,
        )  # fmt: skip


class UpdateApplicationRequest(BaseModel):
    """Go on with a roll-out on a server."""

    model_config = ConfigDict(extra="forbid")
    roll_out: int = Field(title="Roll-out", description="Its number, as phm update status shows it.", ge=1)
    server: str = Field(title="Server", description="Its name, e.g. app1.", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")


@flow(name="roll-out-release", persist_result=False)
def roll_out_release(request: RollOutRequest) -> Any:
    """Record that a release comes to all instances behind it; `dispatch-due-work` has it done, in its hours.

    Args:
        request: Which release, for whom, how, and who asks.
    """
    if request.preview:
        places = read_roll_out_plan(request.order)
        report_roll_out_plan(places)
        rings = len({one.ring for one in places})
        return Completed(name="Shown", message=f"{len(places)} instances in {rings} rings would get it.")
    roll_out = begin_roll_out(request.order, request.operator or "service")
    return Completed(message=f"It is roll-out {roll_out.id}, to {roll_out.release.version}.")


@flow(
    name="update-application",
    flow_run_name="update-application {request.roll_out} {request.server}",
    persist_result=False,
    task_runner=cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=PARALLEL_MOST)),
)
def update_application(request: UpdateApplicationRequest) -> Any:
    """Update the instances of a server whose turn it is; one that fails is put back and stops none of the others.

    Args:
        request: Which roll-out, on which server.
    """
    with telling_update_failure():
        roll_out, server = read_roll_out(request.roll_out), read_server(request.server)
        outcomes: list[Outcome] = []
        left: list[ServiceError] = []
        due = next_of(read_due_updates(roll_out.id, server.name))
        if due:
            ensure_store_ready()
        while due:
            report_updates(roll_out, server.name)
            named = [(one.instance, f"update {one.instance}") for one in due[: roll_out.parallel]]
            taken_up = [
                update_one.with_options(task_run_name=run).submit(server, roll_out.id, name) for name, run in named
            ]
            for one in taken_up:
                outcome, error = one.result()
                outcomes.append(outcome)
                left += [error] if error else []
            done = {one.instance for one in outcomes}
            due = next_of(read_due_updates(roll_out.id, server.name), done, left=bool(left))
        report_updates(roll_out, server.name)
        check_all_done(left, "The next run goes on with what is left.")
        well = sum(one.state == UpdateState.DONE for one in outcomes)
        return Completed(message=f"{well} of {len(outcomes)} on {server.name} have {roll_out.release.version}.")


@task(name="update_one", cache_policy=NO_CACHE, persist_result=False)
def update_one(server: ServerFacts, roll_out: int, instance: str) -> tuple[Outcome, ServiceError | None]:
    """One instance, as far as it can be brought; its failure is on record, and returned where it stands half done."""
    update = read_update(roll_out, instance)
    error = None
    try:
        if update is not None and update.state in AT_WORK:
            with working_on(server, update.instance, "update"):
                check_place(update, server.name)
                go_on_with(server, update)
            update = read_update(roll_out, instance)  # None where it is done, its time is over, or it was halted
        if update is not None:
            point = recent_point(server, update)
            with working_on(server, update.instance, "update"):
                check_place(update, server.name)
                bring_to_release(server, update, point)
    except ServiceError as found:
        error = settle_failure(update, found) if update else None
    return outcome_of(roll_out, instance), error


def recent_point(server: ServerFacts, update: Update) -> str:
    """A recovery point of this hour, taken while the customer works; its id."""
    history = read_history(update.instance)
    if history.points and (now() - history.points[-1].taken_at).total_seconds() < RECENT_SECONDS:
        return history.points[-1].id
    kind = history.kind_of("incremental", now())
    seconds = backup_seconds(history.points, full=kind is PointKind.FULL)
    return taken(server, update.instance, kind, seconds, patient=False).id


RECENT_SECONDS = 3600


def go_on_with(server: ServerFacts, update: Update) -> None:
    """What a run that was killed had begun: brought to its end, or back as it was, to be begun anew."""
    if update.state is UpdateState.OPENED:
        return finish(server, update)
    if update.state is UpdateState.STOPPED:
        go_back(server, update)
        record_outage(update)
    clear(server, update)
    return record_broken_off(update)


def bring_to_release(server: ServerFacts, update: Update, point: str) -> None:
    """An instance with its new release, or as it was."""
    update = record_preparing(update)
    try:
        trial = prepare(server, update)
        update = stop_and_switch(server, update, trial, point)
    except LeaseLost:
        raise
    except ServiceError as error:
        if read_state(update) not in CLOSED:
            clear(server, update)
            record_cleared(update, error)
        raise
    return finish(server, update)


def prepare(server: ServerFacts, update: Update) -> Trial:
    """All that can be done while the customer works: the new code beside the old, the migration tried on a copy."""
    drop_kept(server, update)
    ensure_release(server, update.instance_new)
    ensure_new_code(server, update)
    ensure_no_trial(server, update)
    trial = try_migration(server, update)
    ensure_no_trial(server, update)
    ensure_keeping_prepared(server, update, trial)
    ensure_cron_at_rest(server, update)
    return trial


def stop_and_switch(server: ServerFacts, update: Update, trial: Trial, point: str) -> Update:
    """Closed, kept, switched, migrated, proven behind the gate, open; or back as it was. Watched from outside."""
    with watched(url_of(server, update.instance)) as watch:
        if not watch.served_again():
            message = f"{update.name} does not answer from outside before it is closed: it would stay so."
            raise StepFailed(message, "It was not closed; see to it, then update it again.")
        update = record_stopped(update, {"way": trial.way.told(), "point": point})
        try:
            close(server, update)
            keep(server, update, trial)
            switch(server, update, trial)
            prove(server, update)
            update = record_opened(update)
        except LeaseLost:
            raise  # the run that has it now goes back
        except ServiceError as error:
            if read_state(update) is UpdateState.STOPPED:
                go_back(server, update)
                is_served = watch.served_again()
                record_outage(update, watch.stop_seconds)
                record(update, UpdateState.WAITING, str(error))
                if not is_served:
                    message = (
                        f"{update.name} is back as it was, and still nobody is served. It went back since: {error}"
                    )
                    raise StepFailed(message, "Look at its server.") from error
            raise
        open_again(server, update)
        return record_outage(update, watch.stop_seconds) if watch.served_again() else update


def finish(server: ServerFacts, update: Update) -> None:
    """Open, at work again, proven wholly; what was kept for the way back is gone."""
    open_again(server, update)
    ensure_cron(server, update.instance_new)
    proof = prove_instance_answers(server, update.instance_new)
    update = record_outage(update)  # where nobody saw it being served before
    drop_kept(server, update)
    drop_code(server, update, old=True)
    record(update, UpdateState.DONE, evidence={"proof": proof})


def go_back(server: ServerFacts, update: Update) -> None:
    """As it was before the stop: open, at its old release, nothing lost."""
    put_back(server, update, update.way)
    ensure_cron(server, update.instance)
    drop_kept(server, update)


def clear(server: ServerFacts, update: Update) -> None:
    """Nothing is left of an update that did not come about."""
    ensure_no_trial(server, update)
    drop_kept(server, update)
    drop_code(server, update, old=False)
    ensure_cron(server, update.instance)
