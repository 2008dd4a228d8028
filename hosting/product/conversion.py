"""Settings of an old installation converted: by an allow-list, each reported with its reason (P34).

Nothing is copied as it stands: new files are written from the values that come out here, over those of a new instance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hosting.policy.findings import shown
from hosting.product.conversion_table import BAD_VALUE, CLEAR_PASSWORDS, CONFIG, DOUBTFUL, KEPT, TABLE, UNKNOWN, drop
from hosting.product.editions import OWN_HANDLERS
from hosting.product.old_settings import read_ini
from hosting.product.settings import COPY, ini

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hosting.policy.findings import Rule
    from hosting.product.old_settings import Key, OldIni

SECRET = re.compile(r".*(?:pass|secret|salt|key|token|pw).*", re.IGNORECASE)
"""Keys whose values stand in no report."""

MASK = "•••"
ABSENT = "-"
"""How a report shows what isn't set."""

CLEAR = ("core", "accountpass_security")
SALT = ("auth", "system_salt")


@dataclass(frozen=True)
class Row:
    """One line of the report: a setting, what it was and is (secrets masked), and why."""

    key: str
    old: str
    new: str
    why: Rule
    is_kept: bool

    def told(self, language: str) -> dict[str, str]:
        """As the report shows it."""
        why = {"de": self.why.de, "en": self.why.en}[language]
        return {"key": self.key, "old": self.old, "new": self.new, "why": why}


@dataclass(frozen=True)
class Conversion:
    """What comes of an old installation's settings.

    Args:
        values: by section and key, to be laid over those of a new instance.
        rows: of the report, in the order of keys.
        salt: of all passwords; empty if it can't be told for sure, which is for a person.
        extauth: the module that knew the passwords, if it wasn't the database.
        has_clear_passwords: whether passwords of mail accounts have to be disguised once the draft stands; until then
            `values` says that they aren't, as the product needs to read them.
    """

    values: Mapping[Key, str] = field(repr=False)
    rows: tuple[Row, ...]
    salt: str = field(default="", repr=False)
    extauth: str = ""
    has_clear_passwords: bool = False

    def report(self, language: str) -> list[dict[str, str]]:
        """The report's rows in a language."""
        return [row.told(language) for row in self.rows]


def convert(old: OldIni, new: Mapping[Key, str]) -> Conversion:
    """Convert the settings of `choices.ini.php` files.

    Args:
        old: what counts of them (`old_settings.merged`).
        new: the settings of a new instance.
    """
    rows: list[Row] = []
    values: dict[Key, str] = {}
    for key in sorted(set(old.values) | old.doubtful):
        if key in old.doubtful:
            rows.append(_row(key, "?", new.get(key), DOUBTFUL))
            continue
        was = old.values[key]
        value, why = _converted(key, was)
        if value is not None:
            values[key] = value
        rows.append(_row(key, was, new.get(key) if value is None else value, why))
    clear = old.values.get(CLEAR) == "cleartext"
    if clear:
        values[CLEAR] = "cleartext"
        rows = [
            _row(CLEAR, "cleartext", "confused", CLEAR_PASSWORDS) if row.key == ".".join(CLEAR) else row for row in rows
        ]
    return Conversion(
        values,
        tuple(rows),
        values.get(SALT, ""),
        shown(old.values.get(("extauth", "module"), "")),
        has_clear_passwords=clear,
    )


def convert_config(old: OldIni) -> tuple[Mapping[str, str], tuple[Row, ...]]:
    """The administration's own settings (`config.choices.ini.php`): what is taken over of them, and the report on all.

    Each key is told below `config`; a file that can't be read for sure is told as one line, and nothing is taken.
    """
    if old.unreadable:
        return {}, (_row(("", "config"), "?", None, DOUBTFUL),)
    kept: dict[str, str] = {}
    rows: list[Row] = []
    for section, key in sorted(set(old.values) | old.doubtful):
        known, why = CONFIG.get(key, (None, UNKNOWN)) if not section else (None, UNKNOWN)
        was = old.values.get((section, key))
        value = known(was) if known and was is not None else None
        if value is not None:
            kept[key] = value
        elif was is None:
            why = DOUBTFUL
        elif known:
            why = BAD_VALUE
        rows.append(_row(("config", *filter(None, (section, key))), "?" if was is None else was, value, why))
    return kept, tuple(rows)


def convert_handlers(old: OldIni) -> tuple[Mapping[str, str], tuple[Row, ...]]:
    """Which of the product's parts are on (`active_handlers.ini.php`), and the report on it, each below `handlers`."""
    kept = {
        key: value
        for (section, key), value in old.values.items()
        if not section and key in OWN_HANDLERS and value in {"0", "1", ""}
    }
    rows: list[Row] = []
    for (section, key), value in sorted(old.values.items()):
        why = UNKNOWN if section or key not in kept else KEPT
        rows.append(_row(("handlers", *filter(None, (section, key))), value, kept.get(key), why))
    return {name: kept.get(name) or "0" if name in kept else "1" for name in OWN_HANDLERS}, tuple(rows)


def choices_with(new: str, conversion: Conversion) -> str:
    """The settings file of a new instance with the values that were taken over.

    Args:
        new: as `settings.instance_choices` writes it.
        conversion: of the old installation.
    """
    nested: dict[str, dict[str, str]] = {}
    for (section, key), value in (dict(read_ini(new).values) | dict(conversion.values)).items():
        if (section, key) != SALT:  # it stands in the other file
            nested.setdefault(section, {})[key] = value
    return ini(nested)


def live_choices(draft: str, new: str) -> str:
    """The settings file of a draft that goes live: it sends by our relay, and its users may log in.

    Args:
        draft: as it has it, with what was converted and a copy's own values.
        new: that of a new instance, open.
    """
    fresh = settings_of(new)
    own = {("core", key): fresh["core", key] for key in COPY if ("core", key) in fresh}
    nested: dict[str, dict[str, str]] = {}
    for (section, key), value in (dict(settings_of(draft)) | own).items():
        nested.setdefault(section, {})[key] = value
    return ini(nested)


def settings_of(text: str) -> Mapping[Key, str]:
    """What a settings file of ours says."""
    return read_ini(text).values


def _converted(key: Key, old: str) -> tuple[str | None, Rule]:
    """The new value, None for the platform's own, and why."""
    for line in TABLE:
        if line.section.fullmatch(key[0]) and line.keys.fullmatch(key[1]):
            value = line.new(old)
            return value, BAD_VALUE if value is None and line.new is not drop else line.why
    return None, UNKNOWN


def _row(key: tuple[str, ...], old: str, new: str | None, why: Rule) -> Row:
    """A row, with secrets masked."""
    name = ".".join(part for part in key if part)
    is_kept = old == new
    if SECRET.fullmatch(key[-1]):
        old, new = old and MASK, new and MASK
    return Row(name, shown(old), ABSENT if new is None else shown(new), why, is_kept)


def rows_as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows as records keep them: reasons by code."""
    return [{"key": row.key, "old": row.old, "new": row.new, "why": row.why.code} for row in rows]
