"""A roll-out on the fleet: later releases registered, instances in it, its runs, and what they leave."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

from blocks.loading import load
from blocks.object_store import ObjectStore
from fleet.release import pack_release
from hosting.inventory import cases, instances, releases, roll_outs
from hosting.inventory.roll_out_rows import RollOutOrder, subject_of
from hosting.policy.values import ReleaseFacts, ReleaseId
from hosting.product.layout import InstanceLayout
from hosting.product.releases import inspect_archive, object_key
from tests.service.plans import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.inventory.roll_out_rows import RollOutFacts, UpdateFacts
    from hosting.policy.values import InstanceFacts
    from tests.service.plans import Fault, Outcome
    from tests.service_fixture import Service

STATE = """
name=$1
readlink /srv/code/$name/current
mariadb-dump --skip-comments --skip-dump-date --order-by-primary --hex-blob --ignore-table=phm_$name.phlymail_core_crontab phm_$name | sha256sum
cd /srv/instances/$name
find . -type f -exec sha256sum {} + | sort -k 2 | sha256sum
find . -printf '%p %y %m %u %g %l\\n' | sort | sha256sum
mariadb -NBe "SHOW GRANTS FOR phm_$name@localhost" | grep -v PASSWORD | sort
"""
"""All that an update could change: the switch, every row and table, every file with its mode, the rights."""

LEFT = """
name=$1
for p in /srv/code/$name/closed /srv/code/$name/trial /srv/scratch/$name/trial /srv/backup/$name-update; do
  [ ! -e $p ] || echo $p
done
mariadb -NBe "SHOW DATABASES LIKE 'phm\\_$name\\_%'; SELECT User FROM mysql.user WHERE User LIKE 'phm\\_$name\\_%'"
ls /srv/code/$name | grep -vx -e "$(readlink /srv/code/$name/current)" -e current -e room.ini -e gate.php
[ -e /etc/cron.d/phm-$name ] || echo "no cron job"
find /srv/code/$name/current/ -maxdepth 1 '(' -name runonce.php -o -name installer.php -o -name install ')'
:
"""
"""What no update, whatever it came to, should leave."""


def release(service: Service, build: str) -> ReleaseFacts:
    """A later build of the stand-in, registered; the release of new instances stays."""
    archive = pack_release(service.home / f"{build}.zip", build)
    found, store = inspect_archive(archive), load(ObjectStore)
    if not store.has(object_key(found)):
        store.put(object_key(found), archive)
    facts = ReleaseFacts(ReleaseId(found.id), found.build, found.version, found.edition, found.bytes)
    with service.inventory.writing() as session:
        return releases.add_release(session, facts, "test", datetime.now(UTC))


def begin(service: Service, to: ReleaseFacts, *names: str, **more: Any) -> RollOutFacts:
    """A roll-out to these instances alone, at once."""
    order = RollOutOrder(to.id, "tests", urgent=True, only=names, **more)
    with service.inventory.writing() as session:
        return roll_outs.begin(session, order, "test", datetime.now(UTC))


def run(service: Service, roll_out: RollOutFacts, server: str, fault: Fault | None = None) -> Outcome:
    """One run of it on a server, in a process of its own."""
    parameters = {"roll_out": roll_out.id, "server": server}
    return service.runner.run(
        Plan(flow="flows.update_application.update_application", parameters=parameters, fault=fault)
    )


def of(service: Service, roll_out: RollOutFacts) -> dict[str, UpdateFacts]:
    """How far each instance is."""
    with service.inventory.writing() as session:
        roll_outs.go_on(session, roll_out.id, datetime.now(UTC))
        return {one.instance: one for one in roll_outs.updates_of(session, roll_out.id)}


def facts(service: Service, roll_out: RollOutFacts) -> RollOutFacts:
    """The roll-out as it is now."""
    with service.inventory.reading() as session:
        return roll_outs.roll_out_facts(session, roll_out.id)


def end(service: Service, roll_out: RollOutFacts) -> None:
    """Nothing more of it is done."""
    with service.inventory.writing() as session:
        if roll_outs.roll_out_facts(session, roll_out.id).state in roll_outs.UNDER_WAY:
            roll_outs.abort(session, roll_out.id, "the test is over", "test", datetime.now(UTC))


def cases_of(service: Service, roll_out: RollOutFacts, instance: InstanceFacts) -> list[str]:
    """The kinds of the open cases of an instance, and of its roll-out."""
    subjects = (subject_of(roll_out.id), instances.subject_of(instance.name))
    with service.inventory.reading() as session:
        return [one.kind for one in cases.open_cases(session) if one.subject in subjects]


def now_on(service: Service, instance: InstanceFacts) -> InstanceFacts:
    """The instance as the inventory has it now."""
    with service.inventory.reading() as session:
        return instances.instance_facts(session, instance.name)


def state_of(service: Service, instance: InstanceFacts) -> list[str]:
    """All that an update could change, as sums."""
    done = service.fleet.run(instance.server_name, f"sh -s {instance.name}", text_in=STATE)
    assert done.returncode == 0, done.stderr
    return str(done.stdout).splitlines()


def leftovers(service: Service, instance: InstanceFacts) -> list[str]:
    """What an update left that it should not have."""
    done = service.fleet.run(instance.server_name, f"sh -s {instance.name}", text_in=LEFT)
    return [line for line in str(done.stdout).splitlines() if line]


def add_user(service: Service, instance: InstanceFacts, name: str) -> None:
    """A user of this name, as a row alone."""
    database = InstanceLayout.of(instance).database
    service.on(f"mariadb {database} -e \"INSERT INTO phlymail_user SET username='{name}'\"", instance.server_name)


def add_file(service: Service, instance: InstanceFacts, name: str) -> None:
    """A file of the first user's, with content of its own."""
    layout = InstanceLayout.of(instance)
    folder = layout.data / "storage/user/1/files"
    write = f"mkdir -p {folder} && head -c 4000 /dev/urandom | base64 >{folder}/{name}"
    service.on(f"runuser -u {layout.user} -- sh -c '{write}'", instance.server_name)


def files_with(service: Service, instance: InstanceFacts, text: str) -> list[str]:
    """The names of the first user's files that have a text in them."""
    folder = InstanceLayout.of(instance).storage / "user/1/files"
    return sorted(service.on(f"cd {folder} && grep -l '{text}' * || :", instance.server_name).split())


def data_of(service: Service, instance: InstanceFacts) -> list[str]:
    """What customers have, which every release keeps as it is: salt, users, and the sum of each of their files."""
    layout = InstanceLayout.of(instance)
    users = f"mariadb -NB {layout.database} -e 'SELECT uid, username FROM phlymail_user ORDER BY uid'"
    files = f"cd {layout.data}/storage/user && find . -type f -exec sha256sum {{}} + | sort -k 2"
    told = [service.on(one, instance.server_name) for one in (users, files)]
    assert all(told), told
    return [service.salt(instance), *told]


def notes_of(service: Service, instance: InstanceFacts) -> list[str]:
    """What the later release notes of each user."""
    sql = "SELECT standin_note FROM phlymail_user"
    return service.on(
        f"mariadb -NB {InstanceLayout.of(instance).database} -e '{sql}'", instance.server_name
    ).splitlines()


def run_cron(service: Service, instance: InstanceFacts) -> None:
    """The background jobs that are due once are through: later ones change nothing but when they ran."""
    user = InstanceLayout.of(instance).user
    line = f"grep '^[*] ' /etc/cron.d/{user} | cut -d' ' -f7-"
    service.on(f'runuser -u {user} -- sh -c "$({line})" || :', instance.server_name)


def columns_of(service: Service, instance: InstanceFacts) -> str:
    """The columns of the users' table."""
    database = InstanceLayout.of(instance).database
    sql = "SELECT GROUP_CONCAT(COLUMN_NAME) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA=DATABASE() AND TABLE_NAME='phlymail_user'"
    return service.on(f'mariadb -NB {database} -e "{sql}"', instance.server_name).strip()


HOLD = """
mariadb -e "START TRANSACTION; SELECT 1 FROM phm_$1.phlymail_email_index LIMIT 1; DO SLEEP(600)"
"""
"""An open transaction has read a table: nobody else gets on with changing its form."""

DIE = """
name=$1
for i in $(seq 1200); do
  sleep 0.1
  n=$(mariadb -NBe "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER='phm_$name' AND STATE LIKE '%metadata lock%'")
  [ "$n" = 0 ] || break
done
[ "$n" = 0 ] ||
  mariadb -NBe "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='phm_$name' AND TABLE_NAME='phlymail_user'"
systemctl kill -s KILL mariadb; systemctl stop mariadb; sleep $2; systemctl start mariadb
"""
"""The database is killed as soon as a statement of the instance's waits for that; tells what came before it."""


HELD_SECONDS = 600


@contextlib.contextmanager
def dying_in_the_migration(service: Service, instance: InstanceFacts, seconds: float) -> Iterator[None]:
    """The database dies between two statements of the migration, and is away for so long."""
    host, told = instance.server_name, list[Any]()

    def on_server(script: str, *words: str) -> None:
        called = f"sh -s {' '.join((instance.name, *words))}"
        told.append(service.fleet.run(host, called, text_in=script, seconds=HELD_SECONDS))

    hold = threading.Thread(target=on_server, args=(HOLD,), daemon=True)
    die = threading.Thread(target=on_server, args=(DIE, str(seconds)), daemon=True)
    hold.start()
    die.start()
    try:
        yield
    finally:  # the one that holds the table ends with the database
        die.join()
        hold.join()
    assert "standin_note" in next(one.stdout for one in told if one.returncode == 0), told


PAUSE_SECONDS = 0.05


@dataclass
class Asking:
    """Somebody who asks an address every 50 ms, beside the service's own probe: status by moment."""

    ask: Any
    seen: list[tuple[float, int]] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self._go, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()

    def _go(self) -> None:
        while not self.ended.wait(PAUSE_SECONDS):
            at = time.monotonic()
            self.seen.append((at, self.ask("api.php").status_code))
            self.took.append(time.monotonic() - at)

    @property
    def late_seconds(self) -> float:
        """So much later than it is so may either end of an outage be seen: by two questions and their pauses."""
        return 2 * (max(self.took) + PAUSE_SECONDS)

    @property
    def statuses(self) -> set[int]:
        """All that was answered."""
        return {status for _, status in self.seen}

    @property
    def outage(self) -> float:
        """The seconds from the last good answer before the first bad one to the next good one."""
        good = [at for at, status in self.seen if status == 401]
        return round(max((after - before for before, after in pairwise(good)), default=0.0), 2)
