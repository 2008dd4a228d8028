"""What disks say of themselves, as `smartctl --json` of smartmontools 7.3 tells it; the parser is pure (P18).

Sources: smartctl(8), RETURN VALUES for the bits of the exit status; the NVMe base specification, SMART / Health
Information, for the bits of `critical_warning`; https://www.smartmontools.org for the numbers of attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hosting.policy.inspected import DiskHealth

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_OPENED, COMMAND_FAILED, FAILING = 1 << 1, 1 << 2, 1 << 3
"""Bits of the exit status: the disk could not be opened; a command to it failed; it says that it fails."""

COUNTED = {5: "reallocated", 197: "pending", 198: "uncorrectable"}
"""ATA attributes whose raw value counts sectors."""

WORN = frozenset({177, 202, 231, 233})
"""ATA attributes whose normalised value tells what is left of a solid-state disk's life, in percent."""

WHOLE = 100

HOT = 1 << 1
"""The bit of an NVMe disk's `critical_warning` that passes by itself, and by which alone it does not fail."""

WARNINGS = {
    1 << 0: "its spare room is below the threshold",
    1 << 2: "it has become unreliable",
    1 << 3: "it takes no writes any more",
    1 << 4: "the backup of its cache has failed",
    1 << 5: "its persistent memory is unreliable",
}
"""The other bits of an NVMe disk's `critical_warning`."""

GOOD_TESTS = frozenset({0, 15})
"""Results of a self-test: through without an error, or still at work."""

BROKEN_OFF = frozenset({1, 2})
"""It was aborted by its host or a reset: that says nothing."""

NVME_FAILED = frozenset({5, 6, 7})
"""Results of an NVMe disk's self-test that found an error; the others are through, or broken off."""

SAS_FAILED = frozenset({3, 4, 5, 6, 7})
"""Results of a SAS disk's self-test (SPC-4, 7.3.21) that found an error, or could not be ended for one."""

SAS_TESTS = tuple(f"scsi_self_test_{number}" for number in range(20))
"""The self-tests that a SAS disk remembers, the latest first."""


def parse_disk(device: str, told: Mapping[str, Any]) -> DiskHealth:
    """One disk, as smartctl told it.

    Args:
        device: its path.
        told: the JSON as a mapping; empty where smartctl wrote none.
    """
    status = int(told.get("smartctl", {}).get("exit_status", 0))
    if not told or status & NOT_OPENED:
        return DiskHealth(device, complaint=_complaint(told) or "smartctl could not open it")
    verdict = told.get("smart_status", {}).get("passed")
    nvme, scsi = told.get("nvme_smart_health_information_log", {}), told.get("scsi_error_counter_log", {})
    attributes = told.get("ata_smart_attributes", {}).get("table", [])
    counts = {COUNTED[row["id"]]: _raw(row) for row in attributes if row["id"] in COUNTED}
    counts |= {"media errors": int(nvme["media_errors"])} if nvme.get("media_errors") else {}
    grown = told.get("scsi_grown_defect_list")
    counts |= {"reallocated": int(grown)} if grown else {}
    lost = sum(int(one.get("total_uncorrected_errors", 0)) for one in scsi.values() if isinstance(one, dict))
    counts |= {"uncorrectable": lost} if lost else {}
    warned = int(nvme.get("critical_warning", 0))
    silent = verdict is None and not attributes and not nvme and not scsi
    return DiskHealth(
        device,
        model=str(told.get("model_name") or told.get("scsi_model_name") or ""),
        serial=str(told.get("serial_number", "")),
        passed=warned == HOT or (False if status & FAILING else verdict),
        failing=tuple(row["name"] for row in attributes if row.get("when_failed") == "now"),
        failed_before=tuple(row["name"] for row in attributes if row.get("when_failed") == "past"),
        counts={name: count for name, count in counts.items() if count},
        worn_percent=_worn(told, attributes, nvme),
        spare_percent=nvme.get("available_spare"),
        spare_least=int(nvme.get("available_spare_threshold", 0)),
        warnings=tuple(said for bit, said in WARNINGS.items() if warned & bit),
        self_test=_last_test(told),
        complaint=(_complaint(told) or "it tells nothing") if silent else "",
    )


def _worn(told: Mapping[str, Any], attributes: list[dict[str, Any]], nvme: Mapping[str, Any]) -> int | None:
    """What of a solid-state disk's life is used, in percent; None where nothing tells."""
    if "percentage_used" in nvme:
        return int(nvme["percentage_used"])
    if "scsi_percentage_used_endurance_indicator" in told:
        return int(told["scsi_percentage_used_endurance_indicator"])
    if told.get("rotation_rate") != 0:
        return None
    left = [int(row.get("value", 0)) for row in attributes if row["id"] in WORN]
    return max((WHOLE - one for one in left if 0 < one <= WHOLE), default=None)


def _last_test(told: Mapping[str, Any]) -> str:
    """What the last self-test said that came to an end, if it was no good."""
    ata = told.get("ata_smart_self_test_log", {}).get("standard", {}).get("table", [])
    nvme = told.get("nvme_self_test_log", {}).get("table", [])
    for row in ata:
        if (value := int(row["status"]["value"]) >> 4) in GOOD_TESTS:
            return ""
        if value not in BROKEN_OFF:
            return str(row["status"]["string"])
    for row in nvme:
        result = row["self_test_result"]
        if int(result["value"]) == 0:
            return ""
        if int(result["value"]) in NVME_FAILED:
            return str(result["string"])
    return _last_sas_test([told[key]["result"] for key in SAS_TESTS if key in told])


def _last_sas_test(results: list[dict[str, Any]]) -> str:
    """The same of a SAS disk, by the results of its tests, the latest first."""
    for result in results:
        if (value := int(result["value"])) in SAS_FAILED:
            return str(result["string"])
        if value == 0:
            return ""
    return ""


def _raw(row: Mapping[str, Any]) -> int:
    """The count in a raw value: some makers keep other figures in its upper bytes, and write the count in front."""
    text = str(row.get("raw", {}).get("string", "")).split()
    return int(text[0]) if text and text[0].isdigit() else int(row.get("raw", {}).get("value", 0)) & 0xFFFFFFFF


def _complaint(told: Mapping[str, Any]) -> str:
    """What smartctl complained of."""
    said = [one.get("string", "") for one in told.get("smartctl", {}).get("messages", [])]
    return " ".join(" ".join(filter(None, said)).split())[:200]
