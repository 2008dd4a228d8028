"""What the inventory knows of names: read whole, ordered by hand, recorded; what becomes of a failure (P26, P29)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect.runtime import flow_run

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.errors import Refused, ServiceError, Unreachable
from hosting.inventory import (
    cases,
    deeds,
    former_homes,
    instances,
    moves,
    name_certificates,
    name_orders,
    names,
    operators,
    retirement,
    servers,
    work,
)
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.name_applications import stop_if_wrong
from hosting.inventory.name_rows import HOLDING, name_facts, name_row
from hosting.inventory.session import in_transaction
from hosting.name_lists import load_lists
from hosting.policy.attempts import AGAIN_AFTER, HELD_AGAIN_AFTER, again_at
from hosting.policy.labels import read_label
from hosting.policy.pointing import NotPointed, next_look
from hosting.policy.states import MoveState, NameState, ServerState, WorkState
from hosting.policy.values import NameKind
from hosting.product.layout import name_site
from tasks.records import inventory, now
from tasks.step import reading, run_logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import PurePosixPath as Path

    from sqlalchemy.orm import Session

    from hosting.inventory.name_certificates import CertificateFacts
    from hosting.inventory.work import WorkFacts
    from hosting.policy.values import InstanceFacts, NameFacts, ServerFacts


class NotApproved(Refused):
    """A name that nobody has approved is not brought up (P28)."""


class NotCancelled(Refused):
    """A name that nobody has cancelled is not taken away."""


@dataclass(frozen=True)
class Naming:
    """A name with what it is about.

    Args:
        name: as the inventory has it.
        instance: whose it is.
        server: that serves the instance.
        homes: the servers that the instance has left, that are still there, and that pass the name on.
        stand_ins: those that answer for servers which it has left and that are retired; each passes a domain on.
        zone: the service's.
        ours: the names of all servers that there ever were: what the zone says of a name is one of them.
        certificate: a domain's own; None: the zone's is good for the name.
        target: a server to which the instance is on its way, and which may know the name by now.
    """

    name: NameFacts
    instance: InstanceFacts
    server: ServerFacts
    homes: tuple[ServerFacts, ...]
    zone: str
    ours: tuple[str, ...]
    certificate: CertificateFacts | None = None
    target: ServerFacts | None = None
    stand_ins: tuple[ServerFacts, ...] = ()

    @property
    def host(self) -> str:
        """The whole name as DNS and Apache know it."""
        return self.name.host_name(self.zone)

    @property
    def url(self) -> str:
        """Its address; the instance is at its root."""
        return f"https://{self.host}/"

    @property
    def site_file(self) -> Path:
        """Its file on every server on which it is known."""
        return name_site(self.name.id, self.host)

    @property
    def everywhere(self) -> tuple[ServerFacts, ...]:
        """The server that serves it, then those that pass it on."""
        return (self.server, *self.passing_on)

    @property
    def passing_on(self) -> tuple[ServerFacts, ...]:
        """The servers that pass it on to the one which serves it."""
        return (*self.homes, *self.stand_ins)

    @property
    def elsewhere(self) -> tuple[ServerFacts, ...]:
        """The servers beside that which serves it on which there may be something of it."""
        return (*self.passing_on, *([self.target] if self.target else []))

    def passed_on_at(self, server: ServerFacts) -> str:
        """Where a server that never had the instance passes its domain on to; empty on one that has rules for it."""
        has_rules = {self.server.name, *(home.name for home in self.homes)}
        if self.target is not None:
            has_rules.add(self.target.name)
        return "" if server.name in has_rules else self.server.host_name


@reading
def read_naming(name_id: int, instance: str = "") -> Naming:
    """A name with everything around it.

    Args:
        name_id: its number.
        instance: whose it has to be, if that is to be checked.

    Raises:
        UnknownName: none has this number.
        NoSuchNameHere: another instance has it.
    """
    with inventory().reading() as session:
        name = name_facts(name_row(session, name_id))
        if instance not in {"", name.instance_name}:
            message = f"Name {name_id} is one of {name.instance_name}, not of {instance}."
            raise names.NoSuchNameHere(message, f"Look at: phm name list {instance}.")
        return naming_of(session, name)


@reading
def read_names(instance: InstanceFacts, *states: NameState) -> list[Naming]:
    """The names of an instance in these states, or all that are its own, the first ordered first."""
    with inventory().reading() as session:
        return [naming_of(session, name) for name in names.names_of(session, instance.name, *states)]


def naming_of(session: Session, name: NameFacts) -> Naming:
    """The same from an open session."""
    instance = instances.instance_facts(session, name.instance_name)
    homes = [servers.server_facts(session, home) for home in moves.former_homes(session, instance.name)]
    if former_homes.is_ended(session, name):  # everybody comes to the right server: none of them knows it any more
        homes = []
    living = tuple(home for home in homes if home.state is not ServerState.RETIRED)
    has_rules = {instance.server_name, *(home.name for home in living)}
    answering = [retirement.stand_in(session, home) for home in homes] if name.kind is NameKind.DOMAIN else []
    others = {one.name: one for one in answering if one.name not in has_rules and one.state is not ServerState.RETIRED}
    known, move = has_rules | {home.name for home in homes} | set(others), moves.open_move(session, instance.name)
    begun = move is not None and move.state is not MoveState.PLANNED and move.target_name not in known
    return Naming(
        name,
        instance,
        servers.server_facts(session, instance.server_name),
        living,
        load(ServiceSettings).zone,
        tuple(server.host_name for server in servers.all_servers(session)),
        name_certificates.certificate_of(session, name.id),
        servers.server_facts(session, move.target_name) if move is not None and begun else None,
        tuple(others.values()),
    )


@reading
def record_wanted(instance: str, wish: str, operator: str, reason: str) -> int:
    """A name that an operator approves by starting a run, or that was approved before; its number.

    Raises:
        NotApproved: nobody says that he approves it (P28).
        NameUnreadable: it is no name (P27).
        NameRefused: the program refuses it, whoever approves it: another instance has it, it is reserved … (P28).
    """
    label = name_orders.label_of(wish, load(ServiceSettings).zone)
    lists = load_lists(load(ServiceSettings).name_lists)

    def order(session: Session) -> int:
        own = names.names_of(session, instance, NameState.ASSIGNING, NameState.LIVE)
        for known in own:
            if known.a_label == label.a_label:
                return known.id
        if not operator:
            message = f"Nobody has approved the name {label.name} for {instance}."
            raise NotApproved(message, "Each name is approved by hand (P28): phm name, or give your name here.")
        stop_if_wrong(session, instance, label, lists, zone=load(ServiceSettings).zone, now=now())
        operators.ensure_operator(session, operator, now())
        subject, told = instances.subject_of(instance), {"identity": "as stated", "name": label.a_label}
        deeds.record(session, operator, "name approved", subject, why=reason, evidence=told, now=now())
        ordered = name_orders.order_subdomain(session, instance, label.a_label, label.name, by=operator, now=now())
        return ordered.id

    return in_transaction(inventory(), order)


@reading
def record_unwanted(instance: str, wish: str, operator: str, reason: str) -> int:
    """A name that is to go from its instance; its number.

    Raises:
        NoSuchNameHere: the instance does not have it.
    """
    label, by = read_label(wish, load(ServiceSettings).zone), operator or deeds.SERVICE

    def order(session: Session) -> int:
        if operator:
            operators.ensure_operator(session, operator, now())
        a_label = label.a_label or wish
        return name_orders.order_release(session, instance, a_label, by=by, why=reason, now=now()).id

    return in_transaction(inventory(), order)


@reading
def check_on_its_way_out(naming: Naming) -> None:
    """A name goes only if that was recorded.

    Raises:
        NotCancelled: it was not.
    """
    if naming.name.state in {NameState.ASSIGNING, NameState.LIVE}:
        message = (
            f"The name {naming.host} of {naming.instance.name} is {naming.name.state}, and nobody has cancelled it."
        )
        raise NotCancelled(message, "Give the name instead of its number, or: phm name withdraw.")


@reading
def is_cancelled(naming: Naming) -> bool:
    """Whether somebody ordered the name away, and its work is not settled yet; not, where another took its place."""
    kinds = {work.RELEASE_SUBDOMAIN, work.DISCONNECT_DOMAIN}
    with inventory().reading() as session:
        return any(one.kind in kinds for one in name_orders.open_works(session, naming.name))


@reading
def record_name_live(naming: Naming, evidence: Mapping[str, Any]) -> NameFacts:
    """The name is proven; what else the instance had is on its way out from this moment on (P26)."""

    def record(session: Session) -> NameFacts:
        waited = (now() - naming.name.since).total_seconds()
        told = {**evidence, "seconds": round(waited, 1)} if naming.name.state is NameState.ASSIGNING else evidence
        return names.record_live(session, naming.name.id, now(), told)

    return in_transaction(inventory(), record)


@reading
def record_name_gone(naming: Naming, evidence: Mapping[str, Any], silent: Sequence[str] = ()) -> NameFacts:
    """Nothing of the name is left; from now on it rests.

    Args:
        naming: the name.
        evidence: the proof.
        silent: servers that did not answer and may still have something of it: a person sees to them.
    """

    def record(session: Session) -> NameFacts:
        waited = round((now() - naming.name.since).total_seconds(), 1)
        name = names.record_gone(session, naming.name.id, now(), {**evidence, "silent": [*silent], "seconds": waited})
        name_certificates.forget(session, name.id)
        _settled(session, name)
        summary = f"The name {naming.host} of {naming.instance.name} is gone, but its files are still there"
        _left_behind(session, naming, silent, "gone", summary)
        return name

    return in_transaction(inventory(), record)


@reading
def record_name_done(naming: Naming, silent: Sequence[str] = ()) -> None:
    """Nothing is left to do for a name that is live: the one before it is gone.

    Args:
        naming: the name.
        silent: servers that pass the name on and did not answer: a person sees to them.
    """

    def record(session: Session) -> None:
        _settled(session, naming.name)
        about = naming.certificate.fingerprint[:16] if naming.certificate else "live"
        summary = f"The name {naming.host} of {naming.instance.name} has a certificate that is not known"
        _left_behind(session, naming, silent, about, summary)

    in_transaction(inventory(), record)


@reading
def look_again(naming: Naming, said: str, *, known: bool = True) -> datetime:
    """The domain is looked at again after a while, and it is told what it waits for; the moment.

    Args:
        naming: the domain.
        said: of where it leads.
        known: whether that is known, or no resolver said enough.

    Raises:
        NotPointed: it was looked at for long enough: a person asks the customer.
    """
    at = now()
    when = next_look(naming.name.since, at)
    if when is None:
        ordered = f"{naming.name.since:%Y-%m-%d}"
        if not known:
            message = f"{said} It was ordered on {ordered}, and whether it leads here by now is not known."
            raise NotPointed(message, "See that the resolvers in settings.toml answer, then run connect-domain again.")
        message = f"{said} It was ordered on {ordered} and has never led here."
        do = f"Ask the customer, or: phm domain disconnect {naming.instance.name} {naming.host} --reason …."
        raise NotPointed(message, do)

    def put_off(session: Session) -> None:
        names.record_finding(session, naming.name.id, said)
        for one in name_orders.open_works(session, naming.name):
            work.record_went_well(session, one.kind, one.subject, at)
            work.reschedule(session, one.id, when)

    in_transaction(inventory(), put_off)
    return when


@contextlib.contextmanager
def telling_name_failure(instance: str) -> Iterator[list[int]]:
    """A failure is kept with the name; what did not answer is tried again, all else is put before a person.

    Yields:
        A list into which the flow puts the number of the name that it is about, as soon as it knows it.
    """
    about: list[int] = []
    try:
        yield about
    except ServiceError as error:
        run_logger().error("%s", error)  # one sentence is what helps here
        said = error
        with contextlib.suppress(ServiceError):
            in_transaction(inventory(), lambda session: _record_failure(session, instance, about, said))
        raise


def _record_failure(session: Session, instance: str, about: list[int], error: ServiceError) -> None:
    """Kept with the name, and seen to."""
    at = now()
    name = name_facts(name_row(session, about[0])) if about else None
    if name is not None and name.state in HOLDING:
        names.record_finding(session, name.id, str(error))
    found = _work_of(session, name)
    if found is not None:
        subject = f"work:{found.kind}:{found.subject}"
        tried = work.tries(session, found.kind, found.subject)
        if isinstance(error, LeaseHeld):
            work.try_again(session, found.id, at + HELD_AGAIN_AFTER)
            return
        if isinstance(error, Unreachable) and tried < len(AGAIN_AFTER):
            deeds.record(session, deeds.SERVICE, work.TRIED_AGAIN, subject, why=str(error), now=at)
            work.try_again(session, found.id, again_at(tried, at))
            return
        work.record_failed(session, found.kind, found.subject, str(error))
    elif name is None and isinstance(error, Refused):
        return  # whoever started it by hand reads it
    told = {"run": flow_run.id or "by hand", "name": name.a_label if name else ""}
    summary = f"The name {name.as_ordered if name else ''} of {instance}: {error}"
    key = f"name:{name.id if name else instance}:{flow_run.id or at.isoformat()}"
    cases.raise_case(session, key, cases.NOT_DONE, instances.subject_of(instance), summary, facts=told, now=at)


def _work_of(session: Session, name: NameFacts | None) -> WorkFacts | None:
    """The work of a name that a run is to do; by which run it is done is no matter."""
    works = name_orders.open_works(session, name) if name is not None else []
    return next((one for one in works if one.state is not WorkState.FAILED), None)


def _left_behind(session: Session, naming: Naming, silent: Sequence[str], about: str, summary: str) -> None:
    """A case about the servers that did not answer, put once; none where all did."""
    if silent:
        key, subject = f"{cases.LEFT_NAME}{naming.name.id}:{about}", instances.subject_of(naming.instance.name)
        said = f"{summary} on {', '.join(silent)}, which did not answer."
        facts = {"servers": [*silent], "file": str(naming.site_file), "number": naming.name.id}
        cases.raise_case(session, key, cases.LEFT_BEHIND, subject, said, facts=facts, now=now())


def _settled(session: Session, name: NameFacts) -> None:
    """The work of a name is done, and what was put before a person about it is settled."""
    for one in name_orders.open_works(session, name):
        work.record_done(session, one.kind, one.subject)
        for case in cases.cases_of(session, f"work:{one.kind}:{one.subject}"):
            _settle(session, case)
    for case in cases.cases_of(session, instances.subject_of(name.instance_name)):
        if case.key.startswith(f"name:{name.id}:"):
            _settle(session, case)


def _settle(session: Session, case: cases.CaseFacts) -> None:
    """A case about what has come right since."""
    if case.kind == cases.NOT_DONE and case.settled_at is None:
        cases.settle_case(session, case.id, deeds.SERVICE, "A later run did it.", now())
