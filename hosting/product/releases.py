"""Product releases: archives that an operator registers, known by their version markers (phlymail.md section 8)."""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from hosting.errors import Refused
from hosting.product.accounts import table

if TYPE_CHECKING:
    from hosting.policy.values import ReleaseFacts

MARKER_BUILD = "storage/config/current.build"
MARKER_NAME = "storage/config/build.name"
NEEDED = (
    "index.php",
    "config.php",
    "api.php",
    "webdav.php",
    "installer.php",
    "runonce.php",
    "defaults.ini.php",
    MARKER_BUILD,
    MARKER_NAME,
)
BUILD = re.compile(r"[0-9]{3,6}")
"""Build numbers known: 3xxxx and 4xxxx."""

STATE = re.compile(r"storage/.*|choices\.ini\.php|installer\.php|runonce\.php|install/.*", re.DOTALL)
"""Files of a release that each instance changes or does without."""

WRITTEN_AT_EACH_RUN = (table("files_folders"), table("mailboxes"))
"""Tables that every run-once script writes or drops, though it mostly changes nothing (phlymail.md section 5)."""

MOST_BYTES = 512 * 2**20
MOST_ENTRIES = 50_000
SYMLINK = 0o120000
KIND = 0o170000


class NotARelease(Refused):
    """An archive that is no phlyMail release, or one that can't be trusted."""


@dataclass(frozen=True)
class ReleaseArchive:
    """What an archive says it is."""

    id: str
    build: int
    version: str
    edition: str
    bytes: int


def version_of(build: int) -> str:
    """A build number as people write it: digits in twos from the right, 40470 is 4.04.70 (phlymail.md section 5)."""
    text = str(build)
    parts: list[str] = []
    while text:
        text, part = text[:-2], text[-2:]
        parts.insert(0, part)
    return ".".join(parts)


def object_key(release: ReleaseFacts | ReleaseArchive) -> str:
    """Where a release's archive is in the object store."""
    return f"releases/{release.id}.zip"


def inspect_archive(file: Path) -> ReleaseArchive:
    """What a release's archive says it is, after checking that it can be unpacked safely.

    Raises:
        NotARelease: not a ZIP archive, entries that lead out of it, too large, or without the product's markers.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            _check_entries(file, entries)
            top = _top(file, [entry.filename for entry in entries])
            build = archive.read(top + MARKER_BUILD).decode(errors="replace").strip()
            edition = archive.read(top + MARKER_NAME).decode(errors="replace").strip()
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:  # RuntimeError: it is encrypted
        raise NotARelease(
            f"{file.name} can't be read as a ZIP archive ({error}).", "Pack the release as a ZIP archive."
        ) from error
    if not BUILD.fullmatch(build):
        raise NotARelease(f"{file.name} names no build number in {MARKER_BUILD}.", "Take the vendor's release archive.")
    with file.open("rb") as stream:
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    return ReleaseArchive(checksum, int(build), version_of(int(build)), edition[:80], file.stat().st_size)


def file_sums(file: Path) -> dict[str, str]:
    """The SHA-256 of each file of a registered release's program, by its path; what instances change is left out."""
    with zipfile.ZipFile(file) as archive:
        names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        top = _top(file, names)
        own = [name for name in names if name.startswith(top) and not STATE.fullmatch(name.removeprefix(top))]
        return {name.removeprefix(top): hashlib.sha256(archive.read(name)).hexdigest() for name in own}


def _check_entries(file: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Nothing that leads out of the archive's folder, no links, within bounds."""
    if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise NotARelease(
            f"{file.name} unpacks to more than a release ever does.", "Take the vendor's release archive."
        )
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if (
            path.is_absolute()
            or ".." in path.parts
            or "\\" in entry.filename
            or (entry.external_attr >> 16) & KIND == SYMLINK
        ):
            raise NotARelease(
                f"{file.name} holds {entry.filename!r}, which leads out of it.", "Don't use this archive."
            )


def _top(file: Path, names: list[str]) -> str:
    """The folder in the archive that is the product's root, "" or "name/"."""
    tops = [
        name.removesuffix("index.php")
        for name in names
        if name == "index.php" or PurePosixPath(name).parts[1:] == ("index.php",)
    ]
    for top in tops:
        missing = [needed for needed in NEEDED if top + needed not in names]
        if not missing:
            return top
    missing = [
        needed for needed in NEEDED if needed not in {name.removeprefix(tops[0] if tops else "") for name in names}
    ]
    raise NotARelease(
        f"{file.name} is no phlyMail release: {', '.join(missing)} missing.", "Take the vendor's release archive."
    )
