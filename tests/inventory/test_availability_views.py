"""A year is reckoned anew from what probes saw, what was going on, what people stated, and what was agreed (P11, P40)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import instances, levels, probes
from hosting.inventory.availability_views import (
    YearNotTold,
    year_of_customer,
    year_of_instance,
    years_of_customers,
    years_told,
)
from hosting.inventory.instances import UnknownInstance
from hosting.inventory.level_rows import LevelAgreement
from hosting.inventory.models import Contract, Instance
from hosting.inventory.probe_rows import Outage
from hosting.inventory.rent_rows import Suspension
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.availability import Standing
from hosting.policy.outage_causes import Cause
from hosting.policy.probe_spans import Answer, Probe, Vantage
from hosting.policy.values import InstanceName
from tests.inventory.words import HOUR, NOW, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def name(inventory: Inventory) -> str:
    """An instance that opened on Monday, 23 November 2026, 11:00 in Berlin."""
    with_servers(inventory, server("app1", 1000), server("app2", 1000, address="192.0.2.2"))
    return opened(inventory, "A-1", NOW)


def probed(inventory: Inventory, name: str, *runs: tuple[str, float, float], vantage: str = "location") -> None:
    """A probe a minute in each run: answer, first and last minute since NOW."""
    found = [
        probes.Timed(Probe(InstanceName(name), Vantage(vantage), Answer(answer), NOW + minute * MINUTE), MINUTE)
        for answer, first, last in runs
        for minute in range(int(first), int(last) + 1)
    ]
    in_transaction(inventory, lambda session: probes.record_probes(session, found))


def added(inventory: Inventory, *rows: object) -> None:
    with inventory.writing() as session:
        session.add_all(rows)


def outages(inventory: Inventory, name: str, minutes: int) -> Sequence[tuple[Cause, float, float]]:
    with inventory.reading() as session:
        told = year_of_instance(session, name, 2026, NOW + minutes * MINUTE, None).told
    return [(one.cause, (one.since - NOW) / MINUTE, (one.until - NOW) / MINUTE) for one in told.outages]


def test_an_instance_is_reckoned_from_its_opening(inventory: Inventory, name: str) -> None:
    probed(inventory, name, ("up", 0, 29), ("broken", 30, 34), ("up", 35, 60))
    with inventory.reading() as session:
        found = year_of_instance(session, name, 2026, NOW + HOUR, None)
    assert outages(inventory, name, 60) == [(Cause.UNKNOWN, 30, 35)]
    assert (found.told.tally.whole, found.told.tally.down, found.level) == (HOUR, 5 * MINUTE, "")
    assert found.now is not None
    assert found.now.standing is Standing.UP
    assert found.findings == []
    assert found.told.percent_owed == pytest.approx(99.6)


def test_an_instance_that_was_never_probed_is_not_up(inventory: Inventory, name: str) -> None:
    with inventory.reading() as session:
        found = year_of_instance(session, name, 2026, NOW + DAY, None)
    assert (found.told.tally.percent, found.told.tally.unmeasured) == (None, DAY)
    assert ["not measured" in one.sentence for one in found.findings] == [True]


def test_a_server_of_which_nothing_is_reached_explains_the_outage_of_each(inventory: Inventory, name: str) -> None:
    beside, elsewhere = opened(inventory, "A-2", NOW), opened(inventory, "A-3", NOW, "app2")
    probed(inventory, name, ("up", 0, 9), ("unreachable", 10, 19), ("up", 20, 60))
    probed(inventory, beside, ("up", 0, 11), ("unreachable", 12, 24), ("up", 25, 60))
    probed(inventory, elsewhere, ("up", 0, 11), ("unreachable", 12, 14), ("up", 15, 60))
    assert outages(inventory, name, 60) == [(Cause.OURS, 10, 20)]
    assert outages(inventory, beside, 60) == [(Cause.OURS, 12, 25)]
    assert outages(inventory, elsewhere, 60) == [(Cause.UNKNOWN, 12, 15)]


def test_a_fault_of_a_server_explains_the_outage_of_who_has_moved_away_since(inventory: Inventory, name: str) -> None:
    probed(
        inventory, name, ("up", 0, 9), ("unreachable", 10, 19), ("up", 20, 29), ("unreachable", 30, 34), ("up", 35, 60)
    )
    row = Outage(
        instance_name=name, server_name="app1", began_at=NOW + 10 * MINUTE, ended_at=NOW + 20 * MINUTE, cause="ours",
        cause_by="", why="nothing on the server was reached", alarm_id=None,
    )  # fmt: skip
    added(inventory, row)
    with inventory.writing() as session:
        session.get_one(Instance, name).server_name = "app2"
    assert outages(inventory, name, 60) == [(Cause.OURS, 10, 20), (Cause.UNKNOWN, 30, 35)]


def test_a_persons_word_about_an_outage_goes_before_what_was_found(inventory: Inventory, name: str) -> None:
    probed(inventory, name, ("up", 0, 9), ("unreachable", 10, 19), ("up", 20, 60))
    row = Outage(
        instance_name=name, server_name="app1", began_at=NOW + 10 * MINUTE, ended_at=NOW + 20 * MINUTE,
        cause="customers_dns", cause_by="ada", why="the domain was sold", alarm_id=None,
    )  # fmt: skip
    added(inventory, row)
    assert outages(inventory, name, 60) == [(Cause.CUSTOMERS_DNS, 10, 20)]


def test_suspended_time_is_not_owed(inventory: Inventory, name: str) -> None:
    probed(inventory, name, ("up", 0, 29), ("offline", 30, 60))
    row = Suspension(
        instance_name=name, cause="rent", arrears_id=None, because="rent", by="service", asked_at=NOW,
        closed_at=NOW + 30 * MINUTE, ends_asked_at=None, ends_by="", ends_why="", opened_at=None,
    )  # fmt: skip
    added(inventory, row)
    with inventory.reading() as session:
        found = year_of_instance(session, name, 2026, NOW + HOUR, None)
    told = found.told  # with the minute before it, in which it was being closed
    assert (told.tally.up, told.tally.not_owed, told.outages) == (29 * MINUTE, 31 * MINUTE, ())


def test_a_level_that_is_agreed_on_counts_from_its_day(inventory: Inventory, name: str) -> None:
    def agree(session: Session) -> None:
        levels.ensure_level(session, "gold", {"availability_percent": 99.9})
        contract = session.get_one(Instance, name).contract_id
        session.add(
            LevelAgreement(
                contract_id=contract, level="gold", from_day=date(2026, 12, 1), agreed_by="ada", agreed_at=NOW,
                reason="a fee", called_off_at=None, called_off_by="", called_off_why="",
            )
        )  # fmt: skip

    in_transaction(inventory, agree)
    december = timedelta(days=7, hours=13)
    with inventory.reading() as session:
        before = year_of_instance(session, name, 2026, NOW + HOUR, None)
        after = year_of_instance(session, name, 2026, NOW + december, None)
    assert (before.level, after.level) == ("", "gold")
    assert [(one.level, one.percent) for one in after.told.owed] == [("", 99.6), ("gold", 99.9)]
    assert after.told.owed[1].since == NOW + december
    assert after.told.budgets["gold"] == 31 * DAY * 0.001


def test_nothing_is_owed_after_the_contracts_end(inventory: Inventory, name: str) -> None:
    with inventory.writing() as session:
        contract = session.get_one(Contract, session.get_one(Instance, name).contract_id)
        contract.ends_on = date(2026, 11, 25)
    with inventory.reading() as session:
        found = year_of_instance(session, name, 2026, NOW + 10 * DAY, None)
        assert found.told.tally.whole == timedelta(days=1, hours=13)
        assert found.now is None
        assert years_told(session, 2027, NOW + 100 * DAY, None) == []
        assert years_of_customers(session, 2027, NOW + 100 * DAY, None) == []


def test_all_come_with_the_least_of_their_budgets_left_first(inventory: Inventory, name: str) -> None:
    worse = opened(inventory, "A-2", NOW)
    probed(inventory, name, ("up", 0, 60))
    probed(inventory, worse, ("up", 0, 9), ("broken", 10, 19), ("up", 20, 60))
    with inventory.reading() as session:
        found = years_told(session, 2026, NOW + HOUR, None)
    assert [one.instance.name for one in found] == [worse, name]


def test_a_customer_has_the_years_of_all_his_instances(inventory: Inventory, name: str) -> None:
    second = opened(inventory, "A-2", NOW + DAY)
    with inventory.reading() as session:
        found = year_of_customer(session, "C-1", 2026, NOW + 2 * DAY, None)
        assert years_of_customers(session, 2026, NOW + 2 * DAY, None) == [found]
    assert (found.name, found.language, found.year) == ("Ada Löwe", "de", 2026)
    assert [one.instance.name for one in found.instances] == [name, second]


@pytest.mark.parametrize(
    ("year", "sentence"),
    [(2027, "Of 2027 nothing is known."), (1995, "Of 1995 nothing is known."), (2025, "was not open in 2025.")],
)
def test_a_year_of_which_nothing_is_known_is_refused(inventory: Inventory, name: str, year: int, sentence: str) -> None:
    with inventory.reading() as session, pytest.raises(YearNotTold, match=sentence):
        year_of_instance(session, name, year, NOW + DAY, None)


def test_a_name_or_customer_that_is_not_there_is_said_so(inventory: Inventory, name: str) -> None:
    with inventory.reading() as session:
        with pytest.raises(UnknownInstance):
            year_of_instance(session, "nobody", 2026, NOW, None)
        with pytest.raises(YearNotTold, match="no customer C-9"):
            year_of_customer(session, "C-9", 2026, NOW, None)
        with pytest.raises(YearNotTold, match="no open instance in 2025"):
            year_of_customer(session, "C-1", 2025, NOW, None)


def test_an_instance_that_is_only_reserved_is_not_listed(inventory: Inventory, name: str) -> None:
    with inventory.writing() as session:
        session.get_one(Instance, name).active_at = None
        assert instances.instance_facts(session, name).active_at is None
    with inventory.reading() as session:
        assert years_told(session, 2026, NOW, None) == []


def test_an_instance_that_ended_is_told_until_its_contracts_end_and_not_at_all_where_nobody_knows_that(
    inventory: Inventory, name: str
) -> None:
    with inventory.writing() as session:
        session.get_one(Instance, name).state = "ended"
    with inventory.reading() as session:
        assert years_told(session, 2026, NOW + 10 * DAY, None) == []
    with inventory.writing() as session:
        session.get_one(Contract, session.get_one(Instance, name).contract_id).ends_on = date(2026, 11, 25)
    with inventory.reading() as session:
        (found,) = years_told(session, 2026, NOW + 10 * DAY, None)
    assert found.told.tally.whole == timedelta(days=1, hours=13)


def test_a_year_whose_probes_are_forgotten_is_told_by_its_counted_days(inventory: Inventory, name: str) -> None:
    day, began = date(2026, 11, 24), NOW + DAY
    row = Outage(
        instance_name=name, server_name="app1", began_at=began, ended_at=began + HOUR, cause="move", cause_by="",
        why="move to app2", alarm_id=None,
    )  # fmt: skip
    added(inventory, row)
    count = probes.DayCount(InstanceName(name), day, 21 * HOUR, HOUR, 2 * HOUR)
    in_transaction(inventory, lambda session: probes.record_days(session, [count], NOW))
    with inventory.reading() as session:
        soon = year_of_instance(session, name, 2026, NOW + 30 * DAY, None).told
        later = year_of_instance(session, name, 2026, NOW + 800 * DAY, None).told
    assert (soon.tally.measured, soon.outages) == (timedelta(), ())
    assert (later.tally.up, later.tally.down) == (21 * HOUR, HOUR)
    assert [(one.since, one.cause) for one in later.outages] == [(began, Cause.MOVE)]


def test_what_was_not_measured_is_told_by_the_interval_that_was_agreed_at_that_time(
    inventory: Inventory, name: str
) -> None:
    december = 60 * (7 * 24 + 13)  # minutes from NOW

    def agree(session: Session) -> None:
        levels.ensure_level(session, "calm", {"probe_every": "10min"})
        contract = session.get_one(Instance, name).contract_id
        session.add(
            LevelAgreement(
                contract_id=contract, level="calm", from_day=date(2026, 12, 1), agreed_by="ada", agreed_at=NOW,
                reason="a fee", called_off_at=None, called_off_by="", called_off_why="",
            )
        )  # fmt: skip

    in_transaction(inventory, agree)
    probed(inventory, name, ("up", 0, 9), ("up", 19, 30))  # ten minutes of silence, while a probe a minute was agreed
    every_ten = [("up", december + minute, december + minute) for minute in range(0, 61, 10)]
    probed(inventory, name, *every_ten)
    with inventory.reading() as session:
        line = year_of_instance(session, name, 2026, NOW + (december + 60) * MINUTE, None).told.line
    said = [(one.standing, (one.since - NOW) / MINUTE, (one.until - NOW) / MINUTE) for one in line]
    assert said == [
        (Standing.UP, 0, 9), (Standing.UNMEASURED, 9, 19), (Standing.UP, 19, 30), (Standing.UNMEASURED, 30, december),
        (Standing.UP, december, december + 60),
    ]  # fmt: skip
