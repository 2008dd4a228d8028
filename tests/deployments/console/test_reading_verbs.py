"""What operators read: tables for them, the same as JSON for programs, quickly and without Prefect."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from deployments.runtime.environment import ROOT
from hosting.inventory import instances, work
from hosting.inventory.session import in_transaction
from hosting.policy.placement import choose_server
from hosting.policy.store_rights import reader_policy, writer_policy
from tests.inventory.words import HOUR, NOW, RELEASE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.deployments.console.conftest import Console

READING = (
    "order list", "order show A-1", "promises", "instance list", "instance show {instance}", "server list",
    "server show app1", "release list", "case list", "calendar list", "level list", "level terms", "backups",
    "snapshots", "snapshots {instance}",
)  # fmt: skip


def reserve(phm: Console, order: str = "A-1") -> str:
    def act(session: object) -> str:
        return instances.reserve_instance(
            session,
            order,
            choose_server,
            release=RELEASE,
            seal=lambda secret: f"sealed-{secret}",
            now=NOW,  # type: ignore[arg-type]
        ).name

    return in_transaction(phm.inventory, act)


def test_orders_are_listed_for_people_and_for_programs(phm: Console) -> None:
    phm.with_order("A-1")
    phm.with_order("A-2", paid=False)
    table = phm("order", "list").out
    assert "Ada Löwe (C-1)" in table
    assert "3 accounts, 10 GB more" in table
    assert "49.00 EUR" in phm("order", "show", "A-1").out
    rows = phm("order", "list", "--json").json
    assert [(row["reference"], row["state"]) for row in rows] == [("A-1", "paid"), ("A-2", "placed")]
    assert rows[0]["paid_at"] == "2026-11-23T10:00:00+00:00"
    assert set(rows[0]) == {
        "reference", "customer_reference", "customer_name", "email", "language", "accounts", "storage_gib", "due_cents",
        "currency", "service_level", "placed_at", "state", "paid_at", "promised_by", "ready_at",
    }  # fmt: skip


def test_an_order_is_shown_with_its_money_and_what_was_done(phm: Console) -> None:
    phm.with_order()
    said = phm("order", "show", "A-1").out
    assert "open, attempt 1" in said
    assert "order paid" in said
    view = phm("order", "show", "A-1", "--json").json
    assert [payment["cents"] for payment in view["payments"]] == [4900]
    assert view["work"]["state"] == "open"


@time_machine.travel(NOW + HOUR, tick=False)
def test_a_promise_tells_the_service_time_left_and_the_forecast(phm: Console) -> None:
    phm.with_order()
    (row,) = phm("promises", "--json").json
    assert row["time_left_seconds"] == 7 * 3600
    assert row["outlook"] == "in time"
    assert datetime.fromisoformat(row["ready_at"]) == NOW + HOUR + timedelta(minutes=2)
    assert "7 h 00 min" in phm("promises").out


@time_machine.travel(datetime.fromisoformat("2026-11-23T19:30:00+01:00"), tick=False)
def test_a_missed_promise_and_one_that_needs_a_person_are_marked(phm: Console) -> None:
    phm.with_order("A-1")
    phm.with_order("A-2")
    in_transaction(
        phm.inventory, lambda session: work.record_failed(session, work.PROVISION, "A-2", "The disk is full.")
    )
    outlooks = {row["order"]: (row["outlook"], row["finding"]) for row in phm("promises", "--json").json}
    assert outlooks == {"A-1": ("missed", ""), "A-2": ("missed", "The disk is full.")}
    with time_machine.travel(NOW, tick=False):
        outlooks = {row["order"]: (row["outlook"], row["ready_at"]) for row in phm("promises", "--json").json}
    assert outlooks["A-2"] == ("needs a person", None)


def test_an_instance_is_shown_without_its_secrets(phm: Console) -> None:
    phm.with_servers("app1")
    phm.with_order()
    name = reserve(phm)
    rows = phm("instance", "list", "--json").json
    assert rows[0]["url"] == f"https://app1.phlymail.test/{name}/"
    shown = phm("instance", "show", name).out + phm("instance", "show", name, "--json").out
    assert "instance reserved" in shown
    assert "sealed-" not in shown


def test_an_instance_opens_in_a_browser_or_says_how(phm: Console) -> None:
    phm.with_servers("app1")
    phm.with_order()
    name = reserve(phm)
    for screen in ("DISPLAY", "WAYLAND_DISPLAY"):
        phm.monkeypatch.delenv(screen, raising=False)
    said = phm("instance", "open", name)
    assert said.out.startswith(f"https://app1.phlymail.test/{name}/\n")
    assert f"--user-data-dir={phm.home}/browser" in said.out


def test_a_server_is_shown_with_what_is_booked_on_it(phm: Console) -> None:
    phm.with_servers("app1", "app2")
    phm.with_order()
    reserve(phm)
    rows = {
        row["name"]: (row["room_gib"], row["booked_gib"], row["instances"])
        for row in phm("server", "list", "--json").json
    }
    assert sorted(rows.values()) == [(100, 0, 0), (100, 25, 1)]
    assert phm("server", "show", "app1", "--json").json["fingerprint"].startswith("SHA256:")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("order", "show", "A-9"), "There is no order A-9. List the orders (phm order list) and take one of them."),
        (
            ("instance", "show", "x"),
            "There is no instance x. List the instances (phm instance list) and take one of them.",
        ),
        (
            ("instance", "open", "x"),
            "There is no instance x. List the instances (phm instance list) and take one of them.",
        ),
        (("server", "show", "x"), "There is no server x. List the servers (phm server list) and take one of them."),
        (("case", "show", "7"), "There is no case 7. List the open cases (phm case list) and take one."),
    ],
)
def test_an_unknown_name_is_told_in_one_line(phm: Console, words: tuple[str, ...], line: str) -> None:
    said = phm(*words)
    assert said.refusal == line
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_without_settings_or_tables_a_verb_says_what_to_do(phm: Console) -> None:
    (phm.home / "inventory.db").unlink()
    assert phm("order", "list").refusal.endswith("Bring it up to date: phm up does.")
    (phm.home / "settings.toml").unlink()
    assert phm("order", "list").refusal.endswith("Make them with: phm up (or set PHM_HOME).")


@pytest.mark.parametrize(
    "words", [("order", "show"), ("order", "nonsense"), ("nonsense",), ("server", "drain", "app1")]
)
def test_wrong_use_is_told_apart_from_failure(phm: Console, words: tuple[str, ...]) -> None:
    assert phm(*words).code == 2


def test_reading_verbs_import_no_prefect(phm: Console, tmp_path: Path) -> None:
    phm.with_servers("app1")
    phm.with_order()
    name = reserve(phm)
    program = """
import sys
from deployments.console.app import main
for line in sys.stdin.read().splitlines():
    sys.argv = ["phm", *line.split(), "--json"]
    try:
        main()
    except SystemExit as end:
        assert not end.code, line
    heavy = {"prefect", "paramiko", "boto3", "alembic", "fleet.fleet"} & set(sys.modules)
    assert not heavy, (line, heavy)
"""
    lines = "\n".join(READING).format(instance=name)
    done = subprocess.run(
        [sys.executable, "-c", program], input=lines, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_servers_rights_in_the_store_are_printed_to_be_pasted_at_its_provider(phm: Console) -> None:
    said = phm("server", "storage-rights", "app1")
    assert (
        json.loads(said.out)
        == writer_policy("phm-backups", "app1")
        == phm("server", "storage-rights", "app1", "--json").json
    )
    assert "[backup.writers.app1]" in said.err
    assert phm("server", "storage-rights", "--reader", "--json").json == reader_policy("phm-backups")
    assert "can't be a part of a backup's place" in phm("server", "storage-rights", "control").refusal
    assert phm("server", "storage-rights").refusal == "Whose rights? Name a server, or give --reader."
