"""A link opens what it was made for, and nothing else: whatever is changed in it (P24)."""

from __future__ import annotations

from datetime import UTC, datetime
from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.agreement_links import Claim, is_genuine, is_own_form, read_link, seal_form, sign_link

KEY = "a2V5"
END = datetime(2026, 12, 1, 17, 30, tzinfo=UTC)
TOKEN = sign_link(KEY, 17, "k3v9q2", END)
SIGNS = ascii_letters + digits + "-_"


def opens(token: str, key: str = KEY, instance: str = "k3v9q2") -> bool:
    claim = read_link(token)
    return claim is not None and is_genuine(key, claim, instance)


def test_a_link_opens_its_offer_until_its_end() -> None:
    claim = read_link(TOKEN)
    assert claim is not None
    assert (claim.offer, claim.ends_at) == (17, END)
    assert opens(TOKEN)
    assert set(TOKEN) <= set(SIGNS)
    assert sign_link(KEY, 17, "k3v9q2", END.replace(microsecond=900)) == TOKEN


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from(SIGNS))
def test_a_link_with_any_sign_changed_opens_nothing(at: int, sign: str) -> None:
    changed = TOKEN[:at] + sign + TOKEN[at + 1 :]
    assert opens(changed) == (changed == TOKEN)


@given(st.text(max_size=80))
def test_what_is_no_link_is_seen_as_none(text: str) -> None:
    assert not opens(text)


def test_a_link_opens_no_other_instance_no_other_offer_and_lives_no_longer() -> None:
    assert not opens(TOKEN, instance="zz11aa")
    offer, end, signature = TOKEN.split("-", 2)
    assert not opens(f"18-{end}-{signature}")
    assert not opens(f"{offer}-{int(end) + 1}-{signature}")


def test_who_has_another_key_makes_no_link() -> None:
    assert not opens(sign_link("other", 17, "k3v9q2", END))
    assert not opens(TOKEN, key="other")


@pytest.mark.parametrize("signature", ["", "x" * 43, "\u0130" * 43])
def test_a_signature_of_signs_is_compared_as_text(signature: str) -> None:
    assert read_link(f"17-{int(END.timestamp())}-{signature}") is None or not is_genuine(
        KEY, Claim(17, END, "x" * 43), "k3v9q2"
    )


def test_a_form_belongs_to_the_page_of_its_link() -> None:
    seal = seal_form(KEY, TOKEN)
    assert is_own_form(KEY, TOKEN, seal)
    other = sign_link(KEY, 18, "k3v9q2", END)
    assert not is_own_form(KEY, other, seal)
    for wrong in ("", "ü", "\ud800", TOKEN, TOKEN.rpartition("-")[2]):
        assert not is_own_form(KEY, TOKEN, wrong)
