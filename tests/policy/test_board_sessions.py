from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.board_sessions import (
    FORM_MOST,
    IDLE_MOST,
    SESSION_MOST,
    BoardSession,
    is_own_form,
    is_valid,
    read_session,
    seal_form,
    write_session,
)
from hosting.policy.operator_passwords import hash_password, is_password, nobodys

NOW = datetime(2026, 11, 27, 5, 0, 0, 123456, tzinfo=UTC)
KEY, KEPT = "key", "scrypt$kept"
TICK, SECOND = timedelta(microseconds=1), timedelta(seconds=1)


def valid(cookie: str, *, key: str = KEY, kept: str = KEPT, since: datetime | None = None, at: datetime = NOW) -> bool:
    told = read_session(cookie)
    return told is not None and is_valid(key, told, kept, since or NOW - timedelta(days=9), at)


def cookie_of(name: str = "olga", begun: datetime = NOW, seen: datetime | None = None) -> str:
    return write_session(KEY, BoardSession(name, begun, seen or begun), KEPT)


@given(st.text(min_size=1, max_size=191).filter(lambda name: name.isprintable()))
def test_a_session_says_what_was_signed_whatever_the_name(name: str) -> None:
    told = read_session(cookie_of(name))
    assert told is not None
    assert (told.operator, told.begun_at, told.seen_at) == (name, NOW, NOW)
    assert valid(cookie_of(name))


def test_a_session_ends_an_hour_after_the_last_look_and_twelve_hours_after_its_beginning() -> None:
    assert valid(cookie_of(), at=NOW + IDLE_MOST)
    assert not valid(cookie_of(), at=NOW + IDLE_MOST + TICK)
    long = cookie_of(seen=NOW + SESSION_MOST - SECOND)
    assert valid(long, at=NOW + SESSION_MOST)
    assert not valid(long, at=NOW + SESSION_MOST + TICK)


def test_another_password_another_key_and_a_logout_end_it() -> None:
    assert not valid(cookie_of(), kept="scrypt$other")
    assert not valid(cookie_of(), key="other")
    assert valid(cookie_of(), since=NOW)
    assert not valid(cookie_of(), since=NOW + TICK)


def test_a_stamp_from_the_future_or_before_the_login_is_not_ours() -> None:
    assert not valid(cookie_of(seen=NOW + timedelta(minutes=2)))
    assert not valid(cookie_of(seen=NOW - SECOND))


def test_no_part_of_a_session_can_be_changed() -> None:
    cookie = cookie_of()
    for place, sign in enumerate(cookie):
        other = "A" if sign != "A" else "B"
        changed = cookie[:place] + (other if sign != "." else "-") + cookie[place + 1 :]
        assert not valid(changed) or base64.urlsafe_b64decode(cookie[-43:] + "=") == base64.urlsafe_b64decode(
            changed[-43:] + "="
        ), place  # the last sign of base64 has two bits that say nothing
    told = read_session(cookie)
    assert told is not None
    assert not is_valid(KEY, replace(told, operator="erna"), KEPT, NOW, NOW)


@pytest.mark.parametrize(
    "cookie",
    ["", ".", "a.b.c.d", "olga", "%00", "ÿ" * 40, "x" * 5000, "_w." + "1" * 15 + "." + "1" * 15 + "." + "a" * 43],
)
def test_any_cookie_is_read_without_an_accident(cookie: str) -> None:
    assert not valid(cookie)


def test_a_form_is_taken_from_who_was_shown_it_and_not_for_ever() -> None:
    seal = seal_form(KEY, "visitor", NOW)
    assert is_own_form(KEY, "visitor", seal, NOW + FORM_MOST - SECOND)
    assert not is_own_form(KEY, "visitor", seal, NOW + FORM_MOST + SECOND)
    assert not is_own_form(KEY, "other", seal, NOW)
    assert not is_own_form("other", "visitor", seal, NOW)
    assert not is_own_form(KEY, "", seal_form(KEY, "", NOW), NOW)
    for wrong in ("", "-", "x-y", "1764219600-", seal + "x", seal.replace("-", ""), "\udcff-ü"):
        assert not is_own_form(KEY, "visitor", wrong, NOW)


def test_a_password_is_kept_so_that_it_can_be_recognised_and_not_read() -> None:
    kept = hash_password("drei bunte Pferde", b"1" * 16)
    assert is_password("drei bunte Pferde", kept)
    assert not is_password("drei bunte Pferd", kept)
    assert "Pferde" not in kept
    assert len(kept) <= 191  # as the inventory keeps it
    assert hash_password("drei bunte Pferde", b"2" * 16) != kept


def test_a_password_is_the_same_from_every_keyboard() -> None:
    assert is_password("Pfe\u0301rde", hash_password("Pf\u00e9rde", b"1" * 16))


def test_a_password_that_nobody_has_is_tried_like_any_other_and_never_fits() -> None:
    kept = nobodys(b"1" * 16, b"2" * 32)
    assert kept.split("$")[:4] == hash_password("x", b"1" * 16).split("$")[:4]
    assert len(kept) == len(hash_password("x", b"1" * 16))
    assert not is_password("", kept)
