"""Domains for which customers may hand certificates over by themselves: who may, for which, by which links (P31).

A link works once and ends by itself; all links for a domain end with the first that is used, and with the domain.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory import deeds, links
from hosting.inventory.instances import instance_facts, subject_of
from hosting.inventory.models import DomainInvitation
from hosting.policy.states import InstanceState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

PURPOSE = "certificate:"
"""What links are for that open the page for certificates; the invitation's number follows."""

VALID = timedelta(days=30)
"""So long a link lives: the first letter about a certificate's end goes out so long ahead."""


@dataclass(frozen=True)
class InvitationFacts:
    """A domain for which a customer may hand a certificate over.

    Args:
        a_label: of the domain, as DNS has it.
        as_ordered: exactly as the customer ordered it (P32).
        made_by: the operator who approved the domain; `deeds.SERVICE` for one that the instance had already.
    """

    id: int
    instance_name: str
    a_label: str
    as_ordered: str
    made_by: str
    made_at: datetime


@dataclass(frozen=True)
class Opened:
    """What a link opens, and until when."""

    invitation: InvitationFacts
    expires_at: datetime


def ensure_invitation(
    session: Session, instance: str, a_label: str, as_ordered: str, *, by: str, now: datetime, why: str = ""
) -> InvitationFacts:
    """The customer of an instance may hand a certificate for a domain over; once for the same spelling.

    Raises:
        UnknownInstance: no instance has this name.
    """
    instance_facts(session, instance)
    mine = DomainInvitation.instance_name == instance, DomainInvitation.a_label == a_label
    query = select(DomainInvitation).where(*mine, DomainInvitation.as_ordered == as_ordered)
    row = session.scalars(query.order_by(DomainInvitation.id)).first()
    if row is None:
        row = DomainInvitation(instance_name=instance, a_label=a_label, as_ordered=as_ordered, made_by=by, made_at=now)
        session.add(row)
        session.flush()
    told = {"name": a_label, "ordered": as_ordered}
    deeds.record(session, by, "certificate asked for", subject_of(instance), why=why, evidence=told, now=now)
    return _facts(row)


def make_upload_link(session: Session, invitation: InvitationFacts, now: datetime) -> str:
    """A link's token; earlier ones stay until one is used."""
    purpose = f"{PURPOSE}{invitation.id}"
    return links.make_link(session, invitation.instance_name, purpose, now, VALID, replaces=False)


def open_link(session: Session, token: str, now: datetime) -> Opened:
    """What a token opens; changes nothing.

    Raises:
        LinkUnknown: no link to such a page has it.
        LinkUsed: it was used before.
        LinkExpired: its time is over, or its instance is not open.
    """
    link = links.find_link(session, token, now)
    return Opened(_of_link(session, link), link.expires_at)


def use_link(session: Session, token: str, now: datetime) -> InvitationFacts:
    """Use a link up; raises as `open_link`, and of several who try at once one succeeds."""
    open_link(session, token, now)
    return _of_link(session, links.use_link(session, token, now))


def end_links(session: Session, instance: str, a_label: str, now: datetime) -> None:
    """No link for a domain opens anything any more: the domain goes from the instance."""
    mine = DomainInvitation.instance_name == instance, DomainInvitation.a_label == a_label
    for number in session.scalars(select(DomainInvitation.id).where(*mine)):
        links.end_unused(session, instance, f"{PURPOSE}{number}", now)


def _of_link(session: Session, link: links.LinkFacts) -> InvitationFacts:
    """The invitation that a link names, while its instance is open."""
    number = link.purpose.removeprefix(PURPOSE)
    row = session.get(DomainInvitation, int(number)) if number != link.purpose and number.isdecimal() else None
    if row is None or row.instance_name != link.instance_name:
        raise links.LinkUnknown
    if instance_facts(session, row.instance_name).state is not InstanceState.ACTIVE:
        raise links.LinkExpired
    return _facts(row)


def _facts(row: DomainInvitation) -> InvitationFacts:
    """The row, frozen."""
    return InvitationFacts(row.id, row.instance_name, row.a_label, row.as_ordered, row.made_by, row.made_at)
