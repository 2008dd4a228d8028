"""One call that tells how a server is and what it has; the parser is pure (P18)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from hosting.commands import packages
from hosting.commands.command import Command, script
from hosting.commands.raid import parse_arrays, parse_named
from hosting.commands.smart import parse_disk
from hosting.policy.fleet_expected import Home, Place
from hosting.policy.inspected import (
    DatabaseHealth,
    DiskUse,
    GateSeen,
    LongTransaction,
    PlaceSeen,
    Seen,
    SiteKind,
)
from hosting.product.layout import FIRST_UID, LAST_UID, InstanceLayout

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from hosting.policy.fleet_expected import Expected
    from hosting.policy.inspection import Look
    from hosting.policy.values import InstanceFacts

SECONDS = 600
UNITS = (*packages.UNITS, "phm-outgoing")
"""What has to run on a server of ours."""

OWN_FILES: Mapping[str, str] = {
    "/etc/tmpfiles.d/phm.conf": "644",
    "/etc/ssh/sshd_config.d/phm.conf": "644",
    "/etc/logrotate.d/phm": "644",
    "/etc/cron.d/phm": "644",
    "/etc/phm/authorities.pem": "644",
    "/etc/phm/outgoing.nft": "644",
    "/etc/systemd/system/phm-outgoing.service": "644",
    "/etc/mysql/mariadb.conf.d/70-phm.cnf": "644",
    "/etc/php/8.2/fpm/pool.d/00-phm-global.conf": "644",
    "/etc/apache2/phm/certificate.pem": "644",
    "/etc/apache2/phm/certificate.key": "600",
    "/etc/apache2/sites-available/phm.conf": "644",
}
"""What enrolment writes, with its modes; all of it is root's."""

OWN_FOLDERS: Mapping[str, str] = {
    "/srv/instances": "711", "/srv/scratch": "711", "/srv/code": "755", "/srv/releases": "755", "/run/phm": "700",
    "/var/log/phm": "755",
}  # fmt: skip

# The program comes first, then its request; both by stdin, since they may be long. Nothing is left behind.
_INSPECT = """
d=$(mktemp -d /run/phm-inspect.XXXXXXXX); trap 'rm -rf "$d"' EXIT
head -c "$1" >"$d/program.pyz"
nice -n 5 python3 -I "$d/program.pyz"
"""

# Another owner is never given to what a link leads to.
_RIGHTS = """
[ ! -L "$1" ] && [ -e "$1" ] || { echo "$1 is not there, or is a link" >&2; exit 3; }
[ "$(stat -c %U:%G:%a "$1")" != "$2:$3" ] || { echo unchanged; exit; }
chown -h "$2" "$1"; chmod "$3" "$1"; echo changed
"""


@dataclass(frozen=True)
class Asked:
    """What a server is asked.

    Args:
        looks: the looks to make.
        expected: what the inventory says of it: of these instances and files it is told how they lie.
        root: where its files are read; another folder holds recorded ones.
    """

    looks: Collection[Look]
    expected: Expected
    root: str = "/"


def inspect(program: bytes, asked: Asked) -> Command:
    """The looks at a server, all by one call."""
    homes = asked.expected.homes.values()
    places = [*asked.expected.own, *(place for home in homes for place in home.places)]
    request = {
        "root": asked.root,
        "looks": sorted(asked.looks),
        "instances": [home.name for home in homes],
        "units": list(UNITS),
        "paths": [place.path for place in places],
        "uids": [FIRST_UID, LAST_UID],
        "programs": {"system": packages.read_system().argv, "offered": packages.simulate_all().argv},
    }
    words = program + json.dumps(request).encode()
    return script("inspect", _INSPECT, str(len(program)), stdin=words, seconds=SECONDS)


def ensure_rights(path: str, owner: str, mode: str) -> Command:
    """Owner and mode of a file or folder that is there; exit code 3: it is not, or is a link."""
    return script("rights", _RIGHTS, path, owner, mode)


def own_places() -> tuple[Place, ...]:
    """What a server has of the service itself."""
    folders = (Place(path, "folder", mode=mode) for path, mode in OWN_FOLDERS.items())
    return (*(Place(path, "file", mode=mode) for path, mode in OWN_FILES.items()), *folders)


def home_of(instance: InstanceFacts) -> Home:
    """An instance as it has to lie on its server.

    Of what lies in folders that the instance itself may write to nothing is asked: it could lead root elsewhere.
    """
    layout = InstanceLayout.of(instance)
    own, group = f"{layout.user}:{layout.user}", f"root:{layout.user}"
    places = (
        Place(str(layout.data), "folder", group, "750", needed=True),
        Place(str(layout.storage), "folder", own, "700", needed=True),
        Place(str(layout.settings), "file", own, "600", needed=True),
        Place(str(layout.scratch), "folder", group, "750"),
        Place(str(layout.code.parent), "folder", "root:root", "755"),
        Place(str(layout.current), "link"),
        Place(str(layout.gate_keeper), "file"),
        Place(str(layout.pool_file), "file"),
        Place(str(layout.site_file), "file"),
        Place(str(layout.cron_file), "file"),
        Place(str(layout.php_ini), "file"),
        Place(str(layout.log), "file", f"{layout.user}:adm", "640"),
    )
    return Home(instance.name, instance.state, layout.uid, places)


def parse_inspection(server: str, out: str, sent: datetime, received: datetime) -> Seen:
    """What `inspect` told.

    Args:
        server: which.
        out: what the program wrote.
        sent: when it was asked, by our clock.
        received: when its answer was there: a clock that is right has told two moments between the two.
    """
    told = json.loads(out)
    off = clock_off(told["began"] - sent.timestamp(), told["at"] - received.timestamp())
    parsers: Mapping[str, Callable[[Any], dict[str, Any]]] = {
        "raid": _raid, "smart": _smart, "disks": _disks, "services": _services, "database": _database,
        "clock": partial(_clock, off), "packages": _packages, "certificate": _certificate,
        "mail": lambda said: {"mail_waiting": said}, "sites": _sites, "users": lambda said: {"users": said},
        "databases": _databases, "cron": lambda said: {"cron": said["jobs"], "crontabs": tuple(said["crontabs"])},
        "folders": lambda said: {"folders": {folder: tuple(names) for folder, names in said.items()}},
        "rights": lambda said: {"places": {path: PlaceSeen(*one) for path, one in said.items()}}, "closed": _closed,
    }  # fmt: skip
    fields: dict[str, Any] = {"virtual": told["virtual"]}
    for look, parse in parsers.items():
        if look in told:
            fields |= parse(told[look])
    return Seen(server=server, at=received, failed=told["failed"], **fields)


def clock_off(most: float, least: float) -> float:
    """Seconds by which a clock is surely off, whatever of the time in between the way took; negative: it is behind.

    Args:
        most: its first moment less the one when it was asked.
        least: its last moment less the one when its answer was there.
    """
    return min(most, 0.0) or max(least, 0.0)


def _raid(said: dict[str, Any]) -> dict[str, Any]:
    """Arrays, and those that are named."""
    told = (said["mdstat"], said["detail"], said["export"], said["members"])
    arrays = parse_arrays(*told, said.get("compared"))  # recorded answers of a guest are older than that
    return {"arrays": arrays, "arrays_named": parse_named(said["conf"], said["export"])}


def _smart(said: dict[str, Any] | None) -> dict[str, Any]:
    """What each disk says; None where nobody could ask."""
    return {"disks": None if said is None else tuple(parse_disk(device, one) for device, one in said.items())}


def _disks(said: list[dict[str, Any]]) -> dict[str, Any]:
    """How full file systems are."""
    return {
        "use": tuple(
            DiskUse(one["path"], one["size"], one["free"], one["inodes"], one["inodes_free"], one["read_only"])
            for one in said
        )
    }


def _services(said: dict[str, Any]) -> dict[str, Any]:
    """Units that don't run, ours and others."""
    ill = {unit: state for unit, state in said["units"].items() if state not in {"active", "reloading"}}
    others = [name.removesuffix(".service") for name in said["failed"]]
    return {"units": ill, "failed_units": tuple(name for name in others if name not in said["units"])}


def _database(said: dict[str, Any]) -> dict[str, Any]:
    """How MariaDB is."""
    if not said["up"]:
        return {"database": DatabaseHealth(up=False, said=said["said"])}
    transactions = tuple(LongTransaction(user, name, seconds) for user, name, seconds in said["transactions"])
    return {"database": DatabaseHealth(True, "", tuple(said["broken"]), tuple(said["followed"]), transactions)}


def _clock(off: float, said: dict[str, Any]) -> dict[str, Any]:
    """Whether the clock is right."""
    return {"clock_off": round(off, 3), "clock_kept": said["kept"]}


def _packages(said: dict[str, str]) -> dict[str, Any]:
    """Packages, and what apt would do."""
    return {
        "system": packages.parse_system(said["system"]),
        "offered": packages.parse_transaction(said["offered"]),
    }


def _certificate(said: str) -> dict[str, Any]:
    """When the certificate ends: `notAfter=Nov 27 12:00:00 2026 GMT` (openssl-x509(1))."""
    moment = " ".join(said.partition("=")[2].split())
    return {"certificate_ends": datetime.strptime(moment, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)}


def _sites(said: dict[str, Any]) -> dict[str, Any]:
    """Sites, names, pools."""
    return {
        "sites": {name: (SiteKind(kind), target) for name, (kind, target) in said["sites"].items()},
        "name_sites": {int(number): path for number, path in said["names"].items()},
        "other_sites": tuple(said["other"]),
        "pools": tuple(said["pools"]),
    }


def _databases(said: dict[str, Any]) -> dict[str, Any]:
    """Databases and users."""
    return {key: tuple(said[name]) for key, name in (
        ("databases", "databases"), ("database_users", "users"), ("locked", "locked"),
    )}  # fmt: skip


def _closed(said: dict[str, Any]) -> dict[str, Any]:
    """Gates and frozen folders."""
    gates = (
        GateSeen(name, f"/srv/code/{name}/closed", datetime.fromtimestamp(since, UTC))
        for name, since in said["gates"].items()
    )
    return {"gates": tuple(gates), "frozen": tuple(said["frozen"])}
