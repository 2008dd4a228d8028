"""What a real kernel, mdadm and smartctl say of arrays and disks, recorded for the tests of our parsers (P18).

    python -m tests.bench.raid_outputs [--work FOLDER]

Disks of a guest are put into arrays, thrown out, taken out, rebuilt, stopped; each time the guest is looked at by the
command that looks at servers, and its answer becomes a file of tests/commands/recorded/guest.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hosting.commands.inspecting import Asked, inspect
from hosting.policy.fleet_expected import Expected
from hosting.policy.inspection import Look
from tasks.inspecting import program
from tests.bench.guest import BROKEN_MIB, running
from tests.commands.recorded import HERE

if TYPE_CHECKING:
    from tests.bench.guest import Guest

FOLDER = HERE / "guest"
SLOW, FAST = 100, 1_000_000
"""KiB a second for which md may rebuild: so that it is seen at work, and so that nobody waits."""

PARTITIONS = "label: gpt\n,40M\n,40M\n"
SATA, SCSI = "/dev/disk/by-id/ata-QEMU_HARDDISK_SATA", "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_SCSI"
WRITE = "timeout 30 dd if=/dev/zero oflag=direct conv=notrunc"
WARNINGS = {"spare-and-reliability": 1 << 0 | 1 << 2, "hot": 1 << 1, "read-only": 1 << 3, "cache": 1 << 4}


class Recorder:
    """Looks at the guest, and keeps what it said."""

    def __init__(self, guest: Guest) -> None:
        """The guest's programs tell their versions once."""
        self.guest = guest
        versions = guest.run("uname -r; dpkg-query -W -f '${Package} ${Version}\\n' mdadm smartmontools").split("\n")
        qemu = guest.monitor("query-version")["qemu"]
        self.head = (
            f"Recorded {datetime.now(UTC):%Y-%m-%d} in a QEMU {qemu['major']}.{qemu['minor']} guest by `make raid-outputs`:"
            f" Linux {versions[0]}, {versions[1]}, {versions[2]}."
        )

    def keep(self, name: str, said: str, look: Look = Look.RAID) -> None:
        """The answer to one look, as a file."""
        answer = json.loads(self.guest.answer(inspect(program(), Asked({look}, Expected("guest")))))
        text = json.dumps(answer, indent=1, sort_keys=True)
        (FOLDER / f"{name}.json").write_text(f"# {self.head}\n# {said}\n{text}\n", encoding="utf-8")
        print(f"{name}: {said}", flush=True)


def pace(guest: Guest, kibibytes: int) -> None:
    """How fast md may rebuild."""
    guest.run(f"modprobe md_mod; cd /proc/sys/dev/raid; echo {kibibytes} | tee speed_limit_min speed_limit_max")


def wait(guest: Guest, array: str) -> None:
    """Until nothing is done on an array."""
    pace(guest, FAST)
    guest.run(f"mdadm --wait /dev/{array}", check=False)
    guest.until(f"grep -qx idle /sys/block/{array}/md/sync_action")


def set_up(guest: Guest, recorder: Recorder) -> None:
    """Two mirrors on partitions of two NVMe disks, and a RAID5 of three disks."""
    recorder.keep("none", "No array yet.")
    recorder.keep("disks", "Two NVMe, two SATA and four SCSI disks; those of SCSI tell nothing.", Look.SMART)
    pace(guest, SLOW)
    for disk in ("nvme0n1", "nvme1n1"):
        guest.run(f"sfdisk -q /dev/{disk} && udevadm settle", PARTITIONS.encode())
    for number, bitmap in enumerate(("none", "internal")):
        pair = f"/dev/nvme0n1p{number + 1} /dev/nvme1n1p{number + 1}"
        guest.run(f"mdadm --create /dev/md{number} --run --level=1 --bitmap={bitmap} --raid-devices=2 {pair}")
    guest.run(f"mdadm --create /dev/md2 --run --level=5 --raid-devices=3 {SATA}0 {SATA}1 {SCSI}0")
    recorder.keep("made", "Just made: md0 is copied, md1 waits, both on the same disks; md2 fills its last disk.")
    for array in ("md0", "md1", "md2"):
        wait(guest, array)
    guest.run("mdadm --detail --scan >/etc/mdadm/mdadm.conf")
    recorder.keep("healthy", "All three are whole.")


def look_through(guest: Guest, recorder: Recorder) -> None:
    """The monthly look through an array, and one that is made to take no writes."""
    pace(guest, SLOW)
    guest.run("echo check >/sys/block/md1/md/sync_action; sleep 3")
    recorder.keep("check", "md1 is looked through, as checkarray does each month.")
    guest.run("echo idle >/sys/block/md1/md/sync_action")
    wait(guest, "md1")
    guest.run("mdadm --readonly /dev/md0")
    recorder.keep("read-only", "md0 takes no writes by somebody's wish.")
    guest.run("mdadm --readwrite /dev/md0")


def fail_to_write(guest: Guest, recorder: Recorder) -> None:
    """A disk that fails to take a write: it stays, a spare is copied, then it is thrown out."""
    guest.run(f"{WRITE} of=/dev/md2 bs=1M seek={2 * BROKEN_MIB - 16} count=32", check=False)
    guest.until("grep -q write_error /sys/block/md2/md/dev-*/state")
    recorder.keep("bad-blocks", "The disk SATA1 failed to take a write in md2; it has no spare.")
    recorder.keep("disks-bad-blocks", "The SATA disk that failed to take a write.", Look.SMART)
    pace(guest, SLOW)
    guest.run(f"mdadm /dev/md2 --add {SCSI}1; sleep 3")
    recorder.keep("replaced", "md2 was given a spare: it is copied to take the place of SATA1.")
    wait(guest, "md2")
    recorder.keep("spare-took-over", "The spare has taken its place; SATA1 was thrown out and still shows.")
    guest.run(f"mdadm /dev/md2 --remove {SATA}1 && mdadm /dev/md2 --add {SCSI}2; sleep 1")
    recorder.keep("spare", "SATA1 was removed; md2 has a spare that waits.")


def throw_out(guest: Guest, recorder: Recorder) -> None:
    """Disks out of their arrays by hand, and in again."""
    guest.run("mdadm /dev/md0 --fail /dev/nvme1n1p1 && mdadm /dev/md1 --fail /dev/nvme1n1p2")
    recorder.keep("faulty", "Both mirrors have thrown out their partitions of a disk.")
    guest.run("mdadm /dev/md0 --remove /dev/nvme1n1p1 && mdadm /dev/md1 --remove /dev/nvme1n1p2")
    recorder.keep("degraded", "The partitions were removed.")
    guest.run("mdadm --zero-superblock /dev/nvme1n1p1 /dev/nvme1n1p2")
    pace(guest, SLOW)
    guest.run("mdadm /dev/md0 --add /dev/nvme1n1p1 && mdadm /dev/md1 --add /dev/nvme1n1p2; sleep 3")
    recorder.keep("rebuilding", "New partitions were added: md0 is rebuilt, md1 waits, both on the same disks.")
    guest.run(f"mdadm /dev/md2 --fail {SATA}0; sleep 3")
    recorder.keep("spare-takes-over", "md2 has thrown out SATA0, and its spare is being filled, too.")
    for array in ("md0", "md1", "md2"):
        wait(guest, array)
    guest.run(f"mdadm /dev/md2 --remove {SATA}0 && mdadm --zero-superblock {SATA}0")


def pull(guest: Guest, recorder: Recorder) -> None:
    """Disks that are pulled while their arrays are in use."""
    guest.run(f"mdadm --create /dev/md3 --run --level=0 --raid-devices=2 {SATA}0 {SCSI}3")
    recorder.keep("stripe", "md3 is a stripe; it is whole.")
    for array in ("md0", "md1", "md2", "md3"):
        guest.run(f"sleep 9999 </dev/{array} >/dev/null 2>&1 & echo $! >>/run/holders")
    pulled(guest, "scsi0", SCSI, "md2")
    recorder.keep("pulled", "A disk of md2 was pulled; it has no spare any more.")
    pulled(guest, "scsi3", SCSI, "md3")
    recorder.keep("stripe-lost", "A disk of the stripe was pulled.")
    guest.unplug("nvme1", "/dev/nvme1n1")
    guest.run(f"{WRITE} of=/dev/md0 bs=4k count=64; {WRITE} of=/dev/md1 bs=4k count=64; sleep 2", check=False)
    recorder.keep("disk-gone", "An NVMe disk was pulled: both mirrors have lost it.")
    pulled(guest, "scsi1", SCSI, "md2")
    recorder.keep("failed", "A second disk of md2 was pulled.")
    guest.run("kill $(cat /run/holders)")


def pulled(guest: Guest, disk: str, kind: str, array: str) -> None:
    """A disk that was pulled, and a write that finds it gone."""
    guest.unplug(disk, guest.run(f"readlink -f {kind}{disk[-1]}").strip())
    guest.run(f"{WRITE} of=/dev/{array} bs=4k count=512; sleep 2", check=False)


def stop(guest: Guest, recorder: Recorder) -> None:
    """Arrays that the kernel does not have, or does not run."""
    for array in ("md2", "md3"):
        guest.until(f"mdadm --stop /dev/{array}")
    recorder.keep("stopped", "md2 and md3 were stopped; mdadm.conf names md2.")
    guest.run(f"mdadm --incremental {SCSI}2", check=False)
    recorder.keep("inactive", "One disk of md2 came up alone: the kernel does not run it.")
    for array in ("md2", "md1", "md0"):
        guest.until(f"mdadm --stop /dev/{array}")
    recorder.keep("all-stopped", "No array runs; mdadm.conf names three.")
    guest.run("echo 1 >/sys/module/md_mod/parameters/start_ro")
    guest.run("mdadm --assemble --run /dev/md127 /dev/nvme0n1p2")
    recorder.keep("renamed", "md1 came up as md127, and waits for its first write (auto-read-only).")


def warn(guest: Guest, recorder: Recorder) -> None:
    """What an NVMe disk warns of."""
    for name, bits in WARNINGS.items():
        guest.monitor("qom-set", path="/machine/peripheral/nvme0", property="smart_critical_warning", value=bits)
        recorder.keep(f"nvme-{name}", f"The NVMe disk has the critical warning {bits:#04x}.", Look.SMART)


def main() -> None:
    """The whole story."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "phm-guest")
    FOLDER.mkdir(exist_ok=True)
    with running(words.parse_args().work) as guest:
        recorder = Recorder(guest)
        for part in (set_up, look_through, fail_to_write, throw_out, pull, stop, warn):
            part(guest, recorder)


if __name__ == "__main__":
    main()
