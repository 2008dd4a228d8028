"""Restores that stand between an instance's old state and the point's: nobody else works on it (P20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory import instances, restores
from hosting.inventory.leases import LeaseHeld
from hosting.policy.restore_audit import restore_command
from hosting.policy.states import InstanceState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.inventory.restores import RestoreFacts

OWN_PURPOSE = "restore"
"""The purpose of the lease under which a restore goes on, or is taken back."""


class HalfRestored(LeaseHeld):
    """An instance stands in the middle of a restore: what is there is neither its old state nor the point's."""

    def __init__(self, begun: RestoreFacts, home: str) -> None:
        there = "" if begun.server == home else begun.server
        command = restore_command(begun.instance, begun.point, part=begun.wish[2], server=there)
        super(LeaseHeld, self).__init__(
            f"Instance {begun.instance} stands in the middle of its restore to {begun.point}.",
            f"Run that to its end: {command}",
        )


def check_not_half_restored(session: Session, instance: str, purpose: str) -> None:
    """See that no run left an instance in the middle of a restore, unless it is the restore that goes on.

    One whose contract is over is not restored any more: its end goes on.

    Raises:
        HalfRestored: one did.
    """
    if purpose == OWN_PURPOSE:
        return
    begun = restores.open_restore(session, instance)
    if begun is None or not begun.is_half:
        return
    found = instances.instance_facts(session, instance)
    if found.state is not InstanceState.CLOSED:
        raise HalfRestored(begun, str(found.server_name))
