"""What reads or looks alike: spelling, Unicode's look-alikes, digits, scripts (P28)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hosting.policy.lookalikes import (
    compact,
    fold,
    in_disguise,
    is_mixed,
    looks,
    occurrences,
    pairs,
    prototype,
    scripts_told,
    skeleton,
    spelled,
    told_signs,
    words_of,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("Müller-Straße", "muellerstrasse"),
        ("SMØRREBRØD", "smoerrebroed"),
        ("Łódź", "lodz"),
        ("nestlé", "nestle"),
        ("a·b・c", "abc"),
        ("ı", "i"),
    ],
)
def test_names_are_spelled_with_plain_letters(name: str, read: str) -> None:
    assert spelled(name) == read


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("phlymail", "рhlуmаil"),  # Cyrillic
        ("phlymail", "phlymaiI"),
        ("phlymail", "ph1ymai1"),
        ("phlymail", "phlyrnail"),
        ("phlymail", "phly-mail"),
        ("phlymail", "pһlymail"),
        ("phlymail", "phlymaíl"),
        ("phlymail", "phlyᴍail"),
        ("webmail", "vvebmail"),
        ("paypal", "раураӏ"),
        ("algo26", "αlgo26"),
        ("google", "g00gle"),
        ("müller", "rnuller"),
        ("müller", "mueller"),
        ("kaufland", "каufland"),
    ],
)
def test_what_looks_alike_shares_a_look(one: str, other: str) -> None:
    assert looks(one) & looks(other)


@pytest.mark.parametrize(("one", "other"), [("phlymail", "phlymial"), ("bosch", "busch"), ("müller", "miller")])
def test_what_differs_does_not(one: str, other: str) -> None:
    assert not looks(one) & looks(other)


def test_the_skeleton_is_unicode_s_own() -> None:
    assert skeleton("раура") == skeleton("paypa") == "paypa"
    assert skeleton("m") == skeleton("rn")
    assert skeleton("0") == skeleton("o") == skeleton("о")


@pytest.mark.parametrize(
    ("sign", "stands_for"),
    [
        ("а", "a"),
        ("ο", "o"),
        ("0", "O"),
        ("1", "l"),
        ("ӏ", "i"),
        ("m", "rn"),
        ("a", "a"),
        ("ß", "ß"),
        ("β", "ß"),
        ("ѕ", "s"),
    ],
)
def test_a_sign_leads_to_the_one_that_stands_for_all_its_look_alikes(sign: str, stands_for: str) -> None:
    assert prototype(sign) == stands_for


def test_every_pair_of_the_table_comes_to_one_sign() -> None:
    assert len(pairs()) > 6000
    apart = [(sign, other) for sign, others in pairs().items() for other in others if together(sign) != together(other)]
    assert apart == []


def together(text: str) -> str:
    return "".join(map(prototype, text)) if len(text) == 1 else text


@given(TEXTS)
@example("ŧ̵1ІΙlⅼ")
@example("ⅷ㎧")
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert skeleton(skeleton(text)) == skeleton(text)


@given(TEXTS)
def test_separators_and_case_do_not_count(text: str) -> None:
    lowered = text.lower()
    assert fold("-".join(lowered)) == fold(compact(lowered)) or any(len(prototype(sign)) > 1 for sign in lowered)


@pytest.mark.parametrize(
    ("name", "scripts", "mixed"),
    [
        ("müller24", "Latin", False),
        ("москва", "Cyrillic", False),
        ("москваcity", "Cyrillic, Latin", True),
        ("日本語です", "Han, Hiragana", False),
        ("日本語abc", "Han, Latin", False),
        ("한국어abc", "Hangul, Latin", False),
        ("日本語한국어", "Han, Hangul", False),
        ("ひら한국", "Hangul, Hiragana", True),
        ("αlpha", "Greek, Latin", True),
        ("1234-", "none", False),
    ],
)
def test_scripts_that_no_language_mixes_are_told(name: str, scripts: str, mixed: bool) -> None:
    assert (scripts_told(name), is_mixed(name)) == (scripts, mixed)


@pytest.mark.parametrize(
    ("name", "reads_as"),
    [
        ("раураӏ", "paypai"),
        ("ѕсоре", "scope"),
        ("хеху", "xexy"),
        ("москва", ""),
        ("сосна", ""),
        ("paypal", ""),
        ("1234", ""),
    ],
)
def test_a_disguise_is_a_name_of_another_script_that_reads_as_plain_letters(name: str, reads_as: str) -> None:
    assert in_disguise(name) == reads_as


def test_signs_are_told_with_code_and_name() -> None:
    assert told_signs("müßm") == [
        "ü U+00FC LATIN SMALL LETTER U WITH DIAERESIS",
        "ß U+00DF LATIN SMALL LETTER SHARP S",
    ]


def test_occurrences_may_overlap_and_words_are_told_apart() -> None:
    assert occurrences("aa", "aaa") == [(0, 2), (1, 3)]
    assert occurrences("b", "aaa") == []
    assert words_of("mein-auto·haus") == ("mein", "auto", "haus")
