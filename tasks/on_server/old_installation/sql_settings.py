"""`SET` statements of dumps: none is passed on; those that say how texts and times are to be read are heard."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tasks.on_server.old_installation.refusal import Refusal

ENCODINGS = {"utf8": "utf8mb4", "utf8mb3": "utf8mb4", "utf8mb4": "utf8mb4", "latin1": "latin1", "ascii": "utf8mb4",
             "binary": "binary"}  # fmt: skip
"""Those in which a quote or a backslash is never part of another letter."""

MODES = {
    "", "NO_AUTO_VALUE_ON_ZERO", "NO_ENGINE_SUBSTITUTION", "STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE", "ERROR_FOR_DIVISION_BY_ZERO", "NO_AUTO_CREATE_USER", "ONLY_FULL_GROUP_BY", "TRADITIONAL",
    "ALLOW_INVALID_DATES", "MYSQL40", "MYSQL323", "NO_FIELD_OPTIONS", "HIGH_NOT_PRECEDENCE",
}  # fmt: skip
"""Modes of SQL in which texts are written as we read them; ANSI_QUOTES and NO_BACKSLASH_ESCAPES change that."""

HARMLESS = {
    "CHARACTER_SET_CLIENT", "CHARACTER_SET_RESULTS", "CHARACTER_SET_CONNECTION", "COLLATION_CONNECTION", "TIME_ZONE",
    "SQL_MODE", "FOREIGN_KEY_CHECKS", "UNIQUE_CHECKS", "SQL_NOTES", "NOTE_VERBOSITY", "AUTOCOMMIT", "SQL_LOG_BIN",
    "NAMES", "CHARACTER_SET_DATABASE",
}  # fmt: skip

_ONE = re.compile(
    r"\s*(?:(?:SESSION|LOCAL)\s+|@@(?:SESSION|LOCAL)\s*\.\s*|@@(?!GLOBAL))?(@?\w+)\s*:?=\s*"
    r"('[^'\\]*'|\"[^\"\\]*\"|-?\d+|IFNULL\(@\w+,\s*(?:'[^'\\]*'|\d+)\)|@{0,2}[\w.]+)"
    r"\s*(,|$)",
    re.IGNORECASE,
)
_NAMES = re.compile(
    r"(?:NAMES|CHARACTER\s+SET|CHARSET)\s+['\"]?(\w+)['\"]?(?:\s+COLLATE\s+['\"]?\w+['\"]?)?", re.IGNORECASE
)
_GTID = re.compile(r"@@GLOBAL\.GTID_PURGED\s*=\s*(?:'\+'\s*)?'[0-9a-fA-F:,\s-]*'", re.IGNORECASE)
_OFFSET = re.compile(r"[+-]\d\d:\d\d")
_KEPT = re.compile(r"@OLD_\w+\s*:?=\s*@@", re.IGNORECASE)
_GIVEN_BACK = re.compile(r"=\s*(?:IFNULL\(\s*)?@OLD_\w+", re.IGNORECASE)
"""What mysqldump, phpMyAdmin and HeidiSQL write before their first table, and behind their last one."""


@dataclass(frozen=True)
class Reading:
    """How what follows is to be read.

    Args:
        encoding: as the dump says, "" where it says nothing.
        time_zone: of `TIMESTAMP` values, as an offset; "" where it says nothing.
        kept_at: the line on which settings were kept that whoever wrote the dump gives back at its end; 0 where none
            are left to be given back.
    """

    encoding: str = ""
    time_zone: str = ""
    kept_at: int = 0


def heard(text: bytes, line: int, before: Reading) -> Reading:
    """How to read what follows after a `SET` statement.

    Raises:
        Refusal: it sets what no dump needs, or by which texts would be read in another way.
    """
    said = text.decode(errors="replace")[3:].strip()
    if _KEPT.search(said):
        before = replace(before, kept_at=line)
    elif _GIVEN_BACK.search(said):
        before = replace(before, kept_at=0)
    if names := _NAMES.fullmatch(said):
        return replace(before, encoding=_encoding(names[1], line))
    if _GTID.fullmatch(said):
        return before
    at, more = 0, True
    while more:
        one = _ONE.match(said, at)
        if one is None:
            raise Refusal("setting", line=line, word=said[at : at + 60])
        before = _one(one[1].upper(), one[2].strip("'\""), line, before)
        at, more = one.end(), one[3] == ","
    if at != len(said):
        raise Refusal("setting", line=line, word=said[at : at + 60])
    return before


def _one(name: str, value: str, line: int, before: Reading) -> Reading:
    """One assignment."""
    if name.startswith("@") or value.upper().startswith(("@", "IFNULL(")) or value.upper() in {"DEFAULT", "NULL"}:
        if name.startswith("@") or name in HARMLESS:
            return before
        raise Refusal("setting", line=line, word=name)
    if name not in HARMLESS:
        raise Refusal("setting", line=line, word=name)
    if name == "SQL_MODE" and not {mode.strip().upper() for mode in value.split(",")} <= MODES:
        raise Refusal("sql_mode", line=line, mode=value)
    if name == "TIME_ZONE" and _OFFSET.fullmatch(value):
        return replace(before, time_zone=value)
    if name == "CHARACTER_SET_CLIENT":
        _encoding(value, line)
    return before


def _encoding(name: str, line: int) -> str:
    """A character set that a dump says it is in."""
    known = ENCODINGS.get(name.lower())
    if known is None:
        raise Refusal("encoding", line=line, encoding=name)
    return known
