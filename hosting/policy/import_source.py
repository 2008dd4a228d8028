"""From where an old installation may be fetched: which URL, which address, which redirect, how much and how long (P37).

Secured is HTTPS with a valid certificate, or SFTP with the host key told beforehand; over plain HTTP or FTP comes only
an archive whose every entry is encrypted. Whoever connects asks the resolver once for each connection, has the answer
decided on here, and connects to the address that comes out: a name that changes its answer leads nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import idna

from hosting.policy import import_rules as rules
from hosting.policy.addresses import is_odd_spelling, is_public
from hosting.policy.findings import shown
from hosting.policy.quota import MIB
from hosting.policy.terms import GIB

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from hosting.policy.addresses import Network
    from hosting.policy.findings import Finding
    from hosting.policy.terms import Terms

PORTS = {"https": 443, "sftp": 22, "http": 80, "ftp": 21}
SECURED = ("https", "sftp")
LONGEST_URL = 2000
REDIRECTS_MOST = 5
"""So many redirects are followed (as browsers' first limits were; hosters use one or two)."""

ADDRESSES_MOST = 32
"""A name with more addresses is no hoster's."""

OTHER_PORTS_LEAST = 1024
"""Below it only the scheme's own port is connected to: the others are mail, names and remote control."""

INNER_SUFFIXES = (
    "localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa", "onion", "test", "invalid",
)  # fmt: skip
"""Names that lead inside, whoever answers for them (RFC 6761 and 8375, and what networks use)."""

SLOWEST_BYTES_A_SECOND = 256 * 1024
"""At this speed an archive as large as is allowed must be through."""

LEAST_TIME = timedelta(hours=1)
MOST_TIME = timedelta(hours=48)
SILENCE = timedelta(seconds=60)
"""A source that sends nothing for so long is given up, and gone on with where it stopped."""

_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f-\xa0\\\"<>^`{|}\u2028\u2029]")
_ENCODED_CONTROLS = re.compile("%[01][0-9a-f]|%7f", re.IGNORECASE)
"""A line end in a path would be a command of its own to an FTP server."""

_USER_INFO = re.compile(r"^((?:[^/@]*//)?)[^/]*@")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_KEY = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Source:
    """Where an archive is fetched from.

    Args:
        scheme: https, sftp, http or ftp.
        host: a name as A-labels, or an address without brackets.
        port: to connect to.
        path: with the question, as it is sent.
        user: empty if none is named.
        host_key: fingerprint of an SFTP server's key, `SHA256:…`.
    """

    scheme: str
    host: str
    port: int
    path: str
    user: str = field(default="", repr=False)
    host_key: str = ""

    @property
    def is_secured(self) -> bool:
        """Whether nobody on the way can read or change what comes."""
        return self.scheme in SECURED

    @property
    def url(self) -> str:
        """The URL, without the user; for records and messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


@dataclass(frozen=True)
class SourceCheck:
    """The source, or all that speaks against it."""

    source: Source | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Pinned:
    """The one address that a connection goes to, or why there is none."""

    address: str
    finding: Finding | None


@dataclass(frozen=True)
class FetchLimits:
    """How much and how long is fetched, by the booking."""

    bytes: int
    seconds: int
    silence_seconds: int = int(SILENCE.total_seconds())
    redirects: int = REDIRECTS_MOST


def check_source(url: str, *, protected: bool, host_key: str = "") -> SourceCheck:
    """Whether a customer's archive can be fetched from a URL; asks no resolver.

    Args:
        url: as the customer gave it.
        protected: whether a password for the archive was given, too; that every entry needs it shows when it is here.
        host_key: of an SFTP server, as the customer told it.
    """
    split = _split(url.strip())
    if not isinstance(split, SplitResult):
        return SourceCheck(None, (split,))
    host, port = _host(split.hostname or ""), split.port
    refusals = (
        (rules.PASSWORD_IN_URL.found(), split.password is not None),
        (rules.UNSECURED.found(scheme=split.scheme), split.scheme not in SECURED and not protected),
        (rules.HOST_KEY_MISSING.found(), split.scheme == "sftp" and not _KEY.fullmatch(host_key)),
        (rules.PORT.found(port=port or 0), port is not None and not _may_connect(split.scheme, port)),
        (rules.NO_FILE.found(), unquote(split.path) in {"", "/"}),
    )
    findings = [finding for finding, applies in refusals if applies]
    if not isinstance(host, str) or findings:
        return SourceCheck(None, (*([] if isinstance(host, str) else [host]), *findings))
    path = split.path + (f"?{split.query}" if split.query else "")
    source = Source(split.scheme, host, port or PORTS[split.scheme], path, unquote(split.username or ""), host_key)
    return SourceCheck(source, ())


def choose_address(
    source: Source, resolved: Sequence[str], allowed: Collection[Network] = (), ours: Collection[Network] = ()
) -> Pinned:
    """To which address a connection goes; one inner address among them is enough that it goes to none.

    Args:
        source: of the archive.
        resolved: all addresses that the resolver gave for its host, just now.
        allowed: networks that count as public all the same (tests' own).
        ours: the service's own networks: nobody sends it to itself.
    """
    if not resolved:
        return Pinned("", rules.NO_ADDRESS.found(host=shown(source.host)))
    inner = [address for address in resolved if not is_public(address, allowed, ours)]
    if inner:
        return Pinned("", rules.INNER_ADDRESS.found(host=shown(source.host), address=shown(inner[0])))
    if len(resolved) > ADDRESSES_MOST:
        return Pinned("", rules.MANY_ADDRESSES.found(host=shown(source.host), most=ADDRESSES_MOST))
    return Pinned(resolved[0], None)


def follow(source: Source, location: str, followed: int, *, protected: bool) -> SourceCheck:
    """Whether a redirect is followed; its address is decided on like the first one's.

    Args:
        source: that answered.
        location: where it points, absolute or not.
        followed: how many were followed so far.
        protected: whether a password for the archive was given.
    """
    if followed >= REDIRECTS_MOST:
        return SourceCheck(None, (rules.REDIRECTS.found(most=REDIRECTS_MOST),))
    if source.scheme not in {"https", "http"}:
        return SourceCheck(None, (rules.REDIRECTED_AWAY.found(target=_shown_target(location)),))
    try:
        target = urljoin(source.url, location.strip(" "))
    except ValueError:
        target = ""
    if not target or _NOT_IN_URLS.search(location.strip(" ")):
        return SourceCheck(None, (rules.URL_MALFORMED.found(),))
    check = check_source(target, protected=protected)
    if check.source is None:
        return check
    if check.source.scheme not in {"https", "http"} or (source.is_secured and not check.source.is_secured):
        return SourceCheck(None, (rules.REDIRECTED_AWAY.found(target=_shown_target(check.source.url)),))
    same = (check.source.host, check.source.port) == (source.host, source.port)
    return SourceCheck(replace(check.source, user=source.user if same else ""), ())


def fetch_limits(pool_gib: int) -> FetchLimits:
    """How much may be fetched for a booking, and for how long: packed, an archive is no larger than what it holds.

    Args:
        pool_gib: the whole storage of the booked instance.
    """
    most = pool_gib * GIB
    seconds = min(max(most // SLOWEST_BYTES_A_SECOND, int(LEAST_TIME.total_seconds())), int(MOST_TIME.total_seconds()))
    return FetchLimits(most, seconds)


def check_archive(
    size: int, sha256: str, limits: FetchLimits, told_sha256: str, terms: Terms
) -> tuple[Finding, ...]:  # fmt: skip
    """What speaks against an archive as it came: larger than what is booked holds, or another one than was meant.

    Args:
        size: its bytes, or those that the source states before it is fetched.
        sha256: of what came; empty before.
        limits: of the booking.
        told_sha256: as the customer or an earlier look told it; empty if nobody did.
        terms: of the contract.
    """
    facts = {"size_mib": -(-size // MIB), "most_mib": limits.bytes // MIB, "step_gib": terms.storage_step_gib}
    other = bool(sha256 and told_sha256) and sha256.lower() != "".join(told_sha256.split()).lower()
    refusals = ((rules.TOO_LARGE.found(**facts), size > limits.bytes), (rules.CHECKSUM_DIFFERS.found(), other))
    return tuple(finding for finding, applies in refusals if applies)


def check_sha256(told: str) -> tuple[Finding, ...]:
    """What speaks against a sum that was told: half of one would refuse every archive.

    Args:
        told: in lower case, without blanks; empty if nobody told one.
    """
    return (rules.SHA256_MALFORMED.found(told=shown(told)),) if told and not _SHA256.fullmatch(told) else ()


def refused_by_source(code: str, host: str, status: int = 0) -> Finding:
    """What a source said instead of giving the archive.

    Args:
        code: `certificate`, `host_key`, `login`, or `not_there`.
        host: that was asked.
        status: of its answer, where it gave one.
    """
    found = {
        "certificate": rules.CERTIFICATE_BAD.found(host=shown(host)),
        "host_key": rules.HOST_KEY_DIFFERS.found(host=shown(host)),
        "login": rules.LOGIN_REFUSED.found(host=shown(host)),
        "not_there": rules.NOT_THERE.found(status=status),
    }
    return found[code]


def _shown_target(location: str) -> str:
    """Where a redirect leads, without what may open it: user and password, and what stands behind ? and #."""
    return shown(_USER_INFO.sub(r"\1", re.split("[?#]", location, maxsplit=1)[0]))


def _split(text: str) -> SplitResult | Finding:
    """A URL's parts, of a scheme that is offered."""
    if not text:
        return rules.URL_MISSING.found()
    if len(text) > LONGEST_URL or _NOT_IN_URLS.search(text) or _ENCODED_CONTROLS.search(text):
        return rules.URL_MALFORMED.found()
    try:
        split = urlsplit(text)
        _ = split.port  # raises where it is none
    except ValueError:
        return rules.URL_MALFORMED.found()
    if "[" in split.netloc and ":" not in (split.hostname or ""):
        return rules.URL_MALFORMED.found()
    if not split.scheme or "." in split.scheme:  # a host's name, before a port too
        return rules.SCHEME_MISSING.found()
    return split if split.scheme in PORTS else rules.SCHEME_NOT_OFFERED.found(scheme=shown(split.scheme))


def _host(host: str) -> str | Finding:
    """A host as it is connected to: an address in its usual form, or a name as A-labels."""
    if ":" in host or host.replace(".", "").isdigit() or is_odd_spelling(host):
        usual = not is_odd_spelling(host)
        return host if usual and "%" not in host else rules.ODD_ADDRESS.found(host=shown(host))
    name = host.removesuffix(".").lower()
    try:
        ascii_name = name if name.isascii() else idna.encode(name).decode()
    except UnicodeError:
        return rules.HOST_MALFORMED.found(host=shown(host))
    labels = ascii_name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or len(ascii_name) > 253:  # noqa: PLR2004  # RFC 1035
        return rules.HOST_MALFORMED.found(host=shown(host))
    if len(labels) == 1 or any(ascii_name == inner or ascii_name.endswith(f".{inner}") for inner in INNER_SUFFIXES):
        return rules.INNER_NAME.found(host=shown(host))
    return ascii_name


def _may_connect(scheme: str, port: int) -> bool:
    """Whether a port is one where files are fetched."""
    return port == PORTS[scheme] or port >= OTHER_PORTS_LEAST
