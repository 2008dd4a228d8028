"""A service of its own for tests: brought up by the real command, in a folder and on ports of its own."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_HOME

from deployments.catalogue import INTERACTIVE, Deployment
from deployments.console.settings_from_fleet import as_toml, fresh
from deployments.runtime.environment import ROOT, Places, api_login
from deployments.runtime.processes import Processes, Record
from hosting.settings import Settings, load_settings
from tests.service.ports import free_port

SAMPLES = tuple(
    Deployment(f"sample_flows.{name}", INTERACTIVE, (), "A sample.", "none")
    for name in ("tell_where", "sleep_long", "kill_itself")
)
UP_SECONDS = 240


def plain_settings(home: Path) -> dict[str, Any]:
    """Settings of a service without servers."""
    made = fresh(home)
    return {
        "zone": "phlymail.test",
        "inventory_url": made["inventory"],
        "sealing_key": made["sealing"],
        "prefect_api_url": f"http://127.0.0.1:{free_port()}/api",
        "ssh": {"private_key": "none"},
        "mail": {
            "host": "127.0.0.1",
            "port": 9,
            "sender": "service@phlymail.test",
            "operator": "operators@phlymail.test",
        },
        "store": {"endpoint": "http://127.0.0.1:9", "access_key": "none", "secret_key": "none"},
        "web": {"public_url": "http://127.0.0.1:4280", "bind_port": free_port(), "shop_secrets": [made["shop"]]},
    }


@dataclass(frozen=True)
class Service:
    """A service under test."""

    home: Path

    @property
    def settings(self) -> Settings:
        return load_settings(self.home / "settings.toml")

    @property
    def places(self) -> Places:
        return Places(self.home)

    @property
    def processes(self) -> Processes:
        return Processes(self.places.run, self.places.log)

    @property
    def environment(self) -> dict[str, str]:
        samples = str(Path(__file__).parent)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return {**kept, "PHM_HOME": str(self.home), "PYTHONPATH": os.pathsep.join([str(ROOT), samples])}

    def phm(self, *arguments: str, seconds: float = UP_SECONDS) -> subprocess.CompletedProcess[str]:
        """The console, as an operator uses it."""
        command = [sys.executable, "-P", "-m", "deployments.console.app", *arguments]
        return subprocess.run(
            command, env=self.environment, cwd=self.home, capture_output=True, text=True, timeout=seconds, check=False
        )

    def client(self) -> SyncPrefectClient:
        return SyncPrefectClient(self.settings.prefect_api_url, auth_string=api_login(self.places))

    @property
    def prefect_settings(self) -> dict[Any, Any]:
        """For Prefect in the test's own process."""
        return {
            PREFECT_API_URL: self.settings.prefect_api_url,
            PREFECT_API_AUTH_STRING: api_login(self.places),
            PREFECT_HOME: self.places.prefect,
        }

    def record(self, name: str) -> Record:
        found = self.processes.find(name)
        assert found is not None, self.processes.last_words(name, 20)
        return found

    def start(self, flow: str, env: dict[str, str] | None = None, **parameters: Any) -> UUID:
        """Have a sample flow run."""
        with self.client() as client:
            deployment = client.read_deployment_by_name(f"{flow}/{flow}")
            return client.create_flow_run_from_deployment(
                deployment.id, parameters=parameters, job_variables={"env": env or {}}
            ).id

    def wait(self, run: UUID, *states: str, seconds: float = 120.0) -> FlowRun:
        """The run, once it is in one of the states; in any final one if none is named."""
        deadline = time.monotonic() + seconds
        with self.client() as client:
            while True:
                found = client.read_flow_run(run)
                state = found.state
                if state is not None and (state.type.value in states if states else state.is_final()):
                    return found
                assert time.monotonic() < deadline, (
                    f"{state!r} after {seconds} s: {self.processes.last_words('worker', 30)}"
                )
                time.sleep(0.05)

    def seconds_to_running(self, run: UUID) -> float:
        """From the creation of a run to its being at work."""
        with self.client() as client:
            created = client.read_flow_run(run).created
            states = client.read_flow_run_states(run)
        running = next(state.timestamp for state in states if state.type.value == "RUNNING")
        assert created is not None
        return (running - created).total_seconds()

    def shim_of(self, run: UUID) -> int:
        """The process that the worker believes to be the run."""
        for file in Path("/proc").glob("[0-9]*/environ"):
            try:
                mine = f"PREFECT__FLOW_RUN_ID={run}".encode() in file.read_bytes().split(b"\0")
                if mine and b"warm_run.py" in (file.parent / "cmdline").read_bytes():
                    return int(file.parent.name)
            except OSError:
                continue
        raise AssertionError("no such process")


def begin(home: Path) -> Service:
    """A service's folder with settings."""
    home.chmod(0o700)
    file = home / "settings.toml"
    file.write_text(as_toml(plain_settings(home)))
    file.chmod(0o600)
    return Service(home)
