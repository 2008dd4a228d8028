"""A customer's server that is spoken to by SFTP: one user, one folder, a host key of its own."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import paramiko

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER, PASSWORD = "max", 'ge"h\\eim'


@dataclass
class Source:
    """Where it listens, and what it was asked for."""

    port: int
    fingerprint: str
    asked: list[str] = field(default_factory=list)


class Login(paramiko.ServerInterface):
    """Lets one user in by his password."""

    def check_auth_password(self, username: str, password: str) -> int:
        good = (username, password) == (USER, PASSWORD)
        return paramiko.common.AUTH_SUCCESSFUL if good else paramiko.common.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED


class Files(paramiko.SFTPServerInterface):
    """The files of a folder, to be read."""

    def __init__(self, server: paramiko.ServerInterface, root: Path, source: Source, **_: Any) -> None:
        super().__init__(server)
        self.root, self.source = root, source

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat((self.root / path.lstrip("/")).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:
        self.source.asked.append(path)
        try:
            handle = paramiko.SFTPHandle(os.O_RDONLY)
            handle.readfile = (self.root / path.lstrip("/")).open("rb")
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        return handle


@contextlib.contextmanager
def sftp_source(root: Path) -> Iterator[Source]:
    """It answers on loopback until the test is over."""
    key = paramiko.ECDSAKey.generate(bits=256)
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        source = Source(listening.getsockname()[1], f"SHA256:{digest}")
        listening.settimeout(0.2)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    connection = listening.accept()[0]
                except (TimeoutError, OSError):
                    continue
                transport = paramiko.Transport(connection)
                transport.add_server_key(key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files, root=root, source=source)
                with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                    transport.start_server(server=Login())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield source
        finally:
            over.set()
            thread.join(5)
