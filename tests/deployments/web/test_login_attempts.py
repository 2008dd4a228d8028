from __future__ import annotations

from dataclasses import dataclass

import pytest

from deployments.web.login_attempts import BY_ADDRESS_MOST, BY_NAME_MOST, IN_ALL_MOST, SPAN_SECONDS, LoginAttempts


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
