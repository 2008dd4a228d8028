"""A customer's web server: archives by HTTPS and HTTP on the fleet's bridge, with ranges, redirects and bad days."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import shutil
import socketserver
import ssl
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from fleet import Fleet
from fleet.certificates import ensure_leaf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "10.77.0.1"
NAME = "files.kunde.example"
PIECE = 64 * 1024


@dataclass
class Source:
    """What it offers, and what it was asked.

    Args:
        port: by HTTPS.
        plain_port: by HTTP.
        files: contents by path.
        redirects: targets by path.
        breaks: by path, after how many bytes the next answers break off, once each.
        silent: paths whose answers don't tell their length.
        unmarked: paths whose answers tell nothing by which a change could be seen.
        failing: paths that are answered by 500.
        slow: by path, how many seconds pass between pieces.
        asked: method, path and range of each request.
    """

    port: int = 0
    plain_port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    breaks: dict[str, list[int]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    unmarked: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    slow: dict[str, float] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def url(self, path: str, host: str = HOST) -> str:
        """Of a path, by HTTPS."""
        return f"https://{host}:{self.port}{path}"

    def plain_url(self, path: str) -> str:
        """Of a path, by HTTP."""
        return f"http://{HOST}:{self.plain_port}{path}"


@lru_cache(maxsize=64)
def tag_of(content: bytes) -> str:
    """By which a change is seen; worked out once, as servers do."""
    return f'"{hashlib.sha256(content).hexdigest()[:16]}"'


class Server(socketserver.ThreadingTCPServer):
    """Asks nobody for its own name, unlike http.server's."""

    daemon_threads = True
    allow_reuse_address = True
    source: Source


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """The tests look at what was asked."""

    def do_GET(self) -> None:
        source, range_ = self.server.source, self.headers.get("Range", "")
        path = self.path
        source.asked.append((path, range_))
        if path in source.redirects:
            self.send_response(302)
            self.send_header("Location", source.redirects[path])
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"moved")
            return
        if path not in source.files or path in source.failing:
            self.send_error(500 if path in source.failing else 404)
            return
        self.give(source.files[path], range_, source.breaks.get(path, []))

    def give(self, content: bytes, range_: str, breaks: list[int]) -> None:
        """A file, from where it is asked for."""
        tag = tag_of(content)
        at = int(range_.removeprefix("bytes=").partition("-")[0]) if range_ else 0
        if range_ and self.headers.get("If-Range") != tag:
            at = 0
        self.send_response(206 if at else 200)
        source = self.server.source
        if self.path not in source.unmarked:
            self.send_header("ETag", tag)
        if self.path in source.silent:
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(content) - at))
        if at:
            self.send_header("Content-Range", f"bytes {at}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        rest = content[at:]
        if breaks:
            rest = rest[: breaks.pop(0)]
            self.close_connection = True
        with contextlib.suppress(OSError):
            for begin in range(0, len(rest), PIECE):
                self.wfile.write(rest[begin : begin + PIECE])
                time.sleep(source.slow.get(self.path, 0.0))


@contextlib.contextmanager
def plain_source() -> Iterator[Source]:
    """One without a certificate, on this machine alone."""
    source = Source()
    with Server(("127.0.0.1", 0), Handler) as server:
        server.source = source
        source.plain_port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield source
        finally:
            server.shutdown()


@contextlib.contextmanager
def archive_source(folder: Path) -> Iterator[Source]:
    """A source, with a certificate of the fleet's authority for its address and its name."""
    certificates = Fleet().places.certificates
    for name in ("ca.pem", "ca.key"):
        shutil.copy2(certificates / name, folder / name)
    from ipaddress import IPv4Address

    leaf = ensure_leaf(folder, "source", [NAME], [IPv4Address(HOST)])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf, leaf.with_suffix(".key"))
    source = Source()
    with Server((HOST, 0), Handler) as secured, Server((HOST, 0), Handler) as plain:
        for server in (secured, plain):
            server.source = source
        secured.socket = context.wrap_socket(secured.socket, server_side=True, do_handshake_on_connect=False)
        source.port, source.plain_port = secured.server_address[1], plain.server_address[1]
        for server in (secured, plain):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield source
        finally:
            for server in (secured, plain):
                server.shutdown()
