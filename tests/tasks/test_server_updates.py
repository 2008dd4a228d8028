"""A server is updated, refused, taken back; the canary first (P14, P15, P16): with apt and dpkg, without a server."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

import pytest
import time_machine
from prefect import Task
from pydantic import ValidationError

from blocks.ssh_host import SshHost
from fleet.archive import Package
from flows import update_server as flows
from flows.update_server import UpdateServerRequest, UpdateServersRequest
from hosting.errors import StepFailed, Unreachable
from hosting.inventory import (
    alone,
    announcements,
    cases,
    deeds,
    leases,
    level_agreements,
    levels,
    server_updates,
    servers,
)
from hosting.inventory.alone import ServerHeld
from hosting.inventory.models import Instance
from hosting.inventory.session import in_transaction
from hosting.policy.announcements import UpdateLetter, letter_due
from hosting.policy.maintenance import OutsideWindow
from hosting.policy.placement import takes_instances
from hosting.policy.server_updates import AT_WORK_MOST, NotNow, UpdateRefused
from hosting.policy.states import InstanceState
from hosting.policy.terms import TIME_ZONE
from tasks import server_turns, update_letters
from tasks import server_updates as updates
from tasks.failures import NotAllDone
from tasks.jobs import PASSING, JobComplained, JobInterrupted
from tasks.on_server.job import Complaint
from tasks.server_reports import UpdatesHalted
from tasks.server_updates import NotBack, UpdateTakenBack
from tests.service.flow_steps import steps_of
from tests.service.one_server import OneServer
from tests.service.records import opened, provided, with_backup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy.orm import Session

    from hosting.commands.command import Answer, Command
    from hosting.inventory.session import Inventory
    from hosting.policy.values import ServerFacts
    from tests.service.apt_root import AptRoot

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("apt-get"), reason="apt and dpkg, as root, in a folder of their own"
)

NIGHT = datetime(2026, 12, 1, 4, 20, tzinfo=ZoneInfo(TIME_ZONE))  # a Tuesday
NOON = NIGHT.replace(hour=12)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEY = "server:security:2026-12-01"
OLD = (Package("fl-plain", "1.0"), Package("fl-old", "1.0"))
BETTER = Package("fl-plain", "1.1")
EVIL = Package("fl-plain", "2.0", ("Conflicts: fl-old",))
BREAKS = Package("fl-plain", "1.2", files={"etc/broken": "Listen nowhere"})

NEVER_SET_UP = Package("fl-plain", "1.3", scripts={"postinst": "#!/bin/sh\necho Failed to fetch it; exit 1\n"})


OF_OTHER_RUNS = {
    "read_left", "has_changed_nothing", "record_not_made", "record_undone", "take_back", "record_operator"
}  # fmt: skip
"""What a run comes to only where another one was killed, where something broke, or where a person starts it."""

OF_A_NIGHT = [step for step in steps_of(flows.update_servers.fn) if step not in OF_OTHER_RUNS]


class Killed(BaseException):
    """The process is gone."""


def killed(*_: object) -> None:
    raise Killed


class Two:
    """Two servers, and what the flows are told in place of SSH, jobs and the world."""

    def __init__(self, folder: Path, like: AptRoot, inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inventory, self.monkeypatch = inventory, monkeypatch
        self.servers = {name: OneServer(folder / name, like) for name in ("app1", "app2")}
        monkeypatch.setattr(SshHost, "connection", lambda _self, server: self.servers[server.name])
        monkeypatch.setattr(updates, "run_job", self.run_job)
        monkeypatch.setattr(updates, "left_result", lambda *_: None)
        monkeypatch.setattr(updates, "end_job", lambda *_: False)
        monkeypatch.setattr(updates, "_wrong_with_web", lambda _web, server: self.wrong(server.name))
        monkeypatch.setattr(updates, "_wrong_with", lambda _web, server, _one: self.wrong(server.name))
        monkeypatch.setattr(updates, "WELL_SECONDS", 0.0)
        monkeypatch.setattr(server_turns, "LOOK_SECONDS", 0.01)
        for name, value in vars(flows).copy().items():
            if isinstance(value, Task):
                monkeypatch.setattr(flows, name, value.fn)
        for name in ("report_preview", "report_updates"):
            monkeypatch.setattr(flows, name, lambda *_: None)
        monkeypatch.setattr("tasks.server_reports.watched", lambda _url: _Watch())

    def wrong(self, name: str) -> str:
        return "The web server does not answer." if self.servers[name].is_broken else ""

    def run_job(
        self, server: ServerFacts, _id: str, work: str, request: Mapping[str, Any], **_words: Any
    ) -> Mapping[str, Any]:
        try:
            return self.servers[server.name].job(work, request, self.monkeypatch)
        except Complaint as error:
            if error.kind in PASSING:
                raise JobInterrupted(error.what) from error
            raise JobComplained(error.kind, error.what, "Look.") from error

    def offer(self, *packages: Package) -> None:
        for one in self.servers.values():
            one.apt.offer(*packages)

    def has(self, name: str = "app1") -> dict[str, str]:
        return self.servers[name].apt.versions()

    def update(self, at: datetime = NIGHT, name: str = "app1", **asked: Any) -> str:
        request = UpdateServerRequest(server=name, **asked)
        with self.inventory.reading() as session:
            server = servers.server_facts(session, name)
        with time_machine.travel(at):
            return flows.updated(server, request, "olga")

    def killed_at(self, step: str, at: datetime = NIGHT) -> None:
        """An update of the first whose process is gone where the step would begin."""
        with self.monkeypatch.context() as patched:
            patched.setattr(flows, step, killed)
            with pytest.raises(Killed):
                self.update(at)

    def by_the_clock(self, at: datetime = NIGHT, **asked: Any) -> Any:
        with time_machine.travel(at):
            return flows.update_servers.fn(UpdateServersRequest(**asked))

    def halted(self) -> list[cases.CaseFacts]:
        with self.inventory.reading() as session:
            return server_updates.halts(session)

    def done(self, name: str = "app1") -> list[str]:
        with self.inventory.reading() as session:
            return [one.what for one in deeds.deeds_of(session, f"server:{name}")]


class _Watch:
    """Nobody was away."""

    stop_seconds = 1.5

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> AptRoot:
    """A system that has the old packages."""
    made = OneServer(tmp_path_factory.mktemp("old") / "server")
    made.apt.offer(*OLD)
    with pytest.MonkeyPatch.context() as patched:
        made.job("apply-packages", {"versions": {one.name: "1.0" for one in OLD}, "remove": [], "held": False}, patched)
    return made.apt


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path, SshHost(private_key="")) as made:
        yield made


@pytest.fixture
def two(tmp_path: Path, old: AptRoot, inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> Two:
    return Two(tmp_path, old, inventory, monkeypatch)


@pytest.fixture
def instance(two: Two) -> str:
    """On app1, backed up this night."""
    name = opened(two.inventory, "A-1", NIGHT - 30 * DAY)
    with_backup(two.inventory, name, "g1", NIGHT - 3 * HOUR)
    return name


def test_a_server_is_updated_by_night_and_what_was_done_stands_on_record(two: Two, instance: str) -> None:
    two.offer(BETTER)
    assert re.fullmatch(r"1 packages updated in \d+ s; no reboot needed", two.update())
    assert two.has()["fl-plain"] == "1.1"
    assert two.update() == "nothing to update; no reboot needed"
    with two.inventory.reading() as session:
        turn = announcements.announced(session, KEY, instance)
        assert takes_instances(servers.server_facts(session, "app1"))
        [deed] = [one for one in deeds.deeds_of(session, "server:app1") if one.what == server_updates.UPDATED]
    assert turn is not None
    assert (turn.silent, turn.stopped_seconds, turn.ended_at is not None) == (True, 1.5, True)
    assert (deed.evidence["old"], deed.evidence["versions"]) == ({"fl-plain": "1.0"}, {"fl-plain": "1.1"})


def test_what_removes_a_package_waits_for_a_word_and_changes_nothing_before(two: Two, instance: str) -> None:
    before = two.has()
    two.offer(EVIL)
    with pytest.raises(UpdateRefused, match=r"It would remove fl-old\. \(--word removals\)"):
        two.update()
    assert two.has() == before
    two.update(words=["removals"])
    assert two.has() == {"fl-plain": "2.0"}


def test_an_update_that_makes_something_ill_is_taken_back_held_and_told(two: Two, instance: str) -> None:
    two.offer(BREAKS)
    with pytest.raises(UpdateTakenBack, match=r"The web server does not answer.*held: fl-plain\. All is as well as"):
        two.update()
    assert two.has()["fl-plain"] == "1.0"
    assert two.servers["app1"].apt.run("apt-mark", "showhold").split() == ["fl-plain"]
    assert [one.subject for one in two.halted()] == ["server:app1"]
    with two.inventory.reading() as session:
        assert takes_instances(servers.server_facts(session, "app1"))


def test_what_an_update_removed_comes_back_with_it_and_what_it_brought_is_named(two: Two, instance: str) -> None:
    brings = Package("fl-new", "1.0")
    evil = Package("fl-plain", "2.0", ("Conflicts: fl-old", "Depends: fl-new"), files={"etc/broken": "Listen nowhere"})
    two.offer(brings, evil)
    with pytest.raises(
        UpdateTakenBack, match=r"held: fl-old, fl-plain\. New with it, and still there: fl-new\. All is"
    ):
        two.update(scope="full", words=["removals"])
    assert two.has() == {"fl-plain": "1.0", "fl-old": "1.0", "fl-new": "1.0"}


def test_what_an_update_removed_and_no_archive_has_any_more_is_named(two: Two, instance: str) -> None:
    apt = two.servers["app1"].apt
    for folder in (apt.archive, apt.root / "var/cache/apt/archives"):
        for file in folder.glob("fl-old_*.deb"):
            file.unlink()
    two.offer(Package("fl-plain", "2.0", ("Conflicts: fl-old",), files={"etc/broken": "Listen nowhere"}))
    with pytest.raises(
        UpdateTakenBack, match=r"held: fl-plain\. .*had any more: fl-old\. Removed by it, .* gone: fl-old\."
    ):
        two.update(words=["removals"])
    assert two.has() == {"fl-plain": "1.0"}


def test_a_package_that_can_not_be_set_up_is_taken_back_too(two: Two, instance: str) -> None:
    two.offer(NEVER_SET_UP)
    with pytest.raises(UpdateTakenBack, match=r"It could not be made: .*fl-plain"):
        two.update()
    assert two.has()["fl-plain"] == "1.0"


def test_an_archive_that_does_not_answer_changes_nothing_and_halts_nobody(two: Two, instance: str) -> None:
    two.offer(BETTER)
    for one in two.servers.values():
        (one.apt.archive / "fl-plain_1.1_all.deb").unlink()
    with pytest.raises(NotAllDone, match="Failed to fetch"):
        two.by_the_clock()
    assert two.has("app2")["fl-plain"] == "1.0"
    assert two.halted() == []
    assert two.done("app2")[-1] == server_updates.NOT_MADE
    with two.inventory.reading() as session:
        assert takes_instances(servers.server_facts(session, "app2"))


def test_an_archive_that_is_away_before_anything_is_begun_halts_nobody(two: Two, instance: str) -> None:
    for one in two.servers.values():
        one.apt.archive.rename(one.folder / "away")
    with pytest.raises(NotAllDone, match="Failed to fetch"):
        two.by_the_clock()
    assert two.halted() == []
    for one in two.servers.values():
        (one.apt.root / "etc/apt/sources.list").write_text("deb nonsense\n")
    with pytest.raises(StepFailed, match="Malformed entry"):  # that does not heal
        two.by_the_clock()
    assert [one.subject for one in two.halted()] == ["server:app2"]


def test_what_breaks_the_canary_reaches_no_other_server_until_a_person_has_looked(two: Two, instance: str) -> None:
    two.offer(BREAKS)
    with pytest.raises(UpdateTakenBack):
        two.by_the_clock()
    assert server_updates.UPDATED not in two.done("app1") + two.done("app2")
    assert [one.subject for one in two.halted()] == ["server:app2"]  # the one without instances is tried first
    assert two.has("app1")["fl-plain"] == "1.0"
    with pytest.raises(UpdatesHalted):
        two.by_the_clock(NIGHT + DAY)
    [case] = two.halted()
    in_transaction(
        two.inventory, partial(cases.settle_case, case_id=case.id, by="olga", decision="withdrawn", now=NIGHT)
    )
    two.offer(Package("fl-plain", "1.4"))
    with_backup(two.inventory, instance, "g2", NIGHT + 21 * HOUR)
    two.by_the_clock(NIGHT + DAY)
    assert two.has("app1")["fl-plain"] == "1.4"


def test_the_clock_updates_one_server_after_the_other(two: Two, instance: str) -> None:
    two.offer(BETTER)
    said = two.by_the_clock().message
    assert said.index("app2: 1 packages updated") < said.index("app1: 1 packages updated")


def test_a_run_that_comes_late_does_nothing_by_day(two: Two, instance: str) -> None:
    two.offer(BETTER)
    assert "Not now: Work of 15 min would not end off-peak" in two.by_the_clock(NOON).message
    assert two.has()["fl-plain"] == "1.0"


def test_each_server_begins_only_what_ends_by_morning_judged_by_its_own_last_updates(two: Two, instance: str) -> None:
    two.offer(BETTER)
    took = partial(deeds.record, by="olga", what=server_updates.UPDATED, subject="server:app1", now=NIGHT - 7 * DAY)
    in_transaction(two.inventory, partial(took, evidence={"seconds": 5400.0}))
    said = two.by_the_clock().message  # 100 minutes are left
    assert "app2: 1 packages updated" in said
    assert "app1: Not now: Work of 112 min would not end off-peak if it began now." in said
    assert (two.has("app1")["fl-plain"], two.has("app2")["fl-plain"]) == ("1.0", "1.1")
    two.update(NIGHT - timedelta(minutes=13))
    assert two.has()["fl-plain"] == "1.1"


def test_without_a_backup_of_the_last_day_nothing_begins(two: Two, instance: str) -> None:
    two.offer(BETTER)
    with pytest.raises(NotNow, match=f"no good backup of the last 24 hours of {instance}"):
        two.update(NIGHT + DAY)
    assert two.has()["fl-plain"] == "1.0"


def test_by_day_only_what_is_urgent_for_a_reason_and_told_at_once(two: Two, instance: str) -> None:
    two.offer(BETTER)
    with pytest.raises(OutsideWindow):
        two.update(NOON)
    with pytest.raises(ValidationError, match="say why it is urgent"):
        two.update(NOON, urgent=True, reason=" ")
    two.update(NOON, urgent=True, reason="a hole that is used")
    with two.inventory.reading() as session:
        [turn] = announcements.turns_since(session, NIGHT, instance)
        [deed] = deeds.deeds_of(session, f"update:{turn.update.key}")
    assert not turn.silent  # its letter waits for the relay, which is not there
    assert deed.why == "a hole that is used"
    assert UpdateLetter.PLANNED == "update_planned"


def test_the_letters_about_urgent_work_are_the_clock_s_and_each_update_has_its_own(
    two: Two, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def sent(key: str, *_words: object, also: Callable[[Session], None]) -> bool:
        told.append(key)
        in_transaction(two.inventory, also)
        return True

    monkeypatch.setattr(update_letters, "send_letter", sent)
    for number, version in enumerate(("1.1", "1.4"), start=1):
        two.offer(Package("fl-plain", version))
        at = NOON + number * timedelta(minutes=5)
        two.update(at, urgent=True, reason="a hole that is used")
        assert len(told) == number - 1
        with time_machine.travel(at + timedelta(minutes=1)):
            update_letters.see_to_announcements.fn()
        assert len(set(told)) == number  # also of an update that was over before


@pytest.mark.parametrize("step", ["begin_update", "record_turns", "apply_packages", "restart_what_was_replaced"])
def test_urgent_work_is_told_once_however_often_its_run_is_killed(
    two: Two, instance: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    told: list[str] = []

    def sent(key: str, *_words: object, also: Callable[[Session], None]) -> bool:
        told.append(key)
        in_transaction(two.inventory, also)
        return True

    monkeypatch.setattr(update_letters, "send_letter", sent)
    two.offer(BETTER)
    for minute in range(3):
        with monkeypatch.context() as patched:
            patched.setattr(flows, step, killed)
            with pytest.raises(Killed):
                two.update(NOON + minute * timedelta(minutes=3), urgent=True, reason="a hole that is used")
        with time_machine.travel(NOON + minute * timedelta(minutes=3)):
            update_letters.see_to_announcements.fn()
    two.update(NOON + timedelta(minutes=9), urgent=True, reason="a hole that is used")
    with time_machine.travel(NOON + timedelta(minutes=10)):
        update_letters.see_to_announcements.fn()
    assert len(told) == 1
    with two.inventory.reading() as session:
        [turn] = announcements.turns_since(session, NIGHT, instance)
    assert turn.ended_at is not None
    assert two.has()["fl-plain"] == "1.1"


@pytest.fixture
def told(two: Two, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the letters that went out; each run of `two.letters_at` sends what is due."""
    sent_keys: list[str] = []

    def sent(key: str, *_words: object, also: Callable[[Session], None]) -> bool:
        sent_keys.append(key)
        in_transaction(two.inventory, also)
        return True

    monkeypatch.setattr(update_letters, "send_letter", sent)
    return sent_keys


def letters_at(at: datetime) -> None:
    with time_machine.travel(at):
        update_letters.see_to_announcements.fn()


def test_urgent_work_that_an_archive_kept_from_being_done_is_told_once_for_two_hours_then_anew(
    two: Two, instance: str, told: list[str]
) -> None:
    two.offer(BETTER)
    better = two.servers["app1"].apt.archive / "fl-plain_1.1_all.deb"
    away = better.rename(better.with_suffix(".away"))
    for minutes in (0, 20, 100, 130):
        at = NOON + timedelta(minutes=minutes)
        with pytest.raises(JobInterrupted, match="Failed to fetch"):
            two.update(at, urgent=True, reason="a hole that is used")
        letters_at(at)
    assert [key.split(":")[0] for key in told] == ["update_planned", "update_changed"]  # those times were over
    away.rename(better)
    two.update(NOON + timedelta(minutes=140), urgent=True, reason="a hole that is used")
    letters_at(NOON + timedelta(minutes=141))
    assert len(told) == 2
    with two.inventory.reading() as session:
        [turn] = announcements.turns_since(session, NIGHT, instance)
    assert turn.ended_at is not None


def test_an_urgent_reboot_that_could_not_begin_is_told_once_however_often_it_is_tried(
    two: Two, instance: str, told: list[str]
) -> None:
    (two.servers["app1"].folder / "run/reboot-required").touch()
    wish = {"urgent": True, "reboot": True, "reason": "a hole in the kernel"}
    hold = partial(leases.acquire, instance=instance, owner="run 7", purpose="backup", ttl=HOUR)
    in_transaction(two.inventory, partial(hold, now=NOON))
    for minutes in (0, 5, 20):
        at = NOON + timedelta(minutes=minutes)
        with pytest.raises(NotNow, match="is worked on by run 7"):
            two.update(at, **wish)
        letters_at(at)
    assert "rebooted in " in two.update(NOON + HOUR, **wish)
    letters_at(NOON + HOUR + timedelta(minutes=1))
    assert [key.split(":")[0] for key in told] == ["update_planned"]


def test_by_night_urgent_work_that_is_tried_again_is_told_nobody(two: Two, instance: str, told: list[str]) -> None:
    two.offer(BETTER)
    with two.monkeypatch.context() as patched:
        patched.setattr(flows, "begin_update", killed)
        with pytest.raises(Killed):
            two.update(NIGHT, urgent=True, reason="a hole that is used")
    two.update(NIGHT + timedelta(minutes=40), urgent=True, reason="a hole that is used")
    letters_at(NIGHT + timedelta(minutes=42))
    assert told == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"urgent": True}, "say why it is urgent"),
        ({"urgent": True, "reason": "  "}, "say why it is urgent"),
        ({"reboot": True, "reason": "x"}, "a reboot waits for its turn"),
        ({"urgent": True, "reboot": True, "reason": "x"}, ""),
        ({"urgent": True, "dry_run": True}, ""),
    ],
)
def test_the_forms_take_urgent_work_with_its_reason_alone(asked: dict[str, Any], said: str) -> None:
    for form in (partial(UpdateServerRequest, server="app1"), UpdateServersRequest):
        with pytest.raises(ValidationError, match=said) if said else contextlib.nullcontext():
            form(**asked)


def test_all_servers_are_updated_by_day_where_it_is_urgent_the_first_before_the_others(
    two: Two, instance: str, told: list[str]
) -> None:
    two.offer(BETTER)
    said = two.by_the_clock(NOON, urgent=True, reason="a hole that is used", operator="olga").message
    assert said.index("app2: 1 packages updated") < said.index("app1: 1 packages updated")
    letters_at(NOON + timedelta(minutes=1))
    assert [key.split(":")[0] for key in told] == ["update_planned"]
    with two.inventory.reading() as session:
        [turn] = announcements.turns_since(session, NIGHT, instance)
        [deed] = deeds.deeds_of(session, f"update:{turn.update.key}")
    assert (turn.update.urgent, deed.why) == (True, "a hole that is used")


def test_a_dry_run_over_all_servers_shows_each_and_changes_nothing(
    two: Two, instance: str, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    two.offer(BETTER)
    two.killed_at("apply_packages")
    two.offer(EVIL)
    before = [(two.has(name), two.done(name)) for name in ("app1", "app2")]
    in_transaction(two.inventory, partial(server_updates.halt, server="app2", why="It broke.", facts={}, now=NIGHT))
    said = two.by_the_clock(NOON, dry_run=True, urgent=True, scope="security").message
    both = "1 packages would be updated, 1 removed; nothing was changed"
    assert said == f"app2: {both}; app1: {both}"
    assert [(two.has(name), two.done(name)) for name in ("app1", "app2")] == before

    def cut(*_words: object) -> None:
        message = "app2 does not answer."
        raise Unreachable(message)

    monkeypatch.setattr(two.servers["app2"], "run", cut)
    with pytest.raises(NotAllDone, match="app2 does not answer"):
        two.by_the_clock(NOON, dry_run=True)
    assert (told, waits(two), len(two.halted())) == ([], [], 1)


def test_a_reboot_whose_end_nobody_saw_has_ended_with_the_boot_that_is(two: Two, instance: str) -> None:
    began = time.monotonic()
    (two.servers["app1"].folder / "run/reboot-required").touch()
    two.update()
    night = NIGHT + 4 * DAY
    with_backup(two.inventory, instance, "g2", night - HOUR)
    two.killed_at("what_grew_ill", night)
    two.servers["app1"].came_up(int((DAY - HOUR / 2).total_seconds()))
    assert two.update(night + DAY) == "nothing to update; no reboot needed"
    with two.inventory.reading() as session:
        turn = announcements.announced(session, "server:reboot:app1:b0", instance)
    assert turn is not None
    assert turn.stopped_seconds == pytest.approx(1800, abs=1 + time.monotonic() - began)
    assert letter_due(turn) is UpdateLetter.LONGER


def test_what_a_killed_run_had_not_changed_yet_is_not_made_and_planned_anew(two: Two, instance: str) -> None:
    two.offer(BETTER)
    two.killed_at("apply_packages")
    assert two.update().startswith("1 packages updated")
    assert two.has()["fl-plain"] == "1.1"
    assert two.done()[-2:] == [server_updates.NOT_MADE, server_updates.UPDATED]


@pytest.mark.parametrize("became", [InstanceState.SUSPENDED, InstanceState.CLOSED, "moved"])
def test_who_is_no_longer_served_there_since_a_run_was_killed_makes_no_update_ill(
    two: Two, instance: str, became: str
) -> None:
    two.offer(BETTER)
    two.killed_at("what_grew_ill")
    with two.inventory.writing() as session:
        row = session.get_one(Instance, instance)
        row.state, row.server_name = (row.state, "app2") if became == "moved" else (became, row.server_name)
    two.update()
    assert two.has()["fl-plain"] == "1.1"
    assert two.done()[-1] == server_updates.UPDATED


def test_a_job_that_failed_after_its_run_was_killed_is_done_again_and_taken_back(
    two: Two, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.offer(NEVER_SET_UP)
    apply = flows.apply_packages
    with monkeypatch.context() as patched:

        def applied(*args: Any) -> None:
            with pytest.raises(JobComplained):
                apply(*args)
            raise Killed

        patched.setattr(flows, "apply_packages", applied)
        with pytest.raises(Killed):
            two.update()
    with pytest.raises(UpdateTakenBack, match=r"It could not be made: .*fl-plain"):
        two.update()
    assert two.has()["fl-plain"] == "1.0"
    assert server_updates.UPDATED not in two.done()


def test_a_run_that_is_killed_while_it_takes_back_is_gone_on_with_to_the_end(
    two: Two, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.offer(BREAKS)
    with monkeypatch.context() as patched:
        patched.setattr(updates.packages, "hold_packages", killed)
        with pytest.raises(Killed):
            two.update()
    assert two.has()["fl-plain"] == "1.0"
    with pytest.raises(UpdateTakenBack, match=r"The web server does not answer.*held: fl-plain\. All is as well as"):
        two.update()
    assert two.has()["fl-plain"] == "1.0"
    assert [one.subject for one in two.halted()] == ["server:app1"]
    assert server_updates.UPDATED not in two.done()


def test_an_update_that_is_interrupted_once_something_is_changed_is_taken_back(
    two: Two, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.offer(BETTER)
    apply = flows.apply_packages

    def interrupted(*args: Any) -> None:
        apply(*args)
        message = "Failed to fetch the rest."
        raise JobInterrupted(message)

    monkeypatch.setattr(flows, "apply_packages", interrupted)
    with pytest.raises(UpdateTakenBack, match="Failed to fetch the rest"):
        two.update()
    assert two.has()["fl-plain"] == "1.0"


@pytest.mark.soak
@pytest.mark.parametrize("step", OF_A_NIGHT)
def test_a_night_that_is_killed_before_any_step_is_gone_on_with_by_the_next_run(
    two: Two, instance: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    two.offer(BETTER)
    (two.servers["app2"].folder / "run/reboot-required").touch()
    with monkeypatch.context() as patched:
        patched.setattr(flows, step, killed)
        with pytest.raises(Killed):
            two.by_the_clock()
    said = two.by_the_clock(NIGHT + timedelta(minutes=2)).message
    assert said.index("app2: ") < said.index("app1: ")
    assert (two.has("app1")["fl-plain"], two.has("app2")["fl-plain"]) == ("1.1", "1.1")
    assert [two.done(name).count(server_updates.UPDATED) for name in ("app1", "app2")] == [1, 1]
    assert (two.servers["app2"].boot.read_text(), two.halted()) == ("b0+\n", [])
    with two.inventory.reading() as session:
        assert announcements.left_begun(session, "server:") == []


def test_what_a_killed_run_has_begun_is_proven_or_taken_back_by_the_next(two: Two, instance: str) -> None:
    two.offer(BREAKS)
    two.killed_at("restart_what_was_replaced")
    assert two.has()["fl-plain"] == "1.2"
    with two.inventory.reading() as session:
        assert not takes_instances(servers.server_facts(session, "app1"))
    with pytest.raises(UpdateTakenBack):
        two.update()
    assert two.has()["fl-plain"] == "1.0"
    with two.inventory.reading() as session:
        assert takes_instances(servers.server_facts(session, "app1"))


def test_nobody_begins_work_on_an_instance_while_its_server_is_updated_or_rebooted(
    two: Two, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.offer(BETTER)
    (two.servers["app1"].folder / "run/reboot-required").touch()
    refused: list[str] = []

    def back_up(of: str, *servers: str) -> None:
        take = partial(alone.take, instance=of, servers=servers, owner="run 7", purpose="back up", ttl=HOUR)
        in_transaction(two.inventory, partial(take, now=NIGHT))
        in_transaction(two.inventory, lambda session: leases.release(session, of, "run 7"))

    def meanwhile(step: Any) -> Any:
        def watched(*args: Any) -> Any:
            with pytest.raises(ServerHeld) as error:
                back_up(instance, "app1")
            refused.append(error.value.what)
            back_up(instance, "app2")
            return step(*args)

        return watched

    for name in ("apply_packages", "reboot_and_wait"):
        monkeypatch.setattr(flows, name, meanwhile(getattr(flows, name)))
    said = two.update(urgent=True, reboot=True, reason="CVE")
    assert re.fullmatch(r"1 packages updated in \d+ s; rebooted in \d+ s", said)
    assert [one.rpartition("(")[2] for one in refused] == ["update).", "reboot)."]
    back_up(instance, "app1")


def test_nobody_begins_work_on_what_a_killed_run_left_until_the_next_has_ended_it(two: Two, instance: str) -> None:
    two.offer(BETTER)
    two.killed_at("restart_what_was_replaced")
    take = partial(alone.take, instance=instance, servers={"app1"}, owner="run 7", purpose="move", now=NIGHT, ttl=HOUR)
    with pytest.raises(ServerHeld, match="app1 stands in the middle of an update"):
        in_transaction(two.inventory, take)
    two.update()
    in_transaction(two.inventory, take)


def test_a_server_at_which_another_run_is_halts_nobody(two: Two, instance: str) -> None:
    two.offer(BETTER)
    in_transaction(
        two.inventory,
        partial(alone.take_server, server="app1", owner="run 7", purpose="update", now=NIGHT, ttl=HOUR),
    )
    with pytest.raises(NotAllDone, match="app1 is being worked on as a whole by run 7"):
        two.by_the_clock()
    assert two.halted() == []
    assert (two.has("app1")["fl-plain"], two.has("app2")["fl-plain"]) == ("1.0", "1.1")


def test_a_server_that_its_update_makes_unreachable_halts_the_others_and_is_gone_on_with_first(
    two: Two, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.offer(BETTER)
    restart = flows.restart_what_was_replaced

    def cut_off(server: ServerFacts) -> Any:
        if server.name == "app2":
            message = "app2 does not answer."
            raise Unreachable(message)
        return restart(server)

    with monkeypatch.context() as patched:
        patched.setattr(flows, "restart_what_was_replaced", cut_off)
        with pytest.raises(Unreachable, match="app2 does not answer"):
            two.by_the_clock()
        assert [one.subject for one in two.halted()] == ["server:app2"]
        assert two.has("app1")["fl-plain"] == "1.0"
        with pytest.raises(UpdatesHalted, match="app2 does not answer"):
            two.by_the_clock()
        [case] = two.halted()
        settle = partial(cases.settle_case, case_id=case.id, by="olga", decision="the others go on", now=NIGHT)
        in_transaction(two.inventory, settle)
        with pytest.raises(NotAllDone, match="app2 does not answer"):
            two.by_the_clock()  # it is the first, for which the others wait
        assert (waits(two), two.has("app1")["fl-plain"]) == (["server:app2"], "1.0")
        mark = partial(server_updates.mark_canary, server="app1", canary=True, by="olga", why="app2 is away", now=NIGHT)
        in_transaction(two.inventory, mark)
        with pytest.raises(NotAllDone, match="app2 does not answer"):
            two.by_the_clock()
        assert (two.halted(), waits(two), two.has("app1")["fl-plain"]) == ([], [], "1.1")
    assert two.by_the_clock().message.endswith("app2: nothing to update; no reboot needed")
    assert (two.halted(), two.done("app2")[-1]) == ([], server_updates.UPDATED)


def test_what_a_killed_run_left_is_gone_on_with_whatever_halts_the_others(two: Two, instance: str) -> None:
    two.offer(BETTER)
    two.killed_at("restart_what_was_replaced")
    halt = partial(server_updates.halt, server="app2", why="It broke.", facts={}, now=NIGHT)
    in_transaction(two.inventory, halt)
    with pytest.raises(UpdatesHalted, match="It broke"):
        two.by_the_clock()
    assert two.done()[-1] == server_updates.UPDATED
    assert two.has("app2")["fl-plain"] == "1.0"


def test_what_a_killed_run_left_for_hours_waits_for_who_works_there_meanwhile(two: Two, instance: str) -> None:
    two.offer(BETTER)
    two.killed_at("restart_what_was_replaced")
    later = NIGHT + AT_WORK_MOST + timedelta(minutes=5)
    take = partial(alone.take, instance=instance, servers={"app1"}, owner="run 7", purpose="move", now=later, ttl=HOUR)
    in_transaction(two.inventory, take)
    with pytest.raises(NotNow, match=f"{instance} is worked on by run 7"):
        two.update(later)
    two.update(later + HOUR)
    assert two.done()[-1] == server_updates.UPDATED


def waits(two: Two) -> list[str]:
    with two.inventory.reading() as session:
        return [one.subject for one in cases.open_cases(session) if one.kind == server_updates.FIRST_WAITS]


def test_a_canary_that_is_not_ready_keeps_updates_from_all_and_is_told_until_it_was_tried(
    two: Two, instance: str
) -> None:
    two.offer(BETTER)
    mark = partial(server_updates.mark_canary, server="app1", canary=True, by="olga", why="", now=NIGHT)
    in_transaction(two.inventory, mark)
    for night in (1, 2):
        with pytest.raises(NotAllDone, match="no good backup of the last 24 hours"):
            two.by_the_clock(NIGHT + night * DAY)
        assert (waits(two), two.has("app2")["fl-plain"]) == (["server:app1"], "1.0")
    with_backup(two.inventory, instance, "g2", NIGHT + 3 * DAY - HOUR)
    two.by_the_clock(NIGHT + 3 * DAY)
    assert (waits(two), two.has("app2")["fl-plain"]) == ([], "1.1")


@pytest.mark.parametrize("why", ["its customer's hours", "its own history"])
def test_a_canary_that_never_has_its_turn_lets_nobody_go_before_it_and_is_told(
    two: Two, instance: str, why: str
) -> None:
    """What was tried nowhere reaches no other server, only since it could not be tried at that hour (P14, P40)."""
    two.offer(BETTER)

    def canary(session: Session) -> None:
        server_updates.mark_canary(session, "app1", canary=True, by="olga", why="", now=NIGHT)
        if why == "its own history":  # the night is not as long any more
            evidence = {"seconds": 7200.0}
            deeds.record(session, "olga", server_updates.UPDATED, "server:app1", evidence=evidence, now=NIGHT - 7 * DAY)
        else:
            levels.ensure_level(session, "early", {"off_peak_closes": "04:00"})
            begun, day = NIGHT - 2 * DAY, (NIGHT - DAY).date()
            level_agreements.agree(session, instance, "early", day, reason="w", by="olga", now=begun, state="BE")

    in_transaction(two.inventory, canary)
    assert "app1: Not now" in two.by_the_clock().message
    assert (waits(two), two.has("app2")["fl-plain"]) == (["server:app1"], "1.0")


def test_a_run_that_comes_late_lets_nobody_go_before_the_first_and_tells_nobody(two: Two, instance: str) -> None:
    two.offer(BETTER)
    quick = partial(deeds.record, by="olga", what=server_updates.UPDATED, subject="server:app1", now=NIGHT - 7 * DAY)
    in_transaction(two.inventory, partial(quick, evidence={"seconds": 60.0}))
    two.by_the_clock(NIGHT.replace(hour=5, minute=50))  # the first has its fifteen minutes not any more
    assert (waits(two), two.has("app1")["fl-plain"]) == ([], "1.0")


def test_a_canary_that_can_not_be_rebooted_now_was_tried_all_the_same(two: Two, instance: str) -> None:
    mark = partial(server_updates.mark_canary, server="app1", canary=True, by="olga", why="", now=NIGHT)
    in_transaction(two.inventory, mark)
    (two.servers["app1"].folder / "run/reboot-required").touch()
    two.update()
    two.servers["app2"].apt.offer(BETTER)
    with time_machine.travel(NIGHT + 4 * DAY), pytest.raises(NotAllDone, match="no good backup of the last 24 hours"):
        flows.update_servers.fn(UpdateServersRequest(scope="security"))
    assert (waits(two), two.has("app2")["fl-plain"]) == ([], "1.1")


def test_how_long_a_server_was_away_that_is_taken_back_after_a_kill_is_told_since_it_was_begun(
    two: Two, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.monotonic()
    two.offer(BREAKS)
    with monkeypatch.context() as patched:
        patched.setattr(updates.packages, "hold_packages", killed)
        with pytest.raises(Killed):
            two.update()
    with pytest.raises(UpdateTakenBack):
        two.update(NIGHT + HOUR)
    with two.inventory.reading() as session:
        turn = announcements.announced(session, KEY, instance)
    assert turn is not None
    assert turn.stopped_seconds == pytest.approx(3600, abs=1 + time.monotonic() - began)


def test_a_reboot_is_told_before_and_made_in_its_turn_alone(two: Two, instance: str) -> None:
    flag = two.servers["app1"].folder / "run/reboot-required"
    flag.touch()
    said = two.update()
    assert said.startswith("nothing to update; to be rebooted on 2026-12-05 03:00 UTC")  # the notice, then 4 o'clock
    assert two.update() == said
    with two.inventory.reading() as session:
        turn = announcements.announced(session, "server:reboot:app1:b0", instance)
    assert turn is not None
    assert not turn.silent
    with_backup(two.inventory, instance, "g2", NIGHT + 4 * DAY - HOUR)
    assert re.fullmatch(r"nothing to update; rebooted in \d+ s", two.update(NIGHT + 4 * DAY))
    assert two.update(NIGHT + 4 * DAY + HOUR) == "nothing to update; no reboot needed"
    assert two.done().count(server_updates.REBOOTED) == 1


def test_a_reboot_that_would_not_end_in_its_turn_is_planned_anew_and_told(two: Two, instance: str) -> None:
    (two.servers["app1"].folder / "run/reboot-required").touch()
    two.update()
    night = NIGHT + 4 * DAY
    with_backup(two.inventory, instance, "g2", night - HOUR)
    said = two.update(night.replace(hour=5, minute=59))  # two minutes are what a first one takes
    assert said.startswith("nothing to update; to be rebooted on 2026-12-09 03:00 UTC")
    assert two.servers["app1"].boot.read_text() == "b0\n"
    with two.inventory.reading() as session:
        turn = announcements.announced(session, "server:reboot:app1:b0", instance)
    assert turn is not None
    assert turn.begun_at is None


def test_a_server_that_is_not_back_stops_the_others_and_is_gone_on_with_once_it_is(
    two: Two, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.offer(BETTER)
    first, away = two.servers["app2"], [False]
    (first.folder / "run/reboot-required").touch()
    run = first.run

    def cut(command: Command, do: str = "") -> Answer:
        if away[0]:
            message = "app2 does not answer."
            raise Unreachable(message)
        away[0] = command.name == "reboot"
        return run(command, do)

    monkeypatch.setattr(first, "run", cut)
    monkeypatch.setattr(flows, "reboot_and_wait", partial(flows.reboot_and_wait, seconds=0.05))
    with pytest.raises(NotBack, match="app2 is not back 0 s after its reboot"):
        two.by_the_clock()
    assert [one.subject for one in two.halted()] == ["server:app2"]
    assert (two.has("app1")["fl-plain"], two.has("app2")["fl-plain"]) == ("1.0", "1.1")
    with_backup(two.inventory, instance, "g2", NIGHT + 21 * HOUR)
    with pytest.raises(UpdatesHalted, match="app2 is not back"):
        two.by_the_clock(NIGHT + DAY)
    away[0] = False
    said = two.by_the_clock(NIGHT + DAY).message
    assert "app2: nothing to update; no reboot needed" in said
    assert (two.halted(), two.has("app1")["fl-plain"]) == ([], "1.1")


def test_who_comes_after_a_reboot_was_told_is_told_at_once_and_puts_it_off_for_nobody(two: Two, instance: str) -> None:
    (two.servers["app1"].folder / "run/reboot-required").touch()
    said = two.update()
    newcomer = opened(two.inventory, "A-2", NIGHT + 2 * DAY)
    assert two.update(NIGHT + 2 * DAY) == said
    with two.inventory.reading() as session:
        turns = announcements.announced_of(session, "server:reboot:app1:b0")
    assert {one.instance_name for one in turns} == {instance, newcomer}
    assert len({one.times for one in turns}) == 1
    assert not any(one.silent for one in turns)


def told_of_reboot(two: Two, instance: str, key: str = "server:reboot:app1:b0") -> UpdateLetter | None:
    """The letter that is due about a reboot, once what was due before is sent."""
    with two.inventory.reading() as session:
        turn = announcements.announced(session, key, instance)
    assert turn is not None
    letter = letter_due(turn)
    if letter is not None:
        in_transaction(two.inventory, lambda session: announcements.record_told(session, turn, letter, NIGHT))
    return letter


@pytest.mark.parametrize("how", ["crashed", "needed no more", "left", "by urgent work"])
def test_a_reboot_that_was_told_and_does_not_come_about_is_called_off(two: Two, instance: str, how: str) -> None:
    """Who was told that his instance is away in a night is told that it is not (P16); once."""
    flag = two.servers["app1"].folder / "run/reboot-required"
    flag.touch()
    two.update()
    assert told_of_reboot(two, instance) is UpdateLetter.PLANNED
    assert told_of_reboot(two, instance) is None
    at = NIGHT + DAY
    with_backup(two.inventory, instance, "g2", at - HOUR)
    if how == "by urgent work":
        at = NOON + DAY
        assert "; rebooted in " in two.update(at, urgent=True, reboot=True, reason="a hole in the kernel")
    else:
        if how == "crashed":
            two.servers["app1"].boot.write_text("b1\n")
        if how == "left":
            with two.inventory.writing() as session:
                session.get_one(Instance, instance).server_name = "app2"
        else:
            flag.unlink()
        two.update(at)
    assert told_of_reboot(two, instance) is UpdateLetter.CALLED_OFF
    two.update(at + DAY)
    assert told_of_reboot(two, instance) is None


def test_a_reboot_that_was_called_off_and_is_needed_after_all_is_told_anew(two: Two, instance: str) -> None:
    flag = two.servers["app1"].folder / "run/reboot-required"
    flag.touch()
    two.update()
    assert told_of_reboot(two, instance) is UpdateLetter.PLANNED
    flag.unlink()
    two.update(NIGHT + DAY)
    assert told_of_reboot(two, instance) is UpdateLetter.CALLED_OFF
    flag.touch()
    two.update(NIGHT + 2 * DAY)
    assert told_of_reboot(two, instance) is UpdateLetter.CHANGED


def test_a_server_that_all_have_left_since_they_were_told_is_rebooted(
    two: Two, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (two.servers["app1"].folder / "run/reboot-required").touch()
    two.update()
    with_backup(two.inventory, instance, "g2", NIGHT + DAY - HOUR)
    monkeypatch.setattr(server_updates, "open_instances", lambda *_: [])
    assert re.fullmatch(r"nothing to update; rebooted in \d+ s", two.update(at=NIGHT + DAY))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_server_whose_answer_is_lost_is_rebooted_once(
    two: Two, instance: str, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    one, lost = two.servers["app1"], [True]
    run = one.run

    def cut(command: Command, do: str = "") -> Answer:
        answer = run(command, do) if when == "after" or command.name != "reboot" or not lost else None
        if answer is None or (command.name == "reboot" and lost):
            lost.clear()
            message = "The connection was lost."
            raise Unreachable(message)
        return answer

    monkeypatch.setattr(one, "run", cut)
    with two.inventory.reading() as session:
        server = servers.server_facts(session, "app1")
    server_turns.reboot_and_wait.fn(server, "b0")
    server_turns.reboot_and_wait.fn(server, "b0")  # as the step does it again
    assert one.boot.read_text() == "b0+\n"


def test_a_server_without_instances_is_rebooted_in_the_next_early_morning(two: Two) -> None:
    (two.servers["app2"].folder / "run/reboot-required").touch()
    assert re.fullmatch(r"nothing to update; rebooted in \d+ s", two.update(name="app2"))
