"""A move between two of the fleet's hosts: planned, run, and what is left on either side."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import dns.query
import dns.tsigkeyring
import dns.update

from hosting.errors import Unreachable
from hosting.inventory import instances, measurements, moves, work
from hosting.policy.states import MoveState
from hosting.policy.terms import STANDARD
from hosting.product.layout import InstanceLayout
from hosting.product.room import room_figures
from tasks.measuring import measure_instances
from tasks.outside import EVERY_SECONDS
from tests.service.customer import site
from tests.service.doors import Door, DoorsWatched, doors
from tests.service.plans import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.inventory.moves import MoveFacts
    from hosting.policy.values import InstanceFacts
    from tests.service.names import Asked
    from tests.service.plans import Fault, Outcome
    from tests.service_fixture import Service

LEFT = """
name=$1
for p in /srv/backup/$name-move /run/phm/move/$name /etc/mysql/mariadb.conf.d/71-phm-move.cnf; do
  [ ! -e $p ] || echo $p
done
mariadb -NBe "SELECT User, Host FROM mysql.user WHERE User LIKE 'phm_move%'; SHOW ALL SLAVES STATUS"
grep -o "phm-move-$name" /root/.ssh/authorized_keys
systemctl list-units --plain --no-legend "phm-move-$name*" "phm-job-move*$name*" | cut -d' ' -f1
[ -d "/srv/instances/$name" ] || for p in /srv/code/$name /srv/scratch/$name /etc/php/8.2/fpm/pool.d/phm-$name.conf; do
  [ ! -e $p ] || echo $p
done
:
"""
"""What only a move under way has on a host."""

DIFFERS = (
    "CREATE TABLE differs (id INT PRIMARY KEY, r DOUBLE AS (RAND()) VIRTUAL); INSERT INTO differs (id) VALUES (1), (2);"
)
"""A table that is never the same twice."""


BULK = """
CREATE TABLE IF NOT EXISTS bulk (id INT PRIMARY KEY AUTO_INCREMENT, content BLOB) ENGINE=InnoDB;
INSERT INTO bulk (content) SELECT RANDOM_BYTES(1024) FROM seq_1_to_40000 WHERE NOT EXISTS (SELECT 1 FROM bulk);
"""
"""So much that the database is not compared in the stop; no more of it each time."""


@dataclass(frozen=True)
class Sides:
    """Two hosts that are all the tests have."""

    service: Service
    source: str
    target: str


def known_by_name(service: Service) -> None:
    """The hosts have their addresses in the zone, also where it is older than they are."""
    told = service.fleet.description()
    key = told["dns"]
    ring = dns.tsigkeyring.from_text({key["tsig_name"]: (key["tsig_algorithm"], key["tsig_secret"])})
    update = dns.update.Update("phlymail.test", keyring=ring)
    for host in told["hosts"]:
        if host["name"] in service.hosts:
            update.replace(host["name"], 5, "A", host["address"])
    dns.query.tcp(update, key["address"], 5)


def plan(service: Service, instance: InstanceFacts, target: str, ahead: timedelta = timedelta(0)) -> MoveFacts:
    """A move that was agreed on, with its work; it is copied from now on, and closed so much later at the earliest."""
    ensure_measured(service, instance)
    now = datetime.now(UTC)
    with service.inventory.writing() as session:
        made = moves.plan_move(
            session, instance.name, target, "tests", "test", now + ahead, without_backup=True, now=now, copies_from=now
        )
        work.ask_for(session, work.MOVE, str(made.id), now, by="test", now=now)
        return made


def run(service: Service, move: MoveFacts, fault: Fault | None = None) -> Outcome:
    """The move's run in a process of its own."""
    return service.runner.run(Plan(flow="flows.move_instance.move_instance", parameters={"move": move.id}, fault=fault))


def facts(service: Service, move: MoveFacts) -> MoveFacts:
    """The move as it is now."""
    return numbered(service, move.id)


def numbered(service: Service, number: int) -> MoveFacts:
    """The move of a number as it is now."""
    with service.inventory.reading() as session:
        return moves.move_facts(session, number)


def now_on(service: Service, instance: InstanceFacts) -> InstanceFacts:
    """The instance as it is now."""
    with service.inventory.reading() as session:
        return instances.instance_facts(session, instance.name)


def leftovers(service: Service, instance: InstanceFacts, host: str) -> list[str]:
    """What a move left on a host that it should not have."""
    done = service.fleet.run(host, f"sh -s {instance.name}", text_in=LEFT)
    return [line for line in done.stdout.split("\n") if line]


def site_of(service: Service, instance: InstanceFacts, host: str) -> str:
    """The first line of the instance's site on a host; read from its disk, whatever is cut off from it."""
    disk = service.fleet.hosts.disks(service.fleet.plan.host(host)).root
    try:
        site_file = disk / f"etc/apache2/phm/instances/{instance.name}.conf"
        return site_file.read_text(encoding="utf-8").partition("\n")[0].strip()
    except FileNotFoundError:
        return ""


def crons_on(service: Service, instance: InstanceFacts) -> list[str]:
    """The hosts on which the instance's cron job is."""
    return [host for host in service.hosts if service.on(f"ls /etc/cron.d | grep -x phm-{instance.name} || :", host)]


def serving(service: Service, instance: InstanceFacts) -> list[str]:
    """The hosts that serve the instance themselves."""
    return [host for host in service.hosts if " of order " in site_of(service, instance, host)]


def other(sides: Sides, instance: InstanceFacts) -> str:
    """The host on which the instance is not."""
    here = now_on(sides.service, instance).server_name
    return sides.target if here == sides.source else sides.source


def made_large(service: Service, instance: InstanceFacts) -> None:
    """Its database is compared after the switch."""
    service.on(f"echo '{BULK}' | mariadb phm_{instance.name}", now_on(service, instance).server_name)


def made_small(service: Service, instance: InstanceFacts) -> None:
    """Its database is compared in the stop."""
    drop = f"mariadb phm_{instance.name} -e 'DROP TABLE IF EXISTS bulk'"
    service.on(drop, now_on(service, instance).server_name)


def check_moved(sides: Sides, instance: InstanceFacts, outcome: Outcome, number: int) -> None:
    """It is where it should be, and nothing else is anywhere."""
    service = sides.service
    assert outcome.completed, outcome
    move = numbered(service, number)
    assert move.state is MoveState.DONE
    assert move.closed_at is None
    assert now_on(service, instance).server_name == move.target_name
    assert "database" in move.evidence, move.evidence  # compared, whichever run did it
    assert leftovers(service, instance, move.target_name) == []
    assert leftovers(service, instance, move.source_name) == []
    assert site_of(service, instance, move.target_name).startswith(f"# Instance {instance.name} of order")
    assert site_of(service, instance, move.source_name).startswith(f"# Instance {instance.name} has moved to")
    assert crons_on(service, instance) == [move.target_name]
    found = doors(service, instance)
    assert (found[move.target_name], found[move.source_name]) == (Door.SERVES, Door.PASSES_ON), found
    check_told_of_room(service, instance)


def check_one_serves(service: Service, instance: InstanceFacts, move: MoveFacts, *, cut: bool = False) -> None:
    """One server serves the instance itself, to who asks both: the one that the inventory names.

    In the stop, or where it is cut off from who asks, it may be none; never the other one.
    """
    here, closed = now_on(service, instance).server_name, facts(service, move).closed_at is not None
    found = doors(service, instance)
    serves = [host for host, door in found.items() if door is Door.SERVES]
    assert serves == [here] or (not serves and (closed or cut)), found
    assert serving(service, instance) in ([], [here])


def check_told_of_room(service: Service, instance: InstanceFacts) -> None:
    """Where it is now, the product is told what was measured last: without these figures it stops nobody (P04)."""
    here = now_on(service, instance)
    with service.inventory.reading() as session:
        last = measurements.last_measured(session, instance.name)
    assert last is not None
    told = service.on(f"cat {InstanceLayout.of(here).room_file}", here.server_name)
    assert told == room_figures(here.storage_gib, last.use)


def ensure_measured(service: Service, instance: InstanceFacts) -> None:
    """It was measured once, as every instance is within the hour."""
    here = now_on(service, instance)
    with service.inventory.reading() as session:
        known = measurements.last_measured(session, instance.name)
    if known is None:
        [one] = measure_instances.fn(service.server(here.server_name), [here])
        assert one.measured is not None, one.finding


def check_stop(move: MoveFacts, asked: Asked, url: str) -> None:
    """What the record tells of a stop is what somebody saw who asked all the time, and no more than is allowed.

    Each of the two probes is late by a request that is on its way and its pause, where it closes and where it opens.
    """
    assert move.stop_seconds is not None
    closed = sum(seconds for part, seconds in move.evidence["stop"].items() if part != "close")
    assert closed <= move.stop_seconds <= STANDARD.move_closed_most.total_seconds()
    late = 2 * (asked.slowest(url) + EVERY_SECONDS)
    assert abs(move.stop_seconds - asked.longest(url)) <= 2 * late, (move.stop_seconds, asked.longest(url), late)


@contextlib.contextmanager
def another_taken_in(service: Service, host: str) -> Iterator[None]:
    """While this lasts the host replicates from somewhere already."""
    service.on("mariadb -e \"CHANGE MASTER 'other' TO MASTER_HOST='127.0.0.1', MASTER_USER='nobody'\"", host)
    try:
        yield
    finally:
        service.on("mariadb -e \"RESET SLAVE 'other' ALL\"", host)


@contextlib.contextmanager
def table_that_differs(service: Service, instance: InstanceFacts) -> Iterator[None]:
    """While this lasts the database can't be found the same on the other side."""
    host, database = now_on(service, instance).server_name, InstanceLayout.of(instance).database
    service.on(f"mariadb {database} -e '{DIFFERS}'", host)
    try:
        yield
    finally:
        service.on(f"mariadb {database} -e 'DROP TABLE differs'", host)


class Customer:
    """Puts file after file by WebDAV at the address that he knows, and remembers what he was told is kept.

    Meanwhile both hosts are looked at, from inside by their sites and from outside by their doors.
    """

    def __init__(self, service: Service, instance: InstanceFacts, target: str) -> None:
        self.service, self.instance, self.target = service, instance, target
        self.kept: dict[str, bytes] = {}
        self.moments: list[float] = []
        self.both: list[list[str]] = []
        self.looks = 0
        self.ended = threading.Event()
        self.doors = DoorsWatched(service, instance)
        self.site = site(service, instance)
        assert self.site.log_in(service.secret(instance, "root_admin")).status_code == 302
        self.name = f"c{secrets.token_hex(3)}"
        self.site.make_user(self.name)
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self._put, self._look)]

    def __enter__(self) -> Self:
        self.doors.__enter__()
        for thread in self.threads:
            thread.start()
        self.goes_on()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()
        self.doors.__exit__()

    def goes_on(self) -> None:
        """Until some more was kept."""
        wanted, deadline = len(self.kept) + 3, time.monotonic() + 60
        while len(self.kept) < wanted:
            assert time.monotonic() < deadline, "nothing is kept any more"
            time.sleep(0.1)

    @property
    def longest(self) -> float:
        """The longest time between two that were kept, in seconds."""
        return max((after - before for before, after in pairwise(self.moments)), default=0.0)

    def missing_at(self, instance: InstanceFacts) -> list[str]:
        """What was kept, and can't be had as it was at the address of the instance as it was there."""
        at = site(self.service, instance)
        at.users = self.site.users
        with at.client:
            auth = at.digest(self.name)
            return [
                name for name, content in self.kept.items()
                if at.ask(at.file(self.name, name), auth=auth).content != content
            ]  # fmt: skip

    def served_by_both(self) -> list[list[str]]:
        """Whenever both hosts served the instance themselves, by their sites or to who asked them."""
        return [*self.both, *self.doors.both]

    def still_logged_in(self) -> bool:
        """Whether the session from before is still good."""
        page = self.site.ask(f"config.php?PHPSESSID={self.site.session}&action=users").text
        return 'name="pass"' not in page

    def _put(self) -> None:
        number, other = 0, site(self.service, self.instance)
        other.users = self.site.users
        while not self.ended.wait(0.05):
            number += 1
            name, content = f"k{number}", secrets.token_bytes(2000)
            try:
                put = other.ask(other.file(self.name, name), "PUT", auth=other.digest(self.name), content=content)
            except Unreachable:
                continue
            if put.status_code in {201, 204}:
                self.kept[name] = content
                self.moments.append(time.monotonic())

    def _look(self) -> None:
        while not self.ended.wait(0.05):
            found = serving(self.service, self.instance)
            self.looks += 1
            if len(found) > 1:
                self.both.append(found)
