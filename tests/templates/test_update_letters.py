"""The letters about updates say what, when, how long and why, in text and HTML alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import product

import pytest

from hosting.policy.announcements import Announced, Times, Update, UpdateKind, UpdateReason
from hosting.policy.maintenance import Window
from hosting.policy.states import OrderState
from hosting.policy.terms import LANGUAGES
from hosting.policy.values import InstanceName, OrderFacts, OrderReference
from hosting.templates.letters import compose
from hosting.templates.maintenance import letter_values

AT = datetime(2026, 12, 31, 21, 0, tzinfo=UTC)
ORDER = OrderFacts(
    OrderReference("A-1001"), "C-1", "Erika & Muster", "erika@example.test", "de", 3, 0, 4900, "EUR", None, AT,
    OrderState.FULFILLED,
)  # fmt: skip
UPDATE = Update("product:40471", UpdateKind.PRODUCT, UpdateReason.BUG, "4.04.71")
TIMES = Times(Window(AT, AT + timedelta(hours=2)), 240)
TURN = Announced(1, UPDATE, InstanceName("k3v9"), TIMES, 1, silent=False, told=TIMES)
KINDS = [*product(LANGUAGES, UpdateKind, UpdateReason)]


def same(letter: str, language: str, values: dict[str, object], *told: str) -> None:
    """Text and HTML say it, in lines that every mail program shows whole."""
    made = compose(letter, language, values)
    for key in ("name", *told):
        assert str(values[key]) in " ".join(made.text.split())
        assert str(values[key]) in unescape(made.html)
    assert "A-1001" in made.subject
    assert max(map(len, made.text.splitlines())) <= 80
    assert "\n\n\n" not in made.text


@pytest.mark.parametrize(("language", "kind", "why"), KINDS)
def test_a_planned_update_is_told_with_what_when_how_long_and_why(
    language: str, kind: UpdateKind, why: UpdateReason
) -> None:
    for urgent, changed in product((False, True), (False, True)):
        turn = replace(TURN, update=Update("key", kind, why, "4.04.71", urgent))
        values = letter_values(turn, replace(ORDER, language=language), changed=changed)
        same("update_planned", language, values, "window", "stop", "what")
        assert ("4.04.71" in str(values["what"])) is (kind is UpdateKind.PRODUCT)
    assert len({letter_values(replace(TURN, update=replace(UPDATE, kind=kind, why=one)), ORDER)["what"] for one in UpdateReason}) == 3  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_changed_and_an_urgent_one_are_told_apart_by_their_subjects(language: str) -> None:
    order = replace(ORDER, language=language)
    urgent = replace(TURN, update=replace(UPDATE, urgent=True))
    values = [letter_values(TURN, order), letter_values(TURN, order, changed=True), letter_values(urgent, order)]
    assert len({compose("update_planned", language, one).subject for one in values}) == len(values)


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_that_is_off_names_the_time_that_was_told(language: str) -> None:
    moved = replace(TURN, times=Times(Window(AT + timedelta(days=1), AT + timedelta(days=2)), 1), called_off_at=AT)
    values = letter_values(moved, replace(ORDER, language=language))
    assert "31" in str(values["window"])
    same("update_off", language, values, "window")


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_that_took_longer_says_since_when_all_is_well_and_how_long_it_was(language: str) -> None:
    ended = replace(TURN, begun_at=AT, ended_at=AT + timedelta(hours=3), stopped_seconds=1200)
    for told in (TIMES, None):
        values = letter_values(replace(ended, told=told), replace(ORDER, language=language))
        assert "20" in str(values["stop"])
        same("update_longer", language, values, "ended", "stop")
