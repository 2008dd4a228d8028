"""`phm move offer`, `agree`, `postpone`, `withdraw`: shown first, recorded with who and why (P24)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import time_machine

from deployments.console import move_offers
from deployments.console.settings_from_fleet import as_toml
from hosting.inventory import moves, offers
from hosting.policy.move_plan import Method, MovePlan, Sizes
from hosting.policy.states import MoveState, OfferState
from tasks.move_preview import Preview
from tests.deployments.console.conftest import plain_settings
from tests.inventory.words import server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deployments.console.conftest import Console

NOW = datetime(2026, 11, 26, 17, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def evening() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def objections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What both servers would say; there are none here to be asked."""
    said: list[str] = []

    def previewed(_settings: object, name: str, target: str, *, without_backup: bool) -> Preview:
        assert without_backup  # a backup of today says nothing about the day of the move
        plan = MovePlan(Method.REPLICATION, 40.0, 3.0, compared_in_stop=True)
        return Preview(name, "app1", target, Sizes(1 << 20, 1 << 20, {}), plan, said)

    monkeypatch.setattr(move_offers, "previewed", previewed)
    return said


@pytest.fixture
def name(phm: Console, objections: list[str]) -> str:
    with_servers(phm.inventory, server("app1", 100), server("app2", 200, address="192.0.2.2"))
    return opened(phm.inventory, "A-1", NOW)


def offered(phm: Console, name: str) -> list[offers.OfferFacts]:
    with phm.inventory.reading() as session:
        return offers.offers_of(session, name)


def moved(phm: Console, name: str) -> list[moves.MoveFacts]:
    with phm.inventory.reading() as session:
        return moves.moves_of(session, name)


OFFER = ("--to", "app2", "--reason", "app1 is full soon")


def test_what_would_be_offered_is_shown_first_and_nothing_happens(phm: Console, name: str) -> None:
    said = phm("move", "offer", name, *OFFER)
    assert said.code == 0, said.err
    assert said.out.splitlines()[-7:] == [
        "  2026-12-01 22:00 to 00:00",
        "  2026-12-02 22:00 to 00:00",
        "  2026-12-03 22:00 to 00:00",
        "  2026-12-05 10:00 to 12:00",
        "Answer by 2026-12-01 18:30, reminder at 2026-11-29 18:30.",
        "Without an answer nothing moves, and you are told by a case.",
        "Nothing was changed. To do it, give --yes.",
    ]
    assert offered(phm, name) == []


def test_times_are_offered_in_the_operators_name(phm: Console, name: str) -> None:
    said = phm("move", "offer", name, *OFFER, "--yes")
    assert "It is offer 1; the letter goes out within a minute." in said.out
    [made] = offered(phm, name)
    assert (made.made_by, made.why, made.target_name) == (phm.operator, "app1 is full soon", "app2")
    assert phm("move", "offer", name, *OFFER, "--yes").code == 0
    assert offered(phm, name) == [made]
    told = phm("move", "offers", "--json").json
    assert [(one["id"], one["state"], one["answer_by"]) for one in told] == [
        (1, "offered", "2026-12-01T17:30:00+00:00")
    ]
    assert f"{name} app2 offered" in " ".join(phm("move", "offers", name).out.split())


def test_other_times_are_offered_from_a_day_on(phm: Console, name: str) -> None:
    phm("move", "offer", name, *OFFER, "--from", "2026-12-24T08:00", "--yes")
    assert offered(phm, name)[0].windows[0].opens == datetime(2026, 12, 24, 21, 0, tzinfo=UTC)


def test_what_happens_without_an_answer_is_a_setting(phm: Console, name: str) -> None:
    settings = {**plain_settings(phm.home), "move_without_answer": "move"}
    (phm.home / "settings.toml").write_text(as_toml(settings))
    assert "Without an answer it moves in the first window" in phm("move", "offer", name, *OFFER, "--yes").out
    assert offered(phm, name)[0].without_answer == "move"
    settings["move_without_answer"] = "ask again"
    (phm.home / "settings.toml").write_text(as_toml(settings))
    assert "move_without_answer: " in phm("move", "offer", name, *OFFER).refusal


def test_what_forbids_the_move_forbids_the_offer_and_the_agreement(
    phm: Console, name: str, objections: list[str]
) -> None:
    objections.append("app2 takes no instances.")
    for words in (("offer", name, *OFFER), ("agree", name, "--at", "2026-12-01T22:00", *OFFER)):
        said = phm("move", *words, "--yes")
        assert said.refusal == "It can't be moved so. Put right what is listed above."
        assert "forbidden: app2 takes no instances." in said.out
    assert (offered(phm, name), moved(phm, name)) == ([], [])


def test_an_agreement_by_phone_is_shown_and_then_recorded(phm: Console, name: str) -> None:
    words = ("agree", name, "--at", "2026-12-01T22:00", "--reason", "phone, Ms Muster")
    assert phm("move", *words).refusal == f"No times are offered for {name}. Name the server: --to."
    phm("move", "offer", name, *OFFER, "--yes")
    assert "Nothing was changed" in phm("move", *words).out
    assert moved(phm, name) == []
    said = phm("move", *words, "--yes")
    assert "It is move 1, due 2026-12-01 22:00; the customer gets a letter that confirms it." in said.out
    [move] = moved(phm, name)
    assert (move.agreed_by, move.why, move.state) == (phm.operator, "phone, Ms Muster", MoveState.PLANNED)
    assert offered(phm, name)[0].state is OfferState.ACCEPTED


def test_a_time_by_day_is_recorded_with_a_word_about_it(phm: Console, name: str) -> None:
    said = phm("move", "agree", name, "--at", "2026-11-30T14:00", *OFFER, "--yes")
    assert "2026-11-30 14:00 is not off-peak (P15)." in said.out
    assert len(moved(phm, name)) == 1


def test_a_move_is_put_off_until_it_begins(phm: Console, name: str) -> None:
    phm("move", "agree", name, "--at", "2026-12-01T22:00", *OFFER, "--yes")
    put_off = ("move", "postpone", name, "--at", "2026-12-08T22:00", "--reason", "customer asked")
    assert phm(*put_off).out == "Move 1 is due 2026-12-08 22:00 now.\n"
    sooner = ("move", "postpone", name, "--at", "2026-12-03T22:00", "--reason", "customer asked")
    assert phm(*sooner).refusal.startswith("2026-12-03 22:00 is earlier than 2026-12-08 22:00, which was agreed on.")
    by_day = ("move", "postpone", name, "--at", "2026-12-09T11:00", "--reason", "customer asked")
    assert phm(*by_day).refusal.startswith("2026-12-09 11:00 is not off-peak")
    [move] = moved(phm, name)
    assert (move.due_at, move.due_until) == (
        datetime(2026, 12, 8, 21, 0, tzinfo=UTC), datetime(2026, 12, 8, 23, 0, tzinfo=UTC),
    )  # fmt: skip
    with phm.inventory.writing() as session:
        moves.record_state(session, move.id, MoveState.COPYING, move.due_at)
        moves.record_state(session, move.id, MoveState.FROZEN, move.due_at)
    assert phm(*put_off).refusal == f"A move of {name} is frozen. Look at it: phm move status {name}."


@pytest.mark.parametrize(("words", "sentence"), [
    (("postpone", "--at", "", "--reason", "x"), "No moment is given."),
    (("postpone", "--at", "2020-01-01T00:00", "--reason", "x"), "2020-01-01T00:00 has passed."),
    (("postpone", "--at", "2026-12-08T22:00", "--reason", "x"), "A move of NAME is not planned."),
    (("postpone", "--at", "2026-12-08T22:00", "--reason", " "), "The reason is empty."),
    (("withdraw", "--reason", "x"), "No times are offered for NAME."),
    (("offer", "--to", "app1", "--reason", "x"), "Instance NAME is on app1 already."),
    (("offer", "--to", "app9", "--reason", "x"), "There is no server app9."),
])  # fmt: skip
def test_what_can_not_be_says_why_in_one_line(phm: Console, name: str, words: tuple[str, ...], sentence: str) -> None:
    said = phm("move", words[0], name, *words[1:])
    assert said.refusal.startswith(sentence.replace("NAME", name))


def test_an_offer_is_taken_back(phm: Console, name: str) -> None:
    phm("move", "offer", name, *OFFER, "--yes")
    assert phm("move", "withdraw", name, "--reason", "other plans").out == "Offer 1 is withdrawn; nothing moves.\n"
    assert offered(phm, name)[0].answer == "other plans"
    assert phm("move", "offers").code == 0


def test_nothing_was_offered_where_nothing_was(phm: Console) -> None:
    assert phm("move", "offers").out == "Nothing was offered.\n"
