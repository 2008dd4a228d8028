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
true
"""
"""Whatever a server has of a name, wherever it is; what Apache and systemd write down of requests rotates by itself."""


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


def left_on_servers(service: Service, name: str) -> dict[str, list[str]]:
    """What each server has of a name."""
    found = {}
    for host in service.hosts:
        done = service.fleet.run(host, f"sh -s {name}", text_in=LEFT)
        assert done.returncode == 0, done.stderr
        found[host] = done.stdout.split("\n")[:-1]
    return found


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
