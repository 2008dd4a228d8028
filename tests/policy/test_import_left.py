"""What stays behind of an old installation is told by name, in two languages, and refuses nothing (P33 to P35)."""

from __future__ import annotations

from hosting.policy import import_left
from hosting.policy.findings import Rule
from hosting.policy.import_left import LISTED, left_while_building, named


def test_tables_and_files_that_stay_behind_are_named() -> None:
    files = {
        "files": 9,
        "left": {"program": 4, "other": 20, "cache": 7},
        "named": ["storage/.htaccess", *(f"storage/x{n}" for n in range(12))],
    }
    tables, rest = left_while_building(["old_stats", "shop\x1b[2J"], files)
    assert tables.told("de").endswith("old_stats, shop [2J.")
    assert rest.told("en").endswith(f"storage/x9 (+{3 + 20 - LISTED}).")
    assert not tables.refuses
    assert left_while_building([], {"files": 9, "left": {"program": 1}, "named": ["storage/.htaccess"]}) == []


def test_some_names_and_how_many_more() -> None:
    assert named(["a", "b"]) == "a, b"
    assert named(["a"], 4) == "a (+3)"
    assert named([str(number) for number in range(LISTED + 2)]).endswith("9 (+2)")


def test_nothing_of_it_refuses() -> None:
    rules = [rule for rule in vars(import_left).values() if isinstance(rule, Rule)]
    assert len(rules) == 6
    assert not any(rule.refuses for rule in rules)
    assert len({rule.code for rule in rules}) == len(rules)
