"""Restores whose run, server, network, disks or store break: the old state stays, or the point's is there whole (P20)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from blocks.backup_store import BackupStore
from blocks.loading import load
from hosting.product.layout import InstanceLayout
from tasks.probes import prove_instance_answers
from tests.service.backups import (
    BULK,
    COMPARE,
    KEEP,
    LIVE,
    back_up,
    kill_and_start,
    left_behind,
    on,
    points_of,
    restore,
    when,
)
from tests.service.plans import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hosting.policy.values import PointFacts
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

LOADING = "loading the database"
CUT_SECONDS = 20.0
EXCHANGE = ("bring_back", "replace_database")
ENDED = ("end_restore", "working_on", "report_restore")
"""After these the restore is at its end: asked for again, it would be another one."""

PARTS = 6
"""The long one can be run on several servers side by side, and what a part has found is told at its end."""

MARK = """
set -eu
touch "$2/storage/user/1/files/$4"; chown "$3:$3" "$2/storage/user/1/files/$4"
mariadb "$1" -e "INSERT INTO phlymail_adb_adr (owner, lastname) VALUES (1, '$4')"
"""
"""A file and a row that the state has which is about to be replaced."""

ASIDE = """
set -eu
for d in /srv/backup/$4-aside-*; do [ -e "$d/data/storage/user/1/files/$5" ] && echo folder; done
for b in $(mariadb -NBe "SHOW DATABASES LIKE 'phm\\\\_$4\\\\_aside%'"); do
  mariadb -NBe "SELECT 'row' FROM $b.phlymail_adb_adr WHERE lastname='$5'"
  mariadb -e "DROP DATABASE $b"
done
for d in /srv/backup/$4-aside-*; do btrfs -q subvolume delete "$d/data"; rm -rf "$d"; done
test -e /etc/cron.d/phm-$4
"""
"""What lies aside, told and taken away."""


class Restored:
    """An instance with a point of its state that is kept in `/srv/kept/<name>`, and a life since then."""

    def __init__(self, service: Service, *, bulk: bool) -> None:
        self.service, self.instance = service, service.provision(accounts=3)
        self.user = InstanceLayout.of(self.instance).user
        on(service, LIVE, self.instance, self.user, "0")
        if bulk:
            on(service, BULK, self.instance, self.user)
        self.keep("point")
        outcome = back_up(service, self.instance)
        assert outcome.completed, outcome
        self.point = points_of(service, self.instance)[-1]
        on(service, LIVE, self.instance, self.user, "1")

    @property
    def job(self) -> str:
        """The job that brings the point back."""
        return f"restore-{self.instance.name}-restore"

    def keep(self, name: str) -> None:
        """The present state, kept to compare."""
        on(self.service, KEEP, self.instance, f"/srv/kept/{self.instance.name}-{name}")

    def differs(self, name: str = "point") -> str:
        """What is otherwise than in a state that was kept."""
        return on(self.service, COMPARE, self.instance, f"/srv/kept/{self.instance.name}-{name}")

    def mark(self, name: str) -> None:
        """Something that only the present state has."""
        on(self.service, MARK, self.instance, self.user, name)

    def aside(self, name: str) -> str:
        """What of the marked state lies aside; taken away then."""
        return on(self.service, ASIDE, self.instance, self.user, self.instance.name, name)


@pytest.fixture(scope="module")
def small(service: Service) -> Restored:
    """A small one."""
    return Restored(service, bulk=False)


@pytest.fixture(scope="module")
def big(service: Service) -> Restored:
    """One whose restore takes seconds."""
    return Restored(service, bulk=True)


def trouble_after(service: Service, one: Restored, faults: Iterable[Fault]) -> str:
    """For each fault: a run killed so, run again, and what is otherwise than after an undisturbed one."""
    found = ""
    for number, fault in enumerate(faults):
        one.mark(f"mark{number}")
        killed = again = restore(service, one.instance, one.point, fault)
        if fault.task not in ENDED or fault.moment == "before":
            again = restore(service, one.instance, one.point)
        if killed.state != "Killed" or not (again.completed or again is killed):
            found += f"\n{fault}: first {killed.state} {killed.message}, then {again.state} {again.message}"
        elif wrong := one.differs():
            found += f"\n{fault}: {wrong}"
        elif left := left_behind(service, one.instance):
            found += f"\n{fault}: left {left}"
        elif (aside := one.aside(f"mark{number}")) != "folder\nrow\n":
            found += f"\n{fault}: aside {aside}"
    return found


@pytest.mark.timeout(900)
def test_a_killed_run_ends_as_an_undisturbed_one_when_it_is_run_again(service: Service, small: Restored) -> None:
    assert trouble_after(service, small, [Fault(step, "after") for step in EXCHANGE]) == ""


@pytest.fixture(scope="module")
def every_fault(service: Service, small: Restored) -> list[Fault]:
    """A kill after each step of an undisturbed run, and right after each command that it sends."""
    small.mark("undisturbed")
    undisturbed = restore(service, small.instance, small.point)
    assert undisturbed.completed, undisturbed
    assert small.aside("undisturbed") == "folder\nrow\n"
    after = [Fault(step, "after") for step in dict.fromkeys(undisturbed.tasks)]
    within = [
        Fault(step, "command", number) for step, most in undisturbed.commands.items() for number in range(1, most + 1)
    ]
    assert len(after) > 20
    return [*after, *within]


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_run_killed_at_any_step_ends_as_an_undisturbed_one(
    service: Service, small: Restored, every_fault: list[Fault], part: int
) -> None:
    assert trouble_after(service, small, every_fault[part::PARTS]) == ""


def test_a_run_that_is_cut_off_from_its_server_goes_on_when_it_is_back(service: Service, small: Restored) -> None:
    small.mark("cut")
    try:
        outcome = restore(service, small.instance, small.point, Fault("bring_back", "command", 3, "cut", CUT_SECONDS))
    finally:
        service.fleet.heal(service.host)
    assert outcome.completed, outcome
    assert outcome.seconds > CUT_SECONDS
    assert (small.differs(), small.aside("cut")) == ("", "folder\nrow\n")


def test_a_server_that_dies_under_a_restore_goes_on_when_it_is_back(service: Service, big: Restored) -> None:
    big.mark("died")

    with when(service, big.job, LOADING, lambda: kill_and_start(service)):
        outcome = restore(service, big.instance, big.point)
    assert outcome.completed, outcome
    assert (big.differs(), left_behind(service, big.instance), big.aside("died")) == ("", "", "folder\nrow\n")


@pytest.mark.parametrize(
    ("disk", "moment", "said"),
    [
        ("/srv", "restoring files", "no space left on device"),
        ("/var/lib/mysql", LOADING, "the disk of /var/lib/mysql is full"),
    ],
)
def test_a_disk_that_fills_up_under_a_restore_leaves_the_instance_as_it_is_and_open(
    service: Service, big: Restored, disk: str, moment: str, said: str
) -> None:
    big.keep("before")

    try:
        with when(service, big.job, moment, lambda: service.fleet.fill(service.host, disk)):
            outcome = restore(service, big.instance, big.point)
    finally:
        service.fleet.free(service.host, disk)
    assert outcome.error == "JobComplained"
    assert said in outcome.message
    assert outcome.message.endswith("Free room on the server, then run again.")
    check_untouched(service, big)


def test_a_disk_without_room_is_told_before_anything_is_done(service: Service, big: Restored) -> None:
    big.keep("before")
    service.fleet.fill(service.host, "/srv", leave_mib=250)
    try:
        outcome = restore(service, big.instance, big.point)
    finally:
        service.fleet.free(service.host, "/srv")
    assert outcome.error == "DiskFull"
    assert "bring_back" not in outcome.tasks
    check_untouched(service, big)


def check_untouched(service: Service, one: Restored) -> None:
    """The instance is as it was, open, and nothing of a restore is there; asked for again, it is restored."""
    assert one.differs("before") == ""
    prove_instance_answers.fn(service.server(), one.instance)
    work = f"/srv/backup/{one.instance.name}-restore"
    assert service.on(f"find {work} -type f 2>/dev/null || true") == ""
    database = f"{InstanceLayout.of(one.instance).database}_new"
    assert (
        service.on(f"mariadb -NBe \"SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='{database}'\"")
        == "0\n"
    )
    one.mark("untouched")
    outcome = restore(service, one.instance, one.point)
    assert outcome.completed, outcome
    assert (one.differs(), one.aside("untouched")) == ("", "folder\nrow\n")


def test_damage_to_one_object_harms_its_own_generation_alone(service: Service) -> None:
    one = Restored(service, bulk=False)
    for day in ("2", "3"):
        one.keep(day)
        assert back_up(service, one.instance, "full").completed
        on(service, LIVE, one.instance, one.user, day)
    before, damaged, after = points_of(service, one.instance)
    assert len({point.generation for point in (before, damaged, after)}) == 3
    spoil_data(damaged)
    one.keep("before")
    outcome = restore(service, one.instance, damaged)
    assert outcome.error == "JobComplained"
    assert outcome.message.endswith("Bring a point of another generation back.")
    assert one.differs("before") == ""
    for point, kept in ((before, "point"), (after, "3")):
        outcome = restore(service, one.instance, point)
        assert outcome.completed, outcome
        assert one.differs(kept) == ""


def spoil_data(point: PointFacts) -> None:
    """The greatest object of a generation's data gets another content, as a failing disk would give it."""
    store = load(BackupStore)
    prefix = store.prefix(point.server_name, point.instance_name, point.generation)
    greatest = max(store.objects(f"{prefix}data/"), key=lambda found: found.bytes)
    store.put_bytes(greatest.key, secrets.token_bytes(greatest.bytes))
