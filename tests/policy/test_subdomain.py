"""Which names are refused at once, and what a person has to look at, name by name (P26 to P28)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hosting.name_lists import load_lists
from hosting.policy.labels import read_label
from hosting.policy.listed_names import NameLists, Outcome
from hosting.policy.subdomain import (
    RULES,
    RULES_VERSION,
    Judgement,
    Known,
    appearance,
    judge,
    read_back,
    recorded,
    similar_names,
)
from hosting.policy.terms import LANGUAGES

TABLE = Path(__file__).with_name("data") / "names.tsv"
ROWS = [
    tuple(line.split("\t"))
    for line in TABLE.read_text(encoding="utf-8").splitlines()
    if not line.startswith("#") and line != "wish\toutcome\trules\ta-label"
]
ZONE = "phlymail.net"
OURS = Known(servers=frozenset({"app1", "app2"}))


@pytest.fixture(scope="module")
def lists() -> NameLists:
    return load_lists()


def judged(name: str, lists: NameLists, known: Known = OURS) -> Judgement:
    return judge(read_label(name, ZONE), lists, known)


def codes(judgement: Judgement) -> list[str]:
    return list(dict.fromkeys(one.code for one in judgement.findings))


@pytest.mark.parametrize(("wish", "outcome", "rules", "a_label"), ROWS, ids=[row[0] for row in ROWS])
def test_the_table_of_names(lists: NameLists, wish: str, outcome: str, rules: str, a_label: str) -> None:
    found = judged(wish, lists)
    assert (found.outcome, codes(found), found.label.a_label) == (
        outcome,
        rules.split(",") if rules else [],
        a_label,
    ), [str(one) for one in found.findings]


def test_the_table_is_large_and_names_every_script_and_rule() -> None:
    assert len(ROWS) >= 450
    assert len({row[0] for row in ROWS}) == len(ROWS)
    named = {code for row in ROWS for code in row[2].split(",") if code}
    elsewhere = {"taken", "yours", "resting", "wanted-twice", "like-another", "not-idna"}
    of_other_lists = {"own-is-perhaps", "brand-is", "reserved-is-perhaps", "reserved-holds", "reserved-similar"}
    assert set(RULES) - named == elsewhere | of_other_lists


def test_ordinary_names_of_people_places_and_trades_are_told_nothing(lists: NameLists) -> None:
    lines = TABLE.with_name("ordinary.txt").read_text(encoding="utf-8").splitlines()
    ordinary = [name for line in lines if not line.startswith("#") for name in line.split()]
    assert len(ordinary) > 1000
    found = {name: codes(judged(name, lists, Known())) for name in ordinary}
    assert {name: told for name, told in found.items() if told} == {}


def test_every_finding_is_told_at_once_the_gravest_first(lists: NameLists) -> None:
    found = judged("ｐhlymail.", lists)
    assert found.outcome is Outcome.REFUSED
    assert [one.refuses for one in found.findings] == sorted((one.refuses for one in found.findings), reverse=True)
    assert len(found.findings) > 1


def test_a_name_that_somebody_has_or_had_not_long_ago_is_refused(lists: NameLists) -> None:
    until = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
    assert codes(judged("muster", lists, Known(taken_by="k3v9q2"))) == ["taken"]
    assert codes(judged("muster", lists, Known(taken_by="k3v9q2", is_yours=True))) == ["yours"]
    [rests] = judged("muster", lists, Known(resting_until=until)).findings
    assert rests.told("de") == "Der Name war bis vor Kurzem vergeben und ruht bis zum 01.03.2027."
    assert "k3v9q2" not in judged("muster", lists, Known(taken_by="k3v9q2")).findings[0].told("de")


@pytest.mark.parametrize("name", ["müllеr", "mueller", "muller", "mül-ler", "mü11er"])
def test_what_can_be_taken_for_another_customer_s_name_is_flagged(lists: NameLists, name: str) -> None:
    found = judged(name, lists, Known(names=("müller",)))
    assert found.outcome is Outcome.FLAGGED
    assert "like-another" in codes(found)


def test_what_two_customers_want_is_flagged(lists: NameLists) -> None:
    assert codes(judged("muster", lists, Known(wanted=("muster",)))) == ["wanted-twice"]


def test_similar_names_are_shown_the_most_similar_first() -> None:
    names = ["mueller", "muellers", "schmidt", "müller-und-sohn", "miller", "zahnarzt"]
    assert similar_names("müller", names)[:2] == ["mueller", "muellers"]
    assert "schmidt" not in similar_names("müller", names)
    assert similar_names("xyz1", names) == []


def test_how_a_name_looks_is_told_for_who_decides() -> None:
    assert appearance("müllеr") == {
        "scripts": "Cyrillic, Latin",
        "signs": ["ü U+00FC LATIN SMALL LETTER U WITH DIAERESIS", "е U+0435 CYRILLIC SMALL LETTER IE"],
        "spelled": "muellеr",
        "skeleton": "rnu\u0308ller",
    }


def test_a_decision_names_the_version_of_rules_and_lists(lists: NameLists) -> None:
    assert judged("muster", lists).version == f"{RULES_VERSION}.{lists.version}"


@given(name=st.sampled_from([row[0] for row in ROWS]))
def test_findings_are_recorded_and_read_back_and_told_in_both_languages(name: str) -> None:
    assume(name.strip())
    known = Known(taken_by="a", resting_until=datetime(2027, 1, 1, tzinfo=UTC), names=("muster",), wanted=("müller",))
    found = judge(read_label(name, ZONE), load_lists_once(), known).findings
    assert read_back(recorded(found)) == found
    assert all(one.told(language) for one in found for language in LANGUAGES)


def test_what_was_found_by_a_rule_that_is_no_more_is_left_out() -> None:
    assert read_back([{"rule": "gone", "facts": {}}]) == ()


LOADED: list[NameLists] = []


def load_lists_once() -> NameLists:
    if not LOADED:
        LOADED.append(load_lists())
    return LOADED[0]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=50))
def test_no_name_breaks_the_rules_and_what_is_refused_has_a_reason(wish: str) -> None:
    assume(wish.strip())
    found = judge(read_label(wish, ZONE), load_lists_once(), OURS)
    assert (found.outcome is Outcome.REFUSED) == any(one.refuses for one in found.findings)
    assert found.label.a_label or found.outcome is Outcome.REFUSED
    again = judge(read_label(found.label.name, ZONE), load_lists_once(), OURS) if found.label.a_label else found
    assert again.findings == found.findings
