"""Two neighbours on one server, each with a user, a file and somebody logged in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.service.customer import Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service_fixture import Service


@pytest.fixture(scope="session")
def neighbours(service: Service) -> Iterator[tuple[Site, Site]]:
    """A and B."""
    made = []
    for name in ("anna", "berta"):
        one = site(service, service.provision())
        assert one.log_in(service.secret(one.instance, "root_admin")).status_code == 302
        one.make_user(name)
        put = one.ask(
            one.file(name, "letter.txt"), "PUT", auth=one.digest(name), content=f"{name}'s own words".encode()
        )
        assert put.status_code in {201, 204}, put.text
        made.append(one)
    yield made[0], made[1]
    for one in made:
        one.client.close()
