"""The values that decisions are made on: what the inventory tells, frozen and detached from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NewType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hosting.policy.states import InstanceState, OrderState, ServerState

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
    def has_btrfs(self) -> bool:
        """Whether instances' files are subvolumes with limits kept by the kernel."""
        return self.facts.get("data_filesystem") == "btrfs"


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
