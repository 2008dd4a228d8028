"""Where the fleet's files lie, all below its home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet.disks import Disks

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Places:
    """The folders of one fleet.

    Args:
        home: the folder of everything.
    """

    home: Path

    @property
    def bases(self) -> Path:
        """Unpacked base images."""
        return self.home / "base"

    @property
    def hosts(self) -> Path:
        """A folder per host."""
        return self.home / "hosts"

    @property
    def logs(self) -> Path:
        """What the fleet's processes say."""
        return self.home / "logs"

    @property
    def certificates(self) -> Path:
        """The fleet's CA and what it has signed."""
        return self.home / "certificates"

    @property
    def operator_key(self) -> Path:
        """The SSH key that opens every host as root."""
        return self.home / "keys" / "operator"

    @property
    def known_hosts(self) -> Path:
        """The hosts' keys, pinned."""
        return self.home / "keys" / "known_hosts"

    @property
    def mails(self) -> Path:
        """One file for each mail that arrived."""
        return self.home / "mails"

    @property
    def zone(self) -> Path:
        """The DNS server's files."""
        return self.home / "dns"

    @property
    def store(self) -> Path:
        """The object store's files."""
        return self.home / "s3"

    @property
    def secrets(self) -> Path:
        """Keys of the store and the zone, made once."""
        return self.home / "keys" / "secrets.json"

    @property
    def description(self) -> Path:
        """What others need to use the fleet."""
        return self.home / "fleet.json"

    def disks(self, name: str, base: str) -> Disks:
        """The disks of a host over the image of that name."""
        return Disks(folder=self.hosts / name, base=self.bases / base)
