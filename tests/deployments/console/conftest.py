"""The console as operators use it: the real command line, on settings and an inventory of its own."""

from __future__ import annotations

import io
import json
import os
import pwd
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from deployments.console.app import main
from deployments.console.settings_from_fleet import as_toml, fresh
from hosting.inventory.session import Inventory
from tests.fleet_fixture import fleet
from tests.inventory.files import write_empty
from tests.inventory.words import placed, received, server, take, with_servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["fleet"]


@dataclass(frozen=True)
class Said:
    """What a verb answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def refusal(self) -> str:
        """The one line of a verb that was refused or failed."""
        assert self.code == 1, (self.out, self.err)
        assert "Traceback" not in self.err
        return self.err.strip().splitlines()[-1]


@dataclass(frozen=True)
class Console:
    """`phm` with a home of its own."""

    home: Path
    inventory: Inventory
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def operator(self) -> str:
        """Who is recorded: root is whom sudo names, everybody else is who they are."""
        return pwd.getpwuid(os.getuid()).pw_name if os.getuid() else "olga"

    def __call__(self, *words: str, answers: str = "") -> Said:
        self.monkeypatch.setattr(sys, "argv", ["phm", *words])
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(answers))
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        said = self.capsys.readouterr()
        return Said(int(end.value.code or 0), said.out, said.err)

    def with_order(self, reference: str = "A-1", *, paid: bool = True) -> None:
        take(self.inventory, placed(reference))
        if paid:
            take(self.inventory, received(f"money-{reference}", order=reference))

    def with_servers(self, *names: str) -> None:
        with_servers(self.inventory, *(server(name, address=f"192.0.2.{at}") for at, name in enumerate(names, 1)))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The service's folder, still without settings."""
    monkeypatch.setenv("PHM_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.setenv("SUDO_USER", "olga")  # believed of root alone
    return tmp_path


@pytest.fixture
def phm(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Console]:
    """The console of a service without servers, or of the fleet where the test asks for it."""
    write_empty(home / "inventory.db")
    (home / "settings.toml").write_text(as_toml(plain_settings(home)))
    inventory = Inventory(f"sqlite:///{home}/inventory.db")
    yield Console(home, inventory, monkeypatch, capsys)
    inventory.close()


def plain_settings(home: Path) -> dict[str, Any]:
    made = fresh(home)
    return {
        "zone": "phlymail.test",
        "inventory_url": made["inventory"],
        "sealing_key": Fernet.generate_key().decode(),
        "ssh": {"private_key": "none"},
        "mail": {"host": "127.0.0.1", "sender": "service@phlymail.test", "operator": "operators@phlymail.test"},
        "store": {"endpoint": "http://127.0.0.1:9", "access_key": "none", "secret_key": "none"},
        "web": {"public_url": "https://service.phlymail.test", "bind_port": 9, "shop_secrets": [made["shop"]]},
    }
