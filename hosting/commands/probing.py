"""Instances of other servers asked from one server, all by one command (P11)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hosting.commands.command import Command, script
from hosting.policy.probe_spans import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.policy.probing import Target

MARGIN_SECONDS = 20.0
"""What a server may take beside the questions themselves: to begin, and to tell."""

# Program and request come by stdin, one after the other, and leave nothing behind; `head` takes no more than its share.
_PROBE = """
d=$(mktemp -d /run/phm-probe.XXXXXXXX); trap 'rm -rf "$d"' EXIT
head -c "$1" >"$d/probing.py"
python3 -I "$d/probing.py"
"""


@dataclass(frozen=True)
class Manner:
    """How targets are asked.

    Args:
        within: the seconds over which the questions are spread.
        seconds: how long an answer may take.
        at_once: so many questions are under way at the same time.
        authorities: further certificate authorities, PEM.
    """

    within: float
    seconds: float
    at_once: int
    authorities: str = ""


@dataclass(frozen=True)
class Asked:
    """What one instance answered, so many seconds after the beginning of the call."""

    instance: str
    answer: Answer
    after_seconds: float


def probe(program: bytes, targets: Sequence[Target], manner: Manner) -> Command:
    """The asking of targets that other servers serve; `program` is `tasks/on_server/probing.py`."""
    request = {
        "within": manner.within, "seconds": manner.seconds, "at_once": manner.at_once,
        "authorities": manner.authorities, "targets": asked_of(targets),
    }  # fmt: skip
    longest = manner.within + manner.seconds * (1 + len(targets) // manner.at_once) + MARGIN_SECONDS
    return script("probe", _PROBE, str(len(program)), stdin=program + json.dumps(request).encode(), seconds=longest)


def asked_of(targets: Sequence[Target]) -> list[dict[str, Any]]:
    """Targets as the program takes them."""
    return [
        {"instance": one.instance, "host": one.host, "address": one.address, "port": one.port, "path": one.path}
        for one in targets
    ]


def parse_asked(out: str) -> list[Asked]:
    """What `probe` told."""
    return [told(*one) for one in json.loads(out)["answers"]]


def told(instance: str, said: int | str, after_seconds: float) -> Asked:
    """What the program told of one target: its status, or a word where there was none."""
    return Asked(instance, Answer.of(said) if isinstance(said, int) else Answer(said), after_seconds)
