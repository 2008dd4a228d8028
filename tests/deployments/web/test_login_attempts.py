from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from deployments.web.login_attempts import BY_ADDRESS_MOST, BY_NAME_MOST, IN_ALL_MOST, SPAN_SECONDS, LoginAttempts

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> LoginAttempts:
    return LoginAttempts(clock)


def test_a_name_is_guessed_at_five_times_in_a_quarter_of_an_hour_from_wherever(
    attempts: LoginAttempts, clock: Clock
) -> None:
    for number in range(BY_NAME_MOST):
        assert attempts.begin("olga", f"192.0.2.{number}") == 0
        clock.now += 10
    assert attempts.begin("olga", "192.0.2.99") == SPAN_SECONDS - 50 + 1
    assert attempts.begin("erna", "192.0.2.99") == 0
    clock.now = 1000.0 + SPAN_SECONDS
    assert attempts.begin("olga", "192.0.2.99") == 0
    assert attempts.begin("olga", "192.0.2.99") > 0


def test_an_address_tries_so_many_names_and_no_more(attempts: LoginAttempts) -> None:
    assert [attempts.begin(f"name{number}", "192.0.2.1") for number in range(BY_ADDRESS_MOST)] == [0] * BY_ADDRESS_MOST
    assert attempts.begin("olga", "192.0.2.1") > 0
    assert attempts.begin("olga", "192.0.2.2") == 0


def test_in_all_there_is_a_bound_so_that_many_addresses_and_names_take_no_more_memory(attempts: LoginAttempts) -> None:
    taken = [attempts.begin(f"name{number}", f"192.0.2.{number}") == 0 for number in range(10_000)]
    assert sum(taken) == IN_ALL_MOST
    assert len(attempts._failed) == IN_ALL_MOST


def test_who_gets_in_has_his_own_mistakes_forgotten_and_not_those_of_others(attempts: LoginAttempts) -> None:
    for _ in range(BY_NAME_MOST - 1):
        attempts.begin("olga", "192.0.2.66")
    assert attempts.begin("olga", "192.0.2.1") == 0
    attempts.succeeded("olga", "192.0.2.1")
    assert attempts.begin("olga", "192.0.2.1") == 0
    assert attempts.begin("olga", "192.0.2.1") > 0


def test_attempts_that_are_under_way_count_so_that_many_at_once_get_no_further(attempts: LoginAttempts) -> None:
    assert sum(attempts.begin("olga", "192.0.2.1") == 0 for _ in range(100)) == BY_NAME_MOST


def test_an_attempt_that_could_not_be_made_is_given_back_alone(attempts: LoginAttempts) -> None:
    for _ in range(BY_NAME_MOST - 1):
        attempts.begin("olga", "192.0.2.1")
    for _ in range(20):
        assert attempts.begin("olga", "192.0.2.1") == 0
        attempts.give_back("olga", "192.0.2.1")
    assert attempts.begin("olga", "192.0.2.2") == 0
    attempts.give_back("olga", "192.0.2.3")
    assert attempts.begin("olga", "192.0.2.1") > 0


def test_a_restart_forgets_no_failure_and_the_file_tells_no_name(clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "logins.json"
    before = LoginAttempts(clock, file, "key")
    for _ in range(BY_NAME_MOST):
        assert before.begin("drei bunte Hunde", "192.0.2.1") == 0
    assert before.begin("erna", "192.0.2.1") == 0
    before.succeeded("erna", "192.0.2.1")
    after = LoginAttempts(clock, file, "key")
    assert after.begin("drei bunte Hunde", "192.0.2.9") > 0
    assert after.begin("erna", "192.0.2.9") == 0
    after.give_back("erna", "192.0.2.9")
    assert len(json.loads(file.read_text())) == BY_NAME_MOST
    assert "Hunde" not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    clock.now += SPAN_SECONDS
    assert LoginAttempts(clock, file, "key").begin("drei bunte Hunde", "192.0.2.9") == 0


def test_a_clock_that_is_set_back_keeps_nobody_out_for_longer(clock: Clock, tmp_path: Path) -> None:
    attempts = LoginAttempts(clock, tmp_path / "logins.json", "key")
    for _ in range(BY_NAME_MOST):
        attempts.begin("olga", "192.0.2.1")
    clock.now -= 100_000
    again = LoginAttempts(clock, tmp_path / "logins.json", "key")
    assert again.begin("olga", "192.0.2.1") == SPAN_SECONDS + 1
    clock.now += SPAN_SECONDS
    assert again.begin("olga", "192.0.2.1") == 0


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b'{"a": 1}', b"[1]", b'[["x", "y"]]', b"null"])
def test_a_file_that_can_not_be_read_or_written_keeps_nobody_out(
    clock: Clock, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "logins.json"
    file.write_bytes(content)
    assert LoginAttempts(clock, file, "key").begin("olga", "192.0.2.1") == 0
    nowhere = LoginAttempts(clock, tmp_path / "none" / "logins.json", "key")
    assert [nowhere.begin("olga", "192.0.2.1") == 0 for _ in range(BY_NAME_MOST + 1)] == [True] * BY_NAME_MOST + [False]
    assert "can't be kept" in caplog.text
