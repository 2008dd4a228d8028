"""No packet leaves the machine: asserted before anything touches an address of the fleet (FLEET.md section 0)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fleet.errors import CannotRunHere
from fleet.shell import run

if TYPE_CHECKING:
    from fleet.plan import Plan

METRIC = "4000000000"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def ensure(plan: Plan) -> None:
    """Lay the net under the fleet's addresses: unreachable, unless the bridge's own route says otherwise.

    Raises:
        CannotRunHere: this machine would forward packets, or already uses the addresses.
    """
    run(["ip", "route", "replace", "unreachable", str(plan.subnet), "metric", METRIC])
    check(plan)


def check(plan: Plan, forwarding: Path = FORWARDING) -> None:
    """Refuse to go on where a packet for a host could leave this machine.

    Raises:
        CannotRunHere: it could.
    """
    if forwarding.read_text().strip() != "0":
        raise CannotRunHere(
            "This machine forwards packets between its networks, so the fleet's could leave it.",
            "Set net.ipv4.ip_forward to 0 (`sysctl -w net.ipv4.ip_forward=0`) and try again.",
        )
    for host in plan.hosts:
        found = run(["ip", "route", "get", str(host.address)], check=False)
        if not stays_inside(found.returncode, found.stdout, plan.bridge):
            raise CannotRunHere(
                f"Packets for {host.address} would leave this machine ({found.stdout.strip().splitlines()[0]}).",
                f"Free the network {plan.subnet} on this machine and try again.",
            )


def stays_inside(code: int, answer: str, bridge: str) -> bool:
    """Whether `ip route get` says that a packet is refused at once or goes to the fleet's bridge.

    Args:
        code: its exit code (2: no route, by the unreachable route).
        answer: what it printed.
        bridge: the name of the fleet's bridge.
    """
    words = answer.split()
    if code:
        return not words or words[0] == "unreachable"
    return "via" not in words and "dev" in words and words[words.index("dev") + 1] == bridge
