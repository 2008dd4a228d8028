"""What waits for a person, for the board: names, imports, cases, work without a run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from hosting.inventory.import_rows import Import
from hosting.inventory.models import Case, Name, NameApplication, Work
from hosting.policy import board_rules
from hosting.policy.board import LINES_MOST, Line, Urgency, ago, clipped, counted, length, named, section
from hosting.policy.imports import ImportState
from hosting.policy.states import ApplicationState, NameState, WorkState
from hosting.policy.values import NameKind

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.board import Asked
    from hosting.policy.board import Section

LAST_DAY = timedelta(days=1)
"""Work that failed longer ago has a case of its own, or was tried again."""

IMPORTING = (ImportState.ASKED, ImportState.CASE, ImportState.BUILT, ImportState.APPROVED, ImportState.UNDOING)


def names(session: Session, asked: Asked) -> Section:
    """Names that wait for a person's decision, and those that come or go right now (P28, P29)."""
    waiting = select(NameApplication).where(NameApplication.state == ApplicationState.WAITING)
    lines = [
        Line(
            what=named(row.name or row.wished),
            word="to decide",
            told=f"Wished for by {row.instance_name} {ago(row.asked_at, asked.at)}.",
            urgency=Urgency.HAND,
            do=f"phm name show {row.id}",
            at=row.asked_at,
        )
        for row in session.scalars(waiting)
    ]
    changing = select(Name).where(Name.state.in_([NameState.ASSIGNING, NameState.RELEASING]))
    lines += [_name(row, asked.at) for row in session.scalars(changing)]
    return section("names", "Names", "phm name queue", lines)


def imports(session: Session, asked: Asked) -> Section:
    """Old installations that are on their way into an instance (P33 to P39)."""
    columns = (Import.id, Import.instance_name, Import.state, Import.asked_at, Import.finding, Import.only_check)
    lines = []
    for number, instance, state, asked_at, finding, only_check in session.execute(
        select(*columns).where(Import.state.in_(IMPORTING))
    ):
        stands = ImportState(state)
        does = (
            f"phm import approve {number} --reason …" if stands is ImportState.BUILT else f"phm import status {number}"
        )
        said = {
            ImportState.CASE: f"A person has to decide. {finding}",
            ImportState.BUILT: "The draft stands beside the instance and waits for an approval.",
        }.get(stands, finding or ("It is looked at." if only_check else "A run is at it."))
        told = clipped(f"Asked for {ago(asked_at, asked.at)}. {said}")
        urgency = board_rules.of_import(stands, asked_at, asked.at)
        lines.append(Line(instance, stands.value, told, urgency, does, at=asked_at))
    return section("imports", "Imports", "phm import status", lines)


def cases(session: Session, asked: Asked) -> Section:
    """Everything that was put before a person and is not settled, the oldest first."""
    open_ones = Case.settled_at.is_(None)
    columns = (Case.id, Case.kind, Case.subject, Case.summary, Case.raised_at)
    query = select(*columns).where(open_ones).order_by(Case.raised_at, Case.id).limit(LINES_MOST)
    lines = [
        Line(
            what=f"{number}: {named(subject)}",
            word=kind,
            told=clipped(f"{summary} ({ago(raised_at, asked.at)})"),
            urgency=Urgency.HAND,
            do=f"phm case show {number}",
            at=raised_at,
        )
        for number, kind, subject, summary, raised_at in session.execute(query)
    ]
    many = session.scalar(select(func.count()).select_from(Case).where(open_ones)) or 0
    return section("cases", "Cases", "phm case list", lines, beyond=max(0, many - len(lines)))


def work(session: Session, asked: Asked) -> Section:
    """Due work that has no run, or whose run failed within a day."""
    late = (Work.state == WorkState.OPEN) & (Work.due_at < asked.at - board_rules.DISPATCH_LATE)
    failed = (Work.state == WorkState.FAILED) & (Work.due_at > asked.at - LAST_DAY)
    wanted = late | failed
    rows = session.scalars(select(Work).where(wanted).order_by(Work.due_at, Work.id).limit(LINES_MOST))
    lines = [_work(row, asked.at) for row in rows]
    many = session.scalar(select(func.count()).select_from(Work).where(wanted)) or 0
    counts = session.scalar(select(func.count()).select_from(Work).where(Work.state == WorkState.DISPATCHED)) or 0
    return section(
        "work", "Work that does not get on", "phm status", lines, note=f"{counted(counts, 'run')} at work.",
        beyond=max(0, many - len(lines)),
    )  # fmt: skip


def _name(row: Name, now: datetime) -> Line:
    """A name that comes or goes."""
    state = NameState(row.state)
    told = clipped(f"{row.instance_name}, for {length(now - row.since)}. {row.finding}")
    own = row.kind == NameKind.DOMAIN
    does = f"phm domain show {row.instance_name} {named(row.as_ordered)}" if own else "phm name list"
    return Line(
        named(row.as_ordered),
        state.value,
        told,
        board_rules.of_name(state, row.since, now, row.finding),
        does,
        at=row.since,
    )


def _work(row: Work, now: datetime) -> Line:
    """Work that does not get on."""
    state = WorkState(row.state)
    if state is WorkState.OPEN:
        word, does = "no run", "phm up"
        told = f"Due for {length(now - row.due_at)}, and no run has begun: does Prefect run?"
    else:
        word, does, told = "failed", "phm case list", row.finding or "Its run failed."
    urgency = board_rules.of_work(state, row.due_at, now)
    what = f"{row.kind} {named(row.subject)}"
    return Line(what, word, clipped(told), urgency, does, row.flow_run_id or "", row.due_at)
