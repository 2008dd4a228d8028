"""What a server tells of itself becomes findings, each with a severity, a sentence, and a way out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hosting.commands.raid import parse_arrays
from hosting.commands.smart import parse_disk
from hosting.policy.fleet_health import health
from hosting.policy.inspected import DatabaseHealth, DiskUse, LongTransaction, Seen
from hosting.policy.inspection import FleetFinding, Look, Severity, told_mend
from hosting.policy.server_updates import Change, SystemFacts, Transaction
from tests.commands.recorded import recorded, recorded_json

NOW = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
GIB = 2**30
SYSTEM = SystemFacts("debian 12", "6.1.0-30-amd64", "", reboot_required=False, boot="b", packages={"php8.2-fpm": "8.2.29-1"})  # fmt: skip
WELL = Seen(
    "app1", NOW, arrays=(), virtual="kvm", use=(DiskUse("/srv", 100 * GIB, 50 * GIB, 1000, 900),), units={},
    database=DatabaseHealth(up=True), clock_off=0.0, clock_kept=True, system=SYSTEM, offered=Transaction(),
    certificate_ends=NOW + timedelta(days=60), mail_waiting=0,
)  # fmt: skip


def raid(name: str, **known: object) -> Seen:
    return replace(WELL, arrays=parse_arrays(recorded(f"mdstat-{name}.txt"), {}, {}), **known)


def only(seen: Seen, *, before: tuple[str, ...] = ()) -> FleetFinding:
    [one] = health(seen, before)
    return one


def test_of_a_server_that_is_well_nothing_is_found() -> None:
    assert health(WELL) == []
    assert health(raid("healthy"), ("md0", "md1", "md2")) == []
    assert health(raid("check")) == []


def test_a_server_without_limits_in_its_kernel_is_known_as_one_and_asks_for_nothing() -> None:
    [one] = health(WELL, has_fence=False)
    assert (one.severity, one.key) == (Severity.NOTE, "app1:disks:no-fence")
    assert one.sentence == (
        "Who stores more than is booked on app1 is stopped by the product alone: its kernel keeps no limits."
    )
    assert health(replace(WELL, use=None), has_fence=False) == []  # its disks were not looked at


def test_a_degraded_array_is_grave_and_names_the_disk() -> None:
    one = only(raid("faulty"))
    assert (one.severity, one.key) == (Severity.GRAVE, "app1:raid:md1")
    assert one.sentence == (
        "The array md1 (raid1) of app1 is degraded: 1 of 2 disks work; the kernel has thrown out sda3."
    )


def test_an_array_that_is_rebuilt_keeps_its_finding_which_says_when_it_is_through() -> None:
    found = {one.key: one for one in health(raid("rebuilding"))}
    one = found["app1:raid:md1"]
    assert one.severity is Severity.WRONG
    assert "recovery is 12.6 percent through, done in 127.5min" in one.sentence
    assert "waits for its turn" in found["app1:raid:md0"].sentence


def test_lost_arrays_are_grave() -> None:
    assert {(one.what, one.severity) for one in health(raid("failed"))} == {
        ("md3", Severity.GRAVE),
        ("md4", Severity.GRAVE),
    }
    assert only(raid("inactive")).sentence == "The array md127 of app1 is not running."


def test_a_missing_array_is_found_by_what_the_server_had_when_it_was_enrolled_or_names_itself() -> None:
    one = only(raid("none"), before=("md0",))
    assert (one.severity, one.sentence) == (
        Severity.GRAVE,
        "app1 does not have the array md0, which it was enrolled with.",
    )
    assert only(raid("none", arrays_named=("md1",))).severity is Severity.WRONG


def test_a_server_with_disks_of_its_own_and_no_array_at_all_is_told() -> None:
    one = only(raid("none", virtual="", disks=()))
    assert (one.key, one.severity) == ("app1:raid:none", Severity.WRONG)
    assert "no array" in one.sentence
    assert health(raid("healthy", virtual="", disks=())) == []
    assert [one.what for one in health(raid("none", virtual="", disks=()), ("md0",))] == ["md0"]


def test_a_spare_that_took_over_asks_for_another_one() -> None:
    assert only(raid("spare-took-over")).severity is Severity.WRONG


def compared(action: str, count: int) -> Seen:
    """Whole arrays, of which one was compared."""
    told = {"md1": {"mismatch_cnt": str(count), "last_sync_action": action}}
    return replace(WELL, arrays=parse_arrays(recorded("mdstat-healthy.txt"), {}, {}, None, told))


def test_disks_of_an_array_that_differ_are_told_until_a_check_finds_them_equal() -> None:
    one = only(compared("check", 384))
    assert (one.severity, one.key) == (Severity.WRONG, "app1:raid:md1")
    assert one.sentence == (
        "The array md1 (raid1) of app1 is whole, and its last check found 384 sectors that differ between its disks."
    )
    assert one.do.endswith("docs/runbooks/inspect-fleet.md, RAID, disks that differ.")
    assert "a repair made them equal" in only(compared("repair", 384)).sentence
    assert health(compared("check", 0)) == health(compared("resync", 384)) == []


@pytest.mark.parametrize(
    ("name", "severity"),
    [("sata-healthy", None), ("nvme-healthy", None), ("sata-failing", Severity.GRAVE), ("nvme-failing", Severity.GRAVE), ("sata-pending", Severity.WRONG), ("ssd-worn", Severity.WRONG), ("sas-defects", Severity.WRONG), ("gone", Severity.NOTE)],
)  # fmt: skip
def test_disks_are_told_by_what_they_say_of_themselves(name: str, severity: Severity | None) -> None:
    told = recorded_json(f"smart-{name}.json")
    found = health(raid("healthy", virtual="", disks=(parse_disk(told["device"]["name"], told),)))
    assert [one.severity for one in found] == ([severity] if severity else [])
    assert all(one.look is Look.SMART for one in found)


def test_a_finding_of_a_disk_goes_by_its_serial_whatever_the_kernel_calls_it() -> None:
    told = recorded_json("smart-sata-failing.json")
    first, second = (only(replace(WELL, disks=(parse_disk(name, told),))).key for name in ("/dev/sda", "/dev/sdb"))
    assert first == second == "app1:smart:V1GBBBBB"


def test_a_machine_of_metal_that_can_not_ask_its_disks_is_told() -> None:
    assert only(raid("healthy", virtual="")).what == "not asked"


@pytest.mark.parametrize(("free", "severity"), [(11, None), (10, Severity.WRONG), (3, Severity.GRAVE)])
def test_full_disks_are_told_in_time(free: int, severity: Severity | None) -> None:
    found = health(replace(WELL, use=(DiskUse("/srv", 100 * GIB, free * GIB),)))
    assert [one.severity for one in found] == ([severity] if severity else [])


def test_a_disk_without_inodes_is_as_full_and_one_that_counts_none_is_not() -> None:
    assert only(replace(WELL, use=(DiskUse("/", GIB, GIB, 1000, 10),))).what == "/ inodes"
    assert health(replace(WELL, use=(DiskUse("/", GIB, GIB, 0, 0),))) == []
    assert only(replace(WELL, use=(DiskUse("/", GIB, GIB, read_only=True),))).severity is Severity.GRAVE


def test_a_unit_of_ours_that_is_down_can_be_started_by_word_and_another_one_is_only_told() -> None:
    found = {one.what: one for one in health(replace(WELL, units={"apache2": "failed"}, failed_units=("fwupd",)))}
    assert found["apache2"].severity is Severity.GRAVE
    assert told_mend(found["apache2"].mend) == "On app1 the unit apache2 is started."
    assert found["apache2"].told_do.endswith("By your word: phm findings mend app1:services:apache2")
    assert (found["fwupd"].severity, found["fwupd"].mend) == (Severity.NOTE, {})


def test_a_database_that_is_down_or_has_broken_tables_is_grave() -> None:
    down = replace(WELL, database=DatabaseHealth(up=False, said="Can't connect"), failed={"databases": "Can't connect"})
    assert only(down).what == "down"
    broken = tuple(f"phm_x.t{number}" for number in range(7))
    one = only(replace(WELL, database=DatabaseHealth(up=True, broken=broken)))
    assert one.sentence.endswith("phm_x.t0, phm_x.t1, phm_x.t2, phm_x.t3, phm_x.t4 and 2 more.")


def test_a_transaction_of_an_instance_is_long_sooner_than_a_dump() -> None:
    def of(user: str, hours: float) -> list[FleetFinding]:
        return health(
            replace(WELL, database=DatabaseHealth(True, transactions=(LongTransaction(user, "d", int(hours * 3600)),)))
        )

    assert of("phm_x", 0.9) == []
    assert of("root", 11) == []
    assert of("phm_x", 1.1)[0].key == "app1:database:long-transaction-phm_x"
    assert len(of("root", 13)) == 1


def test_clock_packages_certificate_and_mail_are_told() -> None:
    waits = Transaction((Change("openssl", "1", "2", ("Debian-Security:12/stable-security",)), Change("vim", "1", "2", ("Debian:12/stable",))))  # fmt: skip
    seen = replace(
        WELL, clock_off=-7.5, offered=waits, certificate_ends=NOW + timedelta(days=20), mail_waiting=400,
        system=replace(SYSTEM, half_done=("dpkg",), reboot_required=True),
    )  # fmt: skip
    found = {one.what: one for one in health(seen)}
    assert found["off"].sentence == "The clock of app1 is 7.5 s behind the control machine's."
    assert found["security updates"].sentence == "Security updates wait on app1: openssl."
    assert found["own name"].severity is Severity.WRONG
    assert only(replace(WELL, certificate_ends=NOW + timedelta(days=7))).severity is Severity.GRAVE
    assert set(found) == {"off", "security updates", "own name", "queue", "half done", "reboot"}


def test_what_gets_no_more_fixes_is_told_unless_the_distribution_goes_on_for_it() -> None:
    assert health(WELL) == []  # PHP 8.2 ends within weeks; Debian 12 goes on with it
    [one] = health(replace(WELL, system=replace(SYSTEM, distribution="debian 11", packages={})))
    assert one.sentence == "app1: debian 11 gets no more security fixes since 2026-08-31."


def test_a_look_that_could_not_be_made_is_a_finding_of_its_own() -> None:
    one = only(replace(WELL, failed={"smart": "smartctl ended with 127"}))
    assert (one.key, one.look) == ("app1:smart:not-made", Look.SMART)


def test_every_finding_says_what_to_do() -> None:
    bad = replace(raid("failed"), units={"cron": "inactive"}, clock_off=90.0, mail_waiting=99)
    assert all(one.do.endswith((".", "…")) and one.sentence.endswith(".") for one in health(bad))
