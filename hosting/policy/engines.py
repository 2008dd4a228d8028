"""What instances run on: PHP, database and web server among a server's packages, and until when they get fixes (P13).

The one place that tells flavours apart by their packages; which ones a server has by choice, and which of them are
proven, stands in `flavours`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

END_SOON = timedelta(days=180)
"""So long before the end of its support software is told as a finding."""

ENGINES: Mapping[str, re.Pattern[str]] = {
    "PHP": re.compile(r"php\d+\.\d+-(fpm|cli|common)|php(-fpm|-cli)?"),
    "HHVM": re.compile(r"hhvm(-nightly)?"),
    "MariaDB": re.compile(r"mariadb-(server|server-\d+\.\d+|server-core)"),
    "MySQL": re.compile(r"mysql-(server|server-\d+\.\d+)"),
    "Apache": re.compile(r"apache2(-bin)?"),
}
"""The packages whose versions' first two numbers are a series that customers' data and settings rest on."""


@dataclass(frozen=True)
class Support:
    """Until when something gets security fixes, and who says so."""

    until: date
    source: str


DEBIAN, UBUNTU = "distro-info-data, debian.csv, eol-lts", "distro-info-data, ubuntu.csv, eol"
PHP = "https://www.php.net/supported-versions.php"
MARIADB = "https://mariadb.org/about/#maintenance-policy"
MYSQL = "https://www.mysql.com/support/, Extended Support"

SUPPORTED: Mapping[str, Support] = {
    "debian 11": Support(date(2026, 8, 31), DEBIAN),
    "debian 12": Support(date(2028, 6, 30), DEBIAN),
    "debian 13": Support(date(2030, 6, 30), DEBIAN),
    "ubuntu 22.04": Support(date(2027, 6, 1), UBUNTU),
    "ubuntu 24.04": Support(date(2029, 5, 31), UBUNTU),
    "PHP 8.1": Support(date(2025, 12, 31), PHP),
    "PHP 8.2": Support(date(2026, 12, 31), PHP),
    "PHP 8.3": Support(date(2027, 12, 31), PHP),
    "PHP 8.4": Support(date(2028, 12, 31), PHP),
    "PHP 8.5": Support(date(2029, 12, 31), PHP),
    "MariaDB 10.6": Support(date(2026, 7, 6), MARIADB),
    "MariaDB 10.11": Support(date(2028, 2, 16), MARIADB),
    "MariaDB 11.4": Support(date(2029, 5, 29), MARIADB),
    "MariaDB 11.8": Support(date(2028, 6, 4), MARIADB),
    "MySQL 8.0": Support(date(2026, 4, 30), MYSQL),
    "MySQL 8.4": Support(date(2032, 4, 30), MYSQL),
}
"""Until when security fixes come, as their makers announce it, looked up in November 2026; a distribution's includes
its long-term support, within which it goes on to fix its own packages. Those of distributions are held against the
package `distro-info-data` by a test; the others agree with https://endoflife.date, which reads the pages named."""


def engines(packages: Mapping[str, str]) -> dict[str, str]:
    """The series of PHP, database and web server that are installed: {"MariaDB": "10.11"}.

    Args:
        packages: version by name.
    """
    found: dict[str, str] = {}
    for name, version in packages.items():
        for engine, pattern in ENGINES.items():
            if pattern.fullmatch(name):
                found[engine] = max(found.get(engine, ""), series(version), key=_numbers)
    return found


def ends_soon(distribution: str, packages: Mapping[str, str], today: date, *, covered: bool = True) -> list[str]:
    """What gets no more security fixes, or won't before long, a sentence each; a distribution goes on for its own.

    Args:
        distribution: e.g. debian 12.
        packages: version by name.
        today: the day.
        covered: also what its makers leave and the distribution goes on to fix for longer.
    """
    own = SUPPORTED[distribution].until if distribution in SUPPORTED else date.min
    said = []
    for one in (distribution, *(f"{engine} {number}" for engine, number in sorted(engines(packages).items()))):
        if one not in SUPPORTED:
            continue
        until = SUPPORTED[one].until
        if until <= today + END_SOON:
            ends = "no more security fixes since" if until < today else "security fixes until"
            if not covered and until < own and own > today + END_SOON:
                continue
            goes_on = f"; the packages of {distribution} get them until {own}" if until < own else ""
            said.append(f"{one} gets {ends} {until}{goes_on}.")
    return said


def other_series(packages: Mapping[str, str], coming: Mapping[str, str]) -> list[str]:
    """Each change of the series of PHP, database or web server, a sentence.

    Args:
        packages: version by name, of what is installed.
        coming: likewise, of what would be.
    """
    has = engines(packages)
    found = {}
    for name, version in coming.items():
        for engine, pattern in ENGINES.items():
            new = series(version)
            if pattern.fullmatch(name) and engine in has and new != has[engine]:
                found[engine] = f"It would change {engine} from {has[engine]} to {new}."
    return [found[engine] for engine in sorted(found)]


def series(version: str) -> str:
    """The series of a package's version: "1:10.11.6-0+deb12u1" → "10.11", "2:8.2+93" → "8.2"."""
    upstream = version.partition(":")[2] if ":" in version else version
    found = re.match(r"\d+(\.\d+)?", upstream)
    return found[0] if found else ""


def _numbers(number: str) -> tuple[int, ...]:
    """A series as numbers, to compare."""
    return tuple(int(part) for part in number.split(".") if part)
