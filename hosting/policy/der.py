"""The frame of DER and BER: what kind of file it is, and what opening it would cost, before a library opens it (P31).

Only tags and lengths are read (ITU-T X.690, 8.1); the meaning is the libraries' affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

INTEGER, OCTET_STRING, OBJECT_ID, SEQUENCE = 0x02, 0x04, 0x06, 0x30
CONSTRUCTED = 0x20
LONG_TAG = 0x1F
INDEFINITE = 0x80
END_MARK = b"\0\0"
DEEPEST = 24
"""Levels that are read; files of this kind have about ten."""

LONGEST_LENGTH = 4
"""Bytes in which a length is written, at most; a file of ours is far smaller than they allow."""

SCRYPT = bytes.fromhex("2b06010401da47040b")
"""1.3.6.1.4.1.11591.4.11 (RFC 7914, section 7)."""


@dataclass(frozen=True)
class Element:
    """One value of the encoding.

    Args:
        tag: its first byte: class, form and number.
        content: without tag and length, and without the end mark of an indefinite length.
        ends: where it ends in the data.
    """

    tag: int
    content: bytes
    ends: int


def element_at(data: bytes, at: int = 0, depth: int = 0) -> Element:
    """The element that begins at a place of the data.

    Raises:
        ValueError: it is no such encoding, or is cut off, or nested too deeply.
    """
    head = data[at : at + 2]
    if len(head) < len(END_MARK) or head[0] & LONG_TAG == LONG_TAG or depth > DEEPEST:
        raise ValueError("no element")
    tag, size, begins = head[0], head[1], at + 2
    if size == INDEFINITE:  # up to an end mark (X.690, 8.1.3.6); Windows writes PKCS#12 so
        end = begins
        while data[end : end + 2] != END_MARK:
            end = element_at(data, end, depth + 1).ends
        return Element(tag, data[begins:end], end + 2)
    if size & INDEFINITE:
        size_bytes = size & ~INDEFINITE
        if size_bytes > LONGEST_LENGTH:
            raise ValueError("a length beyond all files")
        size, begins = int.from_bytes(data[begins : begins + size_bytes]), begins + size_bytes
    if begins + size > len(data):
        raise ValueError("cut off")
    return Element(tag, data[begins : begins + size], begins + size)


def elements(data: bytes, depth: int = 0) -> Iterator[Element]:
    """The elements that stand one after the other, up to what is none."""
    at = 0
    while at < len(data):
        try:
            element = element_at(data, at, depth)
        except ValueError:
            return
        yield element
        at = element.ends


def shape(data: bytes) -> tuple[int, ...]:
    """The tags inside the outermost sequence; empty if the data is none."""
    outermost = next(elements(data), None)
    if outermost is None or outermost.tag != SEQUENCE:
        return ()
    return tuple(element.tag for element in elements(outermost.content))


def kind_stated(data: bytes) -> bytes:
    """The object identifier that the outermost sequence begins with, as in PKCS#7 (RFC 5652, section 3); else empty."""
    outermost = next(elements(data), None)
    first = next(elements(outermost.content), None) if outermost is not None else None
    return first.content if first is not None and first.tag == OBJECT_ID else b""


def opening_cost(data: bytes) -> int:
    """How many iterations deriving the keys takes that the data asks for, as far as it shows without a passphrase.

    PBKDF2 and the PKCS#12 ways state salt and iterations (RFC 8018, A.2; RFC 7292, appendix B and section 4), scrypt
    its cost, block size and parallelism (RFC 7914).
    """
    return sum(_cost(sequence) for sequence in _sequences(data, 0))


def _cost(sequence: tuple[Element, ...]) -> int:
    """The iterations that one sequence states."""
    tags = tuple(element.tag for element in sequence)
    if tags == (SEQUENCE, OCTET_STRING, INTEGER):  # MacData of PKCS#12
        return int.from_bytes(sequence[2].content)
    if tags[:2] != (OBJECT_ID, SEQUENCE):
        return 0
    stated = list(elements(sequence[1].content))
    if [element.tag for element in stated[:2]] != [OCTET_STRING, INTEGER]:
        return 0
    cost = int.from_bytes(stated[1].content)
    if sequence[0].content == SCRYPT:
        for further in stated[2:4]:
            cost *= int.from_bytes(further.content)
    return cost


def _sequences(data: bytes, depth: int) -> Iterator[tuple[Element, ...]]:
    """The first three elements of all sequences in the data, also in what octet strings wrap."""
    for element in elements(data, depth):
        content = element.content
        if element.tag == SEQUENCE:
            yield tuple(islice(elements(content, depth), 3))
        if element.tag == OCTET_STRING | CONSTRUCTED:  # one string in pieces (X.690, 8.7.3)
            content = b"".join(piece.content for piece in elements(content, depth))
        if element.tag & CONSTRUCTED or element.tag == OCTET_STRING:
            yield from _sequences(content, depth + 1)
