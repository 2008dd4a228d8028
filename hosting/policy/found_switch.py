"""Which server serves an instance, by what all servers have of it: where the inventory is older than a switch (P24)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOK = "Nothing was changed. Look at each of them before you touch anything: docs/runbooks/move-instance.md."


class NothingToRecord(Refused):
    """The inventory is not older than a switch of this instance."""


class SwitchNotProven(Refused):
    """What the servers have does not tell, beyond doubt, where an instance is."""


@dataclass(frozen=True)
class SiteThere:
    """What a server does with an instance's requests.

    Args:
        server: its name.
        host_name: by which others pass on to it.
        there: whether it has a site of the instance at all.
        serves: whether the product answers there.
        passes_on_to: the host name that it passes requests on to; empty where it does not.
    """

    server: str
    host_name: str
    there: bool
    serves: bool
    passes_on_to: str

    def __str__(self) -> str:
        """In a few words."""
        if self.serves:
            return "serves it"
        if self.passes_on_to:
            return f"passes on to {self.passes_on_to}"
        return "does not serve it" if self.there else "has no site of it"


def found_on(instance: str, recorded: str, seen: Sequence[SiteThere]) -> SiteThere:
    """The one server that serves an instance, where the recorded one passes its requests on to that one.

    Args:
        instance: its name.
        recorded: the server on which the inventory has it.
        seen: what every server of the service has of it.

    Raises:
        NothingToRecord: the recorded one serves it.
        SwitchNotProven: none does, or several do, or not all that pass on pass on to it.
    """
    serving, told = [one for one in seen if one.serves], "; ".join(f"{one.server} {one}" for one in seen)
    if [one.server for one in serving] == [recorded]:
        raise NothingToRecord(f"{instance} is on {recorded}, as the inventory has it.", "There is nothing to record.")
    if len(serving) != 1:
        raise SwitchNotProven(f"Not one server alone serves {instance}: {told}.", LOOK)
    [home] = serving
    passing = {one.server: one.passes_on_to for one in seen if one.passes_on_to}
    if recorded not in passing:
        message = f"{recorded}, where the inventory has {instance}, does not pass it on to {home.server}: {told}."
        raise SwitchNotProven(message, LOOK)
    if any(to != home.host_name for to in passing.values()):
        raise SwitchNotProven(f"Not all that pass {instance} on pass it on to {home.server}: {told}.", LOOK)
    return home
