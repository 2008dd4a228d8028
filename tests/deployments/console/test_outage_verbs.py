"""`phm outage`: what is on record, and a person's word about its cause (P11)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from hosting.inventory import outages
from hosting.inventory.session import in_transaction
from hosting.policy.outage_alarms import FoundOutage
from hosting.policy.outage_causes import Cause
from hosting.policy.values import InstanceName, ServerName
from tests.inventory.words import NOW
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deployments.console.conftest import Console

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _an_hour_later() -> Iterator[None]:
    with time_machine.travel(NOW + 60 * MINUTE, tick=False):
        yield


@pytest.fixture
def name(phm: Console) -> str:
    """An instance that was down for four minutes."""
    phm.with_servers("app1")
    name = InstanceName(opened(phm.inventory, "A-1", NOW))
    found = [FoundOutage(name, ServerName("app1"), NOW, NOW + 4 * MINUTE, Cause.UNKNOWN)]
    in_transaction(phm.inventory, lambda session: outages.record_found(session, [name], found, NOW))
    return name


def test_outages_are_listed_with_their_causes(phm: Console, name: str) -> None:
    rows = phm("outage", "list", "--json").json
    assert [(one["instance"], one["server"], one["cause"], one["cause_by"]) for one in rows] == [
        (name, "app1", "unknown", "")
    ]
    assert phm("outage", "list", "--instance", "nobody1").refusal.startswith("There is no instance nobody1.")
    with time_machine.travel(NOW + timedelta(days=40), tick=False):
        assert "No outage in the last 30 days." in phm("outage", "list").out


def test_a_persons_word_is_recorded_with_his_name(phm: Console, name: str) -> None:
    number = str(phm("outage", "list", "--json").json[0]["id"])
    assert phm("outage", "explain", number, "--cause", "customers_dns", "--why", "his router").code == 0
    row = phm("outage", "list", "--json").json[0]
    assert (row["cause"], row["why"]) == ("customers_dns", "his router")
    assert row["cause_by"]


def test_an_outage_that_is_none_is_refused_with_the_way_out(phm: Console, name: str) -> None:
    said = phm("outage", "explain", "99", "--cause", "ours", "--why", "power").refusal
    assert said == "There is no outage 99. List them: phm outage list."
