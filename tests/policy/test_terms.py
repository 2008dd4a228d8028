"""The numbers of the contract, each once, and what a service level may replace (P40)."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import time, timedelta

import pytest

from hosting.errors import Refused
from hosting.policy.terms import AROUND_THE_CLOCK, STANDARD, Terms, terms_with


def test_the_standard_level_is_the_service_description() -> None:
    assert STANDARD.setup_within == timedelta(hours=8)  # P08
    assert (STANDARD.setup_opens, STANDARD.setup_closes) == (time(10), time(19))  # P09
    assert STANDARD.setup_weekdays == (0, 1, 2, 3, 4)  # P09
    assert not STANDARD.setup_on_holidays  # P09
    assert (STANDARD.storage_per_account_gib, STANDARD.storage_step_gib, STANDARD.storage_most_gib) == (5, 5, 500)
    assert STANDARD.accounts_most == 100  # P23
    assert (STANDARD.base_months, STANDARD.extra_months, STANDARD.accounts_included) == (12, 1, 1)  # P05, P06
    assert STANDARD.availability_percent == 99.6  # P11
    assert STANDARD.backup_every == timedelta(hours=24)  # P22


def test_without_overrides_the_terms_are_the_standard_ones() -> None:
    assert terms_with({}) == STANDARD


def test_a_level_replaces_its_numbers_and_no_others() -> None:
    overrides = {"setup_within": 2.5, "setup_opens": "06:30", "setup_weekdays": [0, 5], "availability_percent": 99.9}
    expected = replace(
        STANDARD,
        setup_within=timedelta(hours=2.5),
        setup_opens=time(6, 30),
        setup_weekdays=(0, 5),
        availability_percent=99.9,
    )
    assert terms_with(json.loads(json.dumps(overrides))) == expected


def test_a_level_around_the_clock_never_closes() -> None:
    terms = terms_with(AROUND_THE_CLOCK)
    assert (terms.setup_opens, terms.setup_closes, terms.setup_on_holidays) == (time(0), time(0), True)
    assert terms.setup_weekdays == (0, 1, 2, 3, 4, 5, 6)


def test_unknown_terms_are_refused_by_name() -> None:
    with pytest.raises(Refused, match=r"names unknown terms: colour, price\. Correct the level's overrides\."):
        terms_with({"price": 1, "colour": "red", "setup_within": 4})


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("setup_within", "soon"),
        ("setup_opens", "25:00"),
        ("setup_weekdays", 5),
        ("setup_on_holidays", "yes"),
        ("storage_most_gib", "much"),
        ("availability_percent", None),
    ],
)
def test_a_value_of_another_kind_is_refused_with_the_terms_name(name: str, raw: object) -> None:
    with pytest.raises(Refused, match=f"value .* for {name} is not of the kind of"):
        terms_with({name: raw})


def test_every_term_can_be_replaced_by_its_own_value() -> None:
    def as_json(value: object) -> object:
        match value:
            case timedelta():
                return value.total_seconds() / 3600
            case time():
                return value.isoformat("minutes")
            case _:
                return value

    overrides = {field.name: as_json(getattr(STANDARD, field.name)) for field in fields(Terms)}
    assert terms_with(json.loads(json.dumps(overrides))) == STANDARD
