"""What operators see of backups and start by the console."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import time_machine
from prefect.client.schemas.actions import ArtifactCreate
from rich.progress import Progress, TaskID

from deployments.console.runs import show
from hosting.inventory import deeds, recovery_points
from hosting.inventory.backup_views import CHECKED
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.states import GenerationState
from hosting.policy.values import PointKind
from tests.inventory.words import server, with_servers
from tests.service.records import MANIFEST, opened, with_backup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deployments.console.conftest import Console
    from tests.deployments.service import Service

NOW = datetime(2026, 12, 9, 6, 0, tzinfo=UTC)  # a Wednesday, 07:00 in Berlin
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=True):
        yield


def backed_up(inventory: Inventory) -> tuple[str, str]:
    """Two instances on app1: one with backups of two nights, one for which nothing ran."""
    with_servers(inventory, *(server(name, 1000, address="127.0.0.1", ssh_port=9) for name in ("app1", "app2")))
    good, without = (opened(inventory, order, NOW - 3 * DAY) for order in ("A-1", "A-2"))
    with_backup(inventory, good, f"{good}-g1", NOW - 32 * HOUR, proven_at=NOW - 27 * HOUR)
    with_backup(inventory, good, f"{good}-g1", NOW - 8 * HOUR, PointKind.INCREMENTAL)
    return good, without


def point_ids(phm: Console, name: str) -> list[str]:
    return [row["point"] for row in phm("snapshots", name, "--json").json]


def test_how_all_backups_stand_is_one_table(phm: Console) -> None:
    good, without = backed_up(phm.inventory)
    rows: dict[str, Any] = {row["instance"]: row for row in phm("backups", "--json").json}
    assert rows[good]["findings"] == []
    assert (rows[good]["last_good_age_seconds"], rows[good]["kind"]) == (pytest.approx(8 * 3600, abs=60), "incremental")
    assert rows[good]["proven_age_seconds"] == pytest.approx(27 * 3600, abs=60)
    assert (rows[without]["last_good_at"], rows[without]["due"]) == (None, "full")
    (finding,) = rows[without]["findings"]
    assert finding.endswith("has no good backup. No run has said why: perhaps none ran.")
    table = phm("backups").out
    assert "2026-12-08 23:00" in table
    assert "perhaps none ran" in table


def test_what_the_newest_point_lacks_is_told_and_what_the_one_before_lacked_is_taken_off(phm: Console) -> None:
    good, _ = backed_up(phm.inventory)
    lacking = {"named": {"mails": {"named": 400, "missing": 2, "examples": []}}, "salt": True}
    with_backup(
        phm.inventory, good, f"{good}-g1", NOW - 2 * HOUR, PointKind.INCREMENTAL, manifest={**MANIFEST, **lacking}
    )
    (finding,) = findings_of(phm, good)
    assert finding == (
        f"Of 400 mails that the database of instance {good} names, 2 were not in its folder on 09 Dec 2026 05:00; the "
        "point before lacked 0."
    )
    lacking["salt"] = False
    with_backup(phm.inventory, good, f"{good}-g1", NOW - HOUR, PointKind.INCREMENTAL, manifest={**MANIFEST, **lacking})
    assert findings_of(phm, good) == [
        f"The settings of instance {good} had no salt on 09 Dec 2026 06:00: nobody can log in."
    ]


def findings_of(phm: Console, name: str) -> list[str]:
    (row,) = [row for row in phm("backups", "--json").json if row["instance"] == name]
    return list(row["findings"])


def test_the_oldest_point_not_looked_at_is_told_of_each_instance_and_of_all(phm: Console) -> None:
    good, without = backed_up(phm.inventory)
    rows: dict[str, Any] = {row["instance"]: row for row in phm("backups", "--json").json}
    last = point_ids(phm, good)[1]
    assert (rows[good]["not_looked_at_point"], rows[good]["oldest_not_looked_at_of_all"]) == (last, True)
    assert rows[good]["not_looked_at_age_seconds"] == pytest.approx(8 * 3600, abs=60)
    assert (rows[without]["not_looked_at_point"], rows[without]["oldest_not_looked_at_of_all"]) == (None, False)
    assert [row["looked_at"] for row in phm("snapshots", good, "--json").json] == [True, False]
    told = (
        f"The oldest point that no rehearsal has proven and no check has looked through: {last} of 08 Dec 2026 23:00, "
        "0 days old."
    )
    assert phm("backups").out.splitlines()[-1] == told
    assert phm("snapshots").out.count("not looked at") == 1
    looked_through(phm.inventory, f"{good}-g1", good, NOW - 8 * HOUR - HOUR)
    assert phm("backups").out.splitlines()[-1] == told  # before the point was taken
    looked_through(phm.inventory, f"{good}-g1", good, NOW - 2 * HOUR)
    assert phm("backups").out.splitlines()[-1].startswith("No point is kept that neither a rehearsal has proven")
    assert "not looked at" not in phm("snapshots").out


def looked_through(inventory: Inventory, generation: str, name: str, at: datetime) -> None:
    told = {"generation": generation, "part": 1, "parts": 4}
    in_transaction(
        inventory,
        lambda session: deeds.record(session, "service", CHECKED, f"instance:{name}", evidence=told, now=at),
    )


def test_a_damaged_generation_is_told_beside_its_instance(phm: Console) -> None:
    good, _ = backed_up(phm.inventory)
    mark(phm, f"{good}-g1", GenerationState.DAMAGED, "A pack is gone.")
    rows = {row["instance"]: row["findings"] for row in phm("backups", "--json").json}
    assert f"Generation {good}-g1 of instance {good} is damaged: A pack is gone." in rows[good]
    assert f"{good}-g1" in phm("backups").out


def test_points_are_listed_with_what_they_hold_and_only_as_long_as_they_are_there(phm: Console) -> None:
    good, without = backed_up(phm.inventory)
    rows = phm("snapshots", good, "--json").json
    assert [row["kind"] for row in rows] == ["full", "incremental"]
    assert (rows[0]["tables"], rows[0]["files"], rows[0]["database_bytes"]) == (2, 12, 3 << 20)
    assert phm("snapshots", "--json").json == rows
    table = phm("snapshots").out
    assert rows[0]["point"] in table
    assert "2026-12-08 04:00" in table  # proven
    assert phm("snapshots", without).out == f"There is no point of {without}; make one: phm backup {without}.\n"
    mark(phm, f"{good}-g1", GenerationState.DROPPING, "")
    assert phm("snapshots").out == "There is no point.\n"
    assert phm("restore", good, rows[0]["point"]).refusal.startswith(f"The point {rows[0]['point']} is not there any")


def mark(phm: Console, generation: str, state: GenerationState, finding: str) -> None:
    in_transaction(
        phm.inventory, lambda session: recovery_points.mark_generation(session, generation, state, finding, NOW)
    )


def test_without_yes_a_restore_tells_what_it_means_and_changes_nothing(phm: Console) -> None:
    good, _ = backed_up(phm.inventory)
    point = point_ids(phm, good)[0]
    said = phm("restore", good, point)
    assert said.code == 0, said.err
    assert said.out.splitlines() == [
        (
            f"{good} on app1 is brought back to 2026-12-07 23:00 (32 h 00 min ago): full point {point}, "
            "last proven 2026-12-08 04:00."
        ),
        (
            "Replaced is all files (12 files, 5.0 MiB) and the database (2 tables, 3.0 MiB); "
            "what was written there since then is not in it."
        ),
        "The instance works on until the restored state is compared; then it is closed for some seconds.",
        "What is replaced stays aside on app1 for 7 days.",
        "Room that it needs on app1: 5 MiB on /srv, 6 MiB on /var/lib/mysql.",
        "Nothing was changed. To do it, give --yes and --reason.",
    ]
    assert "What app1 has free can't be told" in said.err
    assert phm("restore", good, point, "--json").json == {"changed": False, "meaning": said.out.splitlines()}
    only = phm("restore", good, point, "--path", "storage/user/3").out
    assert "Replaced is the path storage/user/3; " in only
    assert "Room that it needs on app1: 5 MiB on /srv.\n" in only
    assert "Replaced is the database (2 tables, 3.0 MiB); " in phm("restore", good, point, "--database").out


def test_a_restore_on_another_server_tells_what_becomes_of_its_own(phm: Console) -> None:
    good, _ = backed_up(phm.inventory)
    point = point_ids(phm, good)[0]
    elsewhere = phm("restore", good, point, "--server", "app2").out
    assert "It comes to app2. It is closed on app1 before. What app1 still has of it stays there.\n" in elsewhere
    assert f"https://app2.phlymail.test/{good}/" in elsewhere
    assert "Room that it needs on app2" in elsewhere
    lost = phm("restore", good, point, "--server", "app2", "--lost").out
    assert "app1 counts as lost: where it does not answer it can't be closed, and must not come back." in lost
    assert phm("restore", good, point, "--server", "app9").refusal.startswith("There is no server app9.")


def test_what_can_not_be_restored_is_refused_before_anything_starts(phm: Console) -> None:
    good, without = backed_up(phm.inventory)
    point = point_ids(phm, good)[0]
    assert phm("restore", good, "nothing").refusal.startswith("There is no recovery point nothing.")
    assert "is one of" in phm("restore", without, point).refusal
    assert phm("restore", good, point, "--database", "--files").refusal.startswith("Only the database, and only files")
    assert "without empty parts" in phm("restore", good, point, "--path", "storage/../x").refusal
    assert phm("restore", good, point, "--yes").refusal.startswith("The reason is empty.")
    assert phm("restore", "nobody", point).refusal.startswith("There is no instance nobody.")


def test_wrong_wishes_for_backups_are_refused(phm: Console) -> None:
    good, _ = backed_up(phm.inventory)
    assert phm("backup").refusal == "Back up what? Name an instance, or a server by --server."
    assert phm("backup", good, "--server", "app1").refusal.startswith("Back up what?")
    assert phm("backup", "--server", "app1", "--full").refusal.startswith("A server's backups are made as they are due")
    assert phm("backup", "nobody").refusal.startswith("There is no instance nobody.")
    assert phm("backup", "--server", "app9").refusal.startswith("There is no server app9.")
    assert phm("rehearse", "nobody").refusal.startswith("There is no instance nobody.")


def test_what_can_not_be_mended_is_refused_before_the_store_is_asked(phm: Console) -> None:
    good, _ = backed_up(phm.inventory)
    assert phm("mend").refusal == "Mend what? Name a generation, or a server by --server."
    assert phm("mend", f"{good}-g1", "--server", "app1").refusal.startswith("Mend what?")
    assert phm("mend", "nothing").refusal == (
        "There is no generation nothing. List those of an instance: phm snapshots INSTANCE."
    )
    assert phm("mend", "--server", "app9").refusal.startswith("There is no server app9.")
    assert phm("mend", f"{good}-g1", "--yes").refusal.startswith("The reason is empty.")
    assert phm("mend", "--server", "app2", "--json").json == {"changed": False, "generations": [], "runs": []}
    mark(phm, f"{good}-g1", GenerationState.DROPPING, "")
    assert phm("mend", f"{good}-g1").refusal.startswith(f"Generation {good}-g1 is dropping and holds no point")


def test_without_prefect_an_acting_verb_says_so(phm: Console) -> None:
    good, _ = backed_up(phm.inventory)
    text = (phm.home / "settings.toml").read_text()
    (phm.home / "settings.toml").write_text(f'prefect_api_url = "http://127.0.0.1:9/api"\n{text}')
    assert phm("backup", good).refusal == (
        "Prefect at http://127.0.0.1:9/api does not answer (ConnectError). Look at: phm status."
    )


@pytest.mark.prefect
def test_a_run_is_started_in_the_operators_name_and_followed_to_its_end(service: Service) -> None:
    inventory = Inventory(service.settings.inventory_url.get_secret_value())
    good, _ = backed_up(inventory)
    said = service.phm("backup", "--server", "app1", "--reason", "before the works")
    assert said.returncode == 1
    last = said.stderr.strip().splitlines()[-1]
    assert last.startswith("Nobody stated that the store of backups http://127.0.0.1:9 stands in Germany (P02)."), last
    assert "/runs/flow-run/" in said.stderr
    with inventory.reading() as session:
        done = [deed for deed in deeds.deeds_of(session, "server:app1") if deed.why == "before the works"]
    assert [deed.what for deed in done] == ["run started by an operator"]
    run = UUID(said.stderr.partition("/runs/flow-run/")[2].split()[0])
    with service.client() as client, Progress(disable=True) as bars:
        told = ArtifactCreate(type="progress", flow_run_id=run, data=42.0, description="k3v9: storing files")
        client._client.post("/artifacts/", json=told.model_dump(mode="json", exclude_unset=True)).raise_for_status()
        shown: dict[str, TaskID] = {}
        for _ in range(2):
            show(client, run, bars, shown)
        assert [(bar.completed, bar.description) for bar in bars.tasks] == [(42.0, "k3v9: storing files")]
    started = service.phm("backup", good, "--no-wait")
    assert (started.returncode, started.stdout) == (0, "It is started.\n")
    told_run = json.loads(service.phm("backup", good, "--no-wait", "--json").stdout)
    assert told_run["page"].endswith(f"/runs/flow-run/{told_run['run']}")
    assert (told_run["deployment"], told_run["about"], told_run["waited"]) == ("back-up-instance", good, False)
    inventory.close()
