"""The states of things in the inventory, and the edges along which they change."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from hosting.errors import Refused


class OrderState(StrEnum):
    """An order's way from the shop to an open instance (P08)."""

    PLACED = "placed"
    PAID = "paid"
    FULFILLED = "fulfilled"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class InstanceState(StrEnum):
    """An instance's life on a server."""

    RESERVED = "reserved"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"  # its contract is over; its data are kept for some days, and nobody is served (P41)
    ENDED = "ended"


class ServerState(StrEnum):
    """A server's life in the service (P12)."""

    ENROLLED = "enrolled"
    ACTIVE = "active"
    DRAINING = "draining"
    RETIRED = "retired"


class WorkState(StrEnum):
    """A piece of due work: a record first, a run second."""

    OPEN = "open"
    DISPATCHED = "dispatched"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class EventState(StrEnum):
    """What became of an event that the shop sent."""

    APPLIED = "applied"
    WAITING = "waiting"
    FOR_A_PERSON = "for_a_person"


class GenerationState(StrEnum):
    """A generation of backups: it takes points while it is open, and is dropped as a whole (P21)."""

    OPEN = "open"
    CLOSED = "closed"
    DAMAGED = "damaged"
    DROPPING = "dropping"
    DROPPED = "dropped"


class MoveState(StrEnum):
    """An instance's way from one server to another (P24); up to `frozen` the source is the one that serves."""

    PLANNED = "planned"
    COPYING = "copying"
    FROZEN = "frozen"
    SWITCHED = "switched"
    DONE = "done"
    RETIRED = "retired"
    CALLED_OFF = "called_off"


class NeedState(StrEnum):
    """A move that is needed (P24): found, agreed on or begun, then done, or not needed any more."""

    OPEN = "open"
    OFFERED = "offered"
    MOVED = "moved"
    GONE = "gone"


class EvacuationState(StrEnum):
    """A server that is emptied (P12): under way, stopped by an operator, or done: the server is retired."""

    OPEN = "open"
    STOPPED = "stopped"
    DONE = "done"


class NameState(StrEnum):
    """A name's way to an instance and from it again (P26, P29, P32); one that is gone may rest before others get it."""

    ASSIGNING = "assigning"
    LIVE = "live"
    RELEASING = "releasing"
    GONE = "gone"


class OfferState(StrEnum):
    """An offer of times for a move (P24): asked of the customer, then answered, or not, once."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    OTHERS_ASKED = "others_asked"
    DECLINED = "declined"
    UNANSWERED = "unanswered"
    WITHDRAWN = "withdrawn"


class ApplicationState(StrEnum):
    """A name that a customer wishes for: waits for a person, unless the program refuses it at once (P28)."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"  # by the customer, before anybody decided


class ChangeState(StrEnum):
    """A wish to change what is booked: asked for, then accepted or refused, once."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class EndState(StrEnum):
    """A contract's end (P41): given notice of, its instance closed and kept, then deleted; called off until that."""

    NOTICED = "noticed"
    ENDED = "ended"
    REOPENING = "reopening"
    DELETING = "deleting"
    DELETED = "deleted"
    CALLED_OFF = "called_off"


State = TypeVar("State", bound=StrEnum)

EDGES: dict[type[StrEnum], dict[str, tuple[str, ...]]] = {
    OrderState: {
        "placed": ("paid", "refused", "cancelled"),
        "paid": ("fulfilled", "cancelled"),
        "fulfilled": (),
        "refused": (),
        "cancelled": (),
    },
    InstanceState: {
        "reserved": ("active", "ended"),
        "active": ("suspended", "closed", "ended"),
        "suspended": ("active", "closed", "ended"),
        "closed": ("active", "suspended", "ended"),
        "ended": (),
    },
    ServerState: {
        "enrolled": ("active", "retired"),
        "active": ("draining",),
        "draining": ("active", "retired"),
        "retired": (),
    },
    WorkState: {
        "open": ("dispatched", "done", "failed", "cancelled"),
        "dispatched": ("open", "done", "failed", "cancelled"),
        "failed": ("open", "done", "cancelled"),
        "done": (),
        "cancelled": (),
    },
    GenerationState: {
        "open": ("closed", "damaged", "dropping"),
        "closed": ("damaged", "dropping"),
        "damaged": ("closed", "dropping"),
        "dropping": ("dropped",),
        "dropped": (),
    },
    MoveState: {
        "planned": ("copying", "called_off"),
        "copying": ("planned", "frozen", "called_off"),
        "frozen": ("copying", "switched"),
        "switched": ("done",),
        "done": ("retired",),
        "retired": (),
        "called_off": (),
    },
    NeedState: {
        "open": ("offered", "moved", "gone"),
        "offered": ("open", "moved", "gone"),
        "moved": (),
        "gone": (),
    },
    EvacuationState: {"open": ("stopped", "done"), "stopped": ("open",), "done": ()},
    NameState: {
        "assigning": ("live", "releasing"),
        "live": ("releasing",),
        "releasing": ("gone",),
        "gone": (),
    },
    OfferState: {
        "offered": ("accepted", "others_asked", "declined", "unanswered", "withdrawn"),
        "accepted": (),
        "others_asked": (),
        "declined": (),
        "unanswered": (),
        "withdrawn": (),
    },
    ApplicationState: {
        "waiting": ("approved", "refused", "withdrawn"),
        "approved": (),
        "refused": (),
        "withdrawn": (),
    },
    ChangeState: {"open": ("accepted", "refused"), "accepted": (), "refused": ()},
    EndState: {
        "noticed": ("ended", "reopening", "called_off"),
        "ended": ("reopening", "deleting"),
        "reopening": ("called_off",),
        "deleting": ("deleted",),
        "deleted": (),
        "called_off": (),
    },
    EventState: {"waiting": ("applied", "for_a_person"), "for_a_person": ("applied",), "applied": ()},
}


class ForbiddenEdge(Refused):
    """A state change that the edges don't allow."""


def step(current: State, to: State) -> State:
    """The new state, if an edge leads there; a state may always be confirmed.

    Raises:
        ForbiddenEdge: no edge leads from the one to the other.
    """
    onward = EDGES[type(current)][current]
    if to != current and to not in onward:
        allowed = ", ".join(onward) or "nothing"
        message = f"{type(current).__name__} can't go from {current} to {to}; from {current} it may go to {allowed}."
        raise ForbiddenEdge(message, "Look at the record of what was done.")
    return to
