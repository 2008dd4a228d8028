"""What instances store on a server and which users they have, by one command for all of them (P04, P07)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hosting.commands.command import Command, script
from hosting.policy.quota import Use
from hosting.product.layout import SERVICE_ROOT, TABLE_PREFIX, InstanceLayout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hosting.policy.values import InstanceFacts, ServerFacts

SECONDS = 300

# The program comes by stdin and leaves nothing behind.
_MEASURE = """
d=$(mktemp -d /run/phm-measure.XXXXXXXX); trap 'rm -rf "$d"' EXIT
cat >"$d/program.pyz"
nice -n 5 python3 -I "$d/program.pyz" "$1"
"""


@dataclass(frozen=True)
class Measured:
    """What was found of one instance.

    Args:
        by_user: bytes of mail and files by user's name.
        complaint: why it could not be measured, empty if it was; the figures then say nothing.
        free_bytes: what of the database's files is free; it does not count.
    """

    use: Use
    users: int
    by_user: Mapping[str, Any]
    complaint: str = ""
    free_bytes: int = 0


def measure(program: bytes, server: ServerFacts, instances: Sequence[InstanceFacts]) -> Command:
    """The measuring of instances that a server has.

    Args:
        program: the zipped program for servers.
        server: its facts tell whether the kernel counts.
        instances: of this server.
    """
    return script("measure", _MEASURE, json.dumps(_request(server, instances)), stdin=program, seconds=SECONDS)


def look(program: bytes, server: ServerFacts, instances: Sequence[InstanceFacts]) -> Command:
    """A look at what instances take on a server's disks, without asking their databases and without walking files.

    Args:
        program: the zipped program for servers.
        server: its facts tell whether the kernel counts.
        instances: of this server.
    """
    request = {**_request(server, instances), "look": True}
    return script("look", _MEASURE, json.dumps(request), stdin=program, seconds=SECONDS)


def parse_look(out: str) -> dict[str, tuple[int, int | None]]:
    """What `look` told, by instance: bytes of the database's files, and of all others where the kernel counts them."""
    return {name: (told["database"], told["files"]) for name, told in json.loads(out)["instances"].items()}


def _request(server: ServerFacts, instances: Sequence[InstanceFacts]) -> dict[str, Any]:
    """What the program is asked."""
    layouts = [InstanceLayout.of(instance) for instance in instances]
    return {
        "folder": str(SERVICE_ROOT),
        "btrfs": server.has_btrfs,
        "prefix": TABLE_PREFIX,
        "instances": [{"name": one.name, "database": one.database, "data": str(one.data)} for one in layouts],
    }


def parse_measured(out: str) -> dict[str, Measured]:
    """What `measure` told, by instance."""
    return {name: _measured(told) for name, told in json.loads(out)["instances"].items()}


def _measured(told: Mapping[str, Any]) -> Measured:
    """One instance's answer."""
    if "complaint" in told:
        return Measured(Use(0, 0), 0, {}, str(told["complaint"]))
    free = min(int(told["free"]), int(told["database"]))
    database = int(told["database"]) - free
    by_user = {_name(coded): {"mail": int(mail), "files": int(files)} for coded, mail, files in told["by_user"]}
    return Measured(Use(database, int(told["files"])), int(told["users"]), by_user, free_bytes=free)


def _name(coded: str) -> str:
    """A user's name, which the product keeps as bytes and the server tells in hexadecimal digits."""
    return bytes.fromhex(coded).decode(errors="replace")
