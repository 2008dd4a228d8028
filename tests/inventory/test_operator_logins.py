from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import deeds, operator_logins
from hosting.inventory.operator_logins import NoLogin
from hosting.inventory.operators import ensure_operator
from tests.inventory.words import NOW

if TYPE_CHECKING:
    from hosting.inventory.session import Inventory

LATER = NOW + timedelta(hours=1)


def test_a_password_is_given_and_given_anew_and_taken_away_each_on_record(inventory: Inventory) -> None:
    with inventory.writing() as session:
        operator_logins.set_password(session, "olga", "scrypt$one", by="erna", now=NOW)
        operator_logins.set_password(session, "olga", "scrypt$two", by="olga", now=LATER)
    with inventory.reading() as session:
        login = operator_logins.login_of(session, "olga")
        assert login is not None
        assert (login.password_hash, login.set_at, login.sessions_since) == ("scrypt$two", LATER, LATER)
        assert "scrypt" not in repr(login)
    with inventory.writing() as session:
        operator_logins.remove_password(session, "olga", by="erna", why="left", now=LATER)
    with inventory.reading() as session:
        assert operator_logins.login_of(session, "olga") is None
        told = deeds.deeds_of(session, "operator:olga")
        assert [(one.by, one.what, one.why) for one in told] == [
            ("erna", "operator's password set", ""), ("olga", "operator's password set", ""),
            ("erna", "operator's password removed", "left"),
        ]  # fmt: skip
        assert not any("scrypt" in str(one.evidence) for one in told)


def test_sessions_end_from_a_moment_on_and_never_begin_to_count_again(inventory: Inventory) -> None:
    with inventory.writing() as session:
        operator_logins.set_password(session, "olga", "scrypt$one", by="olga", now=LATER)
        operator_logins.end_sessions(session, "olga", NOW)
        operator_logins.end_sessions(session, "nobody", NOW)
    with inventory.reading() as session:
        login = operator_logins.login_of(session, "olga")
    assert login is not None
    assert login.sessions_since == LATER


def test_who_has_no_login_can_t_be_locked_out(inventory: Inventory) -> None:
    with pytest.raises(NoLogin, match="erna has no login"), inventory.writing() as session:
        operator_logins.remove_password(session, "erna", by="olga", why="left", now=NOW)


def test_operators_are_listed_with_and_without_a_password(inventory: Inventory) -> None:
    with inventory.writing() as session:
        ensure_operator(session, "erna", NOW, "Erna Groß")
        operator_logins.set_password(session, "olga", "scrypt$one", by="olga", now=LATER)
    with inventory.reading() as session:
        found = operator_logins.all_operators(session)
    assert [(one.name, one.full_name, one.password_set_at) for one in found] == [
        ("erna", "Erna Groß", None), ("olga", "", LATER),
    ]  # fmt: skip
