"""Whether a delivery comes from the shop, and now: the Standard Webhooks form, by its library."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError, WebhookVerificationError

from deployments.web.declined import Declined
from hosting.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr
    from starlette.datastructures import Headers

ID = re.compile(r"[A-Za-z0-9_:-]{1,191}", re.ASCII)
"""An event's id; without a full stop, which parts id, timestamp and body in what is signed."""

TIMESTAMP = re.compile(r"[1-9][0-9]{8,10}", re.ASCII)
"""Whole seconds since 1970; the library would take fractions as well."""

SECRETS_MOST = 2
"""One, and while it is being changed the next one beside it."""

SIGNATURES_MOST_CHARACTERS = 2000

STALE = {
    "Message timestamp too old": "The delivery is more than five minutes old; send it again with a new timestamp.",
    "Message timestamp too new": "The delivery's timestamp lies more than five minutes ahead; set the sender's clock.",
}
HEADERS_WRONG = "webhook-id, webhook-timestamp and webhook-signature are needed, once each and in their form."
FALSE = "The signature is not the shop's."


class SecretsUnusable(ServiceError):
    """The settings hold no usable secret of the shop."""


@dataclass(frozen=True)
class Delivery:
    """A delivery that is proven to be the shop's."""

    event_id: str
    at: datetime
    body: str


class Verifier:
    """Proves deliveries by any of the secrets that are valid now.

    Args:
        secrets: one, or two while the secret is being changed (whsec_…).

    Raises:
        SecretsUnusable: none, more than two, or one that is no secret.
    """

    def __init__(self, secrets: Sequence[SecretStr]) -> None:
        if not 1 <= len(secrets) <= SECRETS_MOST:
            message = f"The settings hold {len(secrets)} secrets of the shop; one is needed, two while it is changed."
            raise SecretsUnusable(message, "Correct web.shop_secrets.")
        try:
            self._webhooks = [Webhook(secret.get_secret_value()) for secret in secrets]
        except (ValueError, EmptyWebhookSecretError) as error:
            message = "A secret of the shop is not base64 (whsec_…)."
            raise SecretsUnusable(message, "Correct web.shop_secrets.") from error

    def prove(self, headers: Headers, raw: bytes) -> Delivery:
        """The delivery, if a secret fits and its timestamp lies within five minutes of now.

        Raises:
            Declined: 401 not the shop's or stale, 400 not UTF-8.
        """
        event_id = _only(headers, "webhook-id")
        timestamp = _only(headers, "webhook-timestamp")
        signature = _only(headers, "webhook-signature")
        well_formed = ID.fullmatch(event_id) and TIMESTAMP.fullmatch(timestamp)
        if not well_formed or len(signature) > SIGNATURES_MOST_CHARACTERS:
            raise Declined(401, HEADERS_WRONG)
        try:
            body = raw.decode()
        except UnicodeDecodeError as error:
            raise Declined(400, "The body is not UTF-8.") from error
        signed = {"webhook-id": event_id, "webhook-timestamp": timestamp, "webhook-signature": signature}
        self._verify(body, signed)
        return Delivery(event_id, datetime.fromtimestamp(int(timestamp), UTC), body)

    def _verify(self, body: str, signed: dict[str, str]) -> None:
        """Try each secret; the library compares in constant time."""
        said = ""
        for webhook in self._webhooks:
            try:
                webhook.verify(body, signed, json_parse=False)
            except (WebhookVerificationError, ValueError) as error:  # ValueError: a signature header of another form
                said = str(error)
            else:
                return
        raise Declined(401, STALE.get(said, FALSE))


def _only(headers: Headers, name: str) -> str:
    """The value of a header that is there exactly once, else nothing."""
    values = headers.getlist(name)
    return values[0] if len(values) == 1 else ""
