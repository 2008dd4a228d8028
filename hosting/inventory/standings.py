"""How servers stand: what is on each, how it weighs, which of them are being emptied (P12, P24)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from hosting.inventory import cases, instances, moves, offers, room_wishes, servers, storage_views
from hosting.inventory.levels import terms_of_instances
from hosting.inventory.room_wishes import NO_ROOM
from hosting.policy.move_needs import Standing, Tenant
from hosting.policy.placement import GROWTH
from hosting.policy.states import InstanceState, OfferState, ServerState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.values import InstanceFacts, ServerName

SERVED = frozenset({InstanceState.ACTIVE, InstanceState.SUSPENDED})


def standings(session: Session, now: datetime) -> list[Standing]:
    """All servers that aren't retired with the instances on them that haven't ended, each with its forecast."""
    leaving = leaving_instances(session)
    asked = asked_gib(session, now)
    terms, here = terms_of_instances(session, now), dict[str, list[Tenant]]()
    for one in instances.all_instances(session):
        if one.state is not InstanceState.ENDED:
            step_gib = terms[one.name].storage_step_gib if one.storage_gib < terms[one.name].storage_most_gib else 0
            tenant = _tenant(session, one, now, asked=asked[one.name], going_to=leaving.get(one.name))
            tenant = replace(tenant, step_gib=step_gib)
            here.setdefault(one.server_name, []).append(tenant)
    known = [one for one in servers.all_servers(session) if one.state is not ServerState.RETIRED]
    return [Standing(one, tuple(here.get(one.name, ()))) for one in known]


def record_growth(session: Session, growth_gib: Mapping[ServerName, int]) -> None:
    """Keep what will be wanted more of each server before long: who is placed from now on leaves room for it."""
    for server in servers.all_servers(session):
        if server.facts.get(GROWTH, 0) != (gib := growth_gib.get(server.name, 0)):
            servers.record_facts(session, server.name, {GROWTH: gib})


def leaving_instances(session: Session) -> dict[str, ServerName]:
    """The instances whose room is kept on another server, with its name: on the way, agreed on, or offered."""
    offered = {one.instance_name: one.target_name for one in offers.all_offers(session, OfferState.OFFERED)}
    moving = {one.instance_name: one.target_name for one in moves.all_moves(session, *moves.BEFORE_SWITCH)}
    return {str(name): target for name, target in {**offered, **moving}.items()}


def asked_gib(session: Session, now: datetime) -> Counter[str]:
    """By instance, the storage that was asked for and refused for lack of room, until its case is settled.

    Of wishes of one kind the last one counts: who asks again for what he was refused wants no more by that.
    """
    last = {(case.subject, case.facts["kind"]): case for case in cases.open_cases(session) if case.kind == NO_ROOM}
    found: Counter[str] = Counter()
    for case in last.values():
        found[case.subject.partition(":")[2]] += room_wishes.wanted_gib(session, case, now)
    return found


def _tenant(session: Session, one: InstanceFacts, now: datetime, *, asked: int, going_to: ServerName | None) -> Tenant:
    """An instance as it weighs."""
    full_at = storage_views.storage_view(session, one.name, now).full_at if one.state in SERVED else None
    movable = one.state in SERVED and going_to is None
    return Tenant(one.name, one.storage_gib, full_at, asked, movable=movable, going_to=going_to)
