"""Who asks in place of whom, what is not known, and what waits where it can't be written (P11)."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from blocks.loading import load, provide
from blocks.service_settings import ServiceSettings
from deployments.runtime import prober
from deployments.runtime.prober import Prober
from hosting.errors import Unreachable
from hosting.inventory import names, probes
from hosting.inventory.probes import Timed
from hosting.inventory.session import in_transaction
from hosting.policy.probe_spans import Answer, Probe, Span, Vantage
from hosting.policy.probing import Call, Target
from hosting.policy.values import InstanceName, NameKind, ServerName
from hosting.settings import ProbeSettings
from tasks import probing
from tests.inventory.words import NOW, server
from tests.service.answering import HOST, answering
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory

MINUTE = timedelta(minutes=1)
THREE = [server("app1"), server("app2"), server("app3")]


def target(number: int, home: str, port: int = 443, host: str = HOST) -> Target:
    return Target(InstanceName(f"i{number}"), ServerName(home), host, "127.0.0.1", f"/i{number}/api.php", MINUTE, port)


class Location:
    """Servers that ask each other; some are silent, some reach nobody."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.cut_off: set[str] = set()
        self.down: set[str] = set()
        self.calls: list[tuple[str, list[str]]] = []

    def called(self, call: Call, within: float) -> list[Timed] | None:
        self.calls.append((call.server.name, [str(one.instance) for one in call.targets]))
        if call.server.name in self.silent:
            return None
        cut_off = call.server.name in self.cut_off
        return [
            Timed(Probe(one.instance, Vantage.LOCATION, self.answer(one, cut_off=cut_off), NOW), MINUTE)
            for one in call.targets
        ]

    def answer(self, one: Target, *, cut_off: bool) -> Answer:
        return Answer.UNREACHABLE if cut_off or one.server in self.down else Answer.UP


@pytest.fixture
def location(monkeypatch: pytest.MonkeyPatch) -> Location:
    made = Location()
    monkeypatch.setattr(probing, "_called", made.called)
    return made


def asked(location: Location, *homes: str) -> tuple[dict[str, Answer], set[str]]:
    found, failed = probing.ask_at_location([target(n, home) for n, home in enumerate(homes)], THREE, 1.0)
    assert len({one.probe.instance for one in found}) == len(found), "each has one result"
    return {str(one.probe.instance): one.probe.answer for one in found}, {str(one) for one in failed}


def test_another_server_asks_in_the_place_of_one_that_does_not_answer(location: Location) -> None:
    location.silent.add("app1")
    assert asked(location, "app2", "app3") == ({"i0": Answer.UP, "i1": Answer.UP}, {"app1"})
    assert {name for name, _ in location.calls} == {"app1", "app2", "app3"}


def test_who_reaches_none_of_several_servers_is_not_believed_while_another_can_ask(location: Location) -> None:
    location.cut_off.add("app1")
    assert asked(location, "app2", "app3") == ({"i0": Answer.UP, "i1": Answer.UP}, {"app1"})


def test_where_all_others_are_down_the_last_ones_word_counts(location: Location) -> None:
    location.silent |= {"app2", "app3"}
    location.down |= {"app2", "app3"}
    found, failed = asked(location, "app2", "app3")
    assert (found, failed) == ({"i0": Answer.UNREACHABLE, "i1": Answer.UNREACHABLE}, {"app1", "app2", "app3"})


def test_what_nobody_could_ask_has_no_result(location: Location) -> None:
    location.silent |= {"app1", "app2", "app3"}
    assert asked(location, "app1", "app2")[0] == {}


@pytest.fixture
def settings() -> None:
    key = SecretStr("x")
    provide(
        ServiceSettings(zone="phlymail.test", sealing_key=key, public_url="http://127.0.0.1", resolvers=["192.0.2.1"])
    )


def from_outside(targets: list[Target], folder: Path) -> dict[str, Answer]:
    trust = probing.probing.trust_of((folder / "ca.pem").read_text())

    async def ask() -> list[Timed]:
        with ThreadPoolExecutor(2) as resolving:
            addresses = await probing.addresses_of({one.host for one in targets}, resolving)
        return await probing.ask_from_outside(targets, 0.0, trust, addresses)

    found = asyncio.run(ask())
    return {str(one.probe.instance): one.probe.answer for one in found}


@pytest.mark.usefixtures("settings")
def test_names_that_no_resolver_knows_are_down_and_where_no_resolver_answers_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: dict[str, str | None] = {HOST: "127.0.0.1", "gone.phlymail.test": "", "silent.phlymail.test": None}
    monkeypatch.setattr(probing, "address_of", said.get)
    with answering(tmp_path) as known:
        targets = [
            target(0, "app1", known.port), target(1, "app2", known.port, "gone.phlymail.test"),
            target(2, "app3", known.port, "silent.phlymail.test"),
        ]  # fmt: skip
        assert from_outside(targets, tmp_path) == {"i0": Answer.UP, "i1": Answer.UNREACHABLE}
        said[HOST] = said["gone.phlymail.test"] = None
        assert from_outside(targets, tmp_path) == {}


@pytest.mark.usefixtures("settings")
def test_a_customers_domain_that_leads_to_no_server_of_ours_is_down_and_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads: dict[str, str | None] = {
        HOST: "127.0.0.1",
        "gone.example": "",
        "silent.example": None,
        "away.example": "127.0.0.1",
    }
    monkeypatch.setattr(probing, "address_of", leads.get)

    def by_domain(*ours: str) -> dict[str, tuple[Answer, Vantage]]:
        async def ask() -> list[Timed]:
            trust = probing.probing.trust_of((tmp_path / "ca.pem").read_text())
            there = [replace(server(f"app{number}"), address=address) for number, address in enumerate(ours)]
            with ThreadPoolExecutor(2) as resolving:
                return await probing.ask_by_domain(targets, 0.0, trust, there, resolving)

        return {str(one.probe.instance): (one.probe.answer, one.probe.vantage) for one in asyncio.run(ask())}

    with answering(tmp_path) as known:
        targets = [target(number, "app1", known.port, host) for number, host in enumerate(leads)]
        assert by_domain("127.0.0.1") == {
            "i0": (Answer.UP, Vantage.DOMAIN), "i1": (Answer.UNREACHABLE, Vantage.DOMAIN),
            "i3": (Answer.UNTRUSTED, Vantage.DOMAIN),  # it has another one's certificate
        }  # fmt: skip
        asked = len(known.asked)
        assert set(by_domain("192.0.2.9").values()) == {(Answer.UNREACHABLE, Vantage.DOMAIN)}
        assert len(known.asked) == asked


def test_a_silent_resolver_keeps_its_own_threads_alone_and_a_round_waits_for_it_in_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended, asked = threading.Event(), list[str]()

    def address_of(host: str) -> str | None:
        asked.append(host)
        if host == "a":
            return "192.0.2.1"
        ended.wait(30)
        return None

    async def resolve() -> tuple[dict[str, str], bool]:
        resolving = ThreadPoolExecutor(2)
        try:
            found = await probing.addresses_of([chr(97 + number) for number in range(26)], resolving)
            threads = asyncio.get_running_loop()._default_executor  # type: ignore[attr-defined]
            await asyncio.sleep(0.1)
        finally:
            ended.set()
            resolving.shutdown()
        return found, threads is None

    monkeypatch.setattr(probing, "address_of", address_of)
    monkeypatch.setattr(probing, "RESOLVED_WITHIN", 1.0)
    assert asyncio.run(resolve()) == ({"a": "192.0.2.1"}, True)
    assert asked == ["a", "b", "c"]  # what waited for a thread was given up


def rounds(monkeypatch: pytest.MonkeyPatch, count: int, *intervals: timedelta) -> tuple[list[str], list[timedelta]]:
    """Rounds that begin while the location's first call is still under way: names resolved, calls at the location."""
    resolved, called, ended = list[str](), list[timedelta](), threading.Event()

    def ask(targets: list[Target], *_: object) -> tuple[list[Timed], set[str]]:
        called.append(targets[0].interval)
        ended.wait(30)
        return [], set()

    async def outside(*_: object) -> list[Timed]:
        return []

    def address_of(host: str) -> str:
        resolved.append(host)
        return "127.0.0.1"

    async def go() -> None:
        one = Prober(lambda *_: None, 3)
        for _ in range(count):
            for interval in intervals:
                some = [replace(target(number, "app1"), interval=interval) for number in range(20)]
                await one._round(some, timedelta(seconds=0.1), THREE)
        ended.set()
        await asyncio.gather(*one.under_way)
        assert one.asking == set()

    monkeypatch.setattr(probing, "address_of", address_of)
    monkeypatch.setattr(probing, "ask_from_outside", outside)
    monkeypatch.setattr(probing, "ask_at_location", ask)
    monkeypatch.setattr(prober, "WRITTEN_EVERY_SECONDS", 0.01)
    asyncio.run(go())
    return resolved, called


@pytest.mark.usefixtures("settings")
def test_each_round_asks_once_for_a_name_however_many_parts_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rounds(monkeypatch, 2, MINUTE)[0] == [HOST] * 2


@pytest.mark.usefixtures("settings")
def test_a_location_is_not_asked_again_while_its_last_call_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rounds(monkeypatch, 5, MINUTE, 5 * MINUTE)[1] == [MINUTE, 5 * MINUTE]


def test_the_plan_has_all_who_are_served_at_the_pace_of_their_levels(tmp_path: Path) -> None:
    with provided(tmp_path) as inventory:
        name = opened(inventory, "A-1", NOW)
        assert [(one.instance, one.interval) for one in probing.read_plan().targets] == [(name, MINUTE)]
        provide(load(ServiceSettings).model_copy(update={"probes": ProbeSettings(seconds=20)}))
        plan = probing.read_plan()
    assert [(one.server, one.path, one.interval) for one in plan.targets] == [
        ("app1", f"/{name}/api.php", timedelta(seconds=20))
    ]


def test_the_plan_has_the_domains_that_lead_to_instances_once_they_are_live(tmp_path: Path) -> None:
    with provided(tmp_path) as inventory:
        one, other = opened(inventory, "A-1", NOW), opened(inventory, "A-2", NOW)

        def begin(session: Session) -> tuple[int, int]:
            domain = names.begin_assigning(session, one, NameKind.DOMAIN, "post.example", "post.example", now=NOW)
            ours = names.begin_assigning(session, other, NameKind.SUBDOMAIN, "hans", "hans", now=NOW)
            return domain.id, ours.id

        made = in_transaction(inventory, begin)
        assert probing.read_plan().domains == ()
        for number in made:
            in_transaction(inventory, lambda session, number=number: names.record_live(session, number, NOW, {}))
        found = probing.read_plan().domains
    assert [(its.instance, its.host, its.path, its.interval) for its in found] == [
        (one, "post.example", "/api.php", MINUTE)
    ]


class Writing:
    """A prober whose inventory may be away."""

    def __init__(self, inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
        self.away, self.told = False, list[tuple[list[str], list[str]]]()
        self.inventory, kept = inventory, probing.record

        def record(found: list[Timed]) -> list[Span]:
            if self.away:
                raise Unreachable("The inventory does not answer.", "Wait.")
            return kept(found)

        monkeypatch.setattr(prober.probing, "record", record)
        self.prober = Prober(lambda down, up: self.told.append((list(down), list(up))), 3)

    def write(self, name: str, minute: int, answer: Answer, vantage: Vantage = Vantage.OUTSIDE) -> None:
        one = Timed(Probe(InstanceName(name), vantage, answer, NOW + minute * MINUTE), MINUTE)
        asyncio.run(self.prober._write([one]))

    def kept(self, name: str) -> list[Span]:
        with self.inventory.reading() as session:
            return probes.spans_of(session, name, NOW, datetime(2027, 1, 1, tzinfo=UTC))


@pytest.fixture
def writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Writing]:
    with provided(tmp_path) as inventory:
        yield Writing(inventory, monkeypatch)


def test_a_domain_that_fails_is_kept_and_calls_nobody(writing: Writing) -> None:
    name = opened(writing.inventory, "A-1", NOW)
    for minute in range(4):
        writing.write(name, minute, Answer.UNREACHABLE, Vantage.DOMAIN)
    assert [(one.vantage, one.probes) for one in writing.kept(name)] == [(Vantage.DOMAIN, 4)]
    assert writing.told == []


def test_results_wait_while_the_inventory_is_away_and_none_is_lost(writing: Writing) -> None:
    name = opened(writing.inventory, "A-1", NOW)
    writing.write(name, 0, Answer.UP)
    writing.away = True
    for minute in (1, 2):
        writing.write(name, minute, Answer.UP)
    writing.away = False
    writing.write(name, 3, Answer.UP)
    assert [(one.since, one.probes) for one in writing.kept(name)] == [(NOW, 4)]
    assert writing.prober.waiting == []


def test_a_result_that_can_not_be_kept_keeps_no_others_from_it(
    writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = opened(writing.inventory, "A-1", NOW)
    writing.write("nobody", 0, Answer.UP)  # no instance has this name
    writing.write(name, 1, Answer.UP)
    assert [one.probes for one in writing.kept(name)] == [1]


def test_prefect_is_told_once_who_fails_three_times_and_once_that_he_is_back(writing: Writing) -> None:
    name = opened(writing.inventory, "A-1", NOW)
    for minute, answer in enumerate([Answer.UP, *[Answer.BROKEN] * 5, Answer.UP, Answer.UP]):
        writing.write(name, minute, answer)
    assert writing.told == [([name], []), ([], [name])]
