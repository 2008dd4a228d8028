"""`make bench-move`: how long an instance is closed while it moves, beside a plain offline move, in one run.

For each size an instance on the first host, a fifth of it in the database: moved by our flow with the stop as the probe
from outside saw it; and as a plain script would do it: closed, all files by rsync, the database dumped and loaded, opened.
Prints the block for docs/figures.md. Needs two hosts: PHM_TEST_HOSTS="app7 app8".

    python -m tests.bench.move [--mib 100 1000 5000]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fleet import Fleet
from fleet.plan import Plan
from hosting.product.layout import InstanceLayout
from tests.service import moves
from tests.service_fixture import running_service

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

SECONDS = 3600
FILL = """
set -eu
db=$1 data=$2 user=$3 files=$4 rows=$5
mkdir -p "$data/storage/user/1/files"
i=0; while [ $i -lt "$files" ]; do i=$((i+1)); head -c 1048576 /dev/urandom >"$data/storage/user/1/files/bench-$i"; done
chown -R "$user:$user" "$data/storage/user"
mariadb "$db" -e "SET sql_log_bin=0; CREATE TABLE bench (id INT PRIMARY KEY AUTO_INCREMENT, content BLOB) ENGINE=InnoDB"
while [ "$rows" -gt 0 ]; do
  mariadb "$db" -e "SET sql_log_bin=0; INSERT INTO bench (content) SELECT RANDOM_BYTES(1024) FROM seq_1_to_20000"
  rows=$((rows - 20000))
done
"""

KEY = """
set -eu; umask 077; mkdir -p /root/bench; cd /root/bench
[ -e key ] || ssh-keygen -q -t ed25519 -N '' -C bench -f key; cat key.pub
"""

# Nobody tells the plain way of a customer who works meanwhile: everything happens while the instance is closed.
PLAIN = """
set -eu
name=$1 source=$2
ssh="ssh -i /root/bench/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
rm -rf "/srv/bench-$name"; mkdir "/srv/bench-$name"
rsync -aHAX --numeric-ids -e "$ssh" "root@$source:/srv/instances/$name/" "/srv/bench-$name/"
mariadb -e "DROP DATABASE IF EXISTS bench_$name; CREATE DATABASE bench_$name"
$ssh "root@$source" "mariadb-dump --single-transaction --quick --hex-blob phm_$name" | mariadb "bench_$name"
mariadb -e "DROP DATABASE bench_$name"; rm -rf "/srv/bench-$name"
"""


def fill(service: Service, instance: InstanceFacts, mib: int) -> None:
    """So much, a fifth of it in the database."""
    layout = InstanceLayout.of(instance)
    words = (layout.database, layout.data, layout.user, mib * 4 // 5, mib // 5 * 1000)
    on(service, instance.server_name, FILL, *map(str, words))


def on(service: Service, host: str, script: str, *words: str) -> str:
    """A script on a host; what it says."""
    done = service.fleet.run(host, f"sh -s {' '.join(words)}", seconds=SECONDS, text_in=script)
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout


def ours(service: Service, instance: InstanceFacts, target: str) -> tuple[float, float, str, str]:
    """The stop that the probe saw, the whole run's seconds, the way of the database, and the parts of the stop."""
    move = moves.plan(service, instance, target)
    outcome = moves.run(service, move)
    assert outcome.completed, outcome
    done = moves.facts(service, move)
    stop, parts = done.stop_seconds or 0.0, dict(done.evidence["stop"])
    parts["open"] = max(0.0, stop - sum(parts.values()))
    told = ", ".join(f"{part} {seconds:.2f}" for part, seconds in parts.items())
    return stop, outcome.seconds, str(done.evidence["method"]), told


def plain(service: Service, instance: InstanceFacts, target: str) -> float:
    """The seconds that a plain script keeps the instance closed; closing and opening themselves are left out."""
    public = on(service, target, KEY).strip()
    on(
        service,
        instance.server_name,
        f"grep -qxF '{public}' /root/.ssh/authorized_keys || echo '{public}' >>/root/.ssh/authorized_keys",
    )
    began = time.monotonic()
    on(service, target, PLAIN, instance.name, service.server(instance.server_name).address)
    return time.monotonic() - began


def roomy(mib: int) -> Fleet:
    """The fleet with disks that hold an instance of this size twice: as it is, and as the plain script copies it."""
    gib = mib // 1024 + 1
    return Fleet(Plan().with_sizes(srv_gib=4 + 2 * gib, mysql_gib=3 + gib))


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mib", type=int, nargs="+", default=[100, 1000, 5000])
    sizes = parser.parse_args().mib
    os.environ.setdefault("PHM_TEST_HOSTS", "app7 app8")
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder), roomy(max(sizes))) as service:
        source, target = service.hosts[:2]
        lines = []
        for mib in sizes:
            service.only_server(source)
            instance = service.provision()
            service.all_servers()
            fill(service, instance, mib)
            offline = plain(service, instance, target)
            stop, whole, method, parts = ours(service, instance, target)
            lines.append(f"| {mib} MiB | {method} | {stop:.2f} s | {whole:.0f} s | {offline:.0f} s | {parts} |")
            print(lines[-1], flush=True)  # its purpose
        load = os.getloadavg()[0]
        print(  # its purpose
            f"\n{datetime.now(UTC):%Y-%m-%d}, load of the machine {load:.1f} on {os.cpu_count()} cores\n\n"
            "| instance | database goes by | closed, ours | whole move, ours | closed, plain offline | parts of ours, s |\n"
            "| --- | --- | --- | --- | --- | --- |\n" + "\n".join(lines)
        )


if __name__ == "__main__":
    main()
