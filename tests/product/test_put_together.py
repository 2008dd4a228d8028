"""What the readers told of an archive becomes the figures that are decided on, and the settings of a draft (P33, P34)."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hosting.policy.import_conditions import Booked, Outcome, Request, decide
from hosting.policy.terms import STANDARD
from hosting.product.conversion import choices_with, live_choices, settings_of
from hosting.product.old_installation import Found, beside, dumps_of, put_together, refused_dump, text_of
from hosting.product.settings import Relay, instance_choices, of_a_copy
from tasks.on_server.old_installation.bounds import Bounds
from tasks.on_server.old_installation.dump_reader import survey
from tasks.on_server.old_installation.opening import open_archive
from tasks.on_server.old_installation.refusal import Refusal
from tasks.on_server.old_installation.scratch import Scratch
from tasks.on_server.old_installation.tree_survey import survey_tree
from tests.on_server.archives import Z, zipped
from tests.product.old_installations import SALT, OldOne, packed

if TYPE_CHECKING:
    from pathlib import Path

RELAY = Relay("relay.example", 587, "u", "p4ss", "STARTTLS")
CLOSED, OPEN = (instance_choices("de", RELAY, "phlyMail", online=online) for online in (False, True))
REQUEST = Request("bcdfgh", "https://files.example.com/a.zip", is_secured=True)


def told_of(folder: Path, files: dict[str, bytes], data: bytes = b"") -> dict[str, Any]:
    """What a server's job tells of an archive, as it travels."""
    folder.mkdir()
    with Scratch(str(folder)) as scratch:
        archive = io.BytesIO(data or packed(files, "zip"))
        opened = open_archive(archive, "old.zip", scratch, Bounds(entries=5000, bytes=64 * 2**20), None)
        tree = survey_tree(scratch)
        dumps: list[dict[str, Any]] = []
        for path in tree.dumps:
            with scratch.read(tuple(path.split("/"))) as file:
                try:
                    found = survey(iter(lambda: file.read(4096), b""))
                    dumps.append({"path": path, "survey": found.as_json() | {"candidates": found.candidates()}})
                except Refusal as error:
                    dumps.append({"path": path, "refused": {"code": error.code, "facts": error.facts}})
    told: dict[str, Any] = json.loads(json.dumps({"opened": opened.as_json(), "tree": tree.as_json(), "dumps": dumps}))
    return told


def found_of(folder: Path, old: OldOne, **more: bytes) -> Found:
    files = old.files() | {"dump.sql": old.dump()} | {name.replace("__", "."): data for name, data in more.items()}
    return put_together(told_of(folder, files), settings_of(CLOSED))


@pytest.mark.parametrize(
    ("old", "title", "base", "config"),
    [
        (OldOne(), "MessageCenter 4.03.11", "storage/user", "storage/config"),
        (
            OldOne("Lite", 3, prefix="a_b", several=True, encoding="latin1", users=2),
            "Lite 3.01.05",
            "storage",
            "shared/config",
        ),
        (OldOne("Free", 4, folder="a/b/"), "Free 4.04.70", "storage/user", "storage/config"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_is_recognised_counted_and_found_where_it_lies(
    tmp_path: Path, old: OldOne, title: str, base: str, config: str
) -> None:
    found = found_of(tmp_path / "x", old)
    assert (found.old.recognised, found.base, found.config) == (title, base, config)
    assert found.tree.root == old.folder.rstrip("/")
    assert found.dump is not None
    assert (found.old.users, found.dump.rows("email_index")) == (old.users, old.users * old.mails)
    assert (found.old.has_salt, found.old.has_storage, found.conversion.salt) == (True, True, SALT)
    assert decide(REQUEST, found.old, Booked(5, 25), STANDARD).outcome is Outcome.GO


def test_what_is_missing_or_doubled_is_for_a_person(tmp_path: Path) -> None:
    old = OldOne()
    half = put_together(told_of(tmp_path / "a", old.files()), settings_of(CLOSED))
    no_files = put_together(told_of(tmp_path / "b", {"dump.sql": old.dump()}), settings_of(CLOSED))
    twice = found_of(tmp_path / "c", old, again__sql=old.dump())
    codes = [
        [one.code for one in decide(REQUEST, found.old, Booked(5, 25), STANDARD).findings]
        for found in (half, no_files, twice)
    ]
    assert "dump_missing" in codes[0]
    assert {"storage_missing", "salt_missing"} <= set(codes[1])
    assert "several" in codes[2]


def test_a_dump_that_can_not_be_read_counts_only_where_no_other_can(tmp_path: Path) -> None:
    old = OldOne()
    hostile = b"CREATE TABLE a (b int);\nGRANT ALL ON *.* TO x;\n"
    both = told_of(tmp_path / "a", old.files() | {"dump.sql": old.dump(), "other.sql": hostile})
    alone = told_of(tmp_path / "b", old.files() | {"other.sql": hostile})
    assert refused_dump(both) is None
    assert [dump.path for dump in dumps_of(both)] == ["dump.sql"]
    why = refused_dump(alone)
    assert why is not None
    assert (why.code, why.facts["line"]) == ("rights", 2)


def test_a_dump_that_can_not_be_read_is_told_with_all_else_that_speaks_against_it(tmp_path: Path) -> None:
    """The customer changes everything at once, and not one thing after another (P38)."""
    theme = {"frontend/themes/Blau/main.css": b"a {}"}
    old = OldOne(extra=theme)
    files = old.files() | {"dump.sql": old.dump() + b"DROP DATABASE x;\n"}
    found = put_together(told_of(tmp_path / "x", files), settings_of(CLOSED))
    clear = replace(REQUEST, is_secured=False)
    refused = decide(clear, replace(found.old, files_bytes=9 * 2**30), Booked(1, 5), STANDARD)
    assert refused.outcome is Outcome.REFUSED
    assert [one.code for one in refused.findings] == [
        "statement", "storage_short", "not_all_encrypted", "modifications_found",
    ]  # fmt: skip
    declared = decide(replace(clear, modifications=("theme Blau",)), found.old, Booked(1, 5), STANDARD)
    assert declared.outcome is Outcome.CASE
    assert [one.code for one in declared.findings] == ["modifications_declared", "statement", "not_all_encrypted"]


def test_whatever_of_archive_and_export_is_left_is_told(tmp_path: Path) -> None:
    """Links, doubled names, closed archives, other databases: nobody is to look for what was left out (P34, P35)."""
    old = OldOne(several=True, users=1)
    files = old.files() | {"dump.sql": old.dump()}
    inner = packed({"a": b"b", "old.zip": packed({"c": b"d"}, "zip")}, "zip")
    entries = [Z(path.encode(), content, flags=0x800) for path, content in files.items()]
    data = zipped(
        *entries, Z(b"phlymail/INDEX.php"), Z(b"phlymail/link", b"api.php", mode=0o120777), Z(b"more.zip", inner)
    )
    found = put_together(told_of(tmp_path / "x", {}, data), settings_of(CLOSED))
    decision = decide(REQUEST, found.old, Booked(5, 25), STANDARD)
    told = {one.code: one.told("en") for one in decision.findings}
    assert decision.outcome is Outcome.GO
    assert "phlymail/INDEX.php, phlymail/link" in told["entries_left"]
    assert "nested-1/old.zip" in told["archives_left"]
    assert told["databases_left"].endswith(": shop.")
    assert "(4 statements" in told["statements_left"]
    assert not decide(REQUEST, found_of(tmp_path / "y", OldOne(users=1)).old, Booked(5, 25), STANDARD).findings


def test_passwords_of_mail_accounts_in_clear_are_told_and_taken(tmp_path: Path) -> None:
    found = found_of(tmp_path / "x", OldOne(settings={"core": {"accountpass_security": "cleartext"}}))
    decision = decide(REQUEST, found.old, Booked(5, 25), STANDARD)
    assert (decision.outcome, decision.findings[0].code) == (Outcome.GO, "clear_mail_passwords")
    assert {row.why.code for row in found.rows if row.key == "core.accountpass_security"} == {"clear_passwords"}


def test_changed_files_are_told_beside_the_nearest_of_the_releases(tmp_path: Path) -> None:
    found = found_of(tmp_path / "x", OldOne(extra={"frontend/themes/Blau/main.css": b"a {}", "runonce.php": b"<?php"}))
    of_another = dict.fromkeys(found.tree.code, "0" * 64)
    changed = {**found.tree.code, "index.php": "0" * 64}
    own = {path: digest for path, digest in changed.items() if path != "config.php"}
    assert beside(found, []).old.modifications == ("theme Blau",)
    assert not beside(found, []).is_compared
    compared = beside(found, [of_another, own])
    assert compared.old.modifications == ("theme Blau", "changed: index.php", "added: config.php")
    assert compared.is_compared
    many = beside(found, [dict.fromkeys(found.tree.code, "0" * 64) | {"x": "0"}]).old.modifications
    assert len(many) < 110


def test_the_administrations_settings_and_the_parts_that_are_off_come_along(tmp_path: Path) -> None:
    files = {"phlymail/storage/config/config.choices.ini.php": b"language = fr\nallow_ip = 1\n",
             "phlymail/storage/config/active_handlers.ini.php": b"core = 1\nrss = 0\n"}  # fmt: skip
    found = found_of(tmp_path / "x", OldOne(extra={path.partition("/")[2]: text for path, text in files.items()}))
    assert found.administration == {"language": "fr", "allow_ip": "0"}
    assert (found.parts["rss"], found.parts["email"]) == ("0", "1")
    told = {row.key: (row.old, row.new, row.why.code) for row in found.rows}
    assert told["config.allow_ip"] == ("1", "0", "locks_out")
    assert told["handlers.rss"] == ("0", "0", "kept")


def test_a_draft_sends_nothing_and_goes_live_with_our_relay(tmp_path: Path) -> None:
    conversion = found_of(tmp_path / "x", OldOne()).conversion
    draft = of_a_copy(choices_with(CLOSED, conversion))
    assert settings_of(draft)["core", "fix_smtp_host"] == "127.0.0.1"
    assert "p4ss" not in draft
    live = settings_of(live_choices(draft, OPEN))
    assert (live["core", "fix_smtp_host"], live["core", "fix_smtp_pass"]) == ("relay.example", "p4ss")
    assert live["core", "online_status"] == "1"
    assert (live["core", "theme_name"], live["core", "pagesize"]) == ("Amplified", "50")
    assert live["path", "lib"] == "shared/lib"
    assert SALT not in live_choices(draft, OPEN)


@pytest.mark.parametrize("text", ["Müller & Söhne", "plain", "€"])
def test_a_settings_file_is_read_in_its_own_letters(text: str) -> None:
    assert text_of(text.encode().decode("latin-1")) == text
    assert text_of(text.encode("cp1252").decode("latin-1")) == text


def test_of_very_many_users_and_dumps_some_are_named_and_all_bytes_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.on_server.old_installation.tree_survey.USERS_MOST", 3)
    monkeypatch.setattr("tasks.on_server.old_installation.tree_survey.DUMPS_MOST", 2)
    files = {f"p/storage/user/{number}/email/a": b"x" for number in range(1, 9)}
    tree = told_of(tmp_path / "many", files | {f"{number}.sql": b"--" for number in range(9)})["tree"]
    assert (len(tree["users"]), len(tree["dumps"]), tree["files_bytes"]) == (3, 2, 8 * 4096)
