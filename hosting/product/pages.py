"""Addresses of the product's pages and files below an instance's path (phlymail.md section 7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

FRONT = "index.php"
SESSION = re.compile(r"PHPSESSID=([-,A-Za-z0-9]+)")
"""The session's id stands in every address that a page shows."""


def session_in(page: str) -> str:
    """The session that a page's addresses name; empty if they name none."""
    found = SESSION.search(page)
    return found[1] if found else ""


def front(session: str, more: str = "") -> str:
    """The front end with a session."""
    return f"{FRONT}?PHPSESSID={session}{f'&{more}' if more else ''}"


def mail_as_it_came(session: str, number: int) -> str:
    """A mail to be saved: the raw message, byte by byte."""
    return front(session, f"h=email&l=read&i={number}&save_as=raw")


def log_out(session: str) -> str:
    """The end of a session."""
    return front(session, "action=logout")


def dav_file(user: str, folders: Mapping[int, tuple[int, str]], folder: int, file: str) -> str:
    """A user's file by WebDAV, by its real names.

    Args:
        user: whose.
        folders: the number of the one above (0: none) and the name, by a folder's number.
        folder: where the file lies.
        file: its name.
    """
    names = [file]
    for _ in folders:  # a row that names itself as the one above would lead round and round
        above, own = folders.get(folder, (0, ""))
        if not above:
            break
        names.insert(0, own)
        folder = above
    return "webdav.php/" + "/".join(quote(one, safe="") for one in (user, "files", *names))
