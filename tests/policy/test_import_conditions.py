"""All unmet conditions are told together and in figures; what nobody can mend alone goes to a person (P38, P39)."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.policy.import_conditions import (
    Booked,
    OldInstallation,
    Outcome,
    Request,
    case_facts,
    decide,
    missing_for,
    opening_bounds,
)
from hosting.policy.import_rules import REFUSALS, refused
from hosting.policy.terms import GIB, LANGUAGES, STANDARD

READERS = Path(__file__).parents[2] / "tasks/on_server/old_installation"
REQUEST = Request("bcdfgh", "https://files.example.com/a.zip", is_secured=True)
OLD = OldInstallation("MessageCenter 4", ("www",), ("mail.phm",), has_storage=True, has_salt=True, users=3,
                      files_bytes=4 * GIB, database_bytes=GIB)  # fmt: skip
BOOKED = Booked(3, 15)


def codes(old: OldInstallation, request: Request = REQUEST, booked: Booked = BOOKED) -> tuple[Outcome, list[str]]:
    decision = decide(request, old, booked, STANDARD)
    return decision.outcome, [finding.code for finding in decision.findings]


def test_what_fits_goes_on() -> None:
    assert codes(OLD) == (Outcome.GO, [])
    assert codes(OLD, booked=Booked(3, 5)) == (Outcome.GO, [])


def test_what_is_booked_too_little_is_told_in_figures_all_at_once() -> None:
    old = replace(OLD, users=5, files_bytes=23 * GIB + 1, encrypted="some")
    decision = decide(replace(REQUEST, is_secured=False), old, Booked(2, 10), STANDARD)
    assert decision.outcome is Outcome.REFUSED
    assert (decision.missing.accounts, decision.missing.packages) == (3, 0)
    said = " ".join(decision.told("en"))
    assert "has 5 users, 2 accounts are booked: 3 are missing" in said
    assert "takes 24577 MiB, 10240 MiB are booked: 14337 MiB are missing" in said
    assert "0 packages of 5 GB are enough" in said
    assert "not all of it is protected" in said
    assert "3 fehlen" in " ".join(decision.told("de"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"recognised": ""}, "not_recognised"), ({"roots": ("a", "b")}, "several"), ({"dumps": ("a", "b")}, "several"),
        ({"dumps": ()}, "dump_missing"), ({"has_storage": False}, "storage_missing"), ({"has_salt": False}, "salt_missing"),
        ({"files_bytes": 600 * GIB}, "beyond_offer"), ({"users": 101}, "beyond_offer"),
    ],
)  # fmt: skip
def test_what_nobody_can_mend_alone_is_a_case(change: dict[str, object], code: str) -> None:
    outcome, found = codes(replace(OLD, **change))  # type: ignore[arg-type]
    assert outcome is Outcome.CASE
    assert code in found


def test_declared_modifications_are_a_case_and_found_ones_are_only_told() -> None:
    assert codes(OLD, replace(REQUEST, modifications=("Theme Blue",))) == (Outcome.CASE, ["modifications_declared"])
    assert codes(replace(OLD, modifications=("theme Blue",))) == (Outcome.GO, ["modifications_found"])
    assert codes(replace(OLD, extauth="ldap")) == (Outcome.GO, ["other_passwords"])
    assert codes(replace(OLD, twice_in_part=("adb_adr",))) == (Outcome.GO, ["twice_in_part"])


def test_over_a_clear_way_comes_only_what_is_encrypted_as_a_whole() -> None:
    clear = replace(REQUEST, is_secured=False)
    assert codes(replace(OLD, encrypted="none"), clear) == (Outcome.REFUSED, ["not_all_encrypted"])
    assert codes(replace(OLD, encrypted="all"), clear) == (Outcome.GO, ["old_encryption"])


def test_a_case_holds_everything_known() -> None:
    old = replace(OLD, recognised="", modifications=tuple(f"theme {n}" for n in range(30)))
    decision = decide(REQUEST, old, Booked(1, 5), STANDARD)
    facts = case_facts(REQUEST, old, Booked(1, 5), decision)
    assert (facts["recognised"], facts["users"], facts["missing_accounts"]) == ("unknown", 3, 2)
    assert len(facts["modifications"]) == 30
    assert len(facts["findings"]) == len(decision.findings) == 3
    assert json.dumps(facts)


@given(st.integers(0, 150), st.integers(0, 600 * GIB), st.integers(1, 100), st.integers(0, 50))
def test_what_is_told_to_be_missing_is_enough_and_no_more(users: int, used: int, accounts: int, packages: int) -> None:
    booked = Booked(accounts, accounts * 5 + packages * 5)
    old = replace(OLD, users=users, files_bytes=used, database_bytes=0)
    missing = missing_for(old, booked, STANDARD)
    then = Booked(accounts + missing.accounts, missing.pool_gib(booked, STANDARD))
    assert missing_for(old, then, STANDARD) == replace(missing, accounts=0, packages=0)
    assert then.pool_gib * GIB >= used
    assert missing.packages == 0 or (then.pool_gib - 5) * GIB < used


def test_a_lawful_mailbox_of_fifty_thousand_mails_fits_into_the_smallest_booking() -> None:
    bounds = opening_bounds(5)
    assert bounds.entries > 200_000
    assert bounds.bytes > 5 * GIB
    assert opening_bounds(500).entries == 3_000_000


def refusals() -> dict[str, set[str]]:
    """Every code that a reader refuses by, with the facts that it states."""
    found: dict[str, set[str]] = {}
    for file in READERS.glob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Refusal":
                facts = {word.arg or "" for word in call.keywords}
                for code in [node.value for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant)]:
                    found[str(code)] = found.get(str(code), facts) & facts
    return found


def test_every_refusal_of_a_reader_has_a_sentence_in_each_language_with_the_facts_it_states() -> None:
    known = refusals()
    for name in ("definer", "load_data", "into_file", "rights", "client_command", "delimiter", "statement"):
        known[name] = {"line", "word"}  # by one call for all
    assert set(known) == set(REFUSALS)
    for code, facts in known.items():
        for language in LANGUAGES:
            sentence = refused(code, dict.fromkeys(facts, 7)).told(language)
            assert re.search(r"[.!?] [A-ZÄÖÜ]", sentence), sentence


def test_no_two_refusals_say_the_same() -> None:
    for language in LANGUAGES:
        sentences = [getattr(rule, language) for rule in REFUSALS.values()]
        assert len(set(sentences)) == len(sentences)


def test_no_sentence_stands_there_unused() -> None:
    """What is told about the way here is told by some rule's code."""
    policy = Path(__file__).parents[2] / "hosting/policy"
    used = "".join((policy / f"import_{name}.py").read_text(encoding="utf-8") for name in ("source", "conditions"))
    named = re.findall(r"^([A-Z_]+) = Rule\(", (policy / "import_rules.py").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(named) > 20
    assert [name for name in named if f"rules.{name}.found" not in used] == []
