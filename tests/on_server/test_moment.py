"""What keeps a folder from being held is told, whatever it is: else what was not held would pass for held."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tasks.on_server.hard_links import HardLinks
from tasks.on_server.job import Complaint
from tasks.on_server.moment import Holding, check_begun

if TYPE_CHECKING:
    from pathlib import Path


class Unheld(HardLinks):
    """A folder of which nothing can be held."""

    error: Exception = OSError()

    def hold(self) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (NotADirectoryError(20, os.strerror(20), "/srv/x"), "folder", "Not a directory: /srv/x"),
        (OSError(28, os.strerror(28)), "disk full", "No space left on device"),
        (KeyError("storage"), "folder", "KeyError: 'storage'"),
        (RuntimeError(), "folder", "RuntimeError"),
    ],
)
def test_whatever_keeps_a_folder_from_being_held_is_told(
    tmp_path: Path, error: Exception, kind: str, told: str
) -> None:
    folder = Unheld(str(tmp_path), tmp_path / "data", tmp_path / "aside")
    folder.error = error
    holding = Holding(folder)
    holding.join()
    with pytest.raises(Complaint, match=told) as caught:
        check_begun(b"", holding.failure)
    assert caught.value.kind == kind
