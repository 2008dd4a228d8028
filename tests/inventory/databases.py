"""Real database servers of the tests' own: private, on loopback, gone with the test run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from tests.service.ports import free_port

if TYPE_CHECKING:
    from sqlalchemy import Engine

START_SECONDS = 60
MEMORY, DISK = Path("/dev/shm"), Path("/tmp")
ROOM_BYTES = 2**30
"""A server needs a twentieth of it."""


def in_memory() -> Path:
    """Memory where there is room in it, rid of what ended processes left there; else the disk."""
    for left in MEMORY.glob("phm-test-*-*"):
        if not Path(f"/proc/{left.name.split('-')[2]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES else DISK


class PrivateServer:
    """A database server in a temporary folder, run by an unprivileged user, ended with its parent."""

    user = ""
    stop_signal = signal.SIGTERM

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"phm-test-{os.getpid()}-", dir=self.place()))
        self.port = free_port()
        self.made = 0
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user, self.user)
        self.admin: Engine | None = None
        self.prepare()
        self.start()

    def start(self) -> None:
        log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", self.stop_signal.name[3:], *self._as_user(), *self.command()],
            stdout=log,
            stderr=log,
            cwd=self.folder,
        )
        self._await()

    def place(self) -> Path:
        """Where its files lie."""
        return DISK

    def _as_user(self) -> list[str]:
        if os.geteuid() != 0:
            return []
        return ["--reuid", self.user, "--regid", self.user, "--init-groups"]

    def run(self, *argv: str) -> None:
        done = subprocess.run(
            ["setpriv", *self._as_user(), *argv] if os.geteuid() == 0 else argv,
            cwd=self.folder,
            capture_output=True,
            timeout=START_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()

    def _await(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                self.statement("SELECT 1")
            except OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.1)
            else:
                return
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        self.process.send_signal(self.stop_signal)
        self.process.wait(START_SECONDS)
        if self.admin is not None:
            self.admin.dispose()

    def remove(self) -> None:
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder)

    def statement(self, sql: str) -> None:
        self.admin = self.admin or create_engine(self.admin_url, isolation_level="AUTOCOMMIT")
        with self.admin.connect() as connection:
            connection.exec_driver_sql(sql)

    def fresh_name(self) -> str:
        self.made += 1
        return f"test_{self.made}"

    @property
    def admin_url(self) -> str:
        raise NotImplementedError

    def prepare(self) -> None:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError


class PrivatePostgresql(PrivateServer):
    user = "postgres"
    stop_signal = signal.SIGINT

    def place(self) -> Path:
        """A database is some hundred files, made anew for each test."""
        return in_memory()

    @property
    def programs(self) -> Path:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
        assert found, "PostgreSQL is missing: apt-get install postgresql"
        return found[-1]

    @property
    def admin_url(self) -> str:
        return self.url("postgres")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://phm@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        data, initdb = str(self.folder / "data"), str(self.programs / "initdb")
        self.run(initdb, "-D", data, "-U", "phm", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "max_connections": 200,
        }
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.folder / "data"), *given]

    def fresh(self, template: str = "template1") -> str:
        name = self.fresh_name()
        self.statement(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")  # else twice: to the WAL, too
        return self.url(name)

    def give_back(self, database: str) -> None:
        """A database that nobody needs any more; on a disk it goes with the others, which is quicker there."""
        if self.folder.parent == MEMORY:
            self.statement(f"DROP DATABASE {database} WITH (FORCE)")


class PrivateMariadb(PrivateServer):
    user = "mysql"

    @property
    def admin_url(self) -> str:
        return f"mariadb+pymysql://root@localhost/?unix_socket={self.folder}/socket"

    def prepare(self) -> None:
        assert shutil.which("mariadb-install-db"), "MariaDB is missing: apt-get install mariadb-server"
        account = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        self.run("mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/data", *account)

    def command(self) -> list[str]:
        return [
            shutil.which("mariadbd") or "/usr/sbin/mariadbd",
            "--no-defaults",
            f"--datadir={self.folder}/data",
            f"--socket={self.folder}/socket",
            f"--pid-file={self.folder}/pid",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--innodb-flush-log-at-trx-commit=0",
        ]

    def fresh(self) -> str:
        name = self.fresh_name()
        self.statement(f"CREATE DATABASE {name}")
        return f"mariadb://root@localhost/{name}?unix_socket={self.folder}/socket"
