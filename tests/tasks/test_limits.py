"""One instance can't take its server from the others: scratch folder, cron job and pool have limits."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.storage import ensure_limit
from hosting.errors import StepFailed
from hosting.policy.limits import LIMITS
from hosting.policy.terms import GIB
from tasks.storage import ensure_storage
from tasks.web import ensure_cron

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service.customer import Site
    from tests.service_fixture import Service

    Neighbours = tuple[Site, Site]

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

QUOTA = "Disk quota exceeded"


def as_instance(service: Service, one: Site, command: str) -> tuple[int, str]:
    """A command as the instance's own user: its exit code and what it complained."""
    done = service.fleet.run(one.instance.server_name, f"runuser -u {one.layout.user} -- sh -c '{command}'")
    return done.returncode, done.stderr + done.stdout


@pytest.fixture
def btrfs(service: Service) -> None:
    if not service.server().has_btrfs:
        pytest.skip("the kernel keeps limits on btrfs alone; see test_without_btrfs_the_scratch_folder_is_a_plain_one")


@pytest.mark.usefixtures("btrfs")
def test_the_kernel_keeps_the_scratch_folder_within_its_limit(service: Service, neighbours: Neighbours) -> None:
    mine, other = neighbours
    big, least = f"{mine.layout.scratch}/temp/big", LIMITS.scratch_gib * GIB // 2
    try:
        assert as_instance(service, mine, f"fallocate -l {least} {big}")[0] == 0
        code, said = as_instance(service, mine, f"fallocate -l {least + 2**20} {big}2")
        assert (code != 0, QUOTA in said) == (True, True), said
        for place in ("sessions", "tplcache", "upload"):
            assert QUOTA in as_instance(service, mine, f"head -c {least} /dev/zero >{mine.layout.scratch}/{place}/x")[1]
        assert as_instance(service, mine, f"echo x >{mine.layout.storage}/x")[0] == 0
        assert as_instance(service, other, f"echo x >{other.layout.scratch}/temp/x")[0] == 0
        assert other.ask("").status_code == 200
    finally:
        service.on(f"rm -f {mine.layout.scratch}/*/big* {mine.layout.scratch}/*/x {mine.layout.storage}/x")
    assert mine.ask("").status_code == 200


@pytest.mark.usefixtures("btrfs")
def test_a_limit_that_was_taken_off_is_set_again(service: Service, neighbours: Neighbours) -> None:
    mine, _ = neighbours
    service.on(f"btrfs qgroup limit none {mine.layout.scratch}")
    server = service.server(mine.instance.server_name)
    assert [ensure_storage.fn(server, mine.instance).changed for _ in range(2)] == [True, False]


@pytest.mark.usefixtures("btrfs")
def test_a_plain_scratch_folder_from_before_goes_on_as_it_is(service: Service, neighbours: Neighbours) -> None:
    mine, _ = neighbours
    scratch, server = mine.layout.scratch, service.server(mine.instance.server_name)
    whole = service.on("btrfs qgroup show --raw -ref /srv")
    with service.broken(
        f"mv {scratch} {scratch}.aside && cp -a {scratch}.aside {scratch} && stat -c %i {scratch} | grep -vx 256",
        f"rm -rf {scratch} && mv {scratch}.aside {scratch}",
    ):
        service.on(f"echo kept >{scratch}/temp/kept")
        assert ensure_storage.fn(server, mine.instance).changed is False
        assert service.on(f"cat {scratch}/temp/kept") == "kept\n"
        assert mine.ask("").status_code == 200
        assert limits_of(whole) == limits_of(service.on("btrfs qgroup show --raw -ref /srv"))
        with pytest.raises(StepFailed, match="is no subvolume"):
            load(SshHost).connection(server).run(ensure_limit(scratch, GIB))


def limits_of(shown: str) -> list[str]:
    """The fourth column: the most that each may refer to."""
    return [line.split()[3] for line in shown.splitlines() if line.strip().startswith("0/")]


def test_without_btrfs_the_scratch_folder_is_a_plain_one(service: Service, neighbours: Neighbours) -> None:
    mine, _ = neighbours
    inode = service.on(f"stat -c %i {mine.layout.scratch}").strip()
    assert (inode == "256") is service.server(mine.instance.server_name).has_btrfs


def test_what_broken_off_requests_left_is_cleared_by_its_age(service: Service, neighbours: Neighbours) -> None:
    """With seconds in place of days; a file's own time of birth can't be set back."""
    mine, _ = neighbours
    scratch, rules = mine.layout.scratch, "/root/phm-test-tmpfiles.conf"
    before = service.on(f"stat -c '%n %U:%G:%a' {scratch}/*")
    service.on(f"sed -e '/^d/d' -e 's/[17]d$/2s/' /etc/tmpfiles.d/phm.conf >{rules}; grep -c 2s {rules}")
    try:
        assert (
            as_instance(service, mine, f"touch {scratch}/upload/old {scratch}/temp/old {scratch}/sessions/old")[0] == 0
        )
        service.on("sleep 3")
        young = f"runuser -u {mine.layout.user} -- touch {scratch}/upload/new"
        service.on(f"{young} && systemd-tmpfiles --clean {rules}")  # at once: in two seconds it would be old
        assert service.on(f"ls {scratch}/upload {scratch}/temp").split() == [
            f"{scratch}/temp:",
            f"{scratch}/upload:",
            "new",
        ]
        assert service.on(f"ls {scratch}/sessions/old").strip() == f"{scratch}/sessions/old"
        assert service.on(f"stat -c '%n %U:%G:%a' {scratch}/*") == before
    finally:
        service.on(f"rm -f {scratch}/*/old {scratch}/upload/new {rules}")


@dataclass(frozen=True)
class Idle:
    """An instance, and the command of the cron job that was taken away from it."""

    site: Site
    command: str


class Cron:
    """The instance's cron job, begun as cron begins it, with a script of ours in place of the product's."""

    def __init__(self, service: Service, idle: Idle, script: str) -> None:
        one = idle.site
        self.service, self.one, self.said = service, one, ""
        self.file = f"{one.layout.code}/backend/phm-test.php"
        service.on(f"cat >{self.file} <<'END'\n<?php {script}\nEND\nchmod 644 {self.file}")
        self.line = idle.command.replace("backend/cronjob.php", "backend/phm-test.php")

    def run(self, **changed: str) -> tuple[int, float]:
        """Its exit code, and how long it took in seconds."""
        line = self.line
        for word, other in changed.items():
            assert word in line
            line = line.replace(word, other)
        began = time.monotonic()
        code, self.said = as_instance(self.service, self.one, line.replace(">/dev/null 2>&1", ""))
        return code, time.monotonic() - began

    def begin(self) -> None:
        """In the background."""
        user = self.one.layout.user
        self.service.on(f"systemd-run -q --unit phm-test-cron --uid {user} --gid {user} /bin/sh -c '{self.line}'")

    def end(self) -> None:
        """Nothing of it is left."""
        self.service.on(f"systemctl stop phm-test-cron 2>/dev/null; rm -f {self.file}")


@pytest.fixture
def idle(service: Service, neighbours: Neighbours) -> Iterator[Idle]:
    """The first neighbour while its own cron job is away."""
    mine, _ = neighbours
    line = service.on(f"grep '^[*]' {mine.layout.cron_file}")
    service.on(f"rm {mine.layout.cron_file}; flock {mine.layout.scratch} true")
    yield Idle(mine, line.split(maxsplit=6)[6].strip())
    ensure_cron.fn(service.server(mine.instance.server_name), mine.instance)


def test_the_cron_job_runs_within_the_kernel_s_limits(service: Service, idle: Idle) -> None:
    cron = Cron(service, idle, "sleep(60);")
    try:
        cron.begin()
        pid = service.on(
            "i=0; until pgrep -f 'php -c .*phm-test.php' -x >/dev/null || [ $i -ge 300 ]; do i=$((i+1)); sleep 0.1; done; pgrep -nf '^php -c .*phm-test.php'"
        ).strip()
        limits = service.on(f"cat /proc/{pid}/limits")
        for name, most in (
            ("Max address space", LIMITS.cron_memory_mib * 2**20),
            ("Max processes", LIMITS.processes),
            ("Max core file size", 0),
        ):
            assert re.search(rf"^{name} +{most} +{most} ", limits, re.MULTILINE), limits
        code, seconds = cron.run()
        assert code == 1, "a second one begins while the first one runs"
        assert seconds < 30, "it waits for the first one"
    finally:
        cron.end()


def test_a_cron_job_that_does_not_end_is_ended_and_the_next_one_begins(service: Service, idle: Idle) -> None:
    cron = Cron(service, idle, "pcntl_async_signals(true); pcntl_signal(SIGTERM, SIG_IGN); while (true) sleep(60);")
    short = {f"timeout -k {LIMITS.cron_grace_seconds} {LIMITS.cron_seconds}": "timeout -k 1 1"}
    try:
        assert cron.run(**short)[0] == 137, "killed, since it did not take the hint"
        service.on(f"cat >{cron.file} <<'END'\n<?php exit(7);\nEND")
        assert cron.run()[0] == 7
    finally:
        cron.end()


def test_a_cron_job_that_lifts_php_s_own_limit_meets_the_kernel_s(service: Service, idle: Idle) -> None:
    greedy = "ini_set('memory_limit', '-1'); $x = str_repeat('x', 2 << 30); exit(9);"
    cron = Cron(service, idle, greedy)
    try:
        assert cron.run()[0] not in {0, 9}
        assert "Out of memory" in cron.said
    finally:
        cron.end()


def test_a_pool_takes_no_more_processes_than_it_may(service: Service, neighbours: Neighbours) -> None:
    mine, _ = neighbours
    pool = service.on(f"cat {mine.layout.pool_file}")
    for line in (
        f"pm.max_children = {LIMITS.web_processes}",
        f"request_terminate_timeout = {LIMITS.web_seconds}s",
        f"php_admin_value[memory_limit] = {LIMITS.memory_mib}M",
        "rlimit_core = 0",
    ):
        assert line in pool.splitlines()
