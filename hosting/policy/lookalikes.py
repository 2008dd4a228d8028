"""How a name reads and what it looks like: spelling, Unicode's look-alikes (TR39), digits for letters, scripts (P28).

A fold is made of both sides, the name and what it is compared with: two texts look alike if their folds are equal.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import chain

from confusable_homoglyphs.categories import alias
from confusable_homoglyphs.confusables import confusables_data

SEPARATORS = frozenset(
    "-'`\u00b4\u00b7\u2010\u2011\u2019"  # hyphens, middle dot, apostrophes
    "\u02bb\u02bc\u02bd\u30fb\u200c\u200d"  # letters that are apostrophes, the Katakana dot, joiners
    "\u0640\u05f3\u05f4\u0375"  # the Arabic line, Hebrew and Greek signs of numbers
)
"""What stands between letters without being read; in names, and in the names that lists hold."""

SPELLED = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ẞ": "ss", "æ": "ae", "œ": "oe", "ø": "oe", "å": "aa", "þ": "th",
})  # fmt: skip
"""How letters are spelled where they can't be written."""

DIGITS = str.maketrans("0123456789", "olzeasgtbg")
"""Which letter a digit is written for."""

ONE_SHAPE = str.maketrans({"i": "l", "q": "g", "ĸ": "k"})
"""Letters that are one shape at a glance, and to a digit (1 is i and l, 9 is g and q)."""

COMMON = frozenset({"COMMON", "INHERITED", "Unknown"})
"""Scripts of signs that belong to no script of their own."""

TOGETHER = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
"""Scripts that one language is written in together (TR39 section 5.2, highly restrictive)."""

OF_LATIN = re.compile(r"LATIN (?:LETTER SMALL CAPITAL|SMALL LETTER|CAPITAL LETTER) (?:DOTLESS )?([A-Z])(?: WITH .+)?")


def spelled(text: str) -> str:
    """A text in plain letters, lower case, without separators: `Müller-Straße` is `muellerstrasse`."""
    lowered = unicodedata.normalize("NFC", text).lower().translate(SPELLED)
    return "".join(plain_letter(sign) for sign in compact(without_marks(lowered)))


def compact(text: str) -> str:
    """A text without separators."""
    return "".join(sign for sign in text if sign not in SEPARATORS and not sign.isspace())


def without_marks(text: str) -> str:
    """A text whose letters have lost their accents; vowel signs of other scripts stay."""
    apart = unicodedata.normalize("NFD", text)
    kept = (sign for sign in apart if not (unicodedata.category(sign) == "Mn" and alias(sign) == "INHERITED"))
    return unicodedata.normalize("NFC", "".join(kept))


def skeleton(text: str) -> str:
    """A text as its look-alikes have it in common (TR39 section 4), in lower case, since host names know no other."""
    before = ""
    after = unicodedata.normalize("NFD", text.lower())
    while after != before:
        before = after
        after = unicodedata.normalize("NFD", "".join(prototype(sign) for sign in before).lower())
    return after


def fold(text: str) -> str:
    """A text by its looks alone: skeleton, no accents, digits as letters, no separators."""
    bare = "".join(plain_letter(sign) for sign in without_marks(skeleton(compact(text.lower()))))
    return compact(skeleton(bare).translate(DIGITS).translate(ONE_SHAPE).replace("vv", "w"))


def looks(text: str) -> frozenset[str]:
    """All that a name may look like at a glance: with its dots spelled out, with them overlooked, with ß as a B."""
    lowered = text.lower()
    ways = {spelled(lowered), without_marks(lowered).translate(SPELLED), lowered.replace("ß", "b").replace("β", "b")}
    return frozenset(fold(way) for way in ways)


def scripts_of(text: str) -> frozenset[str]:
    """The scripts of a text's letters, by Unicode's names for them."""
    return frozenset(map(alias, text)) - COMMON


def is_mixed(text: str) -> bool:
    """Whether a text mixes scripts that no language is written in together."""
    found = scripts_of(text)
    return len(found) > 1 and not any(found <= language for language in TOGETHER)


def in_disguise(text: str) -> str:
    """What a text of another script reads as in plain Latin letters; empty if it does not read so as a whole."""
    if scripts_of(text) & {"LATIN"} or not scripts_of(text):
        return ""
    seen = skeleton(text)
    return seen if seen.isascii() and any(sign.isalpha() for sign in seen) else ""


def told_signs(text: str) -> list[str]:
    """The signs of a text that are not plain, each with its code and name: so that a person knows what stands there."""
    return [f"{sign} U+{ord(sign):04X} {unicodedata.name(sign, 'unnamed')}" for sign in dict.fromkeys(text)
            if not sign.isascii()]  # fmt: skip


@cache
def prototype(sign: str) -> str:
    """The sign, or signs, that stand for all that look like this one.

    Unicode's table leads from a sign to what it looks like; the library keeps each pair in both directions. A sign with
    several look-alikes is what they lead to. Where two have but each other, the first one stands for both.
    """
    found = pairs().get(sign, ())
    if len(found) != 1:
        return sign
    [other] = found
    return other if len(other) > 1 or len(pairs().get(other, ())) > 1 else min(sign, other)


@cache
def pairs() -> dict[str, tuple[str, ...]]:
    """Each sign's look-alikes, without the direction marks that the table puts around signs of some scripts."""
    found: dict[str, list[str]] = {}
    for sign, others in confusables_data.items():
        found.setdefault(unwrapped(sign), []).extend(unwrapped(other["c"]) for other in others)
    return {sign: tuple(dict.fromkeys(others)) for sign, others in found.items()}


def unwrapped(text: str) -> str:
    """A text without direction marks around it."""
    return text.strip("\u200e\u200f")


@cache
def plain_letter(sign: str) -> str:
    """The plain letter under a stroke, a hook or in small capitals; what is no such letter stays."""
    found = OF_LATIN.fullmatch(unicodedata.name(sign, ""))
    return found.group(1).lower() if found else sign


def scripts_told(text: str) -> str:
    """The scripts of a text as people read them."""
    return ", ".join(sorted(name.replace("_", " ").title() for name in scripts_of(text))) or "none"


def occurrences(wanted: str, text: str) -> list[tuple[int, int]]:
    """Where a text holds another one, from and to."""
    found, at = [], text.find(wanted)
    while at >= 0:
        found.append((at, at + len(wanted)))
        at = text.find(wanted, at + 1)
    return found


def words_of(text: str) -> tuple[str, ...]:
    """The words of a name, told apart by its separators."""
    return tuple(chain.from_iterable(part.split() for part in re.split("[-\u00b7\u30fb]", text)))
