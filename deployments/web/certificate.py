"""What stands behind the page on which a customer hands his domain's certificate over (P31).

The link names the domain and works once: it is used up by what is taken, never by what is refused. Everything that is
found is told at once; nothing is kept of files that don't fit, and of those that do the key is kept sealed alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deployments.inspecting import inspect_apart, trust_store
from deployments.own_domains import check_wish, order_with_bundle
from hosting.inventory import domain_invitations
from hosting.inventory.instances import instance_facts
from hosting.inventory.orders import order_facts
from hosting.inventory.servers import server_facts
from hosting.inventory.session import in_transaction
from hosting.policy import certificate_rules as rules
from hosting.policy.states import NameState
from hosting.policy.terms import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr
    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory
    from hosting.policy.customer_certificate import Bundle
    from hosting.policy.findings import Finding
    from hosting.policy.own_domain import OwnDomain
    from hosting.policy.values import NameFacts
    from hosting.settings import Settings

CUSTOMER = "customer"
BY_LINK = "handed over by link"


@dataclass(frozen=True)
class Upload:
    """What a link opens.

    Args:
        instance: whose domain it is.
        host: the domain exactly as it was ordered (P32).
        url: the instance's long form.
        server: the name of its server, to which the DNS leads.
    """

    instance: str
    host: str
    url: str
    server: str
    language: str
    expires_at: datetime


@dataclass(frozen=True)
class Taken:
    """What became of files that were handed over.

    Args:
        findings: everything that is to be told.
        until: when the certificate ends; None: nothing was taken.
        renews: the domain is live, and gets another certificate.
    """

    findings: tuple[Finding, ...]
    until: datetime | None = None
    renews: bool = False


class Certificates:
    """Looks at links and takes certificates.

    Args:
        inventory: the links, domains and certificates.
        settings: by which certificates are judged and keys are sealed.
    """

    def __init__(self, inventory: Inventory, settings: Settings) -> None:
        self._inventory = inventory
        self._settings = settings

    def look(self, token: str) -> Upload:
        """What a token opens; changes nothing, since scanners of mail follow links.

        Raises:
            LinkUnknown, LinkUsed, LinkExpired: it opens nothing.
            Unreachable: the inventory does not answer.
        """
        with self._inventory.reading() as session:
            opened = domain_invitations.open_link(session, token, datetime.now(UTC))
            invitation = opened.invitation
            instance = instance_facts(session, invitation.instance_name)
            host_name = server_facts(session, instance.server_name).host_name
            language = order_facts(session, instance.order_reference).language
        return Upload(
            instance=instance.name,
            host=invitation.as_ordered,
            url=f"https://{host_name}/{instance.name}/",
            server=host_name,
            language=language if language in LANGUAGES else LANGUAGES[0],
            expires_at=opened.expires_at,
        )

    def take(self, token: str, files: Sequence[bytes], passphrase: SecretStr | None) -> Taken:
        """Inspect what was handed over, and take it if nothing refuses it; the link is used up by that alone.

        Raises:
            LinkUnknown, LinkUsed, LinkExpired: it opens nothing, and nothing was taken.
            Refused: the instance can't have the domain now.
            ServiceError: the files could not be looked at; nothing was taken.
        """
        upload = self.look(token)
        with self._inventory.reading() as session:
            found = check_wish(session, self._settings, upload.instance, upload.host)
        if found.domain is None:
            return Taken(found.findings)
        if not files:
            return Taken((rules.NOTHING_GIVEN.found(),))
        now = datetime.now(UTC)
        seen = inspect_apart(files, passphrase, found.domain, trust_store(self._settings), now)
        if seen.bundle is None:
            return Taken(seen.findings)
        name = self._order(token, found.domain, seen.bundle)
        return Taken(seen.findings, seen.bundle.not_after, renews=name.state is NameState.LIVE)

    def _order(self, token: str, domain: OwnDomain, bundle: Bundle) -> NameFacts:
        """The link used up and the certificate ordered, in one transaction."""

        def order(session: Session) -> NameFacts:
            now = datetime.now(UTC)
            invitation = domain_invitations.use_link(session, token, now)
            return order_with_bundle(
                session, self._settings, invitation.instance_name, domain, bundle, by=CUSTOMER, why=BY_LINK, now=now
            )

        return in_transaction(self._inventory, order)
