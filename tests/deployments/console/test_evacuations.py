"""`phm server evacuate` and `phm capacity`: the whole plan before anything is touched, stopped, gone on with (P12, P24)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import time_machine

from hosting.inventory import evacuations, needed_moves, servers, standings
from hosting.inventory.session import in_transaction
from hosting.policy.agreements import WithoutAnswer
from hosting.policy.move_needs import Ahead
from hosting.policy.move_needs import needed_moves as needed_of
from hosting.policy.states import EvacuationState, ServerState
from tests.inventory.words import server, with_servers
from tests.service.records import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from tests.deployments.console.conftest import Console

NOW = datetime(2026, 12, 9, 6, 0, tzinfo=UTC)
WORDS = ("server", "evacuate", "app1", "--reason", "new provider")


@pytest.fixture(autouse=True)
def morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def names(phm: Console) -> list[str]:
    """Three instances of 25 GB on app1; app2 takes two of them, app3 none."""
    with_servers(phm.inventory, server("app1", 100), server("app2", 60), server("app3", 5))
    return sorted(opened(phm.inventory, f"A-{number}", NOW) for number in range(3))


def state_of(phm: Console, name: str = "app1") -> ServerState:
    with phm.inventory.reading() as session:
        return servers.server_facts(session, name).state


def test_the_whole_plan_is_shown_and_a_dry_run_changes_nothing(phm: Console, names: list[str]) -> None:
    said = phm(*WORDS, "--dry-run")
    assert said.code == 0, said.err
    for name in names[:2]:
        assert f"{name} app2 25 30 3" in " ".join(said.out.split())
    assert f"{names[2]} 25 25 GiB fit on no server that may take it." in " ".join(said.out.split())
    assert "2 moves, each when its customer agreed to a time; one after another about 1 min in all." in said.out
    assert said.out.endswith("Then app1 is retired, and app2 answers under its name.\n")
    told = phm(*WORDS, "--dry-run", "--json").json
    assert (told["server"], told["seconds"], told["successor"]) == ("app1", 60.0, "app2")
    assert [[one["instance"] for one in batch] for batch in told["batches"]] == [[names[0]], [names[1]]]
    assert phm("server", "evacuate", "app1", "--dry-run").out == said.out
    assert phm("server", "evacuate", "app1", "--yes").refusal.startswith("The reason is empty.")
    assert state_of(phm) is ServerState.ACTIVE


def test_nothing_begins_that_nobody_confirmed(phm: Console, names: list[str]) -> None:
    assert "Nothing was changed: it was not confirmed." in phm(*WORDS, answers="n\n").refusal
    assert state_of(phm) is ServerState.ACTIVE


def test_it_is_begun_stopped_and_gone_on_with(phm: Console, names: list[str]) -> None:
    said = phm(*WORDS, "--emergency", "--to", "app2", "--parallel", "1", answers="y\n")
    assert "2 moves, without asking the customers" in said.out
    assert "app1 takes nothing new and is being emptied (evacuation 1)." in said.out
    with phm.inventory.reading() as session:
        [facts] = evacuations.open_evacuations(session)
    assert (facts.by, facts.order.emergency, facts.order.to, facts.order.parallel) == (phm.operator, True, ("app2",), 1)
    shown = phm("server", "show", "app1").out
    assert f"Emptying (open) since 2026-12-09 07:00, by {phm.operator}: new provider.\n" in shown
    assert phm("server", "show", "app1", "--json").json["evacuation"]["order"]["parallel"] == 1
    refused = phm("server", "undrain", "app1", "--reason", "x", "--yes").refusal
    assert refused == "app1 is being emptied. Stop that first: phm server evacuate app1 --stop."
    in_transaction(phm.inventory, lambda session: evacuations.go_on(session, "app1", NOW, WithoutAnswer.NOTHING))
    assert "planned" in phm("move", "status", names[0]).out
    assert phm("server", "evacuate", "app1", "--stop", "--reason", "it holds", "--yes").code == 0
    with phm.inventory.reading() as session:
        found = evacuations.evacuation_of(session, "app1")
    assert found is not None
    assert found.state is EvacuationState.STOPPED
    assert "called_off" in phm("move", "status", names[0]).out
    assert phm(*WORDS, "--yes").code == 0
    with phm.inventory.reading() as session:
        assert [one.id for one in evacuations.open_evacuations(session)] == [facts.id]


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (("--to", "app9"), "app1 can't be emptied so: There is no server app9."),
        (("--to", "app1"), "app1 can't be emptied so: It can't take its own instances."),
        (("--successor", "app9"), "app9 takes no instances, and can't answer for app1.phlymail.test."),
        (("--stop", "--yes"), "Nobody empties app1. Begin with: phm server evacuate app1."),
    ],
)
def test_what_can_not_be_is_refused_in_one_line(
    phm: Console, names: list[str], words: tuple[str, ...], refusal: str
) -> None:
    assert phm(*WORDS, *words).refusal.startswith(refusal)
    assert phm("server", "evacuate", "app1", "--reason", " ").refusal.startswith("The reason is empty.")


def test_capacity_tells_who_needs_to_move_whither_and_why(phm: Console, names: list[str]) -> None:
    assert "Nobody." in phm("capacity").out

    def shrunk(session: Session) -> None:
        servers.record_facts(session, "app1", {}, 70)
        needed_moves.settle_needs(session, needed_of(standings.standings(session, NOW), Ahead(NOW)), NOW)

    in_transaction(phm.inventory, shrunk)
    said = " ".join(phm("capacity").out.split())
    assert f"{names[0]} app1 app2 25 open" in said
    assert "75 GiB are booked on app1, which can give 70 GiB." in said
    rows = {row["server"]: row for row in phm("capacity", "--json").json}
    assert [one["instance_name"] for one in rows["app1"]["needed_moves"]] == [names[0]]
    assert rows["app2"]["needed_moves"] == []
    assert "needs to move" in phm("case", "list").out
