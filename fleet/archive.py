"""A Debian archive made for tests: harmless packages, evil ones, ones that break what they touch; served over HTTP.

Nothing of a real archive is in it. It is flat and unsigned: `deb [trusted=yes] http://10.77.0.1:8088 ./`.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING

from fleet.shell import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PORT = 8088
FIELDS = "Architecture: all\nMaintainer: Tests <tests@phlymail.test>\nDescription: made for tests\n"

_BUILT: dict[str, bytes] = {}
"""The files of packages that were made before."""

_CONTROLS: dict[bytes, str] = {}
"""What dpkg says of a package's file."""


@dataclass(frozen=True)
class Package:
    """What a package is.

    Args:
        name: of the package.
        version: of it.
        relations: lines of its control file, "Conflicts: fl-old".
        files: content by path below the root.
        scripts: maintainer scripts by name, "postinst".
    """

    name: str
    version: str
    relations: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)


def build(package: Package, folder: Path) -> Path:
    """The package as a file in a folder; the same file each time, made once."""
    target = folder / f"{package.name}_{package.version}_all.deb"
    known = repr(package)
    if known not in _BUILT:
        _BUILT[known] = _pack(package, folder, target)
    target.write_bytes(_BUILT[known])
    return target


def _pack(package: Package, folder: Path, target: Path) -> bytes:
    """The content of a package's file, which is made in the folder."""
    work = folder / f".{package.name}-{package.version}"
    control = work / "DEBIAN"
    control.mkdir(parents=True)
    head = f"Package: {package.name}\nVersion: {package.version}\n{FIELDS}"
    (control / "control").write_text(head + "".join(f"{line}\n" for line in package.relations))
    for name, content in package.scripts.items():
        (control / name).write_text(content)
        (control / name).chmod(0o755)
    for path, content in package.files.items():
        file = work / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", work, target])
    shutil.rmtree(work)
    return target.read_bytes()


def publish(folder: Path, *packages: Package, label: str = "Debian-Security") -> None:
    """An archive with these packages in a folder; those that were in it stay, in all their versions."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in packages:
        build(package, folder)
    index = "".join(_entry(file) for file in sorted(folder.glob("*.deb")))
    (folder / "Packages").write_text(index)
    told = index.encode()
    (folder / "Release").write_text(
        f"Origin: Debian\nLabel: {label}\nSuite: stable-security\nVersion: 12\nCodename: bookworm-security\n"
        f"Date: Thu, 26 Nov 2026 00:00:00 UTC\nSHA256:\n {hashlib.sha256(told).hexdigest()} {len(told)} Packages\n"
    )


@contextlib.contextmanager
def served(folder: Path, address: str, port: int = PORT) -> Iterator[str]:
    """The archive over HTTP, for as long as this lasts; the line by which apt finds it.

    The plain server of `socketserver`: the one of `http.server` asks a name server who it is.
    """
    ThreadingTCPServer.allow_reuse_address = True
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingTCPServer((address, port), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, name="archive", daemon=True)
        thread.start()
        try:
            yield f"deb [trusted=yes] http://{address}:{server.server_address[1]} ./"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    """Says nothing."""

    def log_message(self, *_words: object) -> None:
        """Not a word."""


def _entry(file: Path) -> str:
    """A package's paragraph in the index."""
    content = file.read_bytes()
    if content not in _CONTROLS:
        _CONTROLS[content] = run(["dpkg-deb", "-f", file]).stdout
    control = _CONTROLS[content]
    return f"{control}Filename: ./{file.name}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n\n"
