"""Who probes which instances from where, and how often: decided before anything is asked (P11)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hosting.policy.placement import is_there

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hosting.policy.terms import Terms
    from hosting.policy.values import InstanceName, ServerFacts, ServerName

ONE_PLACE = ""
"""The location of all servers of which the settings don't say where they stand."""

SPREAD = 0.8
"""Over so much of an interval questions are spread; the rest is for answers that take their time."""

SPREAD_AT_LOCATION = 0.4
"""Its answers come all together, with the last one: before two intervals have passed since the first question."""

AT_ONCE = 100
"""Questions under way at the same time."""

ANSWER_MOST = timedelta(seconds=10)
"""An answer that takes longer is none; of a short interval half of it."""


@dataclass(frozen=True)
class Target:
    """An instance as a prober sees it.

    Args:
        instance: its name.
        server: that serves it.
        host: the server's name, by which the certificate is judged.
        address: the server's address, asked without resolving the name.
        path: of the page that is asked for.
        interval: between two probes.
        port: of HTTPS.
    """

    instance: InstanceName
    server: ServerName
    host: str
    address: str
    path: str
    interval: timedelta
    port: int = 443


@dataclass(frozen=True)
class Call:
    """What one server of a location asks in one call; none of it is on that server."""

    server: ServerFacts
    targets: tuple[Target, ...]


def interval_of(terms: Terms, at_least_every: float | None) -> timedelta:
    """How often an instance is probed: as its level says, or oftener by the setting; never less often than agreed.

    Args:
        terms: of its level.
        at_least_every: the setting (`probes.seconds`); None where there is none.
    """
    return min(terms.probe_every, timedelta(seconds=at_least_every)) if at_least_every else terms.probe_every


def answer_within(interval: timedelta) -> timedelta:
    """How long an answer may take."""
    return min(ANSWER_MOST, interval / 2)


def by_location(servers: Iterable[ServerFacts], locations: Mapping[str, str]) -> tuple[tuple[ServerFacts, ...], ...]:
    """The servers of each location, by name; the retired are nowhere.

    Args:
        servers: all of them.
        locations: by a server's name; who is not named stands at the one other place.
    """
    places: defaultdict[str, list[ServerFacts]] = defaultdict(list)
    for one in sorted(servers, key=lambda one: one.name):
        if is_there(one):
            places[locations.get(one.name, ONE_PLACE)].append(one)
    return tuple(tuple(here) for _, here in sorted(places.items()))


def calls(targets: Iterable[Target], here: Sequence[ServerFacts]) -> tuple[Call, ...]:
    """Who of a location asks whom there: a server never asks what it serves itself.

    The first server asks all that the others serve, the second one what the first one serves: two calls, however many
    there are. Where one can't ask, its targets are given to the others by the same rule; what is left then is asked by
    nobody at the location.

    Args:
        targets: what is to be asked, all on servers of this location.
        here: the servers of the location that may ask.
    """
    left, found = list(targets), []
    for server in here:
        mine = [one for one in left if one.server != server.name]
        if mine:
            found.append(Call(server, tuple(mine)))
            left = [one for one in left if one.server == server.name]
    return tuple(found)
