"""Backups and restores as tests make them: a life in an instance, what is kept aside to compare, what must not stay."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from blocks.backup_store import BackupStore
from blocks.loading import load
from hosting.inventory import recovery_points
from hosting.product.layout import InstanceLayout
from tasks.snapshots import bring_back, ensure_empty_database
from tests.service.plans import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hosting.policy.values import GenerationFacts, InstanceFacts, PointFacts
    from tests.service.plans import Fault, Outcome
    from tests.service_fixture import Service

LIVE = """
set -eu
db=$1 data=$2 user=$3 day=$4
sql() { mariadb --default-character-set=utf8mb4 "$db"; }
base=$data/storage/user
for uid in 1 2 3; do
  for kind in inbox archive; do mkdir -p "$base/$uid/email/$kind"; done
  mkdir -p "$base/$uid/files"
  if [ "$day" = 0 ]; then
    echo "INSERT INTO phlymail_user (uid, username, active) VALUES ($uid, 'user$uid', '1');
      INSERT INTO phlymail_email_folders (idx, uid, folder_path, friendly_name, att_type, uuid)
        VALUES ($uid, $uid, 'inbox', 'Eingang', 0, 'i$uid');
      INSERT INTO phlymail_files_folders (idx, uid, folder_path, friendly_name, att_type, uuid)
        VALUES ($uid, $uid, '', 'Dateien', 0, 'f$uid');" | sql
  fi
  for n in 1 2 3 4; do
    id=day$day-$n
    printf 'From: müller@kunde.test\\r\\nSubject: Grüße %s\\r\\n\\r\\n%s 😀\\r\\n' "$id" "$(head -c 3000 /dev/urandom | base64)" \\
      >"$base/$uid/email/inbox/$id"
    head -c 5000 /dev/urandom >"$base/$uid/files/$id"
    echo "INSERT INTO phlymail_email_index (folder_id, uid, uidl, hsubject, search_body, hmessage_id)
        VALUES ($uid, $uid, '$id', 'Grüße $id 😀', 'text $id', '<$id>');
      INSERT INTO phlymail_files_index (folder_id, uid, uuid, file_name, friendly_name, size)
        VALUES ($uid, $uid, 'u$uid-$id', '$id', 'Übersicht $id.pdf', 5000);
      INSERT INTO phlymail_calendar_events (uid, title) VALUES ($uid, 'Termin $id');
      INSERT INTO phlymail_adb_adr (owner, lastname) VALUES ($uid, 'Müller $id');" | sql
  done
  if [ "$day" != 0 ]; then
    id=day$((day - 1))-1
    rm "$base/$uid/email/inbox/$id" "$base/$uid/files/$id"
    echo "DELETE FROM phlymail_email_index WHERE uid=$uid AND uidl='$id';
      DELETE FROM phlymail_files_index WHERE uid=$uid AND file_name='$id';
      UPDATE phlymail_calendar_events SET title=CONCAT(title, ' verschoben') WHERE uid=$uid ORDER BY id LIMIT 1;" | sql
    printf 'changed on day %s' "$day" >"$base/$uid/files/day$((day - 1))-2"
  fi
done
chown -R "$user:$user" "$base"
"""
"""A day of three users: what comes, what is changed, what is deleted; kept aside as the test wants it back."""

KEEP = """
set -eu
rm -rf "$3"; mkdir -p "$3"; cp -a "$2" "$3/data"
mariadb-dump --skip-dump-date --skip-extended-insert --order-by-primary --hex-blob "$1" >"$3/dump.sql"
"""

COMPARE = """
set -eu
mariadb-dump --skip-dump-date --skip-extended-insert --order-by-primary --hex-blob "$1" >"$3/now.sql"
strip() { sed -E 's/ AUTO_INCREMENT=[0-9]+//; /^INSERT INTO `phlymail_admin`/d' "$1"; }
strip "$3/dump.sql" >"$3/a"; strip "$3/now.sql" >"$3/b"
diff "$3/a" "$3/b" | head -n 20; diff -r --no-dereference "$2" "$3/data" | head -n 20
(cd "$2" && find . -printf '%p %u %m %y\\n' | sort) >"$3/c"; (cd "$3/data" && find . -printf '%p %u %m %y\\n' | sort) >"$3/d"
diff "$3/c" "$3/d" | head -n 20
"""
"""The administrators' rows are left out: the proof after a restore logs in as ours, which the product notes."""


def on(service: Service, script: str, instance: InstanceFacts, *words: str) -> str:
    layout = InstanceLayout.of(instance)
    done = service.fleet.run(
        instance.server_name,
        "sh -s " + " ".join((layout.database, str(layout.data), *words)),
        seconds=120,
        text_in=script,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


BULK = """
set -eu
head -c 200M /dev/urandom >"$2/storage/user/1/files/bulk"; chown "$3:$3" "$2/storage/user/1/files/bulk"
mariadb "$1" -e "CREATE TABLE IF NOT EXISTS bulk (id INT PRIMARY KEY AUTO_INCREMENT, content BLOB) ENGINE=InnoDB;
  INSERT INTO bulk (content) SELECT RANDOM_BYTES(1024) FROM seq_1_to_20000;"
"""
"""So much that a full backup of it takes seconds."""

LEFT = """
find /srv/backup/$1 -mindepth 1 ! -name files.jsonl ! -name unfinished 2>/dev/null; ls -d /srv/backup/$1-restore 2>/dev/null
ls /run/phm/jobs 2>/dev/null; systemctl list-units --plain --no-legend 'phm-job-*' | cut -d' ' -f1
mariadb -NBe "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'phm\\\\_$1\\\\_new' OR SCHEMA_NAME LIKE 'phm\\\\_$1\\\\_failed%'"
pgrep -ax restic; pgrep -ax mariadb-dump; true
"""

WHEN = """
i=0
until {condition}; do i=$((i+1)); [ $i -lt 3000 ] || exit 9; sleep 0.02; done
{deed}
"""


def points_of(service: Service, instance: InstanceFacts) -> list[PointFacts]:
    """The recorded points, the oldest first."""
    with service.inventory.reading() as session:
        return recovery_points.points_of(session, instance.name)


def generation_of(service: Service, point: PointFacts) -> GenerationFacts:
    """Where a point lies."""
    with service.inventory.reading() as session:
        return recovery_points.generation(session, point.generation)


def back_up(
    service: Service, instance: InstanceFacts, kind: str = "as due", fault: Fault | None = None, **plan: Any
) -> Outcome:
    """One instance now, in a process of its own."""
    wish = {"instance": instance.name, "kind": kind}
    return service.runner.run(Plan(flow="flows.back_up_server.back_up_instance", parameters=wish, fault=fault, **plan))


def restore(
    service: Service, instance: InstanceFacts, point: PointFacts, fault: Fault | None = None, **wish: Any
) -> Outcome:
    """A point in the place of what is there, in a process of its own."""
    wish = {"instance": instance.name, "point": point.id, "operator": "test", "reason": "tests", **wish}
    return service.runner.run(Plan(flow="flows.restore_instance.restore_instance", parameters=wish, fault=fault))


def check_restorable(service: Service, point: PointFacts) -> None:
    """Bring a point back beside everything; `bring_back` itself compares tables and files with what was recorded."""
    server = service.server(point.server_name)
    ensure_empty_database(server, "phm_proof")
    bring_back.fn(server, point, generation_of(service, point), into="phm_proof", work="/srv/backup/proof", seconds=300)


def left_behind(service: Service, instance: InstanceFacts) -> str:
    """What of a job is on the server: nothing may be, whatever had happened to it, after the next good run."""
    done = service.fleet.run(instance.server_name, f"sh -s {instance.name}", text_in=LEFT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def locks_of(point: PointFacts) -> list[str]:
    """Restic's locks on a point's repository."""
    return objects_of(point, "locks")


def snapshots_of(point: PointFacts) -> list[str]:
    """Restic's snapshots in a point's repository."""
    return objects_of(point, "snapshots")


def objects_of(point: PointFacts, kind: str) -> list[str]:
    """The objects of a kind in a point's repository."""
    store = load(BackupStore)
    prefix = store.prefix(point.server_name, point.instance_name, point.generation)
    return [found.key for found in store.objects(f"{prefix}{kind}/")]


@contextlib.contextmanager
def when(service: Service, job: str, phase: str, deed: str | Callable[[], object]) -> Iterator[None]:
    """Do something as soon as a job on the server is at a phase, while the block goes on.

    Args:
        service: the service.
        job: its id.
        phase: a word of what it tells of its progress.
        deed: a script for the server, or something that is done here.
    """
    condition = f"grep -q '{phase}' /run/phm/jobs/{job}/progress 2>/dev/null"

    def act() -> None:
        script = WHEN.format(condition=condition, deed=deed if isinstance(deed, str) else "true")
        done = service.fleet.run(service.host, "sh -s", seconds=120, text_in=script)
        assert done.returncode == 0, f"{job} did not come to {phase}, or the deed failed: {done.stderr}"
        if not isinstance(deed, str):
            deed()

    with ThreadPoolExecutor(1) as pool:
        doing = pool.submit(act)
        yield
        doing.result()


def kill_and_start(service: Service) -> None:
    """The server's plug is pulled; it comes back."""
    service.fleet.kill(service.host)
    service.fleet.start(service.host)
