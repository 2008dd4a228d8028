"""How the console words what several verbs show: money, durations, cases, what was done."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from deployments.console.output import HERE, emit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from hosting.inventory.cases import CaseFacts
    from hosting.inventory.deeds import DeedFacts

CASE_COLUMNS = {
    "id": "case", "kind": "kind", "subject": "about", "summary": "what", "raised_at": "raised",
    "settled_by": "settled by", "decision": "decision",
}  # fmt: skip
DEED_COLUMNS = {"at": "when", "by": "by", "what": "what", "why": "why", "evidence": "evidence"}
SUBJECT_COLUMNS = {key: title for key, title in CASE_COLUMNS.items() if key != "subject"}


def heading(title: str) -> None:
    """A line above a further table."""
    sys.stdout.write(f"\n{title}\n")


def show_history(cases: Iterable[CaseFacts], deeds: Iterable[DeedFacts]) -> None:
    """The cases about a thing and what was done to it, as tables."""
    heading("Cases")
    emit([asdict(case) for case in cases], SUBJECT_COLUMNS, as_json=False)
    heading("What was done")
    rows = [{**asdict(deed), "evidence": facts(deed.evidence)} for deed in deeds]
    emit(rows, DEED_COLUMNS, as_json=False, empty="Nothing.")


def facts(evidence: object) -> str:
    """Facts as people read them: names and values in one line."""
    if isinstance(evidence, dict):
        return ", ".join(f"{name.replace('_', ' ')} {facts(value)}" for name, value in evidence.items())
    if isinstance(evidence, list):
        return " ".join(map(facts, evidence))
    return str(evidence)


def money(cents: int, currency: str) -> str:
    """An amount with its currency."""
    sign, whole = "-" if cents < 0 else "", abs(cents)
    return f"{sign}{whole // 100}.{whole % 100:02d} {currency}"


def local(moment: datetime | None) -> str:
    """A moment on the service's own wall clock."""
    return "" if moment is None else f"{moment.astimezone(HERE):%Y-%m-%d %H:%M}"


def duration(time: timedelta) -> str:
    """A duration in hours and minutes, with its sign."""
    minutes = int(abs(time) / timedelta(minutes=1))
    return f"{'-' if time < timedelta(0) else ''}{minutes // 60} h {minutes % 60:02d} min"
