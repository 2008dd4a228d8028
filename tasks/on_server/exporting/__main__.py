"""`python3 -I exporter.pyz <request`: one user's export, its ZIP on the standard output.

What it tells stands on the standard error, a JSON object a line: `phase` while it works; `result` or `failed` at last.
"""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from tasks.on_server.exporting.archive import Archive
from tasks.on_server.exporting.dates import export_dates
from tasks.on_server.exporting.mail import export_mail
from tasks.on_server.exporting.notes import export_bookmarks, export_feeds, export_settings
from tasks.on_server.exporting.people import export_contacts
from tasks.on_server.exporting.rows import DatabaseSaid, Rows
from tasks.on_server.exporting.stored_export import export_files
from tasks.on_server.exporting.stored_files import StoredFiles
from tasks.on_server.exporting.user_export import UserExport, settings_of, zone_of
from tasks.on_server.exporting.wording import MISSING, README_DE, README_EN, readme
from tasks.on_server.exporting.zones import FALLBACK

PARTS = (
    export_mail, export_contacts, export_dates, export_bookmarks, export_feeds, export_files, export_settings,
)  # fmt: skip
ZONE = re.compile(r'^\s*timezone\s*=\s*"?([^"\r\n]*)', re.MULTILINE)
GONE = "the user is not there any more"


def tell(**told: Any) -> None:
    """One line for who waits."""
    print(json.dumps(told), file=sys.stderr, flush=True)  # noqa: T201  # it is the answer


def instance_zone(storage: Path) -> str:
    """The zone that the instance is set to."""
    try:
        settings = (storage / "config/choices.ini.php").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return FALLBACK
    found = ZONE.search(settings)
    return found[1].strip() if found else FALLBACK


def export(request: dict[str, Any]) -> dict[str, Any]:
    """The whole archive.

    Args:
        request: `storage` (the instance's), `uid`, `instance`, `now`, and of the database `client`, `user`,
            `password`, `database`, `prefix`.

    Returns:
        `counts`, `missing`, `imap_folders`, `files`.
    """
    storage, uid = Path(request["storage"]), int(request["uid"])
    database = (request["client"], request["user"], request["password"], request["database"], request["prefix"])
    with Rows(*database) as rows, os.fdopen(sys.stdout.fileno(), "wb", closefd=False) as out:
        names = [row["username"] for row in rows.of("user", ("username",), f"uid={uid}", "uid")]
        if not names:
            raise DatabaseSaid(GONE)
        choices = settings_of(rows, uid)
        zone = zone_of(choices, instance_zone(storage))
        at = datetime.fromisoformat(request["now"]).astimezone(zone)
        job = UserExport(
            rows=rows, files=StoredFiles(str(storage / "user" / str(uid))), archive=Archive(out, at), uid=uid,
            user=names[0], instance=request["instance"], zone=zone, at=at, choices=choices,
            tell=lambda phase: tell(phase=phase),
        )  # fmt: skip
        for path in (README_DE, README_EN, MISSING):
            job.archive.taken.free("", path)
        for part in PARTS:
            part(job)
        finish(job)
    return {
        "counts": dict(job.counts), "missing": job.missing.rows, "imap_folders": job.imap_folders,
        "files": job.archive.files,
    }  # fmt: skip


def finish(job: UserExport) -> None:
    """What explains the archive, what is missing, and the sums of all."""
    if job.missing.rows:
        job.archive.add(MISSING, job.missing.pieces())
    told = {
        "user": job.user, "instance": job.instance, "at": f"{job.at:%Y-%m-%d %H:%M:%S %Z}", "zone": job.zone.key,
        "imap": job.imap_folders,
    }  # fmt: skip
    for language, path in enumerate((README_DE, README_EN)):
        job.archive.add(path, [readme(language, told, job.counts, job.missing.rows).encode()])
    job.archive.finish()


def main() -> int:
    """The export of the request on the standard input; the exit code."""
    try:
        result = export(json.load(sys.stdin))
    except DatabaseSaid as error:
        fail(str(error), "gone" if str(error) == GONE else "database")
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told; what stood in the user's data is not
        fail(f"{type(error).__name__} in {place_of(error)}", "failed")
    tell(result=result)
    return 0


def fail(what: str, kind: str) -> NoReturn:
    """Tell why, and end at once: nothing may finish an archive that is half written."""
    tell(failed=what, kind=kind)
    os._exit(1)


def place_of(error: BaseException) -> str:
    """Where something went wrong, for who mends it."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "nowhere"


if __name__ == "__main__":
    sys.exit(main())
