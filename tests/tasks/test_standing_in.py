"""Emptying goes on each minute, and who answers under a retired server's name: site, zone, later moves (P10, P12)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import time_machine

from blocks import loading
from blocks.dns_zone import DnsZone, ZoneRecord
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from flows.dispatch_due_work import BEATS
from hosting.errors import StepFailed, Unreachable
from hosting.inventory import (
    bookings,
    cases,
    evacuations,
    moves,
    name_orders,
    names,
    needed_moves,
    retirement,
    servers,
    work,
)
from hosting.inventory.evacuation_rows import EvacuationOrder, NotEmptied
from hosting.inventory.name_certificates import CertificateFacts
from hosting.inventory.session import in_transaction
from hosting.policy.own_domain import OwnDomain
from hosting.policy.pointing import Seen
from hosting.policy.states import InstanceState, MoveState, NameState, ServerState, WorkState
from tasks import name_moves, own_domains, standing_in
from tasks.capacity import find_needs
from tasks.evacuations import go_on_with, go_on_with_evacuations, telling_evacuation_failure
from tasks.move_agreements import see_to_agreements
from tasks.move_records import read_move
from tasks.name_moves import prove_names_answer
from tasks.name_records import Naming, read_naming
from tasks.own_domains import read_pointing
from tasks.passing_on import pass_on
from tasks.probes import GATE_HEADER
from tasks.runs import dispatch_open_work
from tasks.standing_in import NameElsewhere, ensure_zone_leads_to, is_to_be_proven, prove_name_answered
from tasks.web import suspension_token
from tests.inventory.words import server, with_servers
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory
    from hosting.policy.values import NameFacts, ServerFacts

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
PASSED = re.compile(r'ProxyPass "(.*?)" nocanon')
ORDER = EvacuationOrder("app1", "both disks fail", emergency=True, parallel=2, to=("app2",))


@dataclass
class Machines:
    """Servers that do whatever they are told, and say what it was."""

    told: list[tuple[str, Any]] = field(default_factory=list)

    def connection(self, of: ServerFacts) -> Machine:
        return Machine(str(of.name), self)


@dataclass
class Machine:
    name: str
    machines: Machines

    def run(self, command: Any, _do: str = "") -> Any:
        self.machines.told.append((self.name, command))
        return type("Answer", (), {"changed": True, "out": ""})()


@dataclass
class Zone:
    """A zone that remembers what it was asked for."""

    zone: str = "phlymail.test"
    asked: list[tuple[str, set[ZoneRecord], set[ZoneRecord]]] = field(default_factory=list)

    def ensure(self, label: str, wanted: set[ZoneRecord], *, replacing: set[ZoneRecord]) -> bool:
        self.asked.append((label, wanted, replacing))
        return True


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    """Servers app1, app2 (192.0.2.1, 192.0.2.2) and app3."""
    with provided(tmp_path) as made:
        with_servers(made, server("app3", 1000, address="192.0.2.3"))
        yield made


@pytest.fixture
def machines(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> Machines:
    made = Machines()
    monkeypatch.setitem(loading._LOADED, SshHost, made)
    return made


def begun(inventory: Inventory) -> None:
    in_transaction(inventory, lambda session: evacuations.begin(session, ORDER, "olga", AT))


def under_way(inventory: Inventory) -> list[moves.MoveFacts]:
    with inventory.reading() as session:
        return moves.all_moves(session, *moves.UNDER_WAY)


def moved(inventory: Inventory) -> None:
    for one in under_way(inventory):
        for state in (MoveState.COPYING, MoveState.FROZEN):
            in_transaction(inventory, partial(moves.record_state, move_id=one.id, to=state, now=one.due_at))
        in_transaction(inventory, partial(moves.switch, move_id=one.id, evidence={}, now=AT))
        in_transaction(inventory, partial(moves.record_state, move_id=one.id, to=MoveState.DONE, now=AT))


def facts(inventory: Inventory, name: str) -> ServerFacts:
    with inventory.reading() as session:
        return servers.server_facts(session, name)


@pytest.fixture
def retired(inventory: Inventory) -> str:
    """app1 is retired, app2 answers under its name; an instance came from there and is on app2."""
    name = opened(inventory, "A-1", AT)
    begun(inventory)
    go_on_with_evacuations.fn()
    moved(inventory)
    in_transaction(inventory, partial(retirement.record_retired, server="app1", successor="app2", now=AT))
    return name


def test_each_minute_a_server_that_is_emptied_gets_its_next_moves(inventory: Inventory) -> None:
    assert go_on_with_evacuations.fn() == []
    names = {opened(inventory, f"A-{number}", AT) for number in range(2)}
    begun(inventory)
    assert go_on_with_evacuations.fn() == ["app1"]
    [first] = under_way(inventory)
    go_on_with_evacuations.fn()
    assert under_way(inventory) == [first]
    moved(inventory)
    go_on_with_evacuations.fn()
    [second] = under_way(inventory)
    assert {first.instance_name, second.instance_name} == names
    moved(inventory)
    assert go_on_with.fn("app1").empty
    with inventory.reading() as session:
        [asked] = [one for one in work.work_in(session) if one.kind == work.EVACUATE]
    assert (asked.subject, asked.state) == ("app1#1", WorkState.OPEN)


def test_the_dispatcher_goes_on_with_it_before_letters_and_runs_are_made() -> None:
    at = BEATS.index(go_on_with_evacuations)
    assert at < BEATS.index(see_to_agreements)
    assert at < BEATS.index(dispatch_open_work)


def test_what_nobody_empties_is_not_gone_on_with(inventory: Inventory) -> None:
    with pytest.raises(NotEmptied, match="Nobody empties app2 now"):
        go_on_with.fn("app2")


def test_a_night_records_what_is_needed(inventory: Inventory) -> None:
    name = opened(inventory, "A-1", AT)
    assert find_needs.fn() == []
    in_transaction(inventory, lambda session: servers.record_facts(session, "app1", {}, 10))
    [need] = find_needs.fn()
    assert (need.instance_name, need.source_name) == (name, "app1")
    with inventory.reading() as session:
        assert [one.kind for one in cases.open_cases(session)] == [needed_moves.MOVES_NEEDED]


@pytest.mark.parametrize(
    ("error", "state", "kinds"),
    [
        (Unreachable("app2 does not answer.", "Look."), WorkState.OPEN, []),
        (StepFailed("Apache does not take it.", "Look."), WorkState.FAILED, [cases.NOT_DONE]),
    ],
)
def test_an_end_that_fails_is_tried_again_or_put_before_a_person(
    inventory: Inventory, error: Exception, state: WorkState, kinds: list[str]
) -> None:
    begun(inventory)
    assert go_on_with.fn("app1").empty

    def end() -> None:
        with telling_evacuation_failure("app1"):
            raise error

    with pytest.raises(type(error)):
        end()
    with inventory.reading() as session:
        asked = work.work_of(session, work.EVACUATE, "app1#1")
        assert [one.kind for one in cases.open_cases(session)] == kinds
    assert asked is not None
    assert (asked.state, asked.attempt) == (state, 2 if state is WorkState.OPEN else 1)


def test_a_later_move_changes_where_the_old_name_leads_on_the_server_that_stands_in(
    inventory: Inventory, machines: Machines, retired: str
) -> None:
    gone, target = facts(inventory, "app1"), facts(inventory, "app3")
    assert gone.state is ServerState.RETIRED

    def elsewhere(session: Any) -> None:
        move = moves.plan_move(session, retired, "app3", "w", "olga", AT, without_backup=True, now=AT)
        for state in (MoveState.COPYING, MoveState.FROZEN):
            moves.record_state(session, move.id, state, AT)
        moves.switch(session, move.id, {}, AT)

    in_transaction(inventory, elsewhere)
    with inventory.reading() as session:
        [instance] = retirement.told_under(session, "app1")
    assert pass_on(gone, instance, target)
    [(machine, command)] = machines.told
    assert machine == "app2"
    assert "/etc/apache2/phm/names/server-app1.conf" in command.argv
    page = command.stdin.decode()
    assert "ServerName app1.phlymail.test" in page
    assert f'ProxyPass "https://app3.phlymail.test/{retired}/"' in page


def test_the_zone_leads_the_old_name_to_whoever_answers_and_replaces_only_servers_addresses(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = Zone()
    monkeypatch.setitem(loading._LOADED, DnsZone, zone)
    assert ensure_zone_leads_to.fn(facts(inventory, "app2"), facts(inventory, "app1")).changed
    assert zone.asked == [
        (
            "app1",
            {ZoneRecord("A", "192.0.2.2")},
            {ZoneRecord("A", f"192.0.2.{number}") for number in (1, 2, 3)},
        )
    ]


def test_without_a_name_server_in_the_settings_the_record_has_to_be_changed_by_hand(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(loading._LOADED, DnsZone, DnsZone(zone="phlymail.test"))
    leads = {"app1.phlymail.test": ("192.0.2.1",)}
    monkeypatch.setattr(standing_in, "addresses_of", leads.__getitem__)
    machine, gone = facts(inventory, "app2"), facts(inventory, "app1")
    with pytest.raises(NameElsewhere) as refused:
        ensure_zone_leads_to.fn(machine, gone)
    assert str(refused.value) == (
        "The name app1.phlymail.test does not lead to app2 (192.0.2.2), which answers for it. "
        "Have its record changed: A 192.0.2.2. Then run again."
    )
    leads["app1.phlymail.test"] = ("192.0.2.2",)
    assert not ensure_zone_leads_to.fn(machine, gone).changed


@pytest.fixture
def domain(inventory: Inventory) -> Naming:
    """An instance came from app1, which is retired, and is on app2; app3 answers under app1's name. It has a domain."""
    name = opened(inventory, "A-1", AT)
    begun(inventory)
    go_on_with_evacuations.fn()
    moved(inventory)
    in_transaction(inventory, partial(retirement.record_retired, server="app1", successor="app3", now=AT))
    certificate = CertificateFacts("a" * 64, datetime(2027, 3, 1, tzinfo=UTC), "Beispiel CA", "PEM of the domain")
    own = OwnDomain("Post.Müller.example", "post.müller.example", "post.xn--mller-kva.example")
    sealed = loading.load(ServiceSettings).seal("KEY of the domain")

    def order(session: Session) -> NameFacts:
        made = name_orders.order_domain(session, name, own, certificate, sealed, by="olga", now=AT)
        return names.record_live(session, made.id, AT, {})

    return read_naming.fn(in_transaction(inventory, order).id)


def passed_to(machines: Machines) -> list[tuple[str, str, str]]:
    """What machines were told of names, last of all: machine, file, where it is passed on to."""
    sites = [(machine, command) for machine, command in machines.told if "/etc/apache2/phm/names/" in str(command.argv)]
    found = [
        (machine, next(word for word in one.argv if "/names/" in word), one.stdin.decode()) for machine, one in sites
    ]
    return [(machine, file.rpartition("/")[2], "".join(PASSED.findall(page))) for machine, file, page in found]


def test_a_domain_goes_along_to_the_machine_that_stands_in_with_its_certificate_and_key(
    inventory: Inventory, machines: Machines, domain: Naming
) -> None:
    assert [one.name for one in domain.stand_ins] == ["app3"]
    assert [one.name for one in domain.everywhere] == ["app2", "app3"]
    assert pass_on(facts(inventory, "app1"), domain.instance, facts(inventory, "app2"))
    pair = next(command for _, command in machines.told if command.name == "certificate")
    assert pair.stdin == b"PEM of the domainKEY of the domain"
    assert "KEY" not in str(pair.argv)
    assert passed_to(machines)[-1] == ("app3", domain.site_file.name, "https://app2.phlymail.test/")


def test_a_domain_is_passed_on_anew_after_each_move_until_its_instance_is_where_it_leads(
    inventory: Inventory, machines: Machines, domain: Naming
) -> None:
    def to_stand_in(session: Session) -> int:
        move = moves.plan_move(session, domain.instance.name, "app3", "w", "o", AT, without_backup=True, now=AT)
        moves.record_state(session, move.id, MoveState.COPYING, AT)
        return move.id

    number = in_transaction(inventory, to_stand_in)
    assert read_move.fn(number).target_was_home  # it is not closed there for the time of the copies
    on_its_way = read_naming.fn(domain.name.id)
    assert (on_its_way.target, [one.name for one in on_its_way.stand_ins]) == (None, ["app3"])
    assert on_its_way.passed_on_at(facts(inventory, "app3")) == "app2.phlymail.test"
    in_transaction(inventory, partial(moves.record_state, move_id=number, to=MoveState.FROZEN, now=AT))
    in_transaction(inventory, partial(moves.switch, move_id=number, evidence={}, now=AT))
    assert read_naming.fn(domain.name.id).stand_ins == ()
    assert pass_on(facts(inventory, "app1"), domain.instance, facts(inventory, "app3"))
    assert passed_to(machines)[-1] == ("app3", domain.site_file.name, "")


def test_a_domain_that_is_not_up_or_whose_certificate_has_ended_keeps_no_server_from_its_end(domain: Naming) -> None:
    assert domain.certificate is not None
    with time_machine.travel(domain.certificate.not_after - timedelta(days=1), tick=False):
        assert is_to_be_proven(domain)
        assert not is_to_be_proven(replace(domain, name=replace(domain.name, state=NameState.ASSIGNING)))
    with time_machine.travel(domain.certificate.not_after + timedelta(days=1), tick=False):
        assert not is_to_be_proven(domain)


def test_a_domain_that_leads_to_the_machine_that_stands_in_is_not_astray(
    inventory: Inventory, domain: Naming, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = {f"app{number}.phlymail.test": f"192.0.2.{number}" for number in (2, 3)} | {domain.host: "192.0.2.3"}
    monkeypatch.setattr(own_domains, "_seen", lambda resolver, host: Seen(resolver, (says[host],)))
    assert read_pointing.fn(domain, passed_on=True).points
    says[domain.host] = "192.0.2.1"  # the retired one's own address
    assert not read_pointing.fn(domain, passed_on=True).points


@pytest.fixture
def sites(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What suspended instances answer at a host, by its name, to who shows the token; 503 to everybody else."""
    behind: dict[str, int] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        token = suspension_token(read_move.fn(1).instance)
        return httpx.Response(behind[request.headers["Host"]] if request.headers.get(GATE_HEADER) == token else 503)

    real = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **_: real(transport=httpx.MockTransport(answer)))
    return behind


def suspended(inventory: Inventory, name: str) -> None:
    def suspend(session: Session) -> None:
        bookings.locked_row(session, name).state = InstanceState.SUSPENDED

    in_transaction(inventory, suspend)


def test_a_suspended_instance_keeps_no_server_from_its_end_but_one_that_answers_wrongly_behind_it_does(
    inventory: Inventory, retired: str, sites: dict[str, int]
) -> None:
    suspended(inventory, retired)
    gone, machine = facts(inventory, "app1"), facts(inventory, "app2")
    sites.update({gone.host_name: 401, machine.host_name: 401})
    assert prove_name_answered.fn(machine, gone) == 1
    sites[gone.host_name] = 404
    with pytest.raises(StepFailed, match="answers 404"):
        prove_name_answered.fn(machine, gone)


def test_the_names_of_a_suspended_instance_are_proven_behind_what_everybody_is_told(
    inventory: Inventory, domain: Naming, sites: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(name_moves, "addresses_of", lambda _: ("192.0.2.2",))
    suspended(inventory, domain.instance.name)
    there = read_move.fn(1).instance
    sites[domain.host] = 401
    assert prove_names_answer.fn(facts(inventory, "app2"), there) == [domain.url]
    sites[domain.host] = 403
    with pytest.raises(StepFailed, match="answers 403 on app2"):
        prove_names_answer.fn(facts(inventory, "app2"), there)
