"""Imports whose instance may be closed: on their way in, or on their way back; nobody else works on it (P33)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from hosting.inventory.import_rows import Import
from hosting.inventory.leases import LeaseHeld
from hosting.policy.imports import ImportState

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

OWN_PURPOSE = "import"
"""The purpose of the lease under which an import goes live, or is undone."""

HALF = or_(
    and_(Import.state == ImportState.APPROVED, Import.stamp != ""), Import.state == ImportState.UNDOING
)  # fmt: skip
"""Those that have begun to exchange their instance's state, and are not at their end."""


class HalfImported(LeaseHeld):
    """An instance stands in the middle of an import: what is there is neither its old state nor the new one."""

    def __init__(self, instance: str, number: int) -> None:
        super(LeaseHeld, self).__init__(
            f"Instance {instance} stands in the middle of the import {number}.",
            f"It is brought to its end within minutes, or by you: phm import start --number {number}.",
        )


def check_not_half_imported(session: Session, instance: str, purpose: str) -> None:
    """See that no run left an instance in the middle of an import, unless it is the import that goes on.

    Raises:
        HalfImported: one did.
    """
    if purpose == OWN_PURPOSE:
        return
    number = session.scalars(select(Import.id).where(HALF, Import.instance_name == instance).limit(1)).first()
    if number is not None:
        raise HalfImported(instance, number)


def closed_on(session: Session, server: str) -> list[str]:
    """The instances on a server that an import may have closed, a sentence each."""
    rows = session.scalars(select(Import).where(HALF, Import.server_name == server).order_by(Import.id))
    return [f"{row.instance_name} stands in the middle of the import {row.id}." for row in rows]
