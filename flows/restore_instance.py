"""An instance brought back to its state at the time of a backup (P20)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Self

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hosting.errors import StepFailed, Unreachable
from hosting.policy.backup_budget import restore_seconds
from tasks.application import ensure_application, ensure_release, ensure_sealed
from tasks.elsewhere import check_old_server, drop_place, make_place, read_places
from tasks.leases import working_on
from tasks.lost_moves import ensure_lost_move_given_up
from tasks.measuring import ensure_last_room
from tasks.name_moves import ensure_names_follow, ensure_names_prepared, prove_names_answer
from tasks.passing_on import ensure_passed_on, read_former_homes
from tasks.probes import prove_instance_answers
from tasks.progress import progress_of
from tasks.records import now, record_operator
from tasks.recovery_points import check_point_of, read_instance, read_point, read_release, record_release
from tasks.restore_letters import tell_customer_restored
from tasks.restore_records import (
    begin_restore,
    call_off_restore,
    end_restore,
    end_restore_elsewhere,
    record_brought_back,
    record_exchanging,
    record_switched,
)
from tasks.restore_reports import report_restore
from tasks.restoring import (
    check_not_taken_back,
    check_room,
    clear_restore,
    ensure_caches_empty,
    ensure_closed,
    put_back,
    put_path,
    replace_database,
    replace_folder,
)
from tasks.snapshots import bring_back, end_backup_job, ensure_empty_database
from tasks.storage import ensure_storage, ensure_storage_limit
from tasks.web import ensure_cron, ensure_php_pool, ensure_site

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hosting.policy.values import GenerationFacts, InstanceFacts, ServerFacts
    from tasks.restoring import Exchange, Restore


class RestoreRequest(BaseModel):
    """Bring an instance back to a recovery point; what is replaced lies aside for some days."""

    model_config = ConfigDict(extra="forbid")
    instance: str = Field(title="Instance", description="Its name, e.g. k3v9q2.", pattern=r"^[a-z0-9]{1,32}$")
    point: str = Field(
        title="Recovery point", description="Its id, as phm snapshots lists them.", pattern=r"^[a-z0-9][a-z0-9-]{0,99}$"
    )
    what: Literal["all", "database", "files"] = Field(
        "all", title="What", description="All; only the database; only the files (or one path of them)."
    )
    path: str = Field(
        "",
        title="Path",
        description="With files: one path below the data folder, e.g. storage/user/3/email/inbox. Empty: all files.",
        max_length=500,
        pattern=r"^([^/].*)?$",
    )
    server: str = Field(
        "",
        title="Server",
        description="Another server that takes the instance, where its own is lost, e.g. app2. Empty: its own.",
        pattern=r"^([a-z0-9][a-z0-9-]{0,62})?$",
    )
    old_server_lost: bool = Field(
        default=False,
        title="Its own server is lost",
        description="Go on though it does not answer; it must not come back with the old state.",
    )
    operator: str = Field(title="Operator", description="Your name; recorded as stated.", min_length=1, max_length=64)
    reason: str = Field(title="Reason", description="Why it is restored; recorded.", min_length=1, max_length=500)

    @field_validator("path")
    @classmethod
    def _stays_below(cls, path: str) -> str:
        """A path that leads nowhere else."""
        if path and not {"", ".", ".."}.isdisjoint(path.removesuffix("/").split("/")):
            raise ValueError("give a path below the data folder, without empty parts, . or ..")
        return path.removesuffix("/")

    @model_validator(mode="after")
    def _all_of_it_elsewhere(self) -> Self:
        """Another server has nothing of the instance that a part could be put to."""
        if self.server and (self.path or self.what != "all"):
            raise ValueError("on another server all of it is restored: leave what and path as they are")
        return self


@flow(name="restore-instance", flow_run_name="restore-instance {request.instance}", persist_result=False)
def restore_instance(request: RestoreRequest) -> Any:
    """Bring a point back beside what is there, prove it, put it in its place; the old state stays aside.

    The instance works on until the restored state is compared and ready; then it is closed for the seconds of the
    exchange. A restored state that does not pass its proof is taken back. On another server it is set up anew, and
    its own is closed before; where that is lost, an operator has to say so.

    Args:
        request: Which instance and point, and who asks.
    """
    record_operator(request.operator, f"instance:{request.instance}", request.reason)
    instance = read_instance(request.instance)
    point, generation = read_point(request.point)
    check_point_of(instance, point, request.what)
    lost = request.old_server_lost
    with working_on(read_places(instance, request.server, lost=lost).server, instance, "restore"):
        instance = read_instance(request.instance)  # it may have been suspended or moved meanwhile
        places = read_places(instance, request.server, lost=lost)
        server, old = places.server, places.old
        closable = check_old_server(old, lost=lost or places.switched) if old else False
        if old and not places.switched:
            ensure_lost_move_given_up(instance, old, answers=closable)
        if closable or not old:
            end_backup_job(old or server, instance)
        if not places.switched:
            check_room(server, point)
        restore = begin_restore(server, instance, point, request.path or request.what)
        if not restore.brought_back:
            if old:
                make_place(server, instance)
            beside(server, restore, generation, request)
            record_brought_back(restore)
        if request.path:
            put_path(server, restore, request.path)
            evidence = prove_instance_answers(server, instance)
        elif old:
            switched = restore.switched or change_server(old, server, restore, closable=closable)
            evidence = settle_there(server, restore, old, switched)
        else:
            evidence = exchange(server, restore, request.what)
        clear_restore(server, restore)
        if old:
            end_restore_elsewhere(restore, server, old, evidence)
        else:
            end_restore(restore, evidence)
    report_restore(server, restore, evidence, old)
    return Completed(message=f"{instance.name} is as it was at {point.taken_at:%Y-%m-%d %H:%M:%S} UTC ({point.id}).")


def beside(server: ServerFacts, restore: Restore, generation: GenerationFacts, request: RestoreRequest) -> None:
    """The point brought back and compared, while the instance works on."""
    database = request.what != "files" and not request.path
    if database:
        ensure_empty_database(server, restore.new_database)
    with progress_of(f"restore-{restore.instance.name}", restore.instance.name) as told:
        bring_back(
            server,
            restore.point,
            generation,
            into=restore.new_database if database else "",
            work=str(restore.work),
            path=request.path,
            files=request.what != "database",
            seconds=restore_seconds(restore.point),
            told=told,
        )


def exchange(server: ServerFacts, restore: Restore, what: str) -> dict[str, Any]:
    """The restored state in the place of the old one, open again; taken back where it does not pass its proof."""
    instance = with_release_of(server, restore)
    record_exchanging(restore)
    ensure_closed(server, instance)
    try:
        evidence = bring_in(server, instance, restore, what)
    except StepFailed as error:
        ensure_closed(server, restore.instance)
        put_back(server, restore)
        call_off_restore(restore, str(error))
        open_again(server, restore.instance)
        ensure_cron(server, restore.instance)
        raise
    record_release(instance)
    ensure_cron(server, instance)
    return evidence


def change_server(old: ServerFacts, server: ServerFacts, restore: Restore, *, closable: bool) -> Mapping[str, Any]:
    """The restored state proven on another server, and from then on recorded there; the evidence.

    The old one is closed before, and opens again where the proof fails. Until it is recorded nothing leads to the
    new place and no cron job runs there; so a run that is killed may be run again, and what did not pass may go.

    Args:
        old: the server that is left.
        server: the other one.
        restore: what was brought back there.
        closable: whether the old one answers.
    """
    instance = with_release_of(server, restore)
    record_exchanging(restore)
    if closable:
        ensure_closed(old, restore.instance)
    try:
        evidence = {**bring_in(server, instance, restore, "all"), "old_closed": closable}
    except StepFailed as error:
        drop_place(server, restore)
        call_off_restore(restore, str(error))
        if closable:
            open_again(old, restore.instance)
            ensure_cron(old, restore.instance)
        raise
    record_switched(restore, server, old, evidence)
    return evidence


def settle_there(
    server: ServerFacts, restore: Restore, old: ServerFacts, switched: Mapping[str, Any]
) -> dict[str, Any]:
    """What follows once the instance is on the other server: its cron job, all that leads to it, the customer's letter.

    Args:
        server: where it is.
        restore: what was brought back there.
        old: the server that it has left.
        switched: the evidence of that.
    """
    instance, closed = with_release_of(server, restore), bool(switched["old_closed"])
    ensure_cron(server, instance)
    evidence = {
        **switched,
        "silent": addresses_kept(server, restore, without="" if closed else old.name),
        "names": names_kept(server, restore.instance),
    }
    tell_customer_restored(server, restore, old, passed_on=closed)
    return evidence


def addresses_kept(server: ServerFacts, restore: Restore, *, without: str) -> list[str]:
    """Every server that the instance has left passes its requests on to this one; those that do not answer.

    Args:
        server: that serves it.
        restore: of the instance.
        without: the one that is lost, by name; empty where none is.
    """
    silent = []
    for home in read_former_homes(restore.instance):
        try:
            if home.name != without:
                ensure_passed_on(home, restore.instance, server)
        except Unreachable:
            silent.append(str(home.name))
    return silent


def names_kept(server: ServerFacts, instance: InstanceFacts) -> list[str]:
    """The instance's own name is served by this server and leads to it."""
    ensure_names_prepared(server, instance)
    ensure_names_follow(server, instance)
    return prove_names_answer(server, instance)


def with_release_of(server: ServerFacts, restore: Restore) -> InstanceFacts:
    """The instance as it will be: with the release that the point was taken with, which is on the server."""
    instance = replace(restore.instance, release=read_release(restore.point.release_id))
    ensure_release(server, instance)
    return instance


def bring_in(server: ServerFacts, instance: InstanceFacts, restore: Exchange, what: str) -> dict[str, Any]:
    """The restored state in the place of a closed instance, open but for its cron job: proof and seconds."""
    closed_at = now()
    check_not_taken_back(server, restore)
    if what != "files":
        replace_database(server, restore)
    if what != "database":
        replace_folder(server, restore)
    open_again(server, instance)
    seconds = (now() - closed_at).total_seconds()
    proof = prove_instance_answers(server, instance)
    return {"proof": proof, "closed_seconds": round(seconds, 1)}


def open_again(server: ServerFacts, instance: InstanceFacts) -> None:
    """Code, links, limits, pool and site of the state that is in its place."""
    ensure_storage(server, instance)
    ensure_application(server, instance)
    ensure_sealed(server, instance)
    ensure_caches_empty(server, instance)
    ensure_storage_limit(server, instance)
    ensure_last_room(server, instance)
    ensure_php_pool(server, instance)
    ensure_site(server, instance)
