"""Every quarter of an hour: what servers that were left still have to do, and which names they pass on (P10, P24)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed

from hosting.errors import ServiceError, Unreachable
from hosting.policy.former_homes import Next
from hosting.policy.placement import is_there
from tasks.failures import check_all_done, kept_for_the_end
from tasks.former_homes import (
    end_passing_on,
    ensure_homes_pass_on,
    kept_if_silent,
    look_at,
    old_place,
    owed_if_it_fails,
    read_owed,
    read_passed_on,
    read_serving,
    record_tried,
    remind_customer,
)
from tasks.leases import working_on
from tasks.move_after_check import record_after_check
from tasks.move_records import read_move
from tasks.move_sides import ensure_can_pass_on, ensure_source_fenced, ensure_way_closed
from tasks.name_records import read_naming
from tasks.probes import prove_instance_answers

if TYPE_CHECKING:
    from hosting.inventory.former_homes import PassedOn
    from hosting.inventory.home_rows import Owed


@flow(name="see-to-former-homes", persist_result=False)
def see_to_former_homes() -> Any:
    """Try again what silent servers owe; end the passing on of names that lead right, remind customers of the others.

    Long-form addresses are passed on for the life of the contract, whatever is done here.
    """
    owed, passed, failures = read_owed(), read_passed_on(), list[ServiceError]()
    for debt in owed:
        with kept_for_the_end(failures, f"move {debt.move_id}"):
            try_again(debt)
    for one in passed:
        with kept_for_the_end(failures, one.name.as_ordered):
            see_to_name(one)
    check_all_done(failures, "It is tried again within a quarter of an hour.")
    return Completed(
        message=f"{len(owed)} moves had something to do where they left, {len(passed)} names were seen to."
    )


def try_again(debt: Owed) -> None:
    """Everything that a move does on servers that were left, each as far as it can be done now.

    Where the instance came by a restore, nothing is compared: what was left is older, or of a server that was lost.
    """
    move = read_move(debt.move_id)
    serving, silent = read_serving(move.instance), list[Unreachable]()
    with owed_if_it_fails(move), working_on(serving, move.instance, "former homes"):
        if is_there(move.source) and serving.name != move.source.name:
            with kept_if_silent(silent):
                ensure_source_fenced(move)
            with kept_if_silent(silent):
                if move.by_restore:
                    ensure_can_pass_on(move)
                elif serving.name == move.target.name:
                    record_after_check(move)
        with kept_if_silent(silent):
            ensure_homes_pass_on(move, serving)
        if serving.name != move.source.name:
            with kept_if_silent(silent):
                prove_instance_answers(old_place(move, serving), move.instance)
        if not silent:
            with kept_if_silent(silent):
                ensure_way_closed(move)
        record_tried(move, silent)


def see_to_name(one: PassedOn) -> None:
    """A name is looked at, and what is due about it is done."""
    seen, due = look_at(one)
    if due is Next.REMIND:
        remind_customer(seen)
    if due is Next.END:
        naming = read_naming(one.name.id)
        with working_on(naming.server, naming.instance, "name"):
            end_passing_on(seen)
