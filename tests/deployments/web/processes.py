"""The receiver as a process of its own, with settings in a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.service.ports import free_port

ROOT = Path(__file__).parents[3]
START_SECONDS = 60.0


@dataclass
class ReceiverProcess:
    """`python -m deployments.web.serve` on loopback; Prefect's API is at a port where nobody listens, unless named."""

    home: Path
    inventory_url: str
    shop_secret: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    prefect_api_url: str = "http://127.0.0.1:9/api"
    board_port: int = 0  # no board

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.home / "receiver.log").read_text()

    def start(self, *, wait: bool = True) -> None:
        self._write_settings()
        with (self.home / "receiver.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deployments.web.serve"],
                cwd=ROOT,
                env=os.environ | {"PHM_HOME": str(self.home), "PREFECT_HOME": str(self.home / "prefect")},
                stdout=log,
                stderr=log,
            )
        if wait:
            self.await_health()

    def await_health(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            assert self.process is not None
            assert self.process.poll() is None, self.log
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health", timeout=5).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"The receiver did not become healthy: {self.log}")

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def _end(self, by: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(by)
        return self.process.wait(30)

    def _write_settings(self) -> None:
        mail = {"host": "127.0.0.1", "sender": "service@phlymail.test", "operator": "operator@phlymail.test"}
        store = {"endpoint": "http://127.0.0.1:9", "access_key": "a", "secret_key": "s"}
        web = {"bind_port": self.port, "public_url": self.url, "shop_secrets": [self.shop_secret]}
        top = {
            "zone": "phlymail.test",
            "inventory_url": self.inventory_url,
            "sealing_key": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
            "prefect_api_url": self.prefect_api_url,
        }
        board = {"bind_port": self.board_port}
        tables = {"ssh": {"private_key": "none"}, "mail": mail, "store": store, "web": web, "board": board}
        lines = [f"{name} = {json.dumps(value)}" for name, value in top.items()]
        for table, values in tables.items():
            lines += [f"[{table}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]
        file = self.home / "settings.toml"
        file.touch(0o600)
        file.write_text("\n".join(lines))


def run_serve(home: Path) -> tuple[int, str]:
    """Run the receiver where it can't begin; its exit code and what it says."""
    command = [sys.executable, "-m", "deployments.web.serve"]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PHM_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stderr
