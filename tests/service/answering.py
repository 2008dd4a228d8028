"""Many instances that do nothing but answer: a TLS server on loopback, whose answers a test decides.

    python -m tests.service.answering REQUEST

is some of them as a process of its own, until it is ended; the request is JSON, `{"folder": …, "servers": {NAME: ADDRESS},
"breaking": [NAME], "breaks_at": …}`: on port 443, those that break answer 500 from a moment on. It says `ready` first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet import certificates

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "app1.phlymail.test"
SILENT = 0
"""In place of a status: it takes the question and never answers."""


@dataclass
class Answering:
    """What stands behind a port: a status for each path, another one for all others."""

    port: int = 0
    others: int = 401
    statuses: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request on one connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            path, host = head[0].split()[1], next(one[6:] for one in head if one.startswith("Host: "))
            self.asked.append((host, path))
            status = self.statuses.get(path, self.others)
            if status == SILENT:
                await asyncio.sleep(30)
            writer.write(f"HTTP/1.1 {status} Said\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno".encode())
            await writer.drain()
        writer.close()


async def serve(folder: Path, said: Answering, name: str = HOST, address: str = "127.0.0.1") -> asyncio.Server:
    """Listen on loopback, on a free port unless one is set, with a certificate for a name, of the authority in a folder."""
    certificates.ensure_authority(folder)
    file = certificates.ensure_leaf(folder, name, [name])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file, file.with_suffix(".key"))
    server = await asyncio.start_server(said.answer, address, said.port, ssl=context, backlog=1024)
    said.port = server.sockets[0].getsockname()[1]
    return server


@contextlib.contextmanager
def answering(folder: Path, name: str = HOST) -> Iterator[Answering]:
    """The server in a thread of its own, as long as this lasts."""
    said, loop = Answering(), asyncio.new_event_loop()
    server = loop.run_until_complete(serve(folder, said, name))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield said
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)


async def answer_for(request: dict[str, Any]) -> None:
    """The servers of a request, for ever."""
    said = {name: Answering(port=443) for name in request["servers"]}
    for name, one in said.items():
        await serve(Path(request["folder"]), one, name, request["servers"][name])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.sleep(max(0.0, request["breaks_at"] - time.time()))
    for name in said.keys() & set(request["breaking"]):
        said[name].others = 500
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(answer_for(json.loads(sys.argv[1])))
