"""An archive opened into a scratch folder: ZIP, gzip or BZip2, with archives in it opened once (P36).

Either all of it lies there at the end, or nothing.
"""

from __future__ import annotations

import stat
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from tasks.on_server.old_installation import tar_stream, zip_file
from tasks.on_server.old_installation.bounds import Bounds, Budget
from tasks.on_server.old_installation.names import Seen, check_link, safe_parts
from tasks.on_server.old_installation.refusal import Refusal
from tasks.on_server.old_installation.streams import BZIP2, GZIP, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tasks.on_server.old_installation.names import Parts
    from tasks.on_server.old_installation.scratch import Scratch

HEAD = 512
LISTED = 100
"""So many of the things left out are named; all are counted."""

LINK_BYTES = 4096
NESTED_MOST = 8
NESTED_DEPTH = 2
"""Archives in an archive are opened so far below its top; what users uploaded lies deeper."""

SUFFIXES = (".zip", ".gz", ".tgz", ".bz2", ".tbz", ".tbz2")
NOT_OFFERED = (
    (b"\xfd7zXZ\0", "xz"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!", "rar"), (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"LZIP", "lzip"), (b"\x1f\x9d", "compress"), (b"PK\7\x08", "split ZIP"), (b"PK00", "split ZIP"),
    (b"MSCF", "cab"), (b"\x60\xea", "arj"),
)  # fmt: skip
WEB_PAGES = (b"<!doctype html", b"<html")
"""What a link gives that shows a file in place of the file."""

BEFORE_PAGES = b"\xef\xbb\xbf \t\r\n"
SET_ID = stat.S_ISUID | stat.S_ISGID


@dataclass
class Opened:
    """What lies in the scratch folder now.

    Args:
        formats: of the archive, and of those in it.
        encrypted: whether `all`, `some` or `none` of the outer archive's files were encrypted.
        old_encryption: whether any of them was in ZIP's old way.
        left_out: path and reason (`link`, `twice`) of some of what was left out; `left_out_count` counts all.
        unopened: some of the archives that lie too deep to be opened.
    """

    formats: list[str] = field(default_factory=list)
    encrypted: str = "none"
    old_encryption: bool = False
    files: int = 0
    bytes: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    left_out_count: int = 0
    unopened: list[str] = field(default_factory=list)

    def leave_out(self, parts: Parts, why: str) -> None:
        """One thing is not taken."""
        self.left_out_count += 1
        if len(self.left_out) < LISTED:
            self.left_out.append(("/".join(parts).encode(errors="replace").decode(), why))

    def as_json(self) -> dict[str, Any]:
        """As the job tells it."""
        return asdict(self)


class Opening:
    """One archive on its way into a scratch folder."""

    def __init__(self, scratch: Scratch, bounds: Bounds, packed: int, password: bytes | None) -> None:
        """Nothing lies there yet."""
        self._scratch, self._budget, self._password = scratch, Budget(bounds, packed), password
        self._bounds = bounds
        self._seen = Seen()
        self.opened = Opened()

    def open(self, file: BinaryIO, name: str, below: Parts) -> None:
        """Open one archive into a folder.

        Raises:
            Refusal: it can't be taken.
        """
        file.seek(0)
        head = file.read(HEAD)
        file.seek(0)
        format_ = format_of(head)
        if format_ == "zip":
            self.opened.formats.append("zip")
            self._open_zip(zip_file.ZipFile(file, name), below)
        else:
            self._open_stream(format_, file, name, below)

    def open_nested(self) -> None:
        """Open the archives in the archive, once, each into a folder beside; they are gone then.

        Raises:
            Refusal: one can't be taken, there are too many, or one holds nothing but further ones.
        """
        inner = list(self._archives((), NESTED_DEPTH))
        if len(inner) > NESTED_MOST:
            raise Refusal("too_many_archives", most=NESTED_MOST)
        for number, parts in enumerate(inner, 1):
            below = (self._free(f"nested-{number}"),)
            with self._scratch.read(parts) as file:
                self.open(file, "/".join(parts), below)
            self._scratch.remove(parts)
            further = list(self._archives(below, NESTED_DEPTH + 1))
            if further and len(further) == sum(1 for _ in self._scratch.files(below)):
                raise Refusal("nested_twice", name="/".join(further[0][1:]))
            room = LISTED - len(self.opened.unopened)
            self.opened.unopened += ["/".join(deeper) for deeper in further[:room]]

    def _free(self, name: str) -> str:
        """A name that nothing at the top has."""
        while self._scratch.has(name):
            name += "_"
        return name

    def _archives(self, below: Parts, depth: int) -> Iterator[Parts]:
        """The archives near the top of what lies there."""
        for parts, size in self._scratch.files(below):
            if len(parts) - len(below) <= depth and size and parts[-1].lower().endswith(SUFFIXES):
                with self._scratch.read(parts) as file:
                    if file.read(4).startswith((zip_file.MAGIC, GZIP, BZIP2)):
                        yield parts

    def _open_zip(self, archive: zip_file.ZipFile, below: Parts) -> None:
        """A ZIP archive: everything is checked first."""
        if archive.count > self._bounds.entries:
            raise Refusal("too_many_entries", most=self._bounds.entries)
        ways = [
            (one.is_encrypted, one.aes is not None) for one in self._checked(archive)
            if not one.is_folder and (one.size or one.is_encrypted)  # tools leave empty files as they are
        ]  # fmt: skip
        encrypted = [is_so for is_so, _ in ways]
        archive.check_places()
        if not below and encrypted:
            self.opened.old_encryption = any(is_so and not by_aes for is_so, by_aes in ways)
            self.opened.encrypted = "all" if all(encrypted) else "some" if any(encrypted) else "none"
        for entry in archive.entries():
            parts = safe_parts(entry.name, self._bounds)
            self._budget.entry()
            if entry.is_folder:
                self._folder((*below, *parts))
            elif stat.S_ISLNK(entry.mode):
                self._link(parts, parts, b"".join(self._short(archive, entry)).decode(errors="surrogateescape"))
            else:
                content = archive.content(entry, self._password, self._bounds.dictionary)
                self._file(below, parts, self._counted(content))

    def _checked(self, archive: zip_file.ZipFile) -> Iterator[zip_file.Entry]:
        """All entries; nothing speaks against them."""
        stated = 0
        for number, entry in enumerate(archive.entries(), 1):
            if number > self._bounds.entries:
                raise Refusal("too_many_entries", most=self._bounds.entries)
            safe_parts(entry.name, self._bounds)
            _check_kind(entry.name, entry.mode)
            stated += entry.size
            if entry.flags & (zip_file.STRONG | zip_file.MASKED):
                raise Refusal("encryption_not_offered", name=entry.name)
            if entry.method == zip_file.AES and not (entry.aes and entry.is_encrypted):
                raise Refusal("encryption_not_offered", name=entry.name)
            if entry.packing not in zip_file.METHODS:
                raise Refusal("method_not_offered", name=entry.name, method=entry.packing)
            if entry.is_encrypted and not self._password:
                raise Refusal("password_missing", name=entry.name)
            yield entry
        if stated > self._bounds.bytes:
            raise Refusal("too_many_bytes", most_mib=self._bounds.bytes // 2**20)

    def _short(self, archive: zip_file.ZipFile, entry: zip_file.Entry) -> Iterator[bytes]:
        """A link's target."""
        found = 0
        for piece in archive.content(entry, self._password, self._bounds.dictionary):
            found += len(piece)
            if found > LINK_BYTES:
                raise Refusal("link_leads_out", name=entry.name, target="…")
            yield piece

    def _open_stream(self, format_: str, file: BinaryIO, name: str, below: Parts) -> None:
        """A gzip or BZip2 file: a tar archive, or one file."""
        stream = tar_stream.Pieces(self._counted(unpacked(file, name)), name)
        first = stream.exactly(tar_stream.BLOCK)
        if tar_stream.is_tar(first):
            self.opened.formats.append(f"tar.{format_}")
            for member, content in tar_stream.members(stream, first):
                self._budget.entry()
                self._member(member, content, below)
            return
        self.opened.formats.append(format_)
        self._budget.entry()
        plain = name.rpartition("/")[2].rpartition(".")[0] or "dump.sql"
        self._file(below, safe_parts(plain, self._bounds), _joined(first, stream.rest()))

    def _member(self, member: tar_stream.Member, content: Iterator[bytes], below: Parts) -> None:
        """One entry of a tar archive."""
        parts = safe_parts(member.name, self._bounds)
        if member.kind in tar_stream.DEVICES:
            raise Refusal("device", name=member.name)
        if member.kind == tar_stream.FOLDER:
            self._folder((*below, *parts))
        elif member.kind in tar_stream.LINKS:
            self._link(parts, parts if member.kind == tar_stream.SYMBOLIC else ("",), member.target)
        else:
            _check_kind(member.name, stat.S_IFREG | member.mode)
            self._file(below, parts, content)

    def _folder(self, parts: Parts) -> None:
        """A folder."""
        self._seen.add(parts)
        self._scratch.ensure_folder(parts)

    def _link(self, parts: Parts, seen_from: Parts, target: str) -> None:
        """A link: never made, and only looked at."""
        check_link(seen_from, target)
        self.opened.leave_out(parts, "link")

    def _file(self, below: Parts, parts: Parts, pieces: Iterable[bytes]) -> None:
        """A file; a second one of a name that is the same to many systems is left out, read to its end all the same."""
        if not parts:
            raise Refusal("no_name")
        if not self._seen.add((*below, *parts)):
            for _ in pieces:
                pass
            self.opened.leave_out(parts, "twice")
            return
        self.opened.bytes += self._scratch.write((*below, *parts), pieces)
        self.opened.files += 1

    def _counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces, within the bounds."""
        for piece in pieces:
            self._budget.take(len(piece))
            yield piece


def open_archive(
    file: BinaryIO, name: str, scratch: Scratch, bounds: Bounds, password: bytes | None = None
) -> Opened:  # fmt: skip
    """Open an archive into an empty scratch folder; archives in it are opened, too, once.

    Args:
        file: the archive.
        name: what it is called, for messages; a single packed file is called so, without its ending.
        scratch: an empty folder of ours.
        bounds: how much it may hold.
        password: of encrypted entries.

    Raises:
        Refusal: it can't be taken; the folder is empty again then.
    """
    opening = Opening(scratch, bounds, file.seek(0, 2), password)
    try:
        opening.open(file, name, ())
        opening.open_nested()
    except BaseException:
        scratch.clear()
        raise
    return opening.opened


def format_of(head: bytes) -> str:
    """`zip`, `gz` or `bz2`.

    Raises:
        Refusal: another format.
    """
    if not head:
        raise Refusal("empty")
    if head.startswith(zip_file.MAGIC):
        return "zip"
    if head.startswith(zip_file.EMPTY):
        raise Refusal("empty")
    if head.startswith(GZIP):
        return "gz"
    if head.startswith(BZIP2):
        return "bz2"
    if head.lstrip(BEFORE_PAGES).lower().startswith(WEB_PAGES):
        raise Refusal("web_page")
    other = next((known for magic, known in NOT_OFFERED if head.startswith(magic)), "")
    if not other:
        other = "plain tar" if tar_stream.is_tar(head) else "unknown"
    raise Refusal("format_not_offered", format=other)


def _check_kind(name: str, mode: int) -> None:
    """See that an entry is a file, a folder or a link, and asks for nobody's rights.

    Raises:
        Refusal: a device or a pipe, or a file with set-id bits.
    """
    kind = stat.S_IFMT(mode)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}:
        raise Refusal("device", name=name)
    if mode & SET_ID and kind == stat.S_IFREG:
        raise Refusal("set_id", name=name)


def _joined(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    """One stream of both."""
    yield first
    yield from rest
