"""A stop has an end: until the switch it is called off when its time is over, after it there is only forward (P24)."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from prefect.states import Failed

from hosting.errors import StepFailed, Unreachable
from hosting.policy.move_attempts import NotInTime
from hosting.policy.terms import STANDARD
from tasks import move_stop
from tasks.move_stop import closed_no_longer_than, open_until_served
from tasks.step import may_heal, still_allowed
from tests.policy.test_move_plan import SOURCE, TARGET

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT, LONG = timedelta(seconds=0.05), timedelta(minutes=1)


class Lines:
    """The connections to both servers."""

    def __init__(self) -> None:
        self.broken_off: list[str] = []
        self.told = threading.Event()

    def hang_up(self, server: object) -> None:
        self.broken_off.append(server.name)  # type: ignore[attr-defined]
        if len(self.broken_off) == 2:
            self.told.set()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    made = Lines()
    monkeypatch.setattr(move_stop, "load", lambda _kind: made)
    return made


def waits_for_a_server(lines: Lines) -> None:
    """In the stop, until its time is over."""
    with closed_no_longer_than(SHORT, SOURCE, TARGET):
        assert lines.told.wait(10)
        raise Unreachable("The connection was lost.", "Run again.")


def test_what_still_waits_for_a_server_when_the_time_is_over_is_broken_off_and_told_as_what_it_was(
    lines: Lines,
) -> None:
    with pytest.raises(NotInTime, match=r"within 0 s.*It is open on its old server, and is moved at a quieter time"):
        waits_for_a_server(lines)
    assert lines.broken_off == [SOURCE.name, TARGET.name]


def test_no_step_begins_and_no_part_is_done_after_its_time(lines: Lines) -> None:
    with closed_no_longer_than(SHORT, SOURCE, TARGET) as stop:
        lines.told.wait(10)
        check = still_allowed.get()
        assert check is not None
        with pytest.raises(NotInTime):
            check()
        with pytest.raises(NotInTime):
            stop.decide()
        with pytest.raises(NotInTime):
            stop.reached("files")
    assert still_allowed.get() is None


class ByHand:
    """A timer whose time is over when the test says so."""

    def __init__(self, _seconds: float, over: Callable[[], None]) -> None:
        self.over = over
        ByHand.made = self

    def start(self) -> None:
        """It runs."""

    cancel = start
    made: ByHand


def test_after_the_switch_nothing_calls_it_off_any_more(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move_stop, "threading", SimpleNamespace(Timer=ByHand))
    with closed_no_longer_than(LONG, SOURCE, TARGET) as stop:
        stop.decide()
        stop.began -= 2 * LONG.total_seconds()
        ByHand.made.over()
        check = still_allowed.get()
        assert check is not None
        check()
        stop.reached("open")
    assert lines.broken_off == []


def test_what_fails_in_time_is_told_as_it_is(lines: Lines) -> None:
    with pytest.raises(StepFailed, match="It differs"), closed_no_longer_than(LONG, SOURCE, TARGET):
        raise StepFailed("It differs.", "Look at it.")
    assert lines.broken_off == []


def test_while_somebody_is_kept_out_nothing_is_tried_again_before_the_switch(lines: Lines) -> None:
    state = Failed(data=Unreachable("gone", "again"))
    assert may_heal(None, None, state)
    with closed_no_longer_than(LONG, SOURCE, TARGET) as stop:
        assert not may_heal(None, None, state)
        stop.decide()
        assert may_heal(None, None, state)
    assert may_heal(None, None, state)


def test_the_parts_of_a_stop_are_told_in_their_order(lines: Lines) -> None:
    with closed_no_longer_than(LONG, SOURCE, TARGET) as stop:
        stop.reached("close")
        stop.reached("freeze")
    assert list(stop.parts) == ["close", "freeze"]
    assert all(seconds >= 0 for seconds in stop.parts.values())


def test_a_stop_lasts_half_a_minute_at_most() -> None:
    assert STANDARD.move_closed_most == timedelta(seconds=30)


class Seen:
    """An address that answers from outside once it was told so often to be passed on."""

    def __init__(self, patch: pytest.MonkeyPatch, after: int) -> None:
        self.after, self.told, self.opened = after, 0, list[float]()
        self.stop_seconds = 2.5
        patch.setattr(move_stop, "open_target", self.open)
        patch.setattr(move_stop, "record_opened", lambda _move, seconds: self.opened.append(seconds))

    def open(self, _move: object) -> None:
        self.told += 1

    def served_again(self, seconds: float) -> bool:
        assert seconds == move_stop.SEEN_SECONDS
        return self.told >= self.after


@pytest.mark.parametrize(("after", "told", "opened"), [(1, 1, [2.5]), (3, 3, [2.5]), (99, move_stop.OPENED_MOST, [])])
def test_a_source_that_does_not_pass_on_is_told_again_until_somebody_is_served_there(
    monkeypatch: pytest.MonkeyPatch, after: int, told: int, opened: list[float]
) -> None:
    seen = Seen(monkeypatch, after)
    open_until_served(None, seen)  # type: ignore[arg-type]
    assert (seen.told, seen.opened) == (told, opened)
