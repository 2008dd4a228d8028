"""Letters as values: subject, text and HTML in a language, from templates (P10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.templates import render

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Letter:
    """What stands in a letter; text and HTML say the same."""

    subject: str
    text: str
    html: str


def compose(letter: str, language: str, values: Mapping[str, object]) -> Letter:
    """A letter in a language.

    Args:
        letter: its name: `ready` to the customer, `operator_step_failed` and `operator_findings` to the operators.
        language: one that the letter exists in.
        values: what its templates name.

    Raises:
        jinja2.TemplateNotFound: there is no such letter in this language.
        jinja2.UndefinedError: a value is missing.
    """
    path = f"letters/{language}/{letter}"
    subject = render(f"{path}.subject.j2", language=language, **values)
    return Letter(
        subject=" ".join(subject.split()),
        text=render(f"{path}.txt.j2", language=language, **values),
        html=render(f"{path}.html.j2", language=language, **values),
    )
