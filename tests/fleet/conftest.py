"""The fleet's own tests do harm to a third server only, so that others can use the first two at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fleet_fixture import fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet import Fleet

__all__ = ["fleet"]


@pytest.fixture(scope="session")
def spare(fleet: Fleet) -> Iterator[str]:
    """A server that nobody else uses: its name. Fresh at the beginning, powered off at the end."""
    name = "app3"
    fleet.start(name)
    fleet.reset(name)
    yield name
    fleet.stop(name)
