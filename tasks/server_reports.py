"""What servers' updates look like to operators: what would be done, what was done, why nothing is (P14)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect.artifacts import create_table_artifact

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.errors import Refused
from hosting.inventory import server_updates, servers
from hosting.inventory.session import in_transaction
from hosting.policy.engines import ends_soon
from hosting.policy.maintenance import OutsideWindow, check_may_begin
from hosting.policy.months import day_of
from hosting.policy.placement import PAUSED
from hosting.policy.server_updates import (
    USUAL,
    RebootNotNow,
    SystemFacts,
    Transaction,
    Word,
    needs_reboot,
    objections,
)
from hosting.policy.states import ServerState
from hosting.policy.terms import STANDARD
from tasks.letters import local
from tasks.outside import Watch, watched
from tasks.probes import url_of
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.errors import ServiceError
    from hosting.policy.values import ServerFacts

IN_USE = (ServerState.ACTIVE, ServerState.DRAINING)


class UpdatesHalted(Refused):
    """What went wrong on one server keeps the clock from updating any."""


@dataclass
class Outside:
    """How long an instance of a server was away, as the world saw it; or since when, where nobody was there to see."""

    watch: Watch | None = None
    since: datetime | None = None

    @property
    def stop(self) -> float:
        """Seconds, up to now; 0 where there is no instance that was well."""
        if self.since:
            return round((now() - self.since).total_seconds(), 1)
        return self.watch.stop_seconds if self.watch else 0.0


@reading
def check_not_halted() -> None:
    """See that no case halts updates.

    Raises:
        UpdatesHalted: one does.
    """
    with inventory().reading() as session:
        halted = server_updates.halts(session)
    if halted:
        message = f"No server is updated: {halted[0].summary}"
        raise UpdatesHalted(message, f"Look at case {halted[0].id}, put it right, then settle it: phm case settle.")


@reading
def may_follow(first: ServerFacts, error: ServiceError | None) -> bool:
    """Whether the other servers may follow the first; a case says why they can't, until it was tried after all.

    By day nobody is told so: the run came late, and the next night tries again.

    Args:
        first: the server that goes first.
        error: what kept it from its update; None where nothing did.
    """
    if isinstance(error, OutsideWindow) and not _is_usual_time():
        return False
    untried = error is not None and not isinstance(error, RebootNotNow)
    said = f"No server is updated, since {first.name} goes first and could not be tried: {error}"

    def record(session: Session) -> None:
        if untried:
            server_updates.wait_for_first(session, first.name, said, now())
        else:
            server_updates.settle_first(session, now())

    in_transaction(inventory(), record)
    return not untried


def _is_usual_time() -> bool:
    """Whether an update that takes as long as usual would end off-peak by the standard terms, if it began now."""
    try:
        check_may_begin(now(), USUAL, (STANDARD,), load(ServiceSettings).holidays_state)
    except OutsideWindow:
        return False
    return True


@reading
def tell_left_updates() -> None:
    """A server's update with which no run goes on is put before a person."""
    with inventory().reading() as session:
        if not any(one.facts.get(PAUSED) for one in servers.all_servers(session)):
            return  # most minutes: nobody is kept from writing for that
    in_transaction(inventory(), lambda session: server_updates.tell_left(session, now()))


@reading
def read_updatable_servers(names: Sequence[str]) -> list[ServerFacts]:
    """The servers that are in use, or those of these names.

    Raises:
        UnknownServer: no server has one of them.
    """
    with inventory().reading() as session:
        if names:
            return [servers.server_facts(session, name) for name in names]
        return [one for one in servers.all_servers(session) if one.state in IN_USE]


@reading
def report_preview(server: ServerFacts, facts: SystemFacts, planned: Transaction, words: Collection[Word]) -> None:
    """What an update of a server would do, as a table."""
    rows = preview_rows(planned)
    for sentence in preview_notes(facts, planned, words):
        run_logger().info("%s: %s", server.name, sentence)
    create_table_artifact(
        key=f"update-of-{server.name}", table=rows, description=f"Packages of {server.name}, {local(now())} (P14)"
    )


@reading
def report_updates(told: Mapping[str, str]) -> None:
    """What came of each server, as a table."""
    rows = [{"server": name, "what": said} for name, said in told.items()]
    create_table_artifact(key="server-updates", table=rows, description=f"Updates of {local(now())} (P14)")


def preview_rows(planned: Transaction) -> list[dict[str, str]]:
    """A row for each package that would change."""
    changed = [
        {"package": one.name, "from": one.old or "-", "to": one.new, "of": ", ".join(one.archives)}
        for one in planned.changes
    ]
    return changed + [{"package": name, "from": "", "to": "removed", "of": ""} for name in planned.removals]


def preview_notes(facts: SystemFacts, planned: Transaction, words: Collection[Word]) -> list[str]:
    """What else is to be known of it, a sentence each."""
    notes = objections(facts, planned, words)
    if planned.kept_back:
        notes.append(f"Kept back: {', '.join(planned.kept_back)}.")
    if facts.half_done:
        notes.append(f"Left half done by an earlier installation: {', '.join(facts.half_done)}.")
    if why := needs_reboot(facts):
        notes.append(f"A reboot is needed: {why}")
    return notes + ends_soon(facts.distribution, facts.packages, day_of(now()))


@contextlib.contextmanager
def watching(server: ServerFacts, before: Mapping[str, str]) -> Iterator[Outside]:
    """An instance of a server that was well before is asked from outside, over and over, for as long as this lasts."""
    with inventory().reading() as session:
        served = [one for one in server_updates.open_instances(session, server.name) if not before.get(one.name)]
    if not served:
        yield Outside()
        return
    with watched(url_of(server, served[0])) as watch:
        yield Outside(watch)
