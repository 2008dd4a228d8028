"""A mail provider with one POP3 account: what was fetched and deleted there is gone, all else stays (RFC 1939)."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, PASSWORD = "anna@provider.test", "mail-1"
SECONDS = 20


class MailProvider(socketserver.ThreadingTCPServer):
    """The mails that wait there, each as the product has to store it."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, address: str) -> None:
        super().__init__((address, 0), Talk)
        self.waiting: list[bytes] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def account(self, uid: int) -> str:
        """The account of a user, as SQL for the instance's database."""
        return (
            "INSERT INTO phlymail_profiles (uid, acctype, accname, popserver, popport, popuser, poppass) VALUES "
            f"({uid}, 'pop3', 'provider', '{self.server_address[0]}', '{self.port}', '{USER}', '{PASSWORD}')"
        )


class Talk(socketserver.StreamRequestHandler):
    """One connection; deletions count from its QUIT on."""

    timeout = SECONDS
    server: MailProvider

    def handle(self) -> None:
        mails, deleted, said = list(self.server.waiting), set[int](), list[str]()
        self.say("+OK")
        while words := self.rfile.readline().decode().split():
            match words:
                case ["USER" | "PASS", word]:
                    said.append(word)
                    self.say("+OK" if said == [USER, PASSWORD][: len(said)] else "-ERR")
                case _ if said != [USER, PASSWORD]:
                    self.say("-ERR")
                case ["STAT"]:
                    self.say(f"+OK {len(mails)} {sum(map(len, mails))}")
                case ["RETR", number]:
                    self.say("+OK")
                    self.wfile.write(mails[int(number) - 1].replace(b"\r\n.", b"\r\n..") + b".\r\n")
                case ["DELE", number]:
                    deleted.add(int(number) - 1)
                    self.say("+OK")
                case ["QUIT"]:
                    self.server.waiting = [mail for place, mail in enumerate(mails) if place not in deleted]
                    self.say("+OK")
                    return
                case _:
                    self.say("-ERR")

    def say(self, line: str) -> None:
        """A line to the client."""
        self.wfile.write(f"{line}\r\n".encode())


@contextlib.contextmanager
def mail_provider(address: str) -> Iterator[MailProvider]:
    """A provider that listens at an address while it lasts."""
    with MailProvider(address) as provider:
        thread = threading.Thread(target=provider.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield provider
        finally:
            provider.shutdown()
            thread.join()
