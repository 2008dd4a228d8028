"""Each server's own number: its `server_id` and `gtid_domain_id`, unique in the service and never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.inventory.models import Server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session


def number_for(session: Session, name: str, facts: Mapping[str, Any]) -> int:
    """A server's number: the one it has, else the one that its database runs under if it is free, else the next.

    Args:
        session: to read from; to assign the number, take the turn "servers" first.
        name: of the server.
        facts: as its enrolment read them.
    """
    taken = {row.name: int(row.facts.get("number", 0)) for row in session.scalars(select(Server))}
    if known := taken.pop(name, 0):
        return known
    number, domain = int(facts.get("server_id", 0)), int(facts.get("gtid_domain_id", 0))
    if number and number == domain and number not in taken.values():
        return number
    return max(taken.values(), default=0) + 1
