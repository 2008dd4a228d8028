"""The page on domains of customers tells every sentence that the program tells (P30, P31)."""

from __future__ import annotations

import string
from pathlib import Path

import pytest

from hosting.policy import certificate_rules, own_domain
from hosting.policy.certificate_facts import LEAST_RSA_BITS
from hosting.policy.certificate_files import MOST_RSA_BITS
from hosting.policy.customer_certificate import LEAST_DAYS, NOTICE_DAYS, WARNED_DAYS
from hosting.policy.findings import Rule

PAGE = (Path(__file__).parents[2] / "docs" / "own-domain.md").read_text(encoding="utf-8")
DOMAIN_RULES, CERTIFICATE_RULES = (
    [rule for rule in vars(module).values() if isinstance(rule, Rule)] for module in (own_domain, certificate_rules)
)


def row(rule: Rule) -> str:
    return f"| `{rule.code}` | {'no' if rule.refuses else 'yes'} | {rule.en} |"


def test_the_page_has_all_sentences_in_the_program_s_order() -> None:
    told = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert told == [row(rule) for rule in (*DOMAIN_RULES, *CERTIFICATE_RULES)]


def test_the_page_has_the_program_s_numbers() -> None:
    words = {7: "Seven", 30: "thirty"}
    numbers = f"{words[LEAST_DAYS]} days must be left; under {words[WARNED_DAYS]} there is a warning."
    assert numbers in PAGE
    assert f"RSA from {LEAST_RSA_BITS} bits (up to {MOST_RSA_BITS})" in PAGE
    *first, last = NOTICE_DAYS
    assert f"Letters go {', '.join(map(str, first))} and {last} days before" in PAGE


@pytest.mark.parametrize("rule", [*DOMAIN_RULES, *CERTIFICATE_RULES], ids=lambda rule: rule.code)
def test_each_code_stands_once_and_both_languages_tell_the_same_facts(rule: Rule) -> None:
    assert sum(other.code == rule.code for other in (*DOMAIN_RULES, *CERTIFICATE_RULES)) == 1
    facts = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (rule.de, rule.en)]
    assert facts[0] == facts[1]
