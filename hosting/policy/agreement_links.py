"""Signed links to an offer of times: what they name can't be changed, and nobody without the key can make one (P24).

A link names the offer and the end of its life; its signature (HMAC-SHA256, RFC 2104) covers these and the instance, so
that it opens no other one's offer, not even one that got the same number in an inventory brought back from a backup.
The inventory keeps nothing of it: a reminder holds the same link, and who reads the inventory can make none.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from hosting.policy.link_signatures import signature

FORM = re.compile(r"([1-9][0-9]{0,8})-([1-9][0-9]{8,10})-([A-Za-z0-9_-]{43})", re.ASCII)
"""The offer's number, the second in which the link ends, and the signature."""

PURPOSE = b"phm agreement links, 1"
"""What the key is derived for: what is signed here is taken nowhere else."""


@dataclass(frozen=True)
class Claim:
    """What a link says of itself; true only if its signature is."""

    offer: int
    ends_at: datetime
    signature: str


def sign_link(key: str, offer: int, instance: str, ends_at: datetime) -> str:
    """The token of a link to an offer, made of signs that an address takes as they are.

    Args:
        key: the service's sealing key.
        offer: its number.
        instance: whose it is.
        ends_at: when the link ends, to the second.
    """
    seconds = int(ends_at.timestamp())
    return f"{offer}-{seconds}-{signature(key, PURPOSE, 'link', str(offer), instance, str(seconds))}"


def read_link(token: str) -> Claim | None:
    """What a token says, None if it has not the form of one."""
    found = FORM.fullmatch(token)
    if found is None:
        return None
    offer, seconds, signature = found.groups()
    return Claim(int(offer), datetime.fromtimestamp(int(seconds), UTC), signature)


def is_genuine(key: str, claim: Claim, instance: str) -> bool:
    """Whether a link was made here, for this offer of this instance and this end."""
    seconds = str(int(claim.ends_at.timestamp()))
    made = signature(key, PURPOSE, "link", str(claim.offer), instance, seconds)
    return hmac.compare_digest(made, claim.signature)


def seal_form(key: str, token: str) -> str:
    """What the form behind a link carries along: only who was shown the page can send it."""
    return signature(key, PURPOSE, "form", token)


def is_own_form(key: str, token: str, seal: str) -> bool:
    """Whether a form was made by the page of this link."""
    return hmac.compare_digest(seal_form(key, token).encode(), seal.encode("utf-8", "replace"))
