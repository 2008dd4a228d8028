import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import temporary_settings

from deployments.apply import ensure_deployment
from tests.deployments.service import SAMPLES, Service, begin

sys.path.append(str(Path(__file__).parent))  # the sample flows are a module here as for the runs


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """A whole service by `phm up`, with the sample flows deployed beside its own."""
    home = Path(tempfile.mkdtemp(prefix="phm-", dir="/tmp"))  # short: a socket's address has a length
    service = begin(home)
    try:
        up = service.phm("up")
        assert up.returncode == 0, up.stderr
        with temporary_settings(service.prefect_settings), get_client(sync_client=True) as client:
            for sample in SAMPLES:
                ensure_deployment(client, sample)
        yield service
    finally:
        service.phm("down", "--now")
        shutil.rmtree(home, ignore_errors=True)
