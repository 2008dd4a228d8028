"""Settings taken over by an allow-list: what comes out is safe whatever went in, and everything is reported (P34)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.terms import LANGUAGES
from hosting.product.conversion import (
    choices_with,
    convert,
    convert_config,
    convert_handlers,
    rows_as_json,
    settings_of,
)
from hosting.product.conversion_table import TABLE
from hosting.product.old_settings import OldIni, read_ini
from hosting.product.settings import PATHS, Relay, config_choices, instance_choices
from tests.product.test_old_settings import as_php_reads

BASE = instance_choices("de", Relay("relay.example", 25, "u", "p"), "phlyLabs", online=False)
NEW = settings_of(BASE)
SAFE = {
    ("core", "debugging_level"): "disabled", ("core", "database"): "mysql", ("core", "send_method"): "smtp", ("core", "online_status"): "0",
    ("core", "sms_feature_active"): "0", ("core", "sendmail"): "/usr/sbin/sendmail -t", ("core", "fix_smtp_host"): "relay.example",
    ("auth", "force_ssl"): "1", ("auth", "session_cookie"): "1", ("auth", "tie_session_ip"): "0", ("auth", "show_register"): "0",
    ("antijunk", "use_feature"): "0", ("logging", "log_sql"): "0", **{("path", key): value for key, value in PATHS.items()},
}  # fmt: skip
SECTIONS = [
    "core",
    "auth",
    "path",
    "proxy",
    "logging",
    "extauth",
    "api_user",
    "antijunk",
    "phlymta",
    "fulltextsearch",
    "2fa",
    "size",
    "calendar",
    "x",
]
KEYS = ["debugging_level", "database", "send_method", "sendmail", "fix_smtp_pass", "online_status", "system_salt", "countonfail", "waitonfail", "lockonfail",
        "force_ssl", "show_register", "tie_session_ip", "language", "theme_name", "timezone", "provider_name", "cmd_check", "lib", "conf", "userbase", "log_sql",
        "module", "newuser_runscript", "pop3d_bind", "sms_use_gw", "reg_group", "pagesize", "systememail", "logout_redir_uri", "accountpass_security"]  # fmt: skip


def converted(text: str) -> dict[str, str]:
    return {row.key: row.new for row in convert(read_ini(text), NEW).rows}


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(SECTIONS), st.sampled_from(KEYS) | st.from_regex("[a-z_]{1,9}", fullmatch=True)),
        st.text(max_size=40),
    )
)
def test_whatever_went_in_a_safe_file_comes_out_and_every_key_is_reported(values: dict[tuple[str, str], str]) -> None:
    conversion = convert(OldIni(values), NEW)
    out = settings_of(choices_with(BASE, conversion))
    assert {key: out.get(key) for key in SAFE} == SAFE
    assert {key[0] for key in out} <= {key[0] for key in NEW} | {"2fa", "size", "archive", "calendar", "contacts"}
    assert [row.key for row in conversion.rows] == [".".join(key) for key in sorted(values)]
    assert 3 <= int(out["auth", "countonfail"]) <= 20
    assert 1 <= int(out["auth", "waitonfail"]) <= 5
    assert int(out["auth", "lockonfail"]) >= 10


def test_the_new_file_is_what_php_reads() -> None:
    text = '[core]\nprovider_name = "Müller & Söhne ; [x] #1"\npagesize = 50\ntimezone = "Europe/Vienna"\n[auth]\nsystem_salt = "abc123"\n[2fa]\nyubi_secret_key = "a+/="\n'
    conversion = convert(read_ini(text), NEW)
    written = choices_with(BASE, conversion)
    read = as_php_reads(written)
    assert read == dict(settings_of(written))
    assert read is not None
    assert (read["core", "provider_name"], read["core", "timezone"]) == ("Müller & Söhne ; [x] #1", "Europe/Vienna")
    assert ("auth", "system_salt") not in read
    assert conversion.salt == "abc123"


@pytest.mark.parametrize("salt", ["", "a b", "ä", "a\\b", "E_ALL=", "x" * 300])
def test_a_salt_that_may_be_read_otherwise_is_none(salt: str) -> None:
    assert convert(OldIni({("auth", "system_salt"): salt}), NEW).salt == ""
    assert convert(read_ini("[auth]\nsystem_salt = E_ALL\n"), NEW).salt == ""


@pytest.mark.parametrize(
    ("line", "key", "new"),
    [
        ("[core]\nlanguage = fr", "core.language", "fr"), ("[core]\nlanguage = xx", "core.language", "de_Sie"),
        ("[core]\ntheme_name = Blue", "core.theme_name", "Yokohama"), ("[core]\ntimezone = nowhere", "core.timezone", "Europe/Berlin"),
        ("[core]\nsystememail = a@b.example", "core.systememail", "a@b.example"), ('[core]\nsystememail = "a b"', "core.systememail", "-"),
        ("[core]\npagesize = E_ALL", "core.pagesize", "-"), ("[auth]\nlockonfail = 1", "auth.lockonfail", "10"),
        ('[auth]\nwaitonfail = "x"', "auth.waitonfail", "2"), ("[fulltextsearch]\nenabled = 1", "fulltextsearch.enabled", "-"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_exist_here_becomes_the_usual_one(line: str, key: str, new: str) -> None:
    assert converted(f"{line}\n")[key] == new


def test_the_administrations_lock_is_lifted_and_only_known_parts_are_on() -> None:
    taken, rows = convert_config(read_ini("language = fr\nallow_ip = 1\nfoo = 2\nscheme = mine\n"))
    assert taken == {"language": "fr", "allow_ip": "0"}
    told = [("config.allow_ip", "0", "locks_out"), ("config.foo", "-", "unknown"), ("config.language", "fr", "kept"),
            ("config.scheme", "-", "bad_value")]  # fmt: skip
    assert [(row.key, row.new, row.why.code) for row in rows] == told
    assert as_php_reads(config_choices("de", taken)) == {
        ("", "language"): "fr",
        ("", "scheme"): "default",
        ("", "allow_ip"): "0",
    }
    on, report = convert_handlers(read_ini("core = 1\nemail = 1\nrss = 0\nshop = 1\n"))
    assert on == {
        "core": "1",
        "email": "1",
        "contacts": "1",
        "calendar": "1",
        "files": "1",
        "bookmarks": "1",
        "rss": "0",
    }
    assert {row["key"]: row["why"] for row in rows_as_json(report)} == {
        "handlers.core": "kept",
        "handlers.email": "kept",
        "handlers.rss": "kept",
        "handlers.shop": "unknown",
    }


def test_every_reason_is_a_sentence_in_each_language() -> None:
    for line in TABLE:
        for language in LANGUAGES:
            assert re.fullmatch(r"[A-ZÄÖÜ].*\.", getattr(line.why, language))
