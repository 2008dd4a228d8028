"""The disks of a host: changes over the base image, `/srv` and `/var/lib/mysql` on images of fixed size."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.errors import FleetError
from fleet.shell import run

if TYPE_CHECKING:
    from fleet.plan import FileSystem

BALLAST = ".ballast"
MIB = 1024 * 1024
SMALLEST = 4096
BLOCK = 512
FILL_ROUNDS = 200


@dataclass(frozen=True)
class Disks:
    """Where a host's disks are, all below one folder.

    Args:
        folder: the host's own.
        base: the unpacked image below its changes.
    """

    folder: Path
    base: Path

    @property
    def changes(self) -> Path:
        """What differs from the base image."""
        return self.folder / "changes"

    @property
    def work(self) -> Path:
        """The overlay's own scratch folder."""
        return self.folder / "work"

    @property
    def root(self) -> Path:
        """The host's root, as it sees it."""
        return self.folder / "root"

    @property
    def srv(self) -> Path:
        """What the host sees as `/srv`."""
        return self.folder / "srv"

    @property
    def mysql(self) -> Path:
        """What the host sees as `/var/lib/mysql`: a folder on its image, so that `lost+found` is outside."""
        return self.folder / "mysql" / "data"


def create(disks: Disks, *, srv: FileSystem, srv_gib: int, mysql_gib: int) -> None:
    """Fresh disks; sizes in GiB. Images are sparse: they take room as they fill."""
    for folder in (disks.changes, disks.work, disks.root, disks.srv, disks.mysql.parent):
        folder.mkdir(parents=True, exist_ok=True)
    make_image(disks.folder / "srv.img", srv, srv_gib)
    make_image(disks.folder / "mysql.img", "ext4", mysql_gib)
    mount(disks)
    if srv == "btrfs":
        run(["btrfs", "quota", "enable", disks.srv])
    run(["cp", "-a", disks.base / "var/lib/mysql", disks.mysql])


def make_image(file: Path, kind: FileSystem, gib: int) -> None:
    """A file of that size with an empty file system in it."""
    with file.open("wb") as image:
        image.truncate(gib * 1024 * MIB)
    options = ["-q", "-f"] if kind == "btrfs" else ["-q", "-m", "0"]
    run([f"mkfs.{kind}", *options, file], seconds=60)


def mount(disks: Disks) -> None:
    """Mount what is not mounted yet; before the host starts, for a running one sees no later mount."""
    for name in ("srv", "mysql"):
        folder = disks.folder / name
        if not folder.is_mount():
            run(["mount", "-o", "loop,noatime", disks.folder / f"{name}.img", folder])
    if not disks.root.is_mount():
        layers = f"lowerdir={disks.base},upperdir={disks.changes},workdir={disks.work}"
        run(["mount", "-t", "overlay", "overlay", "-o", layers, disks.root])


def remove(disks: Disks) -> None:
    """Throw the disks away; the host must be down."""
    unmount_below(disks.folder)
    shutil.rmtree(disks.folder, ignore_errors=True)


def unmount_below(folder: Path) -> None:
    """Unmount everything in a folder, the deepest first; loop devices go with their mounts.

    Raises:
        FleetError: something still uses one of them.
    """
    mounts = mounted_below(Path("/proc/self/mounts").read_text(), folder.resolve())
    for target in mounts:
        run(["umount", target], check=False)
    left = mounted_below(Path("/proc/self/mounts").read_text(), folder.resolve())
    if left:
        raise FleetError(f"{left[0]} is still in use.", "Leave that folder in all shells and try again.")


def mounted_below(mounts: str, folder: Path) -> list[Path]:
    """Mount points in a folder, the last mounted first.

    Args:
        mounts: the text of /proc/self/mounts.
        folder: where to look.
    """
    targets = [Path(line.split()[1].replace("\\040", " ")) for line in mounts.splitlines()]
    return [target for target in reversed(targets) if target.is_relative_to(folder)]


def mounted(disks: Disks) -> dict[str, Path]:
    """The folders on images of fixed size, by the host's path; only those that are mounted."""
    both = {"/srv": disks.srv, "/var/lib/mysql": disks.mysql}
    return {inside: outside for inside, outside in both.items() if (disks.folder / Path(inside).name).is_mount()}


def place(disks: Disks, path: str) -> Path:
    """The folder on this machine that holds a path of the host on an image of fixed size.

    Raises:
        FleetError: the path lies on no such image, or the host has never started.
    """
    for inside, outside in mounted(disks).items():
        if path.rstrip("/") == inside or path.startswith(inside + "/"):
            return outside
    raise FleetError(f"{path} is not on a disk of fixed size of a started host.", "Choose /srv or /var/lib/mysql.")


def fill(disks: Disks, path: str, *, leave_mib: int = 0) -> int:
    """Fill the disk below a path but for some MiB; returns the room that the ballast takes, in bytes."""
    folder = place(disks, path)
    return fill_folder(folder, keep=leave_mib * MIB)


def fill_folder(folder: Path, *, keep: int) -> int:
    """Lengthen the ballast in a folder until its disk has no more room than is to be kept (in bytes)."""
    handle = os.open(folder / BALLAST, os.O_RDWR | os.O_CREAT, 0o600)
    settled = False
    try:
        size = os.fstat(handle).st_size
        for _ in range(FILL_ROUNDS):
            step = free_bytes(folder) - keep
            taken = grow(handle, size, step)
            if not taken and settled:
                break
            if not taken:
                settle(folder)
            settled = not taken
            size += taken
        return os.fstat(handle).st_blocks * BLOCK
    finally:
        os.close(handle)


def settle(folder: Path) -> None:
    """Have a disk give back what was deleted before: btrfs does so later, and a disk that was filled had room again."""
    if run(["stat", "-f", "-c", "%T", folder]).stdout.strip() == "btrfs":
        for seconds in (1, 30):  # how often btrfs commits by itself; being told anew, it does at once, and cleans up
            run(["mount", "-o", f"remount,commit={seconds}", folder])
        run(["btrfs", "subvolume", "sync", folder], seconds=120)
    run(["sync", "-f", folder])


def grow(handle: int, size: int, step: int) -> int:
    """Lengthen a file by as much of a step as there is room for; returns by how much."""
    while step >= SMALLEST:
        try:
            os.posix_fallocate(handle, size, step)
        except OSError:
            step //= 2
        else:
            os.fsync(handle)
            return step
    return 0


def free_bytes(folder: Path) -> int:
    """Room left on the disk of a folder."""
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


def free(disks: Disks, path: str) -> None:
    """Take the ballast off again."""
    folder = place(disks, path)
    (folder / BALLAST).unlink(missing_ok=True)
    run(["sync", "-f", folder])
