"""What is mended of an instance is decided once nobody else works on it, not before (P17, P18)."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hosting.errors import DriftFound
from hosting.inventory import moves
from hosting.inventory.models import Instance
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.states import InstanceState, MoveState
from tasks import mending_findings
from tasks.mending_findings import WorkedOn, drop_cron, forward, open_again
from tests.inventory.words import NOW, server
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

APP1 = server("app1", 1000)
CRON = "/etc/cron.d/phm-x"


class Mending:
    """An inventory in which something happens while the lease is waited for, and what is done on servers then."""

    def __init__(self, inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inventory, self.name, self.done = inventory, opened(inventory, "A-1", NOW), list[str]()
        self.meanwhile: Callable[[], object] = lambda: None
        self.site_at_home: str | None = None
        monkeypatch.setattr(mending_findings, "working_on", self.working_on)
        monkeypatch.setattr(mending_findings, "load", self.loaded)
        for step in ("let_in", "ensure_cron", "ensure_site", "ensure_gate_open", "ensure_passed_on"):
            monkeypatch.setattr(mending_findings, step, lambda *_, step=step: self.done.append(step))

    @contextlib.contextmanager
    def working_on(self, *_: object, **__: object) -> Iterator[None]:
        self.meanwhile()
        yield

    def loaded(self, _: object) -> Any:
        if self.site_at_home is not None:  # it is read, and nothing else
            answer = SimpleNamespace(out=self.site_at_home)
            return SimpleNamespace(connection=lambda _: SimpleNamespace(run=lambda _: answer))
        self.done.append("by ssh")
        raise AssertionError("Nothing was to be done on a server.")

    def becomes(self, **changed: object) -> None:
        with self.inventory.writing() as session:
            for name, value in changed.items():
                setattr(session.get_one(Instance, self.name), name, value)


@pytest.fixture
def mending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mending]:
    with provided(tmp_path) as inventory:
        yield Mending(inventory, monkeypatch)


@pytest.mark.parametrize("changed", [
    {"state": InstanceState.SUSPENDED}, {"state": InstanceState.CLOSED}, {"server_name": "app2"},
])  # fmt: skip
def test_who_was_suspended_closed_or_moved_meanwhile_is_not_opened_again(
    mending: Mending, changed: dict[str, object]
) -> None:
    mending.meanwhile = lambda: mending.becomes(**changed)
    with pytest.raises(DriftFound, match="Nothing was changed"):
        open_again(APP1, {"instance": mending.name})
    assert mending.done == []


def test_who_is_active_there_is_opened_again(mending: Mending) -> None:
    open_again(APP1, {"instance": mending.name})
    assert mending.done == ["let_in", "ensure_cron", "ensure_site", "ensure_gate_open"]


def test_an_instance_that_is_active_again_meanwhile_keeps_its_cron_job(mending: Mending) -> None:
    mending.becomes(state=InstanceState.SUSPENDED)
    mending.meanwhile = lambda: mending.becomes(state=InstanceState.ACTIVE)
    with pytest.raises(DriftFound, match="Nothing was changed"):
        drop_cron.fn(APP1, {"instance": mending.name, "path": CRON})
    assert mending.done == []


def test_an_instance_that_came_back_meanwhile_is_not_passed_on(mending: Mending) -> None:
    mending.becomes(server_name="app2")
    mending.meanwhile = lambda: mending.becomes(server_name="app1")
    with pytest.raises(DriftFound, match="Nothing was changed"):
        forward(APP1, {"instance": mending.name})
    assert mending.done == []


def test_one_that_is_suspended_there_is_not_passed_on_to_itself(mending: Mending) -> None:
    mending.becomes(state=InstanceState.SUSPENDED)
    with pytest.raises(DriftFound, match="Nothing was changed"):
        forward(APP1, {"instance": mending.name})
    assert mending.done == []


def test_who_is_elsewhere_is_passed_on(mending: Mending) -> None:
    mending.becomes(server_name="app2")
    mending.site_at_home = 'SetHandler "proxy:unix:/run/php/phm.sock"'
    forward(APP1, {"instance": mending.name})
    assert mending.done == ["ensure_passed_on"]


def test_no_server_passes_on_to_one_that_passes_on_itself_since_the_inventory_is_older_than_a_move(
    mending: Mending,
) -> None:
    mending.becomes(server_name="app2")
    mending.site_at_home = 'ProxyPass "https://app1.phlymail.test/x/"'
    with pytest.raises(DriftFound, match=r"passes it on to app1\.phlymail\.test.*phm move found-switched"):
        forward(APP1, {"instance": mending.name})
    assert mending.done == []


def test_what_was_left_half_done_meanwhile_is_not_mended(mending: Mending) -> None:
    def moved() -> None:
        def begin(session: Any) -> None:
            made = moves.plan_move(session, mending.name, "app2", "w", "olga", NOW, without_backup=True, now=NOW)
            moves.record_state(session, made.id, MoveState.COPYING, NOW)

        in_transaction(mending.inventory, begin)

    mending.meanwhile = moved
    with pytest.raises(WorkedOn, match="half done"):
        open_again(APP1, {"instance": mending.name})
    assert mending.done == []
