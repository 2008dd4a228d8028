"""`phm move`: what moved, and what is refused before any server is asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from deployments.console import move
from hosting.errors import Refused
from hosting.inventory import deeds, instances, moves, servers
from hosting.inventory.session import in_transaction
from hosting.policy.found_switch import SiteThere
from hosting.policy.kept_source import Loss
from hosting.policy.placement import choose_server
from hosting.policy.states import MoveState
from tasks import found_switch, kept_source
from tasks.found_switch import FoundSwitch
from tasks.kept_source import Kept
from tests.inventory.words import HOUR, NOW, RELEASE

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tests.deployments.console.conftest import Console


@pytest.fixture
def name(phm: Console) -> str:
    """An instance on the first of two servers, with a move to the other planned."""
    phm.with_servers("app1", "app2")
    phm.with_order()

    def make(session: Session) -> str:
        made = instances.reserve_instance(session, "A-1", choose_server, release=RELEASE, seal=str, now=NOW)
        moves.plan_move(session, made.name, "app2", "by phone", "olga", NOW + HOUR, without_backup=False, now=NOW)
        return made.name

    return in_transaction(phm.inventory, make)


def test_moves_are_listed_with_how_far_they_are(phm: Console, name: str) -> None:
    said = phm("move", "status")
    assert said.code == 0, said.err
    assert f"{name} app1 app2 planned 2026-11-23 12:00" in " ".join(said.out.split())
    told = json.loads(phm("move", "status", name, "--json").out)
    assert [(one["id"], one["state"], one["due_at"], one["agreed_by"]) for one in told] == [
        (1, "planned", "2026-11-23T11:00:00+00:00", "olga")
    ]


def test_nothing_has_moved_where_nothing_was_planned(phm: Console) -> None:
    assert phm("move", "status").out == "Nothing has moved.\n"


def test_there_is_no_way_back_for_who_never_moved(phm: Console, name: str) -> None:
    said = phm("move", "back", name, "--reason", "asked")
    assert (said.code, said.refusal) == (1, f"Instance {name} has never moved. Name the server: phm move run.")


@pytest.mark.parametrize(
    ("at", "sentence"), [("soon", "soon is no moment."), ("2020-01-01T00:00", "2020-01-01T00:00 has passed.")]
)
def test_a_moment_that_is_none_or_has_passed_is_refused(phm: Console, name: str, at: str, sentence: str) -> None:
    said = phm("move", "run", name, "app2", "--reason", "asked", "--at", at)
    assert said.code == 1
    assert said.refusal.startswith(sentence)


def test_a_planned_move_is_given_up_once(phm: Console, name: str) -> None:
    assert phm("move", "cancel", name, "--reason", "other day").out == "Move 1 is called off; nothing was touched.\n"
    said = phm("move", "cancel", name, "--reason", "other day")
    assert said.refusal == f"A move of {name} is not planned. Look at it: phm move status {name}."
    told = json.loads(phm("move", "status", name, "--json").out)
    assert [(one["state"], one["finding"]) for one in told] == [("called_off", "other day")]


def test_a_move_needs_a_reason(phm: Console, name: str) -> None:
    assert phm("move", "run", name, "app2", "--reason", " ").refusal.startswith("The reason is empty.")


@pytest.mark.parametrize("verb", [("run", "NAME", "app2"), ("back", "NAME")])
def test_a_time_by_day_is_refused_before_any_server_is_asked_unless_a_word_is_given_for_it(
    phm: Console, name: str, verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with phm.inventory.writing() as session:
        moves.record_left(session, name, "app2", "app1", why="Restored.", now=NOW, kept=False)
    asked: list[str] = []

    def previewed(_settings: object, one: str, _target: str, *, without_backup: bool) -> None:
        asked.append(one)
        raise Refused("It was asked.", "Stop here.")

    monkeypatch.setattr(move, "previewed", previewed)
    words = ("move", *(word.replace("NAME", name) for word in verb), "--reason", "by phone", "--at")
    refused = phm(*words, "2099-12-02T11:00").refusal
    assert refused.startswith("2099-12-02 11:00 is not off-peak, up to the end of its time; 2099-12-02 22:00 would be.")
    assert refused.endswith("or say with --because how the customer agreed to this one, or why it can't wait.")
    assert asked == []
    assert phm(*words, "2099-12-02T22:00").refusal == "It was asked. Stop here."
    assert phm(*words, "2099-12-02T11:00", "--because", "the disk dies").refusal == "It was asked. Stop here."
    assert asked == [name, name]


@pytest.fixture
def came(phm: Console, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The instance is on app2; app1 keeps what it left there, and both servers are asked what would be lost."""

    def through(session: Session) -> None:
        instances.record_active(session, name, NOW, {})
        for state in (MoveState.COPYING, MoveState.FROZEN):
            moves.record_state(session, 1, state, NOW + HOUR)
        moves.switch(session, 1, {}, NOW + HOUR)
        moves.record_state(session, 1, MoveState.DONE, NOW + HOUR, evidence={"proof": {}})

    in_transaction(phm.inventory, through)

    def preview(instance: str) -> Kept:
        with phm.inventory.reading() as session:
            facts, left = instances.instance_facts(session, instance), moves.move_facts(session, 1)
            here, there = (servers.server_facts(session, one) for one in ("app2", "app1"))
        return Kept(facts, left, here, there, Loss(95, 12, 3, ("mails",), 4, 1))

    monkeypatch.setattr(kept_source, "preview", preview)
    return name


def test_the_kept_state_is_served_again_only_once_the_loss_was_shown_and_the_name_typed(
    phm: Console, came: str
) -> None:
    refused = phm("move", "to-kept-source", came, "--reason", "mails are gone", "--lose", "y")
    assert refused.code == 1
    assert "12 rows and 4 files of the last 95 minutes are lost" in refused.out
    assert f"the name of the instance was to be typed, which is {came}" in refused.refusal
    with phm.inventory.reading() as session:
        assert moves.open_move(session, came) is None
    said = phm("move", "to-kept-source", came, "--reason", "mails are gone", "--lose", came)
    assert said.code == 0, said.err
    assert said.out.endswith(
        "It is move 2; the dispatcher starts it within a minute.\nWhat serves now is kept on app2.\n"
    )
    with phm.inventory.reading() as session:
        made = moves.move_facts(session, 2)
    assert (made.target_name, made.why, made.evidence["loss"]["files_lost"]) == ("app1", "mails are gone", 4)


def test_without_a_kept_state_no_server_is_asked(phm: Console, name: str) -> None:
    said = phm("move", "to-kept-source", name, "--reason", "mails are gone", "--lose", name)
    assert said.code == 1
    assert f"Nothing is kept of instance {name}" in said.refusal


@pytest.fixture
def elsewhere(phm: Console, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The instance is on app2, as both servers say, while the inventory has it on app1 with its move planned."""
    in_transaction(phm.inventory, lambda session: instances.record_active(session, name, NOW, {}))

    def find_switch(instance: str) -> FoundSwitch:
        with phm.inventory.reading() as session:
            facts = instances.instance_facts(session, instance)
            source, target = (servers.server_facts(session, one) for one in ("app1", "app2"))
        sites = (
            SiteThere("app1", source.host_name, there=True, serves=False, passes_on_to=target.host_name),
            SiteThere("app2", target.host_name, there=True, serves=True, passes_on_to=""),
        )
        return FoundSwitch(facts, source, target, sites, compared=False)

    monkeypatch.setattr(found_switch, "find_switch", find_switch)
    return name


def test_a_switch_that_was_found_is_shown_and_recorded_by_word_alone(phm: Console, elsewhere: str) -> None:
    shown = phm("move", "found-switched", elsewhere, "--reason", "control machine lost")
    assert shown.code == 0, shown.err
    assert "app1 passes on to app2.phlymail.test app2 serves it" in " ".join(shown.out.split())
    assert shown.out.endswith(
        f"{elsewhere} is on app2; the inventory has it on app1.\nNothing was changed. To do it, give --yes.\n"
    )
    with phm.inventory.reading() as session:
        assert moves.move_facts(session, 1).state is MoveState.PLANNED
        assert instances.instance_facts(session, elsewhere).server_name == "app1"
    done = phm("move", "found-switched", elsewhere, "--reason", "control machine lost", "--yes")
    assert done.code == 0, done.err
    assert "It is move 1; a run sees to the rest within a minute." in done.out
    with phm.inventory.reading() as session:
        assert moves.move_facts(session, 1).state is MoveState.SWITCHED
        assert instances.instance_facts(session, elsewhere).server_name == "app2"
        [deed] = [one for one in deeds.deeds_of(session, f"instance:{elsewhere}") if one.what == "switch found"]
    assert (deed.by, deed.why) == (phm.operator, "control machine lost")


def test_a_switch_is_found_with_a_reason_alone(phm: Console, elsewhere: str) -> None:
    assert phm("move", "found-switched", elsewhere, "--reason", " ").refusal.startswith("The reason is empty.")
    assert phm("move", "found-switched", elsewhere, "--yes").refusal.startswith("The reason is empty.")
    assert phm("move", "found-switched", elsewhere).code == 0
