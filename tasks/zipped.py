"""Programs for servers as one zipped file each: `python3 -I program.pyz` runs it, with nothing installed there."""

from __future__ import annotations

import io
import zipfile
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAIN = "__main__.py"
PLACE = "tasks/on_server"
"""Where the programs are, here and in the zipped file."""


def zipped(entries: Mapping[str, str]) -> bytes:
    """A program of single files.

    Args:
        entries: the file below `tasks/on_server` by its name in the program; the one to begin with is `__main__.py`.
    """
    return _zipped({name: files("tasks.on_server").joinpath(file).read_bytes() for name, file in entries.items()})


def zipped_package(package: str = "") -> bytes:
    """A program of all modules of a package below `tasks/on_server`, or of that itself; its `__main__` begins."""
    there = files(".".join(part for part in ("tasks.on_server", package) if part))
    place = f"{PLACE}/{package}".rstrip("/")
    modules = sorted((file for file in there.iterdir() if file.name.endswith(".py")), key=lambda file: file.name)
    return _zipped({file.name if file.name == MAIN else f"{place}/{file.name}": file.read_bytes() for file in modules})


def _zipped(content: Mapping[str, bytes]) -> bytes:
    """The file; the packages above the modules are empty."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("tasks/__init__.py", f"{PLACE}/__init__.py"):
            if name not in content:
                archive.writestr(zipfile.ZipInfo(name), "")
        for name, source in content.items():
            archive.writestr(zipfile.ZipInfo(name), source)
    return packed.getvalue()
