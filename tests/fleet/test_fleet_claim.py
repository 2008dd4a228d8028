"""Whose the fleet is: with real processes, on a plan whose bridge and servers do not exist."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleet import claim, state
from fleet.errors import FleetTaken
from fleet.plan import HostPlan, Plan
from fleet.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator

NOWHERE = replace(Plan(), bridge="br-nowhere", hosts=(HostPlan("none9", 99, IPv4Address("10.77.0.99")),))
OURS, THEIRS = Path("/checkouts/ours"), Path("/checkouts/theirs")


@dataclass
class Machine:
    home: Path
    marker: Path
    child: subprocess.Popen[bytes]

    def left_by(self, owner: Path, *, boot: str | None = None) -> None:
        self.home.mkdir(exist_ok=True)
        process = state.identify(self.child.pid)
        state.write(self.home, State(str(owner), boot or state.boot_id(), {"dns": process}, {}, {"none9": "abc"}))
        for name in ("hosts/none9", "keys", "mails", "base", "logs"):
            (self.home / name).mkdir(parents=True)

    def claim(self, *, replace: bool = False) -> bool:
        return claim.ensure(NOWHERE, self.home, replace=replace, owner=OURS, marker=self.marker)

    def folders(self) -> set[str]:
        return {path.name for path in self.home.iterdir() if path.is_dir()}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    child = subprocess.Popen(["sleep", "60"])
    yield Machine(tmp_path / "home", tmp_path / "marker", child)
    child.kill()
    child.wait()


def test_a_free_machine_is_ours(machine: Machine) -> None:
    assert machine.claim() is False
    assert state.read(machine.home).owner == str(OURS)
    assert machine.marker.read_text().strip() == str(machine.home)


def test_our_own_running_fleet_is_recognised_and_left_alone(machine: Machine) -> None:
    machine.left_by(OURS)
    assert machine.claim() is True
    assert machine.child.poll() is None
    assert "mails" in machine.folders()


def test_a_running_fleet_of_another_checkout_is_refused_in_one_sentence(machine: Machine) -> None:
    machine.left_by(THEIRS)
    with pytest.raises(
        FleetTaken, match=r"^The fleet on this machine belongs to /checkouts/theirs and runs \(dns\)\. .*--replace"
    ):
        machine.claim()
    with pytest.raises(FleetTaken):
        claim.refuse_another(machine.home, OURS)
    claim.refuse_another(machine.home, THEIRS)
    assert machine.child.poll() is None
    assert state.read(machine.home).owner == str(THEIRS)


def test_it_is_taken_over_on_demand_and_starts_empty(machine: Machine) -> None:
    machine.left_by(THEIRS)
    assert machine.claim(replace=True) is False
    assert machine.child.wait(60) != 0
    assert machine.folders() == {"base", "logs"}
    assert state.read(machine.home) == State(str(OURS), state.boot_id())


def test_the_remains_of_dead_processes_are_cleared_silently(machine: Machine) -> None:
    machine.left_by(THEIRS)
    machine.child.kill()
    machine.child.wait()
    assert machine.claim() is False
    assert machine.folders() == {"base", "logs"}


def test_after_a_boot_our_own_disks_are_kept(machine: Machine) -> None:
    machine.left_by(OURS, boot="an-earlier-boot")
    assert machine.claim() is False
    assert machine.child.poll() is None
    assert state.read(machine.home).bases == {"none9": "abc"}
    assert "hosts" in machine.folders()


def test_a_fleet_with_its_files_elsewhere_is_found_too(machine: Machine, tmp_path: Path) -> None:
    machine.left_by(THEIRS)
    machine.marker.write_text(str(machine.home))
    other = tmp_path / "another-home"
    with pytest.raises(FleetTaken, match="/checkouts/theirs"):
        claim.ensure(NOWHERE, other, owner=OURS, marker=machine.marker)
    assert claim.ensure(NOWHERE, other, replace=True, owner=OURS, marker=machine.marker) is False
    assert machine.child.wait(60) != 0
    assert machine.marker.read_text().strip() == str(other)
