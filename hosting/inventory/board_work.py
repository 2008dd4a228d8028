"""What is under way, for the board: orders, moves, updates."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from hosting.inventory.announcement_rows import AnnouncedInstance, Announcement
from hosting.inventory.level_rows import LevelAgreement
from hosting.inventory.level_rows import facts_of as agreement_of
from hosting.inventory.models import (
    Contract,
    Customer,
    DayOverride,
    Evacuation,
    Move,
    MoveOffer,
    NeededMove,
    Order,
    Release,
    ServiceLevel,
    Work,
)
from hosting.inventory.roll_out_rows import InstanceUpdate, RollOut
from hosting.inventory.work import MOVE, PROVISION, UPDATE_APPLICATION
from hosting.policy import board_rules
from hosting.policy.board import Line, Urgency, ago, clipped, clock, counted, length, named, section
from hosting.policy.business_hours import ServiceCalendar, ServiceHours
from hosting.policy.months import day_of
from hosting.policy.open_promises import Outlook, standing
from hosting.policy.roll_outs import RollOutState, UpdateState
from hosting.policy.service_levels import level_on
from hosting.policy.states import (
    EvacuationState,
    MoveState,
    NeedState,
    OfferState,
    OrderState,
    WorkState,
)
from hosting.policy.terms import STANDARD, TIME_ZONE, terms_with

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from hosting.inventory.board import Asked
    from hosting.policy.board import Section
    from hosting.policy.open_promises import PromiseStanding
    from hosting.policy.service_levels import Agreement
    from hosting.policy.terms import Terms

MOVING = (MoveState.PLANNED, MoveState.COPYING, MoveState.FROZEN, MoveState.SWITCHED)


def orders(session: Session, asked: Asked) -> Section:
    """Paid orders that are not open yet, with the service time left (P08, P09)."""
    query = select(Order, Customer.name, Contract.id, Contract.service_level)
    query = query.join(Customer, Order.customer_reference == Customer.reference)
    query = query.outerjoin(Contract, Contract.order_reference == Order.reference)
    works = {row.subject: row for row in session.scalars(select(Work).where(Work.kind == PROVISION, _unended()))}
    calendars = Calendars(session, asked.holidays_state)
    lines = []
    for order, customer, contract, first in session.execute(query.where(Order.state == OrderState.PAID)):
        if order.paid_at is None or order.promised_by is None:
            continue  # a paid order has both; the types can't say so
        terms, calendar = calendars.of(contract, first if contract else order.service_level, asked.at)
        work = works.get(order.reference)
        stands = standing(
            order.paid_at, asked.at, calendar, promised_by=order.promised_by, within=terms.setup_within,
            work=WorkState(work.state) if work else None,
        )  # fmt: skip
        lines.append(_order(order, customer, work, stands))
    return section("orders", "Open orders", "phm promises", lines)


def moves(session: Session, asked: Asked) -> Section:
    """Moves that are planned or under way, offers that wait for an answer, needed moves, servers being emptied."""
    works = {row.subject: row for row in session.scalars(select(Work).where(Work.kind == MOVE, _unended()))}
    rows = session.scalars(select(Move).where(Move.state.in_(MOVING)))
    lines = [_move(row, works.get(str(row.id)), asked.at) for row in rows]
    lines += [
        _offer(row, asked.at) for row in session.scalars(select(MoveOffer).where(MoveOffer.state == OfferState.OFFERED))
    ]
    lines += [_need(row) for row in session.scalars(select(NeededMove).where(NeededMove.state == NeedState.OPEN))]
    emptied = select(Evacuation).where(Evacuation.state != EvacuationState.DONE)
    lines += [_evacuation(row) for row in session.scalars(emptied)]
    return section("moves", "Moves", "phm move status", lines)


def updates(session: Session, asked: Asked) -> Section:
    """Roll-outs of releases, and updates of servers that customers were told of (P15 to P17)."""
    rows = select(RollOut, Release.version).join(Release, RollOut.release_id == Release.id)
    rows = rows.where(RollOut.state.in_([RollOutState.OPEN, RollOutState.HALTED]))
    counts: defaultdict[int, dict[str, int]] = defaultdict(dict)
    places = select(InstanceUpdate.roll_out_id, InstanceUpdate.state, func.count()).join(
        RollOut, RollOut.id == InstanceUpdate.roll_out_id
    )
    places = places.where(RollOut.state.in_([RollOutState.OPEN, RollOutState.HALTED]))
    for number, state, many in session.execute(places.group_by(InstanceUpdate.roll_out_id, InstanceUpdate.state)):
        counts[number][state] = many
    at_work = select(Work).where(Work.kind == UPDATE_APPLICATION, Work.state == WorkState.DISPATCHED)
    runs = {row.subject.partition(":")[0]: row.flow_run_id or "" for row in session.scalars(at_work)}
    lines = [
        _roll_out(row, version, counts[row.id], runs.get(str(row.id), ""), asked.at)
        for row, version in session.execute(rows)
    ]
    told = select(Announcement, func.count(), func.min(AnnouncedInstance.opens)).join(AnnouncedInstance)
    told = told.where(AnnouncedInstance.ended_at.is_(None), AnnouncedInstance.called_off_at.is_(None))
    lines += [_announced(*found) for found in session.execute(told.group_by(Announcement.id))]
    return section("updates", "Updates", "phm update status", lines)


def _order(order: Order, customer: str, work: Work | None, stands: PromiseStanding) -> Line:
    """An open order."""
    left, missed = stands.time_left, stands.outlook is Outlook.MISSED
    told = f"{named(customer)}: promised by {clock(order.promised_by or order.placed_at)}, "
    told += "and not kept." if missed else f"{length(left)} of service time left."
    if stands.ready_at is not None:
        told += f" Ready about {clock(stands.ready_at)}."
    if work is not None and work.finding:
        told += f" {work.finding}"
    failed = work is not None and work.state == WorkState.FAILED
    do = f"phm order again {order.reference} --reason …" if failed else f"phm order show {order.reference}"
    urgency = board_rules.of_order(stands.outlook, left)
    word = "missed" if missed else f"{length(left)} left"
    if stands.outlook in {Outlook.NEEDS_A_PERSON, Outlook.WILL_MISS}:
        word = stands.outlook.value
    return Line(order.reference, word, clipped(told), urgency, do, _run(work), order.promised_by)


def _move(row: Move, work: Work | None, now: datetime) -> Line:
    """A move that is not at its end."""
    ends = row.due_until or row.due_at + STANDARD.move_window
    failed = work is not None and work.state == WorkState.FAILED
    urgency = board_rules.of_move(
        MoveState(row.state), ends, row.closed_at, now, finding=row.finding, work_failed=failed
    )
    closed = f" Closed for {length(now - row.closed_at)}." if row.closed_at else ""
    told = f"{row.source_name} to {row.target_name}, {clock(row.due_at)} to {clock(ends)[-5:]}; agreed on by "
    told += f"{named(row.agreed_by)} on {clock(row.agreed_at)}.{closed} {row.finding}"
    instance, does = row.instance_name, f"phm move status {row.instance_name}"
    return Line(instance, row.state, clipped(told), urgency, does, _run(work), row.due_at)


def _offer(row: MoveOffer, now: datetime) -> Line:
    """Times that a customer was offered."""
    sent = f"asked {ago(row.told_at, now)}" if row.told_at else "the letter is not sent yet"
    told = (
        f"To {row.target_name}: {counted(len(row.windows), 'time')} offered, {sent}; answer by {clock(row.answer_by)}."
    )
    urgency = board_rules.of_offer(row.answer_by, row.told_at, now)
    return Line(row.instance_name, "no answer yet", told, urgency, "phm move offers", at=row.answer_by)


def _need(row: NeededMove) -> Line:
    """A move that is needed, and nobody has offered times for."""
    instance, target = row.instance_name, row.target_name
    does = f"phm move offer {instance} --to {target} --reason …" if target else "phm capacity"
    told = clipped(f"From {row.source_name} to {target or 'no server'}: {row.why} {row.help}")
    urgency = board_rules.of_need(has_target=target is not None)
    return Line(instance, "needs to move", told, urgency, does, at=row.found_at)


def _evacuation(row: Evacuation) -> Line:
    """A server that is emptied."""
    state = EvacuationState(row.state)
    stopped = state is EvacuationState.STOPPED
    word = "stopped" if stopped else "emergency" if row.emergency else "being emptied"
    told = clipped(f"Emptied since {clock(row.begun_at)} by {named(row.by)}: {row.why}. {row.finding}")
    urgency = board_rules.of_evacuation(state, row.finding)
    return Line(
        row.server_name, word, told, urgency, f"phm server evacuate {row.server_name} --dry-run", at=row.begun_at
    )


def _roll_out(row: RollOut, version: str, counts: dict[str, int], run: str, now: datetime) -> Line:
    """A release on its way."""
    done, failed = counts.get(UpdateState.DONE, 0), counts.get(UpdateState.FAILED, 0)
    told = f"{done} of {counted(sum(counts.values()), 'instance')} done, {failed} failed; "
    told += f"begun {ago(row.begun_at, now)}. {row.finding}"
    state = RollOutState(row.state)
    does = f"phm update resume {row.id} --reason …" if state is RollOutState.HALTED else f"phm update status {row.id}"
    urgency = board_rules.of_roll_out(state, failed)
    return Line(f"{row.id}: {version}", state.value, clipped(told), urgency, does, run, row.begun_at)


def _announced(row: Announcement, many: int, opens: datetime) -> Line:
    """An update that customers were told of, and that has not begun for all of them."""
    told = clipped(f"{row.detail or row.why}: {counted(many, 'instance')} to go, the next from {clock(opens)}.")
    return Line(named(row.update_key), "announced", told, Urgency.CALM, "phm server announced", at=opens)


class Calendars:
    """The terms and calendars of service levels; all of them are read in three queries."""

    def __init__(self, session: Session, holidays_state: str | None) -> None:
        days = session.execute(select(DayOverride.day, DayOverride.opened)).all()
        self._closed = frozenset(day for day, opened in days if not opened)
        self._opened = frozenset(day for day, opened in days if opened)
        self._state = holidays_state
        self.terms: dict[str | None, Terms] = {None: STANDARD}
        for level in session.scalars(select(ServiceLevel)):
            self.terms[level.name] = terms_with(level.overrides)
        self._agreed: defaultdict[int, list[Agreement]] = defaultdict(list)
        for row in session.scalars(select(LevelAgreement).where(LevelAgreement.called_off_at.is_(None))):
            self._agreed[row.contract_id].append(agreement_of(row))
        self._made: dict[str | None, ServiceCalendar] = {}

    def of(self, contract: int | None, first: str | None, at: datetime) -> tuple[Terms, ServiceCalendar]:
        """Those that count at a moment for an order, which has a contract or not, and was ordered at a level."""
        level = level_on(first, self._agreed.get(contract or 0, ()), day_of(at))
        terms = self.terms[level]
        if level not in self._made:
            hours = ServiceHours.of_terms(terms, ZoneInfo(TIME_ZONE))
            self._made[level] = ServiceCalendar(hours, self._state, self._closed, self._opened)
        return terms, self._made[level]


def _unended() -> ColumnElement[bool]:
    """Work that somebody still has to do, or that failed."""
    return Work.state.in_([WorkState.OPEN, WorkState.DISPATCHED, WorkState.FAILED])


def _run(work: Work | None) -> str:
    """The run that is, or was, at some work."""
    return (work.flow_run_id or "") if work else ""
