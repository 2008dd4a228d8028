"""A small machine of our own: Debian in QEMU, with disks that can be taken out, and without a network.

What a container can't have, it has: a kernel with md, and disks that answer SMART. QEMU emulates its processor, so that it
runs wherever QEMU does; it has one and 512 MiB, runs nice, and ends with the process that started it.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet import sources
from fleet.image import SUITE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.commands.command import Command

PACKAGES = ("linux-image-amd64", "initramfs-tools", "systemd", "udev", "mdadm", "smartmontools", "python3", "fdisk")
BUILD_SECONDS, BOOT_SECONDS, COMMAND_SECONDS = 1800, 300, 600
SECTOR = 512
DISK_MIB = 96
BROKEN_MIB = 64
"""So far into the disk sata1 a sector takes no write."""

FIRST = """\
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
echo guest >/proc/sys/kernel/hostname
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add && udevadm settle
exec python3 /agent.py
"""

AGENT = """\
import base64, json, os, subprocess
port = os.open("/dev/virtio-ports/phm", os.O_RDWR)
asked, told = os.fdopen(port, "rb", closefd=False), os.fdopen(port, "wb", closefd=False)
for line in asked:
    one = json.loads(line)
    done = subprocess.run(["sh", "-c", one["line"]], input=base64.b64decode(one["stdin"]), capture_output=True)
    answer = {"code": done.returncode, "out": done.stdout.decode(), "err": done.stderr.decode()}
    told.write(json.dumps(answer).encode() + b"\\n")
    told.flush()
"""


class Guest:
    """A machine that runs."""

    def __init__(self, process: subprocess.Popen[bytes], port: socket.socket) -> None:
        """It may be booting still."""
        self.process = process
        self.port = port.makefile("rwb")
        self.monitor("qmp_capabilities")

    def run(self, line: str, stdin: bytes = b"", *, check: bool = True) -> str:
        """What a line for its shell writes."""
        asked = {"line": line, "stdin": base64.b64encode(stdin).decode()}
        self.port.write(json.dumps(asked).encode() + b"\n")
        self.port.flush()
        told = json.loads(self.port.readline())
        assert not (check and told["code"]), f"{line}: {told['err'] or told['out']}"
        return str(told["out"])

    def answer(self, command: Command) -> str:
        """What one of our commands for servers writes."""
        return self.run(command.line, command.stdin or b"")

    def until(self, line: str) -> None:
        """Wait until a line for its shell ends with 0."""
        for _ in range(COMMAND_SECONDS):
            if self.run(f"{line} >/dev/null 2>&1 && echo yes", check=False):
                return
            time.sleep(1)
        raise TimeoutError(line)

    def monitor(self, command: str, **arguments: Any) -> Any:
        """Tell QEMU itself (its machine protocol, QMP)."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            told = json.loads(line)
            assert "error" not in told, told
            if "return" in told:
                return told["return"]
        raise EOFError(command)

    def unplug(self, disk: str, path: str) -> None:
        """Take a disk out while it runs."""
        self.monitor("device_del", id=disk)
        self.until(f"test ! -e {path}")


def ensure_root(work: Path) -> Path:
    """The guest's system as a folder, built once (some minutes)."""
    root = work / "root"
    if root.exists():
        return root
    work.mkdir(parents=True, exist_ok=True)
    listed = work / "debian.list"
    listed.write_text("\n".join(sources.debian_lines(SUITE)) + "\n")
    argv = [
        "nice", "-n", "19", "mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}",
        '--aptopt=Apt::Install-Recommends "false"', *(f"--aptopt={option}" for option in sources.date_options()),
        SUITE, str(work / "root-new"), str(listed),
    ]  # fmt: skip
    with (work / "build.log").open("wb") as log:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        subprocess.run(argv, stdout=log, stderr=log, check=True, timeout=BUILD_SECONDS, env=env)
    return (work / "root-new").rename(root)


@contextmanager
def running(work: Path) -> Iterator[Guest]:
    """A machine with new disks: two of NVMe, two of SATA, and four that hang on virtio-scsi."""
    root = ensure_root(work)
    (root / "agent.py").write_text(AGENT)
    (root / "first").write_text(FIRST)
    (root / "first").chmod(0o755)
    with tempfile.TemporaryDirectory(dir=work, prefix="run-") as folder:
        here = Path(folder)
        system = here / "system"
        subprocess.run(["nice", "-n", "19", "mke2fs", "-qq", "-t", "ext4", "-d", root, system, "2G"], check=True)
        port = socket.socket(socket.AF_UNIX)
        with (here / "console").open("wb") as console:
            process = subprocess.Popen(
                _argv(root, here), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=console, bufsize=0
            )
            try:
                _connect(port, here / "port", process, here / "console")
                port.settimeout(BOOT_SECONDS + COMMAND_SECONDS)
                yield Guest(process, port)
            finally:
                process.kill()
                process.wait()
                port.close()


def _connect(port: socket.socket, path: Path, process: subprocess.Popen[bytes], console: Path) -> None:
    """The way in: QEMU listens there soon."""
    for _ in range(BOOT_SECONDS):
        if process.poll() is not None:
            raise ChildProcessError(console.read_text())
        if path.exists():
            port.connect(str(path))
            return
        time.sleep(1)
    raise TimeoutError("QEMU does not listen.")


def _argv(root: Path, here: Path) -> list[str]:
    """QEMU's words."""
    nodes, devices = [], []
    for disk, device in {
        "nvme0": "nvme", "nvme1": "nvme", "sata0": "ide-hd,bus=ahci.0", "sata1": "ide-hd,bus=ahci.1",
        **{f"scsi{number}": "scsi-hd,bus=scsi.0" for number in range(4)},
    }.items():  # fmt: skip
        with (here / disk).open("wb") as file:
            file.truncate(DISK_MIB * 2**20)
        node: dict[str, Any] = {"driver": "file", "filename": str(here / disk)}
        if disk == "sata1":
            broken = {
                "event": "none",
                "iotype": "write",
                "errno": 5,
                "sector": BROKEN_MIB * 2**20 // SECTOR,
                "once": False,
            }
            node = {"driver": "blkdebug", "image": node, "inject-error": [broken]}
        nodes += ["-blockdev", json.dumps({"driver": "raw", "node-name": f"{disk}-node", "file": node})]
        devices += ["-device", f"{device},id={disk},drive={disk}-node,serial={disk.upper()}"]
    [kernel], [initrd] = (root / "boot").glob("vmlinuz-*"), (root / "boot").glob("initrd.img-*")
    return [
        "nice", "-n", "19", "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "512", "-smp", "1",
        "-nodefaults", "-no-user-config", "-display", "none", "-nic", "none", "-no-reboot", "-qmp", "stdio",
        "-kernel", str(kernel), "-initrd", str(initrd),
        "-append", "root=/dev/vda rw console=ttyS0 init=/first panic=-1 mitigations=off",
        "-serial", f"file:{here / 'serial'}", "-drive", f"file={here / 'system'},if=virtio,format=raw",
        "-device", "virtio-serial", "-chardev", f"socket,id=port,path={here / 'port'},server=on,wait=off",
        "-device", "virtserialport,chardev=port,name=phm",
        "-device", "ahci,id=ahci", "-device", "virtio-scsi-pci,id=scsi", *nodes, *devices,
    ]  # fmt: skip
