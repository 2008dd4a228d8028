"""The base image of the hosts: Debian with the packages of a mail application's server, cached by hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from fleet import sources
from fleet.errors import FleetError
from fleet.shell import run

SUITE = "bookworm"
BUILD_SECONDS = 900
UNPACK_SECONDS = 120

# fmt: off
PACKAGES = (
    "systemd-sysv", "dbus", "libpam-systemd", "tzdata", "openssh-server", "sudo", "cron", "logrotate",
    "apache2", "mariadb-server", "mariadb-backup",
    "php8.2-fpm", "php8.2-cli", "php8.2-mysql", "php8.2-mbstring", "php8.2-gd", "php8.2-curl", "php8.2-xml",
    "php8.2-zip", "php8.2-intl", "php8.2-ldap", "php8.2-bcmath",
    "msmtp-mta", "restic", "rsync", "zip", "unzip", "bzip2", "zstd",
    "btrfs-progs", "quota", "nftables", "socat", "libfcgi-bin",
    "iproute2", "iputils-ping", "bind9-dnsutils", "procps", "curl", "ca-certificates", "openssl", "less",
    "python3", "unattended-upgrades",
)
# fmt: on

FINISH = """\
#!/bin/sh
# Runs once over the new system in $1: nothing in it may be shared by two hosts, nothing may look outside.
set -eu
root=$1
rm -f "$root"/etc/ssh/ssh_host_* "$root"/var/lib/dbus/machine-id "$root"/etc/hostname "$root"/etc/resolv.conf
: > "$root"/etc/machine-id
for unit in apt-daily.timer apt-daily-upgrade.timer; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
rm -rf "$root"/etc/apt/sources.list.d "$root"/var/lib/apt/lists
mkdir -p "$root"/etc/apt/sources.list.d "$root"/var/lib/apt/lists/partial
: > "$root"/etc/apt/sources.list
find "$root"/var/cache/apt -type f -delete
"""

LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")


def key() -> str:
    """Name of the image that this code asks for: changes with the packages and with the script."""
    recipe = "\n".join([SUITE, *PACKAGES, *LEFT_OUT, FINISH])
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def archive(cache: Path) -> Path:
    """Where the image is kept packed."""
    return cache / f"base-{key()}.tar.zst"


def ensure_archive(cache: Path) -> bool:
    """Build the packed image unless it is there; returns whether it was built (a minute or two).

    Raises:
        FleetError: it could not be built.
    """
    if archive(cache).exists():
        return False
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as folder:
        build(Path(folder), archive(cache))
    return True


def build(folder: Path, target: Path) -> None:
    """Build the image in a scratch folder; the finished file appears at once or not at all."""
    listed = folder / "debian.list"
    listed.write_text("\n".join(sources.debian_lines(SUITE)) + "\n")
    finish = folder / "finish"
    finish.write_text(FINISH)
    finish.chmod(0o700)
    tar = folder / "base.tar"
    log = target.with_suffix(".log")
    argv = [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        '--aptopt=Apt::Install-Recommends "false"',
        *(f"--aptopt={option}" for option in sources.date_options()),
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
        f"--customize-hook={finish}",
        SUITE,
        str(tar),
        str(listed),
    ]
    env = {**os.environ, "TMPDIR": str(folder), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    with log.open("wb") as out:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=BUILD_SECONDS, check=False, env=env
        )
    if done.returncode:
        raise FleetError(f"The base image could not be built (mmdebstrap ended with {done.returncode}).", f"See {log}.")
    packed = folder / "base.tar.zst"
    run(["zstd", "-q", "-T0", "-3", tar, "-o", packed], seconds=BUILD_SECONDS)
    packed.rename(target)


def ensure_unpacked(cache: Path, bases: Path) -> Path:
    """The image as a folder that hosts lay their own changes over; unpacked once.

    Args:
        cache: folder of the packed images.
        bases: folder of the unpacked ones.
    """
    folder = bases / key()
    if folder.exists():
        return folder
    partial = bases / f"{key()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    options = ["--zstd", "--numeric-owner", "--xattrs", "--xattrs-include=*"]
    run(["tar", *options, "-xf", archive(cache), "-C", partial], seconds=UNPACK_SECONDS)
    partial.rename(folder)
    return folder


def drop_unused(bases: Path, used: set[str]) -> None:
    """Remove unpacked images that no host lies on any more."""
    for folder in bases.iterdir() if bases.exists() else ():
        if folder.name not in used | {key()}:
            shutil.rmtree(folder, ignore_errors=True)
