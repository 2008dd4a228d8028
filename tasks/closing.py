"""An instance whose contract is over: closed for good, its names gone; or opened again as it was (P41)."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from blocks.web_probe import web_probe
from hosting.commands import replacing
from hosting.commands.files import ensure_gone
from hosting.commands.services import APACHE, install
from hosting.errors import ServiceError, StepFailed, Unreachable
from hosting.inventory import called_off_ends, deeds, endings, instances, moves, name_orders, names, offers, work
from hosting.inventory.session import in_transaction
from hosting.policy.backup_budget import backup_seconds
from hosting.policy.states import EndState, InstanceState, MoveState, OfferState
from hosting.policy.values import PointKind
from hosting.product.layout import InstanceLayout
from hosting.templates import render
from tasks.backup_runs import back_up
from tasks.probes import url_of
from tasks.records import inventory, now
from tasks.recovery_points import read_history
from tasks.snapshots import ensure_store_ready
from tasks.step import reading, run_logger, step
from tasks.web import FOR_OPERATOR

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.leaving import EndFacts
    from hosting.policy.values import InstanceFacts, NameFacts, ServerFacts

WHY = "The contract is over."
SEEN_WITHIN_SECONDS = 10.0
"""So long Apache's old processes may still take requests that came before the reload."""


class MovesJustNow(Unreachable):
    """An instance that is half on its way to another server is closed once it is there."""


@reading
def call_off_moves(instance: InstanceFacts) -> None:
    """What was planned or offered about another server is off; a move that has begun is waited for.

    Raises:
        MovesJustNow: one has.
    """

    def call_off(session: Session) -> None:
        offer = offers.open_offer(session, instance.name)
        if offer is not None and offer.state is OfferState.OFFERED:
            offers.withdraw_offer(session, instance.name, WHY, by=deeds.SERVICE, now=now())
        move = moves.open_move(session, instance.name)
        if move is None:
            return
        if move.state is not MoveState.PLANNED:
            message = f"{instance.name} is just moving from {move.source_name} to {move.target_name}."
            raise MovesJustNow(message, "It is closed once it is there.")
        moves.call_off_planned(session, instance.name, WHY, by=deeds.SERVICE, now=now())

    in_transaction(inventory(), call_off)


@reading
def is_to_be_closed(end: EndFacts, server: ServerFacts) -> bool:
    """Whether the end still stands, and its instance is still there: asked under the lease, before anything is done."""
    with inventory().reading() as session:
        stands = endings.ending_facts(session, end.id).state is EndState.NOTICED
        return stands and instances.instance_facts(session, end.instance_name).server_name == server.name


@step
def ensure_ended_page(server: ServerFacts, instance: InstanceFacts) -> bool:
    """Whoever comes, by whichever of its addresses, reads that the contract has ended; the data stay as they are."""
    page = render("apache/ended.conf.j2", name=instance.name, host_name=server.host_name)
    command = install(APACHE, InstanceLayout.of(instance).site_file, page, host=server.host_name)
    return load(SshHost).connection(server).run(command, FOR_OPERATOR).changed


@step
def ensure_nothing_runs(server: ServerFacts, instance: InstanceFacts) -> bool:
    """No cron job fetches mail any more, and no process of the instance goes on."""
    ssh, layout = load(SshHost).connection(server), InstanceLayout.of(instance)
    changed = ssh.run(ensure_gone(layout.cron_file)).changed
    return ssh.run(replacing.end_processes(layout.user)).changed or changed


@reading
def prove_ended(server: ServerFacts, instance: InstanceFacts) -> dict[str, Any]:
    """Asked from outside, the instance is gone, at every door that it had.

    Raises:
        Unreachable: nobody answers.
        StepFailed: a door is still open.
    """
    settings, url, asked = load(ServiceSettings), url_of(server, instance), dict[str, int]()
    deadline = time.monotonic() + SEEN_WITHIN_SECONDS
    while True:
        with web_probe(settings.trust, tuple(settings.resolvers)) as web:
            for path in ("", "config.php", "api.php", "webdav.php/", "m.php"):
                asked[path] = web.ask("GET", url + path).status_code
        if set(asked.values()) == {HTTPStatus.GONE}:
            return {"asked": asked}
        if time.monotonic() > deadline:
            told = ", ".join(f"/{path} {status}" for path, status in asked.items())
            message = f"The contract of {instance.name} is over, but it still answers: {told}."
            raise StepFailed(message, "Look at its site, then run again.")
        time.sleep(0.2)


@reading
def take_last_point(server: ServerFacts, instance: InstanceFacts) -> datetime | None:
    """A last recovery point, incremental where it can be; None where none can be had: the end comes all the same."""
    try:
        ensure_store_ready.fn()
        history = read_history.fn(instance)
        kind = history.kind_of("as due", now())
        seconds = backup_seconds(history.points, full=kind is PointKind.FULL)
        outcome = back_up.fn(server, instance, kind, seconds)
    except ServiceError as error:
        run_logger().error("%s has no last recovery point: %s", instance.name, error)  # one sentence is what helps
        return None
    if outcome.point is None:
        run_logger().error("%s has no last recovery point: %s", instance.name, outcome.finding)
        return None
    return outcome.point.taken_at


@reading
def release_names(end: EndFacts) -> list[NameFacts]:
    """Its names are on their way out, and what was asked for about them is off; those that it had.

    None goes where the end was called off in the meantime.
    """

    def release(session: Session) -> list[NameFacts]:
        if endings.locked(session, end.id).state != EndState.NOTICED:
            return []
        held = names.names_of(session, end.instance_name)
        for name in held:
            for one in name_orders.open_works(session, name):
                work.cancel(session, one.kind, one.subject, WHY)
            names.begin_releasing(session, end.instance_name, name.a_label, now=now(), by=deeds.SERVICE, why=WHY)
        return held

    return in_transaction(inventory(), release)


@reading
def record_reopened(end: EndFacts) -> tuple[EndFacts, list[str], list[str]]:
    """The contract runs on as if nobody had given notice; names that it may have again are on their way."""
    return in_transaction(
        inventory(), partial(called_off_ends.record_reopened, number=end.id, now=now())
    )  # fmt: skip


def as_it_was(end: EndFacts, instance: InstanceFacts) -> InstanceFacts:
    """The instance in the state to which it goes back: one that was suspended is so again, with its page.

    One that was never closed stays as it is: it may have been suspended, or opened, since its end was called off.
    """
    return replace(instance, state=end.was) if instance.state is InstanceState.CLOSED else instance


def is_served(instance: InstanceFacts) -> bool:
    """Whether customers use the instance: one that is suspended shows its page."""
    return instance.state is InstanceState.ACTIVE
