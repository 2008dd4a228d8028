"""Where an instance lives on its server: one layout, known by every step (phlymail.md section 1).

What the customer's storage counts and backups hold is one folder (a subvolume where the server has
btrfs); code, caches, sessions and temporary files lie outside of it (P04, P19).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath as Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts, ReleaseFacts

SERVICE_ROOT = Path("/srv")
RELEASES = SERVICE_ROOT / "releases"
INSTANCES = SERVICE_ROOT / "instances"
CODE = SERVICE_ROOT / "code"
SCRATCH = SERVICE_ROOT / "scratch"
BACKUP = SERVICE_ROOT / "backup"
"""Where points are taken from and brought back to: on the instances' file system, so that a folder moves at once."""
SITES = Path("/etc/apache2/phm/instances")
NAMES = Path("/etc/apache2/phm/names")
NAME_CERTIFICATES = Path("/etc/apache2/phm/name-certificates")
POOLS = Path("/etc/php/8.2/fpm/pool.d")
LOCKS = Path("/run/phm")

FIRST_UID = 20_000
LAST_UID = 59_999
"""Normal uids of a reserved range: the system's own run out before a thousand instances (FLEET.md section 8)."""

COPIES_MOST = 10
"""Copies of instances that a server may have at once, a rehearsal's among them (docs/decisions/0009)."""
FIRST_COPY_UID = LAST_UID - COPIES_MOST + 1
"""Copies have the last uids of the range: the kernel lets them reach nothing over the network."""
REHEARSAL = "rehearsal"
"""The copy that a rehearsal makes; no instance is called so, since their names have no vowels."""
REHEARSAL_SLOT = 0
"""Its place among a server's copies; operators get the others."""

ROOM_FILE = "room.ini"
"""The name of the file that tells the product its quota and usage."""

TABLE_PREFIX = "phlymail"
ROOT_ADMIN = "provider"
"""Our own administrator in each instance (is_root=yes)."""
CUSTOMER_ADMIN = "admin"
"""The customer's administrator (is_root=no)."""


def copy_name(instance: str, slot: int) -> str:
    """What an operator's copy of an instance is called; no instance's name has an underscore, no database a hyphen."""
    return f"{instance}_{slot}"


def copy_number(slot: int) -> int:
    """The number of the copy in a slot of a server, from which its uid follows."""
    return FIRST_COPY_UID - FIRST_UID + slot


def name_site(name_id: int, host: str) -> Path:
    """A name's file, one a name; a file's name can't be as long as a domain's, so that its number makes it unique."""
    return NAMES / f"{host[:180]}.{name_id}.conf"


@dataclass(frozen=True)
class InstanceLayout:
    """The places and names of one instance on a server."""

    name: str
    number: int
    release: ReleaseFacts

    @classmethod
    def of(cls, instance: InstanceFacts) -> InstanceLayout:
        """The layout of an instance in the inventory."""
        return cls(instance.name, instance.number, instance.release)

    @property
    def user(self) -> str:
        """The Unix user and group; also the name of its pool."""
        return f"phm-{self.name}"

    @property
    def uid(self) -> int:
        """The same number on every server, so that files keep their owner when the instance moves."""
        uid = FIRST_UID + self.number
        if uid > LAST_UID:
            raise ValueError(f"Instance number {self.number} is beyond the reserved uids.")
        return uid

    @property
    def database(self) -> str:
        """The database; its user has the same name."""
        return f"phm_{self.name}"

    @property
    def path(self) -> str:
        """The path of the long-form URL (P10)."""
        return f"/{self.name}/"

    @property
    def data(self) -> Path:
        """What P04 counts and P19 backs up."""
        return INSTANCES / self.name

    @property
    def storage(self) -> Path:
        """The product's storage folder."""
        return self.data / "storage"

    @property
    def settings(self) -> Path:
        """The first of the product's two settings files; it holds the salt."""
        return self.data / "choices.ini.php"

    @property
    def code(self) -> Path:
        """This release's code for this instance."""
        return CODE / self.name / self.release.folder

    @property
    def current(self) -> Path:
        """The link by which a release is switched."""
        return CODE / self.name / "current"

    @property
    def gate(self) -> Path:
        """While this folder is there, the site answers 503 to everybody but who shows the name of a file in it."""
        return CODE / self.name / "closed"

    @property
    def gate_keeper(self) -> Path:
        """What PHP runs before each request from the web: it lets nobody in while the gate is shut."""
        return CODE / self.name / "gate.php"

    @property
    def trial(self) -> Path:
        """The code of a release whose migration is tried on a copy of the database."""
        return CODE / self.name / "trial"

    @property
    def trial_data(self) -> Path:
        """What such a trial writes."""
        return self.scratch / "trial"

    @property
    def trial_database(self) -> str:
        """The copy; its user has the same name."""
        return f"{self.database}_trial"

    @property
    def kept_database(self) -> str:
        """Tables as they were before an update, until it is through."""
        return f"{self.database}_kept"

    @property
    def kept(self) -> Path:
        """Files as they were before an update, until it is through."""
        return BACKUP / f"{self.name}-update"

    @property
    def room_file(self) -> Path:
        """What the product is told of quota and usage, beside its releases: it may read it, and no more."""
        return CODE / self.name / ROOM_FILE

    @property
    def hook(self) -> Path:
        """The class by which the product asks for quota and usage (phlymail.md section 4.4)."""
        return self.code / "shared/lib/SystemProvisioning.php"

    @property
    def unpacked(self) -> Path:
        """The release as it was unpacked once for the whole server."""
        return RELEASES / self.release.folder

    @property
    def scratch(self) -> Path:
        """Caches, sessions and temporary files: neither counted nor backed up, within a limit of their own."""
        return SCRATCH / self.name

    @property
    def socket(self) -> Path:
        """Where the instance's PHP pool listens."""
        return Path("/run/php") / f"{self.user}.sock"

    @property
    def pool_file(self) -> Path:
        """The pool's configuration."""
        return POOLS / f"{self.user}.conf"

    @property
    def site_file(self) -> Path:
        """The site's configuration, one file an instance."""
        return SITES / f"{self.name}.conf"

    @property
    def cron_file(self) -> Path:
        """The cron job; cron takes no dots in names."""
        return Path("/etc/cron.d") / self.user

    @property
    def php_ini(self) -> Path:
        """PHP's settings on the command line, for cron."""
        return Path("/etc/phm/php") / f"{self.name}.ini"

    @property
    def log(self) -> Path:
        """PHP's own error log of the instance; not readable over the web."""
        return Path("/var/log/phm") / f"{self.name}.log"

    @property
    def traces(self) -> tuple[str, ...]:
        """Everything that a set-up makes on a server, in the order in which it can be taken away."""
        files = (self.cron_file, self.site_file, self.pool_file, self.php_ini, self.log)
        folders = (self.data, self.code.parent, self.scratch)
        return (*map(str, files), f"database and user {self.database}", *map(str, folders), f"Unix user {self.user}")

    @property
    def step_lock(self) -> Path:
        """Held by one script at a time: a script that outlived its connection ends before the next begins."""
        return LOCKS / f"{self.name}.step"

    @property
    def lock(self) -> Path:
        """The lock on the host that a run holds while it works on the instance."""
        return LOCKS / f"{self.name}.lock"
