"""`phm operator`: passwords for the board, never as arguments, each on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hosting.inventory import deeds, operator_logins
from hosting.policy.operator_passwords import is_password

if TYPE_CHECKING:
    from tests.deployments.console.conftest import Console

GOOD = "drei bunte Pferde"


def kept(phm: Console, name: str) -> str:
    with phm.inventory.reading() as session:
        login = operator_logins.login_of(session, name)
    return login.password_hash if login else ""


def test_a_password_from_standard_input_lets_an_operator_in_and_is_recorded_without_it(phm: Console) -> None:
    said = phm("operator", "password", "erna", "--password-file", "-", answers=f"{GOOD}\n")
    assert said.code == 0, said.err
    assert GOOD not in said.out + said.err
    assert is_password(GOOD, kept(phm, "erna"))
    with phm.inventory.reading() as session:
        told = deeds.deeds_of(session, "operator:erna")
    assert [(one.by, one.what) for one in told] == [(phm.operator, "operator's password set")]


def test_a_password_comes_from_a_file_s_first_line_with_a_windows_end(phm: Console) -> None:
    file = phm.home / "password"
    file.write_bytes(f"{GOOD}\r\nmore\n".encode())
    assert phm("operator", "password", "erna", "--password-file", str(file)).code == 0
    assert is_password(GOOD, kept(phm, "erna"))


def test_a_typed_password_has_to_be_typed_the_same_twice(phm: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter([GOOD, GOOD + "!", GOOD, GOOD])
    monkeypatch.setattr("typer.prompt", lambda *_, **options: next(typed) if options["hide_input"] else "")
    assert "not the same" in phm("operator", "password", "erna").refusal
    assert kept(phm, "erna") == ""
    assert phm("operator", "password", "erna").code == 0
    assert is_password(GOOD, kept(phm, "erna"))


@pytest.mark.parametrize(("password", "why"), [
    ("kurz", "fewer than 12"), ("", "empty"), (" drei bunte Pferde", "begins or ends"), ("121212121212", "too few"),
    ("x" * 129, "more than 128"), ("ernaernaerna", "repeats the name"),
])  # fmt: skip
def test_a_weak_password_is_refused_in_one_sentence_and_changes_nothing(phm: Console, password: str, why: str) -> None:
    refusal = phm("operator", "password", "erna", "--password-file", "-", answers=f"{password}\n").refusal
    assert why in refusal
    assert kept(phm, "erna") == ""


@pytest.mark.parametrize("name", ["", " erna", "er\x1bna"])
def test_a_name_that_is_none_is_refused(phm: Console, name: str) -> None:
    assert "name" in phm("operator", "password", name, "--password-file", "-", answers=f"{GOOD}\n").refusal
    with phm.inventory.reading() as session:
        assert operator_logins.all_operators(session) == []


def test_a_file_that_is_not_there_is_told(phm: Console) -> None:
    assert "can't be read" in phm("operator", "password", "erna", "--password-file", "/nowhere").refusal


def test_an_operator_is_locked_out_by_a_word_and_listed(phm: Console) -> None:
    phm("operator", "password", "erna", "--password-file", "-", answers=f"{GOOD}\n")
    assert {row["name"]: row["password_set_at"] is not None for row in phm("operator", "list", "--json").json} == {
        "erna": True, phm.operator: False,
    }  # fmt: skip
    assert "not confirmed" in phm("operator", "lock", "erna", "--reason", "left", answers="n\n").refusal
    assert kept(phm, "erna")
    assert phm("operator", "lock", "erna", "--reason", "left", "--yes").code == 0
    assert kept(phm, "erna") == ""
    assert "erna has no login" in phm("operator", "lock", "erna", "--reason", "left", "--yes").refusal
