"""An instance goes to another server, closed for seconds, nothing lost, its old address kept (P10, P24)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from flows.serve_kept_source import brought_back, undo_return
from hosting.errors import ServiceError, Unreachable
from hosting.policy.move_plan import (
    Meaning,
    Method,
    check,
    check_within_window,
    is_before_its_time,
    meaning_of,
    objections,
    plan,
)
from hosting.policy.states import MoveState
from tasks.application import ensure_application, ensure_release, ensure_sealed
from tasks.databases import ensure_database
from tasks.evacuations import go_on_after
from tasks.failures import check_all_done, kept_for_the_end
from tasks.former_homes import (
    ensure_following_ended,
    ensure_homes_pass_on,
    kept_if_silent,
    leave_for_later,
    old_place,
)
from tasks.kept_source import ensure_kept_let_in
from tasks.leases import working_on
from tasks.letters import local
from tasks.measuring import ensure_last_room
from tasks.move_after_check import hold_target, ready_to_hold, record_after_check
from tasks.move_database import (
    catch_up,
    compare_database,
    compare_live,
    drain,
    ensure_transactional,
    follow_database,
    frozen_database,
    load_database,
)
from tasks.move_ends import given_up, given_up_if_undone, telling_move_failure
from tasks.move_files import compare_files, copy_files, hold_files, last_round
from tasks.move_letters import tell_customer_moved
from tasks.move_moments import read_wanted, record_copied, wait_until_due
from tasks.move_records import (
    check_at_source,
    is_still_kept,
    leave_for_its_moment,
    read_kept_too_long,
    read_move,
    read_obstacles,
    record_begun,
    record_done,
    record_opened,
    record_retired,
    record_state,
    record_switched,
)
from tasks.move_sides import (
    check_not_switched,
    clear_target,
    close_source,
    end_source_processes,
    ensure_can_pass_on,
    ensure_source_fenced,
    ensure_target_closed,
    ensure_way,
    ensure_way_closed,
    open_target,
    read_sides,
    read_sizes,
    reopen_source,
    retire_source,
)
from tasks.move_stop import closed_no_longer_than, open_until_served
from tasks.name_moves import ensure_names_follow, ensure_names_prepared, ensure_no_names_left, prove_names_answer
from tasks.outgoing import ensure_outgoing_network
from tasks.outside import watched
from tasks.probes import prove_instance_answers, url_of
from tasks.records import now, read_terms
from tasks.snapshots import end_backup_job
from tasks.storage import check_disks, ensure_storage, ensure_storage_limit
from tasks.system_users import ensure_system_user
from tasks.web import ensure_cron, ensure_php_pool, ensure_site

if TYPE_CHECKING:
    from hosting.policy.move_plan import MovePlan
    from tasks.move_records import Move

ROUNDS = 2
"""Rounds of the files while the customer works: all, and what has changed meanwhile; the last one is in the stop."""


class MoveRequest(BaseModel):
    """Move an instance as it was agreed on; run again, it is gone on with or undone and begun anew."""

    model_config = ConfigDict(extra="forbid")
    move: int = Field(title="Move", description="Its number, as phm move status shows it.", ge=1)


@flow(name="move-instance", flow_run_name="move-instance {request.move}", persist_result=False)
def move_instance(request: MoveRequest) -> Any:
    """Bring an instance to its new server: copied while the customer works, closed for seconds, compared, switched.

    Before the switch every failure is undone: the source serves as before. After it the run is gone on with.

    Args:
        request: Which move.
    """
    move = read_move(request.move)
    with telling_move_failure(move):
        meaning = meaning_of(move.facts.state)
        if meaning is Meaning.NOTHING:
            return Completed(message=f"Move {move.facts.id} of {move.name} is {move.facts.state} already.")
        if meaning is Meaning.BEGIN and is_before_its_time(move.facts.begins, now()):
            leave_for_its_moment(move)
            return Completed(message=f"{move.name} moves at {local(move.facts.begins)}; a run begins it then.")
        home = move.target if meaning is Meaning.GO_ON else move.source  # the one that serves it must be there
        with working_on(home, move.instance, "move", also_on=(move.source.name, move.target.name)):
            move = replace(move, instance=read_move(request.move).instance)  # it may have been suspended meanwhile
            if meaning is not Meaning.GO_ON:
                check_at_source(move)
                check_not_switched(move)
            if meaning is Meaning.UNDO:
                move = undo_return(move) if move.serves_kept else undo(move)
            if meaning is not Meaning.GO_ON:
                move = brought_back(move) if move.serves_kept else brought_over(move)
            evidence = finish(move)
        go_on_after(move)
        return Completed(message=f"{move.name} is on {move.target.name}: {evidence['url']}.")


def brought_over(move: Move) -> Move:
    """The instance on its target, the switch recorded; undone where that fails."""
    with given_up_if_undone(move):
        move = read_wanted(move)
        end_backup_job(move.source, move.instance)
        sizes = read_sizes(move)
        found = replace(read_obstacles(move), **read_sides(move))
        objected = objections(move.instance, move.source, move.target, sizes=sizes, found=found, now=now())
        check(move.instance, move.target, objected)
        check_disks(move.target)
    what = plan(sizes, replicating=found.replicating, pace=found.pace)
    move = record_begun(move, what)
    try:
        prepare(move)
        return stop_and_switch(copy_live(move, what), what)
    except Exception as error:
        if read_move(move.facts.id).facts.state is not MoveState.SWITCHED:
            undo(move)
            given_up(move, error)
        raise


def prepare(move: Move) -> None:
    """The target as a set-up leaves it, but closed, and a way to the source."""
    clear_target(move)
    ensure_can_pass_on(move)
    ensure_way(move)
    ensure_system_user(move.target, move.instance)
    ensure_storage(move.target, move.instance)
    ensure_database(move.target, move.instance)
    ensure_release(move.target, move.instance)
    ensure_application(move.target, move.instance)
    ensure_last_room(move.target, move.instance)
    ensure_sealed(move.target, move.instance)
    ensure_php_pool(move.target, move.instance)
    ensure_outgoing_network(move.target, move.instance)
    ensure_target_closed(move)
    ensure_names_prepared(move.target, move.instance)


def copy_live(move: Move, what: MovePlan) -> Move:
    """All that can go over while the customer works, before the moment that was agreed on and then once more."""
    since = now()
    copy_files(move, 1)
    if what.method is Method.REPLICATION:
        ensure_transactional(move)
        follow_database(move, load_database(move)["gtid"])
        catch_up(move)
    record_copied(move, since)
    move = wait_until_due(move)
    if what.method is Method.REPLICATION:
        record_state(move, MoveState.COPYING, evidence={"database_live": compare_live(move)})
    copy_files(move, ROUNDS)
    return move


def stop_and_switch(move: Move, what: MovePlan) -> Move:
    """Closed, the rest brought over and compared, switched, open again on the other side; watched from outside."""
    terms = read_terms(move.name)
    with (
        watched(url_of(move.source, move.instance), move.instance) as watch,
        last_round(move, ROUNDS + 1) as last,
        ready_to_hold(move, wanted=not what.compared_in_stop),
        closed_no_longer_than(terms.move_closed_most, move.source, move.target) as stop,
    ):
        check_within_window(move.facts.due_until, now() + timedelta(seconds=what.stop_seconds))
        move = record_state(move, MoveState.FROZEN)
        close_source(move)
        stop.reached("close")
        with frozen_database(move) as position:
            end_source_processes(move)
            hold_files(last)
            stop.reached("freeze")
            if what.method is Method.REPLICATION:
                drain(move, position)
            else:
                load_database(move, stop.left)
            stop.reached("last changes")
            compared: dict[str, Any] = {}
            if what.compared_in_stop:
                compared["database"] = compare_database(move)
            else:
                hold_target(move)
            stop.reached("database")
            compared["files"] = compare_files(last, stop.left)
            stop.reached("files")
            stop.decide()
            move = record_switched(move, {**compared, "stop": stop.parts})
            open_until_served(move, watch)
    return move


def finish(move: Move) -> dict[str, Any]:
    """Open on the target, passed on by the source, proven through both addresses, told; whatever run comes here.

    A server that was left and does not answer keeps nobody waiting: what it has to do is tried again by itself.
    """
    if move.serves_kept:
        ensure_kept_let_in(move)
    ensure_site(move.target, move.instance)
    ensure_cron(move.target, move.instance)  # nobody waits for his mail until a server that was left is back
    open_target(move)
    silent: list[Unreachable] = []
    with kept_if_silent(silent):
        ensure_source_fenced(move)
    evidence = prove_instance_answers(move.target, move.instance)
    record_opened(move)  # unless the run that closed it saw it open
    ensure_names_follow(move.target, move.instance)
    evidence["names"] = prove_names_answer(move.target, move.instance)
    ensure_storage_limit(move.target, move.instance)
    ensure_last_room(move.target, move.instance)
    evidence["old_url"] = left(move, silent)
    leave_for_later(move, silent)
    tell_customer_moved(move)
    record_done(move, {"proof": evidence})
    return evidence


def left(move: Move, silent: list[Unreachable]) -> str:
    """All that is done on the servers that were left, as far as they answer; the old address, once it is proven."""
    url = ""
    with kept_if_silent(silent):
        ensure_homes_pass_on(move, move.target)
        url = str(prove_instance_answers(old_place(move, move.target), move.instance)["url"])
    with kept_if_silent(silent):
        ensure_following_ended(move)
    with kept_if_silent(silent):
        record_after_check(move)
        ensure_way_closed(move)
    return url


def undo(move: Move) -> Move:
    """The source serves as before, first of all; nothing is left on the target."""
    reopen_source(move)
    move = record_state(move, MoveState.COPYING)
    ensure_way_closed(move)
    if not move.target_was_home:
        ensure_no_names_left(move.target, move.instance)
    clear_target(move)
    return move


@flow(name="retire-moved-sources", persist_result=False)
def retire_moved_sources() -> Any:
    """What moves left on their sources goes once its days are over; each source passes requests on for ever."""
    kept, failures = read_kept_too_long(), list[ServiceError]()
    for move in kept:
        with (
            kept_for_the_end(failures, f"{move.name} on {move.source.name}"),
            working_on(move.source, move.instance, "retire"),
        ):
            if is_still_kept(move):
                retire_source(move)
                record_retired(move)
    check_all_done(failures, "The next run goes on with what is left.")
    return Completed(message=f"{len(kept)} kept sources are gone.")
