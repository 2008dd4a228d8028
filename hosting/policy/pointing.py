"""Whether a customer's domain leads to its instance's server, and when it is looked at again (P30, P32)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hosting.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Sequence
    from datetime import datetime

LOOKS = (
    (timedelta(hours=1), timedelta(minutes=2)),
    (timedelta(days=1), timedelta(minutes=15)),
    (timedelta(days=30), timedelta(hours=1)),
)
"""Within so long of the order it is looked at so often; after the last a person decides."""

WAITS = LOOKS[-1][0]
"""So long a domain waits for its DNS."""

REMINDED_AFTER_DAYS = (3, 14, 27)
"""So many days after the order the customer is reminded of the record that he has to set."""


LEAST_RESOLVERS = 2
"""So many have to agree on where a domain leads: one alone may remember an old record, or be lied to."""


class NotPointed(Refused):
    """The customer has not pointed the domain at the server in all the time."""


@dataclass(frozen=True)
class Seen:
    """What one resolver says of a domain.

    Args:
        resolver: its address; empty: the system's own.
        addresses: IPv4 and IPv6; none: it knows no address.
        silent: it did not answer, so that it says nothing.
        failed: it answered that it can't find out (SERVFAIL): nobody who asks it gets there; but it may be at fault.
    """

    resolver: str
    addresses: tuple[str, ...]
    silent: bool = False
    failed: bool = False


@dataclass(frozen=True)
class Pointing:
    """What all resolvers say together.

    Args:
        points: all who answered say nothing but the server's addresses.
        told: in one sentence.
        known: enough of them answered; where they did not, nothing is known of the domain.
    """

    points: bool
    told: str
    known: bool = True


@dataclass(frozen=True)
class Own:
    """Where our own servers are, by the same resolvers.

    Args:
        agreed: addresses that enough of them say.
        alone: addresses that too few say: whose they are is not known.
        answering: the resolvers that find our servers, so that they are not at fault where they find nothing else.
        known: enough of them answered, of each server.
    """

    agreed: frozenset[str]
    alone: frozenset[str]
    answering: frozenset[str]
    known: bool


def own_addresses(seen: Sequence[Sequence[Seen]]) -> Own:
    """What resolvers say of our servers.

    Args:
        seen: of each server, by each resolver.
    """
    agreed, said = set[str](), set[str]()
    seen = [_distinct(server) for server in seen]
    for server in seen:
        for address in {one for by in server for one in by.addresses}:
            said.add(address)
            if sum(address in by.addresses for by in server) >= _enough(server):
                agreed.add(address)
    return Own(
        frozenset(agreed),
        frozenset(said - agreed),
        frozenset(by.resolver for server in seen for by in server if by.addresses),
        all(sum(not by.silent for by in server) >= _enough(server) for server in seen),
    )


def led_by(host: str, seen: Sequence[Seen], own: Own) -> Pointing:
    """Whether a domain leads to our servers, where those themselves may be known in part only.

    Args:
        host: the domain.
        seen: by several resolvers; one that can't find the domain and finds our servers says that it leads nowhere.
        own: where our servers are.
    """
    if not own.known:
        return Pointing(points=False, told="Too few resolvers say where our own servers are.", known=False)
    seen = [replace(one, silent=False) if one.failed and one.resolver in own.answering else one for one in seen]
    found = pointing(host, seen, own.agreed)
    if not found.points and own.alone and pointing(host, seen, own.agreed | own.alone).points:
        return replace(found, told=f"{found.told} That is ours, says one resolver alone.", known=False)
    return found


def pointing(host: str, seen: Sequence[Seen], ours: Collection[str]) -> Pointing:
    """Whether everybody who asks for a domain comes to the server: one address of somebody else's leads some astray.

    Of several resolvers two at least have to answer.

    Args:
        host: the domain.
        seen: by several resolvers.
        ours: the server's addresses.
    """
    seen = _distinct(seen)
    answered = [one for one in seen if not one.silent]
    if not answered:
        return Pointing(points=False, told=f"No resolver says anything of {host}.", known=False)
    if len(answered) < _enough(seen):
        told = f"Of {len(seen)} resolvers {answered[0].resolver or 'the system'} alone says anything of {host}."
        return Pointing(points=False, told=told, known=False)
    elsewhere = {one.resolver: sorted(set(one.addresses) - set(ours)) for one in answered}
    for resolver, addresses in elsewhere.items():
        if addresses:
            return Pointing(
                points=False, told=f"{host} leads to {', '.join(addresses)}, says {resolver or 'the system'}."
            )
    for one in answered:
        if not one.addresses:
            return Pointing(points=False, told=f"{host} leads nowhere, says {one.resolver or 'the system'}.")
    return Pointing(points=True, told=f"{host} leads to the server, say {len(answered)} of {len(seen)} resolvers.")


def _distinct(seen: Sequence[Seen]) -> list[Seen]:
    """The same resolver twice is one."""
    return list({one.resolver: one for one in seen}.values())


def _enough(seen: Sequence[Seen]) -> int:
    """So many of the resolvers that were asked have to answer, or to agree."""
    return min(LEAST_RESOLVERS, len(seen))


def next_look(ordered_at: datetime, now: datetime) -> datetime | None:
    """When it is looked at again; None: a person has to see to it."""
    waited = now - ordered_at
    return next((now + every for within, every in LOOKS if waited < within), None)


def reminder_due(ordered_at: datetime, now: datetime, already_told: Container[int]) -> int | None:
    """The reminder that is due of a domain that waits, by its days after the order; None: none, or a person has it now.

    One that was missed is not caught up on beside a later one.

    Args:
        ordered_at: when it was ordered.
        now: the moment.
        already_told: days of the reminders that were sent.
    """
    waited = now - ordered_at
    passed = [days for days in REMINDED_AFTER_DAYS if timedelta(days=days) <= waited < WAITS]
    return max(passed) if passed and max(passed) not in already_told else None
