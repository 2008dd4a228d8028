"""What a file is, and what opening it would cost, is told from its frame alone (P31)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.policy import der


def sequence(*parts: bytes) -> bytes:
    return tagged(der.SEQUENCE, b"".join(parts))


def tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    return bytes([tag, 0x82]) + size.to_bytes(2) + content


def integer(value: int) -> bytes:
    return tagged(der.INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


SALT = tagged(der.OCTET_STRING, b"saltsalt")
PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
SCRYPT = bytes.fromhex("06092b06010401da47040b")


def derived(iterations: int) -> bytes:
    return sequence(PBKDF2, sequence(SALT, integer(iterations)))


def test_the_shape_is_the_tags_inside() -> None:
    assert der.shape(sequence(integer(1), SALT, sequence())) == (der.INTEGER, der.OCTET_STRING, der.SEQUENCE)
    assert der.shape(b"\x30\x80" + integer(1) + SALT + b"\0\0") == (der.INTEGER, der.OCTET_STRING)
    assert der.shape(SALT) == ()
    assert der.shape(b"") == ()


@pytest.mark.parametrize(
    ("data", "cost"),
    [
        (sequence(derived(2048), SALT), 2048),
        (sequence(integer(3), sequence(derived(1000)), sequence(sequence(), SALT, integer(500))), 1500),
        (sequence(SCRYPT, sequence(SALT, integer(16384), integer(8), integer(2))), 262144),
        (tagged(der.OCTET_STRING, sequence(derived(7), derived(5))), 12),
        (b"\x30\x80" + derived(9) + b"\0\0" + b"rest", 9),
        (sequence(derived(2**70)), 2**70),
        (sequence(sequence(PBKDF2, sequence(SALT))), 0),
    ],
)
def test_the_cost_is_the_sum_of_all_iterations_wherever_they_stand(data: bytes, cost: int) -> None:
    assert der.opening_cost(data) == cost


def test_a_string_in_pieces_is_read_as_one() -> None:
    whole = sequence(derived(4711))
    pieces = tagged(der.OCTET_STRING, whole[:9]) + tagged(der.OCTET_STRING, whole[9:])
    assert der.opening_cost(tagged(der.OCTET_STRING | der.CONSTRUCTED, pieces)) == 4711


def test_nesting_without_end_is_given_up() -> None:
    assert der.opening_cost(b"\x30\x80" * 50_000) == 0
    deep = b""
    for _ in range(500):
        deep = sequence(deep)
    assert der.opening_cost(deep) == 0


@pytest.mark.parametrize(
    "data", [b"\x30", b"\x30\x05\x02", b"\x30\x85\1\1\1\1\1", b"\x1f\x00", b"\x30\x80\x02\x01\x01"]
)
def test_what_is_no_element_is_said_so(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"element|cut off|length"):
        der.element_at(data)
    assert list(der.elements(data)) == []


@given(st.binary(max_size=400))
@settings(max_examples=200)
def test_any_bytes_can_be_looked_at(data: bytes) -> None:
    assert der.opening_cost(data) >= 0
    assert isinstance(der.shape(data), tuple)
    assert isinstance(der.kind_stated(data), bytes)
