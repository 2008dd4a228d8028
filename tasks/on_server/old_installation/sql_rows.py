"""Rows of a dump: `INSERT` with plain values alone, no call, no question, no variable."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks.on_server.old_installation.refusal import Refusal
from tasks.on_server.old_installation.sql_tables import NAME

_NAME = rb"(?:`[^`]+`|[\w$]+)"
_HEAD = re.compile(
    rb"(INSERT|REPLACE)\s+(?:(?:LOW_PRIORITY|DELAYED|IGNORE)\s+)*INTO\s+(" + _NAME + rb")\s*"
    rb"(\.\s*" + _NAME + rb"\s*)?(?:\(\s*(" + _NAME + rb"(?:\s*,\s*" + _NAME + rb")*)\s*\))?\s*VALUES?",
    re.IGNORECASE,
)
_VALUE = rb"""(?:NULL|DEFAULT
    |(?:_(?:binary|utf8|utf8mb3|utf8mb4)\b\s*)?'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'
    |"[^"\\]*(?:(?:\\.|"")[^"\\]*)*"
    |(?:_binary\s+)?(?:0x[0-9A-F]+|[xbn]'[^'\\]*')|-?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?)"""
_ROW = re.compile(
    rb"\s*\(\s*" + _VALUE + rb"(?:\s*,\s*" + _VALUE + rb")*\s*\)\s*(,?)",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
"""One row. At each place one alternative alone fits, so that what doesn't fit is known in one pass."""


@dataclass(frozen=True)
class Rows:
    """The rows of one statement."""

    table: str
    count: int
    head: str
    values: bytes

    def insert(self, name: str) -> bytes:
        """The statement that adds them to a table of this name."""
        verb, columns = self.head.split("\n")
        return f"{verb} INTO `{name}` {columns}VALUES".encode() + self.values


def read_rows(text: bytes, line: int) -> Rows:
    """An `INSERT` or `REPLACE` statement.

    Raises:
        Refusal: it holds anything but rows of plain values; names the line on which they stand.
    """
    head = _HEAD.match(text)
    if head is None:
        raise Refusal("insert_form", line=line, word=text[:40].decode(errors="replace"))
    table = _plain(head[2], line)
    if head[3]:
        raise Refusal("qualified_name", line=line, name=table)
    columns = [f"`{_plain(column.strip(), line).lower()}`" for column in (head[4] or b"").split(b",") if column.strip()]
    count, at, more = 0, head.end(), True
    while more:
        row = _ROW.match(text, at)
        if row is None:
            there = line + text.count(b"\n", 0, at)
            raise Refusal("row_form", line=there, row=count + 1, word=text[at : at + 40].decode(errors="replace"))
        count, at, more = count + 1, row.end(), bool(row[1])
    if at != len(text):
        there = line + text.count(b"\n", 0, at)
        raise Refusal("insert_form", line=there, word=text[at : at + 40].decode(errors="replace"))
    told = f"({', '.join(columns)}) " if columns else ""
    return Rows(table, count, f"{head[1].decode().upper()}\n{told}", text[head.end() :])


def _plain(name: bytes, line: int) -> str:
    """A name without its marks."""
    found = name.strip(b"`").decode(errors="replace")
    if not NAME.fullmatch(found):
        raise Refusal("odd_name", line=line, name=found)
    return found
