"""A stranger's archive opened on a real server, in a folder with a limit of its own: the kernel holds it (P36)."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands import importing
from tasks.import_readers import JOB_MEMORY, readers
from tasks.jobs import JobComplained, run_job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(600)]

SMALL = "96M"
BOMB = """
import zipfile
with zipfile.ZipFile("/srv/imports/limits/archive", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("dump.sql", "INSERT INTO a VALUES ('" + "a" * (60 << 20) + "');")
"""
PLACE = PurePosixPath("/srv/imports/limits")
USER = "www-data"
MIB = 2**20
ARCHIVE = f"""
import os, zipfile
with zipfile.ZipFile("{PLACE}/archive", "w") as archive:
    for number in range(40):
        archive.writestr(f"mail{{number}}", os.urandom(1 << 20))
"""


def read(service: Service, archive: str, tree_bytes: int, memory: str) -> Any:
    """What a job comes to that reads an archive, which a program on the server makes."""
    server = service.server()
    ssh = load(SshHost).connection(server)
    ssh.run(importing.ensure_place(PLACE))
    done = service.fleet.run(server.name, "python3 -", text_in=archive)
    assert done.returncode == 0, done.stderr
    ssh.run(importing.ensure_tree(PLACE, USER, tree_bytes, readers(), btrfs=server.has_btrfs))
    request = {
        "folder": str(PLACE), "user": USER, "name": "old.zip", "password": "", "entries": 100, "bytes": 2**30,
    }  # fmt: skip
    return run_job(server, "restore-limits", "read-installation", request, seconds=120, memory=memory)


@pytest.fixture(autouse=True)
def nothing_left(service: Service) -> Iterator[None]:
    """The folder goes."""
    yield
    service.on(f"btrfs subvolume delete {PLACE}/tree >/dev/null 2>&1; rm -rf {PLACE}", service.host)


def test_what_unpacks_to_more_than_its_folder_may_hold_is_stopped_by_the_kernel(service: Service) -> None:
    """Its own bounds would let it pass; the folder's limit is the last one, and the disk goes on working."""
    if not service.server().has_btrfs:
        pytest.skip("the folder has a limit on btrfs alone")
    with pytest.raises(JobComplained) as caught:
        read(service, ARCHIVE, 12 * MIB, JOB_MEMORY)
    assert caught.value.kind == "disk full"
    held = int(service.on(f"du -sm {PLACE}/tree | cut -f1", service.host))
    assert held <= 14  # the limit, and what is on its way


def test_what_takes_more_memory_than_its_job_may_hold_is_stopped_by_the_kernel(service: Service) -> None:
    """On servers without a control group for memory, too; with what its job usually has it comes to its end."""
    with pytest.raises(JobComplained, match="a reader failed: more memory would be needed") as caught:
        read(service, BOMB, 200 * MIB, SMALL)
    assert caught.value.kind == "memory"
    (dump,) = read(service, BOMB, 200 * MIB, JOB_MEMORY)["dumps"]
    assert "survey" in dump, dump
