"""A customer's FTP server, as one finds them: one user, one folder, to be read; where it wants, with a bad answer."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER, PASSWORD = "max", 'ge"h\\eim'
LOOK_SECONDS = 0.1


@dataclass
class Source:
    """Where it listens, and the commands that it heard."""

    host: str
    port: int
    heard: list[str] = field(default_factory=list)

    def url(self, path: str, user: str = USER) -> str:
        """Of a path."""
        return f"ftp://{user}@{self.host}:{self.port}{path}"


@contextlib.contextmanager
def ftp_source(root: Path, host: str = "127.0.0.1", data_address: str = "") -> Iterator[Source]:
    """It answers until the test is over.

    Args:
        root: the folder that it shows.
        host: on which it listens.
        data_address: that it names for its files in place of its own, as one that wants its visitors to go elsewhere.
    """
    source = Source(host, 0)

    class Handler(FTPHandler):  # type: ignore[misc]  # the library has no types
        authorizer = DummyAuthorizer()
        masquerade_address = data_address or None
        use_sendfile = False
        if data_address:  # asked in the old way it tells an address
            proto_cmds = {name: facts for name, facts in FTPHandler.proto_cmds.items() if name != "EPSV"}

        def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
            source.heard.append(cmd)
            super().pre_process_command(line, cmd, arg)

    Handler.authorizer.add_user(USER, PASSWORD, str(root), perm="elr")
    loop = IOLoop()
    server = FTPServer((host, 0), Handler, ioloop=loop)
    source.port = server.address[1]
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            server.serve_forever(timeout=LOOK_SECONDS, blocking=False)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield source
    finally:
        over.set()
        thread.join()
        server.close_all()
