"""What servers' updates look like to operators: what would be done, what was done, why nothing is (P14)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect.artifacts import create_table_artifact

from hosting.errors import Refused
from hosting.inventory import server_updates, servers
from hosting.policy.engines import ends_soon
from hosting.policy.months import day_of
from hosting.policy.server_updates import SystemFacts, Transaction, Word, needs_reboot, objections
from hosting.policy.states import ServerState
from tasks.letters import local
from tasks.outside import Watch, watched
from tasks.probes import url_of
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from hosting.policy.values import ServerFacts

IN_USE = (ServerState.ACTIVE, ServerState.DRAINING)


class UpdatesHalted(Refused):
    """What went wrong on one server keeps the clock from updating any."""


@dataclass
class Outside:
    """How long the first instance of a server was away, as the world saw it."""

    watch: Watch | None = None

    @property
    def stop(self) -> float:
        """Seconds, up to now; 0 where there is no instance."""
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
def watching(server: ServerFacts) -> Iterator[Outside]:
    """The first instance of a server is asked from outside, over and over, for as long as this lasts."""
    with inventory().reading() as session:
        served = server_updates.open_instances(session, server.name)
    if not served:
        yield Outside()
        return
    with watched(url_of(server, served[0])) as watch:
        yield Outside(watch)
