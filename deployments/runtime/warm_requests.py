"""What the warm parent is asked, and the socket on which it is asked."""

from __future__ import annotations

import json
import os
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.errors import ServiceError

if TYPE_CHECKING:
    from pathlib import Path

REQUEST_MOST_BYTES = 1 << 20
HEAD_BYTES = 8
STREAMS = 3
READY, GO = b"ready\n", b"go\n"


class CannotServe(ServiceError):
    """The warm parent can't do its work; runs start cold without it."""


@dataclass(frozen=True)
class Request:
    """What a run is started with: its environment and folder."""

    environment: dict[str, str]
    folder: str


def listen(address: Path) -> socket.socket:
    """A listening socket at the address, open to this user alone.

    Raises:
        CannotServe: the folder is open to others, or the address can't be used.
    """
    folder = address.parent
    known = folder.stat()
    if known.st_uid != os.getuid() or known.st_mode & 0o077:
        raise CannotServe(f"{folder} is open to other users.", f"Make it yours alone: chmod 700 {folder}.")
    address.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(address))
    except OSError as error:
        raise CannotServe(f"No socket can be made at {address}: {error}.", "Choose a shorter PHM_HOME.") from error
    address.chmod(0o600)
    listener.listen(128)
    return listener


def receive(client: socket.socket) -> Request:
    """What a client asks for.

    Raises:
        ValueError: not a request of ours, too large, or from another user.
        OSError: it does not speak in time.
    """
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    if uid != os.getuid():
        raise ValueError("from another user")
    length = int(client.recv(HEAD_BYTES), 16)
    if not 0 < length <= REQUEST_MOST_BYTES:
        raise ValueError(f"{length} bytes")
    body = bytearray()
    while len(body) < length:
        part = client.recv(length - len(body))
        if not part:
            raise ValueError("cut short")
        body += part
    match json.loads(bytes(body)):
        case [dict() as environment, str() as folder]:
            return Request(environment, folder)
    raise ValueError("not a request")


def agree(client: socket.socket) -> list[int]:
    """Have the client say that it still waits and won't start the run otherwise; the three streams that it hands over.

    They come last, so that a parent that is busy holds no stream of a run that has started elsewhere.

    Raises:
        ValueError: it does not.
        OSError: it does not speak in time.
    """
    client.sendall(READY)
    said, streams, _, _ = socket.recv_fds(client, len(GO), STREAMS)
    if said != GO or len(streams) != STREAMS:
        close(streams)
        raise ValueError("the client did not wait")
    return streams


def close(streams: list[int]) -> None:
    """Give descriptors back."""
    for stream in streams:
        os.close(stream)
