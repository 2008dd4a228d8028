"""A private web server (php -S) and a private MariaDB for trying the stand-in, both on this machine only.

The instance lies as on a server: code that PHP may not write in one folder, state and caches behind links, PHP under
`open_basedir` and without the functions that start programs.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import pymysql

from fleet.release import pack_release
from hosting.product.settings import DISABLED
from tests.service.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_SECONDS = 60
ADMIN = ("root", "rootpw1")
PASSWORD = "pw1"
PREFIX = "phlymail"
INSTALL = {"language": "de", "language_conf": "de", "skin": "Yokohama", "database": "mysql"}
USER = {
    "PHM[active]": "1",
    "PHM[email]": "a@example.test",
    "PHM[externalemail]": "a@example.test",
    "PHM[birthday]": "0000-00-00",
    "PHM[visibility]": "private",
    "theme": "Yokohama",
    "language": "de",
    "MOTD": "",
}


def require_programs() -> None:
    """Fail with one sentence where PHP or MariaDB is missing."""
    missing = [name for name in ("php", "mariadbd", "mariadb-install-db") if shutil.which(name) is None]
    assert not missing, (
        f"{', '.join(missing)} missing: install php8.2-cli, php8.2-mysql, php8.2-mbstring and mariadb-server."
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(START_SECONDS)


@contextmanager
def mariadb(folder: Path) -> Iterator[Path]:
    """A MariaDB of its own without network; gives its socket, on which root needs no password."""
    data, sock = folder / "mysql", folder / "s.sock"
    whoami = f"--user={os.environ.get('USER') or 'root'}"
    subprocess.run(
        [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            whoami,
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    server = subprocess.Popen(
        ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={sock}", "--skip-networking", whoami,
         "--sql-mode=NO_ENGINE_SUBSTITUTION", "--character-set-server=utf8mb4", "--innodb-buffer-pool-size=32M",
         f"--pid-file={folder / 'db.pid'}"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and server.poll() is None:
            try:
                pymysql.connect(unix_socket=str(sock), user="root").close()
                break
            except pymysql.OperationalError:
                time.sleep(0.1)
        yield sock
    finally:
        stop(server)


@dataclass
class Instance:
    """One instance of the stand-in with a database of its own."""

    folder: Path
    sock: Path
    name: str
    build: str = "40470"
    port: int = field(default_factory=free_port)
    server: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def code(self) -> Path:
        return self.folder / "code"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sql(self, statement: str, *values: object) -> list[dict[str, object]]:
        with pymysql.connect(
            unix_socket=str(self.sock), user="root", autocommit=True, cursorclass=pymysql.cursors.DictCursor
        ) as link:
            link.select_db(self.name) if statement != f"CREATE DATABASE {self.name}" else None
            with link.cursor() as cursor:
                cursor.execute(statement, values)
                return list(cursor.fetchall())

    def put_code(self, build: str) -> None:
        """The code of a release; state that is there already stays."""
        archive = pack_release(self.folder / f"{build}.zip", build)
        shutil.rmtree(self.code, ignore_errors=True)
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(self.code)
        for name in ("storage", "choices.ini.php"):
            if not (self.data / name).exists():
                shutil.move(self.code / name, self.data / name)
            elif name == "storage":
                for marker in ("current.build", "build.name", "theme.engine"):
                    shutil.copy(self.code / "storage/config" / marker, self.data / "storage/config" / marker)
                shutil.rmtree(self.code / name)
            else:
                (self.code / name).unlink()
            (self.code / name).symlink_to(self.data / name)

    def start(self) -> None:
        self.data.mkdir(parents=True)
        self.sql(f"CREATE DATABASE {self.name}")
        self.put_code(self.build)
        for name in ("tplcache", "temp", "sessions"):
            (self.folder / "scratch" / name).mkdir(parents=True)
        for name in ("tplcache", "temp"):
            (self.data / "storage" / name).symlink_to(self.folder / "scratch" / name)
        self.server = subprocess.Popen(
            [*self.php, "-S", f"127.0.0.1:{self.port}"], cwd=self.code, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + START_SECONDS
        while True:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            assert time.monotonic() < until, "PHP's server does not start"
            time.sleep(0.05)

    @property
    def php(self) -> list[str]:
        settings = {
            "display_errors": "0",
            "open_basedir": f"{self.folder}:{self.sock.parent}",
            "session.save_path": str(self.folder / "scratch/sessions"),
            "disable_functions": ",".join(DISABLED),
        }
        return ["php", *(word for key, value in settings.items() for word in ("-d", f"{key}={value}"))]

    def install(self, **changed: str) -> httpx.Response:
        access = {"host": f"localhost:{self.sock}", "user": "root", "pass": "", "database": self.name, "prefix": PREFIX}
        access |= {key: value for key, value in changed.items() if key in access}
        form = INSTALL | {f"WP_DB[{key}]": value for key, value in access.items()}
        form |= {"admin_name": changed.get("admin", ADMIN[0]), "admin_pw_1": ADMIN[1], "admin_pw_2": ADMIN[1]}
        return httpx.post(f"{self.url}/installer.php?save=1&WPInstLang=en", data=form, timeout=30)

    def settings(self, text: str) -> None:
        """What Config would have saved."""
        (self.data / "storage/config/choices.ini.php").write_text(f";<?php die(); ?>\n{text}\n")

    @property
    def salt(self) -> str:
        found = re.search(r'system_salt = "?(\w+)', (self.data / "choices.ini.php").read_text())
        assert found
        return found[1]

    def cron(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.php, str(self.code / "backend/cronjob.php")], capture_output=True, text=True, timeout=60, check=False
        )

    def visitor(self) -> Visitor:
        return Visitor(httpx.Client(base_url=self.url, timeout=30))


@dataclass
class Visitor:
    """A browser: a cookie jar and the session's id from the form."""

    http: httpx.Client
    session: str = ""

    def log_in(self, script: str, name: str, password: str, **more: str) -> httpx.Response:
        form = self.http.get(f"/{script}").text
        found = re.search(r'action="[^"]*(PHPSESSID=[^"&]+)', form)
        assert found, form
        self.session = found[1]
        data = {"user": name, "pass": password, **more}
        return self.http.post(f"/{script}?{self.session}", data=data)

    def get(self, script: str, query: str = "") -> httpx.Response:
        return self.http.get(f"/{script}?{self.session}&{query}")

    def post(self, script: str, query: str, form: dict[str, str | list[str]]) -> httpx.Response:
        return self.http.post(f"/{script}?{self.session}&{query}", data=form)

    def add_user(self, name: str, **more: str | list[str]) -> httpx.Response:
        form = {"PHM[username]": name, "PHM[password]": PASSWORD, "PHM[password2]": PASSWORD}
        return self.post("config.php", "action=users&whattodo=savenewuser", USER | form | more)
