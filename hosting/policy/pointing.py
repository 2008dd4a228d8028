"""Whether a customer's domain leads to its instance's server, and when it is looked at again (P30, P32)."""

from __future__ import annotations

from dataclasses import dataclass
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


class NotPointed(Refused):
    """The customer has not pointed the domain at the server in all the time."""


@dataclass(frozen=True)
class Seen:
    """What one resolver says of a domain.

    Args:
        resolver: its address; empty: the system's own.
        addresses: IPv4 and IPv6; none: it knows no address.
        silent: it did not answer, so that it says nothing.
    """

    resolver: str
    addresses: tuple[str, ...]
    silent: bool = False


@dataclass(frozen=True)
class Pointing:
    """What all resolvers say together.

    Args:
        points: all who answered say nothing but the server's addresses.
        told: in one sentence.
        known: somebody answered; where nobody did, nothing is known of the domain.
    """

    points: bool
    told: str
    known: bool = True


def pointing(host: str, seen: Sequence[Seen], ours: Collection[str]) -> Pointing:
    """Whether everybody who asks for a domain comes to the server: one address of somebody else's leads some astray.

    Args:
        host: the domain.
        seen: by several resolvers.
        ours: the server's addresses.
    """
    answered = [one for one in seen if not one.silent]
    if not answered:
        return Pointing(points=False, told=f"No resolver says anything of {host}.", known=False)
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
