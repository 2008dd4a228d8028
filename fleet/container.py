"""One host as a container with a real systemd in it: the command, its control groups, its first process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet.disks import Disks
    from fleet.plan import HostPlan

GROUPS = Path("/sys/fs/cgroup")
HYBRID = ("systemd", "unified")
REBOOT_CODE = 133
"""Exit code of systemd-nspawn after `reboot` inside (FLEET.md II.3); 0 after poweroff, 1 after a killed leader."""


def argv(host: HostPlan, disks: Disks) -> list[str]:
    """The command that runs the host until it stops (FLEET.md 2.1)."""
    return [
        "systemd-nspawn",
        "--quiet",
        f"--directory={disks.root}",
        "--boot",
        f"--machine={host.name}",
        "--register=no",
        "--keep-unit",
        f"--network-namespace-path=/run/netns/{host.namespace}",
        "--capability=CAP_NET_ADMIN",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--console=pipe",
        f"--bind={disks.srv}:/srv",
        f"--bind={disks.mysql}:/var/lib/mysql",
    ]


def groups(name: str, root: Path = GROUPS) -> list[Path]:
    """The control groups of a host's own: two where the machine has both versions, else one."""
    hybrid = [root / part for part in HYBRID if (root / part).is_dir()]
    return [parent / f"phm-fleet-{name}" for parent in hybrid or [root]]


def enter_groups(name: str) -> None:
    """Move this process into the host's own control groups."""
    for group in groups(name):
        group.mkdir(exist_ok=True)
        (group / "cgroup.procs").write_text(str(os.getpid()))


def remove_groups(name: str) -> None:
    """Remove the host's control groups; the host must be down."""
    for group in groups(name):
        if group.is_dir():
            for folder, _, _ in os.walk(group, topdown=False):
                try:
                    Path(folder).rmdir()
                except OSError:  # a zombie not yet reaped holds it; an empty group left behind does no harm
                    return


def leader(supervisor: int) -> int | None:
    """The host's first process: the child of systemd-nspawn that is number 1 in a namespace of its own."""
    try:
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    except FileNotFoundError:
        return None
    return next((int(child) for child in children if is_first(int(child))), None)


def is_first(pid: int) -> bool:
    """Whether a process is number 1 of a namespace below ours, and already its systemd."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return fields["NSpid"].split()[1:] == ["1"] and fields["Name"].strip() == "systemd"
