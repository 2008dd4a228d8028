"""Names that were approved or cancelled: recorded with the work that makes it so, in one transaction (P26, P29)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hosting.errors import Refused
from hosting.inventory import names, work
from hosting.policy.states import NameState
from hosting.policy.labels import read_label
from hosting.policy.values import NameKind

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.labels import Label
    from hosting.policy.values import NameFacts


class NameUnreadable(Refused):
    """What was given is no name that an instance may have (P27)."""


def label_of(wish: str, zone: str) -> Label:
    """A wish as a label that may be entered.

    Raises:
        NoName: it is empty, or far too long.
        NameUnreadable: it is no name by the rules of P27; tells each reason.
    """
    label = read_label(wish, zone)
    if label.findings:
        said = " ".join(map(str, label.findings))
        raise NameUnreadable(f"{wish} is no name for an instance: {said}", "Ask the customer for another one.")
    return label


def order_subdomain(
    session: Session, instance: str, a_label: str, as_ordered: str, *, by: str, now: datetime
) -> NameFacts:
    """A subdomain is the instance's from now on, and a run brings it up at once; raises as `names.begin_assigning`.

    Args:
        session: of the transaction.
        instance: whose it becomes; the name that it has goes once this one is live.
        a_label: as DNS has it.
        as_ordered: the same in Unicode.
        by: who approved it (P28).
        now: the moment.
    """
    name = names.begin_assigning(session, instance, NameKind.SUBDOMAIN, a_label, as_ordered, now=now, by=by)
    if name.state is NameState.ASSIGNING:
        work.ask_for(session, work.ASSIGN_SUBDOMAIN, work_subject(name), now, by=by, now=now)
    return name


def order_release(session: Session, instance: str, a_label: str, *, by: str, why: str, now: datetime) -> NameFacts:
    """A name is to go from its instance, and a run takes it away at once; raises as `names.begin_releasing`."""
    name = names.begin_releasing(session, instance, a_label, now=now, by=by, why=why)
    work.cancel(session, work.ASSIGN_SUBDOMAIN, work_subject(name), "It is released.")
    work.ask_for(session, work.RELEASE_SUBDOMAIN, work_subject(name), now, by=by, now=now)
    return name


def work_subject(name: NameFacts) -> str:
    """What the work of a name is about; the same name ordered again is another one's."""
    return f"{name.instance_name}#{name.id}"


def parameters_of(subject: str) -> dict[str, Any]:
    """The parameters of the flow for a subject as above."""
    instance, _, number = subject.partition("#")
    return {"request": {"instance": instance, "number": int(number)}}
