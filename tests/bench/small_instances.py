"""Many small instances on one server, made from one that was set up: rows in the inventory, a database, a folder each.

Setting up two hundred takes a quarter of an hour; for a backup it is the same who made them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hosting.inventory import instances, releases
from hosting.policy.placement import choose_server
from hosting.product.layout import InstanceLayout

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

SECONDS = 1800

CLONE = """
set -eu
template_db=$1 template_data=$2; shift 2
mariadb-dump --single-transaction "$template_db" >/tmp/template.sql
while [ $# -gt 0 ]; do
  db=$1 data=$2; shift 2
  mariadb -e "CREATE DATABASE IF NOT EXISTS \\`$db\\`"
  { echo 'SET SESSION sql_log_bin=0;'; cat /tmp/template.sql; } | mariadb "$db"
  [ -d "$data" ] || btrfs -q subvolume snapshot "$template_data" "$data"
done
rm -f /tmp/template.sql
"""


def small_instances(service: Service, count: int) -> list[InstanceFacts]:
    """So many instances, each a copy of a new one."""
    template = service.provision()
    made = [_recorded(service) for _ in range(count - 1)]
    layout = InstanceLayout.of(template)
    for start in range(0, len(made), 50):
        words = [str(word) for one in made[start : start + 50] for word in (_of(one).database, _of(one).data)]
        command = "sh -s " + " ".join([layout.database, str(layout.data), *words])
        done = service.fleet.run(service.host, command, seconds=SECONDS, text_in=CLONE)
        assert done.returncode == 0, done.stderr[-500:]
    return [template, *made]


def _of(instance: InstanceFacts) -> InstanceLayout:
    return InstanceLayout.of(instance)


def _recorded(service: Service) -> InstanceFacts:
    """An instance that the inventory holds for open."""
    order, now = service.order(), datetime.now(UTC)
    with service.inventory.writing() as session:
        release = releases.current_release(session)
        facts = instances.reserve_instance(
            session, order, choose_server, release=release, seal=lambda secret: secret, now=now
        )
        return instances.record_active(session, facts.name, now, {"made for": "a bench"})
