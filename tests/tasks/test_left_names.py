"""What names left on servers that did not answer is put right by itself once they answer again (P29, P31, P32)."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from prefect import Task

from flows import clear_left_names
from hosting.errors import Unreachable
from hosting.inventory import cases, former_homes, leases, moves, name_orders, names, servers
from hosting.inventory.former_homes import PassedOn
from hosting.inventory.instances import all_instances
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.name_certificates import CertificateFacts
from hosting.inventory.session import in_transaction
from hosting.policy.former_homes import Passing
from hosting.policy.own_domain import OwnDomain
from hosting.policy.pointing import Pointing
from hosting.policy.states import MoveState, NameState, ServerState
from tasks.left_names import read_left_names
from tasks.name_records import Naming, read_naming, record_name_done, record_name_gone
from tasks.step import Done
from tests.policy.certificates import NOW
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory
    from hosting.policy.values import NameFacts

DAY = timedelta(days=1)
DOMAIN = OwnDomain("Post.Müller.example", "post.müller.example", "post.xn--mller-kva.example")
FACTS = CertificateFacts("a" * 64, NOW + 60 * DAY, "Beispiel CA", "PEM a")


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as made:
        opened(made, "A-1", NOW - 30 * DAY)
        yield made


@pytest.fixture
def naming(inventory: Inventory) -> Naming:
    """A live domain; its instance is on app2 and has left app1."""

    def order(session: Session) -> NameFacts:
        (instance,) = all_instances(session)
        name = name_orders.order_domain(session, instance.name, DOMAIN, FACTS, "key", by="olga", now=NOW)
        live = names.record_live(session, name.id, NOW, {})
        move = moves.plan_move(session, instance.name, "app2", "w", "o", NOW, without_backup=True, now=NOW)
        for state in (MoveState.COPYING, MoveState.FROZEN):
            moves.record_state(session, move.id, state, NOW)
        moves.switch(session, move.id, {}, NOW)
        moves.record_state(session, move.id, MoveState.DONE, NOW)
        return live

    return read_naming.fn(in_transaction(inventory, order).id)


class Servers:
    """Servers that answer or don't, and what was done on them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.silent: set[str] = set()
        self.done: list[tuple[str, str]] = []
        for name, one in vars(clear_left_names).copy().items():
            if isinstance(one, Task):
                monkeypatch.setattr(clear_left_names, name, one.fn)
        monkeypatch.setattr(clear_left_names, "answers", lambda server: str(server.name) not in self.silent)
        monkeypatch.setattr(clear_left_names, "working_on", lambda *_: contextlib.nullcontext())
        for name in (
            "ensure_names_served", "ensure_name_certificate", "ensure_name_site", "ensure_no_name_site",
            "ensure_no_other_certificate",
        ):  # fmt: skip
            monkeypatch.setattr(clear_left_names, name, partial(self._step, name))

    def _step(self, name: str, *given: Any, all_gone: bool = False) -> Done:
        self.done.append((name + (" of all" if all_gone else ""), str(given[-1].name)))
        return Done(name, changed=True, seconds=0.0)


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> Servers:
    return Servers(monkeypatch)


def gone(inventory: Inventory, naming: Naming, silent: list[str]) -> None:
    """The name was cancelled while servers did not answer."""
    in_transaction(
        inventory,
        lambda session: name_orders.order_release(
            session, naming.instance.name, DOMAIN.ascii, by="olga", why="by mail", now=NOW
        ),
    )
    record_name_gone.fn(read_naming.fn(naming.name.id), {}, silent)


def left(inventory: Inventory) -> list[str]:
    with inventory.reading() as session:
        return [one.key for one in cases.open_cases(session) if one.kind == cases.LEFT_BEHIND]


def test_a_name_that_is_gone_goes_from_a_server_that_answers_again(
    inventory: Inventory, naming: Naming, machines: Servers
) -> None:
    gone(inventory, naming, ["app1"])
    machines.silent = {"app1"}
    assert clear_left_names.clear_left_names.fn().message == "0 names put right, 1 wait for their servers."
    assert (machines.done, left(inventory)) == ([], [f"left:name:{naming.name.id}:gone"])
    machines.silent = set()
    assert clear_left_names.clear_left_names.fn().message == "1 names put right, 0 wait for their servers."
    assert machines.done == [("ensure_no_name_site", "app1"), ("ensure_no_other_certificate of all", "app1")]
    assert left(inventory) == []
    machines.done.clear()
    clear_left_names.clear_left_names.fn()
    assert machines.done == []
    with inventory.reading() as session:
        (settled,) = [one for one in cases.cases_of(session, f"instance:{naming.instance.name}") if one.settled_at]
    assert (settled.settled_by, settled.decision) == ("service", "Put right on app1 once it answered.")


def test_of_several_servers_those_that_answer_are_put_right_and_the_case_stays(
    inventory: Inventory, naming: Naming, machines: Servers
) -> None:
    gone(inventory, naming, ["app1", "app2"])
    machines.silent = {"app2"}
    clear_left_names.clear_left_names.fn()
    assert {where for _, where in machines.done} == {"app1"}
    assert len(left(inventory)) == 1


def test_a_server_that_passes_the_name_on_gets_the_certificate_of_today(
    inventory: Inventory, naming: Naming, machines: Servers
) -> None:
    assert [one.name for one in naming.homes] == ["app1"]
    record_name_done.fn(naming, ["app1"])
    clear_left_names.clear_left_names.fn()
    assert [name for name, _ in machines.done] == [
        "ensure_names_served", "ensure_name_certificate", "ensure_name_site", "ensure_no_other_certificate",
    ]  # fmt: skip
    assert left(inventory) == []


def test_what_stayed_away_while_the_name_went_is_taken_away(
    inventory: Inventory, naming: Naming, machines: Servers
) -> None:
    record_name_done.fn(naming, ["app1"])
    gone(inventory, naming, [])
    clear_left_names.clear_left_names.fn()
    assert [name for name, _ in machines.done] == ["ensure_no_name_site", "ensure_no_other_certificate of all"]


def test_a_server_that_serves_the_instance_again_or_is_retired_is_let_alone(
    inventory: Inventory, naming: Naming, machines: Servers
) -> None:
    record_name_done.fn(naming, ["app2"])  # it was silent, and the instance went there
    clear_left_names.clear_left_names.fn()
    assert (machines.done, left(inventory)) == ([], [])
    gone(inventory, naming, ["app1"])
    for state in (ServerState.DRAINING, ServerState.RETIRED):
        in_transaction(inventory, partial(servers.set_server_state, name="app1", to=state, by="o", why="", now=NOW))
    clear_left_names.clear_left_names.fn()
    assert (machines.done, left(inventory)) == ([], [])


@pytest.mark.parametrize("held", [True, False])
def test_a_name_that_another_run_works_on_or_whose_server_breaks_off_waits(
    inventory: Inventory, naming: Naming, machines: Servers, monkeypatch: pytest.MonkeyPatch, *, held: bool
) -> None:
    record_name_done.fn(naming, ["app1"])
    lease = in_transaction(
        inventory,
        lambda session: leases.acquire(session, naming.instance.name, "run r", "move", now=NOW, ttl=DAY),
    )

    def breaks(*_: Any) -> Any:
        raise LeaseHeld(lease) if held else Unreachable("app1 does not answer.", "Look.")

    monkeypatch.setattr(clear_left_names, "working_on" if held else "ensure_name_site", breaks)
    assert clear_left_names.clear_left_names.fn().message == "0 names put right, 1 wait for their servers."
    assert len(left(inventory)) == 1


def test_a_name_that_nobody_passes_on_any_more_goes_from_a_server_that_was_silent_then(
    inventory: Inventory, naming: Naming, machines: Servers
) -> None:
    def ended(session: Session) -> None:
        move = former_homes.last_move(session, naming.instance.name)
        assert move is not None
        passing = PassedOn(naming.name, move, Passing(NOW, is_domain=True))
        seen = former_homes.record_look(session, passing, Pointing(points=True, told="It leads here."), NOW)
        former_homes.record_ended(session, seen, ["app1"], NOW + 9 * DAY)

    in_transaction(inventory, ended)
    assert read_naming.fn(naming.name.id).passing_on == ()
    clear_left_names.clear_left_names.fn()
    assert [name for name, _ in machines.done] == ["ensure_no_name_site", "ensure_no_other_certificate of all"]
    assert left(inventory) == []


def test_a_case_that_a_restore_left_is_not_a_name_s(inventory: Inventory, naming: Naming) -> None:
    in_transaction(
        inventory,
        lambda session: cases.raise_case(
            session, "left:restore:1", cases.LEFT_BEHIND, f"instance:{naming.instance.name}", "s", facts={}, now=NOW
        ),
    )
    assert read_left_names.fn() == []
    assert naming.name.state is NameState.LIVE
