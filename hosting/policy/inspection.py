"""Inspections of the fleet: the looks they are made of, what they find, and how a finding is told (P18)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime


class Severity(StrEnum):
    """How much a finding asks of a person: at once, this week, or that he knows."""

    GRAVE = "grave"
    WRONG = "wrong"
    NOTE = "note"


ORDER = tuple(Severity)
"""What is graver comes first."""


class Look(StrEnum):
    """One look at a server; a finding is closed by the look that it came from, and by no other."""

    REACH = "reach"
    RAID = "raid"
    DISKS = "disks"
    SERVICES = "services"
    SMART = "smart"
    DATABASE = "database"
    CLOCK = "clock"
    PACKAGES = "packages"
    CERTIFICATE = "certificate"
    MAIL = "mail"
    SITES = "sites"
    USERS = "users"
    DATABASES = "databases"
    CRON = "cron"
    FOLDERS = "folders"
    RIGHTS = "rights"
    CLOSED = "closed"
    BACKUPS = "backups"
    DOMAINS = "domains"


LIGHT = frozenset({Look.RAID, Look.DISKS, Look.SERVICES})
"""The looks of each hour: cheap, and about what can't wait for the night."""

OF_SERVICE = frozenset({Look.BACKUPS, Look.DOMAINS})
"""The looks that are at the inventory alone; the service tells of them by letters of their own, too."""


class Way(StrEnum):
    """How a finding is mended by an operator's word."""

    RIGHTS = "rights"
    START = "start"
    CRON = "cron"
    SITE = "site"
    FORWARD = "forward"
    OPEN = "open"


SERVICE = ""
"""The server of a finding that is about the service as a whole."""


@dataclass(frozen=True)
class FleetFinding:
    """What an inspection found.

    Args:
        server: on which was looked; `SERVICE` where it is about no single one.
        look: by which it is closed once it is gone.
        what: tells it apart from others of the look; stable, whatever figures the sentence has.
        severity: how much it asks of a person.
        sentence: what is wrong.
        do: what to do about it.
        subject: what it is about, as deeds name it; the server, unless told otherwise.
        mend: how it is mended by an operator's word, as `mend_by` reads it; empty where by hand alone.
    """

    server: str
    look: Look
    what: str
    severity: Severity
    sentence: str
    do: str
    subject: str = ""
    mend: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Under which it is kept for good."""
        return f"{self.server or 'service'}:{self.look}:{self.what}".replace(" ", "-")[:KEY_MOST]

    @property
    def told_do(self) -> str:
        """What to do, with the command where the console can do it."""
        return f"{self.do} By your word: phm findings mend {self.key}" if self.mend else self.do

    @property
    def about(self) -> str:
        """What it is about, e.g. server:app1."""
        return self.subject or (f"server:{self.server}" if self.server else "service")


KEY_MOST = 400


@dataclass(frozen=True)
class KnownFinding:
    """A finding as the inventory keeps it.

    Args:
        gone_at: when a look did not find it any more; None while it stands.
        silenced_until: until then nobody is told of it.
    """

    key: str
    server: str
    look: Look
    subject: str
    severity: Severity
    sentence: str
    do: str
    mend: Mapping[str, str]
    first_seen: datetime
    last_seen: datetime
    gone_at: datetime | None = None
    silenced_until: datetime | None = None
    silenced_by: str = ""
    silenced_because: str = ""

    def is_silent(self, now: datetime) -> bool:
        """Whether a person has said that it is known, for some time."""
        return self.silenced_until is not None and now < self.silenced_until


def gravest_first(findings: Iterable[FleetFinding]) -> list[FleetFinding]:
    """The order in which people read them."""
    return sorted(findings, key=lambda one: (ORDER.index(one.severity), one.server, one.key))


def to_tell(new: Iterable[KnownFinding], now: datetime) -> list[KnownFinding]:
    """Of findings that were not there before, those for which the operators get a letter.

    What is of the service as a whole is told by the letters of its own jobs; what is silenced, by none.
    """
    return [
        one for one in new
        if one.severity is Severity.GRAVE and one.look not in OF_SERVICE and not one.is_silent(now)
    ]  # fmt: skip


def unreachable(server: str, why: str) -> FleetFinding:
    """The finding that a server could not be looked at at all."""
    return FleetFinding(
        server, Look.REACH, "silent", Severity.GRAVE, f"{server} can't be looked at: {why}.",
        f"See whether it runs and whether the control machine reaches it by SSH: phm server show {server}. Customers "
        f"on it: phm instance list. If it is lost: docs/runbooks/evacuate-server.md.",
    )  # fmt: skip


def not_looked(server: str, look: Look, why: str) -> FleetFinding:
    """The finding that one look could not be made; it is gone once that look is."""
    return FleetFinding(
        server, look, "not made", Severity.WRONG,
        f"The look at {look} of {server} could not be made: {why}.",
        "See on the server what stands in its way; what this look had found stays as it was meanwhile.",
    )  # fmt: skip


def mend_by(way: Way, server: str, **what: str) -> dict[str, str]:
    """How a finding is mended, as the inventory keeps it."""
    return {"way": way.value, "server": server, **what}


TOLD_MEND = {
    Way.RIGHTS: "On {server} {path} gets the owner {owner} and the mode {mode}.",
    Way.START: "On {server} the unit {unit} is started.",
    Way.CRON: "On {server} the file {path} is removed.",
    Way.SITE: "On {server} the site {path} is removed, and Apache loads what is left.",
    Way.FORWARD: "{server} passes requests for {instance} on to {to}.",
    Way.OPEN: "{instance} is opened again on {server}: gate, database's user, folder, site and cron job.",
}


def told_mend(mend: Mapping[str, str]) -> str:
    """What mending would do, in one sentence; empty where a finding is mended by hand alone."""
    return TOLD_MEND[Way(mend["way"])].format(**mend) if mend else ""


@dataclass(frozen=True)
class Inspected:
    """When a server was looked at, whatever that found.

    Args:
        server: its name.
        made: when each look was last made; one that is not in it never was.
    """

    server: str
    made: Mapping[Look, datetime]

    @property
    def wholly_at(self) -> datetime | None:
        """Since then every look of a night was made; None where one never was."""
        return None if self.never else min(self.made[look] for look in looks_of(light=False))

    @property
    def never(self) -> tuple[Look, ...]:
        """The looks of a night that were never made."""
        return tuple(look for look in Look if look in looks_of(light=False) and look not in self.made)


def looks_of(*, light: bool) -> frozenset[Look]:
    """The looks at a server of an inspection."""
    return LIGHT if light else frozenset(Look) - OF_SERVICE - {Look.REACH}


def closes(looked: Collection[Look], finding: KnownFinding, found: Collection[str]) -> bool:
    """Whether a finding is gone: its look was made, and did not find it.

    Args:
        looked: the looks that were really made at its server.
        finding: that stands.
        found: the keys of what they found.
    """
    return finding.look in looked and finding.key not in found
