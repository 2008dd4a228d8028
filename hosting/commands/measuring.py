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
        complaint: why it could not be measured, empty if it was; the figures then say nothing.
        by_user: bytes of mail and files by user's name.
    """

    use: Use
    users: int
    by_user: Mapping[str, Any]
    complaint: str = ""


def measure(program: bytes, server: ServerFacts, instances: Sequence[InstanceFacts]) -> Command:
    """The measuring of instances that a server has.

    Args:
        program: the zipped program for servers.
        server: its facts tell whether the kernel counts.
        instances: of this server.
    """
    layouts = [InstanceLayout.of(instance) for instance in instances]
    request = {
        "folder": str(SERVICE_ROOT),
        "btrfs": server.has_btrfs,
        "prefix": TABLE_PREFIX,
        "instances": [{"name": one.name, "database": one.database, "data": str(one.data)} for one in layouts],
    }
    return script("measure", _MEASURE, json.dumps(request), stdin=program, seconds=SECONDS)


def parse_measured(out: str) -> dict[str, Measured]:
    """What `measure` told, by instance."""
    return {name: _measured(told) for name, told in json.loads(out)["instances"].items()}


def _measured(told: Mapping[str, Any]) -> Measured:
    """One instance's answer."""
    if "complaint" in told:
        return Measured(Use(0, 0), 0, {}, str(told["complaint"]))
    database = max(0, int(told["database"]) - int(told["free"]))
    by_user = {_name(coded): {"mail": int(mail), "files": int(files)} for coded, mail, files in told["by_user"]}
    return Measured(Use(database, int(told["files"])), int(told["users"]), by_user)


def _name(coded: str) -> str:
    """A user's name, which the product keeps as bytes and the server tells in hexadecimal digits."""
    return bytes.fromhex(coded).decode(errors="replace")
