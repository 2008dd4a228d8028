"""What becomes of work whose run came to nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from hosting.policy.attempts import (
    AGAIN_AFTER,
    CLOSED_PENDING_MOST,
    CLOSED_SILENT_MOST,
    RunFacts,
    RunState,
    Verdict,
    again_at,
    judge,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def found(state: RunState, minutes: float = 0, message: str = "", silent_minutes: float | None = None) -> RunFacts:
    since = NOW - timedelta(minutes=minutes)
    alive = since if silent_minutes is None else NOW - timedelta(minutes=silent_minutes)
    return RunFacts(state, since, alive, message)


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        (found(RunState.SCHEDULED, 600), Verdict.LEAVE),
        (found(RunState.PENDING, 9), Verdict.LEAVE),
        (found(RunState.PENDING, 11), Verdict.AGAIN),
        (found(RunState.RUNNING, 9), Verdict.LEAVE),
        (found(RunState.RUNNING, 600, silent_minutes=1), Verdict.LEAVE),
        (found(RunState.RUNNING, 600, silent_minutes=11), Verdict.AGAIN),
        (found(RunState.PAUSED, 600), Verdict.LEAVE),
        (found(RunState.CANCELLING, 600), Verdict.LEAVE),
        (found(RunState.CRASHED), Verdict.AGAIN),
        (found(RunState.LOST), Verdict.AGAIN),
        (found(RunState.COMPLETED), Verdict.AGAIN),
        (found(RunState.FAILED, message="app1 is full."), Verdict.ASK_A_PERSON),
        (found(RunState.CANCELLED), Verdict.ASK_A_PERSON),
        (found(RunState.CANCELLED, message="Deployment concurrency limit reached."), Verdict.AGAIN),
    ],
    ids=lambda value: f"{value.state.value}-{NOW - value.since}" if isinstance(value, RunFacts) else value.value,
)
def test_a_run_is_judged_by_how_it_was_found(run: RunFacts, verdict: Verdict) -> None:
    assert judge(run, 0, NOW) is verdict


@pytest.mark.parametrize(("silent", "verdict"), [(59, Verdict.LEAVE), (61, Verdict.AGAIN)])
def test_where_somebody_is_kept_out_a_run_that_holds_its_lease_no_more_is_dead(silent: int, verdict: Verdict) -> None:
    heard = NOW - timedelta(seconds=silent)
    run = RunFacts(RunState.RUNNING, NOW - timedelta(minutes=9), heard, silent_most=CLOSED_SILENT_MOST)
    assert judge(run, 0, NOW) is verdict


@pytest.mark.parametrize(("minutes", "verdict"), [(1.9, Verdict.LEAVE), (2.1, Verdict.AGAIN)])
def test_where_somebody_is_kept_out_a_run_that_does_not_start_is_forgotten_sooner(
    minutes: float, verdict: Verdict
) -> None:
    since = NOW - timedelta(minutes=minutes)
    assert judge(RunFacts(RunState.PENDING, since, since, pending_most=CLOSED_PENDING_MOST), 0, NOW) is verdict


def test_work_that_does_not_heal_is_put_before_a_person() -> None:
    verdicts = [judge(found(RunState.CRASHED), tried, NOW) for tried in range(len(AGAIN_AFTER) + 1)]
    assert verdicts == [Verdict.AGAIN] * 3 + [Verdict.ASK_A_PERSON]


def test_attempts_are_spaced_wider_each_time() -> None:
    waits = [again_at(tried, NOW) - NOW for tried in range(3)]
    assert waits == sorted(waits)
    assert len(set(waits)) == 3


def test_what_is_told_to_a_person_is_one_short_sentence() -> None:
    assert found(RunState.LOST).finding == "The run is not there any more."
    assert found(RunState.FAILED, message="app1 is full.\nTraceback…").finding == "app1 is full."
    assert len(found(RunState.FAILED, message="x" * 5000).finding) <= 400
    assert found(RunState.CANCELLED).finding == "The run was cancelled."
