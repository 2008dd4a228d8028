"""Who asks over and over in the fleet's tests tells it when he could not: what was not asked proves nothing."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hosting.errors import Unreachable
from tests.service import names
from tests.service.names import Asked

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "https://app1.phlymail.test/k3v9q2/"


@pytest.fixture
def asks(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception | None], None]:
    """What becomes of each question: an answer of a healthy instance, or an error."""

    def answered(error: Exception | None) -> None:
        def ask(*_: Any) -> Any:
            if error is not None:
                raise error
            return SimpleNamespace(status_code=401)

        @contextlib.contextmanager
        def probe(*_: Any) -> Any:
            yield SimpleNamespace(ask=ask)

        monkeypatch.setattr(names, "load", lambda _: SimpleNamespace(trust=None, resolvers=()))
        monkeypatch.setattr(names, "web_probe", probe)

    return answered


def test_answers_and_failures_of_an_address_are_told_apart(asks: Callable[[Exception | None], None]) -> None:
    asks(None)
    with Asked(URL) as asked:
        assert asked.goes_on(URL)
    assert asked.failures(URL) == []
    asks(Unreachable("It does not answer."))
    with Asked(URL) as asked:
        while not asked.seen[URL]:  # a busy machine may not have asked yet
            asked.ended.wait(names.EVERY_SECONDS)
        assert not asked.goes_on(URL, seconds=0.3)
    assert set(asked.failures(URL)) == {"It does not answer."}


def test_an_error_that_is_no_answer_is_raised_where_the_asking_ends(asks: Callable[[Exception | None], None]) -> None:
    asks(RuntimeError("a defect"))

    def lasts() -> None:
        with Asked(URL) as asked:
            assert not asked.goes_on(URL)

    with pytest.raises(RuntimeError, match="a defect"):
        lasts()


def test_an_address_that_nobody_asked_for_fails_the_test(
    asks: Callable[[Exception | None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asks(None)
    monkeypatch.setattr(names, "EVERY_SECONDS", 30)

    def lasts() -> None:
        with Asked(URL):
            pass

    with pytest.raises(AssertionError, match="nobody asked for"):
        lasts()
