"""Settings files of old installations, read as PHP reads them, or said to be doubtful (phlymail.md sections 1 and 8).

A salt that is read otherwise than PHP does means that every password is lost. So only forms are read whose meaning is
the same in all versions of PHP: what the product itself writes, and what people write by hand; whatever else stands in
a file makes its key doubtful, or the whole file, and a person looks at it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Key = tuple[str, str]

KEYWORDS = {"yes": "1", "on": "1", "true": "1", "no": "", "off": "", "false": "", "none": "", "null": ""}
"""What bare words become."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_SECTION = re.compile(r"\[([A-Za-z0-9_]+)\] *(?:;.*)?")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)(\[[A-Za-z0-9_]*\])?[ \t]*=[ \t]*(.*)", re.DOTALL)
_QUOTED = re.compile(r'"([^"\\\0]*)" *(?:;.*)?')
_SINGLE = re.compile(r"'([^'\\\0]*)' *(?:;.*)?")
_NUMBER = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?) *(?:;.*)?")
_WORD = re.compile(r"([A-Za-z0-9_./:@,-]*[a-z][A-Za-z0-9_./:@,-]*) *(?:;.*)?")
_CALM = re.compile(r"[A-Za-z0-9 \t_./:@,+%*-]*(?:;.*)?")
"""Values that PHP reads somehow, and that break nothing else of the file."""

_OLD_LINE = re.compile(r"([a-z]+)_([a-z]+);;(.*)")


@dataclass(frozen=True)
class OldIni:
    """What a settings file says.

    Args:
        values: by section ("" before the first) and key.
        doubtful: keys whose value PHP may read otherwise.
        unreadable: the line from which on nothing is sure, 0 if there is none; `values` is empty then.
    """

    values: Mapping[Key, str] = field(default_factory=dict)
    doubtful: frozenset[Key] = frozenset()
    unreadable: int = 0


def read_ini(text: str) -> OldIni:
    """A settings file in PHP's INI form, as a text whose letters are its bytes (latin1) or UTF-8."""
    values: dict[Key, str] = {}
    doubtful: set[Key] = set()
    section, opened = "", set[str]()
    lines = _LINE_END.split(text)
    if ";" in lines[-1] or (lines[-1].strip() and lines[-1][-1] in " \t"):
        return OldIni(unreadable=len(lines))  # without a line end PHP reads blanks and comments otherwise
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            return OldIni(unreadable=number)  # PHP ends there, in a comment too
        bare = line.lstrip(" \t").rstrip(" ")  # PHP keeps a tab at the end of a value
        if not bare.strip("\t ") or bare.startswith(";"):
            continue
        if header := _SECTION.fullmatch(line):
            section = header[1]
            if _is_constant(section) or section in KEYWORDS or section in opened:
                return OldIni(unreadable=number)  # a doubled one replaces the first in PHP 8, and not in all before
            opened.add(section)
            values.pop(("", section), None)  # PHP keeps one of them under this name, the later one
            continue
        assignment = _ASSIGNMENT.fullmatch(bare)
        if assignment is None or assignment[1].lower() in KEYWORDS:
            return OldIni(unreadable=number)
        key, value = (section, assignment[1]), _value(assignment[3])
        if value is None and not _is_calm(assignment[3]):
            return OldIni(unreadable=number)
        if value is None or assignment[2] is not None:
            doubtful.add(key)
        else:
            values[key] = value
    sure = {key: value for key, value in values.items() if key not in doubtful}
    return OldIni(sure, frozenset(doubtful))


def read_old_driver(text: str) -> dict[str, str]:
    """The database's access in the form of the third series: `mysql_host;;value`, by key."""
    found = {}
    for line in _LINE_END.split(text):
        if match := _OLD_LINE.fullmatch(line.strip()):
            found[match[2]] = match[3]
    return found


def merged(files: Iterable[OldIni]) -> OldIni:
    """What counts of several files, each of which wins over those before it."""
    values: dict[Key, str] = {}
    doubtful: set[Key] = set()
    unreadable = 0
    for file in files:
        values |= file.values
        doubtful = (doubtful - set(file.values)) | file.doubtful
        unreadable = unreadable or file.unreadable
    sure = {key: value for key, value in values.items() if key not in doubtful}
    return OldIni(sure, frozenset(doubtful), unreadable)


def _value(text: str) -> str | None:
    """A value, None if PHP may read it otherwise."""
    if not text or text.startswith(";"):
        return ""
    for form in (_QUOTED, _SINGLE):
        if (match := form.fullmatch(text)) and "${" not in match[1]:
            return match[1]
    if match := _NUMBER.fullmatch(text):
        return match[1]
    if (match := _WORD.fullmatch(text)) is None:
        return None
    return KEYWORDS.get(match[1].lower(), match[1])


def _is_calm(value: str) -> bool:
    """Whether a value that can't be told spoils nothing else of its file; a keyword beside other words is a fault."""
    return _CALM.fullmatch(value) is not None and not any(
        word.lower() in KEYWORDS for word in re.findall("[A-Za-z]+", value)
    )


def _is_constant(word: str) -> bool:
    """Whether a word may be a constant of PHP."""
    return word.isupper()
