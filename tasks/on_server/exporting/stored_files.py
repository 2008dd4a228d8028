"""The user's folder in the instance's storage, read without following a link and without leaving it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 1 << 18


class NotThere(Exception):
    """No file lies there, or it is none that is read: why, in a word."""


class StoredFiles:
    """What lies below one folder.

    Args:
        root: the folder.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._asked = set[bytes]()

    def open(self, *parts: str) -> BinaryIO:
        """A file by the parts of its path; its size is that of the descriptor.

        Raises:
            NotThere: it isn't, or the path leads elsewhere.
        """
        names = [name for part in parts for name in part.split("/") if name]
        if not names or any(name in {".", ".."} or "\0" in name for name in names):
            raise NotThere("leads elsewhere")
        self._asked.add(_digest("/".join(names)))
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            at = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for name in names[:-1]:
                with _closing(at):
                    at = os.open(name, flags | os.O_DIRECTORY, dir_fd=at)
            with _closing(at):
                found = os.open(names[-1], flags, dir_fd=at)
        except (OSError, UnicodeEncodeError, ValueError) as error:
            raise NotThere(getattr(error, "strerror", "") or "has a name that nothing has") from None
        if not stat.S_ISREG(os.fstat(found).st_mode):
            os.close(found)
            raise NotThere("is no file")
        return os.fdopen(found, "rb", PIECE)

    def not_asked(self, top: str) -> Iterator[tuple[str, ...]]:
        """The files below one of its folders that nobody has asked for, by the parts of their paths."""
        place = os.path.join(self.root, top)  # noqa: PTH118  # names may be no text
        for folder, below, names in os.walk(place):
            below.sort()
            below[:] = [name for name in below if not name.startswith(".")]  # the product's own temporary ones
            for name in sorted(names):
                path = os.path.relpath(os.path.join(folder, name), self.root)  # noqa: PTH118  # as above
                if _digest(path) not in self._asked and not name.startswith("."):
                    yield tuple(path.split("/"))


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """A file, piece by piece."""
    while piece := file.read(PIECE):
        yield piece


def size_of(file: BinaryIO) -> int:
    """The bytes of an open file."""
    return os.fstat(file.fileno()).st_size


def _digest(path: str) -> bytes:
    """A path, short: those of millions of files are not held."""
    return hashlib.blake2b(path.encode(errors="surrogatepass"), digest_size=16).digest()


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    """A descriptor that is not needed afterwards."""
    try:
        yield
    finally:
        os.close(descriptor)
