"""What enrolling a server means: who it clashes with, what room it gets, what would be set on it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hosting.errors import Refused
from hosting.policy.enrolment import room_gib
from hosting.policy.flavours import NAMES, Database, running_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hosting.policy.values import ServerFacts

ROOM_MOST_GIB = 2**20
"""More room than any server has (1 PiB): a slip of the keyboard."""

ROOT_FILE = "root:root:{mode}"


@dataclass(frozen=True)
class EnrolmentState:
    """What is there on a server of what enrolment sets.

    Args:
        files: path → (owner, group and mode, SHA-256 of the content) of the files that are there.
        missing_folders: the service's folders that aren't there.
        modules_off: Apache's modules that are needed and off.
        example_sites: Debian's example sites that are on.
        site_on: whether the service's own site is on.
        quota_on: whether the data file system counts what each subvolume uses.
        rules_loaded: whether the rules for outgoing connections are loaded.
        database: what it runs with now, as `running_settings` names it.
    """

    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    missing_folders: tuple[str, ...] = ()
    modules_off: tuple[str, ...] = ()
    example_sites: tuple[str, ...] = ()
    site_on: bool = False
    quota_on: bool = False
    rules_loaded: bool = False
    database: str = ""


def clashes(server: ServerFacts, facts: Mapping[str, Any], others: Sequence[ServerFacts]) -> tuple[str, ...]:
    """One sentence for each server of another name that this one can't be told from."""
    found = []
    for other in (other for other in others if other.name != server.name):
        if other.host_name == server.host_name:
            found.append(f"Server {other.name} has the host name {server.host_name} already.")
        if (other.address, other.ssh_port) == (server.address, server.ssh_port):
            found.append(f"Server {other.name} has the address {server.address} already.")
        elif facts.get("machine") and other.facts.get("machine") == facts["machine"]:
            found.append(f"It is the same machine as {other.name} (/etc/machine-id).")
    return tuple(found)


def room_for(stated: int | None, data_bytes: int, known: ServerFacts | None) -> int:
    """The room that a server gets, in GiB: as stated now, as stated before, else as measured.

    Raises:
        Refused: a stated room that is none, or less than what is booked.
    """
    if stated is None:
        said_before = known is not None and "room_stated_by" in known.facts
        return known.room_gib if known is not None and said_before else room_gib(data_bytes)
    if not 1 <= stated <= ROOM_MOST_GIB:
        raise Refused(f"A room of {stated} GiB can't be.", f"State 1 to {ROOM_MOST_GIB} GiB, or leave --room out.")
    if known is not None and stated < known.booked_gib:
        message = f"{known.booked_gib} GiB are booked on {known.name} already; its room can't be {stated} GiB."
        raise Refused(message, "State at least what is booked, or move instances away first.")
    return stated


def preview(
    state: EnrolmentState,
    files: Mapping[str, tuple[str, str]],
    number: int,
    *,
    has_btrfs: bool,
    database: Database = Database.MARIADB,
) -> tuple[str, ...]:
    """What enrolment would set on a server, one sentence each; empty where nothing is to be set.

    Args:
        state: what is there.
        files: every file that enrolment writes: path → (content, mode).
        number: the server's own.
        has_btrfs: whether its data file system is btrfs.
        database: its flavour.
    """
    found = []
    if state.missing_folders:
        found.append(f"folders made: {' '.join(state.missing_folders)}")
    for path, (content, mode) in files.items():
        wanted = (ROOT_FILE.format(mode=mode), hashlib.sha256(content.encode()).hexdigest())
        if state.files.get(path) != wanted:
            found.append(f"file {'changed' if path in state.files else 'new'}: {path}")
    if state.modules_off:
        found.append(f"Apache modules switched on: {' '.join(state.modules_off)}")
    if state.example_sites:
        found.append(f"Apache example sites switched off: {' '.join(state.example_sites)}")
    if not state.site_on:
        found.append("Apache site of the server itself switched on")
    if has_btrfs and not state.quota_on:
        found.append("btrfs quota switched on for /srv")
    if differs := database_differences(state.database, number, database):
        found.append(f"{NAMES[database]} restarted once, felt by all: {differs}")
    if not state.rules_loaded:
        found.append("rules for instances' outgoing connections loaded")
    return tuple(found)


def database_differences(found: str, number: int, database: Database = Database.MARIADB) -> str:
    """What of a database's running settings has to change, as "name is so, becomes so"; empty where all is well."""
    wanted = running_settings(database, number)
    have = found.split(",", len(wanted) - 1)  # sql_mode, the last, has commas of its own
    if len(have) != len(wanted):
        return "its settings can't be read now"
    differing = (item for item in zip(wanted, have, wanted.values(), strict=True) if item[1] != item[2])
    return ", ".join(f"{name} is {is_now or 'empty'}, becomes {becomes}" for name, is_now, becomes in differing)
