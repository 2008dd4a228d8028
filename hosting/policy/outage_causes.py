"""Why an instance was not reached: what was going on at which time, and which of it explains an outage (P11)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class Cause(StrEnum):
    """Why an instance was not reached, in the order in which one goes before another where several are at work.

    Suspension goes first: what is not owed is no outage. Then a person's word. What is done with this one instance
    explains more than what is done with its whole server, and both more than a fault that befell the server. All but
    suspension count.
    """

    SUSPENDED = "suspended"  # by the contract: it leaves the base
    RESTORE = "restore"
    MOVE = "move"  # also one that was agreed on
    IMPORT = "import"
    UPDATE = "update"  # of the product
    PLANNED = "planned"  # work on the server: its updates, its reboots
    OURS = "ours"  # a fault of the server: nothing on it was reached
    CUSTOMERS_DNS = "customers_dns"  # the domain leads elsewhere
    WAY_OUT = "way_out"  # up at its location, not reached from outside
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Labelled:
    """Something that was going on, and explains an outage at that time; without an end it goes on.

    Args:
        cause: of which kind.
        since: its beginning.
        until: its end.
        note: what it was, in a few words: "move to app4".
        stated: a person has said so; it goes before what the program finds.
    """

    cause: Cause
    since: datetime
    until: datetime | None
    note: str = ""
    stated: bool = False


def explaining(labels: Sequence[Labelled], moment: datetime) -> Labelled:
    """Of what was going on at a moment, what a person stated, else what goes before; of two of a kind the later one."""
    going = [one for one in labels if covers(one, moment)]
    return min(
        sorted(going, key=lambda one: one.since, reverse=True),
        key=lambda one: (not one.stated, rank(one.cause)),
        default=Labelled(Cause.UNKNOWN, moment, None),
    )


def covers(label: Labelled, moment: datetime) -> bool:
    """Whether something was going on at a moment."""
    return label.since <= moment and (label.until is None or moment < label.until)


def rank(cause: Cause | None) -> int:
    """The place of a cause in their order; the first goes before all others."""
    return list(Cause).index(cause or Cause.UNKNOWN)
