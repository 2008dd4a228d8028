"""A browser for one instance: it finds the service's names and trusts its certificate; the system is left alone."""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

from hosting.settings import home

if TYPE_CHECKING:
    from hosting.settings import Settings

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")


class Browser:
    """Chromium with a profile of its own.

    Where the settings name resolvers of their own, the host's name is mapped to its address; where they name
    authorities of their own, the service's one certificate is accepted by its key, and no other.

    Args:
        url: what to open.
        host_name: the server's name.
        address: where it is.
        settings: the service's.
    """

    def __init__(self, url: str, host_name: str, address: str, settings: Settings) -> None:
        self.program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
        self.argv = [self.program or PROGRAMS[0], f"--user-data-dir={home() / 'browser'}", "--no-first-run"]
        if settings.resolvers:
            self.argv.append(f"--host-resolver-rules=MAP {host_name} {address}")
        if settings.authorities_pem and settings.certificate_pem:
            pins = key_pin(settings.certificate_pem)
            self.argv.append(f"--ignore-certificate-errors-spki-list={pins}")
        if os.geteuid() == 0:
            self.argv.append("--no-sandbox")  # Chromium refuses root otherwise
        self.argv.append(url)

    @property
    def line(self) -> str:
        """The command, to be typed."""
        return shlex.join(self.argv)

    def start(self) -> bool:
        """Start it and leave it to itself; false if there is no browser or no screen."""
        if self.program is None or not any(os.environ.get(name) for name in SCREENS):
            return False
        quiet = subprocess.DEVNULL
        subprocess.Popen(self.argv, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
        return True


def key_pin(certificate_pem: str) -> str:
    """The SHA-256 of the first certificate's public key, in base64, as browsers name it."""
    from cryptography import x509  # noqa: PLC0415  # only where a browser is started
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415  # likewise

    certificate = x509.load_pem_x509_certificates(certificate_pem.encode())[0]
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()
