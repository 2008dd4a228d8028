"""Customers get a letter for what becomes of the name that they wish for; operators see what the program found (P28)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine
from pydantic import ValidationError

from flows import dispatch_due_work
from flows.decide_subdomain import DecisionRequest
from flows.dispatch_due_work import BEATS
from hosting.errors import Unreachable
from hosting.inventory import name_application_rows, name_views, names
from hosting.inventory.notices import NameNotice, Notice, NoticeType
from hosting.inventory.session import in_transaction
from hosting.policy.listed_names import ListsBroken
from hosting.policy.states import ApplicationState
from tasks import name_applications
from tasks.failures import DefectMet, NotAllDone
from tasks.name_applications import (
    findings_of,
    judge_queue_again,
    judge_wishes_of_the_shop,
    queue_row,
    record_application,
    record_approval,
    record_refusal,
    said_of,
)
from tasks.name_letters import LATEST, USUALLY_LIVE, tell_customers_of_names
from tests.inventory.words import take
from tests.service.records import opened, provided
from tests.service.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.name_wishes import Wish
    from hosting.inventory.session import Inventory
    from hosting.policy.states import EventState

NOW = datetime(2026, 12, 9, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def relay() -> Relay:
    return Relay()


@pytest.fixture
def inventory(tmp_path: Path, relay: Relay) -> Iterator[Inventory]:
    with time_machine.travel(NOW, tick=False), provided(tmp_path, relay_port=relay.port) as inventory:
        yield inventory


@pytest.fixture
def name(inventory: Inventory) -> str:
    return opened(inventory, "A-1", NOW - timedelta(days=30))


def at(moment: datetime) -> int:
    """What the clock's own run does at a moment; how many letters went out."""
    with time_machine.travel(moment, tick=False):
        return tell_customers_of_names.fn()


def test_a_wish_is_confirmed_once_in_the_customer_s_language(inventory: Inventory, relay: Relay, name: str) -> None:
    assert tell_customers_of_names in BEATS
    record_application.fn(name, "Bücher", "olga", "mail of today")
    with relay.up():
        assert [at(NOW), at(NOW + MINUTE)] == [1, 0]
    assert relay.subjects == ["Wir haben Ihren Wunschnamen erhalten (A-1)"]
    assert "bücher.phlymail.test" in relay.text()
    assert str(relay.letters[0]["To"]) == "ada@example.test"


def test_a_name_that_was_ordered_in_the_shop_is_answered_without_an_operator(
    inventory: Inventory, relay: Relay, name: str
) -> None:
    assert BEATS.index(judge_wishes_of_the_shop) < BEATS.index(tell_customers_of_names)
    for number, wish in enumerate(("phlymail", "bücher")):
        body = json.dumps({"type": "name.ordered", "data": {"order": "A-1", "name": wish}})
        take(inventory, Notice(f"n-{number}", NoticeType.NAME_ORDERED, NOW, body, NameNotice("A-1", wish)), now=NOW)
    assert [judge_wishes_of_the_shop.fn(), judge_wishes_of_the_shop.fn()] == [2, 0]
    with relay.up():
        assert at(NOW) == 2
    assert relay.subjects == ["Ihr Wunschname ist nicht möglich (A-1)", "Wir haben Ihren Wunschnamen erhalten (A-1)"]
    with inventory.reading() as session:
        [waiting] = name_views.queue_views(session)
    assert (waiting.application.name, waiting.application.asked_by) == ("bücher", "shop")
    assert waiting.application.instance_name == name


def test_while_the_lists_can_not_be_read_what_is_ordered_in_the_shop_waits(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ListsBroken("brands.csv has a line that can't be read.", "Correct it.")

    body = json.dumps({"type": "name.ordered", "data": {"order": "A-1", "name": "muster"}})
    take(inventory, Notice("n-1", NoticeType.NAME_ORDERED, NOW, body, NameNotice("A-1", "muster")), now=NOW)
    with monkeypatch.context() as patched:
        patched.setattr(name_applications, "lists", broken)
        with pytest.raises(NotAllDone, match="has a line that can't be read"):
            judge_wishes_of_the_shop.fn()
    assert judge_wishes_of_the_shop.fn() == 1
    with inventory.reading() as session:
        assert [one.application.instance_name for one in name_views.queue_views(session)] == [name]


def test_a_defect_that_one_wish_meets_keeps_no_other_from_being_judged(
    inventory: Inventory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    see_to = name_applications.see_to_wish

    def defect(wish: Wish) -> EventState:
        return see_to(wish) if wish.name == "zweiter" else {}[wish.name]

    for number, wish in enumerate(("erster", "zweiter")):
        body = json.dumps({"type": "name.ordered", "data": {"order": "A-1", "name": wish}})
        take(inventory, Notice(f"n-{number}", NoticeType.NAME_ORDERED, NOW, body, NameNotice("A-1", wish)), now=NOW)
    monkeypatch.setattr(name_applications, "see_to_wish", defect)
    with pytest.raises(NotAllDone, match=r"One thing was not done.*a defect of the program \(KeyError\)"):
        judge_wishes_of_the_shop.fn()
    with inventory.reading() as session:
        [waits] = name_views.queue_views(session)
    assert (waits.application.instance_name, waits.application.name) == (name, "zweiter")


def test_a_beat_that_fails_keeps_no_other_from_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Beat:
        def __init__(self, name: str, error: Exception | None = None) -> None:
            self.name, self.error = name, error

        def __call__(self) -> None:
            done.append(self.name)
            if self.error:
                raise self.error

    beats = (Beat("a", KeyError("defect")), Beat("b", Unreachable("app1 does not answer.")), Beat("c"))
    monkeypatch.setattr(dispatch_due_work, "BEATS", beats)
    with pytest.raises(DefectMet, match="KeyError"):
        dispatch_due_work.dispatch_due_work.fn()
    assert done == ["a", "b", "c"]


def test_what_the_program_refuses_is_told_with_each_reason(inventory: Inventory, relay: Relay, name: str) -> None:
    made = record_application.fn(name, "ｗｗ", "olga", "mail of today")
    assert made.state is ApplicationState.REFUSED
    assert said_of(made).startswith("ｗｗ is refused (application 1): The name has too few characters")
    with relay.up():
        assert at(NOW) == 1
    assert relay.subjects == ["Ihr Wunschname ist nicht möglich (A-1)"]
    assert "mindestens 4" in relay.text()
    assert relay.text().count("\n  - ") == 2


def test_what_a_person_refuses_is_told_in_his_words_alone(inventory: Inventory, relay: Relay, name: str) -> None:
    record_application.fn(name, "bosch", "olga", "mail of today")
    record_refusal.fn(1, "paul", "Bosch ist eine Marke.")
    with relay.up():
        assert at(NOW) == 1  # no confirmation of what is decided already
    assert "  - Bosch ist eine Marke.\n" in relay.text()
    assert relay.text().count("\n  - ") == 1
    assert "paul" not in relay.text()


def test_what_the_customer_withdrew_himself_is_no_letter(inventory: Inventory, relay: Relay, name: str) -> None:
    for number, (kind, wish) in enumerate([(NoticeType.NAME_ORDERED, "bücher"), (NoticeType.NAME_CANCELLED, "Bücher")]):
        body = json.dumps({"type": kind, "data": {"order": "A-1", "name": wish}})
        take(inventory, Notice(f"n-{number}", kind, NOW, body, NameNotice("A-1", wish)), now=NOW + number * MINUTE)
    assert judge_wishes_of_the_shop.fn() == 2
    with inventory.reading() as session:
        [made] = name_application_rows.applications(session)
    assert said_of(made) == "bücher is withdrawn (application 1): cancelled in the shop (event n-1)"
    assert made.instance_name == name
    with relay.up():
        assert at(NOW + MINUTE) == 0
    assert relay.letters == []


def test_an_approval_is_told_where_the_name_is_not_live_soon(inventory: Inventory, relay: Relay, name: str) -> None:
    record_application.fn(name, "bücher", "olga", "mail of today")
    assert said_of(record_approval.fn(1, "paul", "fine")) == f"bücher is approved for {name} (application 1)."
    with relay.up():
        assert at(NOW + USUALLY_LIVE - MINUTE) == 0
        assert [at(NOW + USUALLY_LIVE), at(NOW + USUALLY_LIVE + MINUTE)] == [1, 0]
    assert relay.subjects == ["Ihr Wunschname ist freigegeben (A-1)"]
    assert "https://bücher.phlymail.test/" in relay.text()
    assert "xn--bcher-kva.phlymail.test" in relay.text()


def test_a_name_that_is_live_has_a_letter_of_its_own(inventory: Inventory, relay: Relay, name: str) -> None:
    record_application.fn(name, "muster", "olga", "mail of today")
    record_approval.fn(1, "paul", "fine")
    with inventory.reading() as session:
        [own] = names.names_of(session, name)
    in_transaction(inventory, lambda session: names.record_live(session, own.id, NOW, {}))
    with relay.up():
        assert at(NOW + 2 * USUALLY_LIVE) == 0
    assert relay.letters == []


def test_a_letter_that_was_not_taken_is_sent_later_and_old_news_not_at_all(
    inventory: Inventory, relay: Relay, name: str
) -> None:
    record_application.fn(name, "muster", "olga", "mail of today")
    with pytest.raises(NotAllDone, match="It is tried again each minute"):
        at(NOW)
    with relay.up():
        assert at(NOW + LATEST + MINUTE) == 0
        assert at(NOW + LATEST - MINUTE) == 1


def test_the_queue_shows_all_that_is_known_side_by_side(inventory: Inventory, name: str) -> None:
    record_application.fn(name, "ab", "olga", "mail of yesterday")
    made = record_application.fn(name, "bosch-bücher", "olga", "mail of today")
    assert said_of(made) == (
        "bosch-bücher waits as application 2, flagged. The name holds bosch (a brand or a name of others)."
    )
    with inventory.reading() as session:
        [view] = name_views.queue_views(session)
    row = queue_row(view)
    assert {
        key: row[key] for key in ("number", "name", "as DNS has it", "outcome", "signs", "customer", "earlier")
    } == {
        "number": 2,
        "name": "bosch-bücher",
        "as DNS has it": "xn--bosch-bcher-zhb",
        "outcome": "flagged",
        "signs": "ü U+00FC LATIN SMALL LETTER U WITH DIAERESIS",
        "customer": "Ada Löwe (C-1)",
        "earlier": "ab (refused)",
    }


def test_what_other_lists_change_is_told_to_operators(
    inventory: Inventory, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import name_applications

    other = opened(inventory, "A-2", NOW - timedelta(days=30))
    record_application.fn(other, "buchladen", "olga", "mail of today")
    record_approval.fn(1, "paul", "fine")
    record_application.fn(name, "muster", "olga", "mail of today")
    assert findings_of(judge_queue_again.fn()) == []
    (tmp_path / "mine.csv").write_text(
        "name,kind,outcome,where,note\nmuster,word,refused,anywhere,\nbuchladen,brand,flagged,anywhere,\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(name_applications.load(name_applications.ServiceSettings), "name_lists", str(tmp_path))
    waits, in_use = findings_of(judge_queue_again.fn())
    assert waits["subject"] == "application 2: muster"
    assert waits["sentence"].startswith("harmless before, refused now. The name is muster")
    assert (in_use["subject"], in_use["do"]) == (
        f"buchladen of {other}",
        "It stays as it is; talk to the customer if it has to go.",
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"action": "apply for a name", "operator": "olga", "reason": "x"}, "give the instance and the name"),
        ({"action": "approve", "operator": "olga", "reason": "x"}, "give the application's number"),
        ({"action": "refuse", "application": 1, "operator": "olga", "reason": " "}, "Give your name and a reason"),
        ({"action": "approve", "application": 1, "reason": "x"}, "Give your name and a reason"),
        ({"action": "approve", "application": 0}, "greater than or equal to 1"),
    ],
)
def test_the_form_asks_for_what_an_action_needs(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DecisionRequest.model_validate(given)


def test_to_look_at_the_queue_nobody_has_to_say_who_he_is() -> None:
    assert DecisionRequest.model_validate({}).action == "show the queue"
