"""What operators see and say of the end of a contract, and of the campaign that tells that the product ends (P41)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
import time_machine

from hosting.inventory import ending_records, endings, work
from hosting.inventory.session import in_transaction
from hosting.policy.leaving import NOTHING, Listing
from hosting.policy.states import EndState
from tests.inventory.words import server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.policy.leaving import EndFacts
    from tests.deployments.console.conftest import Console

NOW = datetime(2026, 12, 9, 6, 0, tzinfo=UTC)
THERE = Listing(3, 400, "ab" * 32)


@pytest.fixture(autouse=True)
def morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def name(phm: Console) -> str:
    """An instance since the first of October."""
    with_servers(phm.inventory, server("app1"))
    return opened(phm.inventory, "A-1", datetime(2026, 10, 1, 9, 0, tzinfo=UTC))


def end(phm: Console, name: str) -> EndFacts | None:
    with phm.inventory.reading() as session:
        return endings.open_ending(session, name)


def test_a_dry_run_tells_the_days_and_records_nothing(phm: Console, name: str) -> None:
    said = phm("end", name, "--earliest", "--dry-run").out
    assert "would end on 2027-10-01, at 0:00, and be deleted 30 days later. Nothing was recorded." in said
    assert end(phm, name) is None


def test_notice_is_given_for_a_day_with_its_reason_and_called_off_again(phm: Console, name: str) -> None:
    said = phm("end", name, "--on", "2027-12-24", "--because", "mail of today").out
    assert f"{name} ends on 2027-12-24, at 0:00, and is deleted on 2028-01-23." in said
    found = end(phm, name)
    assert found is not None
    assert (found.ends_on, found.why) == (date(2027, 12, 24), "mail of today")
    with phm.inventory.reading() as session:
        assert work.work_of(session, work.END_CONTRACT, found.work_subject) is not None
    assert "2027-12-24" in phm("end", "status").out
    assert phm("end", "status", name, "--json").json["state"] == "noticed"
    assert phm("end", "call-off", name, "--because", "she stays").out == f"{name} goes on.\n"
    assert end(phm, name) is None
    assert phm("end", "status").out == "Nobody has given notice.\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "On which day does it end?"),
        (("--on", "2027-12-24", "--earliest"), "On which day does it end?"),
        (("--on", "24.12.2027", "--because", "x"), "is no day"),
        (("--on", "2027-09-30", "--because", "x"), "it may end on 2027-10-01 at the earliest"),
        (("--earliest",), "The reason is empty."),
    ],
)
def test_what_can_not_be_meant_is_refused_in_one_sentence(
    phm: Console, name: str, words: tuple[str, ...], says: str
) -> None:
    refused = phm("end", name, *words)
    assert says in refused.refusal
    assert end(phm, name) is None


def test_a_hold_is_told_with_its_reason_and_ends_by_a_word(phm: Console, name: str) -> None:
    phm("end", name, "--earliest", "--because", "mail")
    phm("end", "hold", name, "--because", "a lawyer asks")
    told = phm("end", "status", name, "--json").json
    assert (told["hold_by"] != "", told["hold_why"]) == (True, "a lawyer asks")
    assert "is deleted on 2027-10-31" in phm("end", "unhold", name, "--because", "settled").out


def test_the_record_of_a_deletion_tells_counts_and_hashes_and_no_name(phm: Console, name: str) -> None:
    phm("end", name, "--earliest", "--because", "mail")
    found = end(phm, name)
    assert found is not None
    for place in ("server app1", "store"):
        for act, listing in ((ending_records.record_listing, THERE), (ending_records.record_cleared, NOTHING)):
            in_transaction(
                phm.inventory, partial(act, number=found.id, place=place, listing=listing, now=NOW + timedelta(1))
            )
    told = phm("end", "record", name, "--json").json
    assert [(one["place"], one["count"], one["left"]) for one in told["places"]] == [
        ("server app1", 3, 0), ("store", 3, 0),
    ]  # fmt: skip
    assert told["places"][0]["sha256"] == "ab" * 32
    assert name not in str(told)
    said = phm("end", "record", name).out
    assert "abababababababab" in said
    assert "Contract" in said


def test_the_campaign_shows_who_would_be_told_and_who_is_how_far(phm: Console, name: str) -> None:
    other = opened(phm.inventory, "A-2", datetime(2026, 10, 2, 9, 0, tzinfo=UTC))
    phm("end", name, "--earliest", "--because", "mail")
    said = phm("campaign", "product-ends", "--dry-run").out
    assert name in said
    assert other in said
    assert phm("campaign", "product-ends", "--dry-run", "--language", "en").out == "Everybody who is served was told.\n"
    told = phm("campaign", "status", "--json").json
    assert {one["instance"]: one["end"] for one in told} == {name: EndState.NOTICED, other: None}
    assert "2 instances: 0 told, 0 exported, 1 given notice of or ended, 1 left" in phm("campaign", "status").out
    assert "No letter is written in 'fr'" in phm("campaign", "product-ends", "--language", "fr").err
