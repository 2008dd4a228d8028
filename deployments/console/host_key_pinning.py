"""Which host key a server gets pinned: never one that nobody compared, never another one silently."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.console.context import ask
from deployments.console.settings_from_fleet import fleet_description
from hosting.errors import DriftFound, ServiceError
from hosting.policy.host_keys import fingerprint, stated_fingerprint

if TYPE_CHECKING:
    from hosting.policy.values import ServerFacts


class HostKeyDiffers(DriftFound):
    """A server offers another host key than the one that is pinned or was stated."""


@dataclass(frozen=True)
class KeyWish:
    """What the operator says of a server's host key.

    Args:
        stated: a fingerprint, a public key, or a file that holds it; empty: none.
        replace: whether another key than the pinned one may be pinned.
    """

    stated: str = ""
    replace: bool = False

    def fingerprint(self) -> str:
        """The fingerprint that was stated, empty if none was.

        Raises:
            NoHostKey: what was stated is none.
            ServiceError: the file can't be read.
        """
        if not self.stated:
            return ""
        file = Path(self.stated).expanduser()
        try:
            return stated_fingerprint(file.read_text(encoding="utf-8") if file.is_file() else self.stated)
        except (OSError, UnicodeDecodeError) as error:
            raise ServiceError(
                f"{file} can't be read as a key.", "Give a public host key or its fingerprint."
            ) from error


def pin(name: str, offered: str, known: ServerFacts | None, wish: KeyWish) -> str:
    """The key line to pin for a server: the one it offers, once a person has compared it.

    Raises:
        HostKeyDiffers: another one than pinned or stated.
        NotConfirmed: the operator didn't say that it is the server's.
    """
    shown, stated = fingerprint(offered), wish.fingerprint()
    if stated and stated != shown:
        message = f"{name} offers the host key {shown}, not {stated} as stated."
        raise HostKeyDiffers(message, "Nothing was sent to it; find out whose key that is.")
    if known is not None and known.host_key == offered:
        return offered
    if known is None:
        sys.stderr.write(f"{name} offers the host key {shown} ({offered.split(maxsplit=1)[0]}).\n")
        question = "Is that the server's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub)?"
    else:
        pinned = fingerprint(known.host_key)
        if not wish.replace:
            message = f"The host key of {name} has changed: pinned is {pinned}, it offers {shown}."
            raise HostKeyDiffers(message, "Find out why; only then pin it: phm server add NAME --replace-key.")
        sys.stderr.write(f"Pinned for {name} is {pinned}; it offers {shown} ({offered.split(maxsplit=1)[0]}).\n")
        question = "Is the new one the server's own, and shall it replace the old one?"
    ask(question, yes=bool(stated), do=f"Compare the fingerprint on the server itself, then give it: --key {shown}.")
    return offered


def fleet_host(name: str) -> tuple[str, str]:
    """Address and host key of one of the local fleet's servers, as the fleet describes it.

    Raises:
        ServiceError: there is no fleet, or no such server in it.
    """
    file = fleet_description()
    try:
        hosts = {host["name"]: host for host in json.loads(file.read_text(encoding="utf-8"))["hosts"]}
    except (OSError, ValueError) as error:
        raise ServiceError(f"{file} does not tell of a fleet.", "Start it: phm fleet up.") from error
    if name not in hosts:
        raise ServiceError(f"The fleet has no server {name}.", f"Take one of: {', '.join(hosts)}.")
    return hosts[name]["address"], hosts[name]["host_key"]
