"""Instances with a recovery point, and what servers still have of copies; for tests of rehearsals and of copies beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blocks.backup_store import BackupStore
from blocks.loading import load
from hosting.inventory import recovery_points
from tests.service.mailbox_data import fill
from tests.service.plans import Plan

if TYPE_CHECKING:
    from hosting.policy.values import GenerationFacts, InstanceFacts, PointFacts
    from tests.service.mailbox_data import Mailbox
    from tests.service.plans import Fault, Outcome
    from tests.service_fixture import Service

LEFT = r"""
is() { grep -E 'rehearsal|[a-z0-9]{6}_[0-9]' || true; }
find /srv /etc /var/log/phm /run/php -name '*rehearsal*' -o -name '*-copy' -o -regextype posix-extended -regex '.*/(phm[-_])?[a-z0-9]{6}_[0-9].*' | sort
getent passwd | cut -d: -f1 | is; getent group | cut -d: -f1 | is
mariadb -NBe "SHOW DATABASES" | is; mariadb -NBe "SELECT User FROM mysql.user" | is
ps -eo user:32,args | grep -v grep | grep -E '^phm-(rehearsal|[a-z0-9]{6}_[0-9])|php-fpm: pool phm-(rehearsal|[a-z0-9]{6}_[0-9])' || true
ls /run/phm/jobs 2>/dev/null | grep -E 'copy' || true
"""


def left_of_copies(service: Service, host: str) -> str:
    """Whatever a server still has of copies; nothing where it never had any."""
    return service.on(f"sh -c '{LEFT.replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}'", host)


def with_point(service: Service, *, full: bool = True, **wish: Any) -> Mailbox:
    """An open instance with users, mails and files, and a recovery point of them."""
    made = fill(service, service.provision(), **wish)
    back_up(service, made.instance, full=full)
    return made


def back_up(service: Service, instance: InstanceFacts, *, full: bool = False) -> PointFacts:
    """Another recovery point of an instance."""
    parameters = {"instance": instance.name, "kind": "full" if full else "as due"}
    outcome = service.runner.run(Plan(flow="flows.back_up_server.back_up_instance", parameters=parameters))
    assert outcome.completed, outcome
    return points_of(service, instance)[-1]


def points_of(service: Service, instance: InstanceFacts) -> list[PointFacts]:
    """The recovery points of an instance, the oldest first."""
    with service.inventory.reading() as session:
        return recovery_points.points_of(session, instance.name)


def generation_of(service: Service, instance: InstanceFacts) -> GenerationFacts:
    """The newest generation of an instance."""
    with service.inventory.reading() as session:
        return recovery_points.generations_of(session, instance.name)[-1]


def run(service: Service, flow: str, fault: Fault | None = None, **parameters: Any) -> Outcome:
    """A flow of restores, in a process of its own."""
    return service.runner.run(Plan(flow=f"flows.{flow}", fault=fault, parameters=parameters))


def damage(point: PointFacts) -> str:
    """The largest object of a point's generation spoilt in the store: one byte of its middle is another one; its key."""
    store = load(BackupStore)
    prefix = store.prefix(point.server_name, point.instance_name, point.generation)
    listed = store.client.list_objects_v2(Bucket=store.bucket, Prefix=f"{prefix}data/")["Contents"]
    key = max(listed, key=lambda one: one["Size"])["Key"]
    content = bytearray(store.client.get_object(Bucket=store.bucket, Key=key)["Body"].read())
    content[len(content) // 2] ^= 0xFF
    store.client.put_object(Bucket=store.bucket, Key=key, Body=bytes(content))
    return key
