from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import pytest

from deployments.web.app import create_app
from deployments.web.dispatching import Dispatcher
from fleet.shop import Order, due_cents, placed
from tests.deployments.web.conftest import Service

if TYPE_CHECKING:
    from collections.abc import Callable

ORDER = Order("A-1", "C-1", "Anna", "a@example.org", "de", 1, 0, due_cents(1, 0))


def test_pokes_during_a_run_make_one_more_run_together() -> None:
    began, go_on = threading.Event(), threading.Event()
    running: list[int] = []
    most: list[int] = []

    def dispatch() -> None:
        running.append(1)
        most.append(len(running))
        began.set()
        assert go_on.wait(5)
        running.pop()

    dispatcher = Dispatcher(dispatch)
    dispatcher.poke()
    assert began.wait(5)
    for _ in range(100):
        dispatcher.poke()
    go_on.set()
    assert dispatcher.wait_idle(5)
    assert most == [1, 1]


def test_every_poke_is_followed_by_a_run_that_began_after_it() -> None:
    begun: list[float] = []
    dispatcher = Dispatcher(lambda: begun.append(time.monotonic()))
    last = [0.0] * 8

    def poke(number: int) -> None:
        for _ in range(200):
            last[number] = time.monotonic()
            dispatcher.poke()

    threads = [threading.Thread(target=poke, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert dispatcher.wait_idle(5)
    assert begun[-1] >= max(last)


def test_a_dispatch_that_fails_is_one_line_and_the_next_poke_tries_again(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise ConnectionError("secret-of-the-api")

    dispatcher = Dispatcher(fails)
    for _ in range(2):
        dispatcher.poke()
        assert dispatcher.wait_idle(5)
    assert len(caplog.records) == 2
    assert "secret-of-the-api" not in caplog.text


@pytest.mark.anyio
@pytest.mark.parametrize("dispatch", [lambda: 1 / 0, lambda: time.sleep(2)], ids=["down", "slow"])
async def test_prefect_down_or_slow_changes_nothing_in_the_answer(
    service: Service, dispatch: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    app = create_app(service.settings, service.inventory, dispatch, service.instances.set_password)
    started = time.monotonic()
    answer = await Service(app, service.inventory, service.settings, service.shop, service.instances).deliver(
        placed(ORDER)
    )
    assert (answer.status_code, answer.json()["taken"]) == (200, "applied")
    assert time.monotonic() - started < 1.5


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
