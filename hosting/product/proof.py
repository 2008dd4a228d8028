"""What an open instance must show from outside, and what it must not (P03; phlymail.md sections 1 and 7)."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

LOGIN_FORM = 'id="authform"'
"""The sign of the front end's login page; a 200 alone proves nothing (phlymail.md section 0)."""

HEALTH = "api.php"
"""Answers 401 where the instance is healthy and online, without making a session (phlymail.md section 0)."""

NOT_FOUND = (400, 403, 404)
"""400: what leads above the root of a name of its own."""

FILE_OF_A_PAGE = re.compile(r"""<(?:script|link)\b[^>]*?\b(?:src|href)=["']([^"']+?\.(?:js|css)(?:\?[^"']*)?)["']""")
"""A script or style that a page asks for; its address is built from the script's own name (phlymail.md section 7)."""


@dataclass(frozen=True)
class Expected:
    """A path below the instance's URL, the statuses that are right, and a text that must be in the answer."""

    path: str
    statuses: tuple[int, ...]
    contains: str = ""


SHOWN = (
    Expected("", (200,), LOGIN_FORM),
    Expected("config.php", (200,), 'name="pass"'),
    Expected("api.php", (401,)),
    Expected("webdav.php/", (401,)),
)
"""Front end, administration, API (401 means healthy and online) and WebDAV."""

HIDDEN = tuple(
    Expected(path, NOT_FOUND)
    for path in (
        "storage/",
        "storage/config/driver.mysql.ini.php",
        "storage/config/choices.ini.php",
        "storage/config/current.build",
        "storage/user/",
        "choices.ini.php",
        "defaults.ini.php",
        "installer.php",
        "install/",
        "runonce.php",
        "backend/cronjob.php",
        "shared/lib/functions.php",
        "handlers/core/description.ini",
        "frontend/templates/",
        ".htaccess",
        "%2e%2e/",
        "storage%2fconfig%2fdriver.mysql.ini.php",
        "index.php/../storage/config/driver.mysql.ini.php",
    )
)
"""What must never be served: settings, storage, code, installer, traps."""


def differs(expected: Expected, status: int, body: str) -> str:
    """What is wrong with an answer, "" if nothing."""
    if status not in expected.statuses:
        return f"/{expected.path} answers {status} instead of {' or '.join(map(str, expected.statuses))}"
    if expected.contains and expected.contains not in body:
        return f"/{expected.path} answers {status} without {expected.contains}"
    return ""


def files_of(page: str) -> list[str]:
    """The scripts and styles that a page asks for, as they stand in it, each once."""
    return list(dict.fromkeys(html.unescape(found) for found in FILE_OF_A_PAGE.findall(page)))
