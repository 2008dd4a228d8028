"""Operators are told until they know; every paid order has work; a run by hand leaves the waiting one alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.controller import Controller
from cryptography.fernet import Fernet
from pydantic import SecretStr

from blocks import loading
from blocks.inventory_database import InventoryDatabase
from blocks.mail_relay import MailRelay
from blocks.service_settings import ServiceSettings
from hosting.errors import Unreachable
from hosting.inventory import cases, shop, work
from hosting.inventory.cases import SETUP_FAILED
from hosting.inventory.models import Work
from hosting.inventory.notices import MoneyMoved, Notice, NoticeType, OrderPlaced
from hosting.policy.states import WorkState
from hosting.templates.letters import compose
from tasks.cases import tell_open_cases
from tasks.letters import send_letter
from tasks.records import read_paid_order, record_failure, reschedule
from tasks.runs import ask_for_paid_orders
from tests.inventory.files import write_empty
from tests.service.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.session import Inventory

NOW = datetime.now(UTC)


class Sink:
    """Takes letters and keeps them."""

    def __init__(self) -> None:
        self.letters: list[bytes] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:  # noqa: N802  # aiosmtpd's name
        self.letters.append(envelope.content)
        return "250 taken"


@pytest.fixture
def relay_port() -> int:
    return free_port()


@pytest.fixture
def inventory(tmp_path: Path, relay_port: int) -> Iterator[Inventory]:
    before = dict(loading._LOADED)
    write_empty(tmp_path / "inventory.db")
    database = InventoryDatabase(url=SecretStr(f"sqlite:///{tmp_path}/inventory.db"))
    settings = ServiceSettings(
        zone="phlymail.test", sealing_key=SecretStr(Fernet.generate_key().decode()), public_url="http://127.0.0.1"
    )
    relay = MailRelay(host="127.0.0.1", port=relay_port, sender="s@phlymail.test", operator="o@phlymail.test")
    loading.provide(database, settings, relay)
    yield database.inventory
    database.inventory.close()
    loading._LOADED.clear()
    loading._LOADED.update(before)


@pytest.fixture
def sink(relay_port: int) -> Iterator[Sink]:
    taking = Sink()
    controller = Controller(taking, hostname="127.0.0.1", port=relay_port, server_hostname="sink.test")
    controller.start()
    yield taking
    controller.stop()


def place(inventory: Inventory, reference: str, *, pay: bool) -> None:
    def take(kind: NoticeType, data: OrderPlaced | MoneyMoved) -> None:
        notice = Notice(f"{kind}-{reference}", kind, NOW, json.dumps(vars(data), default=str), data)
        with inventory.writing() as session:
            shop.take_notice(session, notice, NOW, "BE")

    take(NoticeType.ORDER_PLACED, OrderPlaced(reference, "C-1", "E", "e@k.test", "de", 1, 0, 100, "EUR", None))
    if pay:
        take(NoticeType.PAYMENT_RECEIVED, MoneyMoved(reference, 100, "EUR", NOW))


def put_case(inventory: Inventory) -> None:
    with inventory.writing() as session:
        cases.raise_case(session, "k", SETUP_FAILED, "order:A-1", "It is broken.", facts={"run": "r"}, now=NOW)


def test_an_operator_is_told_of_a_case_once_the_relay_answers(inventory: Inventory, relay_port: int) -> None:
    put_case(inventory)
    with pytest.raises(Unreachable, match="mail relay"):
        tell_open_cases()
    taking = Sink()
    controller = Controller(taking, hostname="127.0.0.1", port=relay_port, server_hostname="sink.test")
    controller.start()
    try:
        assert [tell_open_cases(), tell_open_cases()] == [1, 0]
    finally:
        controller.stop()
    assert len(taking.letters) == 1
    assert b"It is broken." in taking.letters[0]


def test_a_letter_with_a_newer_link_is_no_repeat_of_the_older_one(inventory: Inventory, sink: Sink) -> None:
    values = {"job": "j", "subject": "s", "do": "d", "run": "r", "at": "now"}
    for number, what in enumerate(("old link", "new link")):
        send_letter(f"k{number}", compose("operator_step_failed", "en", values | {"what": what}), "o@t", "en", "s@t")
    ids = {line for letter in sink.letters for line in letter.splitlines() if line.lower().startswith(b"message-id")}
    assert len(ids) == 2


def test_a_paid_order_that_nothing_was_asked_for_gets_its_work(inventory: Inventory) -> None:
    place(inventory, "A-1", pay=True)
    with inventory.writing() as session:
        session.query(Work).delete()
    assert [ask_for_paid_orders.fn(), ask_for_paid_orders.fn()] == [["A-1"], []]
    with inventory.reading() as session:
        assert [one.subject for one in work.work_in(session, WorkState.OPEN)] == ["A-1"]


def test_an_order_that_is_not_paid_is_refused_before_anything_is_asked_for(inventory: Inventory) -> None:
    place(inventory, "A-1", pay=False)
    with pytest.raises(Exception, match=r"Order A-1 is placed, not paid\."):
        read_paid_order.fn("A-1")


def test_work_that_failed_is_open_again_when_it_is_asked_for(inventory: Inventory) -> None:
    place(inventory, "A-1", pay=True)
    assert record_failure("A-1", ValueError("broken"), "run") is None
    with inventory.writing() as session:
        asked = work.ask_for(session, work.PROVISION, "A-1", NOW, by="shop", now=NOW)
    assert (asked.state, asked.attempt) == (WorkState.OPEN, 2)


def test_a_run_by_hand_outside_the_hours_leaves_the_waiting_run_alone(inventory: Inventory) -> None:
    place(inventory, "A-1", pay=True)
    with inventory.writing() as session:
        asked = work.work_in(session)[0]
        work.mark_dispatched(session, asked.id, "the waiting run", asked.attempt)
    reschedule.fn(read_paid_order.fn("A-1"), NOW + timedelta(hours=9))
    with inventory.reading() as session:
        after = work.work_in(session)[0]
    assert (after.state, after.attempt, after.flow_run_id) == (WorkState.DISPATCHED, 1, "the waiting run")


def test_what_does_not_answer_is_tried_again_three_times_and_then_put_before_a_person(inventory: Inventory) -> None:
    place(inventory, "A-1", pay=True)
    ends = [record_failure("A-1", Unreachable("The server is away."), f"run {number}") for number in range(4)]
    assert [end is not None for end in ends] == [True, True, True, False]
    with inventory.reading() as session:
        assert [case.kind for case in cases.open_cases(session)] == [SETUP_FAILED]
