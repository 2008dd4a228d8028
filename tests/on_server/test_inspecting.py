"""The program that looks at a server: what it reads, and that one look that fails keeps no other from being made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hosting.commands.php_flavours import FastCgi
from hosting.policy.limits import LIMITS
from hosting.product.settings import php_values
from hosting.templates import render
from tasks.on_server import inspecting
from tasks.on_server.inspecting import Inspection, kind_of
from tests.commands.recorded import recorded

if TYPE_CHECKING:
    import pytest

INSTANCE: dict[str, Any] = {
    "name": "k3v9q2", "order": "A-1", "host_name": "app1.test", "user": "phm-k3v9q2", "socket": "/run/php/s",
    "code_root": "/srv/code/k3v9q2", "current": "/srv/code/k3v9q2/current", "scratch": "/srv/scratch/k3v9q2",
    "fastcgi": FastCgi("proxy:unix:/run/php/s|fcgi://phm-k3v9q2/", "fcgi://phm-k3v9q2/"),
    "gate": "/srv/code/k3v9q2/closed", "gate_keeper": "/srv/code/k3v9q2/gate.php", "limits": LIMITS,
    "php": php_values("/c", "/d", "/s", "/l"), "php_ini": "/etc/phm/php/k3v9q2.ini",
}  # fmt: skip


def look(root: Path, *looks: str, **request: Any) -> dict[str, Any]:
    asked = {"root": str(root), "looks": looks, "instances": [], "units": [], "paths": [], "uids": [20_000, 59_999],
             "programs": {}, **request}  # fmt: skip
    return Inspection(asked).answer()


def test_sites_are_told_by_what_they_do_with_requests() -> None:
    assert kind_of(render("apache/instance.conf.j2", **INSTANCE, local_only=False)) == ["serves", ""]
    assert kind_of(render("apache/instance.conf.j2", **INSTANCE, local_only=True)) == ["local", ""]
    passed = render(
        "apache/passed_on.conf.j2",
        name="k3v9q2",
        host_name="app1.test",
        target="app2.test",
        authorities="/a",
        seconds=9,
    )
    assert kind_of(passed) == ["passes on", "app2.test"]
    closed = render(
        "apache/closed.conf.j2", name="k3v9q2", host_name="app1.test", retry_seconds=5, german="zu", english="closed"
    )
    assert kind_of(closed) == ["closed", ""]
    suspended = {"token_sha1": "ab", "ask": "s@phlymail.test"}
    assert kind_of(render("apache/instance.conf.j2", **INSTANCE, local_only=False, suspended=suspended)) == [
        "closed",
        "",
    ]
    assert kind_of("# nothing") == ["other", ""]


def test_a_recorded_array_is_read_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/mdstat").write_text(recorded("mdstat-faulty.txt"))
    told = look(tmp_path, "raid")
    assert "sda3[0](F)" in told["raid"]["mdstat"]
    assert told["failed"] == {}
    assert told["raid"]["detail"] == {}  # the arrays of this machine are others


def test_what_the_kernel_says_of_each_disk_of_an_array_is_told(tmp_path: Path) -> None:
    for path, said in (("proc/mdstat", "md1 : active raid1 sdb3[1] sda3[0]\n"),
                       ("sys/block/md1/md/dev-sda3/state", "in_sync,write_error,want_replacement\n"),
                       ("sys/block/md1/md/dev-sdb3/state", "in_sync\n")):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(said)
    assert look(tmp_path, "raid")["raid"]["members"] == {
        "md1": {"sda3": "in_sync,write_error,want_replacement", "sdb3": "in_sync"}
    }


def test_what_differed_between_the_disks_of_an_array_is_told(tmp_path: Path) -> None:
    for path, said in (("proc/mdstat", "md1 : active raid1 sdb3[1] sda3[0]\nmd3 : active raid0 sdc1[1] sdd1[0]\n"),
                       ("sys/block/md1/md/mismatch_cnt", "384\n"),
                       ("sys/block/md1/md/last_sync_action", "check\n")):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(said)
    assert look(tmp_path, "raid")["raid"]["compared"] == {
        "md1": {"mismatch_cnt": "384", "last_sync_action": "check"},
        "md3": {"mismatch_cnt": "", "last_sync_action": ""},
    }


SMARTCTL = """#!/bin/sh
case "$*" in
*--scan) echo '{"devices": [{"name": "/dev/sda", "type": "scsi"}, {"name": "/dev/nvme0", "type": "nvme"},
  {"name": "/dev/bus/0", "type": "megaraid,0"}, {"name": "/dev/bus/0", "type": "megaraid,1"}]}' ;;
*--log=error*--log=ssd*) printf '{"asked": "%s"}' "${*#*selftest }" ;;
esac
"""


def test_each_disk_is_asked_as_what_it_is_and_for_all_logs_that_tell_of_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "smartctl"
    program.write_text(SMARTCTL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert inspecting.smart() == {
        "/dev/sda": {"asked": "/dev/sda"}, "/dev/nvme0": {"asked": "-d nvme /dev/nvme0"},
        "/dev/bus/0 megaraid,0": {"asked": "-d megaraid,0 /dev/bus/0"},
        "/dev/bus/0 megaraid,1": {"asked": "-d megaraid,1 /dev/bus/0"},
    }  # fmt: skip


def test_a_machine_without_arrays_says_so(tmp_path: Path) -> None:
    assert look(tmp_path, "raid")["raid"]["mdstat"] == ""


def test_files_that_the_service_has_not_written_stand_out(tmp_path: Path) -> None:
    for path in (
        "etc/apache2/phm/instances/k3v9q2.conf", "etc/apache2/phm/instances/.k3v9q2.conf.phm-new",
        "etc/apache2/phm/names/a.test.7.conf", "etc/apache2/phm/names/stray.conf", "etc/apache2/sites-enabled/phm.conf",
        "etc/apache2/sites-enabled/shop.conf", "etc/php/8.2/fpm/pool.d/phm-k3v9q2.conf", "etc/php/8.2/fpm/pool.d/00-phm-global.conf",
        "etc/cron.d/phm-k3v9q2", "etc/cron.d/phm", "var/spool/cron/crontabs/phm-k3v9q2", "var/spool/cron/crontabs/root",
    ):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    told = look(tmp_path, "sites", "cron")
    assert told["sites"] == {
        "sites": {"k3v9q2": ["other", ""]}, "names": {"7": "/etc/apache2/phm/names/a.test.7.conf"},
        "other": ["/etc/apache2/phm/names/stray.conf", "/etc/apache2/sites-enabled/shop.conf"], "pools": ["k3v9q2"],
    }  # fmt: skip
    assert told["cron"] == {"jobs": {"k3v9q2": "/etc/cron.d/phm-k3v9q2"}, "crontabs": ["phm-k3v9q2"]}


def test_owner_and_mode_are_told_and_links_are_not_followed(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("")
    file.chmod(0o640)
    link.symlink_to("/etc/shadow")
    told = look(tmp_path, "rights", paths=[str(file), str(link), str(tmp_path / "none")])["rights"]
    assert told[str(file)][0] == "file"
    assert told[str(file)][2] == "640"
    assert told[str(link)][0] == "link"
    assert str(tmp_path / "none") not in told


def test_letters_that_wait_are_counted_and_no_mail_server_is_none(tmp_path: Path) -> None:
    assert look(tmp_path, "mail")["mail"] is None
    for name in ("deferred/A/A1", "deferred/B/B1", "active/C1"):
        path = tmp_path / "var/spool/postfix" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert look(tmp_path, "mail")["mail"] == 3


def test_a_look_that_fails_is_told_and_keeps_no_other_from_being_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspecting, "smart", lambda: (_ for _ in ()).throw(OSError("smartctl hung")))
    told = look(tmp_path, "smart", "disks", "certificate")
    assert told["failed"]["smart"] == "smartctl hung"
    assert "openssl" in told["failed"]["certificate"]
    assert told["disks"][0]["path"] == "/"


def test_each_file_system_is_told_once(tmp_path: Path) -> None:
    devices = [Path(one["path"]).stat().st_dev for one in look(tmp_path, "disks")["disks"]]
    assert len(devices) == len(set(devices))
