"""Outputs of programs as files; lines in front that begin with a hash sign tell where they come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def recorded(name: str) -> str:
    """A file's text without its head."""
    lines = (HERE / name).read_text(encoding="utf-8").splitlines(keepends=True)
    while lines and lines[0].startswith("# "):
        lines.pop(0)
    return "".join(lines)


def recorded_json(name: str) -> Any:
    """A file's JSON without its head."""
    return json.loads(recorded(name))
