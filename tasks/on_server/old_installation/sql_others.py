"""Statements of a dump that are about no table: left out where dumps have them, refused where none needs them (P34)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.on_server.old_installation.refusal import Refusal

if TYPE_CHECKING:
    from tasks.on_server.old_installation.sql_statements import Statement

LEFT_OUT = (
    (re.compile(rb"DROP\s+TABLE\b", re.IGNORECASE), "drop table"),
    (re.compile(rb"(?:UN)?LOCK\s+TABLES\b", re.IGNORECASE), "lock"),
    (re.compile(rb"COMMIT$|BEGIN$|START\s+TRANSACTION$", re.IGNORECASE), "transaction"),
)
_DATABASE = re.compile(
    rb"CREATE\s+(?:DATABASE|SCHEMA)\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:`[^`]+`|[\w$-]+)"
    rb"(?:\s+(?:DEFAULT\s+)?(?:CHARACTER\s+SET|CHARSET|COLLATE|ENCRYPTION)\s*=?\s*(?:\w+|'\w+'))*$",
    re.IGNORECASE,
)
_DEFINER = re.compile(rb"\bDEFINER\s*=", re.IGNORECASE)
_INTO = re.compile(rb"\bINTO\s+(?:OUTFILE|DUMPFILE)\b|\bLOAD_FILE\s*\(", re.IGNORECASE)

_HEAD = 400
"""Bytes of a statement in which its kind shows."""

CLIENT = {"SOURCE", "SYSTEM", "TEE", "NOTEE", "PAGER", "NOPAGER", "EDIT", "CONNECT", "CHARSET", "STATUS", "QUIT", "GO"}
RIGHTS = {"GRANT", "REVOKE"}
MADE = {"TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "VIEW"}


def left_out(statement: Statement, word: str) -> str:
    """The kind of a statement that isn't passed on.

    Raises:
        Refusal: one that no dump needs, or that this service can't take.
    """
    text, line = statement.text, statement.line
    for pattern, kind in LEFT_OUT:
        if pattern.match(text):
            return kind
    if _DATABASE.match(text):
        return "create database"
    raise _refusal(word, text, line)


def _refusal(word: str, text: bytes, line: int) -> Refusal:
    """Why a statement isn't taken."""
    head = text[:_HEAD]
    made = {found.upper().decode() for found in re.findall(rb"[A-Za-z]+", head)} & MADE
    if word == "CREATE" and made:
        return Refusal("made", line=line, what=min(made))
    shown = head[:40].decode(errors="replace")
    codes = (
        ("delimiter", word == "DELIMITER"),
        ("definer", _DEFINER.search(head) is not None),
        ("load_data", word == "LOAD"),
        ("into_file", _INTO.search(text) is not None),
        ("rights", word in RIGHTS),
        ("client_command", word in CLIENT),
    )
    code = next((code for code, is_so in codes if is_so), "statement")
    return Refusal(code, line=line, word=shown)
