"""A silent former server keeps no move and no evacuation from its end; names leave servers that nobody comes to (P10, P24)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from blocks import loading
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from flows import see_to_former_homes as flow
from hosting.errors import StepFailed, Unreachable
from hosting.inventory import (
    bookings,
    cases,
    deeds,
    former_homes,
    instances,
    moves,
    name_certificates,
    name_orders,
    names,
    servers,
    work,
)
from hosting.inventory.leases import LeaseLost
from hosting.inventory.name_certificates import CertificateFacts
from hosting.inventory.session import in_transaction
from hosting.policy.attempts import AGAIN_AFTER
from hosting.policy.former_homes import Next
from hosting.policy.own_domain import OwnDomain
from hosting.policy.pointing import Seen
from hosting.policy.states import InstanceState, MoveState
from hosting.policy.terms import STANDARD
from tasks import former_homes as tasks
from tasks import move_letters, own_domains, restore_records, standing_in
from tasks.failures import NotAllDone
from tasks.move_records import read_kept_too_long, read_move, read_obstacles
from tasks.name_records import read_naming
from tasks.restoring import Restore
from tests.inventory.words import server, with_servers
from tests.policy.test_certificate import pair
from tests.service.records import opened, provided, with_backup
from tests.service.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory
    from hosting.policy.values import InstanceFacts, ServerFacts
    from tasks.move_records import Move

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Machines:
    """Servers that do whatever they are told, but those that are silent."""

    silent: set[str] = field(default_factory=set)
    told: list[tuple[str, Any]] = field(default_factory=list)

    def connection(self, of: ServerFacts) -> Machine:
        if of.name in self.silent:
            raise Unreachable(f"{of.name} does not answer.", "Look at it.")
        return Machine(str(of.name), self)


@dataclass
class Machine:
    name: str
    machines: Machines

    def run(self, command: Any, _do: str = "") -> Any:
        self.machines.told.append((self.name, command))
        return type("Answer", (), {"changed": True, "out": ""})()


@pytest.fixture
def relay() -> Relay:
    return Relay()


@pytest.fixture
def inventory(tmp_path: Path, relay: Relay) -> Iterator[Inventory]:
    """Servers app1, app2 (192.0.2.1, 192.0.2.2) and app3."""
    with provided(tmp_path, relay_port=relay.port) as made:
        with_servers(made, server("app3", 1000, address="192.0.2.3"))
        yield made


@pytest.fixture
def machines(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> Machines:
    made = Machines()
    monkeypatch.setitem(loading._LOADED, SshHost, made)
    return made


@pytest.fixture
def leads(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What every resolver says."""
    says = {f"app{number}.phlymail.test": f"192.0.2.{number}" for number in (1, 2, 3)}
    monkeypatch.setattr(own_domains, "_seen", lambda resolver, host: Seen(resolver, (says[host],)))
    monkeypatch.setattr(tasks, "addresses_of", lambda host: (says[host],))
    return says


def goes(inventory: Inventory, name: str, target: str, *, done: bool = True) -> int:
    def move(session: Session) -> int:
        made = moves.plan_move(session, name, target, "w", "olga", AT, without_backup=True, now=AT)
        work.ask_for(session, work.MOVE, str(made.id), AT, by="olga", now=AT)
        for state in (MoveState.COPYING, MoveState.FROZEN):
            moves.record_state(session, made.id, state, AT)
        moves.switch(session, made.id, {}, AT)
        if done:
            moves.record_state(session, made.id, MoveState.DONE, AT, evidence={"proof": {"url": "x"}})
        return made.id

    return in_transaction(inventory, move)


def facts(inventory: Inventory, name: str) -> ServerFacts:
    with inventory.reading() as session:
        return servers.server_facts(session, name)


def instance_of(inventory: Inventory, name: str) -> InstanceFacts:
    with inventory.reading() as session:
        return instances.instance_facts(session, name)


def has_domain(inventory: Inventory, instance: str, host: str = "post.example") -> int:
    certificate = CertificateFacts("a" * 64, datetime(2027, 3, 1, tzinfo=UTC), "Beispiel CA", "PEM of the domain")
    sealed = loading.load(ServiceSettings).seal("KEY of the domain")

    def order(session: Session) -> int:
        own = OwnDomain(host, host, host)
        made = name_orders.order_domain(session, instance, own, certificate, sealed, by="olga", now=AT)
        return names.record_live(session, made.id, AT, {}).id

    return in_transaction(inventory, order)


def left_behind(move: Move, machines: Machines) -> None:
    """The end of a move as far as servers that were left are concerned."""
    silent: list[Unreachable] = []
    with tasks.kept_if_silent(silent):
        tasks.ensure_homes_pass_on.fn(move, move.target)
    tasks.leave_for_later.fn(move, silent)


def owed(inventory: Inventory) -> list[int]:
    with inventory.reading() as session:
        return [one.move_id for one in former_homes.all_owed(session)]


def test_whoever_is_silent_all_other_servers_pass_on(inventory: Inventory, machines: Machines) -> None:
    name = opened(inventory, "A-1", AT)
    goes(inventory, name, "app2")
    move = read_move.fn(goes(inventory, name, "app3", done=False))
    assert {one.name for one in (move.source, *move.homes)} == {"app1", "app2"}
    machines.silent = {"app2"}
    with pytest.raises(Unreachable, match="app2 does not answer"):
        tasks.ensure_homes_pass_on.fn(move, move.target)
    assert [machine for machine, _ in machines.told] == ["app1"]
    assert not tasks.pass_on_side_by_side(move, move.target, []) or machines.told
    machines.silent = set()
    assert tasks.ensure_homes_pass_on.fn(move, move.target).changed


def test_a_run_is_tried_again_first_and_then_the_move_ends_without_the_silent_server(
    inventory: Inventory, machines: Machines
) -> None:
    name = opened(inventory, "A-1", AT)
    number = goes(inventory, name, "app2", done=False)
    machines.silent, move = {"app1"}, read_move.fn(number)
    for _ in AGAIN_AFTER:
        with pytest.raises(Unreachable):
            left_behind(move, machines)
        assert owed(inventory) == []
        in_transaction(
            inventory,
            lambda session: deeds.record(
                session, deeds.SERVICE, work.TRIED_AGAIN, f"work:{work.MOVE}:{number}", why="w", now=AT
            ),
        )
    left_behind(move, machines)
    in_transaction(inventory, partial(moves.record_state, move_id=number, to=MoveState.DONE, now=AT))
    assert owed(inventory) == [number]
    with time_machine.travel(AT + 30 * DAY, tick=False):
        assert read_kept_too_long.fn() == []  # nothing of it goes before it was fenced
    machines.silent = set()
    silent: list[Unreachable] = []
    with tasks.kept_if_silent(silent):
        tasks.ensure_homes_pass_on.fn(move, move.target)
    tasks.record_tried(move, silent)
    assert owed(inventory) == []
    with time_machine.travel(AT + 30 * DAY, tick=False):
        assert [one.facts.id for one in read_kept_too_long.fn()] == [number]


def test_a_domain_without_a_certificate_and_the_end_of_the_zones_own_are_known_before_a_move(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = opened(inventory, "A-1", AT)
    move = read_move.fn(goes(inventory, name, "app2"))
    has_domain(inventory, name)
    bare = has_domain(inventory, name, "bare.example")
    assert read_obstacles.fn(move).bare_domains == ()
    in_transaction(inventory, lambda session: name_certificates.forget(session, bare))
    certificate, _ = pair("*.phlymail.test")
    settings = loading.load(ServiceSettings).model_copy(update={"certificate_pem": certificate})
    monkeypatch.setitem(loading._LOADED, ServiceSettings, settings)
    found = read_obstacles.fn(move)
    assert found.bare_domains == ("bare.example",)
    assert found.certificate_ends == datetime(2026, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("over", former_homes.OVER)
def test_what_was_left_goes_with_the_instance_where_its_contract_is_over(
    inventory: Inventory, over: InstanceState
) -> None:
    name = opened(inventory, "A-1", AT)
    goes(inventory, name, "app2")

    def set_state(state: InstanceState) -> None:
        def change(session: Session) -> None:
            bookings.locked_row(session, name).state = state

        in_transaction(inventory, change)

    set_state(over)
    with time_machine.travel(AT + 30 * DAY, tick=False):
        assert read_kept_too_long.fn() == []  # each day's run would be refused
        set_state(InstanceState.ACTIVE)  # opened again
        assert [one.name for one in read_kept_too_long.fn()] == [name]


def test_only_silence_is_kept_for_later(inventory: Inventory) -> None:
    silent: list[Unreachable] = []
    with pytest.raises(StepFailed), tasks.kept_if_silent(silent):
        raise StepFailed("Apache does not take it.", "Look.")
    assert silent == []


def test_a_domain_is_taken_off_the_servers_that_were_left_once_everybody_comes_to_the_right_one(
    inventory: Inventory, machines: Machines, leads: dict[str, str]
) -> None:
    name = opened(inventory, "A-1", AT)
    number = has_domain(inventory, name)
    goes(inventory, name, "app2")
    leads["post.example"] = "192.0.2.1"
    with time_machine.travel(AT + DAY, tick=False):
        [one] = tasks.read_passed_on.fn()
        assert tasks.look_at.fn(one)[1] is Next.WAIT
    leads["post.example"] = "192.0.2.2"
    with time_machine.travel(AT + 2 * DAY, tick=False):
        [one] = tasks.read_passed_on.fn()
        assert tasks.look_at.fn(one)[1] is Next.WAIT
    with time_machine.travel(AT + 4 * DAY, tick=False):
        [one] = tasks.read_passed_on.fn()
        seen, due = tasks.look_at.fn(one)
        assert due is Next.END
        machines.silent = {"app1"}
        assert not tasks.end_passing_on.fn(seen)
        machines.silent = set()
        machines.told.clear()
        assert tasks.end_passing_on.fn(seen)
    assert {machine for machine, _ in machines.told} == {"app1"}
    assert read_naming.fn(number).passing_on == ()
    assert standing_in.read_domains(read_naming.fn(number).instance) == []


def test_the_customer_is_reminded_with_the_record_to_set(
    inventory: Inventory, machines: Machines, leads: dict[str, str], relay: Relay
) -> None:
    name = opened(inventory, "A-1", AT)
    has_domain(inventory, name)
    goes(inventory, name, "app2")
    leads["post.example"] = "192.0.2.1"
    with relay.up():
        for day in STANDARD.domain_reminder_days:
            with time_machine.travel(AT + day * DAY, tick=False):
                [one] = tasks.read_passed_on.fn()
                seen, due = tasks.look_at.fn(one)
                assert due is Next.REMIND
                assert tasks.remind_customer.fn(seen).changed
                assert not tasks.remind_customer.fn(seen).changed
    assert len(relay.subjects) == 3
    assert relay.subjects[2].startswith("Letzte Erinnerung")
    assert "CNAME  app2.phlymail.test" in relay.text()
    with time_machine.travel(AT + 60 * DAY, tick=False):
        [one] = tasks.read_passed_on.fn()
        assert tasks.look_at.fn(one)[1] is Next.TELL
    with inventory.reading() as session:
        assert [case.kind for case in cases.open_cases(session)] == [former_homes.STILL_PASSED_ON]


def test_the_letter_after_a_move_names_the_domains_that_lead_to_the_old_server(
    inventory: Inventory, machines: Machines, leads: dict[str, str], relay: Relay
) -> None:
    name = opened(inventory, "A-1", AT)
    has_domain(inventory, name)
    leads["post.example"] = "192.0.2.1"
    move = read_move.fn(goes(inventory, name, "app2"))
    with relay.up():
        assert move_letters.tell_customer_moved.fn(move).changed
    assert "  post.example\n" in relay.text()
    assert "CNAME  app2.phlymail.test" in relay.text()
    leads["post.example"] = "192.0.2.2"
    assert move_letters.domains_astray(move) == []


@pytest.fixture
def deeds_done(monkeypatch: pytest.MonkeyPatch, machines: Machines) -> list[str]:
    """What the quarter of an hour's look does on servers, in order; a source that is silent lets nothing be done."""
    done: list[str] = []

    def does(what: str) -> Callable[..., None]:
        def act(move: Move, *_: object) -> None:
            if move.source.name in machines.silent:
                raise Unreachable(f"{move.source.name} does not answer.", "Look at it.")
            done.append(what)

        return act

    for what in ("ensure_source_fenced", "record_after_check", "ensure_can_pass_on", "ensure_way_closed"):
        monkeypatch.setattr(flow, what, does(what))
    monkeypatch.setattr(flow, "prove_instance_answers", lambda place, _: done.append(f"asked {place.host_name}"))
    monkeypatch.setattr(flow, "working_on", lambda *_: contextlib.nullcontext())
    for task in ("read_owed", "read_move", "read_serving", "read_passed_on", "ensure_homes_pass_on"):
        monkeypatch.setattr(flow, task, getattr(flow, task).fn)
    return done


def test_what_is_owed_is_done_as_soon_as_the_server_answers_and_not_before(
    inventory: Inventory, machines: Machines, deeds_done: list[str]
) -> None:
    number = goes(inventory, opened(inventory, "A-1", AT), "app2")
    in_transaction(inventory, partial(former_homes.record_owed, move_id=number, finding="silent", now=AT))
    machines.silent = {"app1"}
    flow.see_to_former_homes.fn()
    assert (owed(inventory), deeds_done) == ([number], ["asked app1.phlymail.test"])
    machines.silent, deeds_done[:] = set(), []
    flow.see_to_former_homes.fn()
    assert deeds_done == ["ensure_source_fenced", "record_after_check", "asked app1.phlymail.test", "ensure_way_closed"]
    assert owed(inventory) == []


def test_nothing_is_fenced_where_the_instance_is_again(
    inventory: Inventory, machines: Machines, deeds_done: list[str]
) -> None:
    name = opened(inventory, "A-1", AT)
    first = goes(inventory, name, "app2")
    in_transaction(inventory, partial(former_homes.record_owed, move_id=first, finding="silent", now=AT))
    goes(inventory, name, "app1")
    flow.see_to_former_homes.fn()
    assert deeds_done == ["ensure_way_closed"]
    assert [machine for machine, _ in machines.told] == ["app2"]
    assert owed(inventory) == []


def test_what_fails_by_another_reason_than_silence_is_owed_too_and_told_after_some_days(
    inventory: Inventory, machines: Machines, deeds_done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Move) -> None:
        raise StepFailed("Apache does not take it.", "Look.")

    number = goes(inventory, opened(inventory, "A-1", AT), "app2")
    in_transaction(inventory, partial(former_homes.record_owed, move_id=number, finding="silent", now=AT))
    monkeypatch.setattr(flow, "ensure_source_fenced", refuse)
    with time_machine.travel(AT + 9 * DAY, tick=False), pytest.raises(NotAllDone):
        flow.see_to_former_homes.fn()
    with inventory.reading() as session:
        [debt] = former_homes.all_owed(session)
        [case] = cases.open_cases(session)
    assert (debt.tries, debt.finding) == (2, "Apache does not take it.")
    assert (case.kind, "Apache does not take it." in case.summary) == (former_homes.HOME_SILENT, True)


def test_what_another_run_works_on_is_no_try(
    inventory: Inventory, machines: Machines, deeds_done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(*_: object) -> None:
        raise LeaseLost("a", "b")

    number = goes(inventory, opened(inventory, "A-1", AT), "app2")
    in_transaction(inventory, partial(former_homes.record_owed, move_id=number, finding="silent", now=AT))
    monkeypatch.setattr(flow, "working_on", held)
    with pytest.raises(NotAllDone):
        flow.see_to_former_homes.fn()
    with inventory.reading() as session:
        assert [debt.tries for debt in former_homes.all_owed(session)] == [1]


def test_a_lost_server_that_comes_back_is_fenced_and_passes_on_and_nothing_is_compared(
    inventory: Inventory, machines: Machines, deeds_done: list[str]
) -> None:
    name = opened(inventory, "A-1", AT)
    known, point = instance_of(inventory, name), with_backup(inventory, name, "g1", AT)
    old, new = (facts(inventory, one) for one in ("app1", "app2"))
    restore = Restore(known, point, "1", ())
    machines.silent = {"app1"}
    restore_records.record_switched.fn(restore, new, old, {"old_closed": False})
    with time_machine.travel(AT + DAY, tick=False):
        restore_records.end_restore_elsewhere.fn(restore, new, old, {"old_closed": False, "silent": []})
    assert len(owed(inventory)) == 1
    machines.silent = set()
    flow.see_to_former_homes.fn()
    assert deeds_done[:2] == ["ensure_source_fenced", "ensure_can_pass_on"]
    assert owed(inventory) == []


def test_an_earlier_home_that_did_not_answer_a_restore_is_told_later_where_the_instance_is(
    inventory: Inventory, machines: Machines
) -> None:
    name = opened(inventory, "A-1", AT)
    point = with_backup(inventory, name, "g1", AT)
    goes(inventory, name, "app3")
    restore = Restore(instance_of(inventory, name), point, "1", ())
    old, new = (facts(inventory, one) for one in ("app3", "app2"))
    restore_records.record_switched.fn(restore, new, old, {"old_closed": True})
    assert owed(inventory) == []
    restore_records.end_restore_elsewhere.fn(restore, new, old, {"old_closed": True, "silent": ["app1"]})
    [number] = owed(inventory)
    assert {one.name for one in read_move.fn(number).homes} >= {"app1"}


def test_a_name_stays_passed_on_where_the_instance_moves_on_since_it_was_looked_at(
    inventory: Inventory, machines: Machines, leads: dict[str, str]
) -> None:
    name = opened(inventory, "A-1", AT)
    has_domain(inventory, name)
    goes(inventory, name, "app2")
    leads["post.example"] = "192.0.2.2"
    [one] = tasks.read_passed_on.fn()
    goes(inventory, name, "app3")
    assert not tasks.end_passing_on.fn(one)
    assert machines.told == []


def test_a_name_that_a_server_does_not_take_off_is_told_after_some_days(
    inventory: Inventory, machines: Machines, leads: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StepFailed("Apache does not take it.", "Look.")

    name = opened(inventory, "A-1", AT)
    has_domain(inventory, name)
    goes(inventory, name, "app2")
    leads["post.example"] = "192.0.2.2"
    monkeypatch.setattr(tasks, "ensure_no_name_site", SimpleNamespace(fn=refuse))
    with time_machine.travel(AT + DAY, tick=False):
        seen, _ = tasks.look_at.fn(tasks.read_passed_on.fn()[0])
        assert not tasks.end_passing_on.fn(seen)
    with time_machine.travel(AT + 30 * DAY, tick=False):
        assert tasks.end_passing_on.fn(seen)
    with inventory.reading() as session:
        assert [case.kind for case in cases.open_cases(session)] == [cases.LEFT_BEHIND]
