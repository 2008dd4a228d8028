"""The product's settings files, read back by PHP itself."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.product.settings import (
    FIRST_LINE,
    PATHS,
    UNWRITABLE,
    Relay,
    UnwritableValue,
    config_choices,
    ini,
    installer_form,
    instance_choices,
    neutral_autoupdate,
    of_a_copy,
    php_values,
    with_database,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

READ = "echo json_encode(parse_ini_string(stream_get_contents(STDIN), true), JSON_THROW_ON_ERROR);"


def as_php_reads(text: str) -> Any:
    done = subprocess.run(["php", "-n", "-r", READ], input=text.encode(), capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def as_written(values: Mapping[str, object]) -> dict[str, str]:
    return {key: str(int(value) if isinstance(value, bool) else value) for key, value in values.items()}


writable = st.text(
    st.characters(codec="utf-8", exclude_characters=sorted(UNWRITABLE), exclude_categories=["Cc"]), max_size=60
)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z][a-z_]{3,12}", fullmatch=True), writable, max_size=6))
def test_php_reads_every_value_as_it_was_meant(values: dict[str, str]) -> None:
    """Whatever the words mean elsewhere in an INI file: true, null, a constant, a comment."""
    kept = {key: value for key, value in values.items() if key not in {"null", "true", "false", "none"}}
    assert as_php_reads(ini({"section": kept}))["section"] == kept if kept else True


@pytest.mark.parametrize(
    "value",
    [
        "yes",
        "no",
        "null",
        "none",
        "off",
        "E_ALL",
        "a;b",
        "a=b",
        "[x]",
        " x ",
        "007",
        "12",
        "1.5",
        "&|^~!()",
        "'",
        "#",
        "ä€😀",
        "",
    ],
)
def test_php_takes_no_word_for_something_else(value: str) -> None:
    assert as_php_reads(ini({"s": {"key": value}})) == {"s": {"key": value}}


@pytest.mark.parametrize("bad", sorted(UNWRITABLE))
def test_what_the_form_can_t_hold_is_refused_and_told(bad: str) -> None:
    with pytest.raises(UnwritableValue) as caught:
        ini({"core": {"fix_smtp_pass": f"geheim{bad}x"}})
    assert str(caught.value) == (
        f"The setting fix_smtp_pass holds {[bad]!r}, which the product's settings files can't hold. Choose a value without it."
    )


@pytest.mark.parametrize("language", ["de", "en"])
def test_an_instance_is_safe_by_construction(language: str) -> None:
    read = as_php_reads(
        instance_choices(language, Relay("10.77.0.1", 25, "u", "p;w d", "STARTTLS"), "phlyMail", online=True)
    )
    core = read["core"]
    assert core["online_status"] == "1"
    assert (core["fix_smtp_host"], core["fix_smtp_port"], core["fix_smtp_user"], core["fix_smtp_pass"]) == (
        "10.77.0.1",
        "25",
        "u",
        "p;w d",
    )
    assert core["debugging_level"] == "disabled"
    assert core["send_method"] == "smtp"
    assert core["sms_feature_active"] == "0"
    assert read["auth"]["show_register"] == "0"
    assert read["antijunk"]["use_feature"] == "0"
    assert read["logging"]["log_sql"] == "0"
    assert read["path"] == as_written(PATHS)
    assert "system_salt" not in read["auth"]


def test_offline_is_written_as_the_product_reads_it() -> None:
    assert as_php_reads(instance_choices("de", Relay("h", 25), "p", online=False))["core"]["online_status"] == "0"


def test_the_product_s_own_update_asks_nobody() -> None:
    assert {one["host"] for one in as_php_reads(neutral_autoupdate())} == {"127.0.0.1"}


def test_the_administration_is_locked_to_no_address() -> None:
    assert as_php_reads(config_choices("de"))["allow_ip"] == "0"


def test_a_file_asked_for_by_the_web_shows_nothing() -> None:
    for text in (neutral_autoupdate(), config_choices("en"), instance_choices("en", Relay("h", 25), "p", online=True)):
        assert text.splitlines()[0] == FIRST_LINE
        done = subprocess.run(["php", "-n"], input=text.encode(), capture_output=True, timeout=20, check=True)
        assert done.stdout == b";"


def test_the_installer_is_told_all_that_it_needs() -> None:
    form = installer_form("de", "phm_x", "Pw1", "provider", "Pw2")
    assert {
        "save",
        "language",
        "language_conf",
        "skin",
        "database",
        "admin_name",
        "admin_pw_1",
        "admin_pw_2",
    } <= form.keys()
    assert form["WP_DB[prefix]"] == "phlymail"
    assert form["WP_DB[user]"] == form["WP_DB[database]"] == "phm_x"


def test_php_may_open_an_instance_s_own_folders_alone() -> None:
    values = php_values("/srv/code/x", "/srv/instances/x", "/srv/scratch/x", "/var/log/phm/x.log")
    assert values["open_basedir"].split(":") == ["/srv/code/x", "/srv/instances/x", "/srv/scratch/x", "/dev/urandom"]
    assert {"system", "shell_exec", "exec", "passthru", "popen", "proc_open", "mail", "putenv"} <= set(
        values["disable_functions"].split(",")
    )
    assert values["session.save_path"].startswith("/srv/scratch/x/")


def test_a_copy_of_an_instance_has_another_database_and_keeps_the_rest_of_its_access() -> None:
    have = ';<?php die(); ?>\nhost = "localhost:/run/x.sock"\nuser = "phm_a"\npass = "p1"\ndatabase = "phm_a"\nprefix = "phlymail"\ncharset = "utf8"\n'
    found = as_php_reads(with_database(have, "phm_a_1", "p2"))
    assert found == {
        "host": "localhost:/run/x.sock", "user": "phm_a_1", "pass": "p2", "database": "phm_a_1", "prefix": "phlymail", "charset": "utf8",
    }  # fmt: skip


def test_a_copy_of_an_instance_sends_mail_to_nobody_and_keeps_what_its_customer_chose() -> None:
    relay = Relay("relay.test", 587, "u", "secret", "STARTTLS")
    have = as_php_reads(instance_choices("de", relay, "phlyMail", online=False))
    text = of_a_copy(instance_choices("de", relay, "phlyMail", online=False))
    found = as_php_reads(text)
    assert "secret" not in text
    assert (found["core"]["online_status"], found["core"]["fix_smtp_host"]) == ("1", "127.0.0.1")
    mine = {"online_status", "fix_smtp_host", "fix_smtp_port", "fix_smtp_user", "fix_smtp_pass", "fix_smtp_security"}
    for one in (have, found):
        one["core"] = {key: value for key, value in one["core"].items() if key not in mine}
    assert found == have
    assert of_a_copy(text) == text


@pytest.mark.parametrize("have", ["", ";<?php die(); ?>\n", '[auth]\nsystem_salt = "a$b"\n'])
def test_a_copy_of_an_instance_whose_settings_say_nothing_of_mail_sends_none_either(have: str) -> None:
    assert as_php_reads(of_a_copy(have))["core"]["fix_smtp_port"] == "9"
    assert have.strip() in of_a_copy(have)
