"""Findings: what speaks against a customer's wish, each with a code and a sentence in his language (P30, P31)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from hosting.policy.months import day_of
from hosting.policy.terms import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

DAYS = {"de": "{day:%d.%m.%Y}", "en": "{day:%Y-%m-%d}"}
"""How a finding writes a day."""

SHORTENED_TO = 100
"""Characters of a name that stands in a finding: it comes from a file that anybody may have written."""


@dataclass(frozen=True)
class Rule:
    """What a finding says, once for all: facts stand in the sentences as `{name}`.

    Args:
        code: stable; letters, pages and records may refer to it.
        de: the sentence, with the way out.
        en: the same in English.
        refuses: what it finds can't be taken; otherwise it is only told.
    """

    code: str
    de: str
    en: str
    refuses: bool = True

    def found(self, **facts: str | int | datetime) -> Finding:
        """The finding that states these facts."""
        return Finding(self, facts)


@dataclass(frozen=True)
class Finding:
    """One thing that a check found, with its facts."""

    rule: Rule
    facts: Mapping[str, str | int | datetime] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The rule's code."""
        return self.rule.code

    @property
    def refuses(self) -> bool:
        """Whether what was checked can't be taken."""
        return self.rule.refuses

    def told(self, language: str) -> str:
        """The sentence for the customer, in plain text; days are told in the service's zone.

        Raises:
            ValueError: a language that isn't spoken.
        """
        if language not in LANGUAGES:
            raise ValueError(language)
        sentence = {"de": self.rule.de, "en": self.rule.en}[language]
        return sentence.format(**{name: _told(fact, language) for name, fact in self.facts.items()})

    def __str__(self) -> str:
        """The English sentence."""
        return self.told("en")


def shown(text: str) -> str:
    """A text from a foreign file as a finding may show it: one line, printable, short."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(printable.split())
    return line if len(line) <= SHORTENED_TO else line[: SHORTENED_TO - 1] + "…"


def _told(fact: str | int | datetime, language: str) -> str | int:
    """A fact as the sentence writes it."""
    if not isinstance(fact, datetime):
        return fact
    try:
        day = day_of(fact)
    except (
        OverflowError
    ):  # 31 December 9999, which some issuers write for "never" (RFC 5280, 4.1.2.5), has no later day
        day = fact.date()
    return DAYS[language].format(day=day)
