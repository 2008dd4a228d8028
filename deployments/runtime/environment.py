"""Where the embedded default keeps its things, and the environment that all its processes share."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import certifi

from hosting.settings import home

if TYPE_CHECKING:
    from collections.abc import Callable

    from hosting.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
"""The folder of the packages: a checkout, or where they are installed."""

HEARTBEAT_SECONDS = 30
ZOMBIE_SECONDS = 180
"""A running run that was silent for so long is marked as crashed; longer than a restart of the server takes."""

POLL_SECONDS = 0.5
RUNS_DAYS = 14
"""How long Prefect keeps finished runs; the inventory keeps what was done for ever."""

EVENTS_DAYS = 7
WRITTEN_AT_ONCE = 100
"""So many tasks' states and events are one transaction; one each would take half of the server's time."""

SHOWN_SECONDS = 1
"""A task's state is shown that late at most."""

DAY_SECONDS = 86_400
LOGIN_BYTES = 32


@dataclass(frozen=True)
class Places:
    """The folders of the embedded default, all below the service's own and open to its user alone."""

    home: Path

    @property
    def run(self) -> Path:
        """Records of processes, and the warm parent's socket."""
        return self.home / "run"

    @property
    def log(self) -> Path:
        """What the processes say."""
        return self.home / "log"

    @property
    def prefect(self) -> Path:
        """Prefect's own database, results and leases."""
        return self.home / "prefect"

    @property
    def encryption_key(self) -> Path:
        """The key under which Prefect encrypts blocks; lost with it are the blocks, and `phm up` saves them anew."""
        return self.home / "prefect.key"

    @property
    def api_login(self) -> Path:
        """What Prefect's API and UI ask for, as `user:password`; who knows it can read every block."""
        return self.home / "prefect.login"

    @property
    def authority(self) -> Path:
        """What Prefect's clients load as their authorities where they speak plain HTTP and check none."""
        return self.home / "prefect.pem"

    @property
    def socket(self) -> Path:
        """Where the warm parent takes its requests."""
        return self.run / "warm.sock"

    def ensure(self) -> None:
        """Make the folders, mode 700."""
        for folder in (self.home, self.run, self.log, self.prefect):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)


def places() -> Places:
    """The places of this user's service."""
    return Places(home().resolve())


def address_of(settings: Settings) -> tuple[str, int]:
    """Host and port of the Prefect server."""
    parts = urlsplit(settings.prefect_api_url)
    return parts.hostname or "127.0.0.1", parts.port or 80


def encryption_key(at: Places) -> str:
    """Prefect's Fernet key; made before the first block is saved, and kept."""
    from cryptography.fernet import Fernet  # noqa: PLC0415  # only where a service is started

    return _kept(at.encryption_key, lambda: Fernet.generate_key().decode())


def api_login(at: Places) -> str:
    """What Prefect's API asks for; made before the server is started for the first time, and kept."""
    return _kept(at.api_login, lambda: f"phm:{secrets.token_urlsafe(LOGIN_BYTES)}")


def known_api_login(at: Places) -> str | None:
    """What Prefect's API asks for, where it is known; None for a server elsewhere that asks for nothing."""
    try:
        return at.api_login.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def _kept(file: Path, make: Callable[[], str]) -> str:
    """What is in a file of its own, mode 600: made when first asked for, whole or not at all, and kept."""
    if not file.exists():
        begun = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        descriptor = os.open(begun, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(make())
        with contextlib.suppress(FileExistsError):  # another process made one meanwhile: that one counts
            os.link(begun, file)
        begun.unlink()
    return file.read_text(encoding="ascii").strip()


def for_processes(settings: Settings, at: Places) -> dict[str, str]:
    """The environment of all processes and runs: ours without foreign Prefect settings, and what Prefect is to do."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    known = kept.get("PYTHONPATH", "").split(os.pathsep)
    return {
        **kept,
        "PHM_HOME": str(at.home),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys([str(ROOT), *filter(None, known)])),
        "PYTHONUNBUFFERED": "1",
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(at.prefect),
        "PREFECT_API_URL": settings.prefect_api_url,
        "PREFECT_API_AUTH_STRING": api_login(at),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
        "PREFECT_WORKER_QUERY_SECONDS": str(POLL_SECONDS),
        "PREFECT_WORKER_PREFETCH_SECONDS": "1",
        "PREFECT_LOGGING_COLORS": "false",
        **_authorities_for(settings.prefect_api_url, at),
    }


def _authorities_for(api_url: str, at: Places) -> dict[str, str]:
    """What Prefect's clients are to trust: one authority where the API is plain HTTP, so that nothing is checked by it.

    Otherwise each client, of which a run makes a dozen, would load all of the world's authorities, in 40 ms.
    """
    if urlsplit(api_url).scheme != "http":
        return {}
    _kept(at.authority, _any_authority)
    return {"PREFECT_API_SSL_CERT_FILE": str(at.authority)}


def _any_authority() -> str:
    """A certificate of those that Python's programs trust."""
    end = "-----END CERTIFICATE-----\n"
    known = Path(certifi.where()).read_text(encoding="ascii", errors="replace")
    return known[known.index("-----BEGIN") : known.index(end)] + end


def for_server(settings: Settings, at: Places) -> dict[str, str]:
    """The environment of the Prefect server (PREFECT.md section 7)."""
    host, port = address_of(settings)
    leases = "prefect.server.concurrency.lease_storage.filesystem"
    return {
        **for_processes(settings, at),
        "PREFECT__SERVER_FINAL": "1",
        "PREFECT_SERVER_API_HOST": host,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_API_AUTH_STRING": api_login(at),
        "PREFECT_SERVER_ENCRYPTION_KEY": encryption_key(at),
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": leases,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"http://{host}:{port}",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(RUNS_DAYS * DAY_SECONDS),
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"P{EVENTS_DAYS}D",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": str(WRITTEN_AT_ONCE),
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": str(SHOWN_SECONDS),
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": str(WRITTEN_AT_ONCE),
    }


def python(*arguments: str) -> list[str]:
    """A command of this interpreter that takes no module from the folder it happens to be started in."""
    return [sys.executable, "-P", *arguments]
