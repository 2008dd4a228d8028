"""`make bench-update`: how long an instance is closed by a product update, beside the plain way, in one run.

For each size an instance, a fifth of it in the database: updated by our flow, with the stop as the probe from outside saw it,
by a release whose migration adds columns, a key and a table and changes rows; the same by a release that breaks, and goes
back; and one of the same size as a plain script does it, to its end: closed, database dumped, files copied, code copied,
migrated, cache wiped, opened, as a probe from outside saw it; and what loading the database back takes.
Prints the block for docs/figures.md. PHM_TEST_HOSTS="app5".

    python -m tests.bench.update [--mib 0 1000] [--rounds 1]
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hosting.policy.roll_outs import UpdateState
from hosting.product.layout import InstanceLayout
from tests.bench.move import fill
from tests.service import updates
from tests.service.customer import site
from tests.service_fixture import running_service

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, ReleaseFacts
    from tests.service_fixture import Service

SECONDS = 3600
STOP = ("close", "ensure_cron_at_rest", "keep", "switch", "prove", "open_again")
"""What an instance is closed for."""

# As a script does it that knows no trial, of an instance of the same size: all is kept before anything is changed, while
# it is closed. Its gate is the quickest way to close it that there is.
PLAIN = """
set -eu
name=$1 new=$2 host=$3 token=$4 code=/srv/code/$1 data=/srv/instances/$1 work=/srv/backup/plain-$1
now() { echo $(($(date +%s%N) / 1000000)); }
mkdir -p "$work"; sync
began=$(now)
mkdir -m 755 "$code/closed"; printf 00:00 >"$code/closed/until"; : >"$code/closed/$token"
pkill -KILL -u "phm-$name" || :
mariadb-dump --single-transaction --quick --hex-blob "phm_$name" >"$work/dump.sql"
cp -a --reflink=never "$data" "$work/data"
kept=$(now)
rm -rf "${code:?}/$new"; cp -a --reflink=never "/srv/releases/$new" "$code/$new"
cd "$code/$new"
cat storage/config/current.build >"$data/storage/config/current.build"
rm -rf storage choices.ini.php installer.php install
ln -s "$data/storage" storage; ln -s "$data/choices.ini.php" choices.ini.php
chown "phm-$name" .; ln -sfn "$new" "$code/current"
curl -sSfk --resolve "$host:443:127.0.0.1" -o /dev/null -H "X-Phm-Gate: $token" "https://$host/$name/config.php"
[ ! -e runonce.php ] || { echo "the migration did not run" >&2; exit 4; }
find "/srv/scratch/$name/tplcache" -mindepth 1 -delete
rm -rf "$code/closed"
open=$(now)
mariadb -e "DROP DATABASE IF EXISTS plain_$name; CREATE DATABASE plain_$name"
mariadb "plain_$name" <"$work/dump.sql"
back=$(now)
mariadb -e "DROP DATABASE plain_$name"; rm -rf "$work"
echo $((kept - began)) $((open - began)) $((back - open))
"""


def ours(service: Service, instance: InstanceFacts, to: ReleaseFacts) -> tuple[float, float, str, str]:
    """The stop that the probe saw, the whole run's seconds, how it ended, and what the steps of the stop took."""
    roll_out = updates.begin(service, to, instance.name)
    outcome = updates.run(service, roll_out, instance.server_name)
    assert outcome.completed, outcome
    found = updates.of(service, roll_out)[instance.name]
    updates.end(service, roll_out)
    parts = ", ".join(f"{one} {outcome.took[one]:.2f}" for one in STOP if one in outcome.took)
    return found.outage_seconds or 0.0, outcome.seconds, found.state, parts


def plain(service: Service, instance: InstanceFacts, to: ReleaseFacts) -> tuple[float, float, float, float]:
    """The seconds that a plain script keeps everything, is closed for in all, as the probe sees it, and loads it back."""
    host = service.server(instance.server_name).host_name
    words = f"{instance.name} {to.folder} {host} {secrets.token_hex(16)}"
    with updates.Asking(site(service, instance).ask) as asking:
        done = service.fleet.run(instance.server_name, f"sh -s {words}", seconds=SECONDS, text_in=PLAIN)
    assert done.returncode == 0, done.stderr[-500:]
    assert "standin_note" in updates.columns_of(service, instance)
    kept, closed, back = (int(one) / 1000 for one in str(done.stdout).split())
    return kept, closed, asking.outage, back


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mib", type=int, nargs="+", default=[0, 1000])
    parser.add_argument("--rounds", type=int, default=1)
    told = parser.parse_args()
    os.environ.setdefault("PHM_TEST_HOSTS", "app5")
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder)) as service:
        later, lines = updates.release(service, "40472"), []
        stops: dict[int, list[float]] = {}
        for mib in told.mib * told.rounds:
            instance = service.provision()
            if mib:
                fill(service, instance, mib)
            updates.add_user(service, instance, "unshown")
            failed, _, state, _ = ours(service, instance, later)
            assert state == UpdateState.FAILED
            database = InstanceLayout.of(instance).database
            service.on(
                f"mariadb {database} -e \"DELETE FROM phlymail_user WHERE username='unshown'\"", instance.server_name
            )
            stop, whole, state, parts = ours(service, instance, later)
            assert state == UpdateState.DONE
            stops.setdefault(mib, []).append(stop)
            end_of(service, instance)
            instance = service.provision()
            if mib:
                fill(service, instance, mib)
            kept, closed, seen, back = plain(service, instance, later)
            lines.append(
                f"| {mib} MiB | {stop:.2f} s | {failed:.2f} s | {whole:.0f} s | {seen:.1f} s | {kept:.1f} s "
                f"| {closed + back:.1f} s | {parts} |"
            )
            print(lines[-1], flush=True)  # its purpose
            end_of(service, instance)
        for mib, seconds in stops.items():
            print(f"{mib} MiB: median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s of {len(seconds)}")
        load = os.getloadavg()[0]
        print(  # its purpose
            f"\n{datetime.now(UTC):%Y-%m-%d}, load of the machine {load:.1f} on {os.cpu_count()} cores\n\n"
            "| instance | closed, ours | closed where it broke and went back, ours | whole update, ours "
            "| closed, plain | of it to keep everything, plain | closed where it broke and went back, plain "
            "| parts of ours, s |\n"
            "| --- | --- | --- | --- | --- | --- | --- | --- |\n" + "\n".join(lines)
        )


def end_of(service: Service, instance: InstanceFacts) -> None:
    """The room of a large one is given back."""
    layout = InstanceLayout.of(instance)
    service.on(f"mariadb {layout.database} -e 'DROP TABLE IF EXISTS bench'", instance.server_name)
    service.on(f"rm -rf {layout.storage}/user/1/files; sync", instance.server_name)
    time.sleep(1)


if __name__ == "__main__":
    main()
