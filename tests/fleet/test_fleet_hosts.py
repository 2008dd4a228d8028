"""What the fleet's servers and services really do, on the running fleet."""

from __future__ import annotations

import json
import os
import time
import uuid
from typing import TYPE_CHECKING, Any

import dns.query
import dns.rcode
import dns.resolver
import dns.tsigkeyring
import dns.update
import pytest
from dns.tsig import PeerBadSignature

from fleet import disks, guard
from fleet.errors import FleetError
from fleet.shell import run, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fleet import Fleet

pytestmark = pytest.mark.fleet

OWN = tuple(os.environ.get("PHM_TEST_HOSTS", "app1 app2").split())
"""The session's servers; another one may cut, stop and empty all others meanwhile."""

HOST = OWN[0]
NOBODYS = "app8"
"""No session has it."""


def said(fleet: Fleet, host: str, command: str) -> str:
    done = fleet.run(host, command)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_running_fleet_is_up_at_once(fleet: Fleet) -> None:
    leaders, seconds = leaders_of(fleet, *OWN), []
    for _ in range(5):  # the best counts: the machine may be busy with other tests
        begun = time.monotonic()
        content = fleet.up(names=OWN)
        seconds.append(time.monotonic() - begun)
    assert min(seconds) < 1, seconds
    assert leaders_of(fleet, *OWN) == leaders  # nothing was started anew
    assert own_of(content) == own_of(fleet.description())
    assert fleet.places.description.stat().st_mode & 0o777 == 0o600


def own_of(content: dict[str, Any]) -> list[dict[str, Any]]:
    """What a description says of the session's own servers."""
    return [host for host in content["hosts"] if host["name"] in OWN]


def leaders_of(fleet: Fleet, *names: str) -> list[int | None]:
    """The first processes of these hosts."""
    return [host.leader for host in fleet.status().hosts if host.name in names]


def test_no_packet_for_a_server_can_leave_the_machine(fleet: Fleet) -> None:
    guard.check(fleet.plan)
    routes = run(["ip", "route", "show", "type", "unreachable"]).stdout
    assert str(fleet.plan.subnet) in routes
    done = fleet.run(HOST, "ping -c1 -W1 192.0.2.1")
    assert "unreachable" in done.stdout + done.stderr


def test_servers_are_servers_of_their_own(fleet: Fleet, spare: str) -> None:
    names = [HOST, spare]
    ids = [said(fleet, name, "cat /etc/machine-id") for name in names]
    assert len(set(ids)) == len(names)
    assert [said(fleet, name, "hostname -f") for name in names] == [f"{name}.phlymail.test" for name in names]
    known = {host["name"]: host["host_key"] for host in fleet.description()["hosts"]}
    assert len(set(known.values())) == len(known)


def test_an_empty_server_runs_what_debian_starts(fleet: Fleet, spare: str) -> None:
    units = "apache2 php8.2-fpm mariadb ssh cron"
    assert said(fleet, spare, f"systemctl is-active {units}").split() == ["active"] * 5
    assert said(fleet, spare, "systemctl is-enabled apt-daily.timer || true") == "masked"
    assert said(fleet, spare, "mariadb -Ne 'select 1'") == "1"
    assert (
        said(fleet, spare, "nft add table inet probe && nft list tables && nft delete table inet probe")
        == "table inet probe"
    )


def test_srv_is_btrfs_with_limits_the_kernel_keeps(fleet: Fleet) -> None:
    name = f"/srv/probe-{uuid.uuid4().hex[:8]}"
    try:
        said(fleet, HOST, f"btrfs subvolume create {name} && btrfs qgroup limit 5M {name}")
        done = fleet.run(HOST, f"dd if=/dev/zero of={name}/x bs=1M count=10 conv=fsync")
        assert "Disk quota exceeded" in done.stderr
    finally:
        said(fleet, HOST, f"btrfs subvolume delete {name}")


def test_a_server_without_btrfs_is_there_too(fleet: Fleet, spare: str) -> None:
    assert said(fleet, spare, "stat -f -c %T /srv") == "ext2/ext3"


def test_a_killed_server_comes_back_with_its_data(fleet: Fleet, spare: str) -> None:
    said(fleet, spare, "mariadb -e 'create database if not exists kept; create or replace table kept.t select 7 n'")
    fleet.kill(spare)
    assert fleet.run(spare, "true").returncode == 255
    assert {host.name: host.condition for host in fleet.status().hosts}[spare] == "stopped"
    with pytest.raises(FleetError, match="is not running"):
        fleet.kill(spare)
    fleet.start(spare)
    assert said(fleet, spare, "mariadb -Ne 'select n from kept.t'") == "7"


def test_a_server_that_reboots_comes_back_by_itself(fleet: Fleet, spare: str) -> None:
    before = fleet.status().hosts[2].leader
    fleet.run(spare, "systemctl reboot")

    def is_back() -> bool:
        return fleet.status().hosts[2].leader not in {None, before} and fleet.run(spare, "true").returncode == 0

    assert wait_until(is_back, seconds=120, every=0.5)
    assert said(fleet, spare, "systemctl is-system-running --wait") == "running"


def test_a_cut_server_hangs_until_it_is_healed(fleet: Fleet, spare: str) -> None:
    fleet.cut(spare)
    try:
        assert {host.name: host.condition for host in fleet.status().hosts}[spare] == "cut"
        assert fleet.run(spare, "true").returncode == 255
    finally:
        fleet.heal(spare)
    assert fleet.run(spare, "true").returncode == 0


@pytest.mark.parametrize("path", ["/srv", "/var/lib/mysql"])
def test_a_full_disk_is_really_full_and_fills_nothing_else(fleet: Fleet, spare: str, path: str) -> None:
    assert fleet.fill(spare, path) > 2**30
    try:
        done = fleet.run(spare, f"dd if=/dev/zero of={path}/probe bs=64k count=4 conv=fsync; rm -f {path}/probe")
        assert "No space left" in done.stderr
        said(fleet, spare, "dd if=/dev/zero of=/root/probe bs=64k count=4 && rm /root/probe")
    finally:
        fleet.free(spare, path)
    said(fleet, spare, f"dd if=/dev/zero of={path}/probe bs=64k count=4 conv=fsync && rm {path}/probe")


def test_a_reset_server_is_empty_and_known_by_a_new_key(fleet: Fleet, spare: str) -> None:
    before = {host["name"]: host["host_key"] for host in fleet.description()["hosts"]}
    said(fleet, spare, "touch /srv/old /root/old")
    fleet.reset(spare)
    after = {host["name"]: host["host_key"] for host in fleet.description()["hosts"]}
    assert before[spare] != after[spare]
    assert before[HOST] == after[HOST]
    assert said(fleet, spare, "ls /srv /root").split() == ["/root:", "/srv:", "lost+found"]


@pytest.fixture
def btrfs(tmp_path: Path) -> Iterator[Path]:
    file, folder = tmp_path / "srv.img", tmp_path / "srv"
    disks.make_image(file, "btrfs", 1)
    folder.mkdir()
    run(["mount", "-o", "loop", file, folder])
    yield folder
    disks.unmount_below(tmp_path)


def test_a_btrfs_disk_can_be_filled_to_the_brim(btrfs: Path) -> None:
    assert disks.fill_folder(btrfs, keep=50 * disks.MIB) > 2**29
    (btrfs / "room").write_bytes(b"x" * disks.MIB)
    disks.fill_folder(btrfs, keep=0)
    with pytest.raises(OSError, match="No space left"), (btrfs / "probe").open("wb", buffering=0) as file:
        file.write(b"x" * 8 * disks.MIB)


def test_a_btrfs_disk_that_was_filled_gets_no_room_by_what_was_deleted_before(btrfs: Path) -> None:
    run(["btrfs", "subvolume", "create", btrfs / "old"])
    (btrfs / "old" / "content").write_bytes(os.urandom(64 * disks.MIB))
    run(["sync", "-f", btrfs])
    run(["btrfs", "subvolume", "delete", btrfs / "old"])
    disks.fill_folder(btrfs, keep=0)
    disks.settle(btrfs)
    assert disks.free_bytes(btrfs) < disks.MIB


def zone_of(fleet: Fleet) -> tuple[dict[str, Any], Any]:
    told = fleet.description()["dns"]
    return told, dns.tsigkeyring.from_text({told["tsig_name"]: (told["tsig_algorithm"], told["tsig_secret"])})


def test_names_are_changed_with_the_key_only_and_survive_a_crash(fleet: Fleet) -> None:
    told, ring = zone_of(fleet)
    name = f"probe-{uuid.uuid4().hex[:8]}"
    update = dns.update.Update("phlymail.test", keyring=ring)
    update.replace(name, 5, "A", "10.77.0.12")
    assert dns.query.tcp(update, told["address"], 5).rcode() == dns.rcode.NOERROR
    unsigned = dns.update.Update("phlymail.test")
    unsigned.delete(name)
    assert dns.query.tcp(unsigned, told["address"], 5).rcode() != dns.rcode.NOERROR
    forged = dns.update.Update("phlymail.test", keyring=dns.tsigkeyring.from_text({told["tsig_name"]: "AAAA"}))
    forged.delete(name)
    with pytest.raises(PeerBadSignature):
        dns.query.tcp(forged, told["address"], 5)
    fleet.kill("dns")
    fleet.start("dns")
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [told["address"]]
    assert [record.address for record in resolver.resolve(f"{name}.phlymail.test", "A")] == ["10.77.0.12"]
    clean = dns.update.Update("phlymail.test", keyring=ring)
    clean.delete(name)
    assert dns.query.tcp(clean, told["address"], 5).rcode() == dns.rcode.NOERROR
    with pytest.raises(dns.resolver.NoNameservers):
        resolver.resolve("example.org", "A")


def test_a_host_that_the_zone_lacks_is_added_and_what_it_knows_stays(fleet: Fleet) -> None:
    told, ring = zone_of(fleet)
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [told["address"]]
    assert fleet.zone.ensure_hosts() == ()
    gone = dns.update.Update("phlymail.test", keyring=ring)
    gone.delete(NOBODYS, "A")
    assert dns.query.tcp(gone, told["address"], 5).rcode() == dns.rcode.NOERROR
    assert fleet.zone.ensure_hosts() == (NOBODYS,)
    assert [record.address for record in resolver.resolve(f"{NOBODYS}.phlymail.test", "A")] == ["10.77.0.18"]
    assert fleet.zone.ensure_hosts() == ()


def test_a_server_knows_the_fleets_names_and_no_others(fleet: Fleet) -> None:
    assert said(fleet, HOST, "getent hosts app2.phlymail.test").split()[0] == "10.77.0.12"
    assert fleet.run(HOST, "getent hosts example.org").returncode == 2


def test_mail_from_a_server_arrives_and_is_refused_where_it_should(fleet: Fleet) -> None:
    to = f"kunde-{uuid.uuid4().hex[:8]}@example.org"
    send = "printf 'Subject: bereit\\n\\nIhre Instanz.\\n' | msmtp --host=10.77.0.1 --port=25 --from=app1@phlymail.test"
    said(fleet, HOST, f"{send} {to}")
    (mail,) = fleet.mails(to)
    assert (mail.subject, mail.text.strip(), mail.sender) == ("bereit", "Ihre Instanz.", "app1@phlymail.test")
    assert fleet.run(HOST, f"{send} refused@example.org").returncode == 65
    assert fleet.run(HOST, f"{send} later@example.org").returncode in {69, 75}
    mail.path.unlink()


def test_a_server_backs_up_to_the_store_but_cannot_remove_what_it_stored(fleet: Fleet, spare: str) -> None:
    told = fleet.description()["s3"]
    fleet.run(spare, "cat > /root/ca.pem", text_in=fleet.places.certificates.joinpath("ca.pem").read_text())
    settings = {
        "AWS_ACCESS_KEY_ID": told["writers"][spare]["access_key"],
        "AWS_SECRET_ACCESS_KEY": told["writers"][spare]["secret_key"],
        "RESTIC_PASSWORD": "probe",
        "RESTIC_CACERT": "/root/ca.pem",
        "RESTIC_REPOSITORY": f"s3:{told['endpoint']}/{told['bucket']}/{spare}/probe/{uuid.uuid4().hex[:8]}",
    }
    administrator = f"export AWS_ACCESS_KEY_ID={told['access_key']} AWS_SECRET_ACCESS_KEY={told['secret_key']}"
    lines = "".join(f"export {name}={value}\n" for name, value in settings.items())
    script = "set -e; . /root/env; restic --cacert $RESTIC_CACERT"
    fleet.run(spare, "umask 77; cat > /root/env", text_in=lines)
    said(fleet, spare, f"set -e; . /root/env; {administrator}; restic --cacert $RESTIC_CACERT init")
    said(fleet, spare, f"{script} backup /etc")
    snapshots = json.loads(said(fleet, spare, f"{script} snapshots --json"))
    assert len(snapshots) == 1
    said(fleet, spare, f"{script} check --read-data")
    done = fleet.run(
        spare, f"set -e; . /root/env; timeout 10 restic --cacert $RESTIC_CACERT forget {snapshots[0]['short_id']}"
    )
    assert done.returncode != 0
    assert len(json.loads(said(fleet, spare, f"{script} snapshots --no-lock --json"))) == 1
    without_ca = fleet.run(spare, "set -e; . /root/env; timeout 20 restic snapshots --no-lock")
    assert "unknown authority" in without_ca.stderr


def test_services_are_stopped_and_started_by_name(fleet: Fleet) -> None:
    fleet.stop("smtp")
    assert [service.running for service in fleet.status().services if service.name == "smtp"] == [False]
    fleet.start("smtp")
    assert all(service.running for service in fleet.status().services)
