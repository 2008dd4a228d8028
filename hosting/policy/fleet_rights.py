"""Files with their owners and modes, and open instances that are closed while nobody works on them (P18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.policy.inspected import SiteKind
from hosting.policy.inspection import FleetFinding, Look, Severity, Way, mend_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.policy.fleet_expected import Expected, Place
    from hosting.policy.inspected import PlaceSeen, Seen

MISSING = "docs/runbooks/inspect-fleet.md, missing"


def places(seen: Seen, expected: Expected) -> Iterator[FleetFinding]:
    """Files and folders that are missing, or belong to somebody else, or are open to others."""
    if seen.places is None:
        return
    for place in expected.own:
        do = f"Enrol the server again, it writes what is missing: phm server add (see {MISSING})."
        yield from _of_place(seen.server, place, seen.places.get(place.path), f"server:{seen.server}", do)
    for home in expected.homes.values():
        if not home.is_set_up or expected.is_busy(home.name):
            continue
        for place in home.places if home.is_open else [one for one in home.places if one.needed]:
            do = f"Look at what became of it: {MISSING}."
            yield from _of_place(seen.server, place, seen.places.get(place.path), f"instance:{home.name}", do)


def _of_place(server: str, place: Place, there: PlaceSeen | None, subject: str, do: str) -> Iterator[FleetFinding]:
    """One of them."""
    if there is None or there.kind != place.kind:
        is_ = "is missing" if there is None else f"is a {there.kind} in place of a {place.kind}"
        severity = Severity.GRAVE if place.needed else Severity.WRONG
        yield FleetFinding(server, Look.RIGHTS, place.path, severity, f"{place.path} on {server} {is_}.", do, subject)
    elif place.kind != "link" and (there.owner, there.mode) != (place.owner, place.mode):
        sentence = (
            f"{place.path} on {server} belongs to {there.owner} with mode {there.mode}, in place of "
            f"{place.owner} with {place.mode}."
        )
        mend = mend_by(Way.RIGHTS, server, path=place.path, owner=place.owner, mode=place.mode)
        do = "Ask who changed it, then have it put right."
        yield FleetFinding(server, Look.RIGHTS, place.path, Severity.WRONG, sentence, do, subject, mend)


def closed(seen: Seen, expected: Expected) -> Iterator[FleetFinding]:
    """Open instances that nobody can reach, and on which nobody works."""
    if seen.gates is None:
        return
    gates = {one.instance: one for one in seen.gates}
    for home in expected.homes.values():
        if not home.is_open or expected.is_busy(home.name):
            continue
        why = []
        if home.name in gates:
            since = gates[home.name].since
            why.append("its gate is shut" + (f" since {since:%Y-%m-%d %H:%M} UTC" if since else ""))
        if (seen.sites or {}).get(home.name, (None, ""))[0] is SiteKind.CLOSED:
            why.append("its site is the page that says so")
        if f"phm_{home.name}" in seen.locked:
            why.append("its database user is locked out")
        if home.name in seen.frozen:
            why.append("its folder takes no writes")
        if why:
            sentence = f"{home.name} on {seen.server} is closed, and no work on it is under way: {', '.join(why)}."
            yield FleetFinding(
                seen.server, Look.CLOSED, home.name, Severity.GRAVE, sentence,
                f"See what closed it (phm instance show {home.name}), then have it opened.",
                f"instance:{home.name}", mend_by(Way.OPEN, seen.server, instance=home.name),
            )  # fmt: skip
