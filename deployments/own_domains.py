"""A customer's domain with its certificate, handed over by an operator or by himself: checked, sealed, ordered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

from hosting.inventory import deeds, instances, name_orders, names, servers
from hosting.inventory.name_certificates import CertificateFacts
from hosting.inventory.name_rows import HOLDING
from hosting.policy.own_domain import check_domain
from hosting.policy.values import NameKind

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.customer_certificate import Bundle
    from hosting.policy.own_domain import DomainCheck, OwnDomain
    from hosting.policy.values import NameFacts
    from hosting.settings import Settings


def check_wish(session: Session, settings: Settings, instance: str, wish: str) -> DomainCheck:
    """What speaks against a domain for an instance; what it has already it may order again."""
    ours = {settings.zone, *(server.host_name for server in servers.all_servers(session))}
    held = (one for one in names.all_names(session, *HOLDING) if one.kind is NameKind.DOMAIN)
    return check_domain(wish, ours, {one.a_label for one in held if one.instance_name != instance})


def order_with_bundle(
    session: Session, settings: Settings, instance: str, domain: OwnDomain, bundle: Bundle, *, by: str, why: str,
    now: datetime,
) -> NameFacts:  # fmt: skip
    """The domain with its certificate, its key sealed, and the work that brings it up or renews it.

    Raises:
        Refused: as `names.begin_assigning`.
    """
    sealing = Fernet(settings.sealing_key.get_secret_value())
    sealed = sealing.encrypt(bundle.key_pem.get_secret_value().encode()).decode()
    facts = CertificateFacts(bundle.fingerprint, bundle.not_after, bundle.issuer, bundle.certificate_pem)
    told = {"name": domain.ascii, "ordered": domain.ordered, "certificate": bundle.fingerprint}
    deeds.record(session, by, "domain approved", instances.subject_of(instance), why=why, evidence=told, now=now)
    return name_orders.order_domain(session, instance, domain, facts, sealed, by=by, now=now)
