"""A name as a label: IDNA 2008 and not its predecessor, both limits, one form for one name (P27)."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from hosting.policy.labels import (
    A_LABEL_MOST,
    A_LABEL_TOO_LONG,
    ACE,
    LABEL_RULES,
    NO_A_LABEL,
    PERHAPS,
    TOO_LONG,
    TOO_SHORT,
    WISH_MOST,
    NoName,
    a_label_of,
    fault_of,
    normal,
    proposal,
    read_label,
)
from hosting.policy.terms import LANGUAGES, STANDARD

# The test domains that IANA had in the root of DNS (RFC 6761's kin; iana.org/domains/reserved).
IANA = {
    "إختبار": "xn--kgbechtv", "آزمایشی": "xn--hgbk6aj7f53bba", "测试": "xn--0zwm56d", "測試": "xn--g6w251d",
    "испытание": "xn--80akhbyknj4f", "परीक्षा": "xn--11b5bs3a9aj6g", "δοκιμή": "xn--jxalpdlp", "테스트": "xn--9t4b11yi5a",
    "טעסט": "xn--deba0ad", "テスト": "xn--zckzah", "பரிட்சை": "xn--hlcj6aya9esc7a",
    "παράδειγμα": "xn--hxajbheg2az3al", "пример": "xn--e1afmkfd", "उदाहरण": "xn--p1b6ci4b4b3a", "例え": "xn--r8jz45g",
    "실례": "xn--9n2bp8q", "உதாரணம்": "xn--zkc6cc5bi7f6e", "例子": "xn--fsqu00a", "مثال": "xn--mgbh0fb",
}  # fmt: skip

# RFC 3492 section 7.1, those samples that are in lower case already and need no mapping.
RFC_3492 = {
    "ليهمابتكلموشعربي؟": None,  # the question mark is not allowed in names
    "他们为什么不说中文": "ihqwcrb4cv8a8dqg056pqjye",
    "他們爲什麽不說中文": "ihqwctvzc91f659drss3x8bo0yb",
    "למההםפשוטלאמדבריםעברית": "4dbcagdahymbxekheh6e0a7fei0b",
    "यहलोगहिन्दीक्योंनहींबोलसकतेहैं": "i1baa7eci9glrd9b2ae1bj0hfcgg6iyaf8o0a1dig0cd",
    "なぜみんな日本語を話してくれないのか": "n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa",
    "почемужеонинеговорятпорусски": "b1abfaaepdrnnbgefbadotcwatmq2g4l",
}

# RFC 5891 to 5893 and 5892 appendix A, and what the registries of the time of IDNA 2003 had otherwise.
VALID = ("straße", "faß", "βόλος", "نامه‌ای", "ශ්‍රී")
EITHER = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789äöüßéèñçøłабвгдежзαβγδεאבגד日本語ひらカタ한국नमस्ते-·ʼ"
NAMES = st.text(st.sampled_from(LETTERS), min_size=1, max_size=60)


@pytest.mark.parametrize(("name", "a_label"), IANA.items())
def test_the_test_domains_of_iana_have_the_a_labels_that_they_had(name: str, a_label: str) -> None:
    assert fault_of(name) is None
    assert a_label_of(name) == a_label
    if STANDARD.name_least <= len(name):
        assert read_label(a_label).name == name


@pytest.mark.parametrize(("name", "punycode"), RFC_3492.items())
def test_the_samples_of_rfc_3492(name: str, punycode: str | None) -> None:
    assert (fault_of(name) is None) == (punycode is not None)
    if punycode:
        assert read_label(name).a_label == ACE + punycode


def test_the_old_standard_is_not_meant() -> None:
    assert "straße".encode("idna") == b"strasse"  # Python's own codec is IDNA 2003
    assert read_label("Straße").a_label == "xn--strae-oqa"
    assert a_label_of("faß") == "xn--fa-hia"
    assert read_label("βόλος").name == "βόλος"  # the final sigma stays one
    assert read_label("STRAẞE").name == "straße"


def test_each_limit_says_by_how_much_it_is_missed() -> None:
    [short] = read_label("ab").findings
    assert (short.rule, short.facts) == (TOO_SHORT, {"characters": 2, "least": 4, "missing": 2})
    [long] = read_label("a" * 51).findings
    assert (long.rule, long.facts) == (TOO_LONG, {"characters": 51, "most": 48, "over": 3})
    [octets] = read_label("東京大阪名古屋札幌福岡神戸京都川崎埼玉広島仙台千葉北九州").findings
    assert (octets.rule, octets.facts) == (
        A_LABEL_TOO_LONG,
        {"characters": 28, "octets": 86, "most": 63, "over": 23},
    )
    assert read_label("ab").a_label == ""
    assert read_label("a" * 48).a_label == "a" * 48
    assert read_label("ä" * 48).findings == ()
    assert "23 fewer" in str(octets)
    assert "23 weniger" in octets.told("de")


def test_characters_are_code_points_after_nfc() -> None:
    decomposed = unicodedata.normalize("NFD", "äöü" + "a" * 45)
    assert len(decomposed) == 51
    assert read_label(decomposed).findings == ()
    assert [one.code for one in read_label(unicodedata.normalize("NFD", "äöü")).findings] == ["too-short"]


@pytest.mark.parametrize(
    ("wish", "meant"),
    [
        ("ｍüｌｌｅｒ", "müller"),
        ("ﬁrma", "firma"),
        ("meine firma", "meine-firma"),
        ("meine.firma.", "meine-firma"),
        ("www.firma.phlymail.net", "www-firma"),
        ("soft\u00adhyphen", "softhyphen"),
        ("-firma-", "firma"),
        ("firma!", ""),
        ("a b", ""),  # a-b would be too short
        ("😀😀😀😀", ""),
    ],
)
def test_what_is_not_allowed_comes_with_what_was_probably_meant(wish: str, meant: str) -> None:
    label = read_label(wish, "phlymail.net")
    assert label.a_label == ""
    assert [one.facts["proposal"] for one in label.findings if one.rule is PERHAPS] == [meant] * bool(meant)
    assert any(one.refuses for one in label.findings)


@pytest.mark.parametrize(
    "wish", ["Müller", "müller.phlymail.net", "XN--mller-kva.Phlymail.NET", " müller.phlymail.net "]
)
def test_our_zone_may_stand_behind_a_name_and_is_no_part_of_it(wish: str) -> None:
    label = read_label(wish, "phlymail.net")
    assert (label.name, label.a_label, label.findings) == ("müller", "xn--mller-kva", ())
    assert read_label("phlymail.net", "phlymail.net").a_label == ""
    assert read_label("müller.phlymail.net").a_label == ""  # of another's zone


def test_outer_blanks_go_and_inner_ones_do_not() -> None:
    assert read_label("\u00a0 müller\n").name == "müller"
    assert read_label("mül ler").a_label == ""


def test_an_a_label_is_read_if_it_is_the_one_form_of_its_name() -> None:
    assert read_label("XN--MLLER-KVA").name == "müller"
    for wrong in ("xn--", "xn--a", "xn--mller-", "xn--abcd-", "xn---bbk"):
        label = read_label(wrong)
        assert (label.a_label, [one.rule for one in label.findings]) == ("", [NO_A_LABEL])


@pytest.mark.parametrize(
    "nothing", ["", "  ", "\u00a0", "a" * (WISH_MOST + 1), "mus\x00ter", "mus\nter", "muster\ud83d"]
)
def test_what_is_no_name_at_all_is_not_looked_at(nothing: str) -> None:
    with pytest.raises(NoName, match="Give 4 to 48 characters"):
        read_label(nothing)


@given(EITHER)
@example("İI\u0307ΣΑΣ")
@example("\u1e9e\u00df")
def test_the_form_of_a_name_is_its_own_form(text: str) -> None:
    assert normal(normal(text)) == normal(text)
    assert unicodedata.is_normalized("NFC", normal(text))


@given(st.one_of(EITHER, NAMES))
@example("ab--cd")
@example("\u0301abc")
@example("x" * 63)
@example("\u00fc" * 59)
def test_a_name_that_is_taken_keeps_every_limit_and_comes_back_from_its_a_label(wish: str) -> None:
    assume(wish.strip())
    label = read_label(wish)
    assert bool(label.a_label) == (not label.findings)
    if label.a_label:
        assert STANDARD.name_least <= len(label.name) <= STANDARD.name_most
        assert len(label.a_label) <= A_LABEL_MOST
        assert label.a_label.isascii()
        assert label.a_label == label.a_label.lower()
        again = read_label(label.a_label)
        assert (again.name, again.a_label) == (label.name, label.a_label)
        assert read_label(label.name).a_label == label.a_label
        assert read_label(label.name.upper().lower()).name == read_label(label.name.upper()).name


@given(NAMES)
def test_a_proposal_is_a_name_that_would_be_taken(wish: str) -> None:
    if meant := proposal(normal(wish)):
        assert read_label(meant).findings == ()


@given(st.one_of(EITHER, NAMES))
def test_every_finding_can_be_told_in_both_languages(wish: str) -> None:
    assume(wish.strip())
    for finding in read_label(wish).findings:
        assert finding.rule in LABEL_RULES
        assert all(finding.told(language) for language in LANGUAGES)


def test_the_signs_of_idna_2008_are_those_that_unicode_s_properties_give() -> None:
    """RFC 5892 section 3, worked out anew from the Unicode tables of the standard library."""
    wrong = []
    for code_point in range(0x80, sys.maxunicode + 1):
        sign = chr(code_point)
        if unicodedata.category(sign) in {"Cn", "Cs", "Co"} or code_point in CONTEXTUAL or is_rtl(sign):
            continue
        wanted = derived(sign)
        if wanted != (fault_of(f"a{sign}a") is None) and unicodedata.is_normalized("NFC", f"a{sign}a"):
            wrong.append((f"U+{code_point:04X}", unicodedata.name(sign, ""), wanted))
    assert wrong == []


CONTEXTUAL = {0xB7, 0x375, 0x5F3, 0x5F4, 0x30FB, 0x200C, 0x200D, *range(0x660, 0x66A), *range(0x6F0, 0x6FA)}
EXCEPTIONS = {
    **dict.fromkeys((0xDF, 0x3C2, 0x6FD, 0x6FE, 0xF0B, 0x3007), True),
    **dict.fromkeys((0x640, 0x7FA, 0x302E, 0x302F, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035, 0x303B), False),
}
IGNORABLE = {
    0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10),
    *range(0xE0100, 0xE01F0),
}  # fmt: skip
OLD_HANGUL = ((0x1100, 0x11FF), (0xA960, 0xA97C), (0xD7B0, 0xD7C6), (0xD7CB, 0xD7FB))
BLOCKS = ((0x20D0, 0x20FF), (0x1D100, 0x1D1FF), (0x1D200, 0x1D24F))


def derived(sign: str) -> bool:
    """Whether a sign is PVALID by the rules of RFC 5892, in their order."""
    code_point = ord(sign)
    if code_point in EXCEPTIONS:
        return EXCEPTIONS[code_point]
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", sign).casefold())
    if folded != sign or code_point in IGNORABLE:
        return False
    if any(first <= code_point <= last for first, last in (*OLD_HANGUL, *BLOCKS)):
        return False
    return unicodedata.category(sign) in {"Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"}


def is_rtl(sign: str) -> bool:
    """Whether a sign can't stand between two Latin letters for its direction."""
    return unicodedata.bidirectional(sign) in {"R", "AL", "AN"}


@pytest.mark.parametrize("name", VALID)
def test_names_that_the_new_standard_brought_are_possible(name: str) -> None:
    assert fault_of(name) is None
