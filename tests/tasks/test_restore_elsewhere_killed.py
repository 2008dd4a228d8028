"""A restore on another server that is killed anywhere: whoever serves is never taken away, and a later run ends it (P20)."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from prefect import Task

from flows import restore_instance as flow
from flows.restore_instance import RestoreRequest
from hosting.errors import Refused, StepFailed, Unreachable
from hosting.inventory import bookings, cases, deeds, instances, moves, restores, servers
from hosting.inventory.session import in_transaction
from hosting.policy.placement import NoServerHasRoom
from hosting.policy.states import InstanceState
from tasks import elsewhere, restore_records
from tasks.lost_moves import ensure_lost_move_given_up
from tasks.restore_records import begin_restore
from tests.inventory.words import NOW, server, with_servers
from tests.service.records import opened, provided, with_backup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory
    from hosting.policy.values import InstanceFacts, PointFacts, ServerFacts

OLD, NEW = "app1", "app2"
NOTHING = ("end_backup_job", "check_room", "ensure_release", "ensure_storage", "ensure_application", "ensure_sealed",
           "ensure_caches_empty", "ensure_storage_limit", "ensure_last_room", "ensure_php_pool", "ensure_names_prepared",
           "ensure_names_follow", "clear_restore", "report_restore", "check_not_taken_back")  # fmt: skip
RECORDING = ("begin_restore", "record_brought_back", "record_exchanging", "record_switched", "call_off_restore",
             "end_restore_elsewhere")  # fmt: skip


class Killed(BaseException):
    """The process is gone."""


class Servers:
    """Two servers as far as a restore changes them, and the steps that do it; each may be the last one of a run."""

    def __init__(self, known: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inventory, self.patch = known, monkeypatch
        self.ends_at = self.passed = 0
        self.wrong = self.silent = False
        self.letters: list[str] = []
        self.dead: set[str] = set()
        self.begin("")
        self._put_steps()

    def begin(self, name: str) -> None:
        """An instance as it is before: open on the old server, with its cron job."""
        self.name = name
        self.site: dict[str, str] = defaultdict(str, {OLD: "open"})
        self.cron, self.data = {OLD}, {OLD}
        self.letters.clear()

    def kept(self) -> bytes:
        """All that is recorded; the last connection has written what was beside the file into it."""
        self.inventory.close()
        return self._file.read_bytes()

    def put_back(self, records: bytes) -> None:
        """The instance as it is before, and the records as they were."""
        self.inventory.close()
        assert not self._file.with_name(f"{self._file.name}-wal").exists()
        self._file.write_bytes(records)
        self.begin(self.name)

    @property
    def _file(self) -> Path:
        return Path(str(self.inventory.url.database))

    @property
    def home(self) -> str:
        """The server of the instance, as it is recorded."""
        with self.inventory.reading() as session:
            return str(instances.instance_facts(session, self.name).server_name)

    @property
    def ended(self) -> bool:
        """Whether the restore was begun and is at its end."""
        with self.inventory.reading() as session:
            told = [one.what for one in deeds.deeds_of(session, f"instance:{self.name}")]
        return restores.ENDED in told

    def _put_steps(self) -> None:
        for name, one in vars(flow).copy().items():
            if isinstance(one, Task):
                self.patch.setattr(flow, name, one.fn)
        self.patch.setattr(flow, "working_on", lambda *_: contextlib.nullcontext())
        self.patch.setattr(restore_records, "read_tables", SimpleNamespace(fn=lambda *_: ()))
        self.patch.setattr(elsewhere, "take_away", self.take_away)
        self.patch.setattr(restore_records, "silence_of", self.silence_of)
        for name in NOTHING:
            self.step(name, lambda *_, **__: None)
        for name in (*RECORDING, "drop_place"):
            self.step(name, getattr(flow, name))
        for name in ("check_old_server", "make_place", "beside", "ensure_closed", "replace_database", "ensure_site",
                     "replace_folder", "ensure_cron", "prove_instance_answers", "ensure_passed_on",
                     "tell_customer_restored"):  # fmt: skip
            self.step(name, getattr(self, name))
        self.step("prove_names_answer", lambda *_: [])
        self.step("ensure_lost_move_given_up", ensure_lost_move_given_up.fn)

    def step(self, name: str, does: Callable[..., Any]) -> None:
        """A step of the flow, before and after which a run may end."""

        def run(*args: Any, **kwargs: Any) -> Any:
            self._may_end()
            done = does(*args, **kwargs)
            self._may_end()
            return done

        self.patch.setattr(flow, name, run)

    def _may_end(self) -> None:
        self.passed += 1
        if self.passed == self.ends_at:
            raise Killed

    def check_old_server(self, _old: ServerFacts, *, lost: bool) -> bool:
        if self.silent and not lost:
            raise elsewhere.OldServerSilent("silent", "state it")
        return not self.silent

    def silence_of(self, server: ServerFacts) -> Unreachable | None:
        return Unreachable("silent", "wait") if server.name in self.dead else None

    def make_place(self, server: ServerFacts, _instance: InstanceFacts) -> None:
        self.data.add(server.name)

    def beside(self, server: ServerFacts, *_: Any) -> None:
        assert server.name in self.data

    def ensure_closed(self, server: ServerFacts, _instance: InstanceFacts) -> None:
        self.site[server.name] = "closed"
        self.cron.discard(server.name)

    def replace_database(self, server: ServerFacts, _restore: Any) -> None:
        if server.name not in self.data:
            raise StepFailed("nothing is there", "look")

    replace_folder = replace_database

    def ensure_site(self, server: ServerFacts, _instance: InstanceFacts) -> None:
        self.site[server.name] = "open"

    def ensure_cron(self, server: ServerFacts, _instance: InstanceFacts) -> None:
        assert server.name == self.home  # elsewhere it fetches mail into a place that may go
        self.cron.add(server.name)

    def prove_instance_answers(self, server: ServerFacts, _instance: InstanceFacts) -> dict[str, Any]:
        assert self.site[server.name] == "open"
        if self.wrong:
            raise StepFailed("it does not answer", "look")
        return {}

    def take_away(self, server: ServerFacts, *_: Any) -> bool:
        assert server.name != self.home
        self.data.discard(server.name)
        self.site[server.name] = ""
        self.cron.discard(server.name)
        return True

    def ensure_passed_on(self, home: ServerFacts, _instance: InstanceFacts, target: ServerFacts) -> None:
        assert (self.site[target.name], target.name) == ("open", self.home)
        if self.silent:
            raise Unreachable("silent", "wait")
        self.site[home.name] = "passes on"

    def tell_customer_restored(self, *_: Any, passed_on: bool) -> None:
        assert passed_on is not self.silent
        self.letters.append(self.home)

    def check(self) -> None:
        """What holds at every moment."""
        assert self.home in self.data
        assert NEW not in self.cron or self.home == NEW

    def check_moved(self) -> None:
        """The instance is on the new server, and everybody is led there."""
        assert (self.home, self.site[NEW]) == (NEW, "open")
        assert self.cron == ({OLD, NEW} if self.silent else {NEW})
        assert self.site[OLD] == ("open" if self.silent else "passes on")
        assert set(self.letters) == {NEW}
        with self.inventory.reading() as session:
            assert restores.open_restore(session, self.name) is None
            assert [one.source_name for one in moves.moves_of(session, self.name)] == [OLD]
            assert moves.former_homes(session, self.name) == [OLD]
            assert [one.kind for one in cases.cases_of(session, f"instance:{self.name}")] == [cases.LEFT_BEHIND]

    def check_stayed(self) -> None:
        """The instance is where it was, and nothing is left on the other server."""
        assert (self.home, self.site[OLD], self.cron, self.data) == (OLD, "open", {OLD}, {OLD})
        with self.inventory.reading() as session:
            assert restores.open_restore(session, self.name) is None
            assert moves.moves_of(session, self.name) == []


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    with provided(tmp_path) as made:
        yield Servers(made, monkeypatch)


def instance_with_point(world: Servers, number: int) -> PointFacts:
    name = opened(world.inventory, f"A-{number}", NOW)
    world.begin(name)
    return with_backup(world.inventory, name, f"g{number}", NOW)


def run(world: Servers, point: PointFacts, ends_at: int = 0, *, server: str = NEW, lost: bool = False) -> None:
    """The flow; ended at so many boundaries of steps, or not."""
    world.passed, world.ends_at = 0, ends_at
    request = RestoreRequest(
        instance=world.name, point=point.id, server=server, old_server_lost=lost, operator="olga", reason="test"
    )
    flow.restore_instance.fn(request)


def killed_everywhere(world: Servers, *, lost: bool = False) -> Iterator[PointFacts]:
    """Each boundary of the flow's steps, at which a run was killed; before each, all is as before the first one."""
    point = instance_with_point(world, 1)
    before = world.kept()
    for boundary in count(1):
        world.put_back(before)
        try:
            run(world, point, boundary, lost=lost)
        except Killed:
            world.check()
            yield point
        else:
            world.check_moved()
            assert boundary > 50
            return


def test_killed_at_any_boundary_it_ends_on_the_other_server_when_it_is_run_again(world: Servers) -> None:
    for number, point in enumerate(killed_everywhere(world)):
        if not world.ended:  # once it is there, the server need not be named
            run(world, point, server=NEW if world.home == OLD or number % 2 else "")
        world.check()
        world.check_moved()


def test_a_later_run_whose_proof_fails_takes_away_what_does_not_serve_and_never_what_does(world: Servers) -> None:
    stayed = moved = 0
    for point in killed_everywhere(world):
        if world.ended:
            continue
        world.wrong = True
        with contextlib.suppress(StepFailed):
            run(world, point)
        world.wrong = False
        world.check()
        if world.home == OLD:
            stayed += 1
            world.check_stayed()
        else:
            moved += 1
            world.check_moved()
    assert stayed > 20
    assert moved > 10


def test_with_a_lost_server_it_ends_too_wherever_it_is_killed(world: Servers) -> None:
    world.silent = True
    for point in killed_everywhere(world, lost=True):
        run(world, point, lost=world.home == OLD)  # once it is recorded there, nobody has to state it again
        world.check_moved()


def test_of_two_restores_for_the_last_room_one_gets_it(world: Servers) -> None:
    point = instance_with_point(world, 1)
    first = world.name
    with world.inventory.reading() as session:
        facts = instances.instance_facts(session, first)
    in_transaction(world.inventory, partial(servers.record_facts, name=NEW, facts={}, room_gib=facts.storage_gib))
    with world.inventory.reading() as session:
        target = servers.server_facts(session, NEW)
    other = instance_with_point(world, 2)
    with world.inventory.reading() as session:
        second = instances.instance_facts(session, world.name)
    begin_restore.fn(target, facts, point, "all")
    begin_restore.fn(target, facts, point, "all")  # the same one
    with pytest.raises(NoServerHasRoom):
        begin_restore.fn(target, second, other, "all")
    world.name = first
    assert elsewhere.read_places.fn(facts, NEW).server.name == NEW  # its own room is no obstacle
    with world.inventory.reading() as session:
        told = [one.what for one in deeds.deeds_of(session, f"instance:{second.name}")]
    assert restores.BEGUN not in told


def test_an_instance_that_is_suspended_until_nobody_else_works_on_it_is_restored_suspended(
    world: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    point, written = instance_with_point(world, 1), list[InstanceState]()

    @contextlib.contextmanager
    def suspended_before(*_: object) -> Iterator[None]:
        def suspend(session: Session) -> None:
            bookings.locked_row(session, world.name).state = InstanceState.SUSPENDED

        in_transaction(world.inventory, suspend)
        yield

    def ensure(does: Callable[[ServerFacts, InstanceFacts], None], server: ServerFacts, one: InstanceFacts) -> None:
        written.append(one.state)
        does(server, one)

    monkeypatch.setattr(flow, "working_on", suspended_before)
    for name in ("ensure_site", "ensure_cron"):
        monkeypatch.setattr(flow, name, partial(ensure, getattr(flow, name)))
    run(world, point)
    assert written == [InstanceState.SUSPENDED] * 2


def test_another_restore_has_to_wait_for_one_that_is_half_way_on_another_server(world: Servers) -> None:
    point = instance_with_point(world, 1)
    with world.inventory.reading() as session:
        facts, target = instances.instance_facts(session, world.name), servers.server_facts(session, NEW)
    begin_restore.fn(target, facts, point, "all")
    with pytest.raises(Refused, match="was begun and is not at its end") as refused:
        run(world, point, server="")
    assert f"phm restore {world.name} {point.id} --yes --reason … --server {NEW}" in refused.value.do


THIRD = "app3"


def facts_of(world: Servers, *hosts: str) -> tuple[InstanceFacts, *tuple[ServerFacts, ...]]:
    with world.inventory.reading() as session:
        found = (servers.server_facts(session, host) for host in hosts)
        return instances.instance_facts(session, world.name), *found


def left(world: Servers) -> list[str]:
    with world.inventory.reading() as session:
        return [str(one.facts["server"]) for one in cases.cases_of(session, f"instance:{world.name}")]


def room_on(world: Servers, host: str) -> int:
    with world.inventory.reading() as session:
        return servers.server_facts(session, host).booked_gib


@pytest.mark.parametrize("brought_back", [False, True])
@pytest.mark.parametrize("place", [OLD, NEW])
def test_a_restore_whose_server_is_dead_keeps_nobody_from_a_third_one(
    world: Servers, place: str, brought_back: bool
) -> None:
    with_servers(world.inventory, server(THIRD, 1000, address="192.0.2.3"))
    point = instance_with_point(world, 1)
    facts, dead, third = facts_of(world, place, THIRD)
    begun = begin_restore.fn(dead, facts, point, "all")
    if brought_back:
        restore_records.record_brought_back.fn(begun)
    with pytest.raises(Refused, match="is not at its end"):
        begin_restore.fn(third, facts, point, "all")  # as long as it answers
    world.dead = {place}
    with time_machine.travel(NOW + timedelta(days=1)):
        assert not begin_restore.fn(third, facts, point, "all").brought_back
    assert left(world) == ([NEW] if place == NEW else [])
    assert (room_on(world, NEW), room_on(world, THIRD)) == (0, facts.storage_gib)


def test_an_instance_whose_new_server_dies_before_all_is_settled_there_goes_to_a_third_one(world: Servers) -> None:
    with_servers(world.inventory, server(THIRD, 1000, address="192.0.2.3"))
    point = instance_with_point(world, 1)
    facts, old, new, third = facts_of(world, OLD, NEW, THIRD)
    begun = begin_restore.fn(new, facts, point, "all")
    restore_records.record_switched.fn(begun, new, old, {"old_closed": True})
    world.dead = {NEW}
    facts, *_ = facts_of(world)
    with time_machine.travel(NOW + timedelta(days=1)):
        assert begin_restore.fn(third, facts, point, "all").switched is None
    assert (world.home, left(world)) == (NEW, [OLD])
