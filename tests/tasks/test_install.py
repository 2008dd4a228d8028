"""A service's configuration file: whole, tested, or as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath as Path
from typing import TYPE_CHECKING

import pytest

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.services import APACHE, PHP_FPM, install, reload
from hosting.errors import StepFailed, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blocks.ssh_connection import SshConnection
    from hosting.commands.command import Command
    from tests.service.customer import Site
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

FOLDER = Path("/etc/apache2/phm/instances")
FILE = FOLDER / "phm-test.conf"
GOOD, BETTER, BAD = "# good\n", "# better\n", "Nonsense on\n"


@pytest.fixture
def ssh(service: Service) -> Iterator[SshConnection]:
    with load(SshHost).own_connection(service.server()) as connection:
        yield connection
    service.on(f"rm -f {FOLDER}/*phm-test.conf* {FOLDER}/.phm-test.conf*")


def there(service: Service) -> dict[str, str]:
    """The files of this name and what lies beside them."""
    names = service.on(f"find {FOLDER} -name '*phm-test*' -printf '%f\\n'").split()
    return {name: service.on(f"cat {FOLDER}/{name}") for name in names}


@pytest.mark.parametrize("before", ["", GOOD])
def test_what_the_service_refuses_is_taken_back(service: Service, ssh: SshConnection, before: str) -> None:
    if before:
        ssh.run(install(APACHE, FILE, before))
    with pytest.raises(StepFailed, match="Nonsense"):
        ssh.run(install(APACHE, FILE, BAD))
    assert there(service) == ({FILE.name: before} if before else {})


@pytest.mark.parametrize("before", ["", GOOD])
def test_a_host_that_stopped_between_file_and_test_is_made_good(
    service: Service, ssh: SshConnection, before: str
) -> None:
    """Whatever lies there untested is not taken for tested."""
    beside = f"{FOLDER}/.{FILE.name}"
    left = f"printf '{GOOD}' >{beside}.phm-old" if before else f": >{beside}.phm-none"
    service.on(f"{left}; printf '{BAD}' >{FILE}")
    with pytest.raises(StepFailed, match="Nonsense"):
        ssh.run(install(APACHE, FILE, BAD))
    assert there(service) == ({FILE.name: before} if before else {})
    assert ssh.run(install(APACHE, FILE, BETTER)).changed
    assert there(service) == {FILE.name: BETTER}
    assert not ssh.run(install(APACHE, FILE, BETTER)).changed


def test_content_that_came_in_part_changes_nothing(service: Service, ssh: SshConnection) -> None:
    ssh.run(install(APACHE, FILE, GOOD))
    whole = install(APACHE, FILE, BETTER)
    with pytest.raises(Unreachable, match="the content came in part only"):
        ssh.run(replace(whole, stdin=whole.stdin[:3]))
    assert there(service) == {FILE.name: GOOD}


PAIR = "openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=mine -keyout /root/{0}.key -out /root/{0}.pem"
MISMATCH = "SSLCertificateFile /root/phm-a.pem\nSSLCertificateKeyFile /root/phm-b.key\n"
"""Apache's own test finds nothing wrong with it; the reload then ends Apache for everybody (FLEET.md section 8)."""


@pytest.fixture
def strangers(service: Service) -> Iterator[None]:
    """A certificate and the key of another one."""
    service.on(f"{PAIR.format('phm-a')} 2>&1; {PAIR.format('phm-b')} 2>&1")
    yield
    service.on("rm -f /root/phm-[ab].*")


def of_site(service: Service, content: str) -> Command:
    return install(APACHE, FILE, content, host=service.server().host_name)


def pids(service: Service) -> set[str]:
    return set(service.on("pgrep apache2").split())


@pytest.mark.parametrize("before", ["", GOOD])
def test_a_certificate_with_another_s_key_is_taken_back_and_all_others_are_served_again(
    service: Service, ssh: SshConnection, strangers: None, neighbours: tuple[Site, Site], before: str
) -> None:
    if before:
        ssh.run(of_site(service, before))
    with pytest.raises(StepFailed) as failed:
        ssh.run(of_site(service, MISMATCH), "The old state is back.")
    assert failed.value.exit_code == 4
    assert "AH02565: Certificate and private key" in str(failed.value)
    assert "it serves again as before" in str(failed.value)
    assert there(service) == ({FILE.name: before} if before else {})
    assert [one.ask("").status_code for one in neighbours] == [200, 200]
    assert ssh.run(of_site(service, BETTER)).changed
    assert not ssh.run(of_site(service, BETTER)).changed


def test_the_test_of_the_service_alone_would_have_let_it_through(
    service: Service, ssh: SshConnection, strangers: None
) -> None:
    service.on(f"printf '{MISMATCH}' >{FILE}")
    try:
        service.on("apache2ctl configtest")
    finally:
        service.on(f"rm {FILE}")


def test_a_site_that_a_killed_run_left_unproven_is_taken_back_by_whoever_comes_next(
    service: Service, ssh: SshConnection, strangers: None, neighbours: tuple[Site, Site]
) -> None:
    """The host stopped between the file and the reload: Apache did not come up again with it."""
    service.on(f": >{FOLDER}/.{FILE.name}.phm-none; printf '{MISMATCH}' >{FILE}; systemctl restart apache2 || true")
    assert service.on("systemctl is-active apache2 || true") == "failed\n"
    assert ssh.run(reload(APACHE, host=service.server().host_name)).changed
    assert there(service) == {}
    assert [one.ask("").status_code for one in neighbours] == [200, 200]


def test_a_reload_that_is_owed_is_made_good_once(service: Service, ssh: SshConnection) -> None:
    host = service.server().host_name
    ssh.run(reload(APACHE, host=host))
    service.on(f"sleep 0.1; printf '{GOOD}' >{FILE}")
    assert [ssh.run(reload(APACHE, host=host)).changed for _ in range(2)] == [True, False]


def test_a_reload_leaves_connections_and_the_service_s_first_process_alone(
    service: Service, ssh: SshConnection
) -> None:
    first = service.on("systemctl show -P MainPID apache2")
    before = pids(service)
    assert ssh.run(of_site(service, GOOD)).changed
    assert service.on("systemctl show -P MainPID apache2") == first
    assert pids(service) - before


def test_php_is_asked_of_its_own_test_alone(service: Service, ssh: SshConnection) -> None:
    pool = Path("/etc/php/8.2/fpm/pool.d/phm-test.conf")
    with pytest.raises(StepFailed, match=r"exit code 3\."):
        ssh.run(install(PHP_FPM, pool, "[x]\nuser = nobody-at-all\nlisten = /run/php/x.sock\npm = static\n"))
    service.on(f"test ! -e {pool} && systemctl is-active php8.2-fpm")
