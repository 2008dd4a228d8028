"""An undisturbed run, made once: what it did, what it left, and the steps that are read from it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.service.listing import listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service.plans import Outcome
    from tests.service_fixture import Service


@dataclass(frozen=True)
class Undisturbed:
    """A run that nothing happened to.

    Args:
        order: its order.
        outcome: what it did.
        listing: everything that it left.
    """

    order: str
    outcome: Outcome
    listing: dict[str, str]

    @property
    def steps(self) -> list[str]:
        """The tasks of the run in order, each once."""
        return list(dict.fromkeys(self.outcome.tasks))

    @property
    def limit(self) -> str:
        """What the kernel lets its files be, in bytes."""
        return next(value for name, value in self.listing.items() if name.startswith("limit "))


@pytest.fixture(autouse=True, scope="module")
def _usual_server_again() -> Iterator[None]:
    """What a module does with the servers is no matter of the next one: new instances go to the usual host again."""
    yield
    for service in getattr(sys.modules.get("tests.service_fixture"), "RUNNING", ()):
        service.only_server(service.host)


@pytest.fixture(scope="session")
def undisturbed(service: Service) -> Undisturbed:
    service.provision()  # the server's first instance also brings the release
    order = service.order()
    outcome = service.run(order)
    assert outcome.completed, outcome
    return Undisturbed(order, outcome, listing(service, order))
