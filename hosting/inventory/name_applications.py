"""Names that customers wish for: judged at once, decided by a person, judged again when the lists change (P28)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.errors import Refused
from hosting.inventory import cases, instances, name_orders, names, servers
from hosting.inventory.deeds import SERVICE, record
from hosting.inventory.instances import subject_of
from hosting.inventory.models import TEXT_MOST, NameApplication
from hosting.inventory.name_application_rows import ApplicationFacts, facts_of, in_state, numbered, seen_of, waiting_of
from hosting.inventory.name_rows import HOLDING, last_gone
from hosting.policy.labels import PERHAPS, read_label
from hosting.policy.listed_names import Outcome
from hosting.policy.states import ApplicationState, step
from hosting.policy.subdomain import YOURS, Judgement, Known, judge, outcome_of, read_back, recorded, version_of
from hosting.policy.values import NameKind

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.findings import Finding
    from hosting.policy.labels import Label
    from hosting.policy.listed_names import NameLists
    from hosting.policy.values import NameFacts

APPLIED = "name applied for"
APPROVED = "name approved"
REFUSED = "name refused"
WITHDRAWN = "name withdrawn"
DEEDS = {
    ApplicationState.APPROVED: APPROVED,
    ApplicationState.REFUSED: REFUSED,
    ApplicationState.WITHDRAWN: WITHDRAWN,
}
"""What the decision is called among the deeds."""


class AppliedBefore(Refused):
    """The instance waits for the decision on another name: one at a time (P26)."""


class NameRefused(Refused):
    """The program refuses a name; carries what it found.

    Args:
        name: the name.
        findings: those by which it is refused.
    """

    def __init__(self, name: str, findings: tuple[Finding, ...]) -> None:
        """Keep the findings beside the sentences."""
        said = " ".join(map(str, findings))
        super().__init__(f"{name} is refused: {said}", "Ask the customer for another one.")
        self.findings = findings


@dataclass(frozen=True)
class Changed:
    """An application in the queue whose findings are other ones by the lists of today."""

    application: ApplicationFacts
    before: Outcome


@dataclass(frozen=True)
class NoLonger:
    """A name that an instance has, and what the lists of today say of it that nobody saw when it was approved."""

    name: NameFacts
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Recheck:
    """What the lists of today change: in the queue, and of names that are in use, which stay as they are."""

    version: str
    judged: int
    changed: tuple[Changed, ...]
    no_longer: tuple[NoLonger, ...]


def apply_for(
    session: Session, instance: str, wish: str, lists: NameLists, *, zone: str, by: str, why: str, now: datetime
) -> ApplicationFacts:
    """Record a wish: it waits for a person, or is refused at once; the same wish twice is one.

    Args:
        session: of the transaction.
        instance: for which the name is wished.
        wish: as the customer wrote it.
        lists: by which it is judged.
        zone: ours.
        by: who hands it in.
        why: where it comes from, e.g. the customer's mail.
        now: the moment.

    Raises:
        UnknownInstance: no instance has this name.
        InstanceEnded: it has ended.
        NoName: the wish is none.
        AppliedBefore: another name waits for a decision.
    """
    instances.stop_if_ended(session, instance)
    label = read_label(wish, zone)
    waiting = waiting_of(session, instance)
    if waiting is not None and waiting.name == label.name:
        return facts_of(waiting)
    if waiting is not None:
        message = f"Instance {instance} has applied for {waiting.name} already."
        raise AppliedBefore(message, f"Decide on it first: phm name show {waiting.id}.")
    found = judgement_of(session, instance, label, lists, zone=zone, now=now)
    row = NameApplication(
        instance_name=instance, wished=label.wished, name=label.name[:TEXT_MOST], a_label=label.a_label,
        state=ApplicationState.WAITING, version=found.version, findings=recorded(found.findings), judged_at=now,
        asked_by=by, why=why, asked_at=now, decided_by=None, decided_at=None, reason="",
    )  # fmt: skip
    session.add(row)
    session.flush()
    told = {"application": row.id, "name": label.name, "outcome": found.outcome.value, "version": found.version}
    record(session, by, APPLIED, subject_of(instance), why=why, evidence=told, now=now)
    if found.outcome is Outcome.REFUSED:
        said = " ".join(str(one) for one in found.findings if one.refuses or one.rule is PERHAPS)
        _decide(session, row, ApplicationState.REFUSED, SERVICE, said, now=now)
    else:
        summary = f"{instance} wishes for the name {label.name} ({found.outcome}). {' '.join(map(str, found.findings))}"
        facts = {**told, "do": f"phm name show {row.id}"}
        key, subject = case_key(row.id), subject_of(instance)
        cases.raise_case(session, key, cases.NAME_WAITS, subject, summary.strip(), facts=facts, now=now)
    return facts_of(row)


def approve(
    session: Session, number: int, lists: NameLists, *, zone: str, by: str, why: str, now: datetime
) -> ApplicationFacts:
    """A person lets the instance have the name: it is recorded with the work that brings it up (P28, P29); once.

    It is judged again first, since others may have got the name meanwhile, or the lists may have changed.

    Raises:
        UnknownApplication: none has this number.
        ForbiddenEdge: it was refused, or withdrawn.
        NameRefused: by the lists of today it is refused, or another instance has the name.
        InstanceEnded: the instance has ended.
        NotOpenYet: the instance is not set up yet; the name goes on to wait.
    """
    row = numbered(session, number)
    if row.state == ApplicationState.APPROVED:
        return facts_of(row)
    step(ApplicationState(row.state), ApplicationState.APPROVED)
    found = judgement_of(session, row.instance_name, read_label(row.wished, zone), lists, zone=zone, now=now)
    _keep(row, found, now)
    stop_if_refused(found)
    name_orders.order_subdomain(session, row.instance_name, row.a_label, row.name, by=by, now=now)
    _decide(session, row, ApplicationState.APPROVED, by, why, now=now)
    return facts_of(row)


def refuse(session: Session, number: int, *, by: str, reason: str, now: datetime) -> ApplicationFacts:
    """A person refuses the name, with a reason that the customer reads; once.

    Raises:
        UnknownApplication: none has this number.
        ForbiddenEdge: it was approved, or withdrawn.
    """
    row = numbered(session, number)
    if row.state != ApplicationState.REFUSED:
        _decide(session, row, ApplicationState.REFUSED, by, reason, now=now)
    return facts_of(row)


def withdraw(session: Session, instance: str, name: str, *, by: str, why: str, now: datetime) -> bool:
    """What an instance has applied for is not wished for any more; tells whether it waited for that name.

    Args:
        session: of the transaction.
        instance: for which the name was wished.
        name: as `read_label` has it.
        by: who says so.
        why: where that comes from.
        now: the moment.
    """
    waiting = waiting_of(session, instance)
    if waiting is None or waiting.name != name:
        return False
    row = numbered(session, waiting.id)  # somebody may just be deciding on it
    if row.state != ApplicationState.WAITING:
        return False
    _decide(session, row, ApplicationState.WITHDRAWN, by, why, now=now)
    return True


def recheck(session: Session, lists: NameLists, *, zone: str, now: datetime) -> Recheck:
    """Judge the queue again by the lists of today, and tell which names in use would need another look (P28).

    Nothing is decided by it: what would be refused now stays in the queue, as such; names in use are not touched.
    """
    rows = list(session.scalars(in_state(ApplicationState.WAITING).with_for_update()))
    changed = []
    for row in rows:
        before = read_back(row.findings)
        found = judgement_of(session, row.instance_name, read_label(row.wished, zone), lists, zone=zone, now=now)
        _keep(row, found, now)
        if found.findings != before:
            changed.append(Changed(facts_of(row), outcome_of(before)))
    session.flush()
    held = [one for one in names.all_names(session, *HOLDING) if one.kind is NameKind.SUBDOMAIN]
    ours, no_longer = _servers(session, zone), []
    for name in held:
        found = judge(read_label(name.a_label), lists, Known(servers=ours))
        seen = seen_of(session, name)
        if new := tuple(one for one in found.findings if one not in seen):
            no_longer.append(NoLonger(name, new))
    return Recheck(version_of(lists), len(rows), tuple(changed), tuple(no_longer))


def judgement_of(
    session: Session, instance: str, label: Label, lists: NameLists, *, zone: str, now: datetime
) -> Judgement:
    """What there is to say of a name for an instance, by the lists and by what others have and want."""
    taken_by = names.taken_by(session, label.a_label) if label.a_label else None
    before = last_gone(session, label.a_label) if label.a_label else None
    rests = names.resting_until(session, label.a_label, now) if before is not None else None
    known = Known(
        taken_by=taken_by,
        is_yours=taken_by == instance,
        resting_until=rests if before is not None and before.instance_name != instance else None,
        servers=_servers(session, zone),
        names=names_of_others(session, instance),
        wanted=tuple(
            row.name for row in session.scalars(in_state(ApplicationState.WAITING)) if row.instance_name != instance
        ),
    )
    return judge(label, lists, known)


def stop_if_wrong(
    session: Session, instance: str, label: Label, lists: NameLists, *, zone: str, now: datetime
) -> Judgement:
    """What there is to say of a name that an operator gives away without an application.

    Raises:
        NameRefused: the program refuses it, whoever approves it; but an instance's own name may be ordered again.
    """
    found = judgement_of(session, instance, label, lists, zone=zone, now=now)
    if all(one.rule is not YOURS for one in found.findings):
        stop_if_refused(found)
    return found


def stop_if_refused(found: Judgement) -> None:
    """A name that the program refuses is nobody's.

    Raises:
        NameRefused: it is refused.
    """
    if found.outcome is Outcome.REFUSED:
        raise NameRefused(found.label.name, tuple(one for one in found.findings if one.refuses))


def names_of_others(session: Session, instance: str) -> tuple[str, ...]:
    """The subdomains of all other instances, in Unicode."""
    held = names.all_names(session, *HOLDING)
    return tuple(one.as_ordered for one in held if one.kind is NameKind.SUBDOMAIN and one.instance_name != instance)


def case_key(number: int) -> str:
    """The key of the case that an application is while it waits."""
    return f"name-application:{number}"


def _decide(
    session: Session, row: NameApplication, to: ApplicationState, by: str, reason: str, *, now: datetime
) -> None:
    """The decision, with all that it was made by."""
    row.state = step(ApplicationState(row.state), to)
    row.decided_by, row.decided_at, row.reason = by, now, reason
    session.flush()
    told = {
        "application": row.id, "name": row.name, "a_label": row.a_label, "version": row.version,
        "rules": [one["rule"] for one in row.findings],
    }  # fmt: skip
    record(session, by, DEEDS[to], subject_of(row.instance_name), why=reason, evidence=told, now=now)
    cases.settle_by_key(session, case_key(row.id), by, f"{row.name} is {to}: {reason}", now)


def _keep(row: NameApplication, found: Judgement, now: datetime) -> None:
    """What was found now takes the place of what was found before."""
    row.version, row.findings, row.judged_at = found.version, recorded(found.findings), now


def _servers(session: Session, zone: str) -> frozenset[str]:
    """The labels of our servers in the zone, also of those that are retired."""
    known = servers.all_servers(session)
    return frozenset(
        label for one in known for label in (str(one.name), one.host_name.removesuffix(f".{zone}")) if "." not in label
    )
