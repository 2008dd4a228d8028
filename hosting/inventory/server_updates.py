"""What was done about a server's packages: begun, finished, halted; a run that comes after one that was killed goes on.

While an update is at work the server takes no new instance, and its fact `paused` keeps what was begun. Where an update
made something ill, or needs a person's word, a case halts the clock's further runs until somebody settles it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hosting.inventory import cases, deeds, instances, leases, moves, servers
from hosting.inventory.backup_views import all_backups
from hosting.inventory.levels import terms_of_instances
from hosting.policy.placement import PAUSED
from hosting.policy.server_updates import AT_WORK_MOST, CANARY
from hosting.policy.states import InstanceState, MoveState
from hosting.policy.terms import STANDARD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from hosting.inventory.cases import CaseFacts
    from hosting.policy.server_updates import Transaction
    from hosting.policy.terms import Terms
    from hosting.policy.values import InstanceFacts

HALTED = "server updates halted"
"""The kind of the case that a server is whose update was refused, or taken back: the clock updates none meanwhile."""

UPDATED, REBOOTED = "server updated", "server rebooted"
"""The deeds by whose evidence the next ones' length is expected."""

NOT_MADE = "server update not made"
"""The deed of an update whose packages could not be fetched: nothing was changed."""


@dataclass(frozen=True)
class BegunUpdate:
    """An update that is at work.

    Args:
        server: which.
        key: of its announcement.
        begun_at: when, in ISO 8601.
        versions: what packages get, by name.
        old: what they had; new ones are not in it.
        removals: what is removed.
        before: what was wrong with instances and units before it; "" where they were well.
        held: whether it may change held packages.
        back: why it is being taken back; "" where it is not.
    """

    server: str
    key: str
    begun_at: str
    versions: Mapping[str, str]
    old: Mapping[str, str]
    removals: tuple[str, ...]
    before: Mapping[str, str]
    held: bool = False
    back: str = ""

    @property
    def since(self) -> datetime:
        """When it was begun."""
        return datetime.fromisoformat(self.begun_at)


def begin(
    session: Session, server: str, key: str, planned: Transaction, before: Mapping[str, str], *, now: datetime,
    held: bool = False,
) -> BegunUpdate:  # fmt: skip
    """An update is at work from now on; the server takes no new instance."""
    begun = BegunUpdate(
        server=server,
        key=key,
        begun_at=now.isoformat(),
        versions={one.name: one.new for one in planned.changes},
        old={one.name: one.old for one in planned.changes if one.old},
        removals=planned.removals,
        before=dict(before),
        held=held,
    )
    servers.record_facts(session, server, {PAUSED: asdict(begun)})
    return begun


def updated_now(session: Session, now: datetime) -> set[str]:
    """The servers whose update is at work: no backup begins there meanwhile."""
    left = [left_update(session, one.name) for one in servers.all_servers(session) if one.facts.get(PAUSED)]
    return {one.server for one in left if one is not None and now - one.since < AT_WORK_MOST}


def begin_back(session: Session, begun: BegunUpdate, why: str) -> BegunUpdate:
    """An update is taken back from now on, whoever goes on with it."""
    back = replace(begun, back=why)
    servers.record_facts(session, begun.server, {PAUSED: asdict(back)})
    return back


def left_update(session: Session, server: str) -> BegunUpdate | None:
    """The update that a run has begun and not brought to its end."""
    kept = servers.server_facts(session, server).facts.get(PAUSED)
    return BegunUpdate(**{**kept, "removals": tuple(kept["removals"])}) if kept else None


def end(
    session: Session, begun: BegunUpdate, what: str, evidence: Mapping[str, Any], *, by: str, now: datetime
) -> None:
    """An update is at its end, good or not; the server takes instances again."""
    servers.record_facts(session, begun.server, {PAUSED: {}})
    told = {"key": begun.key, "versions": dict(begun.versions), "old": dict(begun.old), **evidence}
    deeds.record(session, by, what, servers.subject_of(begun.server), evidence=told, now=now)


def past(session: Session, server: str, what: str, figure: str = "seconds") -> list[timedelta]:
    """How long it took before, the latest last: a figure in the evidence of the server's deeds."""
    done = deeds.deeds_of(session, servers.subject_of(server))
    return [timedelta(seconds=float(one.evidence[figure])) for one in done if one.what == what]


def open_instances(session: Session, server: str) -> list[InstanceFacts]:
    """The instances on a server that customers use."""
    found = instances.all_instances(session)
    return [one for one in found if one.server_name == server and one.state is InstanceState.ACTIVE]


def levels_on(session: Session, server: str) -> set[Terms]:
    """The terms of those whom work on a server concerns; the standard ones where nobody is on it."""
    terms = terms_of_instances(session)
    return {terms[one.name] for one in open_instances(session, server)} or {STANDARD}


def last_backups(session: Session, server: str) -> dict[str, datetime | None]:
    """When the newest point was taken that can be relied on, by instance."""
    served = {one.name for one in open_instances(session, server)}
    found = all_backups(session, newest_only=True)
    return {one.instance.name: one.standing.last_good_at for one in found if one.instance.name in served}


def worked_on(session: Session, server: str, now: datetime) -> list[str]:
    """Who works on an instance of a server, and what comes to it just now, a sentence each."""
    held = [leases.lease_of(session, one.name) for one in open_instances(session, server)]
    living = [one for one in held if one is not None and now < one.expires_at]
    at_work = moves.all_moves(session, MoveState.COPYING, MoveState.FROZEN, MoveState.SWITCHED)
    coming = [f"{one.instance_name} comes from {one.source_name}." for one in at_work if one.target_name == server]
    return [*(f"{one.instance_name} is worked on by {one.owner} ({one.purpose})." for one in living), *coming]


def halt(session: Session, server: str, why: str, *, facts: Mapping[str, Any], now: datetime) -> CaseFacts:
    """Put before a person what keeps servers from being updated; once while it is open."""
    standing = next((one for one in halts(session) if one.subject == servers.subject_of(server)), None)
    if standing is not None:
        return standing
    key = f"{HALTED}:{server}:{now.isoformat()}"
    return cases.raise_case(session, key, HALTED, servers.subject_of(server), why, facts=facts, now=now)


def halts(session: Session) -> list[CaseFacts]:
    """The cases that nobody has settled and that keep the clock from updating servers."""
    return [one for one in cases.open_cases(session) if one.kind == HALTED]


def settle_halts(session: Session, server: str, by: str, why: str, now: datetime) -> None:
    """A server was updated after all: what halted its updates is settled."""
    for case in halts(session):
        if case.subject == servers.subject_of(server):
            cases.settle_case(session, case.id, by, why, now)


def mark_canary(session: Session, server: str, *, canary: bool, by: str, why: str, now: datetime) -> bool:
    """Updates are tried on a server before the others, or not any more; whether that is new.

    Raises:
        UnknownServer: no server has this name.
    """
    if bool(servers.server_facts(session, server).facts.get(CANARY)) is canary:
        return False
    servers.record_facts(session, server, {CANARY: canary})
    what = "updates are tried here first" if canary else "updates are not tried here first any more"
    deeds.record(session, by, what, servers.subject_of(server), why=why, now=now)
    return True
