from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from deployments.dispatching import see_to_wishes
from deployments.web.app import create_app
from deployments.web.dispatching import Dispatcher
from fleet.shop import Order, due_cents, placed, wished
from hosting.inventory import name_wishes, names, work
from hosting.inventory.name_application_rows import applications_since
from hosting.inventory.name_orders import order_subdomain
from hosting.policy.states import NameState, WorkState
from tests.deployments.web.conftest import Service, open_instance

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.policy.states import EventState

ORDER = Order("A-1", "C-1", "Anna", "a@example.org", "de", 1, 0, due_cents(1, 0))
PATIENT_SECONDS = 60.0
"""Nothing here takes so long, on the busiest machine."""


def test_pokes_during_a_run_make_one_more_run_together() -> None:
    began, go_on = threading.Event(), threading.Event()
    running: list[int] = []
    most: list[int] = []

    def dispatch() -> None:
        running.append(1)
        most.append(len(running))
        began.set()
        assert go_on.wait(PATIENT_SECONDS)
        running.pop()

    dispatcher = Dispatcher(dispatch)
    dispatcher.poke()
    assert began.wait(PATIENT_SECONDS)
    for _ in range(100):
        dispatcher.poke()
    go_on.set()
    assert dispatcher.wait_idle(PATIENT_SECONDS)
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
        thread.join(PATIENT_SECONDS)
    assert dispatcher.wait_idle(PATIENT_SECONDS)
    assert begun[-1] >= max(last)


def test_a_dispatch_that_fails_is_one_line_and_the_next_poke_tries_again(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise ConnectionError("secret-of-the-api")

    dispatcher = Dispatcher(fails)
    for _ in range(2):
        dispatcher.poke()
        assert dispatcher.wait_idle(PATIENT_SECONDS)
    assert len(caplog.records) == 2
    assert "secret-of-the-api" not in caplog.text


@pytest.mark.anyio
@pytest.mark.parametrize("slow", [False, True], ids=["down", "slow"])
async def test_prefect_down_or_slow_changes_nothing_in_the_answer(
    service: Service, caplog: pytest.LogCaptureFixture, *, slow: bool
) -> None:
    caplog.set_level(logging.INFO)
    answered, waited_for = threading.Event(), list[bool]()

    def dispatch() -> None:
        if not slow:
            raise ConnectionError
        waited_for.append(answered.wait(PATIENT_SECONDS))

    app = create_app(service.settings, service.inventory, dispatch, service.instances.set_password)
    answer = await Service(app, service.inventory, service.settings, service.shop, service.instances).deliver(
        placed(ORDER)
    )
    assert (answer.status_code, answer.json()["taken"]) == (200, "applied")
    assert waited_for == []  # it is answered while the dispatch goes on
    answered.set()


@pytest.mark.anyio
async def test_a_name_cancelled_in_the_shop_is_on_its_way_out_before_the_clock_looks(service: Service) -> None:
    """Whatever hinders another one: a list that can't be read keeps a name from being judged, none from going (P29)."""
    instance, now = open_instance(service.inventory), datetime.now(UTC)
    with service.inventory.writing() as session:
        name = order_subdomain(session, instance, "muster", "muster", by="olga", now=now)
        names.record_live(session, name.id, now, {})
    for event in (wished("A-1", "Bücher"), wished("A-1", "muster", kind="name.cancelled")):
        assert (await service.deliver(event)).json()["taken"] == "waiting"
    see_to_wishes(service.inventory, service.settings.model_copy(update={"name_lists": "/nowhere"}))
    with service.inventory.reading() as session:
        assert applications_since(session, now) == []
        assert [one.state for one in names.names_of(session, instance)] == [NameState.RELEASING]
        due = [one.kind for one in work.work_in(session, WorkState.OPEN)]
        assert work.RELEASE_SUBDOMAIN in due
    see_to_wishes(service.inventory, service.settings)
    with service.inventory.reading() as session:
        assert [one.name for one in applications_since(session, now)] == ["bücher"]


@pytest.mark.anyio
async def test_a_defect_that_one_wish_meets_keeps_no_other_and_no_other_work(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    open_instance(service.inventory)
    judge = name_wishes.judge_wish

    def defect(session: Session, wish: name_wishes.Wish, *args: Any, **kwargs: Any) -> EventState:
        if wish.name == "erster":
            raise KeyError("a defect")
        return judge(session, wish, *args, **kwargs)

    monkeypatch.setattr(name_wishes, "judge_wish", defect)
    for wish in ("erster", "zweiter"):
        assert (await service.deliver(wished("A-1", wish))).json()["taken"] == "waiting"
    see_to_wishes(service.inventory, service.settings)
    with service.inventory.reading() as session:
        assert [one.name for one in name_wishes.waiting_wishes(session)] == ["erster"]
    assert "waits for the clock (KeyError)" in caplog.text


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
