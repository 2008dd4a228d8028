"""What a run on an import says at its end: how it stands, and what is next (P33, P38, P39)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from flows.approve_import import sentence_of
from hosting.policy.imports import ImportFacts, ImportState

FINDING = "Found, and not taken over, are: theme Blau."


def said(state: ImportState, finding: str = "", outcome: str = "") -> str:
    at, report = datetime(2026, 11, 27, 12, 0, tzinfo=UTC), {"outcome": outcome} if outcome else {}
    who = {"modifications": (), "told_sha256": "", "by": "olga", "why": "a look", "asked_at": at}
    where = {"instance": "k3v9q2", "server": "app1", "shown_url": "https://files.example/old.zip"}
    facts: dict[str, Any] = {**who, **where, "report": report, "finding": finding}
    return sentence_of(ImportFacts(7, state=state, only_check=True, **facts))


@pytest.mark.parametrize("finding", ["", FINDING])
def test_a_check_that_would_go_on_says_so_whatever_else_it_tells(finding: str) -> None:
    told = said(ImportState.CHECKED, finding, "go")
    assert finding in told
    assert told.endswith("It would go on: phm import start --checked 7.")


def test_a_check_that_a_person_would_get_says_so() -> None:
    told = said(ImportState.CHECKED, FINDING, "case")
    assert told.endswith("Started, a person gets it: phm import start --checked 7.")


def test_a_check_that_said_no_offers_no_start() -> None:
    assert said(ImportState.CHECKED, "Too large.", "refused") == "The import 7 into k3v9q2 is checked. Too large."


@pytest.mark.parametrize(
    ("state", "following"),
    [
        (ImportState.BUILT, "phm import approve 7."), (ImportState.LIVE, "phm import undo 7."),
        (ImportState.REFUSED, "The customer was told by letter."), (ImportState.CASE, "phm case list."),
        (ImportState.CALLED_OFF, f"is called off. {FINDING}"),
    ],
)  # fmt: skip
def test_what_is_next_stands_at_the_end(state: ImportState, following: str) -> None:
    assert said(state, FINDING, "go").endswith(following)


def test_a_state_is_said_as_people_say_it() -> None:
    assert said(ImportState.CASE, FINDING).startswith("The import 7 into k3v9q2 is a case. Found")
