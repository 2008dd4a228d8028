"""Which files of an old tree are taken over, and where they lie from now on: users' data by an allow-list, no program.

Old series keep users in `storage/<uid>`, new ones in `storage/user/<uid>` (phlymail.md sections 1, 3 and 8).
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.on_server.old_installation.refusal import shown

if TYPE_CHECKING:
    from tasks.on_server.old_installation.names import Parts
    from tasks.on_server.old_installation.scratch import Scratch

NEW_BASE = ("user",)
NEW_CONFIG = ("config",)
"""Below the new `storage`."""

OF_USERS = ("email", "files", "contacts")
"""What users have; `core` in their folders is temporary."""

TEXTS = ("global.MOTD.wpop", "forced.signature.wpop")
"""What the customer's administrator wrote for his users."""

LISTED = 100

_UID = re.compile(r"[1-9][0-9]{0,9}")
_PROGRAM = re.compile(r".*\.(?:php[0-9]?|phtml|phar|phps|cgi|pl|py|sh|htaccess|user\.ini)", re.IGNORECASE | re.DOTALL)
_REASONS = {
    "tplcache": "cache", "temp": "temporary", "filter_scripts": "program", "autoupdate": "program", "update": "program",
    "logging": "log",
}  # fmt: skip


@dataclass
class LaidOut:
    """What was taken over, and what was left where it was.

    Args:
        files: taken.
        bytes: of them.
        left: how many files were left, by reason: `program`, `cache`, `temporary`, `log`, `settings`, `code`, `other`.
        named: some of those that are programs among users' data, or nobody's.
    """

    files: int = 0
    bytes: int = 0
    left: dict[str, int] = field(default_factory=dict)
    named: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As the job tells it."""
        return asdict(self)


def new_place(path: Parts, base: Parts, config: Parts) -> Parts | str:
    """Where below the new `storage` a file lies from now on, or why it is left.

    Args:
        path: below the old root.
        base: the folder of users' folders there.
        config: the folder of settings there.
    """
    if path[: len(base)] == base and len(path) > len(base) + 2 and _UID.fullmatch(path[len(base)]):
        return _of_a_user(path[len(base) :])
    if path[:-1] == config:
        return (*NEW_CONFIG, path[-1]) if path[-1] in TEXTS else "settings"
    if path[0] != "storage" or len(path) == 1:
        return "code"
    return _REASONS.get(path[1], "program" if _PROGRAM.fullmatch(path[-1]) else "other")


def lay_out(tree: Scratch, root: Parts, base: Parts, config: Parts, storage: Scratch) -> LaidOut:
    """What is taken over lies in the new `storage`, too; the tree stays as it is.

    Args:
        tree: in which the old installation lies.
        root: of it there.
        base: the folder of users' folders below it.
        config: the folder of settings below it.
        storage: the new one.

    Raises:
        Refusal: a folder is in the place of a file.
    """
    found = LaidOut()
    for parts, size in tree.files(root):
        place = new_place(parts[len(root) :], base, config)
        if isinstance(place, str):
            found.left[place] = found.left.get(place, 0) + 1
            in_storage = parts[len(root)] == "storage"
            if in_storage and place in {"program", "other"} and len(found.named) < LISTED:
                found.named.append(shown("/".join(parts[len(root) :])))
            continue
        tree.copy(parts, storage, place)
        found.files, found.bytes = found.files + 1, found.bytes + size
    return found


def _of_a_user(path: Parts) -> Parts | str:
    """A file in a user's folder; the path begins with his number."""
    if path[1] == "core" or ".tmp" in path:
        return "temporary"
    if path[1] not in OF_USERS:
        return "other"
    return "program" if _PROGRAM.fullmatch(path[-1]) else (*NEW_BASE, *path)
