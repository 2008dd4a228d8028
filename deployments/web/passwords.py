"""Which passwords a customer may choose for the administrator of an instance."""

from __future__ import annotations

import unicodedata
from enum import StrEnum

FEWEST_CHARACTERS = 12
MOST_CHARACTERS = 128
LAST_SIGN = "\uffff"
"""The product's login page hashes in the browser and codes signs beyond this one in another way than its server."""


class Objection(StrEnum):
    """Why a password isn't taken; the pages have a sentence for each."""

    MISSING = "missing"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    UNUSABLE_SIGNS = "unusable_signs"
    BLANK_AT_END = "blank_at_end"
    IS_THE_NAME = "is_the_name"
    TOO_SIMPLE = "too_simple"
    NOT_THE_SAME = "not_the_same"


def objection_to(password: str, again: str, names: tuple[str, ...]) -> Objection | None:
    """The first thing that speaks against a password, None if it is taken.

    Args:
        password: as typed; nothing of it is changed, since the product hashes it as typed.
        again: typed a second time.
        names: of the administrator and the instance; a password that only repeats one is none.
    """
    folded = password.casefold()
    findings = {
        Objection.MISSING: not password,
        Objection.TOO_SHORT: len(password) < FEWEST_CHARACTERS,
        Objection.TOO_LONG: len(password) > MOST_CHARACTERS,
        Objection.UNUSABLE_SIGNS: any(map(_unusable, password)),
        Objection.BLANK_AT_END: password != password.strip(),
        Objection.IS_THE_NAME: any(name and not folded.replace(name.casefold(), "") for name in names),
        Objection.TOO_SIMPLE: len(set(folded)) < 4,  # noqa: PLR2004  # "aaaaaaaaaaaa", "121212121212"
        Objection.NOT_THE_SAME: password != again,
    }
    return next((objection for objection, speaks_against in findings.items() if speaks_against), None)


def _unusable(sign: str) -> bool:
    """Whether the product's login page and its server would read a sign differently, or nobody could type it."""
    return sign > LAST_SIGN or unicodedata.category(sign) in {"Cc", "Cs"}
