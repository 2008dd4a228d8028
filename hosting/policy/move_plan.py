"""How an instance moves between servers: by which way, for how long, what forbids it, what a failure means (P24)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from hosting.errors import Refused
from hosting.policy.fresh_backups import is_fresh
from hosting.policy.placement import takes_instances
from hosting.policy.quota import FREE_MIB_LEAST, MIB
from hosting.policy.states import InstanceState, MoveState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hosting.policy.values import InstanceFacts, ServerFacts

DUMP_MOST_BYTES = 40 * MIB
"""Up to this size the database may be dumped, loaded and compared while the instance is closed (MOVES.md)."""

DUMP_SECONDS = 5.0
"""What loading costs at any size: the product's 56 tables are made one by one, each safe on the disk."""

MOVABLE = frozenset({InstanceState.ACTIVE, InstanceState.SUSPENDED})
"""The states in which an instance is on its server as it is to be: a suspended one moves as it is."""

CLOCKS_APART = timedelta(minutes=1)
"""A run may begin so much before a move's moment: the clocks of two machines are never quite the same."""

LOADED_A_SECOND = 20 * MIB
SENT_A_SECOND = 60 * MIB
STOP_SECONDS = 3.0
"""What closing, comparing and opening take, whatever the size; a plan, with room."""


class Method(StrEnum):
    """How the database goes: as a dump in the stop, or by replication while the customer works."""

    DUMP = "dump"
    REPLICATION = "replication"


class Meaning(StrEnum):
    """What the next run does about a move that did not come to its end."""

    BEGIN = "begin"
    UNDO = "undo"
    GO_ON = "go on"
    NOTHING = "nothing"


class MoveForbidden(Refused):
    """An instance can't be moved so, now; names every reason."""


class WindowPassed(MoveForbidden):
    """The copying took so long that the instance would be closed after the window that was agreed on."""

    def __init__(self, until: datetime) -> None:
        message = (
            f"The copying took so long that it would be closed after {until:%Y-%m-%d %H:%M} UTC, which was agreed on."
        )
        super().__init__(message, "Agree on another time: the next copying begins so much earlier.")


@dataclass(frozen=True)
class Sizes:
    """What has to go over, and the room that it finds, in bytes.

    Args:
        database: files of the instance's tables on the source.
        files: its folder on the source.
        free: what the target's disks have left, by path: the files' and the database's.
    """

    database: int
    files: int
    free: Mapping[str, int]


@dataclass(frozen=True)
class Obstacles:
    """What could stand in the way, as it was found.

    Args:
        leased: who works on the instance, in words; empty where nobody does.
        restoring: a restore was begun and is not at its end.
        last_backup: the moment of the last backup that can be relied on.
        without_backup: an operator's word that it may begin without a fresh one.
        unmoved: what the database has beside tables: events, triggers, routines, views.
        replicating: the target replicates from some server already.
        until: the end of the window that was agreed on with the customer, where one was.
        pace: so many times as long as is usual do copies take between these servers, as was seen.
        certificate_ends: when the zone's certificate does, by which the instance is proven on the target.
        bare_domains: the instance's own domains for which no certificate is known, so that no site can be made.
    """

    leased: str = ""
    restoring: bool = False
    last_backup: datetime | None = None
    without_backup: bool = False
    unmoved: int = 0
    replicating: bool = False
    until: datetime | None = None
    pace: float = 1.0
    certificate_ends: datetime | None = None
    bare_domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class MovePlan:
    """What a move will be.

    Args:
        method: of the database.
        seconds: the whole of it, estimated.
        stop_seconds: of it the time that the instance is closed, estimated.
        compared_in_stop: whether the database is compared row by row before the switch; else after it.
        pace: so many times the usual seconds are those.
    """

    method: Method
    seconds: float
    stop_seconds: float
    compared_in_stop: bool
    pace: float = 1.0


def plan(sizes: Sizes, *, replicating: bool, pace: float = 1.0) -> MovePlan:
    """The way, with estimates: by replication, unless the target takes in another instance's database already."""
    loading = sizes.database / LOADED_A_SECOND
    seconds = round(pace * (30.0 + loading + sizes.files / SENT_A_SECOND), 1)
    small = sizes.database <= DUMP_MOST_BYTES
    if not replicating:
        return MovePlan(Method.REPLICATION, seconds, STOP_SECONDS, small, pace)
    stop_seconds = round(STOP_SECONDS + DUMP_SECONDS + loading, 1)
    return MovePlan(Method.DUMP, seconds, stop_seconds, compared_in_stop=True, pace=pace)


def objections(
    instance: InstanceFacts, source: ServerFacts, target: ServerFacts, *, sizes: Sizes, found: Obstacles, now: datetime
) -> list[str]:
    """Everything that forbids the move, a sentence each; nothing where it may begin."""
    return [
        *_of_places(instance, source, target),
        *_of_versions(source, target),
        *_of_room(target, sizes),
        *_of_moment(sizes, found, now),
        *_of_names(sizes, found, now),
    ]


def check(instance: InstanceFacts, target: ServerFacts, objected: Sequence[str]) -> None:
    """See that nothing was objected.

    Raises:
        MoveForbidden: something was; names all of it.
    """
    if objected:
        message = f"Instance {instance.name} can't move to {target.name}: {' '.join(objected)}"
        raise MoveForbidden(message, "Put that right, or choose another server.")


def check_within_window(until: datetime | None, open_again_at: datetime) -> None:
    """See that an instance is open again before the end of the window that was agreed on, where one was.

    Raises:
        WindowPassed: it would not be.
    """
    if until is not None and open_again_at > until:
        raise WindowPassed(until)


def meaning_of(state: MoveState) -> Meaning:
    """What a run does that finds a move in a state: before the switch it is undone, after it is gone on with."""
    if state is MoveState.PLANNED:
        return Meaning.BEGIN
    if state in {MoveState.COPYING, MoveState.FROZEN}:
        return Meaning.UNDO
    return Meaning.GO_ON if state is MoveState.SWITCHED else Meaning.NOTHING


def is_before_its_time(due_at: datetime, now: datetime) -> bool:
    """Whether a move's moment has not come: a run that was made before it was put off leaves it alone."""
    return now < due_at - CLOCKS_APART


def _of_places(instance: InstanceFacts, source: ServerFacts, target: ServerFacts) -> list[str]:
    """Whether both servers may do this."""
    said = []
    if target.name == source.name:
        return ["It is there already."]
    if instance.state not in MOVABLE:
        said.append(f"It is {instance.state}.")
    if not takes_instances(target):
        said.append(f"{target.name} takes no instances ({target.state}, in {target.country}).")
    if target.free_gib < instance.storage_gib:
        said.append(f"{instance.storage_gib} GiB are booked, {target.free_gib} GiB are left to book on {target.name}.")
    return said


def check_versions(instance: InstanceFacts, source: ServerFacts, target: ServerFacts) -> None:
    """See that a target is not behind the source; for an instance that finds its state there already.

    Raises:
        MoveForbidden: it is.
    """
    check(instance, target, _of_versions(source, target))


def _of_versions(source: ServerFacts, target: ServerFacts) -> list[str]:
    """A target is never behind its source."""
    said = []
    for key, title in (("php", "PHP"), ("mariadb", "MariaDB")):
        have, want = str(target.facts.get(key, "")), str(source.facts.get(key, ""))
        if _numbers(have) < _numbers(want):
            said.append(f"{title} on {target.name} is {have or 'unknown'}, on {source.name} {want}.")
    lacking = sorted(set(source.facts.get("php_modules", ())) - set(target.facts.get("php_modules", ())))
    if lacking:
        said.append(f"{target.name} lacks the PHP modules {', '.join(lacking)}.")
    return said


def _of_room(target: ServerFacts, sizes: Sizes) -> list[str]:
    """The target's disks take it: the files once more while they are put in place, the database twice for its log."""
    needs = {"/srv": sizes.files, "/var/lib/mysql": 2 * sizes.database}
    return [
        f"The disk of {path} on {target.name} has {sizes.free.get(path, 0) // MIB} MiB left, {needed // MIB} MiB come."
        for path, needed in needs.items()
        if sizes.free.get(path, 0) < needed + FREE_MIB_LEAST * MIB
    ]


def _of_moment(sizes: Sizes, found: Obstacles, now: datetime) -> list[str]:
    """Whether it may begin now: a pace that was seen once has it begin early, and forbids nothing."""
    said = []
    seconds = plan(sizes, replicating=found.replicating).seconds
    if found.until is not None and now >= found.until:
        said.append(f"The time that was agreed on ended at {found.until:%Y-%m-%d %H:%M} UTC: agree on another one.")
    elif found.until is not None and now + timedelta(seconds=seconds) > found.until:
        said.append(
            f"It takes about {seconds / 60:.0f} min, and the time that was agreed on ends at "
            f"{found.until:%Y-%m-%d %H:%M} UTC: agree on a later one."
        )
    if found.leased:
        said.append(f"It is worked on by {found.leased}.")
    if found.restoring:
        said.append("A restore of it was begun and is not at its end.")
    if not found.without_backup and not is_fresh(found.last_backup, now):
        last = f"of {found.last_backup:%Y-%m-%d %H:%M} UTC" if found.last_backup else "never made"
        said.append(f"Its last good backup is {last}: back it up first, or say --without-backup.")
    if found.unmoved:
        said.append(
            f"Its database has {found.unmoved} events, triggers, routines or views, which nobody expects there."
        )
    if found.replicating and sizes.database > DUMP_MOST_BYTES:
        said.append("The target takes in another instance's database just now.")
    return said


def _of_names(sizes: Sizes, found: Obstacles, now: datetime) -> list[str]:
    """Whether it can be proven on the target under its names; a customer's certificate that has ended goes along."""
    said = []
    ends = max(now + timedelta(seconds=plan(sizes, replicating=found.replicating).seconds), found.until or now)
    if found.certificate_ends is not None and found.certificate_ends <= ends:
        said.append(
            f"The zone's certificate ends at {found.certificate_ends:%Y-%m-%d %H:%M} UTC, before the move is through: "
            "enter a new one in settings.toml, run phm up, then phm server add again for each."
        )
    if found.bare_domains:
        said.append(f"No certificate is known for {', '.join(found.bare_domains)}: phm domain connect hands one over.")
    return said


def _numbers(version: str) -> tuple[int, ...]:
    """A version as numbers: 10.11.19-MariaDB → (10, 11, 19)."""
    head = version.partition("-")[0].partition("+")[0]
    return tuple(int(part) for part in head.split(".") if part.isdigit())
