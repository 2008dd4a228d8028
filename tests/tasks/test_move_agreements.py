"""What customers are told before a move: times, a reminder, what was agreed on; and the operator, where nothing was (P24)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
import time_machine

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from flows.dispatch_due_work import BEATS
from hosting.inventory import move_moments, moves, offers, work
from hosting.inventory.session import in_transaction
from hosting.policy.agreement_links import is_genuine, read_link
from hosting.policy.agreements import Answer, WithoutAnswer
from hosting.policy.states import MoveState, OfferState
from hosting.policy.terms import STANDARD
from tasks.cases import tell_open_cases
from tasks.failures import NotAllDone
from tasks.move_agreements import see_to_agreements
from tests.service.records import opened, provided
from tests.service.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.offer_rows import OfferFacts
    from hosting.inventory.session import Inventory

NOW = datetime(2026, 11, 26, 17, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
LINK = re.compile(r"http://127\.0\.0\.1/agreement/(\S+)")


@pytest.fixture
def relay() -> Relay:
    return Relay()


@pytest.fixture
def inventory(tmp_path: Path, relay: Relay) -> Iterator[Inventory]:
    with provided(tmp_path, relay_port=relay.port) as inventory:
        yield inventory


@pytest.fixture
def offer(inventory: Inventory) -> OfferFacts:
    return offered(inventory)


def offered(inventory: Inventory, without_answer: WithoutAnswer = WithoutAnswer.NOTHING) -> OfferFacts:
    name = opened(inventory, "A-1", NOW - 30 * DAY)
    return in_transaction(
        inventory,
        lambda session: offers.offer_windows(
            session, name, "app2", "app1 is full soon", by="olga", now=NOW, without_answer=without_answer
        ),
    )


def at(moment: datetime) -> int:
    """What the clock's own run does at a moment; how many letters went out."""
    with time_machine.travel(moment, tick=False):
        return see_to_agreements.fn()


def stands(inventory: Inventory, offer: OfferFacts) -> OfferFacts:
    with inventory.reading() as session:
        return offers.offer_facts(session, offer.id)


def accept(inventory: Inventory, offer: OfferFacts) -> moves.MoveFacts:
    opens = offer.windows[0].opens
    done = in_transaction(
        inventory, lambda session: offers.answer_offer(session, offer.id, Answer.ACCEPT, NOW + DAY, opens=opens)
    )
    with inventory.reading() as session:
        return moves.move_facts(session, done.move_id or 0)


def test_the_clock_sees_to_agreements_each_minute() -> None:
    assert see_to_agreements in BEATS


def test_the_letter_holds_the_times_and_a_link_that_opens_the_offer(
    inventory: Inventory, offer: OfferFacts, relay: Relay
) -> None:
    with relay.up():
        assert (at(NOW + MINUTE), at(NOW + 2 * MINUTE)) == (1, 0)
    assert relay.subjects == ["Termin für den Umzug Ihrer phlyMail-Instanz (Bestellung A-1)"]
    text = relay.text()
    assert "Dienstag, 1. Dezember 2026, 22:00 bis 24:00 Uhr" in text
    assert "Samstag, 5. Dezember 2026, 10:00 bis 12:00 Uhr" in text
    assert "Der Link gilt bis Dienstag, 1. Dezember 2026, 18:30 Uhr." in text
    assert "Ohne Ihre Antwort geschieht nichts" in text
    found = LINK.search(text)
    assert found is not None
    claim = read_link(found[1])
    assert claim is not None
    assert (claim.offer, claim.ends_at) == (offer.id, offer.answer_by)
    assert is_genuine(load(ServiceSettings).sealing_key.get_secret_value(), claim, offer.instance_name)
    assert stands(inventory, offer).told_at == NOW + MINUTE


def test_who_does_not_answer_is_reminded_once_with_the_same_link(
    inventory: Inventory, offer: OfferFacts, relay: Relay
) -> None:
    remind_at = NOW + STANDARD.move_reminder_after
    with relay.up():
        assert [at(NOW + MINUTE), at(remind_at - MINUTE), at(remind_at), at(remind_at + DAY)] == [1, 0, 1, 0]
    assert relay.subjects[1].startswith("Erinnerung: ")
    assert "noch keine Antwort erhalten" in relay.text()
    assert LINK.findall(relay.text(0)) == LINK.findall(relay.text(1))


def test_without_an_answer_nothing_moves_and_the_operators_get_a_letter(
    inventory: Inventory, offer: OfferFacts, relay: Relay
) -> None:
    with relay.up():
        at(NOW + MINUTE)
        at(offer.answer_by)
        assert stands(inventory, offer).state is OfferState.UNANSWERED
        assert tell_open_cases() == 1
        assert at(offer.answer_by + DAY) == 0
    assert "has not answered the offer of times for the move to app2" in " ".join(relay.text().split())
    with inventory.reading() as session:
        assert moves.all_moves(session) == []


def test_without_an_answer_the_first_time_holds_where_the_letter_said_so(inventory: Inventory, relay: Relay) -> None:
    offer = offered(inventory, WithoutAnswer.MOVE)
    with relay.up():
        at(NOW + MINUTE)
        assert "zieht Ihre Instanz zum ersten Termin um:\nDienstag, 1. Dezember 2026, 22:00" in relay.text()
        at(offer.answer_by)
        assert at(offer.answer_by + MINUTE) == 1
    assert "Wie angekündigt zieht Ihre\nphlyMail-Instanz zu diesem Termin" in relay.text()
    with inventory.reading() as session:
        [move] = moves.all_moves(session)
    assert (move.due_at, move.agreed_by) == (offer.windows[0].opens, "service")


def test_a_letter_that_the_relay_took_days_later_keeps_the_notice(
    inventory: Inventory, offer: OfferFacts, relay: Relay
) -> None:
    for day in range(3):
        with pytest.raises(NotAllDone, match="One thing was not done"):
            at(NOW + day * DAY)
    sent_at = NOW + 6 * DAY  # after the end that the offer had at first
    with relay.up():
        assert at(sent_at) == 1
    after = stands(inventory, offer)
    assert (after.state, after.answer_by) == (OfferState.OFFERED, sent_at + STANDARD.move_notice)
    assert all(window.opens >= sent_at + STANDARD.move_notice for window in after.windows)
    assert "bis Montag, 7. Dezember 2026, 18:30 Uhr" in relay.text()


def test_what_was_agreed_on_is_confirmed_anew_whenever_it_is_put_off_and_told_when_it_is_off(
    inventory: Inventory, offer: OfferFacts, relay: Relay
) -> None:
    name = offer.instance_name
    with relay.up():
        at(NOW + MINUTE)
        move = accept(inventory, offer)
        assert (at(NOW + DAY), at(NOW + DAY + MINUTE)) == (1, 0)
        assert "wie vereinbart" in relay.text()
        assert "Dienstag, 1. Dezember 2026, 22:00 bis 24:00 Uhr" in relay.text()
        later = move.due_at + 2 * DAY
        in_transaction(
            inventory, lambda session: move_moments.postpone(session, name, later, "asked", by="olga", now=NOW + DAY)
        )
        assert (at(NOW + 2 * DAY), at(NOW + 2 * DAY + MINUTE)) == (1, 0)
        assert "Donnerstag, 3. Dezember 2026, 22:00 bis 24:00 Uhr" in relay.text()
        for moment in (move.due_at, later):  # to and fro: the last letter tells what holds
            back = partial(move_moments.postpone, instance=name, due_at=moment, why="asked", by="olga", now=NOW + DAY)
            in_transaction(inventory, partial(back, because="agreed anew by phone"))
            assert at(NOW + 2 * DAY) == 1
        assert "Donnerstag, 3. Dezember 2026, 22:00 bis 24:00 Uhr" in relay.text()

        def call_off(session: object) -> None:
            moves.record_state(session, move.id, MoveState.CALLED_OFF, NOW + 3 * DAY, finding="other plans")

        in_transaction(inventory, call_off)
        assert (at(NOW + 3 * DAY), at(NOW + 3 * DAY + MINUTE)) == (1, 0)
    assert "entfällt" in relay.subjects[-1]
    assert "Donnerstag, 3. Dezember 2026, 22:00 bis 24:00 Uhr" in relay.text()


def test_a_confirmation_that_the_relay_refused_is_sent_though_the_copying_has_begun(
    inventory: Inventory, offer: OfferFacts, relay: Relay
) -> None:
    with relay.up():
        at(NOW + MINUTE)
    move = accept(inventory, offer)
    with pytest.raises(NotAllDone):
        at(NOW + DAY)
    in_transaction(inventory, lambda session: moves.record_state(session, move.id, MoveState.COPYING, move.begins))
    with relay.up():
        assert (at(move.begins + MINUTE), at(move.begins + 2 * MINUTE)) == (1, 0)
    assert "wie vereinbart" in relay.text()


def test_an_offer_that_was_overtaken_ends_without_a_letter(
    inventory: Inventory, offer: OfferFacts, relay: Relay
) -> None:
    def by_hand(session: object) -> None:
        made = moves.plan_move(
            session, offer.instance_name, "app2", "phone", "olga", NOW + 9 * DAY, without_backup=False, now=NOW
        )
        work.ask_for(session, work.MOVE, str(made.id), NOW + 9 * DAY, by="olga", now=NOW)

    in_transaction(inventory, by_hand)
    with relay.up():
        assert at(NOW + MINUTE) == 0
    assert stands(inventory, offer).state is OfferState.WITHDRAWN
