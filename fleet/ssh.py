"""The OpenSSH client, with the hosts' keys pinned."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING

from fleet.shell import run

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from fleet.places import Places
    from fleet.plan import HostPlan

CONNECT_SECONDS = 5
BANNER_SECONDS = 1


def options(places: Places) -> list[str]:
    """Options for `ssh`, `scp` or `rsync -e` that know this fleet and nothing of the user's own settings."""
    settings = {
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": str(places.known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "HostKeyAlgorithms": "ssh-ed25519",
        "BatchMode": "yes",
        "ConnectTimeout": str(CONNECT_SECONDS),
        "LogLevel": "ERROR",
    }
    words = ["-F", "/dev/null", "-i", str(places.operator_key)]
    for name, value in settings.items():
        words += ["-o", f"{name}={value}"]
    return words


def on(
    places: Places, host: HostPlan, command: str, *, seconds: float = 60, text_in: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command on a host as root; its exit code is the answer's, 255 where there was no connection."""
    argv = ["ssh", *options(places), f"root@{host.address}", command]
    return run(argv, seconds=seconds, check=False, text_in=text_in)


def answers(host: HostPlan) -> bool:
    """Whether the host's SSH server greets."""
    try:
        with socket.create_connection((str(host.address), 22), BANNER_SECONDS) as connection:
            connection.settimeout(BANNER_SECONDS)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def write_known_hosts(file: Path, keys: dict[str, str]) -> None:
    """Pin the hosts' keys; who connects meanwhile reads the old ones or the new ones.

    Args:
        file: the known_hosts file.
        keys: type and key, by the host's address.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}-{threading.get_ident()}")
    partial.write_text("".join(f"{address} {key}\n" for address, key in sorted(keys.items())))
    partial.rename(file)
