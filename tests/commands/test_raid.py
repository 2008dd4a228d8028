"""Recorded outputs of the kernel and of mdadm are read as what they say."""

from __future__ import annotations

import pytest

from hosting.commands.raid import parse_arrays, parse_named
from hosting.policy.inspected import ArrayFacts
from tests.commands.recorded import recorded


def arrays(name: str, **detail: str) -> dict[str, ArrayFacts]:
    return {one.name: one for one in parse_arrays(recorded(f"mdstat-{name}.txt"), detail, {})}


def test_whole_arrays_are_whole() -> None:
    found = arrays("healthy")
    assert list(found) == ["md2", "md1", "md0"]
    for one in found.values():
        assert (one.level, one.active, one.wanted, one.working) == ("raid1", True, 2, 2)
        assert not any((one.is_degraded, one.is_lost, one.is_rebuilding, one.failed, one.read_only))
    assert found["md2"].members == ("nvme1n1p3", "nvme0n1p3")


def test_a_server_without_arrays_has_none() -> None:
    assert arrays("none") == {}
    assert parse_arrays("", {}, {}) == ()


def test_a_disk_that_was_thrown_out_is_named() -> None:
    found = arrays("faulty", md1=recorded("detail-faulty.txt"))
    assert [name for name, one in found.items() if one.is_degraded] == ["md1"]
    one = found["md1"]
    assert (one.failed, one.wanted, one.working, one.state) == (("sda3",), 2, 1, "active, degraded")
    assert not one.is_lost
    assert not one.is_rebuilding


def test_a_disk_that_is_not_there_any_more_makes_its_arrays_degraded() -> None:
    found = arrays("missing-disk")
    assert all(one.is_degraded and not one.failed and not one.is_lost for one in found.values())


def test_an_array_that_is_rebuilt_tells_how_far_it_is_and_one_that_waits_does_not() -> None:
    found = arrays("rebuilding")
    one = found["md1"]
    assert (one.is_degraded, one.is_rebuilding, one.action, one.percent, one.finish) == (
        True,
        True,
        "recovery",
        12.6,
        "127.5min",
    )
    waiting = found["md0"]
    assert (waiting.is_rebuilding, waiting.action, waiting.percent) == (True, "resync", None)


def test_a_look_through_whole_arrays_is_no_rebuilding() -> None:
    found = arrays("check")
    assert found["md1"].action == "check"
    assert not any(one.is_rebuilding or one.is_degraded for one in found.values())
    assert not found["md0"].read_only  # "auto-read-only" ends with the first write


def test_an_array_that_has_lost_more_disks_than_its_level_bears_is_lost() -> None:
    found = arrays("failed", md3=recorded("detail-failed.txt"))
    assert found["md3"].is_lost
    assert found["md3"].failed == ("sdc1", "sdb1")
    assert found["md4"].is_lost  # a stripe bears none


def test_an_array_that_the_kernel_does_not_run_is_lost_and_mdadm_tells_its_disks() -> None:
    there = recorded("mdstat-inactive.txt")
    found = parse_arrays(there, {"md127": recorded("detail-inactive.txt")}, {"md127": recorded("export-inactive.txt")})
    one = next(one for one in found if one.name == "md127")
    assert (one.active, one.is_lost, one.level, one.working, one.state) == (False, True, "raid5", 0, "inactive")


def test_a_spare_that_took_over_leaves_the_array_whole_and_the_failed_disk_named() -> None:
    one = arrays("spare-took-over")["md0"]
    assert not one.is_degraded
    assert one.failed == ("sda1",)


@pytest.mark.parametrize(
    ("level", "wanted", "working", "lost"),
    [("raid1", 3, 1, False), ("raid1", 2, 0, True), ("raid5", 4, 3, False), ("raid5", 4, 2, True), ("raid6", 6, 4, False), ("raid6", 6, 3, True), ("raid0", 2, 1, True)],
)  # fmt: skip
def test_levels_bear_as_many_lost_disks_as_they_do(level: str, wanted: int, working: int, lost: bool) -> None:
    assert ArrayFacts("md0", level, active=True, wanted=wanted, working=working, members=()).is_lost is lost


def test_the_arrays_that_the_configuration_names_are_known_by_number_unless_they_have_another_name_now() -> None:
    assert parse_named(recorded("mdadm.conf"), {}) == ("md0", "md1")
    renamed = {"md127": "MD_LEVEL=raid1\nMD_UUID=aaaa1111:bbbb2222:cccc3333:dddd4444\n"}
    assert parse_named(recorded("mdadm.conf"), renamed) == ("md1",)


@pytest.mark.parametrize(
    ("action", "count", "found"),
    [("check", "128", (128, False)), ("repair", "128", (128, True)), ("check", "0", (0, False)), ("resync", "128", (0, False)), ("recovery", "128", (0, False)), ("none", "0", (0, False)), ("", "", (0, False))],
)  # fmt: skip
def test_what_differed_is_told_of_a_comparison_and_of_nothing_else(
    action: str, count: str, found: tuple[int, bool]
) -> None:
    """A new array is made equal by a resync, which counts what nobody has written; a stripe has no such file."""
    compared = {"md1": {"mismatch_cnt": count, "last_sync_action": action}}
    known = {one.name: one for one in parse_arrays(recorded("mdstat-healthy.txt"), {}, {}, None, compared)}
    assert (known["md1"].differing, known["md1"].made_equal) == found
    assert (known["md0"].differing, known["md2"].differing) == (0, 0)
