"""`phm server facts`, `update` and `canary`: what would be done is shown, and only then done (P14)."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from blocks.ssh_host import SshHost
from deployments.console import runs
from deployments.console.server import with_flavours
from fleet.archive import Package
from flows.update_server import UpdateServerRequest, UpdateServersRequest
from hosting.errors import Unreachable
from hosting.inventory import announcements, deeds, servers
from hosting.inventory.session import in_transaction
from hosting.policy.announcements import Times, Update, UpdateKind, UpdateLetter, UpdateReason
from hosting.policy.flavours import Database, Flavours, Php, WrongFlavour
from hosting.policy.maintenance import Window
from hosting.policy.server_updates import CANARY
from tests.inventory.words import server, with_servers
from tests.service.one_server import OneServer
from tests.service.records import opened

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from hosting.policy.values import ServerFacts
    from tests.deployments.console.conftest import Console

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("apt-get"), reason="apt and dpkg, as root, in a folder of their own"
)


@pytest.fixture
def app1(phm: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OneServer:
    """A server with two packages, for one of which the archive offers a version that removes the other."""
    with_servers(phm.inventory, server("app1"))
    made = OneServer(tmp_path / "app1")
    made.apt.offer(Package("fl-plain", "1.0"), Package("fl-old", "1.0"))
    made.job(
        "apply-packages", {"versions": {"fl-plain": "1.0", "fl-old": "1.0"}, "remove": [], "held": False}, monkeypatch
    )
    made.apt.offer(Package("fl-plain", "1.1", ("Conflicts: fl-old",)))
    monkeypatch.setattr(SshHost, "connection", lambda _self, _server: made)
    return made


def test_a_dry_run_shows_what_would_be_done_and_what_it_needs_a_word_for(phm: Console, app1: OneServer) -> None:
    said = phm("server", "update", "app1", "--dry-run")
    assert said.code == 0, said.err
    told = " ".join(said.out.split())
    assert "fl-plain 1.0 1.1 Debian-Security:12/stable-security" in told
    assert "It would remove fl-old. (--word removals)" in told
    assert "It would remove" not in phm("server", "update", "app1", "--dry-run", "--word", "removals").out
    shown = phm("server", "update", "app1", "--dry-run", "--json").json
    assert [one["package"] for one in shown["packages"]] == ["fl-plain", "fl-old"]
    assert app1.apt.versions() == {"fl-plain": "1.0", "fl-old": "1.0"}


def test_an_update_says_why_and_a_reboot_waits_for_its_turn(phm: Console, app1: OneServer) -> None:
    assert phm("server", "update", "app1").refusal.startswith("The reason is empty.")
    words = ("server", "update", "app1", "--reason", "x")
    assert "A reboot waits for its turn" in phm(*words, "--reboot").refusal
    assert "Give --dry-run with it." in phm(*words, "--json").refusal
    assert phm("server", "update", "app9", "--dry-run").refusal.startswith("There is no server app9.")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The runs that would have been started, each by its deployment; the form of it takes what it is told."""
    made: list[tuple[str, dict[str, Any]]] = []
    forms = {"update-server": UpdateServerRequest, "update-servers": UpdateServersRequest}

    def start(_settings: object, deployment: str, request: dict[str, Any], **_words: object) -> str:
        made.append((deployment, forms[deployment].model_validate(request).model_dump(exclude_defaults=True)))
        return "done"

    monkeypatch.setattr(runs, "start_run", start)
    return made


def test_one_server_several_or_all_are_updated_urgently_with_the_reason(
    phm: Console, app1: OneServer, started: list[tuple[str, dict[str, Any]]]
) -> None:
    del app1
    with_servers(phm.inventory, server("app2"))
    words = ("server", "update", "--urgent", "--reboot", "--reason", "a hole that is used", "--yes")
    urgent = {"urgent": True, "reboot": True, "operator": phm.operator, "reason": "a hole that is used"}
    for more in (("app1",), ("app1", "app2", "app1"), ("--all", "--full")):
        said = phm(*words, *more)
        assert (said.code, said.out.endswith("done\n")) == (0, True), said.err
    assert started == [
        ("update-server", {"server": "app1", **urgent}),
        ("update-servers", {"servers": ["app1", "app2"], "scope": "security", **urgent}),
        ("update-servers", {"scope": "full", **urgent}),
    ]
    assert "Name them, or say --all." in phm(*words).refusal
    assert "Name them, or say --all." in phm(*words, "--all", "app1").refusal
    assert "A word is given for one server." in phm(*words, "--all", "--word", "removals").refusal
    assert len(started) == 3


def test_a_dry_run_over_all_servers_shows_each_and_who_does_not_answer(
    phm: Console, app1: OneServer, started: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_servers(phm.inventory, server("app2"))
    shown = phm("server", "update", "--all", "--dry-run", "--json").json
    assert [(one["server"], len(one["packages"])) for one in shown] == [("app1", 2), ("app2", 2)]

    def connection(_self: SshHost, to: ServerFacts) -> OneServer:
        if to.name == "app1":
            message = "app1 does not answer."
            raise Unreachable(message)
        return app1

    monkeypatch.setattr(SshHost, "connection", connection)
    said = phm("server", "update", "--all", "--dry-run")
    assert (said.code, "app1 does not answer." in said.err, "\napp2\n" in said.out) == (1, True, True)
    assert started == []


def test_what_customers_were_told_is_listed_with_the_notice_that_was_really_given(phm: Console) -> None:
    with_servers(phm.inventory, server("app1"))
    at = datetime.now(UTC).replace(microsecond=0)
    name = opened(phm.inventory, "A-1", at - timedelta(days=9))
    assert phm("server", "announced").out == "No update was planned.\n"
    update = Update("product:40471", UpdateKind.PRODUCT, UpdateReason.BUG, "4.04.71")
    turns = {name: Times(Window(at + timedelta(days=4), at + timedelta(days=4, hours=2)), 240)}

    def told(session: Session) -> None:
        [turn] = announcements.announce(session, update, turns, by="olga", reason="x", now=at)
        announcements.record_told(session, turn, UpdateLetter.PLANNED, at)
        announcements.record_begun(session, update.key, name, at + timedelta(days=4))
        announcements.record_ended(session, update.key, name, 1.5, at + timedelta(days=4, minutes=1))

    in_transaction(phm.inventory, told)
    [row] = phm("server", "announced", name, "--json").json
    assert (row["state"], row["notice_hours"], row["stop_seconds"]) == ("done", 96.0, 1.5)
    assert "product:40471" in phm("server", "announced").out


def test_facts_tell_what_a_server_runs_on(phm: Console, app1: OneServer) -> None:
    (app1.folder / "run/reboot-required").touch()
    said = phm("server", "facts", "app1")
    assert "A reboot is needed: An installed package asks for it." in said.out, said.err
    told = phm("server", "facts", "app1", "--json").json
    assert (told["distribution"], told["packages"], told["reboot_required"]) == ("debian 12", 2, True)
    assert told["security_updates"] == ["fl-plain 1.1"]
    assert (told["php"], told["database"], told["notes"][:1]) == ("PHP-FPM", "MariaDB", [told["notes"][-1]])


def test_facts_tell_that_a_kernel_keeps_no_limits(phm: Console, app1: OneServer) -> None:
    del app1
    for system, tells in (("btrfs", False), ("ext2/ext3", True)):
        fact = {"data_filesystem": system}
        in_transaction(phm.inventory, lambda session, fact=fact: servers.record_facts(session, "app1", fact))
        said = " ".join(phm("server", "facts", "app1").out.split())
        assert ("is stopped by the product alone: its kernel keeps no limits." in said) is tells


def test_facts_tell_what_is_unproven(phm: Console, app1: OneServer) -> None:
    del app1
    flavours = Flavours(Php.HHVM, "127.0.0.1:9000", Database.MYSQL)
    in_transaction(phm.inventory, lambda session: servers.record_facts(session, "app1", flavours.as_fact()))
    said = phm("server", "facts", "app1").out
    for told in ("HHVM (unproven)", "MySQL (unproven)", *flavours.unproven):
        assert told in " ".join(said.split())


def test_a_server_s_php_and_database_are_stated_once_and_kept() -> None:
    app1 = server("app1")
    stated = with_flavours(app1, Php.HHVM, "127.0.0.1:9000", None)
    assert stated.flavours == Flavours(Php.HHVM, "127.0.0.1:9000")
    assert with_flavours(stated, None, "", None) == stated
    assert with_flavours(stated, None, "", Database.MYSQL).flavours.php is Php.HHVM
    assert with_flavours(stated, Php.FPM, "", None).flavours == app1.flavours
    with pytest.raises(WrongFlavour):
        with_flavours(app1, Php.HHVM, "", None)


def test_the_server_where_updates_are_tried_first_is_marked_with_the_reason(phm: Console, app1: OneServer) -> None:
    del app1
    words = ("server", "canary", "app1", "--reason", "it is empty")
    assert phm(*words).out == "Server app1 is updated first.\n"
    assert phm(*words).out == "Server app1 is updated first (unchanged).\n"
    assert phm(*words, "--off").out == "Server app1 is updated as the others.\n"
    with phm.inventory.reading() as session:
        assert not servers.server_facts(session, "app1").facts[CANARY]
        assert [one.why for one in deeds.deeds_of(session, "server:app1")][-2:] == ["it is empty"] * 2
