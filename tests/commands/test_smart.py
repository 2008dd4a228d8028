"""Recorded outputs of smartctl are read as what disks say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands.smart import parse_disk
from tests.commands.recorded import recorded_json

if TYPE_CHECKING:
    from hosting.policy.inspected import DiskHealth


def disk(name: str) -> DiskHealth:
    told = recorded_json(f"smart-{name}.json")
    return parse_disk(told["device"]["name"], told)


def test_healthy_disks_have_nothing_to_say() -> None:
    for name in ("sata-healthy", "nvme-healthy"):
        one = disk(name)
        assert one.passed is True
        assert not any((one.failing, one.failed_before, one.counts, one.warnings, one.self_test, one.complaint))
    assert disk("nvme-healthy").worn_percent == 7
    assert disk("sata-healthy").named == "/dev/sda (HGST HUS726T4TALA6L1, V6G0AAAA)"


def test_a_failing_disk_tells_so_by_its_verdict_its_attributes_and_its_test() -> None:
    one = disk("sata-failing")
    assert one.passed is False
    assert one.failing == ("Reallocated_Sector_Ct",)
    assert one.counts == {"reallocated": 1988, "pending": 64, "uncorrectable": 12}
    assert one.self_test == "Completed: read failure"


def test_pending_sectors_are_counted_and_a_test_that_was_broken_off_says_nothing() -> None:
    one = disk("sata-pending")
    assert one.passed is True
    assert one.counts == {"reallocated": 8, "pending": 3}
    assert not one.self_test


def test_a_worn_solid_state_disk_tells_how_much_is_used_and_a_turning_one_has_no_such_figure() -> None:
    assert disk("ssd-worn").worn_percent == 94
    assert disk("sata-failing").worn_percent is None


def test_a_failing_nvme_disk_tells_its_warnings_in_words() -> None:
    one = disk("nvme-failing")
    assert one.passed is False
    assert one.warnings == ("its spare room is below the threshold", "it has become unreliable")
    assert (one.spare_percent, one.spare_least, one.worn_percent) == (4, 10, 113)
    assert one.counts == {"media errors": 17}
    assert one.self_test == "Completed: failed segments"


def test_a_sas_disk_counts_its_grown_defects_and_what_it_could_not_correct() -> None:
    one = disk("sas-defects")
    assert one.counts == {"reallocated": 31, "uncorrectable": 2}
    assert one.model == "IBM-SSG HHHH600"


def sas(*results: tuple[int, str]) -> DiskHealth:
    """A SAS disk with these results of self-tests, the latest first."""
    told = recorded_json("smart-sas-defects.json")
    tests = {
        f"scsi_self_test_{number}": {"code": {"value": 2}, "result": {"value": value, "string": said}}
        for number, (value, said) in enumerate(results)
    }
    return parse_disk("/dev/sde", {**told, **tests})


def test_a_sas_disk_s_last_self_test_that_came_to_an_end_counts() -> None:
    good, failed = (0, "Completed"), (6, "Failed in second segment")
    assert sas().self_test == sas(good, failed).self_test == ""
    assert sas((15, "Self test in progress ..."), (1, "Aborted (by user command)"), failed, good).self_test == failed[1]


def test_a_disk_that_can_not_be_asked_tells_why() -> None:
    assert disk("gone").complaint == "Smartctl open device: /dev/sdf [SAT] failed: No such device"
    assert parse_disk("/dev/sdz", {}).complaint == "smartctl could not open it"
    assert disk("virtual").complaint == "it tells nothing"
