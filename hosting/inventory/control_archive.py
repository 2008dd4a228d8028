"""All that the control machine can't make anew, as one file: settings, inventory, the way to every backup.

A gzipped tar: `about.json`, `settings.toml`, `escrow.json`, `inventory/TABLE.jsonl`, the operator's own lists of
names where there are any (`name_lists/FILE.csv`), and `SHA256SUMS` over all of them.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hosting.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

FORM = 1
SUMS, ABOUT, SETTINGS, ESCROW, ROWS = "SHA256SUMS", "about.json", "settings.toml", "escrow.json", "inventory/"
LISTS = "name_lists/"


class NoControlArchive(Refused):
    """A file that is no archive of the control machine, or a damaged one."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"This is no whole backup of the control machine: {why}.", "Decrypt it first, or take another."
        )


@dataclass(frozen=True)
class ControlArchive:
    """What one archive holds.

    Args:
        made_at: the moment, as ISO 8601.
        revision: of the inventory's schema.
        settings: the text of the settings file.
        rows: the inventory's, by table.
        escrow: where each generation lies and what opens it.
        lists: the operator's own lists of names, by file; none where ours count (P28).
    """

    made_at: str
    revision: str
    settings: str = field(repr=False)
    rows: Mapping[str, bytes] = field(repr=False)
    escrow: Mapping[str, Any] = field(repr=False)
    lists: Mapping[str, bytes] = field(repr=False, default_factory=dict)


def pack(archive: ControlArchive, at: datetime) -> bytes:
    """The archive as a file's content."""
    about = {"form": FORM, "made_at": archive.made_at, "revision": archive.revision}
    files = {
        ABOUT: json.dumps(about).encode(),
        SETTINGS: archive.settings.encode(),
        ESCROW: json.dumps(archive.escrow, ensure_ascii=False, indent=1).encode(),
        **{f"{ROWS}{table}.jsonl": lines for table, lines in archive.rows.items()},
        **{f"{LISTS}{name}": content for name, content in archive.lists.items()},
    }
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in {**files, SUMS: sums.encode()}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(at.timestamp())
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def unpack(content: bytes) -> ControlArchive:
    """What a file holds; every part of it is compared with its checksum.

    Raises:
        NoControlArchive: it is not such a file, or not whole.
    """
    files = _files(content)
    about = json.loads(files[ABOUT])
    if about.get("form") != FORM:
        raise NoControlArchive(f"its form is {about.get('form')}, this program reads {FORM}")
    tables = {name: lines for name, lines in files.items() if name.startswith(ROWS)}
    lists = {name.removeprefix(LISTS): content for name, content in files.items() if name.startswith(LISTS)}
    if wrong := [name for name in lists if "/" in name or not name.endswith(".csv")]:
        raise NoControlArchive(f"{wrong[0]!r} is no list of names")
    return ControlArchive(
        made_at=about["made_at"],
        revision=about["revision"],
        settings=files[SETTINGS].decode(),
        rows={name.removeprefix(ROWS).removesuffix(".jsonl"): lines for name, lines in tables.items()},
        escrow=json.loads(files[ESCROW]),
        lists=lists,
    )


def _files(content: bytes) -> dict[str, bytes]:
    """The archive's files by name, compared with their checksums."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
            files = {entry.name: stream.read() for entry in tar if (stream := tar.extractfile(entry))}
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, OSError) as error:
        raise NoControlArchive(f"it can't be unpacked ({type(error).__name__})") from None
    told = [line.partition("  ") for line in files.pop(SUMS, b"").decode(errors="replace").splitlines()]
    sums = {name: digest for digest, _, name in told}
    wrong = [name for name in {*files, *sums} if name not in files or _sum(files[name]) != sums.get(name)]
    if wrong or not {ABOUT, SETTINGS, ESCROW} <= set(files):
        raise NoControlArchive(f"{min(wrong, default='a part')} is missing or damaged")
    return files


def _sum(content: bytes) -> str:
    """A content's checksum."""
    return hashlib.sha256(content).hexdigest()
