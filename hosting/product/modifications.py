"""What an old installation has that its release has not: found, left out, and reported (P35; phlymail.md section 8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.product.editions import OWN_HANDLERS
from hosting.product.releases import STATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hosting.product.editions import Tree

OWN_THEMES = ("Yokohama", "Amplified", "Basic")
OWN_MODULES = ("Bookmarks", "phlyMTA")
OWN_GATEWAYS = ("phlymail.de",)
OWN_LOGINS = ("imap", "pop3", "ldap", "ldap_ext", "csvfile", "smtp", "file")
ADDED = (
    (re.compile(r"frontend/themes/([^/]+)/.+"), "theme", OWN_THEMES),
    (re.compile(r"handlers/([^/]+)/.+"), "handler", OWN_HANDLERS),
    (re.compile(r"config/modules/([^/]+)/?.*\.php"), "Config module", OWN_MODULES),
    (re.compile(r"(?:shared/)?msggw/([^/]+)/.+"), "SMS gateway", OWN_GATEWAYS),
    (re.compile(r"storage/filter_scripts/(.+\.php)"), "filter script", ()),
    (re.compile(r"shared/extauth/([^/]+)\.php"), "login module", OWN_LOGINS),
)
"""What people add, and what each release has of it."""

LISTED = 100


@dataclass(frozen=True)
class Modifications:
    """What differs from the release (P35): added things by kind and name, changed and further files by path."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    further: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """As the report lists them; of very many files some."""
        return (*self.added, *_listed("changed", self.changed), *_listed("added", self.further))


def modifications(tree: Tree, release: Mapping[str, str] | None = None) -> Modifications:
    """What was added or changed.

    Args:
        tree: of the installation.
        release: sums of the very release's files by path, if it is known; without it only added things are found.
    """
    added = set()
    for path in (*tree.code, *tree.texts):
        for pattern, kind, own in ADDED:
            match = pattern.fullmatch(path)
            if match and match[1] not in own and not match[1].startswith(("index.", ".")):
                added.add(f"{kind} {match[1]}")
    release = release or {}
    changed = [path for path, digest in tree.code.items() if path in release and release[path] != digest]
    own_files = [
        path for path in tree.code
        if release and path not in release and not _is_of_an_addition(path) and not STATE.fullmatch(path)
    ]  # fmt: skip
    return Modifications(tuple(sorted(added)), tuple(sorted(changed)), tuple(sorted(own_files)))


def _listed(what: str, paths: Sequence[str]) -> list[str]:
    """Files of a kind, and how many there are more."""
    rest = len(paths) - LISTED
    return [f"{what}: {path}" for path in paths[:LISTED]] + ([f"{what}: {rest} files more"] if rest > 0 else [])


def _is_of_an_addition(path: str) -> bool:
    """Whether a file belongs to something that is listed by its name already."""
    return any(pattern.fullmatch(path) for pattern, _, _ in ADDED)
