"""From the offer's letter to the instance on its new server: what is agreed on happens at its hour, and nothing else (P24).

Letters, the page behind their link and the operator's commands are real; the days until the agreed hour are not waited
for: the clock of what runs then is set.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from html import unescape
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import httpx
import pytest
import time_machine

from deployments.runtime.environment import Places
from deployments.runtime.processes import Processes
from deployments.runtime.services import RECEIVER, services, wait_ready
from hosting.inventory import cases, instances, moves, offers, work
from hosting.policy.states import MoveState, OfferState
from hosting.policy.terms import TIME_ZONE
from hosting.templates.wording import span
from tasks.move_agreements import see_to_agreements
from tests.service import backups
from tests.service import moves as sides
from tests.service.at_the_console import Operator
from tests.service.copies import with_point
from tests.service.doors import Door, doors
from tests.service.mailbox_data import missing
from tests.service.moves import Sides, check_moved
from tests.service.plans import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from hosting.inventory.moves import MoveFacts
    from hosting.inventory.offer_rows import OfferFacts
    from hosting.policy.values import InstanceFacts
    from tests.service.plans import Outcome
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.soak, pytest.mark.timeout(1200)]

LINK = re.compile(r"http://127\.0\.0\.1:\d+/agreement/\S+")
TIMES = re.compile(r'name="answer" type="radio" value="([^"]+)"')
SEAL = re.compile(r'name="form" value="([^"]+)"')
OFFERED, AGREED, MOVED = "Termin für den Umzug", "zieht um: der Termin", "hat eine neue Adresse"
"""What the subjects of a customer's letters say."""


@contextmanager
def receiving(service: Service) -> Iterator[None]:
    """While this lasts the pages for customers are there."""
    at = Places(service.home)
    processes, receiver = Processes(at.run, at.log), services(service.settings, at)[RECEIVER]
    try:
        processes.start(RECEIVER, receiver.command, receiver.environment, folder=at.home)
        wait_ready(receiver, processes)
        yield
    finally:
        processes.end(RECEIVER)


class Customer:
    """One whose instance is to move: his letters, and the page that the link in them opens."""

    def __init__(self, service: Service, instance: InstanceFacts) -> None:
        self.service, self.instance, self.link = service, instance, ""
        self.operator = Operator(service.home)

    @property
    def offer(self) -> OfferFacts:
        """What he was offered last."""
        with self.service.inventory.reading() as session:
            return offers.offers_of(session, self.instance.name)[-1]

    @property
    def moves(self) -> list[MoveFacts]:
        """The moves of his instance."""
        with self.service.inventory.reading() as session:
            return moves.moves_of(session, self.instance.name)

    def letters(self, about: str) -> list[str]:
        """The texts of his letters whose subject tells of something."""
        email = f"{self.instance.order_reference}@kunde.test".lower()
        return [mail.text for mail in self.service.fleet.mails(email) if about in mail.subject]

    def is_offered(self, target: str) -> None:
        """Times, by an operator's word and a letter, whose link is his from now on."""
        self.operator.phm("move", "offer", self.instance.name, "--to", target, "--reason", "it is full soon", "--yes")
        see_to_agreements.fn()
        letter = self.letters(OFFERED)[-1]
        assert all(span(one.opens, one.closes, "de") in letter for one in self.offer.windows)
        self.link = LINK.findall(letter)[0]

    def page(self) -> httpx.Response:
        """What his link opens."""
        return httpx.get(self.link, trust_env=False)

    def answers(self, answer: str) -> httpx.Response:
        """What he is told whose browser sends this choice with the page's form."""
        seal = SEAL.search(self.page().text)
        fields = {"answer": answer, "words": "", "form": unescape(seal[1]) if seal else ""}
        return httpx.post(self.link, data=fields, trust_env=False)

    def run_at(self, move: MoveFacts, moment: datetime) -> Outcome:
        """The move's run, as the service's clock shows a moment."""
        wish = {"move": move.id}
        return self.service.runner.run(
            Plan(flow="flows.move_instance.move_instance", parameters=wish, at=moment.timestamp())
        )

    def is_due(self, move: MoveFacts, moment: datetime) -> bool:
        """Whether the dispatcher makes a run of a move at a moment."""
        with self.service.inventory.reading() as session:
            due = work.due_work(session, moment)
        return (work.MOVE, str(move.id)) in {(one.kind, one.subject) for one in due}


def test_what_was_agreed_on_happens_at_its_hour_and_no_other_answer_moves_anything(service: Service) -> None:
    source, target = service.hosts[0], service.hosts[-1]
    sides.known_by_name(service)
    service.only_server(source)
    mailbox = with_point(service)
    service.all_servers()
    customer = Customer(service, mailbox.instance)
    sides.ensure_measured(service, mailbox.instance)
    with receiving(service):
        declined_or_unanswered(customer, source, target)

        customer.is_offered(target)
        first, second = customer.offer.windows[:2]
        windows = [one.opens.isoformat() for one in customer.offer.windows]
        assert TIMES.findall(customer.page().text) == [*windows, "others", "decline"]
        assert "Der Termin steht fest" in customer.answers(windows[0]).text
        [move] = customer.moves
        assert (move.state, move.agreed_by, move.due_at) == (MoveState.PLANNED, "customer", first.opens)
        see_to_agreements.fn()
        assert span(first.opens, first.closes, "de") in customer.letters(AGREED)[-1]

        at = f"{second.opens.astimezone(ZoneInfo(TIME_ZONE)):%Y-%m-%dT%H:%M}"
        customer.operator.phm("move", "postpone", mailbox.instance.name, "--at", at, "--reason", "he called")
        see_to_agreements.fn()
        put_off = span(second.opens, second.closes, "de")
        assert put_off in customer.letters(AGREED)[-1]
        assert put_off in customer.page().text

        assert not customer.is_due(move, first.closes)
        assert customer.run_at(move, first.opens).completed  # one that was made before: it leaves the move alone
        assert [one.state for one in customer.moves] == [MoveState.PLANNED]
        assert customer.is_due(move, second.opens)
        refused = customer.run_at(move, second.opens)
        assert (refused.error, "Its last good backup is of" in refused.message) == ("MoveForbidden", True), refused
        [later] = customer.moves
        assert second.opens < later.begins < second.closes  # for lack of a fresh backup: later in the same window

        night = later.begins.replace(hour=3)
        assert backups.back_up(service, mailbox.instance, at=night.timestamp()).completed
        outcome = customer.run_at(move, later.begins)
        check_moved(Sides(service, source, target), mailbox.instance, outcome, move.id)
        assert "Ihre Instanz ist umgezogen" in customer.page().text
    [done] = customer.moves
    assert done.switched_at is not None
    assert later.begins <= done.switched_at <= second.closes
    assert len(customer.letters(MOVED)) == 1
    assert missing(service, mailbox, sides.now_on(service, mailbox.instance)) == []


def declined_or_unanswered(customer: Customer, source: str, target: str) -> None:
    """He says no, and the next time nothing: neither moves anything, both are told to a person."""
    service = customer.service
    customer.is_offered(target)
    assert "Sie lehnen den Umzug ab" in customer.answers("decline").text
    assert customer.answers(customer.offer.windows[0].opens.isoformat()).status_code == 409
    assert customer.offer.state is OfferState.DECLINED
    customer.is_offered(target)
    assert customer.page().status_code == 200
    with time_machine.travel(customer.offer.answer_by):
        see_to_agreements.fn()
    assert customer.offer.state is OfferState.UNANSWERED
    assert customer.page().status_code == 410
    assert customer.moves == []
    found = doors(service, customer.instance)
    assert (found[source], found[target]) == (Door.SERVES, Door.REFUSES)
    with service.inventory.reading() as session:
        found_cases = cases.cases_of(session, instances.subject_of(customer.instance.name))
    told = [one.summary for one in found_cases if one.kind == cases.NOT_AGREED]
    assert ["declines the move" in told[0], "has not answered" in told[1], len(told)] == [True, True, 2]
