"""Ends of contracts on the fleet: notice, runs at the moments of the record, and a search for what is left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from blocks.backup_store import BackupStore
from blocks.dns_zone import DnsZone
from blocks.loading import load
from hosting.inventory import called_off_ends, ending_records, endings
from hosting.inventory.tables import Base
from tests.service.plans import Plan

if TYPE_CHECKING:
    from collections.abc import Collection

    from hosting.inventory.ending_records import PlaceRecord
    from hosting.policy.leaving import EndFacts
    from hosting.policy.values import InstanceFacts
    from tests.service.plans import Fault, Outcome
    from tests.service_fixture import Service

LEFT = r"""
find / -xdev \( -path /proc -o -path /sys -o -path /var/log/apache2 -o -path /var/log/journal \) -prune -o -name "*$1*" -print
for d in /srv /run /var/cache/phm; do [ -d $d ] && find $d -name "*$1*"; done
grep -rlF -- "$1" /etc /srv/code /srv/instances /run/phm 2>/dev/null
getent passwd | grep -F -- "$1"
mariadb -NBe "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE '%$1%'
  UNION SELECT CONCAT('user ', User) FROM mysql.global_priv WHERE User LIKE '%$1%'
  UNION SELECT CONCAT('rights ', Db) FROM mysql.db WHERE Db LIKE '%$1%'"
btrfs subvolume list /srv 2>/dev/null | grep -F -- "$1"
systemctl list-units --all --plain --no-legend "*$1*" | cut -d' ' -f1
ps -eo args | grep -F -- "phm-$1" | grep -v grep
true
"""
"""Whatever a server has of a name, wherever it is; what Apache and systemd write down of requests rotates by itself."""

ASIDE = """
set -eu
mkdir -p /srv/backup/$1-aside-20260101t000000/data /srv/imports/$1-7
echo old >/srv/backup/$1-aside-20260101t000000/data/file; echo zip >/srv/imports/$1-7/archive
mariadb -e "CREATE DATABASE phm_$1_aside_20260101t000000; CREATE TABLE phm_$1_aside_20260101t000000.t (a INT);
  CREATE USER phm_$1_trial@localhost"
"""
"""What restores, imports and updates may have left beside an instance."""
PSEUDONYMS = frozenset({
    "contracts.order_reference", "contracts.customer_reference", "customers.reference", "orders.reference",
    "orders.customer_reference", "payments.order_reference", "payments.event_id", "shop_events.order_reference",
    "shop_events.id", "turns.name", "cases.key", "cases.subject", "deeds.subject", "deeds.evidence", "letters.key",
    "work.subject", "instances.name", "instances.order_reference", "endings.instance_name", "generations.id",
    "generations.instance_name", "snapshots.id", "snapshots.generation", "snapshots.instance_name",
    "booking_changes.instance_name", "names.instance_name",
})  # fmt: skip
"""Where the signs of instance and order stay: the tombstone and the record of what was done."""
OF_MOVES = frozenset({"moves.instance_name"})
"""Likewise, of one that has moved."""

OF_NAME = "find /etc/apache2/phm -name '*.{number}.conf' -o -path '*/name-certificates/*' -name '*{number}.*'"


def run(service: Service, end: EndFacts, at: datetime, fault: Fault | None = None) -> Outcome:
    """The run that the dispatcher makes, as it goes at a moment."""
    request = {"instance": end.instance_name, "number": end.id}
    plan = Plan(flow="flows.end_contract.end_contract", at=at.timestamp(), parameters=request, fault=fault)
    return service.runner.run(plan)


def notice(service: Service, instance: InstanceFacts) -> EndFacts:
    """Notice of the contract, for the earliest day."""
    with service.inventory.writing() as session:
        return endings.give_notice(session, instance.name, None, by="olga", why="by mail", now=datetime.now(UTC))


def call_off(service: Service, end: EndFacts, at: datetime) -> None:
    """The customer stays."""
    with service.inventory.writing() as session:
        called_off_ends.call_off(session, end.instance_name, by="olga", why="she stays", now=at)


def again(service: Service, end: EndFacts) -> EndFacts:
    """The end as it is now."""
    with service.inventory.reading() as session:
        return endings.ending_facts(session, end.id)


def record(service: Service, end: EndFacts) -> list[PlaceRecord]:
    """What its deletion found and left."""
    with service.inventory.reading() as session:
        return ending_records.records_of(session, end.id)


def put_aside(service: Service, instance: InstanceFacts, host: str) -> None:
    """What lies beside an instance on a host."""
    done = service.fleet.run(host, f"sh -s {instance.name}", text_in=ASIDE)
    assert done.returncode == 0, done.stderr


def left_on_servers(service: Service, name: str) -> dict[str, list[str]]:
    """What each server has of a name."""
    found = {}
    for host in service.hosts:
        done = service.fleet.run(host, f"sh -s {name}", text_in=LEFT)
        assert done.returncode == 0, done.stderr
        found[host] = done.stdout.split("\n")[:-1]
    return found


def left_of_name(service: Service, number: int) -> dict[str, list[str]]:
    """What each server has of a name by its number: its site, its certificate, its key."""
    return {host: service.on(OF_NAME.format(number=number), host).split() for host in service.hosts}


def left_in_store(name: str) -> list[str]:
    """Keys of all versions of all objects in which a name stands."""
    return sorted({one.key for history in load(BackupStore).versions.below("") for one in history if name in one.key})


def left_in_zone(*labels: str) -> list[str]:
    """Records of these names."""
    return [str(one) for label in labels for one in load(DnsZone).records(label)]


def left_in_inventory(service: Service, *words: str, besides: Collection[str] = ()) -> list[str]:
    """Where in the inventory one of these words stands: table and column, but in these."""
    found = set()
    with service.inventory.reading() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table)).mappings():
                for column, value in row.items():
                    if any(word in str(value) for word in words) and f"{table.name}.{column}" not in besides:
                        found.add(f"{table.name}.{column}")
    return sorted(found)
