"""What all tests may ask for; what is heavy is imported by whoever asks for it."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.service_fixture import Service

os.environ["DO_NOT_TRACK"] = "1"  # Prefect tells its makers of its use otherwise, as soon as it is imported
os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "180"  # one that a task starts for itself may be late

# The same tree gives the same verdict, on a busy machine too; make soak looks for cases that nobody has seen.
PATIENT = (HealthCheck.too_slow,)
settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=PATIENT)
settings.register_profile("search", deadline=None, suppress_health_check=PATIENT)
settings.load_profile(os.environ.get("PHM_HYPOTHESIS", "same"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported here stays to the end: no search for garbage looks at it, neither now nor during the tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service on the fleet, started once a session."""
    from tests.service_fixture import running_service  # noqa: PLC0415  # heavy: Prefect, boto3, paramiko

    with running_service(tmp_path_factory.mktemp("phm")) as made:
        yield made


@pytest.fixture(autouse=True)
def _blocks_as_before() -> Iterator[None]:
    """A test that provides blocks of its own (a console verb does) leaves the session's service with its own."""
    loading = sys.modules.get("blocks.loading")
    before = dict(loading._LOADED) if loading else {}
    yield
    loading = sys.modules.get("blocks.loading")
    if loading:
        loading._LOADED.clear()
        loading._LOADED.update(before)
