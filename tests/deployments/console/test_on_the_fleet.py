"""A real server is enrolled, a real archive registered; one server alone, and nothing on it is left other than it was."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from deployments.connections import store_of
from deployments.console.browser import Browser
from deployments.console.settings_from_fleet import as_toml, settings_of
from fleet.release import pack_release
from hosting.inventory import deeds, servers
from hosting.inventory.session import in_transaction
from hosting.policy.host_keys import fingerprint
from hosting.policy.states import ServerState
from hosting.settings import load_settings

if TYPE_CHECKING:
    from blocks.object_store import ObjectStore
    from fleet import Fleet
    from hosting.policy.values import ServerFacts
    from tests.deployments.console.conftest import Console

pytestmark = pytest.mark.fleet

HOST = os.environ.get("PHM_TEST_HOSTS", "app1").split()[0]
ADDRESS = f"10.77.0.{10 + int(HOST.removeprefix('app'))}"
"""Of one of the session's own: another session may empty all others meanwhile."""

WRONG = "SHA256:" + "A" * 42 + "E"


@pytest.fixture
def key(fleet: Fleet, phm: Console) -> str:
    """The fingerprint of the server's host key, with the settings made from the fleet."""
    described = fleet.description()
    (phm.home / "settings.toml").write_text(as_toml(settings_of(described, phm.home)))
    return fingerprint(next(host["host_key"] for host in described["hosts"] if host["name"] == HOST))


def known(phm: Console) -> list[ServerFacts]:
    with phm.inventory.reading() as session:
        return servers.all_servers(session)


def test_a_host_key_that_nobody_compared_is_not_pinned(key: str, phm: Console) -> None:
    said = phm("server", "add", HOST, "--address", ADDRESS, "--yes")
    assert said.refusal == (
        f"Nothing was changed: it was not confirmed. Compare the fingerprint on the server itself, then give it: --key {key}."
    )
    assert f"{HOST} offers the host key {key} (ssh-ed25519)." in said.err
    said = phm("server", "add", HOST, "--address", ADDRESS, "--key", WRONG, "--yes")
    assert said.refusal.startswith(f"{HOST} offers the host key {key}, not {WRONG} as stated.")
    assert known(phm) == []


def test_a_php_and_a_database_that_a_server_does_not_have_are_missed(key: str, phm: Console) -> None:
    stated = ("--php", "hhvm", "--php-address", "127.0.0.1:9000", "--database", "mysql")
    refusal = phm("server", "add", HOST, "--address", ADDRESS, "--key", key, *stated, "--dry-run").refusal
    assert "These programs are missing: hhvm, mysql_config_editor." in refusal  # MariaDB brings MySQL's other names
    assert "These services don't run: hhvm." in refusal


def test_a_preview_changes_nothing(key: str, phm: Console) -> None:
    said = phm("server", "add", HOST, "--fleet", "--room", "500", "--dry-run")
    assert said.code == 0, said.err
    assert "500 GiB to book (stated now), files on btrfs (limits kept by the kernel)." in said.out
    assert known(phm) == []


def test_a_preview_names_a_file_that_differs_and_adding_sets_it(key: str, phm: Console, fleet: Fleet) -> None:
    phm("server", "add", HOST, "--fleet", "--yes")
    fleet.run(HOST, "echo '# by hand' >>/etc/logrotate.d/phm")
    said = phm("server", "add", HOST, "--dry-run")
    assert "To be set:\n  file changed: /etc/logrotate.d/phm\n" in said.out
    refused = phm("server", "add", HOST)
    assert refused.refusal.startswith("Nothing was changed")
    assert phm("server", "add", HOST, answers="y\n").out.endswith(f"Server {HOST} is ready.\n")
    assert "by hand" not in fleet.run(HOST, "cat /etc/logrotate.d/phm").stdout
    with phm.inventory.reading() as session:
        last = deeds.deeds_of(session, f"server:{HOST}")[-1]
    assert last.what == "server set up"
    assert last.evidence["set"] == ["file changed: /etc/logrotate.d/phm"]


def test_a_server_is_added_once_and_added_again_unchanged(key: str, phm: Console) -> None:
    said = phm("server", "add", HOST, "--address", ADDRESS, "--key", key, "--room", "500", "--yes")
    assert said.code == 0, said.err
    (server,) = known(phm)
    assert (server.state, server.room_gib, server.host_name) == (ServerState.ACTIVE, 500, f"{HOST}.phlymail.test")
    assert server.facts["room_stated_by"] == phm.operator
    assert server.facts["number"] == server.facts["server_id"] == server.facts["gtid_domain_id"]
    assert server.facts["log_bin"] == "ON"
    again = phm("server", "add", HOST)
    assert again.out.endswith(f"Nothing is to be set.\nServer {HOST} is ready (unchanged).\n"), again
    assert known(phm)[0].room_gib == 500


def test_a_changed_host_key_is_refused_until_it_is_replaced_after_a_look_at_both(key: str, phm: Console) -> None:
    phm("server", "add", HOST, "--fleet", "--yes")
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDDMnt9IqMQjv4gyFrCzPV4OSSwnuOeXH9FuZYmkqVsD"

    def forge(session: object) -> None:
        servers.replace_host_key(session, HOST, other, by="test", why="", now=known_at)  # type: ignore[arg-type]

    from deployments.console.context import now

    known_at = now()
    in_transaction(phm.inventory, forge)
    said = phm("server", "add", HOST, "--yes")
    pinned = fingerprint(other)
    assert said.refusal.startswith(f"The host key of {HOST} has changed: pinned is {pinned}, it offers {key}.")
    said = phm("server", "add", HOST, "--replace-key", "--yes")
    assert f"Pinned for {HOST} is {pinned}; it offers {key}" in said.err
    assert said.refusal.startswith("Nothing was changed")
    assert known(phm)[0].host_key == other
    assert phm("server", "add", HOST, "--replace-key", answers="y\n").code == 0
    assert fingerprint(known(phm)[0].host_key) == key


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("app9", "--address", "10.77.0.99"), "Nobody answers by SSH at 10.77.0.99:22"),
        (("app9", "--address", "app9"), "'app9' is no IP address of a server."),
        (("app9",), "'' is no IP address of a server. Give it: --address 192.0.2.10."),
        (("App 9", "--address", ADDRESS), "'App 9' is no name for a server."),
        (("app9", "--address", ADDRESS, "--host-name", "x y"), "'x y' is no full host name."),
        (("app99", "--fleet"), "The fleet has no server app99. Take one of: app1"),
        (("app9", "--address", ADDRESS, "--key", "nonsense"), "'nonsense' is neither a public host key"),
        ((HOST, "--fleet", "--room", "99999999999"), "A room of 99999999999 GiB can't be."),
        ((HOST, "--fleet", "--room", "0"), "A room of 0 GiB can't be."),
    ],
)
def test_what_can_not_be_is_refused_in_one_line(key: str, phm: Console, words: tuple[str, ...], line: str) -> None:
    assert phm("server", "add", *words).refusal.startswith(line)
    assert known(phm) == []


def test_everything_that_speaks_against_a_server_is_told_at_once(key: str, phm: Console) -> None:
    phm("server", "add", HOST, "--fleet", "--yes")
    said = phm("server", "add", "twin", "--address", ADDRESS, "--key", key, "--country", "fr", "--shared")
    assert said.refusal == (
        f"Server twin can't be enrolled. Server {HOST} has the address {ADDRESS} already. "
        "It stands in FR; instances are kept in Germany (P02). It is not dedicated to this service (P02). "
        "Put that right, then run again."
    )


def test_a_wrong_ssh_key_is_told(key: str, phm: Console) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    form = (Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    other = Ed25519PrivateKey.generate().private_bytes(*form).decode()
    file = phm.home / "settings.toml"
    settings = load_settings(file)
    right = settings.ssh.private_key.get_secret_value()
    import json

    file.write_text(file.read_text().replace(json.dumps(right), json.dumps(other)))
    refusal = phm("server", "add", HOST, "--fleet").refusal
    assert refusal.startswith(f"{HOST} ({ADDRESS}:22) does not accept the service's SSH key for root.")


def test_a_release_is_registered_once(key: str, phm: Console, tmp_path: object) -> None:
    archive = pack_release(phm.home / "release.zip")
    assert phm("release", "add", str(archive)).out.endswith(": added, current from now on.\n")
    assert phm("release", "add", str(archive)).out.endswith(": unchanged.\n")
    later = pack_release(phm.home / "later.zip", "40471")
    assert phm("release", "add", str(later), "--not-current").out.endswith(": added.\n")
    rows = phm("release", "list", "--json").json
    assert [(row["build"], row["current"], row["added_by"]) for row in rows] == [
        (40471, False, phm.operator),
        (40470, True, phm.operator),
    ]
    store: ObjectStore = store_of(load_settings())
    assert all(store.has(f"releases/{row['id']}.zip") for row in rows)
    bad = phm.home / "bad.zip"
    bad.write_text("no archive")
    assert phm("release", "add", str(bad)).refusal.startswith("bad.zip can't be read as a ZIP archive")
    assert phm("release", "add", str(phm.home / "none.zip")).code == 2


def test_a_browser_reaches_the_fleets_names_and_trusts_their_one_key(key: str, phm: Console) -> None:
    phm("server", "add", HOST, "--fleet", "--yes")
    browser = Browser(f"https://{HOST}.phlymail.test/", f"{HOST}.phlymail.test", ADDRESS, load_settings())
    assert browser.program is not None

    def page(argv: list[str]) -> str:
        command = [*argv[:-1], "--headless", "--disable-gpu", "--dump-dom", argv[-1]]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    assert "<body>" in page(browser.argv)
    assert "<body>" not in page([word for word in browser.argv if "spki" not in word])
