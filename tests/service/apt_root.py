"""apt and dpkg themselves, in a folder of a test's own: real answers without a server."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from fleet.archive import Package, publish

if TYPE_CHECKING:
    from pathlib import Path

    from hosting.commands.command import Command

CONFIGURATION = """
Dir "{root}";
Dir::State "{root}/var/lib/apt";
Dir::State::status "{root}/var/lib/dpkg/status";
Dir::Cache "{root}/var/cache/apt";
Dir::Cache::srcpkgcache "";
Dir::Etc "{root}/etc/apt";
Dir::Etc::trustedparts "{root}/etc/apt/trusted.gpg.d";
Dir::Log "{root}/var/log";
Dir::Bin::dpkg "/usr/bin/dpkg";
DPkg::Options:: "--root={root}";
DPkg::Options:: "--force-not-root";
DPkg::Options:: "--force-unsafe-io";
DPkg::Options:: "--force-script-chrootless";
DPkg::Options:: "--log={root}/dpkg.log";
DPkg::Path "/usr/sbin:/usr/bin:/sbin:/bin";
APT::Sandbox::User "";
APT::Architecture "amd64";
APT::Install-Recommends "false";
"""


class AptRoot:
    """A system of packages below a folder, with an archive beside it.

    Args:
        folder: of both.
        like: another one, whose packages and archive it begins with.
    """

    def __init__(self, folder: Path, like: AptRoot | None = None) -> None:
        self.root, self.archive = folder / "root", folder / "archive"
        if like is not None:
            shutil.copytree(like.root, self.root)
            shutil.copytree(like.archive, self.archive)
            shutil.rmtree(self.root / "var/lib/apt/lists")
        for path in (
            "var/lib/apt/lists/partial", "var/lib/dpkg/updates", "var/lib/dpkg/info", "var/cache/apt/archives/partial",
            "etc/apt/preferences.d", "etc/apt/sources.list.d", "etc/apt/apt.conf.d", "etc/apt/trusted.gpg.d", "var/log",
        ):  # fmt: skip
            (self.root / path).mkdir(parents=True, exist_ok=True)
        for path in ("var/lib/dpkg/status", "var/lib/dpkg/available"):
            (self.root / path).touch()
        (self.root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{self.archive} ./\n")
        self.configuration = folder / "apt.conf"
        self.configuration.write_text(CONFIGURATION.format(root=self.root))
        self.environment = {"APT_CONFIG": str(self.configuration), "DPKG_ROOT": "", "DPKG_ADMINDIR": self.admin}

    @property
    def admin(self) -> str:
        """Where dpkg keeps what it knows."""
        return str(self.root / "var/lib/dpkg")

    def offer(self, *packages: Package, label: str = "Debian-Security") -> None:
        """Packages in the archive, known to apt."""
        publish(self.archive, *packages, label=label)
        self.run("apt-get", "-qq", "update")

    def run(self, *argv: str) -> str:
        """What a program says; it has to succeed."""
        done = subprocess.run(argv, env={**os.environ, **self.environment}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def answer(self, command: Command) -> str:
        """What a command of the service's says here."""
        return self.run(*command.argv)

    def versions(self) -> dict[str, str]:
        """What is installed."""
        told = self.run("dpkg-query", f"--admindir={self.admin}", "-W", "-f=${db:Status-Abbrev}${Package} ${Version}\n")
        words = (line.split() for line in told.splitlines())
        return {name: version for state, name, version in (word for word in words if len(word) == 3) if state[1] == "i"}
