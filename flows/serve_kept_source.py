"""What a move left on its source is served again: by an operator's word, what was changed since is lost (P24).

It is a move without any copying: the present state is closed and fenced, and is what is kept from then on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.policy.move_plan import check_versions
from hosting.policy.states import MoveState
from tasks.application import ensure_application, ensure_release
from tasks.databases import ensure_database
from tasks.kept_source import check_kept, ensure_keeper_passes_on, ensure_kept_let_in, record_kept_served
from tasks.move_ends import given_up, given_up_if_undone
from tasks.move_records import read_move, record_state
from tasks.move_sides import close_source, ensure_can_pass_on, ensure_source_fenced, reopen_source
from tasks.move_stop import closed_no_longer_than, open_until_served
from tasks.name_moves import ensure_names_prepared
from tasks.outgoing import ensure_outgoing_network
from tasks.outside import watched
from tasks.probes import url_of
from tasks.records import read_terms
from tasks.snapshots import end_backup_job
from tasks.storage import check_disks
from tasks.system_users import ensure_system_user
from tasks.web import ensure_php_pool

if TYPE_CHECKING:
    from tasks.move_records import Move


def brought_back(move: Move) -> Move:
    """The kept state serving, the switch recorded; undone where that fails."""
    with given_up_if_undone(move):
        end_backup_job(move.source, move.instance)
        check_kept(move)
        check_versions(move.instance, move.source, move.target)
        check_disks(move.target)
    move = record_state(move, MoveState.COPYING)
    try:
        ready_to_serve(move)
        return switched_back(move)
    except Exception as error:
        if read_move(move.facts.id).facts.state is not MoveState.SWITCHED:
            undo_return(move)
            given_up(move, error)
        raise


def ready_to_serve(move: Move) -> None:
    """All that the keeper needs to serve, before anybody is kept out: after the switch nothing is undone."""
    ensure_can_pass_on(move)
    ensure_system_user(move.target, move.instance)
    ensure_database(move.target, move.instance)
    ensure_release(move.target, move.instance)
    ensure_application(move.target, move.instance)
    ensure_php_pool(move.target, move.instance)
    ensure_outgoing_network(move.target, move.instance)
    ensure_names_prepared(move.target, move.instance)


def switched_back(move: Move) -> Move:
    """The present state closed and fenced, the kept one open; watched from outside."""
    terms = read_terms(move.name)
    with (
        watched(url_of(move.source, move.instance), move.instance) as watch,
        closed_no_longer_than(terms.move_closed_most, move.source, move.target) as stop,
    ):
        move = record_state(move, MoveState.FROZEN)
        close_source(move)
        ensure_source_fenced(move)
        stop.decide()
        move = record_kept_served(move)
        ensure_kept_let_in(move)
        open_until_served(move, watch)
    return move


def undo_return(move: Move) -> Move:
    """The present state serves as before; what is kept was not touched, and its server passes requests on again."""
    reopen_source(move)
    move = record_state(move, MoveState.COPYING)
    ensure_keeper_passes_on(move)
    return move
