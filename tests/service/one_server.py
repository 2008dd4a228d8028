"""A server without a server: the service's own commands run here, with apt and dpkg in a folder, systemd pretended.

What a command names below `/run/phm`, `/proc` and `/boot` lies in the folder too. Units are files: one that is there
runs, and none runs while the system holds `/etc/broken`.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from hosting.commands.command import Answer, fail
from hosting.commands.packages import UNITS
from tasks.on_server import packages
from tasks.on_server.job import Progress
from tests.service.apt_root import AptRoot

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from hosting.commands.command import Command

SYSTEMCTL = """#!/bin/sh
[ "$1" = -q ] && shift
verb=$1; shift
broken() { [ -e "{root}/etc/broken" ]; }
case $verb in
  is-active) if [ -e "{units}/$1" ] && ! broken; then echo active; else echo failed; exit 3; fi ;;
  start|restart) broken && exit 1; touch "{units}/$1" ;;
  *) : ;;
esac
"""
SYSTEMD_RUN = """#!/bin/sh
echo "$(cat {boot})+" >{boot}; : >{folder}/run/reboot-required; rm {folder}/run/reboot-required
"""


class OneServer:
    """What stands in for a connection, and for the jobs, of one server."""

    def __init__(self, folder: Path, like: AptRoot | None = None) -> None:
        folder.mkdir()
        self.apt, self.folder = AptRoot(folder, like), folder
        for name in ("bin", "units", "run/phm", "proc/sys/kernel/random", "boot"):
            (folder / name).mkdir(parents=True)
        self.boot = folder / "proc/sys/kernel/random/boot_id"
        self.boot.write_text("b0\n")
        (folder / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')
        for unit in UNITS:
            (folder / "units" / unit).touch()
        self._program("systemctl", SYSTEMCTL)
        self._program("systemd-run", SYSTEMD_RUN)
        self._program("ps", "#!/bin/sh\ncat {folder}/up_seconds\n")
        self.came_up(0)
        self.commands: list[str] = []

    @property
    def is_broken(self) -> bool:
        """Whether a package has broken the web server."""
        return (self.apt.root / "etc/broken").exists()

    def came_up(self, seconds: int) -> None:
        """The present boot was so long ago."""
        (self.folder / "up_seconds").write_text(f"  {seconds}\n")

    def run(self, command: Command, do: str = "") -> Answer:
        """A command of the service's, here."""
        self.commands.append(command.name)
        env = {**os.environ, **self.apt.environment, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        words = [self._here(word) for word in command.argv]
        done = subprocess.run(words, input=command.stdin, env=env, capture_output=True, check=False)
        answer = Answer(done.returncode, done.stdout.decode(), done.stderr.decode())
        if answer.exit_code:
            fail(command, answer, "app1", do)
        return answer

    def job(self, work: str, request: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
        """What a job does, here."""
        with monkeypatch.context() as patched:
            for name, value in self.apt.environment.items():
                patched.setenv(name, value)
            patched.setattr(packages, "WEB_LOCK", self.folder / "web.lock")
            patched.setattr(packages, "ARCHIVES", self.apt.root / "var/cache/apt/archives")
            does = {"apply-packages": packages.apply, "put-back-packages": packages.put_back}[work]
            return does(dict(request), Progress(self.folder))

    def _here(self, word: str) -> str:
        """A word of a command, with what lies in the folder."""
        for there in ("/proc/", "/run/reboot-required", "/run/phm/", "/etc/os-release"):
            word = word.replace(there, f"{self.folder}{there.removeprefix('/etc')}")
        word = word.replace("ls /boot", f"ls {self.folder}/boot")
        return word.replace("dpkg-query -W", f"dpkg-query --admindir={self.apt.admin} -W")

    def _program(self, name: str, text: str) -> None:
        """A program that pretends."""
        file = self.folder / "bin" / name
        for key, value in {
            "root": self.apt.root, "units": self.folder / "units", "boot": self.boot, "folder": self.folder,
        }.items():  # fmt: skip
            text = text.replace(f"{{{key}}}", str(value))
        file.write_text(text)
        file.chmod(0o755)
