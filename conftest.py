"""What all tests may ask for; what is heavy is imported by whoever asks for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service_fixture import Service

os.environ["DO_NOT_TRACK"] = "1"  # Prefect tells its makers of its use otherwise, as soon as it is imported


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service on the fleet, started once a session."""
    from tests.service_fixture import running_service  # noqa: PLC0415  # heavy: Prefect, boto3, paramiko

    with running_service(tmp_path_factory.mktemp("phm")) as made:
        yield made
