"""Where Debian's packages come from: what the machine's own apt is set to; no mirror is named here."""

from __future__ import annotations

import os
from pathlib import Path

from fleet.errors import CannotRunHere
from fleet.shell import run

APT = Path("/etc/apt")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
OVERRIDE = "PHM_FLEET_SOURCES"
DATE_OPTIONS = ("Acquire::Check-Valid-Until", "Acquire::Check-Date")


def debian_lines(suite: str, apt: Path = APT) -> list[str]:
    """Lines for a sources.list of Debian only, read from the machine's apt sources.

    Args:
        suite: the release that the lines must be about (`bookworm`, its updates and security).
        apt: apt's folder of settings.

    Raises:
        CannotRunHere: the machine's apt knows no source of this release.
    """
    chosen = os.environ.get(OVERRIDE)
    files = [Path(chosen)] if chosen else [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    lines: list[str] = []
    for file in files:
        if file.suffix == ".sources" and file.is_file():
            lines += from_stanzas(file.read_text())
        elif file.suffix == ".list" and file.is_file():
            lines += from_lines(file.read_text(), trusted=file == apt / "sources.list" or bool(chosen))
    lines = [line for line in lines if line.split()[3].startswith(suite)]
    if not lines:
        raise CannotRunHere(
            f"This machine's apt knows no source of Debian {suite}.",
            f"Write a sources file for it, install debian-archive-keyring and set {OVERRIDE} to the file's path.",
        )
    return lines


def from_stanzas(text: str) -> list[str]:
    """Debian's sources in a file of the newer form: those whose key is Debian's archive keyring."""
    lines = []
    for stanza in text.replace("\r", "").split("\n\n"):
        fields = _fields(stanza)
        if fields.get("enabled", "yes") == "no" or "deb" not in fields.get("types", "").split():
            continue
        if "debian-archive-keyring" not in fields.get("signed-by", ""):
            continue
        components = fields.get("components", "main")
        lines += [
            f"deb [signed-by={KEYRING}] {uri} {suite} {components}"
            for uri in fields.get("uris", "").split()
            for suite in fields.get("suites", "").split()
        ]
    return lines


def _fields(stanza: str) -> dict[str, str]:
    """The fields of one stanza, names in lower case; comments and continued lines as apt reads them."""
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace() and name:
            fields[name] += " " + line.strip()
        elif ":" in line:
            name, value = line.split(":", 1)
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def from_lines(text: str, *, trusted: bool) -> list[str]:
    """Debian's sources in a file of the older form.

    Args:
        text: the file.
        trusted: whether lines without a named key count (the machine's main file, signed by Debian's own keys).
    """
    lines = []
    for line in text.splitlines():
        words = line.split("#", 1)[0].split()
        if not words or words[0] != "deb":
            continue
        options, rest = "", words[1:]
        if rest and rest[0].startswith("["):
            end = next((i for i, word in enumerate(rest) if word.endswith("]")), 0)
            options, rest = " ".join(rest[: end + 1]), rest[end + 1 :]
        named = "signed-by=" in options
        ours = "debian-archive-keyring" in options if named else trusted
        if ours and len(rest) > 1:
            lines.append(f"deb [signed-by={KEYRING}] {' '.join(rest)}")
    return lines


def date_options() -> list[str]:
    """Apt's settings about dates of package lists, as the machine has them (mirrors may be frozen)."""
    dump = run(["apt-config", "dump"], check=False).stdout.splitlines()
    return [line.rstrip(";") for line in dump if line.split(" ", 1)[0] in DATE_OPTIONS]
