"""Signed links to an export: what they name can't be changed, and nobody without the key can make one (P41).

As with the links of an offer (`agreement_links`) the inventory keeps nothing of them. A link ends with its export.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass

from hosting.policy.link_signatures import signature

FORM = re.compile(r"([1-9][0-9]{0,8})-([A-Za-z0-9_-]{43})", re.ASCII)
"""The export's number and the signature."""

PURPOSE = b"phm export links, 1"
"""What the key is derived for: what is signed here is taken nowhere else."""


@dataclass(frozen=True)
class Claim:
    """What a link says of itself; true only if its signature is."""

    export: int
    signature: str


def sign_link(key: str, export: int, instance: str, asked: str) -> str:
    """The token of a link to an export, made of signs that an address takes as they are.

    Args:
        key: the service's sealing key.
        export: its number.
        instance: whose it is.
        asked: the moment at which it was asked for: another export of the same number is not opened.
    """
    return f"{export}-{signature(key, PURPOSE, str(export), instance, asked)}"


def read_link(token: str) -> Claim | None:
    """What a token says, None if it has not the form of one."""
    found = FORM.fullmatch(token)
    return Claim(int(found[1]), found[2]) if found else None


def is_genuine(key: str, claim: Claim, instance: str, asked: str) -> bool:
    """Whether a link was made here, for this export of this instance."""
    made = sign_link(key, claim.export, instance, asked)
    return hmac.compare_digest(made, f"{claim.export}-{claim.signature}")
