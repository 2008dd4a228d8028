"""`make bench-update`: how long an instance is closed by a product update, beside the plain way, in one run.

For each size an instance, a fifth of it in the database: updated by our flow, with the stop as the probe from outside saw it,
by a release whose migration adds columns, a key and a table and changes rows; the same by a release that breaks, and goes
back; and as a plain script would do it: closed, database dumped, files copied, code copied, migrated, opened.
Prints the block for docs/figures.md. PHM_TEST_HOSTS="app5".

    python -m tests.bench.update [--mib 0 1000]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hosting.policy.roll_outs import UpdateState
from hosting.product.layout import InstanceLayout
from tests.bench.move import fill
from tests.service import updates
from tests.service_fixture import running_service

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, ReleaseFacts
    from tests.service_fixture import Service

SECONDS = 3600

# As a script does it that knows no trial: all is kept before anything is changed, while the instance is closed.
PLAIN = """
set -eu
name=$1 release=$2 work=/srv/backup/plain-$1
mkdir -p "$work"; sync
began=$(date +%s%N)
mariadb-dump --single-transaction --quick --hex-blob "phm_$name" >"$work/dump.sql"
cp -a --reflink=never "/srv/instances/$name" "$work/data"
cp -a "/srv/releases/$release" "$work/code"
kept=$(date +%s%N)
mariadb -e "DROP DATABASE IF EXISTS plain_$name; CREATE DATABASE plain_$name"
mariadb "plain_$name" <"$work/dump.sql"
back=$(date +%s%N)
mariadb -e "DROP DATABASE plain_$name"; rm -rf "$work"
echo $(( (kept - began) / 1000000 )) $(( (back - kept) / 1000000 ))
"""


def ours(service: Service, instance: InstanceFacts, to: ReleaseFacts) -> tuple[float, float, str]:
    """The stop that the probe saw, the whole run's seconds, and how it ended."""
    roll_out = updates.begin(service, to, instance.name)
    outcome = updates.run(service, roll_out, instance.server_name)
    assert outcome.completed, outcome
    found = updates.of(service, roll_out)[instance.name]
    updates.end(service, roll_out)
    return found.outage_seconds or 0.0, outcome.seconds, found.state


def plain(service: Service, instance: InstanceFacts) -> tuple[float, float]:
    """The seconds that a plain script is closed for keeping everything, and further for going back."""
    words = f"{instance.name} {instance.release.folder}"
    done = service.fleet.run(instance.server_name, f"sh -s {words}", seconds=SECONDS, text_in=PLAIN)
    assert done.returncode == 0, done.stderr[-500:]
    kept, back = str(done.stdout).split()
    return int(kept) / 1000, int(back) / 1000


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mib", type=int, nargs="+", default=[0, 1000])
    sizes = parser.parse_args().mib
    os.environ.setdefault("PHM_TEST_HOSTS", "app5")
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder)) as service:
        later, lines = updates.release(service, "40472"), []
        for mib in sizes:
            instance = service.provision()
            if mib:
                fill(service, instance, mib)
            kept, back = plain(service, instance)
            updates.add_user(service, instance, "unshown")
            failed, _, state = ours(service, instance, later)
            assert state == UpdateState.FAILED
            database = InstanceLayout.of(instance).database
            service.on(
                f"mariadb {database} -e \"DELETE FROM phlymail_user WHERE username='unshown'\"", instance.server_name
            )
            stop, whole, state = ours(service, instance, later)
            assert state == UpdateState.DONE
            lines.append(
                f"| {mib} MiB | {stop:.2f} s | {failed:.2f} s | {whole:.0f} s | {kept:.1f} s | {kept + back:.1f} s |"
            )
            print(lines[-1], flush=True)  # its purpose
            end_of(service, instance)
        load = os.getloadavg()[0]
        print(  # its purpose
            f"\n{datetime.now(UTC):%Y-%m-%d}, load of the machine {load:.1f} on {os.cpu_count()} cores\n\n"
            "| instance | closed, ours | closed where it broke and went back, ours | whole update, ours "
            "| closed to keep everything, plain | and to go back, plain |\n"
            "| --- | --- | --- | --- | --- | --- |\n" + "\n".join(lines)
        )


def end_of(service: Service, instance: InstanceFacts) -> None:
    """The room of a large one is given back."""
    layout = InstanceLayout.of(instance)
    service.on(f"mariadb {layout.database} -e 'DROP TABLE IF EXISTS bench'", instance.server_name)
    service.on(f"rm -rf {layout.storage}/user/1/files; sync", instance.server_name)
    time.sleep(1)


if __name__ == "__main__":
    main()
