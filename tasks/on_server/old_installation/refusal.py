"""Why something from outside can't be taken: a code and facts; the sentences stand elsewhere."""

from __future__ import annotations

SHOWN = 100
"""Characters of a foreign text that a fact holds."""


class Refusal(Exception):
    """What was handed over can't be taken."""

    def __init__(self, code: str, **facts: str | int) -> None:
        """Keep both; texts are made fit to be shown."""
        self.code = code
        self.facts = {name: shown(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
        super().__init__(f"{code}: {', '.join(f'{name} {fact}' for name, fact in self.facts.items())}")


def shown(text: str) -> str:
    """A foreign text as it may be shown: one line, printable, short."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
