"""The exporter as one zipped file, to be run on a server by an instance's own user (P41)."""

from __future__ import annotations

from functools import cache

from tasks.zipped import zipped_package


@cache
def exporter() -> bytes:
    """The file; `python3 -I exporter.pyz <request` runs it."""
    return zipped_package("exporting")
