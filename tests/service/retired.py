"""A server that was emptied and retired takes instances again: a real one never does, the fleet's host has to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hosting.inventory.models import Server
from hosting.inventory.retirement import PASSED_ON_BY
from hosting.inventory.session import in_transaction
from hosting.policy.states import ServerState
from tests.service import moves as sides

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tests.service_fixture import Service


def takes_again(service: Service, name: str, *stand_ins: str) -> None:
    """As it was before, in the inventory and on the servers that may answer in its place."""
    in_transaction(service.inventory, partial(_active, name=name))
    for host in stand_ins:
        service.on(f"rm -f /etc/apache2/phm/names/server-{name}.conf; systemctl reload apache2", host)
    sides.known_by_name(service)


def _active(session: Session, name: str) -> None:
    row = session.get_one(Server, name)
    row.state = ServerState.ACTIVE
    row.facts = {key: value for key, value in row.facts.items() if key != PASSED_ON_BY}
