"""What was done about a server's packages: begun, finished, halted; a run that comes after one that was killed goes on.

While an update is at work the server takes no new instance, and its fact `paused` keeps what was begun. Where an update
made something ill, or needs a person's word, a case halts the clock's further runs until somebody settles it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hosting.inventory import cases, closed_imports, closed_updates, deeds, instances, leases, moves, servers
from hosting.inventory.backup_views import all_backups
from hosting.inventory.levels import terms_of_instances
from hosting.policy.placement import PAUSED
from hosting.policy.server_updates import AT_WORK_MOST, CANARY, LEFT_AFTER
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

FIRST_WAITS = "server updates wait for the first"
"""The kind of the case that a server is which goes first and could not be tried: the others wait for it meanwhile."""

LEFT = "server update left half done"
"""The kind of the case that a server is whose update a run has begun, and that no run goes on with."""

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
        at_work: since when the run that is at it now, or was the last, is at it; "" where that one began it.
        removed: what the packages had that are removed, by name.
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
    at_work: str = ""
    removed: Mapping[str, str] = field(default_factory=dict)

    @property
    def since(self) -> datetime:
        """When it was begun."""
        return datetime.fromisoformat(self.begun_at)

    @property
    def at_work_since(self) -> datetime:
        """When the last run took it up."""
        return datetime.fromisoformat(self.at_work or self.begun_at)


def begin(
    session: Session, server: str, key: str, planned: Transaction, before: Mapping[str, str], *, now: datetime,
    held: bool = False, packages: Mapping[str, str] | None = None,
) -> BegunUpdate:  # fmt: skip
    """An update is at work from now on; the server takes no new instance. What is removed is kept with its version."""
    begun = BegunUpdate(
        server=server,
        key=key,
        begun_at=now.isoformat(),
        versions={one.name: one.new for one in planned.changes},
        old={one.name: one.old for one in planned.changes if one.old},
        removals=planned.removals,
        before=dict(before),
        held=held,
        removed={name: had for name in planned.removals if (had := (packages or {}).get(name.partition(":")[0]))},
    )
    servers.record_facts(session, server, {PAUSED: asdict(begun)})
    return begun


def updated_now(session: Session, now: datetime) -> set[str]:
    """The servers whose update is at work, or was when its run was killed."""
    left = [left_update(session, one.name) for one in servers.all_servers(session) if one.facts.get(PAUSED)]
    return {one.server for one in left if one is not None and now - one.at_work_since < AT_WORK_MOST}


def closed_to_others(session: Session, now: datetime) -> set[str]:
    """The servers on which nobody begins just now, since they are updated or rebooted."""
    held = {name for one in leases.living(session, now) if (name := leases.server_of(one.instance_name))}
    return updated_now(session, now) | held


def begin_back(session: Session, begun: BegunUpdate, why: str, now: datetime) -> BegunUpdate:
    """An update is taken back from now on, whoever goes on with it."""
    return take_up(session, replace(begun, back=why), now)


def take_up(session: Session, begun: BegunUpdate, now: datetime) -> BegunUpdate:
    """A run is at an update from now on: nobody begins anything else there while it is, and for a while after it."""
    taken_up = replace(begun, at_work=now.isoformat())
    servers.record_facts(session, begun.server, {PAUSED: asdict(taken_up)})
    return taken_up


def tell_left(session: Session, now: datetime) -> list[str]:
    """Put before a person what no run goes on with, once for each update; the servers."""
    found = list[str]()
    for one in servers.all_servers(session):
        left = left_update(session, one.name) if one.facts.get(PAUSED) else None
        lease = leases.lease_of(session, leases.of_server(one.name))
        if left is None or now - left.at_work_since < LEFT_AFTER or (lease is not None and now < lease.expires_at):
            continue
        said = f"The update of {one.name} was begun at {left.since:%Y-%m-%d %H:%M} UTC, and no run is at it any more."
        facts, subject = {"versions": dict(left.versions)}, servers.subject_of(one.name)
        cases.raise_case(session, left_key(left), LEFT, subject, said, facts=facts, now=now)
        found.append(one.name)
    return found


def left_key(begun: BegunUpdate) -> str:
    """The key of the case that an update is which no run goes on with."""
    return f"{LEFT}:{begun.server}:{begun.begun_at}"


def left_update(session: Session, server: str) -> BegunUpdate | None:
    """The update that a run has begun and not brought to its end."""
    kept = servers.server_facts(session, server).facts.get(PAUSED)
    return BegunUpdate(**{**kept, "removals": tuple(kept["removals"])}) if kept else None


def end(
    session: Session, begun: BegunUpdate, what: str, evidence: Mapping[str, Any], *, by: str, now: datetime
) -> None:
    """An update is at its end, good or not; the server takes instances again."""
    servers.record_facts(session, begun.server, {PAUSED: {}})
    cases.settle_by_key(session, left_key(begun), deeds.SERVICE, f"It has come to its end: {what}.", now)
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


def without_gone(session: Session, server: str, before: Mapping[str, str]) -> dict[str, str]:
    """How well all was on a server, without the instances that customers don't use there any more."""
    known = {str(one.name) for one in instances.all_instances(session)}
    gone = known - {str(one.name) for one in open_instances(session, server)}
    return {name: wrong for name, wrong in before.items() if name not in gone}


def levels_on(session: Session, server: str, at: datetime) -> set[Terms]:
    """The terms at a moment of those whom work on a server concerns; the standard ones where nobody is on it."""
    terms = terms_of_instances(session, at)
    return {terms[one.name] for one in open_instances(session, server)} or {STANDARD}


def last_backups(session: Session, server: str, at: datetime) -> dict[str, datetime | None]:
    """When the newest point was taken that can be relied on, by instance; a suspended one has its data there, too."""
    found = all_backups(session, at, newest_only=True)
    return {one.instance.name: one.standing.last_good_at for one in found if one.instance.server_name == server}


def worked_on(session: Session, server: str, now: datetime) -> list[str]:
    """Who works on an instance or a copy on a server, what comes to it, and what was left closed, a sentence each."""
    here = {one.name for one in instances.all_instances(session) if one.server_name == server}
    held = {one.instance_name: one for one in leases.living(session, now)}
    living = [
        f"{name} is worked on by {one.owner} ({one.purpose})." for name, one in held.items()
        if name in here or leases.is_of_copy(name, server)
    ]  # fmt: skip
    moving = [
        one for one in moves.all_moves(session, *moves.UNDER_WAY)
        if one.state is not MoveState.PLANNED or one.instance_name in held
    ]  # fmt: skip
    coming = [f"{one.instance_name} comes from {one.source_name}." for one in moving if one.target_name == server]
    closed = [
        f"{one.instance_name} goes to {one.target_name}." for one in moving
        if one.source_name == server and one.state in {MoveState.FROZEN, MoveState.SWITCHED}
    ]  # fmt: skip
    half = *closed_updates.closed_on(session, server), *closed_imports.closed_on(session, server)
    return [*living, *coming, *closed, *half]


def halt(session: Session, server: str, why: str, *, facts: Mapping[str, Any], now: datetime) -> CaseFacts:
    """Put before a person what keeps servers from being updated: once while it is open, and once for what is left.

    Returns:
        The case: settled, where a person has said of what is left half done that the others go on without it.
    """
    return _raise_once(session, HALTED, server, why, facts=facts, now=now)


def wait_for_first(session: Session, server: str, why: str, now: datetime) -> CaseFacts:
    """Put before a person that no server is updated, since the first could not be tried; once while it is open."""
    return _raise_once(session, FIRST_WAITS, server, why, facts={}, now=now)


def settle_first(session: Session, now: datetime) -> None:
    """The server that goes first was tried: nobody waits for one any more."""
    for case in cases.open_cases(session):
        if case.kind == FIRST_WAITS:
            cases.settle_case(session, case.id, deeds.SERVICE, "The first server was tried.", now)


def _raise_once(
    session: Session, kind: str, server: str, why: str, *, facts: Mapping[str, Any], now: datetime
) -> CaseFacts:
    """A case about a server, or the one of its kind that is open, or that was about the same update left half done."""
    left, subject = left_update(session, server), servers.subject_of(server)
    for one in cases.open_cases(session):
        if (one.kind, one.subject) == (kind, subject):
            return one
    key = f"{kind}:{server}:{left.begun_at if left else now.isoformat()}"
    return cases.raise_case(session, key, kind, subject, why, facts=facts, now=now)


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
