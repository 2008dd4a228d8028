"""The flow run again on what is there: nothing changes, and it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.service.listing import differences, listing

if TYPE_CHECKING:
    from tests.flows.conftest import Undisturbed
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]


def test_each_step_run_twice_changes_nothing_the_second_time_and_says_so(service: Service) -> None:
    order = service.order()
    first, second = service.run(order), service.run(order)
    assert first.completed, first
    assert second.completed, second
    assert second.tasks == first.tasks
    assert second.changed.keys() == first.changed.keys() != set()
    assert [step for step, changed in second.changed.items() if changed] == []


def test_two_instances_differ_in_names_secrets_and_moments_alone(service: Service, undisturbed: Undisturbed) -> None:
    order = service.order()
    assert service.run(order).completed
    assert differences(undisturbed.listing, listing(service, order)) == []


def test_a_second_run_leaves_everything_as_it_was(service: Service, undisturbed: Undisturbed) -> None:
    assert service.run(undisturbed.order).completed
    assert differences(undisturbed.listing, listing(service, undisturbed.order)) == []


def test_the_listing_sees_what_it_is_there_to_see(service: Service, undisturbed: Undisturbed) -> None:
    """A comparison that can't fail proves nothing."""
    instance = service.instance(undisturbed.order)
    name, user = instance.name, f"phm-{instance.name}"
    damages = {
        "mode": (f"chmod 755 /srv/instances/{name}/storage", f"chmod 700 /srv/instances/{name}/storage"),
        "content": (f"echo >>/etc/cron.d/{user}", f"sed -i '$d' /etc/cron.d/{user}"),
        "leftover": (f"touch /srv/code/{name}/x.part", f"rm /srv/code/{name}/x.part"),
        "grant": (f"mariadb -e 'GRANT TRIGGER ON `phm\\_{name}`.* TO phm_{name}@localhost'", f"mariadb -e 'REVOKE TRIGGER ON `phm\\_{name}`.* FROM phm_{name}@localhost'"),
        "row": (f"mariadb -e \"INSERT INTO phm_{name}.phlymail_groups (friendly_name) VALUES ('x')\"", f"mariadb -e \"DELETE FROM phm_{name}.phlymail_groups WHERE friendly_name = 'x'\""),
        "limit": (f"btrfs qgroup limit 1G /srv/instances/{name}", f"btrfs qgroup limit {undisturbed.limit} /srv/instances/{name}"),
        "group": (f"usermod -a -G www-data {user}", f"usermod -G '' {user}"),
    }  # fmt: skip
    unseen = []
    for damage, (breaking, mending) in damages.items():
        with service.broken(breaking, mending):
            if not differences(undisturbed.listing, listing(service, undisturbed.order)):
                unseen.append(damage)
    assert unseen == []
    assert differences(undisturbed.listing, listing(service, undisturbed.order)) == []
