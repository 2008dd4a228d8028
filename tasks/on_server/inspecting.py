"""What a server has and how it is, all in one call and without changing anything (P18).

    python3 -I bundle.pyz <REQUEST

The request is JSON on the standard input, the answer JSON on the standard output: texts of programs as they wrote them,
which the control machine reads, and lists of what lies where. A look that fails is told in `failed`, and keeps no other
from being made.

    {"root": "/", "looks": ["raid", …], "instances": ["k3v9q2", …], "units": [...], "paths": [...],
     "uids": [20000, 59999], "programs": {"system": [argv], …}}

`root` is where the files are read; another one than `/` holds recorded files, and programs are asked all the same.

Runs on servers: standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.on_server.mariadb_session import DatabaseSaid, Session
from tasks.on_server.places import is_frozen, output, placed

if TYPE_CHECKING:
    from collections.abc import Callable

OURS = "phm-"
DISKS = ("/", "/boot", "/var", "/srv", "/var/lib/mysql", "/tmp")  # noqa: S108  # looked at, not written to
SITES, NAMES, ENABLED = "etc/apache2/phm/instances", "etc/apache2/phm/names", "etc/apache2/sites-enabled"
POOLS, CRON, CRONTABS = "etc/php/8.2/fpm/pool.d", "etc/cron.d", "var/spool/cron/crontabs"
FOLDERS = ("/srv/instances", "/srv/code", "/srv/scratch")
QUEUES = ("var/spool/postfix/deferred", "var/spool/postfix/active", "var/spool/postfix/incoming",
          "var/spool/exim4/input")  # fmt: skip
LONG_SECONDS = 600
TRANSACTIONS_MOST = 50
BROKEN_MOST = 100
SITE_BYTES = 16_384


class Inspection:
    """The looks of one request."""

    def __init__(self, request: dict[str, Any]) -> None:
        """Nothing is looked at yet."""
        self.request = request
        self.root = Path(request["root"])

    def answer(self) -> dict[str, Any]:
        """What was seen; each look by itself."""
        looks: dict[str, Callable[[], Any]] = {
            "raid": self.raid, "smart": smart, "disks": self.disks, "services": self.services,
            "database": self.database, "clock": self.clock, "packages": self.packages,
            "certificate": self.certificate, "mail": self.mail, "sites": self.sites, "users": self.users,
            "databases": databases, "cron": self.cron, "folders": self.folders, "rights": self.rights,
            "closed": self.closed,
        }  # fmt: skip
        answers: dict[str, Any] = {"began": time.time()}
        failed: dict[str, str] = {}
        for name, look in looks.items():
            if name in self.request["looks"]:
                try:
                    answers[name] = look()
                except (OSError, ValueError, DatabaseSaid, subprocess.SubprocessError) as error:
                    failed[name] = " ".join(str(error).split())[:300] or type(error).__name__
        virtual = output("systemd-detect-virt", codes=(0, 1)).strip()
        return {"at": time.time(), "virtual": "" if virtual == "none" else virtual, "failed": failed, **answers}

    def raid(self) -> dict[str, Any]:
        """What the kernel and mdadm say of arrays; without md in the kernel there are none."""
        told = self.text("proc/mdstat")
        names = re.findall(r"^(md\S*) :", told, re.MULTILINE)
        found: dict[str, Any] = {
            "mdstat": told, "conf": self.text("etc/mdadm/mdadm.conf"), "detail": {}, "export": {},
            "members": {name: self.members(name) for name in names},
            "compared": {name: self.compared(name) for name in names},
        }  # fmt: skip
        if str(self.root) != "/" or not shutil.which("mdadm"):
            return found
        for name in names:
            found["detail"][name] = output("mdadm", "--detail", f"/dev/{name}", codes=None)
            found["export"][name] = output("mdadm", "--detail", "--export", f"/dev/{name}", codes=None)
        return found

    def members(self, array: str) -> dict[str, str]:
        """What the kernel says of each disk of an array: that one took no write shows there alone."""
        folder = f"sys/block/{array}/md"
        return {one.name.removeprefix("dev-"): self.text(f"{folder}/{one.name}/state").strip()
                for one in sorted((self.root / folder).glob("dev-*"))}  # fmt: skip

    def compared(self, array: str) -> dict[str, str]:
        """What the kernel counted as it last went through an array's disks, and as what it did so."""
        return {one: self.text(f"sys/block/{array}/md/{one}").strip() for one in ("mismatch_cnt", "last_sync_action")}

    def disks(self) -> list[dict[str, Any]]:
        """How full each file system is; one that is mounted at several places is told once."""
        found, devices = [], set()
        for path in DISKS:
            with contextlib.suppress(FileNotFoundError):
                device, room = Path(path).stat().st_dev, os.statvfs(path)
                if device not in devices:
                    devices.add(device)
                    found.append({
                        "path": path, "size": room.f_blocks * room.f_frsize, "free": room.f_bavail * room.f_frsize,
                        "inodes": room.f_files, "inodes_free": room.f_favail,
                        "read_only": bool(room.f_flag & os.ST_RDONLY),
                    })  # fmt: skip
        return found

    def services(self) -> dict[str, Any]:
        """The state of our units, and all that have failed."""
        units = self.request["units"]
        states = output("systemctl", "is-active", "--", *units, codes=None).split()
        failed = output("systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager", codes=None)
        if len(states) != len(units):
            raise OSError("systemctl does not answer")
        return {"units": dict(zip(units, states, strict=True)),
                "failed": [line.split()[0] for line in failed.splitlines() if line.split()]}  # fmt: skip

    def database(self) -> dict[str, Any]:
        """Whether MariaDB answers, which tables it can't read, what follows another server, what is open for long."""
        try:
            with Session() as session:
                broken = session.run(
                    "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES"
                    " WHERE TABLE_TYPE = 'BASE TABLE' AND (ENGINE IS NULL OR TABLE_COMMENT LIKE '%crashed%')"
                    " AND TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema', 'sys')"
                    f" LIMIT {BROKEN_MOST}"
                )
                followed = session.run("SHOW ALL SLAVES STATUS")
                open_ones = session.run(
                    "SELECT COALESCE(p.USER, '?'), COALESCE(p.DB, ''), TIMESTAMPDIFF(SECOND, t.trx_started, NOW())"
                    " FROM information_schema.INNODB_TRX t LEFT JOIN information_schema.PROCESSLIST p"
                    f" ON p.ID = t.trx_mysql_thread_id WHERE t.trx_started < NOW() - INTERVAL {LONG_SECONDS} SECOND"
                    f" ORDER BY t.trx_started LIMIT {TRANSACTIONS_MOST}"
                )
        except DatabaseSaid as error:
            return {"up": False, "said": str(error)}
        return {"up": True, "broken": [row[0] for row in broken], "followed": [row[0] or "unnamed" for row in followed],
                "transactions": [[user, name, int(seconds)] for user, name, seconds in open_ones]}  # fmt: skip

    def clock(self) -> dict[str, Any]:
        """Whether a program keeps the clock; null where there is none."""
        if shutil.which("chronyc"):
            said = output("chronyc", "-n", "tracking", codes=None)
            return {"kept": re.search(r"^Leap status\s*:\s*Normal", said, re.MULTILINE) is not None}
        said = output("timedatectl", "show", "--property=NTP,NTPSynchronized", codes=None)
        kept = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        return {"kept": kept.get("NTPSynchronized") == "yes" if kept.get("NTP") == "yes" else None}

    def packages(self) -> dict[str, Any]:
        """What the programs of the request wrote."""
        return {name: output(*argv) for name, argv in self.request["programs"].items()}

    def certificate(self) -> str:
        """When the certificate of the server's own name ends."""
        file = self.root / "etc/apache2/phm/certificate.pem"
        return output("openssl", "x509", "-noout", "-enddate", "-in", str(file)).strip()

    def mail(self) -> int | None:
        """Letters that wait; null where there is no mail server."""
        there = [self.root / queue for queue in QUEUES if (self.root / queue).is_dir()]
        if not there:
            return None
        return sum(not name.endswith("-D") for queue in there for _, _, names in os.walk(queue) for name in names)

    def sites(self) -> dict[str, Any]:
        """What instances' sites do, names' files, PHP pools, and sites that the service has not written."""
        found = {
            file.stem: kind_of(file.read_bytes()[:SITE_BYTES].decode(errors="replace"))
            for file in self.files(SITES) if file.suffix == ".conf"
        }  # fmt: skip
        names = {file.stem.rpartition(".")[2]: f"/{NAMES}/{file.name}" for file in self.files(NAMES)
                 if file.suffix == ".conf" and file.stem.rpartition(".")[2].isdigit()}  # fmt: skip
        ours = [*self.files(SITES), *self.files(NAMES), *self.files(ENABLED)]
        known = {f"/{NAMES}/{Path(path).name}" for path in names.values()}
        other = [
            path for file in ours if (path := f"/{file.relative_to(self.root)}") not in known
            and not file.name.startswith(".") and not (path.startswith(f"/{SITES}/") and file.suffix == ".conf")
            and not (path.startswith(f"/{ENABLED}/") and file.name.startswith("phm"))
        ]  # fmt: skip
        pools = [file.stem.removeprefix(OURS) for file in self.files(POOLS)
                 if file.suffix == ".conf" and file.name.startswith(OURS)]  # fmt: skip
        return {"sites": found, "names": names, "other": other, "pools": pools}

    def users(self) -> dict[str, int]:
        """Unix users of the service's names or numbers."""
        least, most = self.request["uids"]
        return {one.pw_name: one.pw_uid for one in pwd.getpwall()
                if one.pw_name.startswith(OURS) or least <= one.pw_uid <= most}  # fmt: skip

    def cron(self) -> dict[str, Any]:
        """Instances' cron jobs, and crontabs of their users."""
        jobs = {file.name.removeprefix(OURS): f"/{CRON}/{file.name}" for file in self.files(CRON)
                if file.name.startswith(OURS)}  # fmt: skip
        return {"jobs": jobs, "crontabs": [file.name for file in self.files(CRONTABS) if file.name.startswith(OURS)]}

    def folders(self) -> dict[str, list[str]]:
        """What lies below the service's folders."""
        return {folder: sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
                for folder in FOLDERS if Path(folder).is_dir()}  # fmt: skip

    def rights(self) -> dict[str, list[str]]:
        """Kind, owner and mode of the paths of the request that are there; links are not followed."""
        found = {}
        for path in self.request["paths"]:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                found[path] = placed(os.lstat(path))
        return found

    def closed(self) -> dict[str, Any]:
        """Shut gates with the moment, and folders that take no writes."""
        gates, frozen = {}, []
        for name in self.request["instances"]:
            gate, folder = Path("/srv/code", name, "closed"), Path("/srv/instances", name)
            with contextlib.suppress(FileNotFoundError):
                gates[name] = gate.lstat().st_mtime
            if folder.is_dir() and is_frozen(folder):
                frozen.append(name)
        return {"gates": gates, "frozen": frozen}

    def text(self, path: str) -> str:
        """A file below the root; empty where there is none."""
        file = self.root / path
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""

    def files(self, path: str) -> list[Path]:
        """The files of a folder below the root, by name."""
        folder = self.root / path
        return sorted(file for file in folder.iterdir() if not file.is_dir()) if folder.is_dir() else []


def databases() -> dict[str, Any]:
    """Databases and their users, and those who are locked out; MariaDB's own are left out."""
    with Session() as session:
        names = session.run(
            "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN"
            " ('information_schema', 'mysql', 'performance_schema', 'sys') ORDER BY SCHEMA_NAME"
        )
        users = session.run(
            "SELECT User, Host, COALESCE(JSON_VALUE(Priv, '$.account_locked'), 0) FROM mysql.global_priv"
            " WHERE User NOT IN ('root', 'mysql', 'mariadb.sys', 'debian-sys-maint', '') AND Host != ''"
            " ORDER BY User, Host"
        )
    return {
        "databases": [row[0] for row in names],
        "users": [f"{user}@{host}" for user, host, _ in users],
        "locked": [user for user, host, locked in users if host == "localhost" and locked in {"1", "true"}],
    }


def smart() -> dict[str, Any] | None:
    """What each disk says of itself, as smartctl tells it; null where that is not installed.

    The scan calls each /dev/sdX scsi, a SATA disk too, and asked as such that tells nothing: what it is it says once it
    is asked without that word. Disks behind a controller have its path in common, and a number each in their type.
    A SAS disk tells what it could not correct in its log of errors, and how worn it is in that of solid-state disks.
    """
    if not shutil.which("smartctl"):
        return None
    scanned = json.loads(output("smartctl", "--json", "--scan", codes=None) or "{}")
    found = {}
    for device in scanned.get("devices", []):
        logs = ("--log=error", "--log=ssd", "--log=selftest")
        kind = () if device["type"] == "scsi" else ("-d", device["type"])
        said = output(
            "smartctl", "--json", "--info", "--health", "--attributes", *logs, *kind, device["name"], codes=None
        )
        name = f"{device['name']} {device['type']}" if "," in device["type"] else device["name"]
        found[name] = json.loads(said) if said.lstrip().startswith("{") else {}
    return found


def kind_of(site: str) -> list[str]:
    """What a site does with requests: serves them, serves its own machine alone, passes them on, or is closed."""
    if "\n# Suspended: " in site:
        return ["closed", ""]
    if 'SetHandler "proxy:unix:' in site:
        return ["serves" if "Require all granted" in site else "local", ""]
    if passed := re.search(r'ProxyPass "https://([^/"%]+)', site):
        return ["passes on", passed[1]]
    return ["closed" if "Redirect 503" in site else "other", ""]


def main() -> int:
    """Answer the request."""
    json.dump(Inspection(json.loads(sys.stdin.read())).answer(), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
