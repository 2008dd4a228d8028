"""The fleet for tests: started once and left up; one that can't start is a failure, never a skip."""

from __future__ import annotations

import os

import pytest

from fleet import Fleet


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    """The machine's fleet, running, with the session's servers on the network (PHM_TEST_HOSTS; the usual ones)."""
    running = Fleet()
    running.up(names=tuple(os.environ.get("PHM_TEST_HOSTS", "").split()))
    return running
