"""`phm update`: the rings before anything is touched, then a record that is looked at, halted, gone on with (P17)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest
import time_machine

from hosting.inventory import announcements, roll_outs
from hosting.inventory.releases import add_release
from hosting.inventory.session import in_transaction
from hosting.policy.roll_outs import RollOutState, UpdateState
from hosting.policy.values import ReleaseId
from tests.inventory.words import RELEASE, server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deployments.console.conftest import Console

NOW = datetime(2026, 12, 9, 11, 0, tzinfo=UTC)  # a Wednesday's noon
LATER = replace(RELEASE, id=ReleaseId("cd" * 32), build=40471, version="4.04.71")
GO = ("update", "run", "4.04.71", "--canary", "app1", "--reason", "newest")


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def names(phm: Console) -> list[str]:
    """One instance on app1, two on app2; the later release is registered."""
    with_servers(phm.inventory, server("app1", 100), server("app2", 100))
    made = [opened(phm.inventory, f"A-{number}", NOW, host) for number, host in enumerate(("app1", "app2", "app2"))]
    in_transaction(phm.inventory, lambda session: add_release(session, LATER, "olga", NOW))
    return made


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def comes(phm: Console, name: str, state: UpdateState, **more: object) -> None:
    record = partial(roll_outs.record_state, number=1, instance=name, state=state, now=NOW)
    in_transaction(phm.inventory, lambda session: record(session, **more))  # type: ignore[arg-type]


def state_of(phm: Console) -> RollOutState:
    with phm.inventory.reading() as session:
        return roll_outs.roll_out_facts(session, 1).state


def test_the_rings_are_shown_and_nothing_is_recorded_without_yes(phm: Console, names: list[str]) -> None:
    for said in (phm("update", "plan", "4.04.71", "--canary", "app1"), phm(*GO)):
        assert said.code == 0, said.err
        assert f"0 app1 {names[0]}" in lines(said.out)
        assert f"1 app2 {names[2]}" in lines(said.out)
        assert "3 instances would get 4.04.71, in 2 rings one after another." in said.out
    with phm.inventory.reading() as session:
        assert roll_outs.all_roll_outs(session) == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("update", "plan", "9.9"), "0 releases are called 9.9."),
        (("update", "plan"), "No instance is behind that release."),
        (("update", "plan", "4.04.71", "--instance", "nobody"), "There is no instance nobody."),
        (("update", "run", "4.04.71", "--yes"), "The reason is empty."),
        (("update", "status", "7"), "There is no roll-out 7."),
    ],
)
def test_what_can_not_be_is_refused_in_a_sentence(
    phm: Console, names: list[str], words: tuple[str, ...], why: str
) -> None:
    assert phm(*words).refusal.startswith(why)


def test_one_that_is_begun_is_looked_at_halted_gone_on_with_and_given_up(phm: Console, names: list[str]) -> None:
    said = phm(*GO, "--yes")
    assert "It is roll-out 1 to 4.04.71; the dispatcher begins in the next off-peak hours." in said.out
    comes(phm, names[0], UpdateState.DONE, outage_seconds=1.2)
    assert f"0 app1 {names[0]} done 1.2" in "\n".join(lines(phm("update", "status", "1").out))
    told = phm("update", "status", "1", "--json").json
    assert (told["version"], told["done"], told["left"], len(told["instances"])) == ("4.04.71", 1, 2, 3)
    assert [one["id"] for one in phm("update", "status", "--json").json] == [1]
    assert "is halted" in phm("update", "halt", "1", "--reason", "wait").out
    assert state_of(phm) is RollOutState.HALTED
    assert "goes on" in phm("update", "resume", "1", "--reason", "on").out
    assert f"{names[1]} is left out." in phm("update", "skip", "1", names[1], "--reason", "asked").out
    assert "is given up" in phm("update", "abort", "1", "--reason", "no").out
    assert state_of(phm) is RollOutState.ABORTED
    with phm.inventory.reading() as session:
        assert [one.state for one in roll_outs.updates_of(session, 1)] == [
            UpdateState.DONE, UpdateState.SKIPPED, UpdateState.SKIPPED
        ]  # fmt: skip


@pytest.mark.parametrize("urgent", [False, True])
def test_customers_are_told_of_what_closes_them_by_day(phm: Console, names: list[str], *, urgent: bool) -> None:
    assert phm(*GO, *(("--urgent",) if urgent else ()), "--yes").code == 0
    with phm.inventory.reading() as session:
        turns = announcements.announced_of(session, "product:40471:1")
    assert [one.silent for one in turns] == [not urgent] * 3
    assert all((one.times.window.opens <= datetime.now(UTC)) is urgent for one in turns)


def test_who_is_behind_the_current_release_is_seen(phm: Console, names: list[str]) -> None:
    def behind() -> list[str]:
        return [one["behind"] for one in phm("instance", "list", "--json").json]

    assert behind() == ["", "", ""]
    from hosting.inventory.releases import make_current

    in_transaction(phm.inventory, lambda session: make_current(session, LATER.id, "olga", NOW))
    assert behind() == ["4.04.71"] * 3
    assert [one["instances"] for one in phm("release", "list", "--json").json] == [0, 3]
