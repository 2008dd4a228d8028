"""What stands behind the page on which a customer fetches what was exported for him (P41).

The link is signed and names the export, whose record says until when; looking changes nothing. An archive's own address
at the store is made when it is asked for, and is good for an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hosting.inventory import exports
from hosting.inventory.exports import UnknownExport
from hosting.inventory.instances import instance_facts
from hosting.inventory.links import LinkExpired, LinkUnknown
from hosting.inventory.orders import order_facts
from hosting.inventory.servers import server_facts
from hosting.inventory.session import in_transaction
from hosting.policy.export_links import is_genuine, read_link
from hosting.policy.exports import ExportState
from hosting.policy.terms import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory
    from hosting.policy.exports import ExportFacts


@dataclass(frozen=True)
class Fetching:
    """What a link opens.

    Args:
        export: as the inventory has it.
        url: the instance's address, by which the customer knows which one is meant.
    """

    export: ExportFacts
    url: str
    language: str


class Exports:
    """Looks at links, and gives the addresses of archives.

    Args:
        inventory: the exports.
        key: the service's sealing key, by which links are signed.
        link: an address by which an object can be fetched, given its key and the name it is to have.
    """

    def __init__(self, inventory: Inventory, key: str, link: Callable[[str, str], str]) -> None:
        self._inventory, self._key, self._link = inventory, key, link

    def look(self, token: str) -> Fetching:
        """What a token opens; changes nothing, since scanners of mail follow links.

        Raises:
            LinkUnknown, LinkExpired: it opens nothing.
            Unreachable: the inventory does not answer.
        """
        with self._inventory.reading() as session:
            return self._open(session, token)

    def fetch(self, token: str, uid: int) -> str:
        """The address of one archive at the store; that it was fetched is on record.

        Raises:
            LinkUnknown, LinkExpired: the token opens nothing, or no such archive.
            Unreachable: the inventory does not answer.
        """
        with self._inventory.reading() as session:
            export = self._open(session, token).export
        archive = next((one for one in export.archives if one.uid == uid and one.key), None)
        if archive is None:
            raise LinkUnknown
        in_transaction(
            self._inventory, lambda session: exports.record_fetched(session, export.id, uid, datetime.now(UTC))
        )
        return self._link(archive.key, f"phlymail-{export.instance}-{archive.user or uid}.zip")

    def _open(self, session: Session, token: str) -> Fetching:
        """What a token opens."""
        claim = read_link(token)
        if claim is None:
            raise LinkUnknown
        try:
            export = exports.export_facts(session, claim.export)
        except UnknownExport:
            raise LinkUnknown from None
        if not is_genuine(self._key, claim, export.instance, export.asked_at.isoformat()):
            raise LinkUnknown
        if export.state is not ExportState.READY or not export.ends_at or datetime.now(UTC) >= export.ends_at:
            raise LinkExpired
        instance = instance_facts(session, export.instance)
        language = order_facts(session, instance.order_reference).language
        url = f"https://{server_facts(session, instance.server_name).host_name}/{instance.name}/"
        return Fetching(export, url, language if language in LANGUAGES else LANGUAGES[0])
