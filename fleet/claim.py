"""Whose the machine's fleet is: recognised by its records, refused, cleared or taken over (one fleet per machine)."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from fleet import container, disks, network, processes, state
from fleet.errors import FleetTaken
from fleet.places import Places
from fleet.plan import CHECKOUT, Plan

if TYPE_CHECKING:
    from fleet.state import State

MARKER = Path("/run/phm-fleet")
"""Names the home of the fleet that uses the machine's bridge; gone after a boot, as the bridge is."""

KEPT = ("base", "logs", "state.json", "state.lock", "fleet.lock")
"""What does not belong to a checkout and stays when another one takes the fleet over."""

HOST_SECONDS = 30
SERVICE_SECONDS = 3


def ensure(plan: Plan, home: Path, *, replace: bool = False, owner: Path = CHECKOUT, marker: Path = MARKER) -> bool:
    """Make this checkout the owner of the machine's fleet; returns whether it was so already, with processes running.

    Args:
        plan: the fleet's.
        home: where its files lie.
        replace: whether a running fleet of another checkout is ended for it.
        owner: this checkout.
        marker: where the machine's fleet is named.

    Raises:
        FleetTaken: another checkout's fleet runs, and is not to be replaced.
    """
    clear_other_home(plan, home, replace=replace, marker=marker)
    now = state.read(home)
    alive = now.alive()
    ours = now.owner == str(owner)
    if alive and not ours:
        if not replace:
            raise FleetTaken(taken(now, sorted(alive)), advice(now.owner))
        end(home)
    if not (alive and ours):
        clear_remains(plan, home)
        if now.owner and not ours:
            forget(home)
    with state.changing(home) as changed:
        changed.forget_dead()
        changed.owner, changed.boot = str(owner), state.boot_id()
    marker.write_text(f"{home}\n")
    return bool(alive) and ours


def refuse_another(home: Path, owner: Path = CHECKOUT) -> None:
    """See that a running fleet is this checkout's.

    Raises:
        FleetTaken: it is another one's.
    """
    now = state.read(home)
    alive = now.alive()
    if alive and now.owner != str(owner):
        raise FleetTaken(taken(now, sorted(alive)), advice(now.owner))


def clear_other_home(plan: Plan, home: Path, *, replace: bool, marker: Path) -> None:
    """The same for a fleet whose files lie elsewhere: there is one bridge only.

    Raises:
        FleetTaken: it runs, and is not to be replaced.
    """
    named = Path(marker.read_text().strip()) if marker.exists() else home
    if named == home:
        return
    other = state.read(named)
    if alive := other.alive():
        if not replace:
            raise FleetTaken(taken(other, sorted(alive)), advice(other.owner))
        end(named)
    clear_remains(plan, named)


def taken(other: State, alive: list[str]) -> str:
    """What is wrong, for a person."""
    names = ", ".join(name for name in alive if ":" not in name)
    return f"The fleet on this machine belongs to {other.owner or 'nobody known'} and runs ({names or 'leaders only'})."


def advice(owner: str) -> str:
    """What to do about it."""
    return f"End it with `phm fleet down` in {owner}, or take it over with `phm fleet up --replace`."


def end(home: Path) -> None:
    """End every recorded process of a fleet, by id and start time."""
    now = state.read(home)
    alive = now.alive()
    with ThreadPoolExecutor() as pool:
        list(pool.map(processes.kill, [process for name, process in alive.items() if name.endswith(":leader")]))

        def stop(name: str) -> None:  # a supervisor ends by itself when its host is gone, and must not be killed before
            processes.stop(alive[name], seconds=HOST_SECONDS if name in now.bases else SERVICE_SECONDS)

        list(pool.map(stop, [name for name in alive if not name.endswith(":leader")]))


def clear_remains(plan: Plan, home: Path) -> None:
    """Take away what ended processes leave in the kernel: mounts with their loop devices, network, control groups."""
    disks.unmount_below(Places(home).hosts)
    for host in plan.hosts:
        network.remove_cable(host)
        container.remove_groups(host.name)
    network.remove_bridge(plan)


def forget(home: Path) -> None:
    """Throw away another checkout's servers, mails, keys: its inventory knows them, ours does not."""
    with state.changing(home) as now:
        now.bases.clear()
    for path in home.iterdir():
        if path.is_dir() and path.name not in KEPT:
            shutil.rmtree(path)
    Places(home).description.unlink(missing_ok=True)
