"""A repository made with a key that sees its own prefix alone, by the restic of a real server on a real store."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from deployments.connections import backup_store_of
from deployments.console.settings_from_fleet import settings_of
from hosting.settings import Settings
from tasks.jobs import program
from tests.fleet_fixture import fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blocks.backup_store import BackupStore
    from fleet import Fleet

__all__ = ["fleet"]

pytestmark = pytest.mark.fleet

START = """
import json, os, sys
sys.path.insert(0, "{bundle}")
from tasks.on_server.restic import Restic
restic = Restic(json.load(sys.stdin))
"""
ENSURE = "print(restic.ensure_repository())"
BROKEN_OFF = """
from tasks.on_server import new_repository
put = new_repository.put
new_repository.put = lambda *asked: (put(*asked), os._exit(9))
restic.ensure_repository()
"""


class Server:
    """A host with the programs that servers are sent, and a request for a repository of its own."""

    def __init__(self, fleet: Fleet, store: BackupStore, name: str) -> None:
        self.fleet, self.store, self.name = fleet, store, name
        self.place = (name, f"t{secrets.token_hex(4)}", "g1")
        self.work = f"/tmp/phm-{self.place[1]}"
        self.run(f"mkdir -m 700 {self.work}; base64 -d >{self.work}/bundle.pyz", base64.b64encode(program()).decode())
        self.run(f"cat >{self.work}/ca.pem", store.authorities_pem)
        self.request: dict[str, Any] = {
            **asdict(store.credentials(name)),
            "repository": store.repository(*self.place),
            "password": "probe",
            "region": store.region,
            "authorities": f"{self.work}/ca.pem",
            "work": self.work,
        }

    def run(self, command: str, text: str = "") -> tuple[int, str]:
        done = self.fleet.run(self.name, command, text_in=text)
        return done.returncode, done.stdout.strip() + done.stderr

    def does(self, code: str, **other: Any) -> tuple[int, str]:
        """A program on the server that has the repository as `restic`; its exit code and words."""
        whole = START.format(bundle=f"{self.work}/bundle.pyz") + code
        return self.run(f"python3 -I -c {shlex.quote(whole)}", json.dumps(self.request | other))


@pytest.fixture
def server(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = Settings.model_validate(settings_of(fleet.description(), tmp_path_factory.mktemp("home")))
    store = backup_store_of(settings)
    store.ensure_ready()
    made = Server(fleet, store, os.environ.get("PHM_TEST_HOSTS", "app1").split()[-1])
    yield made
    made.run(f"rm -rf {made.work}")
    store.drop(*made.place)


def test_a_repository_is_made_once_and_used_with_the_servers_own_key(server: Server) -> None:
    assert server.does(ENSURE) == (0, "True")
    assert server.does(ENSURE) == (0, "False")
    code, said = server.does("print(restic.run('backup', '/etc/hosts')); print(restic.run('check', '--read-data'))")
    assert (code, "no errors were found" in said) == (0, True), said
    assert server.run(f"ls {server.work}")[1].split() == ["bundle.pyz", "ca.pem"]
    lock = server.store.client.get_object_retention(
        Bucket=server.store.bucket, Key=server.store.prefix(*server.place) + "config"
    )
    assert lock["Retention"]["Mode"] == "GOVERNANCE"


def test_a_killed_making_is_finished_by_the_next(server: Server) -> None:
    assert server.does(BROKEN_OFF)[0] == 9
    prefix = server.store.prefix(*server.place)
    assert [one.key.removeprefix(prefix)[:5] for one in server.store.objects(prefix)] == ["keys/"]
    assert server.does(ENSURE) == (0, "True")
    assert server.does("print(len(restic.run('list', 'keys').split()))") == (0, "1")
    assert server.does("restic.run('backup', '/etc/hosts')")[0] == 0


def test_a_repository_that_another_password_opens_is_not_made_again(server: Server) -> None:
    assert server.does(ENSURE) == (0, "True")
    code, said = server.does(ENSURE, password="other")
    assert (code, "wrong password" in said) == (1, True), said
    assert server.does(ENSURE) == (0, "False")


def test_a_repository_in_another_servers_place_is_refused(server: Server) -> None:
    other = "app2" if server.name != "app2" else "app1"
    code, said = server.does(ENSURE, repository=server.store.repository(other, *server.place[1:]))
    assert (code, "ResticSaid" in said, "Access Denied" in said) == (1, True, True), said
    assert list(server.store.objects(server.store.prefix(other, *server.place[1:]))) == []
