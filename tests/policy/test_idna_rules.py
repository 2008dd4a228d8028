"""IDNA 2008 rule by rule: context, direction, hyphens, exceptions (RFC 5891, 5892, 5893); each allows and forbids (P27)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hosting.policy.labels import a_label_of, fault_of, normal, read_label
from hosting.policy.own_domain import check_domain
from hosting.policy.terms import STANDARD

TITLES = "rule\tlabel\tfinding\ta-label"
ROWS = [
    (rule, re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), label), finding, a_label)
    for rule, label, finding, a_label in (
        line.split("\t")
        for line in Path(__file__).with_name("data").joinpath("idna.tsv").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#") and line != TITLES
    )
]
IDS = [f"{rule} {label.encode('unicode_escape').decode()}" for rule, label, *_ in ROWS]
OF_ONE_KIND = {"B6", "marks", "scripts", "3", "2.6"}
"""Rules whose rows needn't show both what is allowed and what isn't."""


@pytest.mark.parametrize(("_rule", "label", "finding", "a_label"), ROWS, ids=IDS)
def test_the_table_of_rules(_rule: str, label: str, finding: str, a_label: str) -> None:
    found = fault_of(label)
    assert (found.code if found else "") == finding
    if not finding:
        assert a_label_of(label) == a_label
        assert normal(label) == label


@pytest.mark.parametrize(("_rule", "label", "finding", "a_label"), ROWS, ids=IDS)
def test_subdomains_and_domains_go_by_the_same_rules(_rule: str, label: str, finding: str, a_label: str) -> None:
    if len(label) >= STANDARD.name_least:
        assert read_label(label).a_label == a_label
    found = check_domain(f"{label}.example.org", ours=(), connected=())
    assert (found.domain is None) == bool(finding)
    if found.domain is not None:
        assert found.domain.ascii == f"{a_label}.example.org"
        assert check_domain(found.domain.ascii, ours=(), connected=()).domain is not None


def test_each_rule_allows_something_and_forbids_something() -> None:
    for rule in {row[0] for row in ROWS} - OF_ONE_KIND:
        assert {bool(finding) for one, _, finding, _ in ROWS if one == rule} == {True, False}, rule
    assert len(ROWS) > 100
    assert len({label for _, label, _, _ in ROWS}) == len(ROWS)
