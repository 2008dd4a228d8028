"""The service's own settings and sealing key as a block."""

from __future__ import annotations

import ssl
from datetime import datetime  # noqa: TC003  # the block's methods are read at run time
from functools import cached_property

from cryptography.fernet import Fernet, InvalidToken
from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from hosting.errors import ServiceError
from hosting.policy.agreement_links import sign_link
from hosting.policy.agreements import WithoutAnswer
from hosting.policy.terms import STANDARD
from hosting.settings import ProbeSettings


class SealedOtherwise(ServiceError):
    """A secret in the inventory does not open with the sealing key that the settings have."""


class ServiceSettings(Block):
    """What flows need to know of the service: zone, calendar, trust, addresses of its own."""

    _block_type_name = "phlyMail service settings"
    _block_type_slug = "phm-service-settings"
    zone: str = Field(title="Zone", description="The service's DNS zone.")
    name_lists: str = Field("", title="Lists of names", description="Their folder; empty: those of the service (P28).")
    holidays_state: str | None = Field("BE", title="State", description="Whose public holidays count (P09).")
    resolvers: list[str] = Field(default_factory=list, title="Resolvers", description="DNS servers that probes ask.")
    authorities_pem: str = Field("", title="Authorities", description="Extra certificate authorities to trust, PEM.")
    certificate_pem: str = Field("", title="Certificate", description="The zone's wildcard certificate, PEM.")
    certificate_key_pem: SecretStr = Field(SecretStr(""), title="Certificate's key")
    sealing_key: SecretStr = Field(title="Sealing key", description="Fernet key that seals secrets in the inventory.")
    public_url: str = Field(title="Public URL", description="Base of the links in letters.")
    access_link_days: int = Field(STANDARD.access_link_days, title="Days a first access link lives")
    move_without_answer: WithoutAnswer = Field(
        WithoutAnswer.NOTHING, title="Moves without an answer", description="nothing, or move: in the first window."
    )
    room_ahead_days: int = Field(STANDARD.room_ahead_days, title="Days that the need to move is looked ahead")
    probes: ProbeSettings = Field(ProbeSettings(), title="Probes", description="How often, and when it is an alarm.")
    import_networks: list[str] = Field(
        default_factory=list, title="Inner networks of archives", description="For tests alone (P37)."
    )

    def seal(self, secret: str) -> str:
        """A secret in the form in which the inventory keeps it."""
        return Fernet(self.sealing_key.get_secret_value()).encrypt(secret.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """The secret itself.

        Raises:
            SealedOtherwise: sealed with another key.
        """
        try:
            return Fernet(self.sealing_key.get_secret_value()).decrypt(sealed.encode()).decode()
        except InvalidToken:
            message = "A secret in the inventory was sealed with another key than the settings' sealing_key."
            raise SealedOtherwise(message, "Put the old key back into settings.toml, then run phm up.") from None

    def agreement_url(self, offer: int, instance: str, ends_at: datetime) -> str:
        """The address of the page on which a customer answers an offer of times for a move (P24)."""
        token = sign_link(self.sealing_key.get_secret_value(), offer, instance, ends_at)
        return f"{self.public_url}/agreement/{token}"

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """The trust that probes judge certificates by: the system's and the extra authorities."""
        context = ssl.create_default_context()
        if self.authorities_pem:
            context.load_verify_locations(cadata=self.authorities_pem)
        return context
