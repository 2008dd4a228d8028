"""How servers stand: what is on each, how it weighs, which of them are being emptied (P12, P24)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hosting.inventory import cases, instances, moves, offers, servers, storage_views
from hosting.inventory.booking_changes import NO_ROOM
from hosting.policy.booking_changes import ChangeKind
from hosting.policy.move_needs import Standing, Tenant
from hosting.policy.states import InstanceState, OfferState, ServerState
from hosting.policy.terms import STANDARD

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import InstanceFacts

SERVED = frozenset({InstanceState.ACTIVE, InstanceState.SUSPENDED})


def standings(session: Session, now: datetime) -> list[Standing]:
    """All servers that aren't retired with the instances on them that haven't ended, each with its forecast."""
    leaving = leaving_instances(session)
    asked = asked_gib(session)
    here: dict[str, list[Tenant]] = {}
    for one in instances.all_instances(session):
        if one.state is not InstanceState.ENDED:
            tenant = _tenant(session, one, now, asked=asked[one.name], leaving=one.name in leaving)
            here.setdefault(one.server_name, []).append(tenant)
    known = [one for one in servers.all_servers(session) if one.state is not ServerState.RETIRED]
    return [Standing(one, tuple(here.get(one.name, ()))) for one in known]


def leaving_instances(session: Session) -> dict[str, str]:
    """The instances whose room is kept on another server, with its name: on the way, agreed on, or offered."""
    offered = {one.instance_name: one.target_name for one in offers.all_offers(session, OfferState.OFFERED)}
    moving = {one.instance_name: one.target_name for one in moves.all_moves(session, *moves.BEFORE_SWITCH)}
    return {str(name): str(target) for name, target in {**offered, **moving}.items()}


def asked_gib(session: Session) -> Counter[str]:
    """By instance, the storage that was asked for and refused for lack of room, until its case is settled."""
    found: Counter[str] = Counter()
    for case in cases.open_cases(session):
        if case.kind == NO_ROOM:
            each = STANDARD.storage_per_account_gib if case.facts["kind"] == ChangeKind.BOOK_ACCOUNTS else 1
            found[case.subject.partition(":")[2]] += int(case.facts["amount"]) * each
    return found


def _tenant(session: Session, one: InstanceFacts, now: datetime, *, asked: int, leaving: bool) -> Tenant:
    """An instance as it weighs."""
    full_at = storage_views.storage_view(session, one.name, now).full_at if one.state in SERVED else None
    movable = one.state is InstanceState.ACTIVE and not leaving
    return Tenant(one.name, one.storage_gib, full_at, asked, movable=movable, leaving=leaving)
