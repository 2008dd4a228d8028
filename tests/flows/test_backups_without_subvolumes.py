"""Backups, restores and rehearsals on servers without btrfs, while the customer works (P19, P20): nothing is lost.

Its session has servers of its own (`tests/tracks.py`): the last one, where the instances are, has no btrfs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import rehearsals
from hosting.policy.values import PointKind, RehearsalOutcome
from hosting.product.layout import InstanceLayout
from hosting.product.named_files import named_files
from tasks.snapshots import job_of
from tests.service.at_mail import at_work
from tests.service.backups import back_up, check_restorable, left_behind, points_of, restore, when
from tests.service.copies import left_of_copies, run
from tests.service.mailbox_data import fill, missing

if TYPE_CHECKING:
    from hosting.policy.values import PointFacts
    from tests.service.mailbox_data import Mailbox
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(900)]

PROOF = "/srv/backup/proof/restored/srv/backup/{name}/point/data"
NIGHTS = ("full", "incremental", "incremental")
STORING = "storing files"
BULK_BYTES = 60_000_000
"""So much that storing it takes a while."""

NAMED = """
import json, os, subprocess, sys
told = json.load(sys.stdin)
for sql in told["named"]:
    rows = subprocess.run(["mariadb", "-NB", "-e", sql], capture_output=True, text=True, check=True).stdout.splitlines()
    print(len(rows), *(row for row in rows if not os.path.isfile(f"{told['data']}/{row}")))
"""


@pytest.fixture(scope="module")
def nights(service: Service) -> tuple[Mailbox, list[PointFacts]]:
    """An instance and its points, each taken while a user is at work."""
    assert not service.server().has_btrfs
    service.only_server(service.host)
    made = fill(service, service.provision(accounts=3))
    for number, kind in enumerate(NIGHTS):
        with at_work(service, made, "anna", f"night{number}") as seen:
            outcome = back_up(service, made.instance, kind)
        assert outcome.completed, outcome
        assert seen.answers.keys() <= {200, 201, 204}, seen
    service.all_servers()
    return made, points_of(service, made.instance)


def test_whatever_the_database_names_is_in_the_folder_of_the_same_point(
    service: Service, nights: tuple[Mailbox, list[PointFacts]]
) -> None:
    made, points = nights
    assert [point.kind for point in points] == [PointKind.FULL, PointKind.INCREMENTAL, PointKind.INCREMENTAL]
    for point in points:
        assert point.manifest["copied_by"] == "hard links"
        assert point.manifest["salt"] is True
        assert {one["missing"] for one in point.manifest["named"].values()} == {0}, point.manifest["named"]
        check_restorable(service, point)  # every row and byte is what was counted and summed
        lines = named_in_proof(service, made)
        assert [int(line[0]) for line in lines] == [one["named"] for one in point.manifest["named"].values()]
        assert [line[1:] for line in lines] == [[], []]
        assert int(lines[0][0]) > 600  # mails come and go all the time
    assert left_behind(service, made.instance) == ""


def named_in_proof(service: Service, made: Mailbox) -> list[list[str]]:
    """Of what was brought back beside: by kind, how many files its database names, and those that are not there."""
    told = {"named": [one["sql"] for one in named_files("phm_proof")], "data": PROOF.format(name=made.instance.name)}
    host = made.instance.server_name
    service.fleet.run(host, "cat >/root/named.py", text_in=NAMED)
    done = service.fleet.run(host, "python3 /root/named.py", text_in=json.dumps(told))
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def bulk(service: Service, nights: tuple[Mailbox, list[PointFacts]]) -> str:
    """The path of a big file below the data folder."""
    layout = InstanceLayout.of(nights[0].instance)
    path = f"storage/user/{nights[0].uids['anna']}/files/bulk"
    service.on(f"head -c {BULK_BYTES} /dev/urandom >{layout.data}/{path}; chown {layout.user}: {layout.data}/{path}")
    return path


def test_a_file_that_is_overwritten_in_place_while_it_is_stored_is_stored_as_it_is_listed(
    service: Service, nights: tuple[Mailbox, list[PointFacts]], bulk: str
) -> None:
    """With btrfs the point would have it as it was; here it has what it became, and can be restored all the same."""
    made, _ = nights
    name, file = made.instance.name, InstanceLayout.of(made.instance).data / bulk
    with when(service, job_of(name), STORING, f"echo overwritten | dd of={file} conv=notrunc status=none"):
        outcome = back_up(service, made.instance)
    assert outcome.completed, outcome
    check_restorable(service, points_of(service, made.instance)[-1])
    assert service.on(f"head -c 11 {PROOF.format(name=name)}/{bulk}") == "overwritten"


@pytest.mark.usefixtures("bulk")
def test_what_has_not_changed_is_not_stored_again(service: Service, nights: tuple[Mailbox, list[PointFacts]]) -> None:
    made, _ = nights
    for _ in range(2):
        assert back_up(service, made.instance).completed
    assert points_of(service, made.instance)[-1].bytes_added < BULK_BYTES / 10


def test_a_job_that_is_killed_leaves_nothing_once_the_next_has_passed(
    service: Service, nights: tuple[Mailbox, list[PointFacts]]
) -> None:
    made, _ = nights
    before = len(points_of(service, made.instance))
    unit = f"phm-job-point-{made.instance.name}"
    with when(service, job_of(made.instance.name), STORING, f"systemctl kill -s KILL {unit}"):
        outcome = back_up(service, made.instance)
    assert outcome.error == "NotBackedUp", outcome
    assert back_up(service, made.instance).completed
    assert len(points_of(service, made.instance)) == before + 1
    assert left_behind(service, made.instance) == ""


def test_a_point_comes_back_in_its_place(service: Service, nights: tuple[Mailbox, list[PointFacts]]) -> None:
    made, points = nights
    layout = InstanceLayout.of(made.instance)
    service.on(f"rm -r {layout.storage}/user/{made.uids['bert']}/email/inbox", made.instance.server_name)
    assert missing(service, made, made.instance) != []
    outcome = restore(service, made.instance, points[0])
    assert outcome.completed, outcome
    assert missing(service, made, made.instance) == []
    assert left_behind(service, made.instance) == ""


def test_the_rehearsal_passes_and_leaves_nothing(service: Service, nights: tuple[Mailbox, list[PointFacts]]) -> None:
    made, _ = nights
    outcome = run(service, "rehearse_restore.rehearse_restore", instance=made.instance.name)
    assert outcome.completed, outcome
    with service.inventory.reading() as session:
        proof = rehearsals.rehearsals_of(session, made.instance.name)[-1]
    assert proof.outcome is RehearsalOutcome.PASSED
    assert proof.server_name != made.instance.server_name
    assert (proof.evidence["mail"]["same"], proof.evidence["file"]["same"]) == (True, True)
    assert all(left_of_copies(service, host) == "" for host in service.hosts)


def test_a_point_comes_back_on_each_other_server_with_btrfs_and_without(
    service: Service, nights: tuple[Mailbox, list[PointFacts]]
) -> None:
    made, points = nights
    for server in service.hosts[:-1]:
        outcome = restore(service, made.instance, points[-1], server=server)
        assert outcome.completed, outcome
        there = service.instance(made.instance.order_reference)
        assert there.server_name == server
        assert missing(service, made, there) == []
        again = back_up(service, there)
        assert again.completed, again
        last = points_of(service, there)[-1]
        assert (last.kind, last.server_name) == (PointKind.FULL, server)
        assert last.manifest["copied_by"] == ("btrfs snapshot" if service.server(server).has_btrfs else "hard links")
