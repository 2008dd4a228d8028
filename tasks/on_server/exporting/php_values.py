"""What PHP has serialized, read without making anything of it but texts, numbers, lists and tables."""

from __future__ import annotations

from typing import Any

DEEPEST = 30


class NotReadable(ValueError):
    """Nothing that is read here."""


def unserialized(data: bytes) -> Any:
    """The value; objects and references are not read.

    Raises:
        NotReadable: it is no such value.
    """
    try:
        value, end = _value(data, 0, 0)
    except (IndexError, ValueError) as error:
        raise NotReadable(str(error)) from None
    if end != len(data.rstrip()):
        raise NotReadable("something follows")
    return value


def _value(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    """The value that begins somewhere, and where it ends."""
    if depth > DEEPEST:
        raise NotReadable("too deep")
    kind = data[at : at + 2]
    if kind == b"N;":
        return None, at + 2
    if kind in {b"i:", b"d:", b"b:"}:
        end = data.index(b";", at)
        return _number(kind, data[at + 2 : end].decode("ascii")), end + 1
    colon = data.index(b":", at + 2)
    length = int(data[at + 2 : colon])
    if kind == b"s:":
        begin = colon + 2
        if data[colon + 1 : begin] != b'"' or data[begin + length : begin + length + 2] != b'";':
            raise NotReadable("a text of another length")
        return data[begin : begin + length].decode("utf-8", "replace"), begin + length + 2
    if kind != b"a:" or data[colon + 1 : colon + 2] != b"{":
        raise NotReadable("an object")
    table, at = {}, colon + 2
    for _ in range(length):
        key, at = _value(data, at, depth + 1)
        table[str(key)], at = _value(data, at, depth + 1)
    if data[at : at + 1] != b"}":
        raise NotReadable("an open table")
    return table, at + 1


def _number(kind: bytes, word: str) -> int | float | bool:
    """A number, or yes and no."""
    if kind == b"b:":
        return word == "1"
    return int(word) if kind == b"i:" else float(word)


def choices(data: bytes) -> dict[str, Any]:
    """A user's settings as a table of tables, in the form of now or of old versions; empty if there are none."""
    if b";;" in data and not data.startswith(b"a:"):
        pairs = (line.split(";;", 1) for line in data.decode("utf-8", "replace").splitlines() if ";;" in line)
        return {"core": {name.strip(): value.strip() for name, value in pairs if not name.startswith("#")}}
    try:
        value = unserialized(data)
    except NotReadable:
        return {}
    return value if isinstance(value, dict) else {}
