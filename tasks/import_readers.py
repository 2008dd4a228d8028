"""The readers for old installations as one zipped file, to be run on a server by a user without rights (P33, P36)."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from importlib.resources import files

READERS = "tasks/on_server/old_installation"


@cache
def readers() -> bytes:
    """The file; `python3 -I readers.pyz WORK` runs it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for package in ("tasks", "tasks/on_server"):
            archive.writestr(zipfile.ZipInfo(f"{package}/__init__.py"), "")
        for file in sorted(files("tasks.on_server.old_installation").iterdir(), key=lambda file: file.name):
            if file.name.endswith(".py"):
                name = "__main__.py" if file.name == "__main__.py" else f"{READERS}/{file.name}"
                archive.writestr(zipfile.ZipInfo(name), file.read_bytes())
    return packed.getvalue()
