"""Whether a server may be enrolled, and what its room is (P02, P13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hosting.policy.placement import COUNTRY
from hosting.policy.terms import GIB

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

RESERVE_PERCENT = 10
"""Of the data file system: kept free for growth, code, caches and work in progress."""

CLOCK_SECONDS = 2.0
"""How far a server's clock may be off: signatures and leases compare times."""

DEBIAN_SERIES = "12"


def objections(
    facts: Mapping[str, Any],
    programs: Collection[str],
    modules: Collection[str],
    country: str,
    *,
    dedicated: bool,
    clock_off: float,
) -> tuple[str, ...]:
    """Everything that speaks against enrolling a server, one sentence each, all at once.

    Args:
        facts: as `hosting.commands.server_facts.parse_facts` gives them.
        programs: what has to be installed.
        modules: the PHP modules that have to be there.
        country: ISO 3166 code of where it stands (P02).
        dedicated: whether it serves this service alone (P02).
        clock_off: seconds by which its clock differs from ours.
    """
    found = []
    if country != COUNTRY:
        found.append(f"It stands in {country}; instances are kept in Germany (P02).")
    if not dedicated:
        found.append("It is not dedicated to this service (P02).")
    if not str(facts.get("debian", "")).startswith(DEBIAN_SERIES):
        found.append(f"It runs Debian {facts.get('debian', '?')}; this service knows Debian {DEBIAN_SERIES}.")
    if missing := sorted(set(programs) - set(facts.get("programs", ()))):
        found.append(f"These programs are missing: {', '.join(missing)}.")
    if missing := sorted(set(modules) - set(facts.get("php_modules", ()))):
        found.append(f"These PHP modules are missing: {', '.join(missing)}.")
    if stopped := sorted(unit for unit, state in facts.get("units", {}).items() if state != "active"):
        found.append(f"These services don't run: {', '.join(stopped)}.")
    if abs(clock_off) > CLOCK_SECONDS:
        found.append(f"Its clock is off by {clock_off:.1f} s.")
    return tuple(found)


def room_gib(data_bytes: int) -> int:
    """What instances may be booked on a server, in whole GiB: its data file system less the reserve."""
    return data_bytes * (100 - RESERVE_PERCENT) // 100 // GIB
