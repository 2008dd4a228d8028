"""How operators decide on names: checked, applied for, shown with all that is known, approved or refused (P26 to P28)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import time_machine

from hosting.inventory import name_application_rows, names, work
from hosting.inventory.session import in_transaction
from hosting.policy.states import ApplicationState, NameState, WorkState
from hosting.policy.values import NameKind
from tests.inventory.words import server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.name_application_rows import ApplicationFacts
    from tests.deployments.console.conftest import Console

NOW = datetime(2026, 12, 9, 9, 0, tzinfo=UTC)
WHY = ("--reason", "mail of today")


@pytest.fixture(autouse=True)
def morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def two(phm: Console) -> tuple[str, str]:
    """Two instances of one customer."""
    with_servers(phm.inventory, server("app1", 200))
    first, second = (opened(phm.inventory, order, datetime(2026, 10, 1, 9, 0, tzinfo=UTC)) for order in ("A-1", "A-2"))
    return first, second


def application(phm: Console, number: int = 1) -> ApplicationFacts:
    with phm.inventory.reading() as session:
        return name_application_rows.application_facts(session, number)


def held(phm: Console, instance: str, a_label: str, name: str) -> None:
    in_transaction(
        phm.inventory,
        lambda session: names.begin_assigning(session, instance, NameKind.SUBDOMAIN, a_label, name, now=NOW),
    )


def test_a_name_can_be_checked_without_being_recorded(phm: Console, two: tuple[str, str]) -> None:
    told = phm("name", "check", "PhlyMa1l", "--json").json
    assert (told["name"], told["outcome"]) == ("phlyma1l", "refused")
    assert [(one["rule"], one["outcome"]) for one in told["findings"]] == [("own-looks-like", "refused")]
    assert told["version"].startswith("1.")
    said = phm("name", "check", "bücherwurm").out
    assert "xn--bcherwurm-q9a" in said
    assert "None; a person decides all the same." in said
    assert phm("name", "queue").out == "No name waits for a decision.\n"


def test_a_wish_waits_in_the_queue_with_all_that_is_known(phm: Console, two: tuple[str, str]) -> None:
    held(phm, two[1], "xn--bosch-mller-yhb", "bosch-müller")
    said = phm("name", "apply", two[0], " Bosch-Mueller ", *WHY)
    assert said.out.startswith("bosch-mueller waits as application 1 (flagged).")
    assert (application(phm).asked_by, application(phm).why) == (phm.operator, "mail of today")
    [row] = phm("name", "queue", "--json").json
    assert (row["name"], row["a_label"], row["outcome"], row["instance_name"]) == (
        "bosch-mueller", "bosch-mueller", "flagged", two[0],
    )  # fmt: skip
    assert row["customer"] == "Ada Löwe (C-1)"
    assert [one["as_ordered"] for one in row["similar"]] == ["bosch-müller"]
    assert {one["rule"] for one in row["findings"]} == {"brand-holds", "like-another"}
    line = phm("name", "queue").out
    assert "bosch-müller" in line
    assert "The name holds bosch (a brand or a name of others)." in line


def test_an_application_is_shown_side_by_side(phm: Console, two: tuple[str, str]) -> None:
    phm("name", "apply", two[0], "abc", *WHY)
    phm("name", "apply", two[0], "müllеr", *WHY)
    said = phm("name", "show", "2").out
    for told in (
        "xn--mllr-0ra660c",
        "Cyrillic, Latin",
        "е U+0435 CYRILLIC SMALL LETTER IE",
        "The name mixes scripts: Cyrillic, Latin.",
        "Ada Löwe (C-1)",
        "Other applications of the customer",
        "It has none and had none.",
    ):
        assert told in said
    told = phm("name", "show", "2", "--json").json
    assert [one["name"] for one in told["earlier"]] == ["abc"]
    assert told["signs"][0].startswith("ü U+00FC")
    assert phm("name", "show", "9").refusal == "There is no application 9 for a name. List them: phm name queue."


def test_what_is_plainly_wrong_is_refused_at_once_and_kept(phm: Console, two: tuple[str, str]) -> None:
    said = phm("name", "apply", two[0], "www", *WHY).refusal
    assert said.startswith("www is refused: The name has too few characters, namely 3;")
    assert said.endswith("It is kept as application 1, and the customer is told by letter.")
    assert application(phm).state is ApplicationState.REFUSED
    assert phm("name", "apply", two[0], "  ", *WHY).refusal.startswith("0 characters are no name.")
    assert phm("name", "apply", two[0], "muster", "--reason", " ").refusal.startswith("The reason is empty.")
    phm("name", "apply", two[0], "muster", *WHY)
    assert "has applied for muster already" in phm("name", "apply", two[0], "anderer", *WHY).refusal


def test_a_approved_name_is_the_instance_s_even_while_prefect_is_down(phm: Console, two: tuple[str, str]) -> None:
    phm("name", "apply", two[0], "muster", *WHY)
    assert "Nothing was changed" in phm("name", "approve", "1", *WHY, answers="n\n").refusal
    assert application(phm).state is ApplicationState.WAITING
    said = phm("name", "approve", "1", *WHY, "--yes").refusal
    assert said.startswith("muster is approved, but not live yet: Prefect at ")
    assert (application(phm).state, application(phm).decided_by) == (ApplicationState.APPROVED, phm.operator)
    with phm.inventory.reading() as session:
        [name] = names.names_of(session, two[0])
        asked = work.work_of(session, work.ASSIGN_SUBDOMAIN, f"{two[0]}#{name.id}")
    assert name.state is NameState.ASSIGNING
    assert asked is not None
    assert asked.state is WorkState.OPEN
    assert "can't go from approved to refused" in phm("name", "refuse", "1", "--reason", "doch nicht", "--yes").refusal


def test_a_name_is_refused_with_a_reason_that_is_read(phm: Console, two: tuple[str, str]) -> None:
    phm("name", "apply", two[0], "bosch", *WHY)
    asked = phm("name", "refuse", "1", "--reason", "Eine Marke.", answers="y\n")
    assert asked.out.strip() == "bosch is refused; the customer is told by letter."
    assert "The customer reads: Eine Marke." in asked.err
    again = phm("name", "refuse", "1", "--reason", "Anders.", "--yes").out
    assert again == f"bosch was refused before by {phm.operator}: Eine Marke. (unchanged)\n"
    assert "can't go from refused to approved" in phm("name", "approve", "1", *WHY, "--yes").refusal


def test_other_lists_judge_again_what_waits_and_what_is_in_use(
    phm: Console, two: tuple[str, str], tmp_path: Path
) -> None:
    held(phm, two[1], "buchladen", "buchladen")
    phm("name", "apply", two[0], "muster", *WHY)
    assert phm("name", "recheck").out.endswith("Nothing is judged otherwise than before.\n")
    lists = tmp_path / "lists"
    lists.mkdir()
    entries = ("muster,word,refused,anywhere,", "buchladen,brand,flagged,anywhere,new")
    (lists / "mine.csv").write_text("\n".join(("name,kind,outcome,where,note", *entries)), encoding="utf-8")
    settings = phm.home / "settings.toml"
    settings.write_text(f'name_lists = "{lists}"\n' + settings.read_text())
    told = phm("name", "recheck", "--json").json
    assert told["judged"] == 1
    assert [(one["name"], one["stands"]) for one in told["found"]] == [
        ("muster", "waits as 1: harmless before, refused now"),
        ("buchladen", "assigning, stays"),
    ]
    assert "muster is refused" in phm("name", "approve", "1", *WHY, "--yes").refusal
    (lists / "mine.csv").write_text("name,kind\n", encoding="utf-8")
    assert "does not begin with the line" in phm("name", "recheck").refusal


def test_what_the_program_refuses_nobody_gives_away_by_hand(phm: Console, two: tuple[str, str]) -> None:
    said = phm("name", "assign", two[0], "webmail", *WHY, "--yes").refusal
    assert said.startswith("webmail is refused: The name is webmail (reserved for technical use).")
    with phm.inventory.reading() as session:
        assert names.names_of(session, two[0]) == []
    flagged = phm("name", "assign", two[0], "bosch", *WHY, answers="n\n").refusal
    assert "The name is bosch (a brand or a name of others)." in flagged
    held(phm, two[0], "phlymail", "phlymail")
    assert "not live" not in phm("name", "assign", two[0], "phlymail", *WHY, answers="n\n").refusal


def test_the_verbs_of_held_names_are_there_too(phm: Console, two: tuple[str, str]) -> None:
    held(phm, two[0], "muster", "muster")
    assert "muster" in phm("name", "list").out
    said = phm("name", "--help").out
    for verb in ("check", "apply", "queue", "show", "approve", "refuse", "recheck", "list", "assign", "withdraw"):
        assert f" {verb} " in said
