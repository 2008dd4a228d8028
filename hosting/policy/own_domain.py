"""A domain of the customer's own: which host names can be connected (P30, P32).

Any host name, in Unicode or as A-labels, of any number of levels. Whether it points at the server and has a certificate
is asked elsewhere; names that no public authority certifies (localhost, onion …) fail there.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

import idna
from publicsuffixlist import PublicSuffixList

from hosting.policy.findings import Finding, Rule, shown

if TYPE_CHECKING:
    from collections.abc import Collection

LONGEST_WISH = 1000
"""Characters that are looked at: a host name of 253 bytes has fewer in any spelling, with an address around it."""

OTHER_DOTS = "\u3002\uff0e\uff61"
"""What some keyboards write for a dot (RFC 3490, section 3.1)."""

LONGEST_NAME = 253
LONGEST_LABEL = 63
"""Bytes of a host name and of one of its parts, as A-labels (RFC 1035, section 2.3.4)."""

DOMAIN_MISSING = Rule(
    "domain_missing",
    "Es wurde keine Domain angegeben. Bitte nennen Sie sie, zum Beispiel mail.example.de.",
    "No domain was given. Please name it, for example mail.example.de.",
)
NOT_A_HOST_NAME = Rule(
    "not_a_host_name",
    "„{wish}“ ist keine Domain, sondern eine Adresse mit weiteren Angaben. Bitte nennen Sie nur die Domain, ohne "
    "https:// und ohne Pfad.",
    "“{wish}” is not a domain but an address with more in it. Please name the domain only, without https:// and "
    "without a path.",
)
WILDCARD = Rule(
    "wildcard",
    "„{wish}“ steht für viele Domains. Bitte nennen Sie die eine, unter der Ihre Instanz erreichbar sein soll.",
    "“{wish}” stands for many domains. Please name the one under which your instance is to be reached.",
)
IP_ADDRESS = Rule(
    "ip_address",
    "„{wish}“ ist eine IP-Adresse. Bitte nennen Sie eine Domain.",
    "“{wish}” is an IP address. Please name a domain.",
)
SINGLE_LABEL = Rule(
    "single_label",
    "„{wish}“ hat keinen Punkt; so ist der Name aus dem Internet nicht erreichbar. Bitte nennen Sie die ganze Domain.",
    "“{wish}” has no dot; such a name can't be reached from the internet. Please name the whole domain.",
)
EMPTY_PART = Rule(
    "empty_part",
    "„{wish}“ beginnt mit einem Punkt oder hat zwei Punkte hintereinander. Bitte prüfen Sie die Schreibweise.",
    "“{wish}” begins with a dot or has two dots in a row. Please check the spelling.",
)
NAME_TOO_LONG = Rule(
    "name_too_long",
    "„{wish}“ ist zu lang: Ein Teil zwischen zwei Punkten hat höchstens {label} Zeichen, das Ganze höchstens {name} "
    "(gezählt in der Schreibweise mit xn--).",
    "“{wish}” is too long: a part between two dots has at most {label} characters, the whole at most {name} (counted "
    "in the spelling with xn--).",
)
NOT_ALLOWED_HERE = Rule(
    "not_allowed_here",
    "„{part}“ kann nicht Teil einer Domain sein. Erlaubt sind Buchstaben, Ziffern und Bindestriche, diese nicht am "
    "Rand.",
    "“{part}” can't be part of a domain. Letters, digits and hyphens are allowed, hyphens not at the ends.",
)
SPELL_AS = Rule(
    "spell_as",
    "„{wish}“ enthält Zeichen, die es in Domains nicht gibt. Meinten Sie „{proposal}“?",
    "“{wish}” has characters that don't exist in domains. Did you mean “{proposal}”?",
)
OURS = Rule(
    "ours",
    "„{wish}“ gehört zu unseren eigenen Namen. Eine Subdomain bei uns bestellen Sie als Subdomain; hier nennen Sie "
    "bitte Ihre eigene Domain.",
    "“{wish}” is one of our own names. A subdomain of ours is ordered as a subdomain; please name a domain of your "
    "own here.",
)
CONNECTED_ALREADY = Rule(
    "connected_already",
    "„{wish}“ ist schon mit einer Instanz verbunden. Bitte lassen Sie sie dort zuerst entfernen, oder nennen Sie "
    "eine andere.",
    "“{wish}” is connected to an instance already. Please have it removed there first, or name another one.",
)
PUBLIC_SUFFIX = Rule(
    "public_suffix",
    "Unter „{wish}“ liegen Domains vieler verschiedener Inhaber. Bitte nennen Sie Ihre eigene, zum Beispiel "
    "example.{wish}.",
    "Domains of many different owners lie below “{wish}”. Please name your own, for example example.{wish}.",
)


@dataclass(frozen=True)
class OwnDomain:
    """A host name that a customer wants to be reached by.

    Args:
        ordered: exactly as it was ordered; so it is shown (P32).
        unicode: the same in lower case and Unicode.
        ascii: the same as A-labels, for DNS, Apache and certificates; this is what makes two domains the same.
    """

    ordered: str
    unicode: str
    ascii: str


@dataclass(frozen=True)
class DomainCheck:
    """The domain, or all that speaks against it."""

    domain: OwnDomain | None
    findings: tuple[Finding, ...]


def check_domain(wish: str, ours: Collection[str], connected: Collection[str]) -> DomainCheck:
    """Whether a customer's domain can be connected, and how it is spelled.

    Upper case, outer blanks and a dot at the end make no difference; „ß“ and „ss“ are different names (IDNA 2008).

    Args:
        wish: what was ordered.
        ours: zones and host names of the service, A-labels; names in them and above them are ours.
        connected: domains that instances have, A-labels.
    """
    ordered = wish[:LONGEST_WISH].strip()
    spelled = _spelled(ordered)
    if isinstance(spelled, Finding):
        return DomainCheck(None, (spelled,))
    refusals = (
        (OURS, any(_within(spelled.ascii, zone) or _within(zone, spelled.ascii) for zone in ours)),
        (CONNECTED_ALREADY, spelled.ascii in connected),
        (PUBLIC_SUFFIX, is_public_suffix(spelled.ascii)),
    )
    findings = tuple(rule.found(wish=shown(spelled.unicode)) for rule, applies in refusals if applies)
    return DomainCheck(None if findings else spelled, findings)


def is_public_suffix(name: str) -> bool:
    """Whether names of different owners lie below a name (publicsuffix.org); A-labels, lower case."""
    return _suffixes().is_public(name)


def in_unicode(name: str) -> str:
    """A name for people: its A-labels in Unicode where they are sound, a wildcard's asterisk kept."""
    labels = name.split(".")
    return ".".join(_unicode_label(label) for label in labels)


def _unicode_label(label: str) -> str:
    """One label for people."""
    try:
        return idna.ulabel(label) if label.startswith("xn--") else label
    except idna.IDNAError:
        return label


@cache
def _suffixes() -> PublicSuffixList:
    """The list that the library ships; it is read once."""
    return PublicSuffixList()


def _within(name: str, zone: str) -> bool:
    """Whether a name is a zone or lies in it."""
    return name == zone or name.endswith(f".{zone}")


def _spelled(ordered: str) -> OwnDomain | Finding:
    """The name in its spellings, or what is wrong with the one ordered."""
    name = unicodedata.normalize("NFC", ordered.lower()).removesuffix(".")
    if finding := _form_fault(name, shown(ordered)):
        return finding
    encoded = [_a_label(part) for part in name.split(".")]
    for label, part in zip(encoded, name.split("."), strict=True):
        if label is None:
            return _proposal(ordered) or NOT_ALLOWED_HERE.found(part=shown(part))
    ascii_name = ".".join(filter(None, encoded))
    if any(len(label or "") > LONGEST_LABEL for label in encoded) or len(ascii_name) > LONGEST_NAME:
        return NAME_TOO_LONG.found(wish=shown(ordered), label=LONGEST_LABEL, name=LONGEST_NAME)
    return OwnDomain(ordered, in_unicode(ascii_name), ascii_name)


def _form_fault(name: str, wish: str) -> Finding | None:
    """What is wrong with a name before its letters are looked at."""
    labels = name.split(".")
    faults = (
        (DOMAIN_MISSING, not name),
        (IP_ADDRESS, _is_address(name)),
        (NOT_A_HOST_NAME, not set("/\\:@?#%&").isdisjoint(name) or len(name.split()) > 1),
        (WILDCARD, "*" in name),
        (EMPTY_PART, "" in labels),
        (SINGLE_LABEL, len(labels) == 1 and set(OTHER_DOTS).isdisjoint(name)),
    )
    return next((rule.found(wish=wish) for rule, is_so in faults if is_so), None)


def _is_address(name: str) -> bool:
    """Whether browsers take it for an IP address: also one in brackets, and what ends in a number (WHATWG URL)."""
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return re.fullmatch("[0-9]+|0x[0-9a-f]*", name.rpartition(".")[2]) is not None
    return True


def _a_label(part: str) -> str | None:
    """One part as an A-label, however long; None if it can't be in a domain, or isn't canonical (RFC 5891)."""
    try:
        text = idna.ulabel(part) if part.startswith("xn--") else part
        idna.check_label(text)
    except UnicodeError:
        return None
    label = text if text.isascii() else "xn--" + text.encode("punycode").decode()
    return label if part in {text, label} else None


def _proposal(ordered: str) -> Finding | None:
    """The name that other spellings of the same letters mean, such as full-width ones (UTS 46)."""
    try:
        meant = in_unicode(idna.encode(ordered, uts46=True).decode()).removesuffix(".")
    except UnicodeError:
        return None
    return SPELL_AS.found(wish=shown(ordered), proposal=meant) if meant.count(".") else None
