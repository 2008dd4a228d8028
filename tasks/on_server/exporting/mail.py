"""A user's mails: one file for each folder, an index with the sum of each, and what was not there (P41)."""

from __future__ import annotations

import hashlib
from itertools import chain
from typing import TYPE_CHECKING

from tasks.on_server.exporting.icalendar_file import moment, whole
from tasks.on_server.exporting.mbox import Flags, entry, separator
from tasks.on_server.exporting.names import folder_paths
from tasks.on_server.exporting.stored_files import NotThere, pieces, size_of
from tasks.on_server.exporting.user_export import Table
from tasks.on_server.exporting.wording import MAILS, UNLISTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from tasks.on_server.exporting.user_export import UserExport

    Row = Mapping[str, str]

ELSEWHERE = 10
"""Folders of this kind and above lie on IMAP servers, or are but views."""

VIRTUAL = 20
ROOT = ":mailbox"
FOLDER = ("idx", "childof", "friendly_name", "folder_path", "att_type", "att_icon")
MAIL = ("uidl", "hfrom", "hsubject", "hdate_recv", "hdate_sent", "hsize", "read", "answered", "forwarded")
INDEX = ("file", "number", "sha256", "bytes", "read", "answered", "forwarded", "received", "from", "subject", "note")


def export_mail(job: UserExport) -> None:
    """All folders that lie here; of those elsewhere the number."""
    job.tell("mail")
    folders = list(job.rows.of("email_folders", FOLDER, f"uid={job.uid}", "idx"))
    kinds = [whole(one["att_type"]) for one in folders]
    job.imap_folders = sum(ELSEWHERE <= kind < VIRTUAL for kind in kinds)
    here = [one for one, kind in zip(folders, kinds, strict=True) if kind < ELSEWHERE and one["att_icon"] != ROOT]
    named = [
        {"id": one["idx"], "parent": one["childof"], "name": one["friendly_name"] or one["folder_path"]} for one in here
    ]
    paths = folder_paths(named, "mail", job.archive.taken)
    index = Table(*INDEX)
    for folder in here:
        _folder(job, folder, paths[folder["idx"]], index)
    _unlisted(job, index)
    if index.rows or here:
        job.archive.add(job.archive.taken.free("mail", MAILS.rpartition("/")[2]), index.pieces())


def _folder(job: UserExport, folder: Row, path: str, index: Table) -> None:
    """The mails of a folder as one file; an empty folder is an empty file."""
    where, _, name = path.rpartition("/")
    file = job.archive.taken.free(where, f"{name}.mbox")
    rows = job.rows.of("email_index", MAIL, f"uid={job.uid} AND folder_id={whole(folder['idx'])}", "idx")
    job.counts["folders"] += 1
    # how large it gets is not known before; announced as large, an archive is read by whatever knows files of 4 GiB
    first = next(rows, None)
    mails = _mails(job, folder, file, index, chain([first] if first else [], rows))
    job.archive.add(file, mails, expected=1 << 40 if first else 0)


def _mails(job: UserExport, folder: Row, file: str, index: Table, rows: Iterator[Row]) -> Iterator[bytes]:
    """The mails, each as it stands in the file."""
    number = 0
    for row in rows:
        try:
            mail = job.files.open("email", folder["folder_path"], row["uidl"])
        except NotThere as error:
            place = f"{folder['friendly_name']}/{row['uidl']}"
            job.missing.add("mail", row["hsubject"], place, error)
            index.add(file, "", "", "", row["read"], row["answered"], row["forwarded"], row["hdate_recv"],
                      row["hfrom"], row["hsubject"], f"missing: {error}")  # fmt: skip
            continue
        number += 1
        with mail:
            yield from _one(job, mail, row, folder["folder_path"] == "drafts")
            _note(job, index, (file, number), mail, row)


def _one(job: UserExport, mail: BinaryIO, row: Row, draft: bool) -> Iterator[bytes]:  # of this file
    """A mail with what the index tells of it."""
    at = moment(row["hdate_recv"]) or moment(row["hdate_sent"])
    flags = Flags(row["read"] == "1", row["answered"] == "1", row["forwarded"] == "1", draft)
    sender = row["hfrom"].rpartition("<")[2].partition(">")[0] if "<" in row["hfrom"] else row["hfrom"]
    job.counts["mails"] += 1
    yield from entry(separator(sender, at), flags, mail)


def _note(job: UserExport, index: Table, place: tuple[str, int], mail: BinaryIO, row: Row) -> None:
    """A mail's line in the index, with the sum of what is stored; the file is in the system's memory still."""
    mail.seek(0)
    sum_ = hashlib.sha256()
    for piece in pieces(mail):
        sum_.update(piece)
    size = size_of(mail)
    job.counts["empty"] += not size
    index.add(*place, sum_.hexdigest(), size, row["read"], row["answered"], row["forwarded"], row["hdate_recv"],
              row["hfrom"], row["hsubject"], "" if size else "empty: stored without content")  # fmt: skip


def _unlisted(job: UserExport, index: Table) -> None:
    """Files among the mails that no folder lists: a mail whose line was lost is the user's all the same."""
    left = job.files.not_asked("email")
    first = next(left, None)
    if first is None:
        return
    file = job.archive.taken.free("mail", f"{UNLISTED}.mbox")
    job.archive.add(file, _left(job, file, index, chain([first], left)), expected=1 << 40)


def _left(job: UserExport, file: str, index: Table, left: Iterator[tuple[str, ...]]) -> Iterator[bytes]:
    """Those mails, as they stand in the file."""
    nothing = dict.fromkeys(MAIL, "")
    number = 0
    for parts in left:
        try:
            mail = job.files.open(*parts)
        except NotThere as error:
            job.missing.add("mail", "", "/".join(parts), error)
            continue
        number += 1
        job.counts["unlisted"] += 1
        with mail:
            yield from _one(job, mail, nothing, draft=False)
            _note(job, index, (file, number), mail, nothing)
