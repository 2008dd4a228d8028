"""An update on a server without btrfs: the files are copied aside, and go back whole, whatever the release did (P17).

Its session has servers of its own (`tests/tracks.py`): the last one, where the instances are, has no btrfs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hosting.policy.roll_outs import RollOutState, UpdateState
from tests.service import backups, updates
from tests.service.customer import site
from tests.service.plans import Fault

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, ReleaseFacts
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect, pytest.mark.timeout(300)]

SEEN = "seen by build 40473"


@pytest.fixture(scope="module")
def later(service: Service) -> ReleaseFacts:
    """A release that writes into the users' files, in place."""
    assert not service.server().has_btrfs
    service.only_server(service.host)
    return updates.release(service, "40473")


def with_files(service: Service, *users: str) -> InstanceFacts:
    """An instance with files of its user's; two names for one file stay one file."""
    instance = service.provision()
    updates.run_cron(service, instance)
    for user in users:
        updates.add_user(service, instance, user)
    for name in ("letter.txt", "photo.php"):  # one comes ahead of the stop, the other one within
        updates.add_file(service, instance, name)
    return instance


def test_one_has_the_new_release_and_the_one_it_breaks_has_every_file_as_before(
    service: Service, later: ReleaseFacts
) -> None:
    well, broken = with_files(service, "anna"), with_files(service, "unseen")
    before, salt = updates.state_of(service, broken), service.salt(well)
    roll_out = updates.begin(service, later, well.name, broken.name, canaries=(well.name,))
    outcome = updates.run(service, roll_out, service.host)
    assert outcome.completed, outcome
    found = updates.of(service, roll_out)
    assert found[well.name].state is UpdateState.DONE, found[well.name].finding
    assert updates.files_with(service, well, SEEN) == ["letter.txt", "photo.php"]
    assert service.salt(well) == salt
    assert found[broken.name].state is UpdateState.FAILED, found[broken.name].finding
    assert "answers 500" in found[broken.name].finding
    assert updates.state_of(service, broken) == before
    assert site(service, broken).ask("api.php").status_code == 401
    assert [updates.leftovers(service, one) for one in (well, broken)] == [[], []]
    assert updates.facts(service, roll_out).state is RollOutState.DONE


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "fault",
    [
        Fault("ensure_keeping_prepared", "command", 4),
        Fault("ensure_keeping_prepared", "after"),
        Fault("keep", "command", 1),
        Fault("keep", "after"),
        Fault("switch", "after"),
        Fault("put_back", "command", 5),
        Fault("put_back", "command", 6),
        Fault("put_back", "command", 7),
    ],
    ids=lambda fault: f"{fault.task}-{fault.moment}{fault.command}",
)
def test_wherever_a_run_is_killed_the_next_brings_every_file_back(
    service: Service, later: ReleaseFacts, fault: Fault
) -> None:
    instance = with_files(service, "unseen")
    before = updates.state_of(service, instance)
    roll_out = updates.begin(service, later, instance.name)
    assert updates.run(service, roll_out, service.host, fault).state == "Killed"
    assert updates.run(service, roll_out, service.host).completed
    assert updates.of(service, roll_out)[instance.name].state is UpdateState.FAILED
    assert updates.state_of(service, instance) == before
    assert updates.leftovers(service, instance) == []
    assert site(service, instance).ask("api.php").status_code == 401
    updates.end(service, roll_out)


@pytest.mark.soak
def test_what_has_no_room_for_the_copy_is_never_closed(service: Service, later: ReleaseFacts) -> None:
    instance = with_files(service, "anna")
    assert backups.back_up(service, instance).completed  # so that no further point is needed
    large = f"/srv/instances/{instance.name}/storage/user/1/files/large"
    roll_out = updates.begin(service, later, instance.name)
    fill = "df --output=avail -B1 /srv/backup | awk 'NR == 2 {print int($1 / 100 * 60)}'"
    with (
        service.broken(f"fallocate -l $({fill}) {large}", f"rm -f {large}"),
        updates.Asking(site(service, instance).ask) as asking,
    ):
        assert updates.run(service, roll_out, service.host).completed
    found = updates.of(service, roll_out)[instance.name]
    assert found.state is UpdateState.FAILED
    assert "The disk of /srv/backup" in found.finding
    assert asking.statuses == {401}
    assert updates.leftovers(service, instance) == []
    updates.end(service, roll_out)
