"""The readers for old installations as one zipped file, to be run on a server by a user without rights (P33, P36)."""

from __future__ import annotations

from functools import cache

from tasks.zipped import zipped_package

JOB_MEMORY = "2G"
"""Of a job on a stranger's archive: a reader has 1 GiB at most, root's part holds its answers (of 16 MiB at most)."""


@cache
def readers() -> bytes:
    """The file; `python3 -I readers.pyz WORK` runs it."""
    return zipped_package("old_installation")
