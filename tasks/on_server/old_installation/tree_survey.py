"""What lies in an opened archive: the few files that tell what it is, sums of the program's, counts of the users'.

Nothing is decided here; what it means is decided on in `hosting/product/editions.py`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.on_server.old_installation.names import Parts
    from tasks.on_server.old_installation.scratch import Scratch

TEXT_BYTES = 64 * 1024
TEXTS_MOST = 200
"""Settings files that are read; an installation has about ten."""

CODE_MOST = 20_000
"""Files of programs whose sums are told; a release has about two thousand."""

USERS_MOST = 20_000
DUMPS_MOST = 1000
"""So many are named; files of further users are counted all the same."""

BLOCK = 4096
"""What a file system takes for the least part of a file (P04)."""

DUMP_HEAD = 4096
NEAR = 3
"""So near the top of an archive a dump is looked for under any name."""

PIECE = 1 << 20

_TEXT = re.compile(r"(?:.*\.ini\.php|driver\.[a-z]+\.conf\.php|current\.build|build\.name|theme\.engine)", re.DOTALL)
_USER = re.compile(r"\d{1,10}")
_OF_USERS = ("email", "files", "contacts")
"""What lies in a user's folder, and in no other folder that is a number."""

_DUMP = re.compile(rb"^(?:-- |#).*|(?i:CREATE\s+TABLE|INSERT\s+INTO|/\*M?!\d{5})", re.MULTILINE)


@dataclass
class UserFolder:
    """What a user's folder holds."""

    files: int = 0
    bytes: int = 0


@dataclass
class TreeSurvey:
    """What lies there.

    Args:
        texts: settings and version markers by path, bytes as latin1.
        code: sums of all files outside of `storage`, by path; empty where there are too many.
        code_count: how many there are.
        users: folders of users by path: below `storage`, or one deeper, or where their content tells it.
        dumps: files that look like SQL, with their bytes.
        files_bytes: of all below folders `storage`, as blocks.
        other_count: files below `storage` that belong to no user.
    """

    texts: dict[str, str] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)
    code_count: int = 0
    users: dict[str, UserFolder] = field(default_factory=dict)
    dumps: dict[str, int] = field(default_factory=dict)
    files_bytes: int = 0
    other_count: int = 0

    def as_json(self) -> dict[str, Any]:
        """As the job tells it."""
        return asdict(self)


def survey_tree(scratch: Scratch) -> TreeSurvey:
    """Look through a scratch folder; reads no more of a file than is needed."""
    found = TreeSurvey()
    for parts, size in scratch.files():
        path, user = "/".join(parts), _user_folder(parts)
        blocks = -(-size // BLOCK) * BLOCK
        if user:
            if user in found.users or len(found.users) < USERS_MOST:
                folder = found.users.setdefault(user, UserFolder())
                folder.files, folder.bytes = folder.files + 1, folder.bytes + blocks
            found.files_bytes += blocks
            continue
        if _TEXT.fullmatch(parts[-1]) and size <= TEXT_BYTES and len(found.texts) < TEXTS_MOST:
            found.texts[path] = _bytes(scratch, parts, TEXT_BYTES).decode("latin-1")
        if parts[-1].lower().endswith(".sql") or _looks_like_a_dump(scratch, parts, size):
            if len(found.dumps) < DUMPS_MOST:
                found.dumps[path] = size
        elif "storage" in parts[:-1]:
            found.files_bytes += blocks
            found.other_count += 1
        else:
            found.code_count += 1
            if found.code_count <= CODE_MOST:
                found.code[path] = _sum(scratch, parts)
    return found


def _user_folder(parts: Parts) -> str:
    """The folder of a user that a file lies in; empty if it lies in none."""
    for at, part in enumerate(parts[:-1]):
        if part != "storage":
            continue
        below = at + 2 if parts[at + 1] == "user" else at + 1
        if below < len(parts) - 1 and _USER.fullmatch(parts[below]):
            return "/".join(parts[: below + 1])
    for at, part in enumerate(parts[1:-2], 1):  # an old installation may keep them anywhere (phlymail.md section 8)
        if _USER.fullmatch(part) and parts[at + 1] in _OF_USERS:
            return "/".join(parts[: at + 1])
    return ""


def _looks_like_a_dump(scratch: Scratch, parts: Parts, size: int) -> bool:
    """Whether a file near the top is a dump under another name, such as `backup.txt`."""
    is_text = "." not in parts[-1] or parts[-1].lower().endswith((".txt", ".dump"))
    if len(parts) > NEAR or size < DUMP_HEAD or not is_text:
        return False
    return len(_DUMP.findall(_bytes(scratch, parts, DUMP_HEAD))) > 1


def _bytes(scratch: Scratch, parts: Parts, most: int) -> bytes:
    """A file's beginning."""
    with scratch.read(parts) as file:
        return file.read(most)


def _sum(scratch: Scratch, parts: Parts) -> str:
    """A file's SHA-256."""
    digest = hashlib.sha256()
    with scratch.read(parts) as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
