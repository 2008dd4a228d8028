from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hosting.policy import board_rules
from hosting.policy.board import (
    LINES_MOST,
    TOLD_MOST,
    Board,
    Line,
    Urgency,
    ago,
    clipped,
    clock,
    counted,
    gravest,
    length,
    named,
    section,
    unread,
)
from hosting.policy.imports import ImportState
from hosting.policy.inspection import Severity
from hosting.policy.open_promises import Outlook
from hosting.policy.roll_outs import RollOutState
from hosting.policy.states import EvacuationState, MoveState, NameState, ServerState, WorkState
from hosting.policy.terms import STANDARD

NOW = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HAND, WATCH, CALM = Urgency.HAND, Urgency.WATCH, Urgency.CALM


def line(what: str, urgency: Urgency = CALM, at: datetime | None = NOW) -> Line:
    return Line(what, "", "", urgency, "phm", at=at)


def test_what_needs_a_hand_comes_first_and_of_equal_ones_the_oldest() -> None:
    lines = [
        line("calm"),
        line("hand"),
        line("watch", WATCH),
        line("older", HAND, NOW - HOUR),
        line("timeless", HAND, None),
    ]
    lines[1] = line("hand", HAND)
    assert [one.what for one in section("k", "t", "c", lines).lines] == ["older", "hand", "timeless", "watch", "calm"]


def test_what_does_not_fit_is_counted_and_none_that_needs_a_hand_is_lost_behind_the_others() -> None:
    lines = [line(f"calm {number}") for number in range(20)] + [line("hand", HAND)] * 3 + [line("watch", WATCH)]
    made = section("k", "t", "c", lines)
    assert len(made.lines) == LINES_MOST
    assert (made.more, made.hands, made.watched) == (24 - LINES_MOST, 3, 1)
    assert [one.urgency for one in made.lines[:4]] == [HAND, HAND, HAND, WATCH]


def test_matters_that_were_not_even_read_count_as_needing_a_hand() -> None:
    made = section("k", "t", "c", [line("one", HAND)] * 8, beyond=17)
    assert (made.more, made.hands) == (17, 25)


def test_a_board_is_calm_only_if_all_of_it_is_and_could_be_read() -> None:
    calm = section("a", "Cases", "c", [line("x")])
    watched = section("b", "Moves", "c", [line("x", WATCH)])
    assert not Board(NOW, (calm, watched)).needs_a_hand
    assert Board(NOW, (calm, watched)).sentence == "Nothing needs a hand."
    assert watched.urgency is WATCH
    grave = section("c", "Names", "c", [line("x", HAND)] * 2)
    silent = unread("d", "Orders", "c", "The database does not answer.")
    assert Board(NOW, (calm, grave, silent)).sentence == "Needs a hand: Names (2), Orders (not read)."


@pytest.mark.parametrize(("time", "told"), [
    (timedelta(0), "0 min"), (timedelta(seconds=59), "0 min"), (59 * MINUTE, "59 min"), (HOUR, "1 h 00 min"),
    (25 * HOUR + 5 * MINUTE, "1 d 1 h"), (2 * DAY, "2 d"), (-3 * HOUR, "3 h 00 min"),
])  # fmt: skip
def test_a_duration_is_told_in_its_two_largest_units(time: timedelta, told: str) -> None:
    assert length(time) == told


def test_moments_are_those_of_the_service_s_own_clock_and_ages_are_told_in_words() -> None:
    assert clock(datetime(2026, 11, 27, 23, 30, tzinfo=UTC)) == "Sat 28 Nov, 00:30"
    assert clock(datetime(2026, 7, 1, 12, 0, tzinfo=UTC)) == "Wed 1 Jul, 14:00"
    assert ago(NOW - 2 * HOUR, NOW) == "2 h 00 min ago"
    assert ago(NOW + HOUR, NOW) == "just now"
    assert (counted(1, "day"), counted(0, "day"), counted(2, "case")) == ("1 day", "0 days", "2 cases")


def test_what_others_wrote_becomes_one_short_printable_line() -> None:
    told = clipped("a\r\nSet-Cookie: x\x1b[31m\x00" + "y" * 999)
    assert len(told) == TOLD_MOST
    assert told.isprintable()
    assert named("\u202e\n") == "(no name)"
    assert named("Jürgen\nGroß") == "Jürgen Groß"


def test_the_gravest_of_several_counts() -> None:
    assert gravest(CALM, HAND, WATCH) is HAND
    assert gravest(CALM, WATCH) is WATCH
    assert gravest() is CALM


@pytest.mark.parametrize(("outlook", "left", "urgency"), [
    (Outlook.IN_TIME, 3 * HOUR, CALM), (Outlook.IN_TIME, HOUR, WATCH), (Outlook.WILL_MISS, 3 * HOUR, HAND),
    (Outlook.MISSED, -HOUR, HAND), (Outlook.NEEDS_A_PERSON, 7 * HOUR, HAND),
])  # fmt: skip
def test_an_order_needs_a_hand_as_soon_as_its_promise_is_in_danger(
    outlook: Outlook, left: timedelta, urgency: Urgency
) -> None:
    assert board_rules.of_order(outlook, left) is urgency


@pytest.mark.parametrize(("state", "late", "urgency"), [
    (WorkState.OPEN, MINUTE, CALM), (WorkState.OPEN, 6 * MINUTE, HAND), (WorkState.DISPATCHED, 9 * HOUR, CALM),
    (WorkState.FAILED, MINUTE, HAND), (WorkState.DONE, DAY, CALM),
])  # fmt: skip
def test_work_without_a_run_tells_that_nobody_dispatches(state: WorkState, late: timedelta, urgency: Urgency) -> None:
    assert board_rules.of_work(state, NOW - late, NOW) is urgency


@pytest.mark.parametrize(("state", "ends", "closed", "finding", "failed", "urgency"), [
    (MoveState.PLANNED, HOUR, None, "", False, CALM),
    (MoveState.PLANNED, -MINUTE, None, "", False, HAND),
    (MoveState.PLANNED, HOUR, None, "Put off.", False, WATCH),
    (MoveState.FROZEN, HOUR, MINUTE, "", False, WATCH),
    (MoveState.FROZEN, HOUR, 11 * MINUTE, "", False, HAND),
    (MoveState.SWITCHED, -DAY, None, "", False, CALM),
    (MoveState.COPYING, HOUR, None, "", True, HAND),
])  # fmt: skip
def test_a_move_needs_a_hand_when_it_missed_its_window_stays_closed_or_its_run_failed(
    *, state: MoveState, ends: timedelta, closed: timedelta | None, finding: str, failed: bool, urgency: Urgency
) -> None:
    closed_at = None if closed is None else NOW - closed
    found = board_rules.of_move(state, NOW + ends, closed_at, NOW, finding=finding, work_failed=failed)
    assert found is urgency


def test_a_needed_move_without_a_place_needs_a_hand() -> None:
    assert board_rules.of_need(has_target=True) is WATCH
    assert board_rules.of_need(has_target=False) is HAND


def test_an_offer_is_watched_while_its_letter_is_not_sent_and_once_it_is_over() -> None:
    assert board_rules.of_offer(NOW + DAY, NOW, NOW) is CALM
    assert board_rules.of_offer(NOW + DAY, None, NOW) is WATCH
    assert board_rules.of_offer(NOW - MINUTE, NOW, NOW) is WATCH


def test_an_evacuation_that_stands_still_and_a_roll_out_that_is_halted_need_a_hand() -> None:
    assert board_rules.of_evacuation(EvacuationState.OPEN, "") is CALM
    assert board_rules.of_evacuation(EvacuationState.OPEN, "k1 fits nowhere.") is HAND
    assert board_rules.of_evacuation(EvacuationState.STOPPED, "") is WATCH
    assert board_rules.of_roll_out(RollOutState.OPEN, 0) is CALM
    assert board_rules.of_roll_out(RollOutState.OPEN, 1) is WATCH
    assert board_rules.of_roll_out(RollOutState.HALTED, 0) is HAND


@pytest.mark.parametrize(("since", "finding", "urgency"), [
    (MINUTE, "", CALM), (HOUR, "", WATCH), (2 * DAY, "", HAND), (2 * DAY, "It leads nowhere.", WATCH),
])  # fmt: skip
def test_a_name_that_takes_long_without_a_reason_needs_a_hand(since: timedelta, finding: str, urgency: Urgency) -> None:
    assert board_rules.of_name(NameState.ASSIGNING, NOW - since, NOW, finding) is urgency
    assert board_rules.of_name(NameState.LIVE, NOW - since, NOW, finding) is CALM


@pytest.mark.parametrize(("state", "since", "urgency"), [
    (ImportState.CASE, MINUTE, HAND), (ImportState.BUILT, MINUTE, HAND), (ImportState.ASKED, HOUR, CALM),
    (ImportState.APPROVED, 2 * DAY, WATCH),
])  # fmt: skip
def test_an_import_needs_a_hand_as_a_case_and_for_its_approval(
    state: ImportState, since: timedelta, urgency: Urgency
) -> None:
    assert board_rules.of_import(state, NOW - since, NOW) is urgency


def test_backups_and_proofs_are_held_against_the_terms_of_the_contract() -> None:
    stale = STANDARD.backup_stale_after
    assert board_rules.of_backup(NOW - stale, NOW - 9 * DAY, NOW, STANDARD) is CALM
    assert board_rules.of_backup(NOW - stale - MINUTE, NOW - 9 * DAY, NOW, STANDARD) is HAND
    assert board_rules.of_backup(None, NOW - HOUR, NOW, STANDARD) is CALM
    assert board_rules.of_backup(None, NOW - stale - MINUTE, NOW, STANDARD) is HAND
    within = STANDARD.rehearse_within_days * DAY
    assert board_rules.of_proof(NOW - within, NOW - 90 * DAY, NOW, STANDARD) is CALM
    assert board_rules.of_proof(NOW - within - MINUTE, NOW - 90 * DAY, NOW, STANDARD) is HAND
    assert board_rules.of_proof(None, NOW - DAY, NOW, STANDARD) is CALM
    assert board_rules.of_proof(None, NOW - within - MINUTE, NOW, STANDARD) is HAND


@pytest.mark.parametrize(("state", "booked", "full_in", "urgency"), [
    (ServerState.ACTIVE, 50, None, CALM), (ServerState.ACTIVE, 90, None, CALM), (ServerState.ACTIVE, 91, None, WATCH),
    (ServerState.ACTIVE, 101, None, HAND), (ServerState.ACTIVE, 50, 29 * DAY, WATCH),
    (ServerState.ACTIVE, 50, 31 * DAY, CALM), (ServerState.DRAINING, 95, None, CALM),
    (ServerState.RETIRED, 300, 1 * DAY, CALM),
])  # fmt: skip
def test_a_server_is_watched_before_it_is_full_and_needs_a_hand_once_too_much_is_booked(
    state: ServerState, booked: int, full_in: timedelta | None, urgency: Urgency
) -> None:
    assert board_rules.of_room(state, booked, 100, full_in=full_in, ahead=30 * DAY) is urgency


def test_a_silence_of_the_prober_needs_a_hand_once_somebody_should_have_been_measured() -> None:
    assert board_rules.of_measuring(NOW - 15 * MINUTE, NOW, 3) is CALM
    assert board_rules.of_measuring(NOW - 16 * MINUTE, NOW, 3) is HAND
    assert board_rules.of_measuring(None, NOW, 3) is HAND
    assert board_rules.of_measuring(None, NOW, 0) is CALM


def test_a_budget_is_watched_from_three_quarters_on_and_broken_beyond_it() -> None:
    assert [board_rules.of_budget(down * HOUR, 4 * HOUR) for down in (3, 4, 5)] == [CALM, WATCH, HAND]
    assert board_rules.of_budget(4 * HOUR, 4 * HOUR) is WATCH


def test_findings_ask_for_as_much_as_they_are_grave() -> None:
    assert [board_rules.of_finding(one) for one in Severity] == [HAND, WATCH, CALM]


def test_who_leaves_needs_a_hand_when_something_is_left_and_who_is_suspended_when_it_takes_long() -> None:
    assert board_rules.of_ending(owed=True, held=True, finding="") is HAND
    assert board_rules.of_ending(owed=False, held=True, finding="") is WATCH
    assert board_rules.of_ending(owed=False, held=False, finding="") is CALM
    assert board_rules.of_export(ready=False, asked_at=NOW - 25 * HOUR, now=NOW) is WATCH
    assert board_rules.of_export(ready=True, asked_at=NOW - 25 * HOUR, now=NOW) is CALM
    assert board_rules.of_suspension(on_its_way=True, since=NOW - 61 * MINUTE, now=NOW) is HAND
    assert board_rules.of_suspension(on_its_way=True, since=NOW - MINUTE, now=NOW) is CALM
    assert board_rules.of_suspension(on_its_way=False, since=NOW - DAY, now=NOW) is CALM
