"""The proof that a copy of an instance lives: one of its users logs in, opens a mail and fetches a file (P20).

The user gets a password that lives as long as the proof, in the copy alone. Neither it nor the session nor anything
that was opened leaves this module: the evidence holds numbers, bytes and sums.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import application, local_web, samples
from hosting.commands.command import as_user
from hosting.errors import StepFailed
from hosting.product import pages
from hosting.product.accounts import digest
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blocks.mariadb_server import MariadbServer
    from blocks.ssh_connection import SshConnection
    from hosting.commands.local_web import LocalAnswer
    from hosting.policy.values import ServerFacts
    from tasks.copies import Copy

OK = 200
FOUND = 302
LOOK = "Look at the copy's PHP log and the web server, then run again."


class CopyDead(StepFailed):
    """What was brought back is what was recorded, and does not work all the same."""


@dataclass
class Visit:
    """One user's visit to a copy.

    Args:
        ssh: to the server.
        server: on which the copy is.
        copy: which one.
        user: the user's uid and name; uid 0: the instance has none.
        password: that lives as long as the visit.
        evidence: what was seen.
    """

    ssh: SshConnection
    server: ServerFacts
    copy: Copy
    user: tuple[int, str]
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    session: str = field(default="", repr=False)
    cookies: str = field(default="", repr=False)
    evidence: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def ask(self, path: str, **options: Any) -> LocalAnswer:
        """A request below the copy's path."""
        address = self.copy.layout.path + path
        hidden = (self.session, self.cookies, self.password)
        command = local_web.ask(self.server.host_name, address, secrets=hidden, **options)
        return local_web.parse_answer(self.ssh.run(command).out)

    @contextlib.contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Note how long something takes."""
        began = time.monotonic()
        yield
        self.seconds[what] = round(time.monotonic() - began, 2)


@reading
def open_as_user(server: ServerFacts, copy: Copy) -> dict[str, Any]:
    """Log in to a copy as one of its users, open a mail and fetch a file over its web server.

    Returns:
        The evidence, with the `seconds` of each part; what an instance does not have is said in words.

    Raises:
        CopyDead: the login, the mail or the file does not come.
        Unreachable: server or database do not answer.
    """
    ssh, database = load(SshHost).connection(server), copy.layout.database
    with mariadb_of(ssh) as connection:
        found = connection.rows(samples.find_reader(database))
        if not found:
            return {"user": "the instance has no users", "seconds": {}}
        uid, name = int(found[0][0]), _text(found[0][1])
        visit = Visit(ssh, server, copy, (uid, name), evidence={"user": uid})
        salt = ssh.run(application.salt_line(copy.layout)).out.strip()
        connection.rows(samples.set_user_password(database, uid, digest(name, salt, visit.password)))
        with visit.timed("login"):
            log_in(visit)
        with visit.timed("mail"):
            visit.evidence["mail"] = open_mail(visit, connection)
        with visit.timed("file"):
            visit.evidence["file"] = open_file(visit, connection)
    visit.ask(pages.log_out(visit.session), cookie=visit.cookies)
    return {**visit.evidence, "seconds": visit.seconds}


def log_in(visit: Visit) -> None:
    """Log in to the front end.

    Raises:
        CopyDead: the product doesn't let the user in.
    """
    page = visit.ask(pages.FRONT)
    visit.session, visit.cookies = pages.session_in(page.body), page.cookies
    form = urlencode({"user": visit.user[1], "pass": visit.password})
    answer = visit.ask(pages.front(visit.session), form=form, cookie=visit.cookies)
    if answer.status != FOUND:
        raise CopyDead(f"The login of user {visit.user[0]} answers {answer.status}.", LOOK)
    visit.cookies = answer.cookies or visit.cookies


def open_mail(visit: Visit, database: MariadbServer) -> dict[str, Any] | str:
    """One of the user's newest mails, as it came, over the front end.

    Raises:
        CopyDead: what comes is not the mail.
    """
    rows = database.rows(samples.newest_mails(visit.copy.layout.database, visit.user[0]))
    there = _first_there(visit, [_text(path) for _, path in rows])
    if there is None:
        return f"none of {len(rows)} that were looked at is kept on the server" if rows else "the user has none here"
    place, size, wanted = there
    number = int(rows[place][0])
    answer = visit.ask(pages.mail_as_it_came(visit.session, number), cookie=visit.cookies, shown=0)
    return _same("mail", number, answer, size, wanted)


def open_file(visit: Visit, database: MariadbServer) -> dict[str, Any] | str:
    """One of the user's newest files, by WebDAV.

    Raises:
        CopyDead: what comes is not the file.
    """
    uid, name = visit.user
    rows = database.rows(samples.newest_files(visit.copy.layout.database, uid))
    there = _first_there(visit, [_text(path) for _, _, path in rows])
    if there is None:
        return f"none of {len(rows)} that were looked at is there" if rows else "the user has none"
    place, size, wanted = there
    folders = database.rows(samples.folders_of(visit.copy.layout.database, uid))
    known = {int(one): (int(above), _text(own)) for one, above, own in folders}
    path = pages.dav_file(name, known, int(rows[place][0]), _text(rows[place][1]))
    answer = visit.ask(path, user=name, password=visit.password, shown=0)
    return _same("file", place + 1, answer, size, wanted)


def _first_there(visit: Visit, paths: list[str]) -> tuple[int, int, str] | None:
    """The first of these files that is there: its place, bytes and sum; looked at with the copy's rights."""
    look = samples.first_there(visit.copy.layout.data, paths)
    return samples.parse_first(visit.ssh.run(as_user(look, visit.copy.layout.user)).out)


def _same(what: str, number: int, answer: LocalAnswer, size: int, wanted: str) -> dict[str, Any]:
    """See that what came is what lies in the folder.

    Raises:
        CopyDead: it is not.
    """
    if answer.status != OK or answer.sha256 != wanted:
        told = f"{answer.status} and {answer.bytes} bytes in place of {size}"
        raise CopyDead(f"The {what} number {number} is there, but the web server answers {told}.", LOOK)
    return {"bytes": size, "sha256": wanted[:16], "same": True}


def _text(value: Any) -> str:
    """A text as the database gives it: names of users are bytes there."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
