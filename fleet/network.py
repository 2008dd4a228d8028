"""The fleet's network: one bridge, and for each host a namespace with a cable to it (FLEET.md II.1)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from fleet import guard
from fleet.shell import run, succeeds

if TYPE_CHECKING:
    from fleet.plan import HostPlan, Plan

NAMESPACES = Path("/run/netns")


def ensure_bridge(plan: Plan) -> None:
    """The bridge with the fleet's own address; nothing of it speaks IPv6."""
    guard.ensure(plan)
    if not exists(plan.bridge):
        run(["ip", "link", "add", plan.bridge, "type", "bridge"])
    without_ipv6(plan.bridge)
    run(["ip", "address", "replace", f"{plan.gateway}/{plan.subnet.prefixlen}", "dev", plan.bridge])
    run(["ip", "link", "set", plan.bridge, "up"])
    guard.check(plan)


def ensure_cable(plan: Plan, host: HostPlan) -> None:
    """The host's namespace, its address and its cable, plugged in."""
    if not (NAMESPACES / host.namespace).exists():
        run(["ip", "netns", "add", host.namespace])
    if not exists(host.link):
        cable = ["ip", "link", "add", host.link, "type", "veth", "peer", "name", "eth0", "netns", host.namespace]
        run(cable)
        without_ipv6(host.link)
    run(["ip", "link", "set", host.link, "master", plan.bridge, "up"])
    inside = ["ip", "-n", host.namespace]
    run([*inside, "address", "replace", f"{host.address}/{plan.subnet.prefixlen}", "dev", "eth0"])
    run([*inside, "link", "set", "lo", "up"])
    run([*inside, "link", "set", "eth0", "up"])


def cut(host: HostPlan) -> None:
    """Take the host off the network: packets vanish, connections hang, as with a pulled cable."""
    run(["ip", "-n", host.namespace, "link", "set", "eth0", "down"])


def heal(host: HostPlan) -> None:
    """Put the host back on the network."""
    run(["ip", "-n", host.namespace, "link", "set", "eth0", "up"])


def is_cut(host: HostPlan) -> bool:
    """Whether the host is off the network."""
    shown = run(["ip", "-j", "-n", host.namespace, "link", "show", "eth0"], check=False)
    return shown.returncode != 0 or "UP" not in json.loads(shown.stdout)[0]["flags"]


def remove_cable(host: HostPlan) -> None:
    """Remove the host's cable and namespace."""
    if exists(host.link):
        run(["ip", "link", "delete", host.link])
    if (NAMESPACES / host.namespace).exists():
        run(["ip", "netns", "delete", host.namespace])


def remove_bridge(plan: Plan) -> None:
    """Remove the bridge; the unreachable route stays, so that a late client still sends nothing out."""
    if exists(plan.bridge):
        run(["ip", "link", "delete", plan.bridge])


def exists(link: str) -> bool:
    """Whether there is a network link of that name."""
    return succeeds(["ip", "link", "show", link])


def without_ipv6(link: str) -> None:
    """Switch IPv6 off on a link, where the kernel has it."""
    switch = Path(f"/proc/sys/net/ipv6/conf/{link}/disable_ipv6")
    if switch.exists():
        switch.write_text("1")
