"""Dumps that may not be kept, tables that somebody uses, tables without transactions: what a point may be made of (P19)."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from hosting.product.layout import InstanceLayout
from tasks.on_server.dump_stream import QUIET_SECONDS
from tasks.snapshots import LOCK_SECONDS
from tests.service.backups import (
    LIVE,
    back_up,
    check_restorable,
    left_behind,
    locks_of,
    on,
    points_of,
    snapshots_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

SPOIL = """
set -eu
cp /usr/bin/mariadb-dump /root/real-dump
cat >/root/spoiling-dump <<'END'
#!/bin/bash
for database; do :; done
{whole}
END
chmod 755 /root/spoiling-dump; mount --bind /root/spoiling-dump /usr/bin/mariadb-dump
"""
MEND = "umount /usr/bin/mariadb-dump"

WRITER = """
import json, os, subprocess, sys, time
database, data, user, table, until = *sys.argv[1:5], time.time() + float(sys.argv[5])
client = subprocess.Popen(["mariadb", "-NB", "--unbuffered", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
acknowledged, slowest, number = [], 0.0, 0
while time.time() < until and not os.path.exists("/run/stop-writing"):
    number += 1
    with open(f"{data}/storage/user/1/files/{table}-{number}", "w") as file:
        file.write(str(number))
    began = time.time()
    client.stdin.write(f"INSERT INTO {table} VALUES ({number}, '{began}'); SELECT {number};\\n"); client.stdin.flush()
    assert client.stdout.readline().strip() == str(number)
    acknowledged.append(time.time()); slowest = max(slowest, acknowledged[-1] - began)
    time.sleep(0.005)
print(json.dumps({"acknowledged": acknowledged, "slowest": slowest}))
"""
"""Writes a file, then its row, and notes when the row was acknowledged; ends when it is told to, or its time is over."""


@pytest.fixture(scope="module")
def living(service: Service) -> InstanceFacts:
    """An instance with users, mails and files, and a first point."""
    instance = service.provision(accounts=3)
    on(service, LIVE, instance, InstanceLayout.of(instance).user, "0")
    assert back_up(service, instance).completed
    return instance


@contextlib.contextmanager
def spoiled(service: Service, how: str) -> Iterator[None]:
    """While the server's mariadb-dump does something else than it should."""
    whole = '/root/real-dump "${@:1:$#-1}" other' if how == "OTHER" else f'/root/real-dump "$@" {how}'
    done = service.fleet.run(service.host, "sh -s", text_in=SPOIL.replace("{whole}", whole))
    assert done.returncode == 0, done.stderr
    try:
        yield
    finally:
        service.on(MEND)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("| head -c 30000", "the dump ends without its end mark after 30000 bytes: it was cut off"),
        (">/dev/null", "the dump is empty"),
        ('--ignore-table="$database.phlymail_user"', "the dump lacks 1 table: phlymail_user"),
        ("--where=1=0", "the dump holds another number of rows than the database in"),
        ("; echo 'Error 2020: Got packet bigger' >&2; exit 3", "exit code 3: Error 2020: Got packet bigger"),
        ("OTHER", "the dump is of the database other, not of"),
    ],
    ids=["cut off", "empty", "without a table", "without rows", "failed", "of another database"],
)
def test_a_spoiled_dump_is_refused_and_no_snapshot_is_made(
    service: Service, living: InstanceFacts, how: str, said: str
) -> None:
    service.on(
        "mariadb -e 'CREATE DATABASE IF NOT EXISTS other; CREATE OR REPLACE TABLE other.one (id INT PRIMARY KEY)'"
    )
    points = points_of(service, living)
    snapshots = snapshots_of(points[-1])
    with spoiled(service, how):
        outcome = back_up(service, living)
    assert outcome.error == "NotBackedUp"
    assert said in outcome.message
    assert points_of(service, living) == points
    assert snapshots_of(points[-1]) == snapshots
    assert left_behind(service, living) == ""


def test_after_refused_dumps_the_next_backup_is_good(service: Service, living: InstanceFacts) -> None:
    assert back_up(service, living).completed
    last = points_of(service, living)[-1]
    check_restorable(service, last)
    assert (left_behind(service, living), locks_of(last)) == ("", [])


@contextlib.contextmanager
def writing(service: Service, instance: InstanceFacts, table: str, engine: str = "InnoDB") -> Iterator[dict[str, Any]]:
    """Somebody writes into a table and the folder all the time; what he saw is there after the block."""
    layout = InstanceLayout.of(instance)
    service.on(f"mariadb {layout.database} -e 'CREATE TABLE {table} (id INT PRIMARY KEY, at DOUBLE) ENGINE={engine}'")
    words = f"{layout.database} {layout.data} {layout.user} {table} 120"
    service.on(
        f"rm -f /run/stop-writing; cat >/root/writer.py <<'END'\n{WRITER}\nEND\n"
        f"systemd-run -q --unit=writer-{table} -p StandardOutput=file:/root/{table}.json python3 /root/writer.py {words}"
    )
    seen: dict[str, Any] = {}
    try:
        yield seen
    finally:
        service.on(f"touch /run/stop-writing; while systemctl -q is-active writer-{table}; do sleep 0.05; done")
    seen.update(json.loads(service.on(f"cat /root/{table}.json")))


@pytest.mark.parametrize("rounds", [2, pytest.param(5, marks=pytest.mark.soak)])
def test_points_under_writing_hold_every_write_that_was_acknowledged_before(
    service: Service, living: InstanceFacts, rounds: int
) -> None:
    before, table = len(points_of(service, living)), f"log{rounds}"
    with writing(service, living, table) as seen:
        for _ in range(rounds):
            outcome = back_up(service, living)
            assert outcome.completed, outcome
    points = points_of(service, living)[before:]
    assert len(points) == rounds
    for point in points:
        check_restorable(service, point)  # tables and files are as counted and summed at the moment
        rows = service.on(f"mariadb -NBe 'SELECT COUNT(*), MAX(id) FROM phm_proof.{table}'").split()
        assert rows[0] == rows[1]
        acknowledged = sum(at < point.taken_at.timestamp() for at in seen["acknowledged"])
        assert 0 < acknowledged <= int(rows[1])
        files = f"/srv/backup/proof/restored/srv/backup/{living.name}/point/data/storage/user/1/files"
        assert service.on(f"for n in $(seq {rows[1]}); do [ -s {files}/{table}-$n ] || echo $n; done") == ""
    assert seen["slowest"] < LOCK_SECONDS


def transaction(service: Service, instance: InstanceFacts, seconds: int) -> None:
    """A session that has changed a row, and commits so many seconds later."""
    sql = f"START TRANSACTION; UPDATE phlymail_user SET active='1', logintime=NOW() WHERE uid=1; DO SLEEP({seconds}); COMMIT"
    database = InstanceLayout.of(instance).database
    service.on(f'systemd-run -q --unit=transaction-$RANDOM mariadb {database} -e "{sql}"; sleep 0.5')


def test_a_long_transaction_is_waited_for_and_keeps_nobody_else_for_longer_than_the_lock(
    service: Service, living: InstanceFacts
) -> None:
    before = len(points_of(service, living))
    with writing(service, living, "beside") as seen:
        transaction(service, living, 15)
        outcome = back_up(service, living)
    assert outcome.completed, outcome
    (point,) = points_of(service, living)[before:]
    assert point.manifest["lock"]["waited_ms"] > 2000
    assert LOCK_SECONDS / 2 < seen["slowest"] < 2 * LOCK_SECONDS  # he was kept, by one try, and by no two in a row
    check_restorable(service, point)


@pytest.mark.soak
def test_tables_that_stay_in_use_are_told_in_bounded_time(service: Service, living: InstanceFacts) -> None:
    points = points_of(service, living)
    transaction(service, living, 240)
    outcome = back_up(service, living)
    assert outcome.error == "NotBackedUp"
    assert "its tables could not be locked in 5 tries of 2 s" in outcome.message
    assert outcome.seconds < 180
    assert points_of(service, living) == points
    service.on("systemctl stop 'transaction-*'")
    assert back_up(service, living).completed


def test_who_changes_a_table_meanwhile_keeps_nobody_from_writing_for_long(
    service: Service, living: InstanceFacts
) -> None:
    database = InstanceLayout.of(living).database
    change = (
        f"for n in $(seq 2000); do mariadb {database} -e \"ALTER TABLE phlymail_user COMMENT='$n'\"; sleep 0.1; done"
    )
    service.on(f"systemd-run -q --unit=changer sh -c '{quoted(change)}'")
    try:
        with writing(service, living, "changed") as seen:
            outcomes = [back_up(service, living)]
    finally:
        service.on("systemctl stop changer")
    said = [outcome.message for outcome in outcomes if not outcome.completed]
    assert all("somebody changes" in one or "Table definition has changed" in one for one in said), said
    assert seen["slowest"] < 2 * QUIET_SECONDS + LOCK_SECONDS + 1
    assert back_up(service, living).completed
    check_restorable(service, points_of(service, living)[-1])


def quoted(script: str) -> str:
    """A script within single quotes."""
    return script.replace("'", "'\\''")


def test_tables_without_transactions_stay_locked_until_the_dump_has_ended(
    service: Service, living: InstanceFacts
) -> None:
    database = InstanceLayout.of(living).database
    service.on(
        f"mariadb {database} -e 'CREATE TABLE bulk (id INT PRIMARY KEY AUTO_INCREMENT, content BLOB) ENGINE=MyISAM; "
        "INSERT INTO bulk (content) SELECT RANDOM_BYTES(1024) FROM seq_1_to_40000'"
    )
    before = len(points_of(service, living))
    with writing(service, living, "old", "MyISAM") as old, writing(service, living, "modern") as modern:
        outcome = back_up(service, living)
    assert outcome.completed, outcome
    (point,) = points_of(service, living)[before:]
    lock = point.manifest["lock"]
    assert lock["kept_tables"] == ["bulk", "old"]
    assert lock["kept_ms"] > lock["held_ms"]
    check_restorable(service, point)
    assert modern["slowest"] < LOCK_SECONDS
    assert old["slowest"] < LOCK_SECONDS + lock["kept_ms"] / 1000
