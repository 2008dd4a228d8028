"""What operators do by the console: confirmed, recorded with name and reason, the same twice changes nothing."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from datetime import date, datetime
from typing import TYPE_CHECKING

import pytest
import time_machine

from deployments.runtime.environment import ROOT
from hosting.inventory import cases, deeds, instances, links, operators, orders, work
from hosting.inventory.notices import MoneyMoved, NoticeType
from hosting.inventory.session import in_transaction
from hosting.policy.placement import choose_server
from tests.inventory.words import DUE, NOW, RELEASE, notice, placed, received, take

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tests.deployments.console.conftest import Console


def done_to(phm: Console, subject: str) -> list[tuple[str, str, str]]:
    with phm.inventory.reading() as session:
        return [(deed.by, deed.what, deed.why) for deed in deeds.deeds_of(session, subject)]


@pytest.fixture(autouse=True)
def monday() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


def test_a_case_is_settled_once_with_the_operators_decision(phm: Console) -> None:
    take(phm.inventory, received("stray", order="A-7"))
    in_transaction(
        phm.inventory,
        lambda session: cases.raise_case(
            session, "k", "unknown order", "order:A-7", "Money came.", facts={"cents": 1}, now=NOW
        ),
    )
    number = phm("case", "list", "--json").json[-1]["id"]
    assert "Money came." in phm("case", "list").out
    assert phm("case", "settle", str(number), "--decision", "sent back").code == 0
    with time_machine.travel(NOW.replace(hour=12), tick=False):
        again = phm("case", "settle", str(number), "--decision", "kept")
    assert f"settled before by {phm.operator}: sent back (unchanged)" in again.out
    assert (phm.operator, "case settled", "sent back") in done_to(phm, "order:A-7")
    assert phm("case", "settle", "99", "--decision", "x").refusal.startswith("There is no case 99.")
    assert phm("case", "settle", str(number), "--decision", " ").refusal.startswith("The reason is empty.")


def test_a_closed_day_moves_the_promises_of_orders_paid_after_it_was_closed(phm: Console) -> None:
    friday = datetime.fromisoformat("2026-11-27T18:30:00+01:00")
    said = phm("calendar", "close", "2026-11-30", "--reason", "power works")
    assert said.out == "Monday, 2026-11-30 is closed for set-ups. Promises made before stay as they were made.\n"
    money = MoneyMoved("A-1", DUE, "EUR", friday)
    take(phm.inventory, placed(), notice("m", NoticeType.PAYMENT_RECEIVED, money, friday), now=friday)
    with phm.inventory.reading() as session:
        promised = orders.order_facts(session, "A-1").promised_by
    assert promised == datetime.fromisoformat("2026-12-01T17:30:00+01:00")
    assert phm("calendar", "list", "--json").json == [
        {"day": "2026-11-30", "opened": False, "reason": "power works", "by": phm.operator}
    ]
    assert done_to(phm, f"day:{date(2026, 11, 30)}") == [(phm.operator, "day closed", "power works")]
    assert phm("calendar", "open", "2026-11-30", "--reason", "called off").code == 0
    assert "called off" in phm("calendar", "list").out


def test_a_day_that_is_over_or_none_is_refused(phm: Console) -> None:
    assert (
        phm("calendar", "close", "2026-11-22", "--reason", "x").refusal
        == "2026-11-22 is over. Name today or a day to come."
    )
    assert phm("calendar", "close", "2026-13-01", "--reason", "x").code == 2


def test_a_service_level_is_set_and_set_again(phm: Console) -> None:
    assert (
        "(unchanged)"
        not in phm("level", "set", "gold", "setup_within=4", "setup_opens=08:00", "setup_weekdays=0,1,2").out
    )
    assert (
        "(unchanged)" in phm("level", "set", "gold", "setup_within=4", "setup_opens=08:00", "setup_weekdays=0,1,2").out
    )
    assert phm("level", "list", "--json").json == [
        {
            "name": "gold",
            "overrides": {"setup_within": 4, "setup_opens": "08:00", "setup_weekdays": [0, 1, 2]},
            "agreed": [],
        }
    ]
    assert [by for by, *_ in done_to(phm, "level:gold")] == [phm.operator]
    assert phm("level", "set", "round", "--around-the-clock").code == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("gold", "speed=9"), "A service level names unknown terms: speed. Correct the level's overrides."),
        (("gold", "setup_within"), "'setup_within' is no term=value. Write it like setup_within=4."),
        (("gold", "setup_opens=25:00"), "The service level's value '25:00' for setup_opens is not of the kind of"),
        ((" ", "setup_within=4"), "That is no name for a service level."),
    ],
)
def test_a_level_that_makes_no_sense_is_refused(phm: Console, words: tuple[str, ...], line: str) -> None:
    assert phm("level", "set", *words).refusal.startswith(line)
    assert phm("level", "list", "--json").json == []


def test_a_new_first_access_link_is_made_for_an_open_instance_only(phm: Console) -> None:
    phm.with_servers("app1")
    phm.with_order()

    def reserve(session: Session) -> str:
        return instances.reserve_instance(session, "A-1", choose_server, release=RELEASE, seal=str, now=NOW).name

    name = in_transaction(phm.inventory, reserve)
    words = ("instance", "access", name, "--reason", "mail was lost")
    assert phm(*words).refusal == f"Instance {name} is reserved, not active. Wait until it is open."
    in_transaction(phm.inventory, lambda session: instances.record_active(session, name, NOW, {}))
    first, second = phm(*words).out.strip(), phm(*words).out.strip()
    assert first.startswith("https://service.phlymail.test/access/")
    with phm.inventory.reading() as session:
        assert links.find_link(session, second.rpartition("/")[2], NOW).instance_name == name
        with pytest.raises(links.LinkExpired):
            links.find_link(session, first.rpartition("/")[2], NOW)
    assert done_to(phm, f"instance:{name}")[-1] == (phm.operator, "first access link made", "mail was lost")


def test_a_set_up_that_failed_is_tried_again(phm: Console) -> None:
    phm.with_order()
    words = ("order", "again", "A-1", "--reason", "disk freed")
    assert "(unchanged)" in phm(*words).out
    in_transaction(
        phm.inventory, lambda session: work.record_failed(session, work.PROVISION, "A-1", "The disk is full.")
    )
    assert "is due again" in phm(*words).out
    with phm.inventory.reading() as session:
        found = work.work_of(session, work.PROVISION, "A-1")
    assert found is not None
    assert (found.state, found.attempt, found.due_at) == ("open", 2, NOW)
    assert done_to(phm, "order:A-1")[-1] == (phm.operator, "set-up asked for again", "disk freed")
    phm.with_order("A-2", paid=False)
    assert phm("order", "again", "A-2", "--reason", "x").refusal.startswith("The set-up of order A-2 is not asked for")


def reserve(phm: Console, order: str = "A-1") -> str:
    def act(session: Session) -> str:
        return instances.reserve_instance(session, order, choose_server, release=RELEASE, seal=str, now=NOW).name

    return in_transaction(phm.inventory, act)


CANCEL = ("order", "cancel", "A-1", "--reason", "withdrawn")


def test_an_order_is_cancelled_after_a_look_at_what_that_means(phm: Console) -> None:
    phm.with_servers("app1")
    phm.with_order()
    name = reserve(phm)
    looked = phm(*CANCEL)
    assert looked.code == 0
    assert looked.out.splitlines()[:5] == [
        "Order A-1 (paid) of Ada Löwe: 3 accounts, 10 GB more.",
        "49.00 EUR were received: a case asks for the refund, which is the shop's.",
        "Its set-up (open) is closed: no run sets it up.",
        f"Its place {name} on app1 (25 GiB) is given back.",
        "What of this is on app1 is yours to take away, in this order:",
    ]
    assert f"  /srv/instances/{name}" in looked.out.splitlines()
    assert looked.out.endswith("Nothing was changed. To do it, give --yes.\n")
    assert phm("order", "show", "A-1", "--json").json["order"]["state"] == "paid"
    assert phm(*CANCEL, "--yes").out.endswith("Order A-1 is cancelled.\n")
    assert phm(*CANCEL, "--yes").out == "Order A-1 is cancelled (unchanged).\n"
    assert done_to(phm, "order:A-1")[-1] == (phm.operator, "order cancelled", "withdrawn")
    assert phm("server", "show", "app1", "--json").json["booked_gib"] == 0
    assert [case["kind"] for case in phm("case", "list", "--json").json] == ["order_cancelled"]
    assert phm("promises", "--json").json == []
    again = phm("order", "again", "A-1", "--reason", "x")
    assert again.refusal == "The set-up of order A-1 is cancelled. Look at it: phm order show."


def test_what_cancelling_means_is_told_to_programs(phm: Console) -> None:
    phm.with_order(paid=False)
    looked, done, again = (phm(*CANCEL, "--json", *more).json for more in ((), ("--yes",), ("--yes",)))
    assert [(one["cancelled"], one["changed"]) for one in (looked, done, again)] == [
        (False, False),
        (True, True),
        (True, False),
    ]
    assert (looked["order"]["state"], looked["received_cents"], looked["instance"]) == ("placed", 0, None)


def test_an_open_instance_s_order_is_not_cancelled(phm: Console) -> None:
    phm.with_servers("app1")
    phm.with_order()
    name = reserve(phm)
    in_transaction(phm.inventory, lambda session: instances.record_active(session, name, NOW, {}))
    for more in ((), ("--yes",)):
        assert phm(*CANCEL, *more).refusal.startswith(f"Order A-1 is fulfilled: instance {name} is open. It ends with")
    assert phm("order", "cancel", "A-9", "--reason", "x").refusal.startswith("There is no order A-9.")
    assert phm("order", "cancel", "A-1", "--reason", " ").refusal.startswith("The reason is empty.")


def test_a_server_is_drained_after_a_look_at_what_that_means(phm: Console) -> None:
    phm.with_servers("app1", "app2")
    unanswered = phm("server", "drain", "app1", "--reason", "new disks")
    assert unanswered.refusal.startswith("Nothing was changed: it was not confirmed.")
    assert "New instances go to: app2." in unanswered.out
    assert phm("server", "drain", "app1", "--reason", "new disks", answers="y\n").code == 0
    assert "(unchanged)" in phm("server", "drain", "app1", "--reason", "new disks").out
    assert "No other server takes new instances" in phm("server", "drain", "app2", "--reason", "x", answers="n\n").out
    assert phm("server", "undrain", "app1", "--reason", "done", "--yes").out.endswith("Server app1 is active.\n")
    assert done_to(phm, "server:app1")[1:] == [
        (phm.operator, "server draining", "new disks"),
        (phm.operator, "server active", "done"),
    ]
    assert phm("server", "drain", "app1", "--reason", "").refusal.startswith("The reason is empty.")


def test_who_acts_is_known_as_an_operator(phm: Console) -> None:
    phm("level", "set", "gold", "setup_within=4")
    with phm.inventory.reading() as session:
        assert operators.operator_names(session) == [phm.operator]


def test_nobody_acts_under_a_name_that_the_environment_gives() -> None:
    nobody = pwd.getpwnam("nobody")
    code = (
        "import os\n"
        "from deployments.console.context import who\n"
        f"os.getuid() or os.setuid({nobody.pw_uid})\n"
        "print(who())"
    )
    forged = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"), "forged")
    said = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **forged, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == (pwd.getpwuid(os.getuid()).pw_name if os.getuid() else nobody.pw_name)


def test_the_shop_says_when_nobody_hears_it(phm: Console) -> None:
    phm.monkeypatch.setattr("fleet.shop.time.sleep", lambda _seconds: None)
    assert "did not take event" in phm("shop", "order", "--reference", "A-1").refusal
    assert "did not take event" in phm("shop", "name", "A-1", "muster").refusal
    assert phm("shop", "pay", "A-9").refusal.startswith("There is no order A-9.")
