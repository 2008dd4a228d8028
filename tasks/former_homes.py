"""Servers that an instance has left: a silent one keeps no move from its end, and is tried again (P10, P24)."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from hosting.errors import ServiceError, StepFailed, Unreachable
from hosting.inventory import former_homes, servers, work
from hosting.inventory.leases import LeaseHeld, LeaseLost
from hosting.inventory.session import in_transaction
from hosting.policy.attempts import AGAIN_AFTER
from hosting.policy.former_homes import Next, next_step
from hosting.policy.terms import STANDARD
from tasks.held_name_letters import tell_about_name
from tasks.move_database import end_following
from tasks.name_records import read_naming
from tasks.names import ensure_no_name_site
from tasks.network import addresses_of
from tasks.own_domains import ensure_no_other_certificate, read_pointing
from tasks.passing_on import pass_on
from tasks.records import inventory, now, read_terms
from tasks.step import reading, run_logger, step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hosting.inventory.former_homes import PassedOn
    from hosting.inventory.home_rows import Owed
    from hosting.policy.values import InstanceFacts, ServerFacts
    from tasks.move_records import Move

REMINDER = "domain_moved"


@contextlib.contextmanager
def kept_if_silent(silent: list[Unreachable]) -> Iterator[None]:
    """A server that does not answer is told in the run's log and kept."""
    try:
        yield
    except Unreachable as error:
        run_logger().warning("%s", error)
        silent.append(error)


@step
def ensure_homes_pass_on(move: Move, serving: ServerFacts) -> bool:
    """Every server that the instance has left passes on to the one that serves it; all are asked, whoever is silent.

    Raises:
        Unreachable: one of them does not answer.
    """
    silent: list[Unreachable] = []
    changed = pass_on_side_by_side(move, serving, silent)
    if silent:
        raise silent[0]
    return changed


def pass_on_side_by_side(move: Move, serving: ServerFacts, silent: list[Unreachable]) -> bool:
    """The same, with those that are silent kept."""

    def one(home: ServerFacts) -> bool:
        with kept_if_silent(silent):
            return pass_on(home, move.instance, serving)
        return False

    left = {home.name: home for home in (move.source, move.target, *move.homes) if home.name != serving.name}
    with ThreadPoolExecutor() as pool:
        return any(list(pool.map(one, left.values())))


@step
def ensure_following_ended(move: Move) -> bool:
    """The target is free to take in another instance's database, whether the server that was left answers or not."""
    return end_following(move)


@reading
def leave_for_later(move: Move, silent: list[Unreachable]) -> None:
    """What silent servers have not done is a record that is tried again, once the run itself was often enough.

    Raises:
        Unreachable: the run is tried again first; the first of the servers.
    """
    with inventory().reading() as session:
        tried = work.tries(session, work.MOVE, str(move.facts.id))
        asked = work.work_of(session, work.MOVE, str(move.facts.id))
    if silent and asked is not None and tried < len(AGAIN_AFTER):
        raise silent[0]
    record_tried(move, silent)


@contextlib.contextmanager
def owed_if_it_fails(move: Move) -> Iterator[None]:
    """Whatever fails but that another run works on the instance is still owed, so that a person is told of it, too."""
    try:
        yield
    except (LeaseHeld, LeaseLost):
        raise
    except ServiceError as error:
        record_tried(move, [error])
        raise


def record_tried(move: Move, silent: Sequence[ServiceError]) -> None:
    """How it went: still owed, or done."""
    if silent:
        said = " ".join(dict.fromkeys(error.what for error in silent))
        in_transaction(inventory(), partial(former_homes.record_owed, move_id=move.facts.id, finding=said, now=now()))
        return
    in_transaction(inventory(), partial(former_homes.settle_owed, move_id=move.facts.id, now=now()))


@reading
def read_owed() -> list[Owed]:
    """What moves still have to do on servers that were left, the longest owed first."""
    with inventory().reading() as session:
        return former_homes.all_owed(session)


@reading
def read_serving(instance: InstanceFacts) -> ServerFacts:
    """The server that serves an instance now."""
    with inventory().reading() as session:
        return servers.server_facts(session, instance.server_name)


@reading
def read_passed_on() -> list[PassedOn]:
    """The names that may lead to servers which their instances have left."""
    with inventory().reading() as session:
        return former_homes.names_passed_on(session, now())


@reading
def look_at(one: PassedOn) -> tuple[PassedOn, Next]:
    """Where a name leads by each of the service's resolvers, recorded; what is to be done about it."""
    found = read_pointing.fn(read_naming.fn(one.name.id))
    seen = in_transaction(inventory(), partial(former_homes.record_look, one=one, found=found, now=now()))
    due = next_step(seen.passing, now(), read_terms.fn(one.name.instance_name)) if found.known else Next.WAIT
    if due is Next.TELL:
        tell = partial(former_homes.tell_still_passed_on, one=seen, finding=found.told, now=now())
        in_transaction(inventory(), tell)
    return seen, due


@step
def remind_customer(one: PassedOn) -> bool:
    """Which record the customer sets for his domain, now that his instance is elsewhere; once for each reminder."""
    naming = read_naming.fn(one.name.id)
    number = one.passing.reminders + 1
    values = {
        "server": naming.server.host_name,
        "address": addresses_of(naming.server.host_name)[0],
        "number": number,
        "last": number == len(read_terms.fn(one.name.instance_name).domain_reminder_days),
    }
    sent = tell_about_name(REMINDER, naming, values, f"{one.move.id}:{number}")
    in_transaction(inventory(), partial(former_homes.record_reminded, one=one, now=now()))
    return sent


@reading
def end_passing_on(one: PassedOn) -> bool:
    """No server that the instance has left knows the name, or its key; whether that is so.

    One that does not do it is waited for some days; then a person sees to it. Nothing is done where the instance has
    begun another move since the name was looked at.
    """
    with inventory().reading() as session:
        if not former_homes.is_last(session, one.move):
            return False
    naming, silent = read_naming.fn(one.name.id), list[str]()
    for home in naming.passing_on:
        try:
            ensure_no_name_site.fn(naming, home)
            ensure_no_other_certificate.fn(naming, home, all_gone=True)
        except (Unreachable, StepFailed) as error:
            run_logger().warning("%s", error)
            silent.append(str(home.name))
    waited = now() - (one.passing.quiet_since or now()) - STANDARD.passed_on_rests
    if silent and waited.days < STANDARD.home_silent_days:
        return False
    in_transaction(inventory(), partial(former_homes.record_ended, one=one, silent=silent, now=now()))
    return True


def old_place(move: Move, serving: ServerFacts) -> ServerFacts:
    """The address under which a move's source is known, as it is proven: the present server behind the old name."""
    return replace(serving, host_name=move.source.host_name)
