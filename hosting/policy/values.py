"""The values that decisions are made on: what the inventory tells, frozen and detached from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NewType

from hosting.policy.flavours import flavours_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hosting.policy.flavours import Flavours
    from hosting.policy.states import GenerationState, InstanceState, NameState, OrderState, ServerState

OrderReference = NewType("OrderReference", str)
InstanceName = NewType("InstanceName", str)
ServerName = NewType("ServerName", str)
ReleaseId = NewType("ReleaseId", str)


@dataclass(frozen=True)
class OrderFacts:
    """An order as the inventory knows it."""

    reference: OrderReference
    customer_reference: str
    customer_name: str
    email: str
    language: str
    accounts: int
    storage_gib: int  # booked beyond the accounts' own
    due_cents: int
    currency: str
    service_level: str | None
    placed_at: datetime
    state: OrderState
    paid_at: datetime | None = None
    promised_by: datetime | None = None
    ready_at: datetime | None = None


@dataclass(frozen=True)
class ServerFacts:
    """A server as the inventory knows it; room and bookings in GiB."""

    name: ServerName
    host_name: str
    address: str
    ssh_port: int
    host_key: str
    country: str
    dedicated: bool
    state: ServerState
    room_gib: int
    booked_gib: int = 0
    instances: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def free_gib(self) -> int:
        """What may still be booked on it."""
        return self.room_gib - self.booked_gib

    @property
    def flavours(self) -> Flavours:
        """Which PHP and which database it has (P13)."""
        return flavours_of(self.facts)

    @property
    def has_btrfs(self) -> bool:
        """Whether instances' files are subvolumes with limits kept by the kernel."""
        return self.facts.get("data_filesystem") == "btrfs"

    @property
    def has_no_limits(self) -> bool:
        """Whether it is known that its kernel keeps no limits of folders (docs/decisions/0037)."""
        return "data_filesystem" in self.facts and not self.has_btrfs


@dataclass(frozen=True)
class ReleaseFacts:
    """A registered product release; its id is the archive's SHA-256."""

    id: ReleaseId
    build: int
    version: str
    edition: str
    bytes: int
    current: bool = False

    @property
    def folder(self) -> str:
        """The release's folder name on a server: the build tells it to people, the checksum makes it unique."""
        return f"{self.build}-{self.id[:12]}"


@dataclass(frozen=True)
class InstanceFacts:
    """An instance as the inventory knows it."""

    name: InstanceName
    number: int
    order_reference: OrderReference
    server_name: ServerName
    release: ReleaseFacts
    accounts: int
    storage_gib: int  # the whole pool (P04, P23)
    state: InstanceState
    reserved_at: datetime
    active_at: datetime | None = None


class PointKind(StrEnum):
    """A full backup begins a generation, an incremental adds to it (P21, P22)."""

    FULL = "full"
    INCREMENTAL = "incremental"


class RehearsalOutcome(StrEnum):
    """How the restoring of a point on trial ended; broken off says nothing about the point."""

    PASSED = "passed"
    FAILED = "failed"
    BROKEN_OFF = "broken_off"


@dataclass(frozen=True)
class GenerationFacts:
    """A generation of backups as the inventory knows it (docs/decisions/0008).

    Args:
        wrapped_password: its repository's password, wrapped by the instance's backup key; empty once it is dropped.
        verified_at: when one of its points was last proven.
        bytes_added: of all its points.
        finding: why it is damaged, in one sentence.
    """

    id: str
    instance_name: InstanceName
    server_name: ServerName
    begun_at: datetime
    state: GenerationState
    wrapped_password: str = field(repr=False)
    verified_at: datetime | None = None
    bytes_added: int = 0
    closed_at: datetime | None = None
    finding: str = ""


@dataclass(frozen=True)
class PointFacts:
    """A recovery point as the inventory knows it: database and files of one moment (P19, P20).

    Args:
        manifest: what it holds, in few words: counts and checksums of tables, totals and the root of the files' hashes.
        proven_at: when it was last restored on trial and compared.
        database_snapshot: restic's id of the dump.
        files_snapshot: restic's id of the folder.
        bytes_added: what it added to its generation, before compression.
        seconds: how long it took.
    """

    id: str
    instance_name: InstanceName
    generation: str
    server_name: ServerName
    kind: PointKind
    taken_at: datetime
    release_id: ReleaseId
    manifest: Mapping[str, Any]
    database_snapshot: str
    files_snapshot: str
    proven_at: datetime | None = None
    damaged: bool = False
    bytes_added: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class RehearsalFacts:
    """A recovery point's rehearsal as the inventory knows it: restored on trial, compared, taken away again (P20)."""

    id: str
    point_id: str
    instance_name: InstanceName
    server_name: ServerName  # on which it was restored
    begun_at: datetime
    ended_at: datetime
    outcome: RehearsalOutcome
    evidence: Mapping[str, Any]
    seconds: float


class NameKind(StrEnum):
    """A name is a subdomain of ours (P26) or a domain of the customer's own (P30)."""

    SUBDOMAIN = "subdomain"
    DOMAIN = "domain"


@dataclass(frozen=True)
class NameFacts:
    """A name that an instance has beside its long form, or had, as the inventory knows it (P26, P30).

    Args:
        a_label: of a subdomain the label alone, of a domain the whole; as DNS and Apache know it.
        as_ordered: the same in Unicode.
        since: when it came to its state.
        live_at: when it was first proven from outside.
        resting_until: of a name that is gone: nobody else gets it before.
        finding: why it is not further, in one sentence.
        evidence: what was proven.
    """

    id: int
    instance_name: InstanceName
    kind: NameKind
    a_label: str
    as_ordered: str
    state: NameState
    since: datetime
    live_at: datetime | None = None
    resting_until: datetime | None = None
    finding: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def host_name(self, zone: str) -> str:
        """The whole name as DNS and Apache know it."""
        return f"{self.a_label}.{zone}" if self.kind is NameKind.SUBDOMAIN else self.a_label
