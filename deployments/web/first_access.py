"""A customer's first access: the link is looked at, and used up only once the password stands in the instance.

The instance's lease is held from the look to the use: of two who try at once the second finds the link used. A
crash in between leaves the link valid and the lease to expire, so that the customer can try again and is never
locked out; a link that has been used opens nothing any more.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hosting.errors import ServiceError
from hosting.inventory import alone, leases
from hosting.inventory.deeds import record
from hosting.inventory.instances import instance_facts, subject_of
from hosting.inventory.links import LinkExpired, LinkUnknown, find_link, use_link
from hosting.inventory.orders import order_facts
from hosting.inventory.servers import server_facts
from hosting.inventory.session import in_transaction
from hosting.policy.states import InstanceState
from hosting.policy.terms import LANGUAGES
from hosting.product.layout import CUSTOMER_ADMIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory

PURPOSE = "first access"
"""What links are made for that lead here; `tasks.records.ACCESS` makes them."""

CUSTOMER = "customer"
"""The name under which whoever holds a link acts in the record of what was done."""

LEASE = timedelta(minutes=5)
"""Longer than setting a password may take at worst."""


@dataclass(frozen=True)
class Access:
    """What a link opens."""

    instance: str
    url: str
    admin: str
    language: str
    expires_at: datetime


class FirstAccess:
    """Looks at links and sets first passwords.

    Args:
        inventory: the links, instances and leases.
        set_password: sets the customer's administrator's password in an instance; bounded in time, takes no
            lease (it is held here), and raises a ServiceError if it couldn't.
    """

    def __init__(self, inventory: Inventory, set_password: Callable[[str, str], None]) -> None:
        self._inventory = inventory
        self._set_password = set_password

    def look(self, token: str) -> Access:
        """What a token opens; changes nothing, since scanners of mail follow links.

        Raises:
            LinkUnknown, LinkUsed, LinkExpired: it opens nothing.
            Unreachable: the inventory does not answer.
        """
        with self._inventory.reading() as session:
            return _access(session, token, datetime.now(UTC))

    def set_first_password(self, token: str, password: str) -> Access:
        """Set the password, then use the link up.

        Raises:
            LinkUnknown, LinkUsed, LinkExpired: it opens nothing, and nothing was set.
            LeaseHeld: somebody works on the instance or its server right now, or it stands half updated: what is set
                now could go back with it; the link stays valid.
            ServiceError: the password could not be set; the link stays valid.
        """
        with self._leased(token) as access:
            self._set_password(access.instance, password)
            in_transaction(self._inventory, lambda session: _use(session, token, access))
        return access

    @contextmanager
    def _leased(self, token: str) -> Iterator[Access]:
        """The access with its instance's lease, given back in any case that the process survives."""
        owner = f"first-access:{secrets.token_hex(8)}"
        access = in_transaction(self._inventory, lambda session: _take(session, token, owner))
        try:
            yield access
        finally:
            with suppress(ServiceError):  # else it expires; what was done, or went wrong, is what counts
                in_transaction(self._inventory, lambda session: leases.release(session, access.instance, owner))


def _take(session: Session, token: str, owner: str) -> Access:
    """Look at the link with the lease in hand."""
    now = datetime.now(UTC)
    access = _access(session, token, now)
    servers = {instance_facts(session, access.instance).server_name}
    alone.take(session, access.instance, servers, owner, "first password", now=now, ttl=LEASE)
    return _access(session, token, now)


def _use(session: Session, token: str, access: Access) -> None:
    """Use the link up, and record it."""
    now = datetime.now(UTC)
    use_link(session, token, now)
    record(session, CUSTOMER, "first password set", subject_of(access.instance), now=now)


def _access(session: Session, token: str, now: datetime) -> Access:
    """What the token opens, as long as its instance is open."""
    link = find_link(session, token, now)
    if link.purpose != PURPOSE:
        raise LinkUnknown
    instance = instance_facts(session, link.instance_name)
    if instance.state is not InstanceState.ACTIVE:
        raise LinkExpired
    host_name = server_facts(session, instance.server_name).host_name
    language = order_facts(session, instance.order_reference).language
    return Access(
        instance=instance.name,
        url=f"https://{host_name}/{instance.name}/",
        admin=CUSTOMER_ADMIN,
        language=language if language in LANGUAGES else LANGUAGES[0],
        expires_at=link.expires_at,
    )
