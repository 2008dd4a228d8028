"""What a real kernel, mdadm and smartctl said in a guest (recorded/guest) is read as what was done to its disks."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from hosting.commands.inspecting import parse_inspection
from hosting.policy.fleet_health import health
from hosting.policy.inspection import Severity
from tests.commands.recorded import HERE, recorded

if TYPE_CHECKING:
    from hosting.policy.inspected import ArrayFacts, DiskHealth, Seen

NOW = datetime(2026, 11, 27, 15, 30, tzinfo=UTC)
GRAVE, WRONG = Severity.GRAVE, Severity.WRONG

FAR = r"recovery is \d+\.\d percent through, done in [\d.]+min"
REBUILT = (WRONG, rf"is being rebuilt \({FAR}\); another failed disk would lose data\.")
ONE_OF_TWO = (GRAVE, r"\(raid1\) of app1 is degraded: 1 of 2 disks work(; the kernel has thrown out nvme1n1p\d)?\.")
TWO_OF_THREE = (GRAVE, r"\(raid5\) of app1 is degraded: 2 of 3 disks work\.")
ONE_OF_STRIPE = (GRAVE, r"\(raid0\) of app1 has failed: 1 of 2 disks work\.")
NAMED = (WRONG, r"app1 does not have the array md\d, which /etc/mdadm/mdadm\.conf names\.")

ARRAYS: dict[str, dict[str, tuple[Severity, str]]] = {
    "none": {}, "healthy": {}, "check": {}, "spare": {},
    "made": {"md2": REBUILT},
    "read-only": {"md0": (GRAVE, r"md0 \(raid1\) of app1 takes no writes\.")},
    "bad-blocks": {"md2": (WRONG, r"md2 \(raid5\) of app1 is whole but for what sd\w failed to write\.")},
    "replaced": {"md2": (WRONG, rf"whole but for what sd\w failed to write; a spare takes its place \({FAR}\)\.")},
    "spare-took-over": {"md2": (WRONG, r"has thrown out sd\w; a spare took its place\.")},
    "faulty": {
        "md0": (GRAVE, r"is degraded: 1 of 2 disks work; the kernel has thrown out nvme1n1p1\."),
        "md1": (GRAVE, r"is degraded: 1 of 2 disks work; the kernel has thrown out nvme1n1p2\."),
    },
    "degraded": {"md0": ONE_OF_TWO, "md1": ONE_OF_TWO},
    "rebuilding": {"md0": REBUILT, "md1": (WRONG, r"is being rebuilt \(resync waits for its turn\)")},
    "spare-takes-over": {"md0": REBUILT, "md1": (WRONG, r"is being rebuilt \(resync waits"), "md2": REBUILT},
    "stripe": {},
    "pulled": {"md2": TWO_OF_THREE},
    "stripe-lost": {"md2": TWO_OF_THREE, "md3": ONE_OF_STRIPE},
    "disk-gone": {"md0": ONE_OF_TWO, "md1": ONE_OF_TWO, "md2": TWO_OF_THREE, "md3": ONE_OF_STRIPE},
    "failed": {
        "md0": ONE_OF_TWO, "md1": ONE_OF_TWO, "md3": ONE_OF_STRIPE,
        "md2": (GRAVE, r"md2 \(raid5\) of app1 has failed: 1 of 3 disks work; the kernel has thrown out sd\w\."),
    },
    "stopped": {"md0": ONE_OF_TWO, "md1": ONE_OF_TWO, "md2": NAMED},
    "inactive": {"md0": ONE_OF_TWO, "md1": ONE_OF_TWO, "md2": (GRAVE, r"array md2 \(raid5\) of app1 is not running\.")},
    "all-stopped": {"md0": NAMED, "md1": NAMED, "md2": NAMED},
    "renamed": {"md0": NAMED, "md2": NAMED, "md127": ONE_OF_TWO},
}  # fmt: skip
"""What is found in each state of the guest's arrays, by array."""


def seen(name: str) -> Seen:
    return parse_inspection("app1", recorded(f"guest/{name}.json"), NOW, NOW)


def array(state: str, name: str) -> ArrayFacts:
    return next(one for one in seen(state).arrays or () if one.name == name)


def disks(state: str) -> dict[str, DiskHealth]:
    return {one.serial: one for one in seen(state).disks or ()}


def test_every_recorded_state_is_read() -> None:
    there = {file.stem for file in (HERE / "guest").glob("*.json")}
    assert {one for one in there if not one.startswith(("disks", "nvme"))} == set(ARRAYS)


@pytest.mark.parametrize("state", ARRAYS)
def test_what_was_done_to_arrays_is_found(state: str) -> None:
    found = {one.what: (one.severity, one.sentence) for one in health(seen(state))}
    assert {name: severity for name, (severity, _) in found.items()} == {
        name: severity for name, (severity, _) in ARRAYS[state].items()
    }
    for name, (_, says) in ARRAYS[state].items():
        assert re.search(says, found[name][1]), found[name][1]


def test_an_array_that_was_there_before_is_missed_gravely() -> None:
    found = {one.what: one.severity for one in health(seen("all-stopped"), ["md0", "md3"])}
    assert found == {"md0": GRAVE, "md1": WRONG, "md2": WRONG, "md3": GRAVE}


def test_what_arrays_are_at_is_told() -> None:
    made = {one.name: one for one in seen("made").arrays or ()}
    assert (made["md0"].action, made["md1"].action, made["md2"].action) == ("resync", "resync", "recovery")
    assert (made["md0"].is_degraded, made["md1"].percent, made["md2"].is_degraded) == (False, None, True)
    assert (array("check", "md1").action, array("check", "md1").state) == ("check", "clean, checking")
    assert (array("healthy", "md2").wanted, array("healthy", "md2").working) == (3, 3)
    assert (array("spare", "md2").wanted, len(array("spare", "md2").members)) == (3, 4)


def test_a_stripe_that_lost_a_disk_shows_it_to_mdadm_alone() -> None:
    lost = array("stripe-lost", "md3")
    assert (lost.active, lost.failed, lost.working, lost.state) == (True, (), 1, "broken, FAILED")
    assert lost.is_lost


def test_an_array_that_does_not_run_is_known_by_what_its_one_disk_says() -> None:
    one = array("inactive", "md2")
    assert (one.active, one.level, one.working, one.state, one.is_lost) == (False, "raid5", 0, "inactive", True)


def test_disks_of_every_kind_are_asked_as_what_they_are() -> None:
    well = disks("disks")
    assert set(well) == {"NVME0", "NVME1", "SATA0", "SATA1", "SCSI0", "SCSI1", "SCSI2", "SCSI3"}
    for name in ("NVME0", "NVME1", "SATA0", "SATA1"):
        assert (well[name].passed, well[name].complaint, well[name].counts) == (True, "", {}), name
    assert (well["SATA0"].model, well["NVME0"].model) == ("QEMU HARDDISK", "QEMU NVMe Ctrl")
    assert {well[f"SCSI{number}"].complaint for number in range(4)} == {"it tells nothing"}


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("nvme-spare-and-reliability", "its spare room is below the threshold; it has become unreliable"),
        ("nvme-read-only", "it takes no writes any more"),
        ("nvme-cache", "the backup of its cache has failed"),
    ],
)
def test_an_nvme_disk_that_warns_is_failing(state: str, says: str) -> None:
    found = {one.what: one for one in health(seen(state))}
    assert found["NVME0"].severity is GRAVE
    assert found["NVME0"].sentence.endswith(f"its own verdict is that it fails; {says}.")


def test_an_nvme_disk_that_is_hot_alone_does_not_fail_whatever_its_verdict_says() -> None:
    assert disks("nvme-hot")["NVME0"].passed is True
    assert "NVME0" not in {one.what for one in health(seen("nvme-hot"))}
