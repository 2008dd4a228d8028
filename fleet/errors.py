"""What can go wrong with the fleet, in one sentence for the person at the keyboard."""

from __future__ import annotations

from hosting.errors import ServiceError


class FleetError(ServiceError):
    """The fleet cannot do what it was asked for."""


class FleetTaken(FleetError):
    """A running fleet on this machine belongs to another checkout."""


class CannotRunHere(FleetError):
    """This machine lacks something that the fleet needs."""


class UnknownName(FleetError):
    """The fleet has nothing of that name: wrong use, not a failure."""
