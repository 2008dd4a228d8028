"""What the readers on a server told of an archive, put together: where an installation lies, what it is and holds.

Pure; the readers' answers are foreign text that was bounded on the server.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hosting.policy.import_conditions import OldInstallation
from hosting.policy.import_rules import refused
from hosting.product.conversion import Conversion, Row, convert, convert_config, convert_handlers
from hosting.product.editions import (
    Recognised,
    Tree,
    config_folder,
    recognise,
    tree_at,
    user_base,
)
from hosting.product.modifications import modifications
from hosting.product.old_places import roots_of, settled
from hosting.product.old_settings import OldIni, merged, read_ini

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hosting.policy.findings import Finding
    from hosting.product.old_settings import Key

CHOICES = ("choices.ini.php", "{config}/global.choices.ini.php", "{config}/choices.ini.php")
"""The settings files, each of which wins over those before it (phlymail.md section 1)."""


@dataclass(frozen=True)
class Dump:
    """Where the product's tables are.

    Args:
        path: of the file, below the unpacked archive.
        section: the database in it.
        prefix: of its tables.
        survey: of the whole file, as the reader told it.
    """

    path: str
    section: str
    prefix: str
    survey: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """As people are told it."""
        return f"{self.section}.{self.prefix}" if self.section else self.prefix

    @property
    def tables(self) -> dict[str, Mapping[str, Any]]:
        """The product's tables by their names without prefix."""
        begin = f"{self.prefix}_"
        return {
            name.removeprefix(begin): facts
            for name, facts in self.survey["sections"][self.section].items()
            if name.startswith(begin)
        }

    @property
    def others(self) -> tuple[str, ...]:
        """The other databases in the file."""
        return tuple(sorted(name for name in self.survey["sections"] if name and name != self.section))

    @property
    def switches(self) -> int:
        """How many statements make or choose a database."""
        return sum(int(self.survey["left_out"].get(kind, 0)) for kind in ("use", "create database"))

    def rows(self, bare: str) -> int:
        """The rows of a table; 0 where it isn't there."""
        return int(self.tables.get(bare, {}).get("rows", 0))


@dataclass(frozen=True)
class Found:
    """An old installation as it was read.

    Args:
        tree: of its root; the first one, if several were found.
        dump: that holds its tables; the first one, if several do.
        recognised: what it is.
        conversion: what comes of its settings.
        config: the folder of its settings, below the root.
        base: the folder of its users' folders, below the root.
        old: the figures that are decided on.
        administration: what is taken over of the administration's own settings.
        parts: which of the product's parts are on; empty where it told nothing of them.
        further: rows of the report on these two.
        is_compared: whether its files were held against those of the very release.
    """

    tree: Tree
    dump: Dump | None
    recognised: Recognised
    conversion: Conversion
    config: str
    base: str
    old: OldInstallation
    administration: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    further: tuple[Row, ...] = ()
    is_compared: bool = False

    @property
    def rows(self) -> tuple[Row, ...]:
        """All settings that the report tells of."""
        return (*self.conversion.rows, *self.further)


def dumps_of(told: Mapping[str, Any]) -> tuple[Dump, ...]:
    """The places in an archive where the product's tables are, in order."""
    found = [
        Dump(dump["path"], section, prefix, dump["survey"])
        for dump in told["dumps"]
        if "survey" in dump
        for section, prefix in dump["survey"]["candidates"]
    ]
    return tuple(sorted(found, key=lambda dump: (dump.path, dump.section, dump.prefix)))


def refused_dump(told: Mapping[str, Any]) -> Finding | None:
    """Why no dump can be taken, if one is there and none can: as its reader said of the largest."""
    why = next((dump["refused"] for dump in told["dumps"] if "refused" in dump), None)
    return refused(why["code"], why["facts"]) if why and not dumps_of(told) else None


def put_together(told: Mapping[str, Any], new: Mapping[Key, str]) -> Found:
    """What was read, as it is decided on.

    Args:
        told: `opened`, `tree` and `dumps`, as the readers tell them.
        new: the settings of a new instance.
    """
    texts, users = told["tree"]["texts"], told["tree"]["users"]
    roots = roots_of(texts)
    tree = settled(tree_at(roots[0] if roots else "", texts, told["tree"]["code"], users))
    dumps, config = dumps_of(told), config_folder(tree)
    dump = dumps[0] if dumps else None
    told_tables = dump.tables if dump else {}
    tables = {bare: facts["columns"] for bare, facts in told_tables.items()}
    settings, recognised = _settings(tree, config), recognise(tree, tables)
    conversion = convert(settings, new)
    old = OldInstallation(
        recognised=recognised.title,
        roots=roots,
        dumps=tuple(one.name for one in dumps),
        has_storage=bool(tree.users) or dump is None or dump.rows("user") == 0,
        has_salt=bool(conversion.salt) and not settings.unreadable,
        users=dump.rows("user") if dump else 0,
        files_bytes=int(told["tree"]["files_bytes"]),
        database_bytes=sum(int(facts["bytes"]) for facts in dump.tables.values()) if dump else 0,
        encrypted=told["opened"]["encrypted"],
        modifications=modifications(tree).names,
        extauth=conversion.extauth,
        clear_passwords=conversion.has_clear_passwords,
        old_encryption=bool(told["opened"]["old_encryption"]),
        twice_in_part=tuple(sorted(bare for bare, facts in told_tables.items() if facts.get("in_part"))),
        entries_left=tuple(path for path, _ in told["opened"]["left_out"]),
        entries_left_count=int(told["opened"]["left_out_count"]),
        archives_left=tuple(told["opened"]["unopened"]),
        databases_left=dump.others if dump else (),
        statements_left=dump.switches if dump else 0,
        unread=refused_dump(told),
    )
    base = user_base(tree, settings.values.get(("path", "userbase"), "")) or "storage/user"
    own, own_rows = convert_config(ini_of(tree, f"{config}/config.choices.ini.php"))
    parts, part_rows = convert_handlers(ini_of(tree, f"{config}/active_handlers.ini.php"))
    return Found(
        tree, dump, recognised, conversion, config or "storage/config", base, old,
        own, parts if part_rows else {}, (*own_rows, *part_rows),
    )  # fmt: skip


def beside(found: Found, releases: Sequence[Mapping[str, str]]) -> Found:
    """An installation held against the registered releases of its build: the one that is nearest tells what differs.

    Args:
        found: as it was read.
        releases: the sums of each one's files by path; without any, only added things are known by their names.
    """
    compared = [modifications(found.tree, release) for release in releases]
    if not compared or not found.tree.code:
        return found
    nearest = min(compared, key=lambda one: len(one.changed) + len(one.further))
    return replace(found, old=replace(found.old, modifications=nearest.names), is_compared=True)


def text_of(latin: str) -> str:
    """A file's text from its bytes, told as latin1: UTF-8 where it is that, else as Windows wrote it."""
    raw = latin.encode("latin-1")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def ini_of(tree: Tree, path: str) -> OldIni:
    """A settings file below the root; an empty one where there is none."""
    return read_ini(text_of(tree.texts[path])) if path in tree.texts else OldIni()


def _settings(tree: Tree, config: str) -> OldIni:
    """What counts of the installation's settings files."""
    return merged(ini_of(tree, place.format(config=config)) for place in CHOICES)
