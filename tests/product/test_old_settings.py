"""Old settings files: read as PHP itself reads them, or said to be doubtful."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.product.old_settings import OldIni, merged, read_ini, read_old_driver
from hosting.product.settings import FIRST_LINE, ini

MANY = 40 if os.environ.get("PHM_HYPOTHESIS") == "search" else 1
READ = (
    "$found = @parse_ini_string(stream_get_contents(STDIN), true);"
    "echo json_encode($found, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE);"
)


def as_php_reads(text: str) -> dict[tuple[str, str], str] | None:
    done = subprocess.run(["php", "-n", "-r", READ], input=text.encode(), capture_output=True, timeout=20, check=True)
    found = json.loads(done.stdout)
    if found is False:
        return None
    flat = {}
    for name, value in (found or {}).items():
        if isinstance(value, dict):
            flat |= {(str(name), str(key)): inner for key, inner in value.items()}
        elif not isinstance(value, list):
            flat["", str(name)] = value
    return flat


def agrees(text: str) -> OldIni:
    """What is read is what PHP reads, no more and no less, but for what is said to be doubtful."""
    ours = read_ini(text)
    if not ours.unreadable:
        theirs = as_php_reads(text)
        assert theirs is not None
        assert {key: value for key, value in theirs.items() if key in ours.values} == ours.values
        arrays = {name for _, name in ours.doubtful}
        assert {key for key in theirs if key not in ours.doubtful and key[0] not in arrays} == set(ours.values)
    return ours


def test_what_the_product_writes_is_read() -> None:
    text = ini(
        {
            "core": {"online_status": 0, "theme_name": "Yokohama", "x": "a b;c=d [e] ü ' #"},
            "auth": {"system_salt": "4f2c81a9b3"},
        }
    )
    assert agrees(text).values == {
        ("core", "online_status"): "0", ("core", "theme_name"): "Yokohama", ("core", "x"): "a b;c=d [e] ü ' #",
        ("auth", "system_salt"): "4f2c81a9b3",
    }  # fmt: skip


def test_what_people_write_by_hand_is_read() -> None:
    text = (
        f"{FIRST_LINE}\r\n\r\nlanguage = de\r\n[core] ; the core\r\n  a=yes\r\nb = Off ; no\r\nc='x y'\r\nd =\r\n"
        'e = Europe/Berlin\r\nf = 007\r\ng = -1.5\r\nh = null\r\ni = "yes"\r\n; "j = 1\r\n'
    )
    assert agrees(text).values == {
        ("", "language"): "de", ("core", "a"): "1", ("core", "b"): "", ("core", "c"): "x y", ("core", "d"): "",
        ("core", "e"): "Europe/Berlin", ("core", "f"): "007", ("core", "g"): "-1.5", ("core", "h"): "", ("core", "i"): "yes",
    }  # fmt: skip


@pytest.mark.parametrize("value", ["E_ALL", "PATH_SEPARATOR", "M_PI", "two words", "50%", "A-B"])
def test_what_php_may_take_for_something_else_is_doubtful(value: str) -> None:
    found = agrees(f"[auth]\nsystem_salt = {value}\nb = 1\n")
    assert found.doubtful == {("auth", "system_salt")}
    assert found.values == {("auth", "b"): "1"}


@pytest.mark.parametrize(
    "line",
    ['a = "x', 'a = "x"y"', 'a = "${PATH}"', "a = ${PATH}", 'a = "x\\"', "a = (1)", "a = 1 | 2", "a = !x", "[core", "[a b]",
     "null = 1", "yes = 2", "a", "=", "a\0 = 1", "[auth]", "[E_ALL]", "[null]", "{a} = 1", "a = x\0", "\ufeff; x", "a = b = c", "a = ^",
     "; x\0", "\0"],
)  # fmt: skip
def test_what_makes_the_rest_of_a_file_unsure_is_told_by_its_line(line: str) -> None:
    assert read_ini(f"[auth]\nb = 1\n{line}\nc = 2\n") == OldIni(unreadable=3)


def test_a_section_takes_the_place_of_a_key_of_its_name() -> None:
    assert agrees("core = 1\nemail = 1\r[core]").values == {("", "email"): "1"}
    assert agrees("core = 1\n[core]\ncore = 2\n").values == {("core", "core"): "2"}


def test_the_later_file_wins_and_its_doubts_too() -> None:
    first, second = read_ini("[a]\nb = 1\nc = 1\nd = E_ALL\n"), read_ini("[a]\nb = 2\nc = E_ALL\nd = 3\n")
    both = merged([first, second])
    assert (both.values, both.doubtful) == ({("a", "b"): "2", ("a", "d"): "3"}, {("a", "c")})


def test_the_third_series_access_to_its_database_is_read() -> None:
    text = "<?php die(); ?>\nmysql_host;;localhost\nmysql_pass;;a;;b\nmysql_prefix;;phm\n"
    assert read_old_driver(text) == {"host": "localhost", "pass": "a;;b", "prefix": "phm"}


SCRAPS = st.sampled_from(
    ["a = ", "b=", "[core]", "[x]", "\n", "\r\n", "\r", ";", '"', "'", "yes", "none", "E_ALL", "${PATH}", "$a", "\\", "=", " ", "1",
     "0x1F", "1.5", "x y", "ü", "#", "(", "!", "|", "a.b = 1", "c[] = 1", "d[x] = 2", "NULL", "Europe/Berlin", "e = f", "\t"]
)  # fmt: skip


@settings(max_examples=120 * MANY)
@given(st.lists(SCRAPS, max_size=14))
def test_whatever_a_file_holds_php_reads_the_same_or_it_is_doubtful(scraps: list[str]) -> None:
    agrees("".join(scraps))
