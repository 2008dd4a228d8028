"""The local fleet: real servers, object store, DNS and mail sink on one machine; for tests and demo, not shipped."""

from fleet.errors import CannotRunHere, FleetError, FleetTaken
from fleet.fleet import Fleet

__all__ = ["CannotRunHere", "Fleet", "FleetError", "FleetTaken"]
