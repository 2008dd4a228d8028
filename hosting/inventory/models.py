"""The tables of the inventory: what the service knows to be true (DESIGN.md section 2).

Times are stored as UTC and come back aware. Natural keys are used where the outside names a thing
(order, customer, server, instance); texts have lengths, since MariaDB asks for them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.dialects.mysql import DATETIME, MEDIUMTEXT
from sqlalchemy.orm import DeclarativeBase, Mapped, configure_mappers, mapped_column

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect


class Moment(TypeDecorator[datetime]):
    """An aware datetime, stored as UTC without zone to the microsecond on every database."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """MariaDB keeps microseconds only when asked to."""
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # given by SQLAlchemy
        """Refuse a naive datetime: it would be read in a zone that nobody meant."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment needs its time zone.")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # given by SQLAlchemy
        """Give the moment back as aware UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


TEXT_MOST = 191
"""The most characters of a name, reference or id that comes from outside."""

LABEL = String(400)
"""A key that carries such a name with a prefix; MariaDB can still index it."""

BODY = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
"""What was sent, as it was sent; a plain TEXT of MariaDB ends at 64 KiB."""


class Base(DeclarativeBase):
    """The inventory's tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Moment, dict[str, Any]: JSON, str: String(TEXT_MOST), date: Date}  # noqa: RUF012  # as SQLAlchemy reads it


class Operator(Base):
    """A person who may act on the service; runs name one as stated, not proven."""

    __tablename__ = "operators"
    name: Mapped[str] = mapped_column(primary_key=True)
    full_name: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    added_at: Mapped[datetime]


class ServiceLevel(Base):
    """Numbers of the terms that a contract has agreed differently (P40)."""

    __tablename__ = "service_levels"
    name: Mapped[str] = mapped_column(primary_key=True)
    overrides: Mapped[dict[str, Any]]


class Customer(Base):
    """Who is owed the service."""

    __tablename__ = "customers"
    reference: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    language: Mapped[str]
    added_at: Mapped[datetime]


class Order(Base):
    """What a customer ordered and what is due for it, as the shop said (P08)."""

    __tablename__ = "orders"
    reference: Mapped[str] = mapped_column(primary_key=True)
    customer_reference: Mapped[str] = mapped_column(ForeignKey("customers.reference"))
    accounts: Mapped[int] = mapped_column(BigInteger)  # as ordered: a refused order is kept too
    storage_gib: Mapped[int] = mapped_column(BigInteger)  # booked beyond the accounts' own
    due_cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    service_level: Mapped[str | None] = mapped_column(ForeignKey("service_levels.name"))
    placed_at: Mapped[datetime]
    state: Mapped[str]
    paid_at: Mapped[datetime | None]
    promised_by: Mapped[datetime | None]
    ready_at: Mapped[datetime | None]


class Payment(Base):
    """Money that came or went for an order; the order may still be unknown."""

    __tablename__ = "payments"
    event_id: Mapped[str] = mapped_column(primary_key=True)
    order_reference: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]  # received | refunded
    cents: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    received_at: Mapped[datetime]
    counts: Mapped[bool]


class ShopEvent(Base):
    """An event of the shop, kept for ever: the first body under an id is the one that counts."""

    __tablename__ = "shop_events"
    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    order_reference: Mapped[str] = mapped_column(index=True)
    body: Mapped[str] = mapped_column(BODY)
    body_sha256: Mapped[str] = mapped_column(String(64))
    delivered_at: Mapped[datetime]  # by our clock, since the shop's own stamp tells whole seconds
    state: Mapped[str]


class Contract(Base):
    """What is owed to a customer, from the payment on."""

    __tablename__ = "contracts"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_reference: Mapped[str] = mapped_column(ForeignKey("customers.reference"))
    order_reference: Mapped[str] = mapped_column(ForeignKey("orders.reference"), unique=True)
    service_level: Mapped[str | None] = mapped_column(ForeignKey("service_levels.name"))
    agreed_at: Mapped[datetime]
    ends_on: Mapped[date | None]


class Booking(Base):
    """One thing booked under a contract: the base, an account, a storage package, an option (P05, P06, P23)."""

    __tablename__ = "bookings"
    id: Mapped[int] = mapped_column(primary_key=True)
    contract_id: Mapped[int] = mapped_column(ForeignKey("contracts.id"), index=True)
    kind: Mapped[str]  # base | account | storage | option
    detail: Mapped[str] = mapped_column(default="")
    booked_on: Mapped[date]
    minimum_months: Mapped[int]
    ends_on: Mapped[date | None]  # the first day on which it isn't booked any more
    cancelled_at: Mapped[datetime | None]  # empty again where the cancellation was withdrawn, or did not take effect
    over_at: Mapped[datetime | None]  # when its end took effect


class BookingChange(Base):
    """A wish to change what is booked for an instance, and what became of it."""

    __tablename__ = "booking_changes"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    kind: Mapped[str]  # book accounts | book storage | cancel accounts | cancel storage | cancel contract | withdraw
    amount: Mapped[int]  # accounts, or GiB of storage
    booking_id: Mapped[int | None]  # the one that is meant, where one was named
    asked_by: Mapped[str]
    why: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    state: Mapped[str]
    finding: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime | None]
    facts: Mapped[dict[str, Any]]  # what it changed, for its letter


class Measurement(Base):
    """What an instance stored at a moment, and how many users it had (P04, P07)."""

    __tablename__ = "measurements"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    server_name: Mapped[str] = mapped_column(ForeignKey("servers.name"))
    at: Mapped[datetime] = mapped_column(index=True)
    database_bytes: Mapped[int] = mapped_column(BigInteger)
    files_bytes: Mapped[int] = mapped_column(BigInteger)
    free_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # of the database's files; they don't count
    users: Mapped[int]
    pool_gib: Mapped[int]  # what was booked then
    by_user: Mapped[dict[str, Any]]  # bytes of mail and files by user, as the product's own sums tell them


class Server(Base):
    """An application server, with what it is known to be (P02, P13)."""

    __tablename__ = "servers"
    name: Mapped[str] = mapped_column(primary_key=True)
    host_name: Mapped[str] = mapped_column(unique=True)
    address: Mapped[str]
    ssh_port: Mapped[int] = mapped_column(default=22)
    host_key: Mapped[str] = mapped_column(Text)  # "ssh-ed25519 AAAA…", pinned at enrolment
    country: Mapped[str] = mapped_column(String(2))
    dedicated: Mapped[bool]
    state: Mapped[str]
    room_gib: Mapped[int]  # what instances may be booked on it, reserve already taken off
    facts: Mapped[dict[str, Any]]
    added_at: Mapped[datetime]


class Release(Base):
    """A product release that an operator registered; its id is the archive's SHA-256."""

    __tablename__ = "releases"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    build: Mapped[int]
    version: Mapped[str]
    edition: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    added_at: Mapped[datetime]
    added_by: Mapped[str]
    current: Mapped[bool]


class Instance(Base):
    """One customer's phlyMail on one server (P01, P10)."""

    __tablename__ = "instances"
    name: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)  # service-wide; the Unix uid follows from it
    order_reference: Mapped[str] = mapped_column(ForeignKey("orders.reference"), unique=True)
    contract_id: Mapped[int] = mapped_column(ForeignKey("contracts.id"))
    server_name: Mapped[str] = mapped_column(ForeignKey("servers.name"), index=True)
    release_id: Mapped[str] = mapped_column(ForeignKey("releases.id"))
    accounts: Mapped[int]
    storage_gib: Mapped[int]  # the whole pool: accounts' own and packages (P04, P23)
    state: Mapped[str]
    reserved_at: Mapped[datetime]
    active_at: Mapped[datetime | None]


class InstanceSecret(Base):
    """A secret of an instance, sealed with the service's key (never in the clear)."""

    __tablename__ = "instance_secrets"
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), primary_key=True)
    purpose: Mapped[str] = mapped_column(primary_key=True)  # database | root_admin | backup
    sealed: Mapped[str] = mapped_column(Text)


class Name(Base):
    """A subdomain of ours or a domain of theirs, and what became of it (P26, P30)."""

    __tablename__ = "names"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    kind: Mapped[str]  # subdomain | domain
    a_label: Mapped[str] = mapped_column(LABEL, index=True)  # of a subdomain the label alone, of a domain the whole
    as_ordered: Mapped[str] = mapped_column(LABEL)  # in Unicode
    held: Mapped[str | None] = mapped_column(LABEL, unique=True)  # the A-label until it is gone: nobody else's
    state: Mapped[str] = mapped_column(index=True)
    since: Mapped[datetime]
    live_at: Mapped[datetime | None]
    resting_until: Mapped[datetime | None]
    finding: Mapped[str] = mapped_column(Text)
    evidence: Mapped[dict[str, Any]]


class NameCertificate(Base):
    """The certificate that a customer handed over for a domain; its key sealed, and gone with the name (P31)."""

    __tablename__ = "name_certificates"
    name_id: Mapped[int] = mapped_column(ForeignKey("names.id"), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    not_after: Mapped[datetime]
    issuer: Mapped[str] = mapped_column(Text)
    certificate_pem: Mapped[str] = mapped_column(Text)  # with its intermediates
    sealed_key: Mapped[str] = mapped_column(Text)
    given_at: Mapped[datetime]


class CertificateRenewal(Base):
    """A certificate that was handed over for a domain that is live, until it is in force or came to nothing (P31)."""

    __tablename__ = "certificate_renewals"
    name_id: Mapped[int] = mapped_column(ForeignKey("names.id"), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    not_after: Mapped[datetime]
    issuer: Mapped[str] = mapped_column(Text)
    certificate_pem: Mapped[str] = mapped_column(Text)  # with its intermediates
    sealed_key: Mapped[str] = mapped_column(Text)
    given_at: Mapped[datetime]


class DomainInvitation(Base):
    """A domain for which a customer may hand a certificate over by himself; his links name it (P31)."""

    __tablename__ = "domain_invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    a_label: Mapped[str] = mapped_column(LABEL)
    as_ordered: Mapped[str] = mapped_column(LABEL)
    made_by: Mapped[str]
    made_at: Mapped[datetime]


class Generation(Base):
    """A full backup of an instance and what was added to it until the next one; a repository of its own (P21)."""

    __tablename__ = "generations"
    id: Mapped[str] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    server_name: Mapped[str] = mapped_column(ForeignKey("servers.name"))
    begun_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    state: Mapped[str]
    wrapped_password: Mapped[str] = mapped_column(Text)  # by the instance's backup key; emptied once it is dropped
    verified_at: Mapped[datetime | None]
    bytes_added: Mapped[int] = mapped_column(BigInteger)
    finding: Mapped[str] = mapped_column(Text)


class Snapshot(Base):
    """A recovery point of an instance (P19 to P22)."""

    __tablename__ = "snapshots"
    id: Mapped[str] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    generation: Mapped[str] = mapped_column(ForeignKey("generations.id"), index=True)
    server_name: Mapped[str] = mapped_column(ForeignKey("servers.name"))
    kind: Mapped[str]  # full | incremental
    taken_at: Mapped[datetime]
    release_id: Mapped[str] = mapped_column(ForeignKey("releases.id"))
    manifest: Mapped[dict[str, Any]]  # counts and sums of tables, totals and root of the files: a few KB
    proven_at: Mapped[datetime | None]
    damaged: Mapped[bool]
    database_snapshot: Mapped[str]
    files_snapshot: Mapped[str]
    bytes_added: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Double)


class Rehearsal(Base):
    """A recovery point restored on trial, with what was compared (P20)."""

    __tablename__ = "rehearsals"
    id: Mapped[str] = mapped_column(primary_key=True)
    point_id: Mapped[str] = mapped_column(ForeignKey("snapshots.id"), index=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    server_name: Mapped[str] = mapped_column(ForeignKey("servers.name"))  # on which it was restored
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    outcome: Mapped[str]  # passed | failed | broken_off
    evidence: Mapped[dict[str, Any]]
    seconds: Mapped[float] = mapped_column(Double)


class Move(Base):
    """An instance's move from one server to another, and how far it came (P24)."""

    __tablename__ = "moves"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    source_name: Mapped[str] = mapped_column(ForeignKey("servers.name"))
    target_name: Mapped[str] = mapped_column(ForeignKey("servers.name"))
    state: Mapped[str] = mapped_column(index=True)
    why: Mapped[str] = mapped_column(Text)
    without_backup: Mapped[bool]  # an operator's word that it may begin without a fresh one
    agreed_at: Mapped[datetime]
    agreed_by: Mapped[str]
    due_at: Mapped[datetime]
    due_until: Mapped[datetime | None]  # the end of the window that was agreed on, where one was
    copies_from: Mapped[datetime | None]  # when the copying begins, where that is before due_at
    begun_at: Mapped[datetime | None]
    switched_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]  # while the instance may be closed: since when
    stop_seconds: Mapped[float | None] = mapped_column(Double)  # how long it was closed, all runs together
    finding: Mapped[str] = mapped_column(Text)
    evidence: Mapped[dict[str, Any]]


class MoveOffer(Base):
    """Times that a customer is offered for a move, and what he answered (P24)."""

    __tablename__ = "move_offers"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    target_name: Mapped[str] = mapped_column(ForeignKey("servers.name"))
    state: Mapped[str] = mapped_column(index=True)
    why: Mapped[str] = mapped_column(Text)
    windows: Mapped[list[Any]] = mapped_column(JSON)  # opening and closing of each, UTC, in ISO 8601
    stop_seconds: Mapped[float] = mapped_column(Double)  # so long it will be closed, estimated
    without_answer: Mapped[str]  # nothing | move: as the customer was told
    made_at: Mapped[datetime]
    made_by: Mapped[str]
    remind_at: Mapped[datetime]
    answer_by: Mapped[datetime]
    told_at: Mapped[datetime | None]  # when the letter was sent
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str]
    answer: Mapped[str] = mapped_column(Text)  # the customer's words, or why it was withdrawn
    move_id: Mapped[int | None] = mapped_column(ForeignKey("moves.id"))


class Lease(Base):
    """Who alone may work on an instance, until when."""

    __tablename__ = "leases"
    instance_name: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    purpose: Mapped[str]
    acquired_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Work(Base):
    """Something that is due: the record that becomes a run, so that no lost run loses it."""

    __tablename__ = "work"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]  # the deployment's name, e.g. provision-instance
    subject: Mapped[str]
    attempt: Mapped[int]
    due_at: Mapped[datetime] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(index=True)
    flow_run_id: Mapped[str | None]
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    finding: Mapped[str] = mapped_column(Text, default="")
    __table_args__ = (Unique("kind", "subject"),)


class Turn(Base):
    """A name for which only one transaction acts at a time, also before the thing itself has a row."""

    __tablename__ = "turns"
    name: Mapped[str] = mapped_column(LABEL, primary_key=True)  # e.g. order:A-1001


class Case(Base):
    """A matter put before a person, with the facts (P39, payments)."""

    __tablename__ = "cases"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(LABEL, unique=True)  # the same matter is put once
    kind: Mapped[str]
    subject: Mapped[str] = mapped_column(LABEL)  # e.g. order:A-1001
    summary: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]]
    raised_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None]
    decision: Mapped[str] = mapped_column(Text, default="")


class AccessLink(Base):
    """A one-time, expiring link to a customer's page; only the token's hash is kept."""

    __tablename__ = "access_links"
    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    purpose: Mapped[str]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Letter(Base):
    """A letter to a customer or operator, told once under its key."""

    __tablename__ = "letters"
    key: Mapped[str] = mapped_column(LABEL, primary_key=True)  # e.g. ready:A-1001
    recipient: Mapped[str]
    language: Mapped[str]
    subject: Mapped[str] = mapped_column(Text)
    message_id: Mapped[str]
    sent_at: Mapped[datetime]


class NeededMove(Base):
    """An instance that needs to move, found by itself; it moves by a person's word alone (P24)."""

    __tablename__ = "needed_moves"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    source_name: Mapped[str] = mapped_column(ForeignKey("servers.name"))
    target_name: Mapped[str | None] = mapped_column(ForeignKey("servers.name"))  # none: it fits nowhere
    storage_gib: Mapped[int]
    why: Mapped[str] = mapped_column(Text)
    help: Mapped[str] = mapped_column(Text)  # what would help, where it fits nowhere
    state: Mapped[str] = mapped_column(index=True)
    found_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Evacuation(Base):
    """A server that all instances leave, by an operator's word, and that is retired then (P12)."""

    __tablename__ = "evacuations"
    id: Mapped[int] = mapped_column(primary_key=True)
    server_name: Mapped[str] = mapped_column(ForeignKey("servers.name"), index=True)
    state: Mapped[str] = mapped_column(index=True)
    emergency: Mapped[bool]  # without agreement: customers are told, not asked
    why: Mapped[str] = mapped_column(Text)
    by: Mapped[str]
    parallel: Mapped[int]  # moves at once
    targets: Mapped[list[Any]] = mapped_column(JSON)  # servers that may take instances; all, if none is named
    successor_name: Mapped[str | None] = mapped_column(ForeignKey("servers.name"))  # answers under its name
    begun_at: Mapped[datetime]
    resumed_at: Mapped[datetime]  # what was called off before is tried again
    ended_at: Mapped[datetime | None]
    finding: Mapped[str] = mapped_column(Text)


class NameApplication(Base):
    """A name that a customer wishes for: what the program found, what a person decided (P28)."""

    __tablename__ = "name_applications"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_name: Mapped[str] = mapped_column(ForeignKey("instances.name"), index=True)
    wished: Mapped[str]  # as it was handed in, in NFC
    name: Mapped[str]  # as it would be entered, in Unicode
    a_label: Mapped[str] = mapped_column(index=True)  # empty: it is none
    state: Mapped[str] = mapped_column(index=True)
    version: Mapped[str]  # of the rules and lists by which it was judged
    findings: Mapped[list[Any]] = mapped_column(JSON)
    judged_at: Mapped[datetime]
    asked_by: Mapped[str]
    why: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text)  # for the customer, of who refused it


class Deed(Base):
    """What was done, by whom, why, with what evidence; rows are added, never changed."""

    __tablename__ = "deeds"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime]
    by: Mapped[str]
    what: Mapped[str] = mapped_column(index=True)
    subject: Mapped[str] = mapped_column(LABEL, index=True)  # e.g. order:A-1001, instance:k3v9
    why: Mapped[str] = mapped_column(Text, default="")
    evidence: Mapped[dict[str, Any]]


class DayOverride(Base):
    """A day that an operator closed or opened for service hours, with the reason (P09)."""

    __tablename__ = "day_overrides"
    day: Mapped[date] = mapped_column(primary_key=True)
    opened: Mapped[bool]
    reason: Mapped[str]
    by: Mapped[str]


configure_mappers()  # at the first question else, by each of the runs that are forked after this
