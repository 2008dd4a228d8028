"""The page that tells customers and operators about bookings tells what the program does (P05 to P07, P23, P25)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from hosting.policy.booking_changes import Change, ChangeKind, Need, preview, with_ends
from hosting.policy.booking_ends import settle_ends
from hosting.policy.booking_refusals import ChangeRefused
from hosting.policy.contract import Contract
from hosting.policy.orders import BookingKind
from hosting.policy.terms import GIB, STANDARD
from tests.policy.contracts import NEW_YEAR, booking, contract

PAGE = (Path(__file__).parents[2] / "docs" / "bookings.md").read_text(encoding="utf-8")
TODAY = date(2026, 5, 15)
KINDS = {"base": BookingKind.BASE, "account": BookingKind.ACCOUNT, "package": BookingKind.STORAGE}


def table(heading: str) -> list[list[str]]:
    """The rows under a heading of the page, without the table's own head."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def told_day(text: str) -> date:
    return datetime.strptime(text, "%d %b %Y").replace(tzinfo=UTC).date()


def told_need(users: str, stored: str) -> Need:
    return Need(int(users), round(float(stored.removesuffix(" GB")) * GIB))


def told_change(wish: str) -> Change:
    """`2 more accounts`, `10 GB more`, `cancel 1 account`, `cancel 10 GB`, `cancel contract`."""
    if wish == "cancel contract":
        return Change(ChangeKind.CANCEL_CONTRACT)
    words = wish.removeprefix("cancel ").split()
    storage = "GB" in words
    if wish.startswith("cancel "):
        kind = ChangeKind.CANCEL_STORAGE if storage else ChangeKind.CANCEL_ACCOUNTS
    else:
        kind = ChangeKind.BOOK_STORAGE if storage else ChangeKind.BOOK_ACCOUNTS
    return Change(kind, int(words[0]))


@pytest.mark.parametrize("row", table("When a booking ends"), ids=lambda row: f"{row[0]} {row[1]}, {row[2]}")
def test_each_booking_ends_on_the_day_that_the_page_tells(row: list[str]) -> None:
    what, booked, cancelled, ends, why = row
    kind, _, base_ends = what.partition(", base ends ")
    base = booking(1, BookingKind.BASE, date(2025, 1, 1), told_day(base_ends) if base_ends else None)
    one = booking(2, KINDS[kind], told_day(booked))
    made = Contract((replace(one, id=1),) if kind == "base" else (base, one), STANDARD)
    assert made.earliest_end(one, told_day(cancelled)) == told_day(ends), why


@pytest.mark.parametrize("row", table("What speaks against it"), ids=lambda row: f"{row[0]}+{row[1]}, {row[4]}")
def test_each_wish_of_the_page_gets_the_answer_that_it_tells(row: list[str]) -> None:
    accounts, packages, users, stored, wish, answer, why = row
    made = contract(int(accounts), int(packages))
    try:
        after = preview(made, told_change(wish), TODAY, told_need(users, stored)).after
        said = f"{after.accounts} account{'s' * (after.accounts != 1)}, {after.pool_gib} GB"
    except ChangeRefused as error:
        said = type(error).__name__
    assert said == answer, why


@pytest.mark.parametrize("row", table("The figure of a refusal"), ids=lambda row: row[4])
def test_each_refusal_says_what_is_missing_and_from_when_it_would_work(row: list[str]) -> None:
    accounts, packages, users, stored, wish, said = row
    with pytest.raises(ChangeRefused) as caught:
        preview(contract(int(accounts), int(packages)), told_change(wish), TODAY, told_need(users, stored))
    assert str(caught.value) == said


@pytest.mark.parametrize("row", table("On the day itself"), ids=lambda row: f"{row[2]} users, {row[3]}")
def test_on_the_day_itself_ends_what_the_page_tells(row: list[str]) -> None:
    accounts, packages, users, stored, told, why = row
    made = contract(int(accounts), int(packages))
    going = [2, 3, int(accounts) + 1]  # two accounts and a package
    day = date(2026, 6, 20)
    made = with_ends(made, dict.fromkeys(going, day))
    words = {kind: word for word, kind in KINDS.items()}
    ends = [words[one.booking.kind] for one in settle_ends(made, day, told_need(users, stored)) if one.takes_effect]
    assert (", ".join(ends) or "nothing") == told, why


def test_the_page_tells_the_standard_terms() -> None:
    assert (STANDARD.base_months, STANDARD.extra_months, STANDARD.base_notice_months) == (12, 1, 1)
    assert (STANDARD.storage_step_gib, STANDARD.storage_per_account_gib, STANDARD.storage_most_gib) == (5, 5, 500)
    assert NEW_YEAR < TODAY
