"""What vCard and iCalendar share: lines folded at 75 bytes, texts escaped, CRLF at each end (RFC 5545, 6350)."""

from __future__ import annotations

import re

FOLD_BYTES = 75
BROKEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Signs that no text may hold."""


def text(value: str) -> str:
    """A text as a value: backslash, semicolon, comma and line end are escaped; signs that may not stand go."""
    plain = BROKEN.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))
    return plain.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def parameter(value: str) -> str:
    """A parameter's value in quotation marks; what can't stand in them becomes another sign."""
    plain = BROKEN.sub("", value).replace('"', "'")
    return '"' + " ".join(plain.split()) + '"'


def one_line(value: str) -> str:
    """An address or a URL: no line's end, no sign that may not stand."""
    return "".join(BROKEN.sub("", value).split())


def folded(line: str) -> str:
    """A line with its end, folded so that no part has more than 75 bytes and no sign is parted."""
    parts, part, size = list[str](), "", 0
    for sign in line:
        width = len(sign.encode())
        if size + width > FOLD_BYTES - (1 if parts else 0):
            parts.append(part)
            part, size = "", 0
        part, size = part + sign, size + width
    return "\r\n ".join([*parts, part]) + "\r\n"


def block(lines: list[str]) -> str:
    """Lines as text."""
    return "".join(folded(line) for line in lines)
