"""An operator who types commands of `phm`, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 300


class Operator:
    """Types commands; the service lives in a folder of its own.

    Args:
        home: that folder.
    """

    def __init__(self, home: Path) -> None:
        self.environment = {**os.environ, "PHM_HOME": str(home), "COLUMNS": "200"}

    def phm(self, *words: str, fails: bool = False) -> str:
        """What a command says; it has to succeed."""
        command = [sys.executable, "-m", "deployments.console.app", *words]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert (done.returncode != 0) is fails, f"phm {' '.join(words)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def json(self, *words: str) -> Any:
        """What a command tells machines."""
        said = self.phm(*words, "--json")
        return json.loads(said[min(at for at in (said.find("["), said.find("{")) if at >= 0) :])
