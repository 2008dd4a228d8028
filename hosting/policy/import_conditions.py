"""Whether an old installation can be taken over: all unmet conditions at once, in figures, and for whom (P33 to P39).

Three ends: it goes on; the customer is told what to change; or a person takes it, with everything known, to make an
offer. A case comes before a refusal: whoever gets it tells the customer all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from hosting.policy import import_left as left
from hosting.policy import import_rules as rules
from hosting.policy.findings import shown
from hosting.policy.import_left import named
from hosting.policy.orders import pool_gib
from hosting.policy.quota import MIB
from hosting.policy.terms import GIB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.policy.findings import Finding
    from hosting.policy.terms import Terms

UNPACKED_SPARE_GIB = 1
"""Beyond the pool: the old program itself, and a dump that is longer as text than as tables."""

UNPACKED_PER_POOL = 2
"""An archive in an archive lies there twice for a while."""

ENTRIES_LEAST = 100_000
ENTRIES_PER_GIB = 60_000
"""Mails of eighteen kilobytes on the mean; a mailbox of 50,000 fits into the smallest booking several times."""

ENTRIES_MOST = 3_000_000
"""What a server can hold in mind of names while it opens an archive."""


class Outcome(StrEnum):
    """What becomes of a request."""

    GO = "go"
    REFUSED = "refused"
    CASE = "case"


@dataclass(frozen=True)
class Request:
    """What a customer asked for.

    Args:
        instance: that he booked.
        url: where the archive lies, as it may be shown.
        is_secured: whether it came by HTTPS or SFTP.
        modifications: that he declared (P35).
    """

    instance: str
    url: str
    is_secured: bool
    modifications: tuple[str, ...] = ()


@dataclass(frozen=True)
class Booked:
    """What is booked for the instance: accounts, and the whole storage in GiB."""

    accounts: int
    pool_gib: int


@dataclass(frozen=True)
class OldInstallation:
    """What was found in the archive; None and empty where it could not be told.

    Args:
        recognised: edition and series in one, as `MessageCenter 4`; empty if they are not sure.
        roots: places in the archive where an installation was found.
        dumps: databases and prefixes with the product's tables.
        has_storage: whether the folder with mails and files is there.
        has_salt: whether `auth.system_salt` was read for sure.
        users: all users of the dump, locked ones too.
        files_bytes: of the storage folder, as the booking counts them.
        database_bytes: of the product's tables, as far as it can be told before they are loaded.
        encrypted: `all`, `some` or `none` of the archive's files.
        old_encryption: whether any of them was in ZIP's old way, which can be broken.
        modifications: found ones (P35).
        extauth: the module that knows the passwords, if it isn't the database.
        clear_passwords: whether the passwords of mail accounts lie in clear, to be disguised on the way.
        twice_in_part: tables of whose texts some alone were encoded twice, which stay as they are.
        entries_left: some paths in the archive that were not unpacked (links, names that others have).
        entries_left_count: of all of those.
        archives_left: archives in it that stayed closed.
        databases_left: others in the dump.
        statements_left: how many statements of the dump make or choose a database.
        unread: why the dump can't be taken, where one is there and none can; nothing is known of its tables then.
    """

    recognised: str
    roots: tuple[str, ...]
    dumps: tuple[str, ...]
    has_storage: bool
    has_salt: bool
    users: int
    files_bytes: int
    database_bytes: int
    encrypted: str = "none"
    modifications: tuple[str, ...] = ()
    extauth: str = ""
    clear_passwords: bool = False
    old_encryption: bool = True
    twice_in_part: tuple[str, ...] = ()
    entries_left: tuple[str, ...] = ()
    entries_left_count: int = 0
    archives_left: tuple[str, ...] = ()
    databases_left: tuple[str, ...] = ()
    statements_left: int = 0
    unread: Finding | None = None

    @property
    def bytes(self) -> int:
        """What it takes of a booking."""
        return self.files_bytes + self.database_bytes


@dataclass(frozen=True)
class Missing:
    """What has to be booked in addition, so that an old installation fits."""

    accounts: int
    packages: int

    def pool_gib(self, booked: Booked, terms: Terms) -> int:
        """The whole storage then."""
        return booked.pool_gib + pool_gib(self.accounts, self.packages * terms.storage_step_gib, terms)


@dataclass(frozen=True)
class Decision:
    """What becomes of a request, with all that was found."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    missing: Missing

    def told(self, language: str) -> tuple[str, ...]:
        """The sentences for the customer."""
        return tuple(finding.told(language) for finding in self.findings)


@dataclass(frozen=True)
class OpeningBounds:
    """How much an archive may hold for a booking, unpacked."""

    entries: int
    bytes: int


def opening_bounds(pool: int) -> OpeningBounds:
    """What an archive may hold; generous, since what is short is told in figures only once it is opened (P38).

    Args:
        pool: the whole storage of the booked instance, in GiB.
    """
    entries = min(ENTRIES_LEAST + pool * ENTRIES_PER_GIB, ENTRIES_MOST)
    return OpeningBounds(entries, (pool * UNPACKED_PER_POOL + UNPACKED_SPARE_GIB) * GIB)


def missing_for(old: OldInstallation, booked: Booked, terms: Terms) -> Missing:
    """What has to be booked in addition: accounts first, which bring storage of their own, then the fewest packages."""
    accounts = max(0, old.users - booked.accounts)
    have = (booked.pool_gib + accounts * terms.storage_per_account_gib) * GIB
    step = terms.storage_step_gib * GIB
    return Missing(accounts, max(0, -((have - old.bytes) // step)))


def decide(request: Request, old: OldInstallation, booked: Booked, terms: Terms) -> Decision:
    """What becomes of a request: go on, refused with what is missing, or a case for a person.

    Args:
        request: what was asked for.
        old: what was found in the archive.
        booked: for the instance.
        terms: of the contract.
    """
    missing = missing_for(old, booked, terms)
    for_a_person = _for_a_person(request, old, missing, booked, terms)
    short = _short(old, missing, booked, terms)
    unsafe = _unsafe(request, old)
    unread = [old.unread] if old.unread else []
    findings = (*for_a_person, *unread, *short, *unsafe, *_told(request, old))
    if for_a_person:
        return Decision(Outcome.CASE, findings, missing)
    refused = any(finding.refuses for finding in findings)
    return Decision(Outcome.REFUSED if refused else Outcome.GO, findings, missing)


def short_of_room(measured: OldInstallation, booked: Booked, terms: Terms) -> Sequence[Finding]:
    """What is booked less than an installation takes, once it stands and was measured; nothing if it fits."""
    return _short_of_room(measured, missing_for(measured, booked, terms), booked, terms)


def mail_passwords_lost(count: int) -> Sequence[Finding]:
    """What is told of mail accounts whose passwords could not be disguised; nothing if there are none."""
    return [rules.MAIL_PASSWORDS_LOST.found(count=count)] if count else []


def case_facts(request: Request, old: OldInstallation, booked: Booked, decision: Decision) -> dict[str, Any]:
    """Everything known about a case, for the person who makes the offer (P39); no secret is among it."""
    return {
        "instance": request.instance,
        "url": request.url,
        "declared": list(request.modifications),
        "recognised": old.recognised or "unknown",
        "roots": list(old.roots),
        "databases": list(old.dumps),
        "users": old.users,
        "storage_mib": _mib(old.files_bytes),
        "database_mib": _mib(old.database_bytes),
        "booked_accounts": booked.accounts,
        "booked_gib": booked.pool_gib,
        "missing_accounts": decision.missing.accounts,
        "missing_packages": decision.missing.packages,
        "modifications": list(old.modifications),
        "findings": [str(finding) for finding in decision.findings],
    }


def _for_a_person(
    request: Request, old: OldInstallation, missing: Missing, booked: Booked, terms: Terms
) -> Sequence[Finding]:
    """What the customer can't mend by himself."""
    found = old.roots if len(old.roots) > 1 else old.dumps
    pool, accounts = missing.pool_gib(booked, terms), booked.accounts + missing.accounts
    most = terms.storage_most_gib
    found_here = (
        (rules.NOT_RECOGNISED.found(), not old.recognised and old.unread is None),
        (rules.SEVERAL.found(found=named(found)), len(old.roots) > 1 or len(old.dumps) > 1),
        (rules.DUMP_MISSING.found(), not old.dumps and old.unread is None),
        (rules.STORAGE_MISSING.found(), not old.has_storage),
        (rules.SALT_MISSING.found(), not old.has_salt),
        (rules.MODIFICATIONS_DECLARED.found(names=named(request.modifications)), bool(request.modifications)),
        (rules.BEYOND_OFFER.found(gib=pool, accounts=accounts, most_gib=most), pool > most),
    )
    return [finding for finding, applies in found_here if applies]


def _short(old: OldInstallation, missing: Missing, booked: Booked, terms: Terms) -> Sequence[Finding]:
    """What is booked less than is needed, in figures (P38)."""
    findings = []
    if missing.accounts:
        facts = {"needed": old.users, "booked": booked.accounts, "missing": missing.accounts}
        findings.append(rules.ACCOUNTS_SHORT.found(**facts))
    return [*findings, *_short_of_room(old, missing, booked, terms)]


def _short_of_room(old: OldInstallation, missing: Missing, booked: Booked, terms: Terms) -> Sequence[Finding]:
    """What is booked less of storage than is needed."""
    over = old.bytes - booked.pool_gib * GIB
    if over <= 0:
        return []
    facts = {"needed_mib": _mib(old.bytes), "booked_mib": booked.pool_gib * GIB // MIB, "missing_mib": _mib(over)}
    return [rules.STORAGE_SHORT.found(**facts, packages=missing.packages, step_gib=terms.storage_step_gib)]


def _unsafe(request: Request, old: OldInstallation) -> Sequence[Finding]:
    """What speaks against the way here: in clear comes only what is encrypted as a whole (P37)."""
    if request.is_secured:
        return []
    if old.encrypted != "all":
        return [rules.NOT_ALL_ENCRYPTED.found()]
    return [rules.OLD_ENCRYPTION.found()] if old.old_encryption else []


def _told(request: Request, old: OldInstallation) -> Sequence[Finding]:
    """What is only told."""
    new = [name for name in old.modifications if name not in request.modifications]
    found_here = (
        (rules.MODIFICATIONS_FOUND.found(names=named(new)), bool(new)),
        (rules.OTHER_PASSWORDS.found(module=shown(old.extauth)), bool(old.extauth)),
        (rules.CLEAR_PASSWORDS.found(), old.clear_passwords),
        (rules.TWICE_IN_PART.found(names=named(old.twice_in_part)), bool(old.twice_in_part)),
        (left.ENTRIES_LEFT.found(names=named(old.entries_left, old.entries_left_count)), bool(old.entries_left)),
        (left.ARCHIVES_LEFT.found(names=named(old.archives_left)), bool(old.archives_left)),
        (left.DATABASES_LEFT.found(names=named(old.databases_left)), bool(old.databases_left)),
        (left.STATEMENTS_LEFT.found(count=old.statements_left), bool(old.statements_left)),
    )
    return [finding for finding, applies in found_here if applies]


def _mib(count: int) -> int:
    """Bytes in MiB, upwards."""
    return -(-count // MIB)
