"""A service's configuration file: whole, tested, or as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath as Path
from typing import TYPE_CHECKING

import pytest

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.services import APACHE, install
from hosting.errors import StepFailed, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blocks.ssh_connection import SshConnection
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
