"""A user's files with their real names in their folders, and what was stored without a name (P41)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.on_server.exporting.icalendar_file import moment
from tasks.on_server.exporting.names import folder_paths, safe_name
from tasks.on_server.exporting.stored_files import NotThere, pieces, size_of
from tasks.on_server.exporting.wording import UNLISTED

if TYPE_CHECKING:
    from datetime import datetime

    from tasks.on_server.exporting.user_export import UserExport

TOP = "files"
FOLDER = ("idx", "childof", "friendly_name", "folder_path")
FILE = ("folder_id", "file_name", "friendly_name", "mtime")


def export_files(job: UserExport) -> None:
    """All of them; a folder without files is there too."""
    job.tell("files")
    folders = list(job.rows.of("files_folders", FOLDER, f"uid={job.uid}", "idx"))
    places = {one["idx"]: one["folder_path"] for one in folders}
    named = [
        {"id": one["idx"], "parent": one["childof"], "name": one["friendly_name"]}
        for one in folders
        if one["folder_path"]  # the root has none, and is the folder of all
    ]
    paths = folder_paths(named, TOP, job.archive.taken)
    for path in paths.values():
        job.archive.folder(path)
    for row in job.rows.of("files_index", FILE, f"uid={job.uid}", "idx"):
        place = places.get(row["folder_id"], "")
        _file(job, ("files", place, row["file_name"]), paths.get(row["folder_id"], TOP), row["friendly_name"],
              moment(row["mtime"]))  # fmt: skip
    for parts in job.files.not_asked("files"):
        job.counts["unlisted"] += 1
        _file(job, parts, f"{TOP}/{UNLISTED}", parts[-1], None)


def _file(job: UserExport, parts: tuple[str, ...], folder: str, name: str, at: datetime | None) -> None:
    """One file under its name, or a line in the table of what is missing."""
    try:
        file = job.files.open(*parts)
    except NotThere as error:
        job.missing.add("file", name, folder, error)
        return
    with file:
        shown = name.encode(errors="replace").decode()
        path = job.archive.taken.free(folder, safe_name(shown))
        job.archive.add(path, pieces(file), expected=2 * size_of(file), at=at)
    job.counts["files"] += 1
