"""A domain of the customer's own: any host name, spelled as ordered; what can't be one is refused with its reason (P30, P32)."""

from __future__ import annotations

import idna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.policy.own_domain import DomainCheck, OwnDomain, check_domain, in_unicode

OURS = ("phlymail.example", "app1.hosting.example")
FULL_WIDTH = "\uff4b\uff55\uff4e\uff44\uff45"
"""The word kunde in letters of full width."""

CONNECTED = ("mail.kunde.example", "xn--mller-kva.example")


def check(wish: str) -> DomainCheck:
    return check_domain(wish, OURS, CONNECTED)


@pytest.mark.parametrize(
    ("wish", "unicode", "ascii_name"),
    [
        ("kunde.example", "kunde.example", "kunde.example"),
        ("a.b.c.kunde.co.uk", "a.b.c.kunde.co.uk", "a.b.c.kunde.co.uk"),
        ("Mail.Kunde.DE", "mail.kunde.de", "mail.kunde.de"),
        ("  kunde.de. ", "kunde.de", "kunde.de"),
        ("bücher.example", "bücher.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "bücher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "bücher.example", "xn--bcher-kva.example"),
        ("straße.example", "straße.example", "xn--strae-oqa.example"),
        ("strasse.example", "strasse.example", "strasse.example"),
        ("mail.公司.cn", "mail.公司.cn", "mail.xn--55qx5d.cn"),
        ("بازار.example", "بازار.example", "xn--mgbab2bd.example"),
        ("kunde.github.io", "kunde.github.io", "kunde.github.io"),
        ("1und1.example", "1und1.example", "1und1.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example", "a" * 63 + ".example"),
        ("notphlymail.example", "notphlymail.example", "notphlymail.example"),
        ("x.mail.kunde.example", "x.mail.kunde.example", "x.mail.kunde.example"),
        ("city.kawasaki.jp", "city.kawasaki.jp", "city.kawasaki.jp"),
    ],
)
def test_a_host_name_is_taken_and_its_spelling_kept(wish: str, unicode: str, ascii_name: str) -> None:
    assert check(wish) == DomainCheck(OwnDomain(wish.strip(), unicode, ascii_name), ())


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ("", "domain_missing"),
        (" . ", "domain_missing"),
        ("https://kunde.de/mail", "not_a_host_name"),
        ("kunde.de:443", "not_a_host_name"),
        ("info@kunde.de", "not_a_host_name"),
        ("kunde .de", "not_a_host_name"),
        ("*.kunde.de", "wildcard"),
        ("192.0.2.7", "ip_address"),
        ("2001:db8::7", "ip_address"),
        ("[2001:db8::7]", "ip_address"),
        ("0x7f.1", "ip_address"),
        ("kunde.42", "ip_address"),
        ("localhost", "single_label"),
        ("de", "single_label"),
        ("kunde..de", "empty_part"),
        (".kunde.de", "empty_part"),
        ("a" * 64 + ".de", "name_too_long"),
        ("ü" * 60 + ".de", "name_too_long"),
        (("a" * 60 + ".") * 4 + "kunde-ag.de", "name_too_long"),
        ("kunde_1.de", "not_allowed_here"),
        ("-kunde.de", "not_allowed_here"),
        ("kunde-.de", "not_allowed_here"),
        ("ab--cd.de", "not_allowed_here"),
        ("😀.de", "not_allowed_here"),
        ("xn--a.de", "not_allowed_here"),
        ("xn--kunde-.de", "not_allowed_here"),
        ("kun\u202ede.de", "not_allowed_here"),
        ("kun\0de.de", "not_allowed_here"),
        ("אa.de", "not_allowed_here"),
        (f"{FULL_WIDTH}.de", "spell_as"),
        ("kunde。de", "spell_as"),
        ("phlymail.example", "ours"),
        ("mueller.phlymail.example", "ours"),
        ("hosting.example", "ours"),
        ("mail.kunde.example", "connected_already"),
        ("Mail.Kunde.Example.", "connected_already"),
        ("MÜLLER.example", "connected_already"),
        ("co.uk", "public_suffix"),
        ("github.io", "public_suffix"),
        ("公司.cn", "public_suffix"),
        ("foo.kawasaki.jp", "public_suffix"),
    ],
)
def test_what_can_t_be_connected_is_refused_with_its_reason(wish: str, code: str) -> None:
    checked = check(wish)
    assert [finding.code for finding in checked.findings] == [code]
    assert checked.domain is None
    assert checked.findings[0].told("de") != checked.findings[0].told("en")


def test_another_spelling_of_the_same_letters_gets_a_proposal() -> None:
    assert check(f"{FULL_WIDTH}。Straße.de").findings[0].told("de") == (
        f"„{FULL_WIDTH}。Straße.de“ enthält Zeichen, die es in Domains nicht gibt. Meinten Sie „kunde.straße.de“?"
    )


def test_names_in_certificates_are_shown_in_unicode_where_they_are_sound() -> None:
    assert in_unicode("*.xn--mller-kva.example") == "*.müller.example"
    assert in_unicode("xn--a.example") == "xn--a.example"


@given(st.text(max_size=80))
@settings(max_examples=200)
def test_whatever_is_wished_the_answer_is_a_domain_or_a_reason(wish: str) -> None:
    checked = check(wish)
    assert (checked.domain is None) == bool(checked.findings)
    for finding in checked.findings:
        assert finding.told("de").isprintable()


LABEL = st.text("abcäöüß0-", min_size=1, max_size=12)


@given(st.lists(LABEL, min_size=2, max_size=5))
@settings(max_examples=100)
def test_what_is_taken_is_canonical_and_the_same_when_asked_by_its_other_spellings(labels: list[str]) -> None:
    domain = check(".".join(labels)).domain
    if domain is None:
        return
    assert idna.encode(domain.unicode).decode() == domain.ascii
    for spelling in (domain.ascii, domain.unicode, domain.ascii.upper()):
        again = check(spelling).domain
        assert again is not None
        assert (again.unicode, again.ascii) == (domain.unicode, domain.ascii)
