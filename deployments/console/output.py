"""How verbs speak: tables for people, `--json` for programs, errors in one line."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hosting.errors import ServiceError

Json = Annotated[bool, typer.Option("--json", help="For programs: JSON, times in UTC.")]
"""The option of every reading verb."""

HERE = ZoneInfo("Europe/Berlin")
"""People read times of the service's own wall clock."""


def emit(
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    *,
    as_json: bool,
    empty: str = "There is none.",
) -> None:
    """Show rows: as a JSON list with all they hold, or as a table with these columns.

    Args:
        rows: what to show; values may be datetimes, enums, dataclasses.
        columns: keys of the rows and their titles, in the order of the table.
        as_json: what `--json` said.
        empty: the sentence that people read in place of an empty table.
    """
    if as_json:
        found = [dict(row) for row in rows]
        sys.stdout.write(json.dumps(found, default=_for_json, indent=2, ensure_ascii=False) + "\n")
        return
    from rich.console import Console  # noqa: PLC0415  # not needed for JSON
    from rich.table import Table  # noqa: PLC0415  # likewise

    if not rows:
        sys.stdout.write(empty + "\n")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in columns.values():
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(_for_people(row.get(key)) for key in columns))
    Console(highlight=False, markup=False).print(table)


def emit_one(fields: Mapping[str, Any], titles: Mapping[str, str], *, as_json: bool) -> None:
    """Show one thing: as a JSON object, or as a line for each titled field."""
    if as_json:
        sys.stdout.write(json.dumps(dict(fields), default=_for_json, indent=2, ensure_ascii=False) + "\n")
        return
    width = max(map(len, titles.values()), default=0)
    for key, title in titles.items():
        sys.stdout.write(f"{title.ljust(width)}  {_for_people(fields.get(key))}\n")


def complain(error: ServiceError) -> None:
    """One line on standard error: what is wrong, and what to do."""
    sys.stderr.write(" ".join(str(error).split()) + "\n")


def _for_json(value: object) -> Any:
    """A value in a form that JSON has."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


def _for_people(value: object) -> str:
    """A value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(HERE):%Y-%m-%d %H:%M}"
    return str(value.value) if isinstance(value, Enum) else str(value)
