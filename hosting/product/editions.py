"""Which edition and series an old installation is, and where it lies (P33; phlymail.md §8).

Several signs are asked, since each can be missing or lie: the name of the build, its number, the layout, tables and
columns of the database. Header comments of the program tell nothing: those of the Free edition name MessageCenter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from hosting.product.releases import version_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

_T = TypeVar("_T")

MARKERS = (
    "storage/config/driver.mysql.ini.php", "storage/config/driver.mysql.conf.php", "storage/config/choices.ini.php",
    "storage/config/current.build", "storage/config/build.name",
    "shared/config/driver.mysql.ini.php", "shared/config/driver.mysql.conf.php", "shared/config/choices.ini.php",
    "shared/config/global.choices.ini.php", "shared/config/current.build", "shared/config/build.name",
    "choices.ini.php",
)  # fmt: skip
"""Files by which an installation's root is known, at any depth; the first one that fits counts."""

OF_A_PART = re.compile(r"(?:.*config|(?:.*/)?frontend/themes/[^/]+)/choices\.ini\.php", re.DOTALL)
"""Settings of that name which are no root's: a folder of settings has them, and so does each theme."""

CONFIG_FOLDERS = {3: "shared/config", 4: "storage/config"}
"""Where each series has its settings."""

SERIES = tuple(CONFIG_FOLDERS)
OLD_COLUMNS = (
    ("user", "firstname"), ("email_index", "meta_flags"), ("email_folders", "meta_flags"),
    ("calendar_events", "warn_time"), ("calendar_events", "warn_snooze"), ("profiles", "be_checkevery"),
)  # fmt: skip
NEW_TABLES = ("groups", "group_permissions", "share_folder")
"""Tables that came with the fourth series."""

OWN_HANDLERS = ("core", "email", "contacts", "calendar", "files", "bookmarks", "rss")


class Edition(StrEnum):
    """What an old installation may be."""

    MESSAGE_CENTER = "MessageCenter"
    LITE = "Lite"
    FREE = "Free"


class Confidence(StrEnum):
    """How sure it is; what is not sure goes to a person."""

    SURE = "sure"
    LIKELY = "likely"
    CONTRADICTED = "contradicted"
    UNKNOWN = "unknown"


_NAMES = (
    (re.compile(r"message\s*cent(?:er|re)|\bmc\b", re.IGNORECASE), Edition.MESSAGE_CENTER),
    (re.compile(r"\blite\b", re.IGNORECASE), Edition.LITE),
    (re.compile(r"\bfree\b", re.IGNORECASE), Edition.FREE),
)


@dataclass(frozen=True)
class Tree:
    """What is known of the files of one installation.

    Args:
        root: where it lies, "" for the top.
        texts: settings and version markers by path below the root.
        code: sums of the program's files by path below the root.
        users: folders of users by path below the root.
        config: the folder of its settings, where it is none of the usual ones.
    """

    root: str
    texts: Mapping[str, str]
    code: Mapping[str, str] = field(default_factory=dict)
    users: tuple[str, ...] = ()
    config: str = ""


@dataclass(frozen=True)
class Sign:
    """One thing that speaks for an edition, a series, or both."""

    what: str
    edition: Edition | None = None
    series: int | None = None


@dataclass(frozen=True)
class Recognised:
    """What an installation is, how sure that is, and by which signs."""

    edition: Edition | None
    series: int | None
    build: int | None
    confidence: Confidence
    signs: tuple[Sign, ...]

    @property
    def is_taken(self) -> bool:
        """Whether it is one that is taken over without a person (settled reading of P33)."""
        return self.edition is not None and self.series in SERIES and self.confidence in {"sure", "likely"}

    @property
    def title(self) -> str:
        """What it is called in reports; empty where it isn't sure."""
        if not self.is_taken:
            return ""
        return f"{self.edition} {version_of(self.build) if self.build else self.series}"


def find_roots(paths: Iterable[str]) -> tuple[str, ...]:
    """Where installations lie, by the paths of the files that tell it; "" is the top."""
    found = set()
    for path in paths:
        marker = next((marker for marker in MARKERS if path == marker or path.endswith(f"/{marker}")), None)
        if marker is not None and not (marker == "choices.ini.php" and OF_A_PART.fullmatch(path)):
            found.add(path[: -len(marker)].rstrip("/"))
    return tuple(sorted(found))


def tree_at(
    root: str, texts: Mapping[str, str], code: Mapping[str, str], users: Collection[str]
) -> Tree:  # fmt: skip
    """The installation at a root, out of everything that lies in an archive."""
    below = f"{root}/" if root else ""
    return Tree(
        root,
        {path.removeprefix(below): text for path, text in texts.items() if path.startswith(below)},
        {path.removeprefix(below): digest for path, digest in code.items() if path.startswith(below)},
        tuple(sorted(path.removeprefix(below) for path in users if path.startswith(below))),
    )


def config_folder(tree: Tree) -> str:
    """The folder of an installation's settings, below its root; empty if there is none."""
    if tree.config:
        return tree.config
    folders = [folder for folder in CONFIG_FOLDERS.values() if any(p.startswith(f"{folder}/") for p in tree.texts)]
    return max(folders, key=lambda folder: sum(p.startswith(f"{folder}/") for p in tree.texts), default="")


def user_base(tree: Tree, told: str = "") -> str:
    """The folder in which users' folders lie: what the settings tell if users are there, else where they are.

    A third series has them in `storage` itself; a tree without the setting would show empty mailboxes (phlymail.md §8).

    Args:
        tree: of the installation.
        told: `path.userbase` of its settings.
    """
    bases = {path.rpartition("/")[0] for path in tree.users}
    return below(told, bases) or max(
        bases, key=lambda base: sum(p.rpartition("/")[0] == base for p in tree.users), default=""
    )


def below(told: str, folders: Collection[str]) -> str:
    """The folder of an archive that a path told by its settings means, "" if none is there.

    Args:
        told: often a path of the old host: the longest end of it that is there counts.
        folders: that lie in the archive.
    """
    parts = [part for part in told.replace("\\", "/").split("/") if part not in {"", "."}]
    ends = ("/".join(parts[at:]) for at in range(len(parts)))
    return next((end for end in ends if end in folders), "")


def recognise(tree: Tree, tables: Mapping[str, Collection[str]]) -> Recognised:
    """What an installation is.

    Args:
        tree: its files.
        tables: columns of the product's tables, by name without prefix.
    """
    name, build = _marker(tree, "build.name"), _build(tree)
    by_name = _name_signs(name)
    signs = [*(by_name or _edition_by_tables(tables)), *(_build_signs(build) or _layout_signs(tree))]
    signs += _series_by_tables(tables)
    editions = {sign.edition for sign in signs if sign.edition}
    series = {sign.series for sign in signs if sign.series}
    confidence = Confidence.UNKNOWN
    if len(editions) > 1 or len(series) > 1:
        confidence = Confidence.CONTRADICTED
    elif editions and series:
        confidence = Confidence.SURE if by_name and build else Confidence.LIKELY
    return Recognised(_only(editions), _only(series), build, confidence, tuple(signs))


def _marker(tree: Tree, name: str) -> str:
    """What a version marker says, in either layout."""
    for folder in (tree.config, *reversed(CONFIG_FOLDERS.values())):
        if text := tree.texts.get(f"{folder}/{name}", "").strip():
            return text[:80]
    return ""


def _build(tree: Tree) -> int | None:
    """The build number, if it is one."""
    text = _marker(tree, "current.build")
    return int(text) if re.fullmatch(r"[0-9]{5,6}", text) else None


def _name_signs(name: str) -> Sequence[Sign]:
    """What the name of the build tells."""
    return [Sign(f"build.name says “{name}”", edition=edition) for form, edition in _NAMES if form.search(name)]


def _build_signs(build: int | None) -> Sequence[Sign]:
    """What the number of the build tells: its first digit is the series."""
    if build is None:
        return []
    return [Sign(f"current.build says {build}", series=int(str(build)[0]))]


def _layout_signs(tree: Tree) -> Sequence[Sign]:
    """What the layout tells; asked only where no build number is, since an update leaves settings where they are."""
    folder = config_folder(tree)
    series = next((series for series, known in CONFIG_FOLDERS.items() if known == folder), None)
    return [Sign(f"settings lie in {folder}", series=series)] if series else []


def _edition_by_tables(tables: Mapping[str, Collection[str]]) -> Sequence[Sign]:
    """What the database tells of the edition; asked only where the build has no name that tells it."""
    has_keys = "admin_apikey" in tables
    return [Sign("the database has admin_apikey", edition=Edition.MESSAGE_CENTER)] if has_keys else []


def _series_by_tables(tables: Mapping[str, Collection[str]]) -> Sequence[Sign]:
    """What the database tells of the series; a fourth one may have columns left of a third."""
    if all(table in tables for table in NEW_TABLES):
        return [Sign("the database has groups and shares", series=4)]
    old = next((f"{table}.{column}" for table, column in OLD_COLUMNS if column in tables.get(table, ())), "")
    return [Sign(f"the database has {old}", series=3)] if old else []


def _only(found: Collection[_T]) -> _T | None:
    """The one thing that was found, None if it is none or several."""
    return next(iter(found)) if len(found) == 1 else None
