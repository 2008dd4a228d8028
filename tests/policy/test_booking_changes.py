"""No sequence of bookings and cancellations breaks a term, exceeds 500 GB, or leaves more users than accounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.policy.booking_changes import Change, ChangeKind, Need, Preview, preview, with_ends
from hosting.policy.booking_ends import are_due, settle_ends
from hosting.policy.booking_refusals import (
    AlreadyCancelled,
    ChangeRefused,
    ContractOver,
    IncludedAccountStays,
    MoreThanAllowed,
    NothingToWithdraw,
    TooLateToWithdraw,
    TooManyUsers,
    UnknownBooking,
)
from hosting.policy.contract import BookingFacts, Contract
from hosting.policy.months import months_after
from hosting.policy.orders import BookingKind, package_gib
from hosting.policy.terms import GIB, STANDARD, Terms
from tests.policy.contracts import NEW_YEAR, contract

DAY = timedelta(days=1)
MAY = date(2026, 5, 15)
JUNE = date(2026, 6, 20)
NOTHING = Need(0, 0)


def made(contract: Contract, meant: Preview, today: date) -> Contract:
    """The contract after a change, as the inventory would have it."""
    contract = with_ends(contract, {**dict(meant.ends), **dict.fromkeys(meant.withdraws)})
    first = max((one.id for one in contract.bookings), default=0) + 1
    added = tuple(
        BookingFacts(first + number, wish.kind, today, wish.minimum_months, package_gib(wish.detail))
        for number, wish in enumerate(meant.adds)
    )
    return replace(contract, bookings=contract.bookings + added)


def after_the_day(contract: Contract, today: date, need: Need) -> Contract:
    """The contract once all that is due was looked at."""
    ends = {end.booking.id: end for end in settle_ends(contract, today, need)}

    def settled(one: BookingFacts) -> BookingFacts:
        end = ends.get(one.id)
        if end is None:
            return one
        over = replace(one, is_over=True, ends_on=contract.end_of(one))
        return over if end.takes_effect else replace(one, ends_on=None)

    return replace(contract, bookings=tuple(map(settled, contract.bookings)))


# Sequences -----------------------------------------------------------------------------------------------------------

wishes = st.builds(
    Change,
    st.sampled_from([kind for kind in ChangeKind if kind is not ChangeKind.CANCEL_CONTRACT]),
    st.one_of(st.integers(-1, 12), st.sampled_from([5, 10, 25, 100, 300, 495])),
    st.one_of(st.none(), st.integers(1, 30)),
)
ending = st.builds(Change, st.just(ChangeKind.CANCEL_CONTRACT))
days = st.tuples(
    st.integers(0, 45),  # days that pass
    st.lists(st.one_of(wishes, wishes, wishes, ending), max_size=4),
    st.integers(0, 12),  # users by then
    st.integers(0, 80),  # GB stored by then
)


@settings(max_examples=150)
@given(st.integers(1, 12), st.integers(0, 5), st.lists(days, min_size=1, max_size=14), st.dates(NEW_YEAR, MAY))
def test_no_sequence_breaks_a_term_or_the_most_or_leaves_more_users_than_accounts(
    accounts: int, packages: int, steps: list[tuple[int, list[Change], int, int]], today: date
) -> None:
    stands = contract(accounts, packages, today)
    for passed, changes, users, stored in steps:
        today += passed * DAY
        need = Need(users, stored * GIB)
        before = stands
        stands = after_the_day(stands, today, need)
        check_ends(before, stands, today, need)
        for change in changes:
            try:
                meant = preview(stands, change, today, need)
            except ChangeRefused:
                continue
            check_preview(stands, meant, today, need)
            stands = made(stands, meant, today)
            check_terms(stands)
            stands = after_the_day(stands, today, need)
            check_terms(stands)


def check_terms(stands: Contract) -> None:
    """What holds at any time."""
    booked = stands.booked()
    assert booked.pool_gib <= STANDARD.storage_most_gib
    assert booked.accounts >= (STANDARD.accounts_included if stands.base else 0)
    base_ends = [one.ends_on for one in stands.bookings if one.kind is BookingKind.BASE and one.ends_on]
    for one in stands.bookings:
        end = one.ends_on
        if end is not None:
            earliest = min([one.runs_until_at_least, *base_ends])
            assert end >= (one.runs_until_at_least if one.kind is BookingKind.BASE else earliest)
    if stands.base is None:
        assert all(one.is_over for one in stands.bookings)


def check_ends(before: Contract, after: Contract, today: date, need: Need) -> None:
    """What holds when the day has come: nobody and nothing is left without what it needs."""
    assert are_due(after, today) == []
    if after.base is None:
        return
    gone = [one for one in after.bookings if one.is_over and one not in before.bookings]
    assert all(one.ends_on is not None and one.ends_on <= today for one in gone)
    if any(one.kind is BookingKind.ACCOUNT for one in gone):
        assert need.users <= after.booked().accounts
    if gone:
        assert need.used_bytes <= after.booked().pool_gib * GIB


def check_preview(stands: Contract, meant: Preview, today: date, need: Need) -> None:
    """What is told beforehand is what comes."""
    then = made(stands, meant, today)
    assert meant.before == stands.booked()
    assert meant.after == then.booked_on(meant.takes_effect_on)
    assert meant.takes_effect_on >= today
    if meant.change.kind is ChangeKind.CANCEL_ACCOUNTS:
        assert need.users <= then.booked_in_the_end().accounts
    if meant.change.kind in {ChangeKind.CANCEL_ACCOUNTS, ChangeKind.CANCEL_STORAGE}:
        assert need.used_bytes <= then.booked_in_the_end().pool_gib * GIB


@given(st.dates(date(1970, 1, 1), date(2200, 1, 1)), st.integers(0, 60))
def test_months_are_counted_from_the_day_and_never_slide(day: date, months: int) -> None:
    later = months_after(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later.day < day.day and (later + DAY).day == 1)


# Single cases --------------------------------------------------------------------------------------------------------


def test_the_account_goes_that_may_end_first_unless_one_is_named() -> None:
    young = BookingFacts(9, BookingKind.ACCOUNT, date(2026, 5, 10), 1)
    stands = contract(3)
    stands = replace(stands, bookings=(young, *stands.bookings))
    assert preview(stands, Change(ChangeKind.CANCEL_ACCOUNTS), MAY, NOTHING).ends == ((2, MAY),)
    named = preview(stands, Change(ChangeKind.CANCEL_ACCOUNTS, booking=9), MAY, NOTHING)
    assert named.ends == ((9, date(2026, 6, 10)),)


def test_each_of_several_ends_on_its_own_day_and_the_last_day_is_told() -> None:
    young = BookingFacts(9, BookingKind.ACCOUNT, date(2026, 5, 10), 1)
    stands = contract(2)
    stands = replace(stands, bookings=(*stands.bookings, young))
    meant = preview(stands, Change(ChangeKind.CANCEL_ACCOUNTS, 2), MAY, NOTHING)
    assert meant.ends == ((2, MAY), (9, date(2026, 6, 10)))
    assert meant.takes_effect_on == date(2026, 6, 10)
    assert (meant.before.accounts, meant.after.accounts) == (3, 1)


def test_what_is_cancelled_for_a_later_day_counts_as_gone_when_the_next_goes() -> None:
    stands = with_ends(contract(3), {3: JUNE})
    with pytest.raises(TooManyUsers) as caught:
        preview(stands, Change(ChangeKind.CANCEL_ACCOUNTS), MAY, Need(2, 0))
    assert (caught.value.users, caught.value.accounts, caught.value.works_from) == (2, 1, MAY)


def test_the_base_by_its_number_is_the_account_that_stays() -> None:
    with pytest.raises(IncludedAccountStays) as caught:
        preview(contract(2), Change(ChangeKind.CANCEL_ACCOUNTS, booking=1), MAY, NOTHING)
    assert caught.value.works_from == date(2027, 1, 1)


def test_a_booking_of_another_kind_or_of_nobody_is_unknown() -> None:
    for kind, number in ((ChangeKind.CANCEL_STORAGE, 2), (ChangeKind.CANCEL_ACCOUNTS, 77), (ChangeKind.WITHDRAW, 2)):
        with pytest.raises(UnknownBooking):
            preview(contract(2), Change(kind, booking=number), MAY, NOTHING)


def test_what_is_cancelled_is_not_cancelled_twice() -> None:
    stands = with_ends(contract(2), {1: JUNE, 2: JUNE})
    for change in (Change(ChangeKind.CANCEL_CONTRACT), Change(ChangeKind.CANCEL_ACCOUNTS, booking=2)):
        with pytest.raises(AlreadyCancelled) as caught:
            preview(stands, change, MAY, NOTHING)
        assert caught.value.ends_on == JUNE


def test_a_cancellation_is_withdrawn_until_its_day() -> None:
    stands = with_ends(contract(2), {2: JUNE})
    assert preview(stands, Change(ChangeKind.WITHDRAW), JUNE - DAY, NOTHING).withdraws == (2,)
    with pytest.raises(TooLateToWithdraw):
        preview(stands, Change(ChangeKind.WITHDRAW), JUNE, NOTHING)


def test_an_extra_that_was_to_end_with_the_contract_keeps_its_own_term_where_the_contract_runs_on() -> None:
    end = date(2026, 12, 31)
    base = BookingFacts(1, BookingKind.BASE, date(2026, 1, 1), 12, ends_on=end)
    late = BookingFacts(2, BookingKind.ACCOUNT, date(2026, 12, 20), 1, ends_on=end)
    early = BookingFacts(3, BookingKind.ACCOUNT, date(2026, 6, 1), 1, ends_on=end)
    stands = Contract((base, late, early), STANDARD)
    meant = preview(stands, Change(ChangeKind.WITHDRAW, booking=1), date(2026, 12, 22), NOTHING)
    assert (meant.withdraws, dict(meant.ends)) == ((1,), {2: date(2027, 1, 20)})


def test_of_several_cancellations_the_one_that_is_withdrawn_is_named() -> None:
    stands = with_ends(contract(3), {2: JUNE, 3: JUNE})
    with pytest.raises(NothingToWithdraw) as caught:
        preview(stands, Change(ChangeKind.WITHDRAW), MAY, NOTHING)
    assert caught.value.candidates == (2, 3)
    assert preview(stands, Change(ChangeKind.WITHDRAW, booking=3), MAY, NOTHING).withdraws == (3,)
    with pytest.raises(NothingToWithdraw):
        preview(contract(3), Change(ChangeKind.WITHDRAW), MAY, NOTHING)


def test_more_than_allowed_says_from_when_it_would_work() -> None:
    stands = with_ends(contract(50, 50), {60: JUNE, 61: JUNE + DAY})
    with pytest.raises(MoreThanAllowed) as caught:
        preview(stands, Change(ChangeKind.BOOK_STORAGE, 10), MAY, NOTHING)
    assert caught.value.works_from == JUNE + DAY
    with pytest.raises(MoreThanAllowed) as caught:
        preview(stands, Change(ChangeKind.BOOK_STORAGE, 15), MAY, NOTHING)
    assert caught.value.works_from is None


def test_what_is_booked_under_a_cancelled_base_is_bound_until_its_end_at_the_latest() -> None:
    stands = with_ends(contract(1), {1: MAY + 5 * DAY})
    assert preview(stands, Change(ChangeKind.BOOK_ACCOUNTS), MAY, NOTHING).bound_until == MAY + 5 * DAY
    assert preview(contract(1), Change(ChangeKind.BOOK_ACCOUNTS), MAY, NOTHING).bound_until == date(2026, 6, 15)


def test_nothing_is_changed_once_the_contract_is_over() -> None:
    stands = with_ends(contract(2), {1: MAY})
    for kind in ChangeKind:
        with pytest.raises(ContractOver):
            preview(stands, Change(kind), MAY, NOTHING)
    with pytest.raises(ContractOver):
        preview(after_the_day(stands, MAY, NOTHING), Change(ChangeKind.BOOK_ACCOUNTS), MAY, NOTHING)


def test_with_the_base_all_ends_whatever_is_stored() -> None:
    stands = with_ends(contract(3, 2), {1: JUNE, 2: JUNE + 30 * DAY})
    ends = settle_ends(stands, JUNE, Need(7, 90 * GIB))
    assert [end.booking.id for end in ends] == [1, 2, 3, 4, 5]
    assert all(end.takes_effect for end in ends)


def test_what_is_due_is_seen_to_after_an_outage_too() -> None:
    stands = with_ends(contract(3), {3: JUNE})
    assert are_due(stands, JUNE - DAY) == []
    assert [one.id for one in are_due(stands, JUNE + 9 * DAY)] == [3]
    assert stands.booked().accounts == 3  # until it has taken effect
    assert after_the_day(stands, JUNE + 9 * DAY, NOTHING).booked().accounts == 2


def test_a_level_with_other_terms_is_kept_by_them() -> None:
    terms = Terms(extra_months=3, base_notice_months=2, storage_step_gib=10, storage_most_gib=40)
    stands = contract(2, 0, NEW_YEAR, terms)
    meant = preview(stands, Change(ChangeKind.BOOK_STORAGE, 20), MAY, NOTHING)
    assert [package_gib(wish.detail) for wish in meant.adds] == [10, 10]
    assert meant.bound_until == date(2026, 8, 15)
    assert preview(stands, Change(ChangeKind.CANCEL_CONTRACT), date(2027, 1, 10), NOTHING).ends == (
        (1, date(2027, 3, 10)),
    )
    with pytest.raises(MoreThanAllowed):
        preview(stands, Change(ChangeKind.BOOK_STORAGE, 40), MAY, NOTHING)
