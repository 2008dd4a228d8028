"""A name read as a label: length, IDNA 2008, the form that DNS has of it, and what was probably meant (P27)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import idna

from hosting.errors import Refused
from hosting.policy.findings import Finding, Rule
from hosting.policy.terms import STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator

A_LABEL_MOST = 63
"""The most octets of a label (RFC 1035 section 2.3.4)."""

WISH_MOST = 191
"""Characters; what is longer is no name that anybody meant, and is not even looked at."""

UNWRITABLE = frozenset({"Cc", "Cs"})
"""Unicode's categories of what no text field takes: control characters, halves of signs."""

ACE = "xn--"
"""What A-labels begin with (RFC 5890 section 2.3.2.1)."""

TOO_SHORT = Rule(
    "too-short",
    "Der Name hat zu wenige Zeichen, nämlich {characters}; mindestens {least} sind nötig, also {missing} mehr.",
    "The name has too few characters, namely {characters}; at least {least} are needed, so {missing} more.",
)
TOO_LONG = Rule(
    "too-long",
    "Der Name hat {characters} Zeichen; höchstens {most} sind möglich, also {over} weniger.",
    "The name has {characters} characters; at most {most} are possible, so {over} fewer.",
)
A_LABEL_TOO_LONG = Rule(
    "a-label-too-long",
    "Der Name hat {characters} Zeichen, was erlaubt ist; das DNS schreibt ihn aber mit {octets} Bytes, und höchstens "
    "{most} passen hinein, {over} weniger. Wählen Sie bitte einen kürzeren oder einen mit weniger Sonderzeichen.",
    "The name has {characters} characters, which is allowed; but DNS writes it with {octets} bytes, and at most {most} "
    "fit, {over} fewer. Please choose a shorter one, or one with fewer special characters.",
)
NOT_ALLOWED = Rule(
    "sign-not-allowed",
    "Das Zeichen {sign} an Stelle {position} ist in Namen nicht erlaubt (IDNA 2008).",
    "The sign {sign} at position {position} is not allowed in names (IDNA 2008).",
)
NOT_HERE = Rule(
    "sign-not-here",
    "Das Zeichen {sign} ist an Stelle {position} nicht erlaubt, nur zwischen oder vor bestimmten anderen (IDNA 2008).",
    "The sign {sign} is not allowed at position {position}, only between or before certain others (IDNA 2008).",
)
HYPHEN_AT_THE_END = Rule(
    "hyphen-at-the-end",
    "Ein Name beginnt und endet nicht mit einem Bindestrich.",
    "A name neither begins nor ends with a hyphen.",
)
HYPHENS_INSIDE = Rule(
    "hyphens-inside",
    "Bindestriche als drittes und viertes Zeichen sind technischen Namen vorbehalten.",
    "Hyphens as third and fourth character are kept for technical names.",
)
DIRECTION = Rule(
    "direction",
    "Schrift von rechts nach links kann in einem Namen nicht so mit anderer gemischt werden (RFC 5893).",
    "Writing from right to left can't be mixed so with other writing in a name (RFC 5893).",
)
NOT_IDNA = Rule(
    "not-idna", "Der Name ist nach IDNA 2008 nicht möglich.", "The name is not possible by IDNA 2008."
)  # fmt: skip
NO_A_LABEL = Rule(
    "no-a-label",
    "{name} steht für keinen Namen. Nennen Sie ihn bitte so, wie er gelesen wird.",
    "{name} stands for no name. Please give the name as it is read.",
)
PERHAPS = Rule(
    "perhaps-meant",
    "Vielleicht ist {proposal} gemeint.",
    "Perhaps {proposal} is meant.",
    refuses=False,
)

OF_A_SIGN = {
    "disallowed_codepoint": NOT_ALLOWED, "leading_combiner": NOT_HERE, "contextj": NOT_HERE, "contexto": NOT_HERE,
}  # fmt: skip
OF_THE_NAME = {"hyphen_3_4": HYPHENS_INSIDE, "hyphen_start_end": HYPHEN_AT_THE_END}
"""What IDNA 2008 has against a name, by the code of the library (RFC 5891 section 4.2.3, RFC 5892 appendix A)."""

LABEL_RULES = (
    TOO_SHORT, TOO_LONG, A_LABEL_TOO_LONG, NOT_ALLOWED, NOT_HERE, HYPHEN_AT_THE_END, HYPHENS_INSIDE, DIRECTION,
    NOT_IDNA, NO_A_LABEL, PERHAPS,
)  # fmt: skip


class NoName(Refused):
    """The wish is no name at all: empty, not to be written, or longer than anything that is looked at."""


@dataclass(frozen=True)
class Label:
    """A wish read as a label.

    Args:
        wished: as it was handed in, in NFC.
        name: in Unicode as it would be entered, or as far as it could be read.
        a_label: as DNS has it; empty if it is none.
        findings: what is wrong with it as a label.
    """

    wished: str
    name: str
    a_label: str
    findings: tuple[Finding, ...] = ()


def read_label(wish: str, zone: str = "") -> Label:
    """A customer's wish as a label: outer blanks gone, lower case, NFC, checked by IDNA 2008 (P27).

    Args:
        wish: as it was handed in; an A-label is taken if it is canonical.
        zone: ours, which customers may write behind it: it is no part of the label.

    Raises:
        NoName: it is empty, far too long, or holds what nobody can write.
    """
    wished = unicodedata.normalize("NFC", wish).strip()
    unwritable = any(unicodedata.category(sign) in UNWRITABLE for sign in wished)
    if not wished or unwritable or len(wished) > WISH_MOST:
        found = "Control characters are" if unwritable else f"{len(wished)} characters are"
        raise NoName(f"{found} no name.", f"Give {STANDARD.name_least} to {STANDARD.name_most} characters.")
    name = normal(wished).removesuffix(f".{zone}" if zone else "")
    if name.startswith(ACE):
        try:
            name = idna.ulabel(name)
        except (idna.IDNAError, UnicodeError):
            return Label(wished, name, "", (NO_A_LABEL.found(name=name),))
    findings = (*_length(name), *_idna(name)) or tuple(_a_label(name))
    return Label(wished, name, "" if findings else a_label_of(name), findings)


def normal(text: str) -> str:
    """A text in the one form in which names are kept: NFC, lower case (RFC 5895 section 2); ß stays what it is."""
    before, after = "", text.strip()
    while after != before:
        before, after = after, unicodedata.normalize("NFC", unicodedata.normalize("NFC", after).lower())
    return after


def a_label_of(name: str) -> str:
    """A name as DNS has it, however long."""
    return name if name.isascii() else ACE + name.encode("punycode").decode("ascii")


def fault_of(name: str) -> Finding | None:
    """What IDNA 2008 has against a name, the first thing of it."""
    try:
        idna.check_label(name)
    except idna.IDNABidiError:
        return DIRECTION.found()
    except idna.IDNAError as error:
        if error.code in OF_A_SIGN and error.codepoint is not None and error.position is not None:
            return OF_A_SIGN[error.code].found(sign=_shown(error.codepoint), position=error.position)
        return OF_THE_NAME.get(error.code or "", NOT_IDNA).found()
    return None


def proposal(name: str) -> str:
    """What was probably meant by a name that is not allowed; empty if nothing can be told.

    Full-width letters, ligatures and the like have a plain form (UTS 46); blanks, dots and underscores become hyphens.
    """
    with_hyphens = re.sub(r"[\s_.]+", "-", name).strip("-")
    try:
        found = normal(idna.uts46_remap(with_hyphens, std3_rules=True))
    except (idna.IDNAError, UnicodeError):
        return ""
    faults = (*_length(found), *_a_label(found), *filter(None, [fault_of(found)]))
    return "" if found == name or faults else found


def _length(name: str) -> Iterator[Finding]:
    """Whether a name has too few or too many characters, and by how much (P27)."""
    characters, least, most = len(name), STANDARD.name_least, STANDARD.name_most
    if characters < least:
        yield TOO_SHORT.found(characters=characters, least=least, missing=least - characters)
    elif characters > most:
        yield TOO_LONG.found(characters=characters, most=most, over=characters - most)


def _a_label(name: str) -> Iterator[Finding]:
    """Whether a name, within its characters, is too long for DNS all the same, and by how much."""
    octets = len(a_label_of(name))
    if octets > A_LABEL_MOST:
        over = octets - A_LABEL_MOST
        yield A_LABEL_TOO_LONG.found(characters=len(name), octets=octets, most=A_LABEL_MOST, over=over)


def _idna(name: str) -> Iterator[Finding]:
    """What IDNA 2008 has against a name, and one that would be allowed if it can be told."""
    fault = fault_of(name)
    if fault is not None:
        yield fault
        if better := proposal(name):
            yield PERHAPS.found(proposal=better)


def _shown(code_point: int) -> str:
    """A sign as a person can name it."""
    sign = chr(code_point)
    seen = f"{sign} " if sign.isprintable() and not sign.isspace() and not unicodedata.combining(sign) else ""
    return f"{seen}(U+{code_point:04X} {unicodedata.name(sign, 'unnamed')})"
