"""The folder into which strangers' files are written: nothing is written, followed or removed outside of it.

Each step is one `openat` on the folder above, which follows no link, so that no race with anybody leads elsewhere.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from typing import TYPE_CHECKING, BinaryIO, Self

from tasks.on_server.old_installation.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tasks.on_server.old_installation.names import Parts

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
PIECE = 1 << 20

CLONE = 0x40049409
"""FICLONE of linux/fs.h: a file gets another one's content, which both share from then on (btrfs, xfs)."""

NOT_SHARED = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL)
"""What file systems answer that can't do that, or not with these two files (ioctl_ficlone(2))."""


class Scratch:
    """A folder of ours with what was unpacked; files 600, folders 700, no modes, owners or times of others."""

    def __init__(self, folder: str) -> None:
        """Open the folder, which must be there; it is no link."""
        self._root = os.open(folder, FOLDER)
        self._at: tuple[Parts, int] | None = None

    def __enter__(self) -> Self:
        """It closes by itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._leave()
        os.close(self._root)

    def ensure_folder(self, parts: Parts) -> None:
        """A folder is there, and those above it.

        Raises:
            Refusal: a file is in its place.
        """
        self._enter(parts)

    def write(self, parts: Parts, pieces: Iterable[bytes]) -> int:
        """A new file; gives its size.

        Raises:
            Refusal: something is in its place.
        """
        folder = self._enter(parts[:-1])
        try:
            descriptor = os.open(os.fsencode(parts[-1]), NEW_FILE, 0o600, dir_fd=folder)
        except FileExistsError as error:
            raise Refusal("file_and_folder", name="/".join(parts)) from error
        with os.fdopen(descriptor, "wb", buffering=0) as out:
            return sum(_written(out, piece) for piece in pieces)

    def read(self, parts: Parts) -> BinaryIO:
        """A file that was written."""
        return os.fdopen(os.open(os.fsencode(parts[-1]), READ, dir_fd=self._enter(parts[:-1])), "rb")

    def has(self, name: str) -> bool:
        """Whether something of this name lies at the top."""
        try:
            os.stat(name, dir_fd=self._root, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def remove(self, parts: Parts) -> None:
        """A file is gone."""
        os.unlink(os.fsencode(parts[-1]), dir_fd=self._enter(parts[:-1]))

    def copy(self, parts: Parts, into: Scratch, to: Parts) -> None:
        """A file lies in another folder, too, sharing its content where the file system can; gone is what lay there.

        Raises:
            Refusal: a folder is in its place.
        """
        with self.read(parts) as file, into.anew(to) as out:
            try:
                fcntl.ioctl(out.fileno(), CLONE, file.fileno())
            except OSError as error:
                if error.errno not in NOT_SHARED:
                    raise
                while piece := file.read(PIECE):
                    _written(out, piece)

    def anew(self, parts: Parts) -> BinaryIO:
        """An empty file to be written, in the place of one that may be there.

        Raises:
            Refusal: a folder is in its place.
        """
        folder, name = self._enter(parts[:-1]), os.fsencode(parts[-1])
        try:
            os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            pass
        except IsADirectoryError as error:
            raise Refusal("file_and_folder", name="/".join(parts)) from error
        return os.fdopen(os.open(name, NEW_FILE, 0o600, dir_fd=folder), "wb", buffering=0)

    def files(self, parts: Parts = ()) -> Iterator[tuple[Parts, int]]:
        """All files below a folder with their sizes, folder by folder in the order of names."""
        waiting = [parts]
        while waiting:
            folder = waiting.pop()
            with os.scandir(self._enter(folder)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((*folder, entry.name))
                elif entry.is_file(follow_symlinks=False):
                    size = os.stat(entry.name, dir_fd=self._enter(folder), follow_symlinks=False).st_size
                    yield (*folder, entry.name), size

    def clear(self) -> None:
        """Nothing is left in the folder."""
        self._leave()
        for name in os.listdir(self._root):  # noqa: PTH208  # pathlib knows no descriptors
            try:
                os.unlink(name, dir_fd=self._root)
            except IsADirectoryError:
                shutil.rmtree(name, dir_fd=self._root)

    def _enter(self, parts: Parts) -> int:
        """The folder's descriptor, kept for the next file in it; folders are made on the way."""
        if self._at is not None and self._at[0] == parts:
            return self._at[1]
        descriptor = os.dup(self._root)
        for at, part in enumerate(parts):
            above, descriptor = descriptor, -1
            try:
                descriptor = _folder(above, os.fsencode(part))
            except (NotADirectoryError, OSError) as error:
                if error.errno not in _NO_FOLDER:
                    raise
                raise Refusal("file_and_folder", name="/".join(parts[: at + 1])) from error
            finally:
                os.close(above)
        self._leave()
        self._at = (parts, descriptor)
        return descriptor

    def _leave(self) -> None:
        """No folder is kept open."""
        if self._at is not None:
            os.close(self._at[1])
            self._at = None


_NO_FOLDER = (20, 40)
"""ENOTDIR, ELOOP: what `open` says of a file or a link where a folder is asked for."""


def _folder(above: int, name: bytes) -> int:
    """A folder in another one, made if need be."""
    try:
        return os.open(name, FOLDER, dir_fd=above)
    except FileNotFoundError:
        os.mkdir(name, 0o700, dir_fd=above)
        return os.open(name, FOLDER, dir_fd=above)


def _written(out: BinaryIO, piece: bytes) -> int:
    """A piece written whole."""
    rest = memoryview(piece)
    while rest:
        rest = rest[out.write(rest) :]
    return len(piece)
