"""The fleet for tests: started once and left up; one that can't start is a failure, never a skip."""

from __future__ import annotations

import pytest

from fleet import Fleet


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    """The machine's fleet, running, with all its usual servers on the network."""
    running = Fleet()
    running.up()
    return running
