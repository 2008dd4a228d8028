"""What a look at a server has seen: values alone, whatever program told them (P18)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hosting.policy.server_updates import SystemFacts, Transaction


@dataclass(frozen=True)
class ArrayFacts:
    """A RAID array.

    Args:
        name: e.g. md2.
        level: e.g. raid1; empty where the kernel does not run it.
        active: whether the kernel runs it.
        wanted: the disks that it should have; 0 where nothing tells.
        working: the disks that it has.
        members: all that belong to it, by name.
        failed: those that the kernel has thrown out, and that still show.
        unsound: those in it that failed to take a write: the blocks there are stored once less.
        differing: sectors in which its disks did not say the same, as they were last compared.
        made_equal: whether those were written anew then, from whichever disk.
        action: what it is at: recovery, resync, reshape, check or repair; empty: nothing.
        percent: how far that is; None where it waits for its turn.
        finish: when it will be done, as the kernel tells it.
        read_only: whether it takes no writes by somebody's wish; "auto-read-only" is none.
        state: as mdadm tells it, e.g. "clean, degraded"; empty where mdadm was not asked.
    """

    name: str
    level: str
    active: bool
    wanted: int
    working: int
    members: tuple[str, ...]
    failed: tuple[str, ...] = ()
    unsound: tuple[str, ...] = ()
    differing: int = 0
    made_equal: bool = False
    action: str = ""
    percent: float | None = None
    finish: str = ""
    read_only: bool = False
    state: str = ""

    @property
    def is_degraded(self) -> bool:
        """Whether a disk less than it should have is in it."""
        return self.working < self.wanted

    @property
    def is_rebuilding(self) -> bool:
        """Whether a disk is on its way in."""
        return self.action in {"recovery", "reshape"} or (self.is_degraded and self.action == "resync")

    @property
    def is_lost(self) -> bool:
        """Whether it has fewer disks than its level can do without, or the kernel does not run it."""
        if not self.active or "FAILED" in self.state:
            return True
        most = {"raid0": 0, "linear": 0, "raid4": 1, "raid5": 1, "raid6": 2}.get(self.level, self.wanted - 1)
        return self.wanted - self.working > most


@dataclass(frozen=True)
class DiskHealth:
    """What a disk says of itself (SMART).

    Args:
        device: e.g. /dev/sda.
        model: as its maker names it.
        serial: what stands on its label.
        passed: its own overall verdict; None where it gives none.
        failing: attributes at or below their threshold now.
        failed_before: attributes that once were.
        counts: what is counted of its trouble, by a word for people: reallocated, pending, uncorrectable, media errors.
        worn_percent: of what its maker says that it stands; None where it does not tell.
        spare_percent: of its spare room that is left; None where it does not tell.
        spare_least: below which its maker calls that critical.
        warnings: what an NVMe disk warns of, in words.
        self_test: what its last self-test said, if that was no good.
        complaint: why it could not be asked; empty if it could.
    """

    device: str
    model: str = ""
    serial: str = ""
    passed: bool | None = None
    failing: tuple[str, ...] = ()
    failed_before: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    worn_percent: int | None = None
    spare_percent: int | None = None
    spare_least: int = 0
    warnings: tuple[str, ...] = ()
    self_test: str = ""
    complaint: str = ""

    @property
    def named(self) -> str:
        """How a person finds it in the machine."""
        return f"{self.device} ({', '.join(filter(None, (self.model, self.serial)))})"


@dataclass(frozen=True)
class DiskUse:
    """How full a file system is; it tells no inodes where it has no fixed number of them."""

    path: str
    size_bytes: int
    free_bytes: int
    inodes: int = 0
    inodes_free: int = 0
    read_only: bool = False

    @property
    def used_percent(self) -> float:
        """Of its room."""
        return 100 - 100 * self.free_bytes / self.size_bytes if self.size_bytes else 0.0

    @property
    def inodes_percent(self) -> float:
        """Of its inodes."""
        return 100 - 100 * self.inodes_free / self.inodes if self.inodes else 0.0


@dataclass(frozen=True)
class LongTransaction:
    """A transaction that has been open for long."""

    user: str
    database: str
    seconds: int


@dataclass(frozen=True)
class DatabaseHealth:
    """How a server's MariaDB is.

    Args:
        up: whether it answers.
        said: what it or its client said, where it does not.
        broken: tables that it calls crashed or can't open, as database.table.
        followed: replication connections that are set up, by name.
        transactions: that are open for long.
    """

    up: bool
    said: str = ""
    broken: tuple[str, ...] = ()
    followed: tuple[str, ...] = ()
    transactions: tuple[LongTransaction, ...] = ()


class SiteKind(StrEnum):
    """What a site's file does with requests."""

    SERVES = "serves"
    LOCAL = "local"
    PASSES_ON = "passes on"
    CLOSED = "closed"
    OTHER = "other"


@dataclass(frozen=True)
class PlaceSeen:
    """A file, folder or link as it lies there; `owner` as user:group, `mode` octal without a leading zero."""

    kind: str  # file | folder | link | other
    owner: str
    mode: str


@dataclass(frozen=True)
class GateSeen:
    """A gate that keeps an instance closed, or its database's user who is kept out: since when, as far as it tells."""

    instance: str
    path: str
    since: datetime | None


@dataclass(frozen=True)
class Seen:
    """All that one call of a server has told; None where a look was not asked for or could not be made.

    Args:
        server: which.
        at: the moment by our clock, in the middle of the call.
        failed: why a look could not be made, by its name.
        arrays: RAID arrays; without a kernel that has md there are none.
        arrays_named: those that /etc/mdadm/mdadm.conf names, by name.
        virtual: the kind of machine if it is none of metal: it has no disks of its own.
        disks: what its disks say of themselves; None where smartctl is not installed.
        use: of its file systems.
        units: our units that don't run, with their state.
        failed_units: all others that have failed.
        clock_off: seconds by which its clock is ahead of ours.
        clock_kept: whether a program there keeps its clock; None where none is installed.
        system: its packages, kernel and units.
        offered: what apt would do.
        certificate_ends: when the certificate of its own name ends.
        mail_waiting: letters that wait in its queue; None where it has no mail server.
        sites: what the files of instances' sites do, by instance, with the host passed on to.
        name_sites: names' files by the name's number, with their paths.
        other_sites: files among the sites that are none of the service's.
        pools: instances that have a PHP pool.
        users: Unix users of the service's, with their numbers.
        databases: all but MariaDB's own.
        database_users: all but MariaDB's own, as user@host.
        locked: database users that are locked.
        cron: instances that have a cron job.
        crontabs: users of the service's that have a crontab of their own.
        folders: what lies below the service's folders, by the folder.
        places: what was asked for by path; a path that is not there is not in it.
        gates: that are shut.
        frozen: instances whose folder takes no writes.
    """

    server: str
    at: datetime
    failed: Mapping[str, str] = field(default_factory=dict)
    arrays: tuple[ArrayFacts, ...] | None = None
    arrays_named: tuple[str, ...] = ()
    virtual: str = ""
    disks: tuple[DiskHealth, ...] | None = None
    use: tuple[DiskUse, ...] | None = None
    units: Mapping[str, str] | None = None
    failed_units: tuple[str, ...] = ()
    database: DatabaseHealth | None = None
    clock_off: float | None = None
    clock_kept: bool | None = None
    system: SystemFacts | None = None
    offered: Transaction | None = None
    certificate_ends: datetime | None = None
    mail_waiting: int | None = None
    sites: Mapping[str, tuple[SiteKind, str]] | None = None
    name_sites: Mapping[int, str] = field(default_factory=dict)
    other_sites: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    users: Mapping[str, int] | None = None
    databases: tuple[str, ...] | None = None
    database_users: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    cron: Mapping[str, str] | None = None
    crontabs: tuple[str, ...] = ()
    folders: Mapping[str, tuple[str, ...]] | None = None
    places: Mapping[str, PlaceSeen] | None = None
    gates: tuple[GateSeen, ...] | None = None
    frozen: tuple[str, ...] = ()
