"""The inventory's rows as lines of JSON by table: one form from every database, and back into an empty one."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, func, select, text

from hosting.errors import Refused
from hosting.inventory.models import Moment
from hosting.inventory.tables import Base

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Column, Table
    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory

ROWS_AT_ONCE = 500

Rows = dict[str, bytes]
"""The lines of each table, by its name."""


class InventoryNotEmpty(Refused):
    """Rows are put back into an empty inventory only."""


class OtherSchema(Refused):
    """The rows were taken from another schema than this program's."""


def take_rows(inventory: Inventory) -> tuple[str, Rows]:
    """The schema's revision, and all rows as they were at one moment.

    Raises:
        Unreachable: the database does not answer.
        DriftFound: its schema is older than this program.
    """
    with inventory.reading() as session:
        if session.get_bind().dialect.name != "sqlite":  # whose transactions see one moment in any case
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return _revision(session), {table.name: _lines(session, table) for table in Base.metadata.sorted_tables}


def put_rows(inventory: Inventory, revision: str, rows: Mapping[str, bytes]) -> int:
    """Put rows back into an empty inventory, whose schema is made; all of them or none. Returns how many.

    Args:
        inventory: an empty database, or one that is not there yet.
        revision: the schema's, as `take_rows` told it.
        rows: as `take_rows` told them.

    Raises:
        OtherSchema: this program has another schema.
        InventoryNotEmpty: something is in it.
        Unreachable: the database does not answer.
    """
    inventory.upgrade()
    with inventory.writing() as session:
        has = _revision(session)
        if has != revision or set(rows) != set(Base.metadata.tables):
            raise OtherSchema(
                f"The rows are of the schema {revision}, this program has {has}.",
                "Install the version that made the backup, restore, then install the newer one.",
            )
        for table in Base.metadata.sorted_tables:
            if session.execute(select(func.count()).select_from(table)).scalar_one():
                raise InventoryNotEmpty(f"The inventory has rows already ({table.name}).", "Name an empty database.")
        return sum(_put(session, table, rows[table.name]) for table in Base.metadata.sorted_tables)


def _revision(session: Session) -> str:
    """The schema's revision."""
    return str(session.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def _lines(session: Session, table: Table) -> bytes:
    """A table's rows, one a line, in the order of their keys."""
    found = session.execute(select(table).order_by(*table.primary_key.columns)).mappings()
    return b"".join(json.dumps(dict(row), default=_told, ensure_ascii=False).encode() + b"\n" for row in found)


def _told(value: object) -> str:
    """A moment or a day, the two things that JSON has no form for."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _put(session: Session, table: Table, lines: bytes) -> int:
    """Put a table's rows back; returns how many."""
    rows = [_row(table, line) for line in lines.splitlines()]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        session.execute(table.insert(), rows[start : start + ROWS_AT_ONCE])
    counted = table.autoincrement_column
    if rows and counted is not None and session.get_bind().dialect.name == "postgresql":
        _go_on_counting(session, table, counted)
    return len(rows)


def _row(table: Table, line: bytes) -> dict[str, Any]:
    """One row, as the table's columns take it."""
    return {name: _value(table.columns[name], value) for name, value in json.loads(line).items()}


def _value(column: Column[Any], value: Any) -> Any:
    """One value, as its column takes it."""
    if value is None:
        return None
    match column.type:
        case Moment():
            return datetime.fromisoformat(value)
        case Date():
            return date.fromisoformat(value)
    return value


def _go_on_counting(session: Session, table: Table, column: Column[Any]) -> None:
    """PostgreSQL counts beside the table: it goes on after the highest number."""
    highest = session.execute(select(func.max(column))).scalar_one()
    session.execute(select(func.setval(func.pg_get_serial_sequence(table.name, column.name), highest)))
