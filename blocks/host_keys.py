"""The host key that a server offers: the transport's handshake alone, nobody logs in."""

from __future__ import annotations

import contextlib
import socket

import paramiko

from hosting.errors import Unreachable

PREFERRED = "ssh-ed25519"


def offered_key(address: str, port: int, seconds: float, kind: str = PREFERRED) -> str:
    """The key line that a server offers, of this kind where it has one.

    Args:
        address: where it is.
        port: of its SSH.
        seconds: how long it may take to answer.
        kind: the preferred type of key.

    Raises:
        Unreachable: nobody answers there, or not by SSH.
    """
    where = f"{address}:{port}"
    try:
        with contextlib.closing(socket.create_connection((address, port), seconds)) as sock:
            transport = paramiko.Transport(sock)
            try:
                options = transport.get_security_options()
                kinds = tuple(options.key_types)
                options.key_types = tuple(sorted(kinds, key=lambda offered: offered != kind))
                transport.banner_timeout = seconds
                transport.start_client(timeout=seconds)
                key = transport.get_remote_server_key()
            finally:
                transport.close()
    except (OSError, EOFError, paramiko.SSHException) as error:
        message = f"Nobody answers by SSH at {where} ({type(error).__name__})."
        raise Unreachable(message, "Check the address and that the server is up, then run again.") from error
    return f"{key.get_name()} {key.get_base64()}"
