"""Old installations on the whole way from the archive to the decision: recognised, counted, converted (P33 to P35)."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from hosting.policy.import_conditions import Booked, OldInstallation, Outcome, Request, decide
from hosting.policy.terms import STANDARD
from hosting.product.conversion import Conversion, convert, settings_of
from hosting.product.editions import (
    Confidence,
    Recognised,
    Tree,
    config_folder,
    find_roots,
    recognise,
    tree_at,
    user_base,
)
from hosting.product.modifications import modifications
from hosting.product.old_settings import merged, read_ini
from hosting.product.settings import Relay, instance_choices
from tasks.on_server.old_installation.bounds import Bounds
from tasks.on_server.old_installation.dump_reader import Survey, Wanted, pass_on, survey
from tasks.on_server.old_installation.opening import Opened, open_archive
from tasks.on_server.old_installation.scratch import Scratch
from tasks.on_server.old_installation.tree_survey import TreeSurvey, survey_tree
from tests.on_server.archives import Z, zipped
from tests.product.old_installations import SALT, OldOne, packed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOUNDS = Bounds(entries=5000, bytes=64 * 2**20)
NEW = settings_of(instance_choices("de", Relay("relay.example", 25), "phlyLabs", online=False))


@dataclass
class Read:
    """What was read of an archive."""

    opened: Opened
    found: TreeSurvey
    tree: Tree
    dump: Survey
    recognised: Recognised
    conversion: Conversion
    loaded: bytes


def pieces(scratch: Scratch, path: str) -> Iterator[bytes]:
    with scratch.read(tuple(path.split("/"))) as file:
        while piece := file.read(1000):
            yield piece


def read(folder: Path, archive: bytes, password: bytes | None = None) -> Read:
    """All readers, one after another, as a server and the worker use them."""
    folder.mkdir()
    with Scratch(str(folder)) as scratch:
        opened = open_archive(io.BytesIO(archive), "old.zip", scratch, BOUNDS, password)
        found = survey_tree(scratch)
        (root,) = find_roots(found.texts)
        tree = tree_at(root, found.texts, found.code, found.users)
        (dump_path,) = found.dumps
        dump = survey(pieces(scratch, dump_path))
        ((section, prefix),) = dump.candidates()
        tables = {
            name.removeprefix(f"{prefix}_"): t.columns
            for name, t in dump.sections[section].items()
            if name.startswith(f"{prefix}_")
        }
        out: list[bytes] = []
        pass_on(pieces(scratch, dump_path), dump, Wanted(section, prefix, "phlymail", tuple(tables)), out.append)
    files = [
        tree.texts[path] for path in ("choices.ini.php", f"{config_folder(tree)}/choices.ini.php") if path in tree.texts
    ]
    conversion = convert(merged(read_ini(text.encode("latin-1").decode()) for text in files), NEW)
    return Read(opened, found, tree, dump, recognise(tree, tables), conversion, b"".join(out))


def archive_of(old: OldOne, form: str = "zip") -> bytes:
    return packed(old.files() | {"dump.sql": old.dump()}, form)


@pytest.mark.parametrize("form", ["zip", "tar.gz", "tar.bz2"])
@pytest.mark.parametrize(
    ("old", "title"),
    [
        (OldOne(), "MessageCenter 4.03.11"),
        (OldOne("Lite", 4, prefix="pm_x", encoding="latin1", users=2), "Lite 4.02.08"),
        (OldOne("MessageCenter", 3, encoding="twice", several=True, engine="TYPE=MyISAM"), "MessageCenter 3.07.21"),
        (OldOne("Lite", 3, folder="", users=1), "Lite 3.01.05"),
        (OldOne("Free", 4, folder="a/b/c/", engine="ENGINE=InnoDB DEFAULT CHARSET=utf8"), "Free 4.04.70"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_both_editions_and_series_arrive_with_all_that_they_hold(
    tmp_path: Path, old: OldOne, title: str, form: str
) -> None:
    got = read(tmp_path / "scratch", archive_of(old, form))
    assert (got.recognised.title, got.recognised.confidence) == (title, Confidence.SURE)
    written = {
        str(path.relative_to(tmp_path / "scratch")): path.read_bytes()
        for path in (tmp_path / "scratch").rglob("*")
        if path.is_file()
    }
    assert written == old.files() | {"dump.sql": old.dump()}
    assert len(got.tree.users) == old.users
    assert sum(folder.files for folder in got.found.users.values()) == old.users * (old.mails + 1)
    assert user_base(got.tree) == old.base
    section = next(iter(tables for tables in got.dump.sections.values() if f"{old.prefix}_user" in tables))
    assert section[f"{old.prefix}_user"].rows == old.users
    assert section[f"{old.prefix}_email_index"].rows == old.users * old.mails
    assert got.conversion.salt == SALT
    assert "Grüße aus Köln" in got.loaded.decode("cp1252" if old.encoding == "latin1" else "utf-8")
    assert got.loaded.startswith(b"SET NAMES " + (b"latin1" if old.encoding == "latin1" else b"utf8mb4"))


def test_a_dump_packed_apart_and_a_password_make_no_difference(tmp_path: Path) -> None:
    old = OldOne()
    entries = [Z(path.encode(), content, flags=0x800, password=b"geheim") for path, content in old.files().items()]
    got = read(
        tmp_path / "scratch",
        zipped(*entries, Z(b"dump.sql.gz", gzip.compress(old.dump()), password=b"geheim")),
        b"geheim",
    )
    assert got.recognised.title == "MessageCenter 4.03.11"
    assert got.opened.encrypted == "all"


def test_unsafe_settings_become_safe_and_each_is_told(tmp_path: Path) -> None:
    old = OldOne(
        settings={"extauth": {"module": "ldap", "ldap_pass": "x"}, "core": {"accountpass_security": "cleartext"}}
    )
    conversion = read(tmp_path / "scratch", archive_of(old)).conversion
    rows = {row.key: row for row in conversion.rows}
    changed = {key: (row.old, row.new, row.why.code) for key, row in rows.items()}
    assert changed["core.debugging_level"] == ("enabled", "disabled", "shows_errors")
    assert changed["core.sendmail"] == ("/bin/sh -c id", "/usr/sbin/sendmail -t", "our_relay")
    assert changed["core.fix_smtp_pass"] == ("•••", "", "our_relay")
    assert changed["auth.system_salt"] == ("•••", "•••", "for_passwords")
    assert changed["auth.waitonfail"] == ("90", "5", "within_limits")
    assert changed["auth.countonfail"] == ("1", "3", "within_limits")
    assert changed["path.lib"] == ("/tmp/evil", "shared/lib", "foreign_path")
    assert changed["antijunk.cmd_check"] == ("/usr/bin/spamc", "-", "runs_commands")
    assert changed["core.logout_redir_uri"][1:] == ("-", "leads_away")
    assert changed["core.plugin_x"] == ("1", "-", "unknown")
    assert rows["auth.system_salt"].is_kept
    assert rows["core.provider_name"].new == "Müller & Söhne"
    assert not rows["core.online_status"].is_kept
    assert (conversion.extauth, conversion.has_clear_passwords) == ("ldap", True)
    assert not any(secret in str(conversion) for secret in ("geheim99", SALT))
    assert [row["why"] for row in conversion.report("de") if row["key"] == "auth.show_register"] == [
        "Nutzer legt nur der Administrator an."
    ]


@pytest.mark.parametrize(
    ("extra", "names"),
    [
        ({}, []),
        ({"frontend/themes/Blue/main.css": b"a {}"}, ["theme Blue"]),
        ({"handlers/shop/api.php": b"<?php"}, ["handler shop"]),
        ({"config/modules/stats/index.php": b"<?php"}, ["Config module stats"]),
        ({"shared/msggw/acme/phm_shortmessage.php": b"<?php"}, ["SMS gateway acme"]),
        ({"shared/extauth/own.php": b"<?php"}, ["login module own"]),
    ],
)
def test_modifications_are_found_by_name(tmp_path: Path, extra: dict[str, bytes], names: list[str]) -> None:
    got = read(tmp_path / "scratch", archive_of(OldOne(extra=extra)))
    assert list(modifications(got.tree).names) == names


def test_changed_and_further_files_are_found_beside_the_very_release(tmp_path: Path) -> None:
    tree = read(tmp_path / "scratch", archive_of(OldOne())).tree
    release = {path: digest for path, digest in tree.code.items() if path != "api.php"} | {"index.php": "0" * 64}
    found = modifications(tree, release)
    assert (found.changed, found.further) == (("index.php",), ("api.php",))


def test_what_is_found_leads_to_the_decision_that_follows(tmp_path: Path) -> None:
    got = read(tmp_path / "scratch", archive_of(OldOne(users=5)))
    ((section, prefix),) = got.dump.candidates()
    tables = got.dump.sections[section]
    old = OldInstallation(
        got.recognised.title, (got.tree.root,), (f"{section}.{prefix}",), has_storage=bool(got.tree.users), has_salt=bool(got.conversion.salt),
        users=tables[f"{prefix}_user"].rows, files_bytes=got.found.files_bytes, database_bytes=sum(t.bytes for t in tables.values()),
    )  # fmt: skip
    request = Request("bcdfgh", "https://files.example.com/a.zip", is_secured=True)
    assert decide(request, old, Booked(5, 25), STANDARD).outcome is Outcome.GO
    assert decide(request, old, Booked(3, 15), STANDARD).missing.accounts == 2


def test_two_copies_in_one_archive_are_two_roots() -> None:
    one, two = OldOne(), OldOne(folder="phlymail/backup/old/")
    assert find_roots([*one.files(), *two.files()]) == ("phlymail", "phlymail/backup/old")


@pytest.mark.parametrize(
    ("texts", "tables", "confidence"),
    [
        ({"storage/config/build.name": "webmail"}, {}, Confidence.UNKNOWN),
        ({"storage/config/build.name": "phlyMail MessageCenter", "storage/config/current.build": "40311"}, {"user": ["firstname"]}, Confidence.CONTRADICTED),
        ({"storage/config/build.name": "phlyMail Lite MC", "storage/config/current.build": "40311"}, {}, Confidence.CONTRADICTED),
        ({"storage/config/choices.ini.php": ""}, {"admin_apikey": [], "groups": [], "group_permissions": [], "share_folder": []}, Confidence.LIKELY),
        ({"shared/config/build.name": "phlyMail lite"}, {"user": ["firstname"]}, Confidence.LIKELY),
        ({"storage/config/build.name": "phlyMail Lite", "storage/config/current.build": "20311"}, {}, Confidence.SURE),
    ],
)  # fmt: skip
def test_signs_that_are_missing_or_at_odds_are_told(
    texts: dict[str, str], tables: dict[str, list[str]], confidence: Confidence
) -> None:
    found = recognise(Tree("", texts), tables)
    assert found.confidence is confidence
    assert found.is_taken == (confidence in {"sure", "likely"} and found.series in {3, 4})
