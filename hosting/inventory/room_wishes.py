"""Wishes for more that were refused for lack of room: each counts once, and its case ends by itself (P23, P24).

A booking that was refused is never made later without being asked for again: the customer has read that he doesn't get
it, and what is booked counts from its confirmation. So where room has come an operator is told to ask him.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory import cases, instances, moves, servers
from hosting.inventory.deeds import SERVICE
from hosting.inventory.levels import terms_of_instance
from hosting.policy.booking_changes import ChangeKind
from hosting.policy.states import InstanceState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.cases import CaseFacts

NO_ROOM = "room_needed"
"""The kind of the case that a booking is for which the instance's server has no room (P24)."""

ROOM_CAME = "room_came"
"""The kind of the case that such a booking is once its server has the room: the customer may have it after all."""

OPTIONS = {ChangeKind.BOOK_ACCOUNTS: "--accounts", ChangeKind.BOOK_STORAGE: "--storage"}


def wanted_gib(session: Session, case: CaseFacts, now: datetime) -> int:
    """The storage that the wish of a case asks for."""
    terms = terms_of_instance(session, case.subject.partition(":")[2], now)
    each = terms.storage_per_account_gib if case.facts["kind"] == ChangeKind.BOOK_ACCOUNTS else 1
    return int(case.facts["amount"]) * each


def settle_earlier(session: Session, instance: str, kind: str, why: str, *, by: str, now: datetime) -> None:
    """What was asked for before of the same kind is not wanted beside what is asked for now."""
    for case in _open(session):
        if case.subject == instances.subject_of(instance) and case.facts["kind"] == kind:
            cases.settle_case(session, case.id, by, why, now)


def see_to_wishes(session: Session, now: datetime) -> list[str]:
    """Settle the cases of wishes that are over, or for which there is room by now, the oldest first.

    Returns:
        What was found, a sentence each.
    """
    said = []
    for case in _open(session):
        instance = instances.instance_facts(session, case.subject.partition(":")[2])
        if instance.state is InstanceState.ENDED:
            said.append(f"{instance.name} has ended: nobody wants more for it.")
            cases.settle_case(session, case.id, SERVICE, said[-1], now)
        elif case.kind == NO_ROOM and moves.open_move(session, instance.name) is None:
            here = servers.server_facts(session, instance.server_name)
            if here.free_gib >= (wanted := wanted_gib(session, case, now)):
                said.append(f"{here.name} has {here.free_gib} GiB left, {wanted} are needed.")
                cases.settle_case(session, case.id, SERVICE, said[-1], now)
                _tell_room_came(session, case, instance.name, said[-1], now)
    return said


def _tell_room_came(session: Session, case: CaseFacts, instance: str, found: str, now: datetime) -> None:
    """An operator asks the customer whether he still wants it."""
    kind, amount = ChangeKind(case.facts["kind"]), case.facts["amount"]
    how = f"phm booking add {instance} {OPTIONS[kind]} {amount}" if kind in OPTIONS else f"phm booking list {instance}"
    summary = (
        f"{instance}: there is room for what was refused ({kind}, {amount}). {found} Ask the customer; then: {how}"
    )
    facts = {**case.facts, "refused": case.id}
    cases.raise_case(session, f"{ROOM_CAME}:{case.id}", ROOM_CAME, case.subject, summary, facts=facts, now=now)


def _open(session: Session) -> list[CaseFacts]:
    """The cases of wishes that nobody has settled, the oldest first."""
    return [case for case in cases.open_cases(session) if case.kind in {NO_ROOM, ROOM_CAME}]
