"""Small parts that decide on values: plan, disks, containers, requirements, mails."""

from __future__ import annotations

import datetime as dt
import email
import os
from email.message import EmailMessage
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from starlette.testclient import TestClient
from typer.testing import CliRunner

from fleet import certificates, container, description, disks, image, keys, mailbox, requirements, ssh, store
from fleet.console import app, sudo_command
from fleet.disks import Disks
from fleet.errors import CannotRunHere, FleetError
from fleet.places import Places
from fleet.plan import Plan, StorePlan
from fleet.sink import verdict
from fleet.sink_pages import application
from fleet.status import FleetStatus, HostStatus, ServiceStatus


def test_two_servers_start_by_default_and_any_by_name() -> None:
    plan = Plan()
    assert [host.name for host in plan.chosen()] == ["app1", "app2"]
    assert [host.name for host in plan.chosen(("app3",))] == ["app3"]
    assert {host.srv_gib for host in plan.with_sizes(srv_gib=9, mysql_gib=2).hosts} == {9}
    with pytest.raises(FleetError, match=r"no host named 'app99'\. Choose one of app1, app2, .*, app15\."):
        plan.host("app99")


def test_mounts_in_a_folder_are_found_the_last_first() -> None:
    text = "proc /proc proc rw 0 0\n/dev/loop0 /f/h/srv btrfs rw 0 0\noverlay /f/h/root overlay rw 0 0\n/dev/loop1 /fx y rw 0 0\n"
    assert disks.mounted_below(text, Path("/f")) == [Path("/f/h/root"), Path("/f/h/srv")]


def test_a_disk_that_is_not_of_fixed_size_is_not_filled(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="not on a disk of fixed size"):
        disks.fill(Disks(tmp_path, tmp_path), "/tmp")


def test_a_host_has_control_groups_of_its_own_on_both_kinds_of_machine(tmp_path: Path) -> None:
    assert container.groups("app1", tmp_path) == [tmp_path / "phm-fleet-app1"]
    for part in ("systemd", "unified"):
        (tmp_path / part).mkdir()
    assert container.groups("app1", tmp_path) == [
        tmp_path / f"{part}/phm-fleet-app1" for part in ("systemd", "unified")
    ]


def test_this_process_is_no_container() -> None:
    assert not container.is_first(os.getpid())


def test_the_image_changes_its_name_with_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    before = image.key()
    monkeypatch.setattr(image, "PACKAGES", (*image.PACKAGES, "cowsay"))
    assert image.key() != before


def test_nothing_starts_while_packages_are_installed(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with requirements.starting_nothing(policy):
        assert "exit 101" in policy.read_text()
        assert os.access(policy, os.X_OK)
        with requirements.starting_nothing(policy):
            assert policy.exists()
        assert policy.exists()
    assert not policy.exists()


def test_another_system_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = tmp_path / "os-release"
    release.write_text('NAME="Fedora Linux"\nPRETTY_NAME="Fedora Linux 42"\n')
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotRunHere, match=r"this is Fedora Linux 42\. .*mmdebstrap"):
        requirements.refuse_other_systems(["mmdebstrap"], release)


def test_a_kernel_without_a_file_system_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = tmp_path / "filesystems"
    known.write_text("nodev\toverlay\n\text4\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotRunHere, match="no btrfs"):
        requirements.check_kernel(known)


def test_certificates_hold_against_a_strict_check(tmp_path: Path) -> None:
    authority = x509.load_pem_x509_certificate(certificates.ensure_authority(tmp_path).read_bytes())
    leaf = certificates.ensure_leaf(tmp_path, "wildcard", ["*.phlymail.test", "phlymail.test"])
    content = leaf.read_bytes()
    assert certificates.ensure_leaf(tmp_path, "wildcard", ["*.phlymail.test"]).read_bytes() == content
    builder = PolicyBuilder().store(Store([authority])).time(dt.datetime.now(dt.UTC))

    def verify(name: str) -> None:
        builder.build_server_verifier(x509.DNSName(name)).verify(x509.load_pem_x509_certificate(content), [])

    verify("app1.phlymail.test")
    verify("phlymail.test")
    with pytest.raises(VerificationError):
        verify("app1.example.org")
    assert (tmp_path / "wildcard.key").stat().st_mode & 0o777 == 0o600


def test_two_hosts_never_share_a_key(tmp_path: Path) -> None:
    keys.make_host_keys(tmp_path / "a", "a")
    keys.make_host_keys(tmp_path / "b", "b")
    assert keys.host_key(tmp_path / "a") != keys.host_key(tmp_path / "b")
    assert keys.host_key(tmp_path / "a").startswith("ssh-ed25519 ")
    ssh.write_known_hosts(tmp_path / "known", {"10.77.0.11": keys.host_key(tmp_path / "a")})
    assert (tmp_path / "known").read_text().split()[0] == "10.77.0.11"


def test_each_host_has_a_key_for_the_store_also_on_a_fleet_that_was_made_before_it(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text('{"access_key": "A", "secret_key": "s", "append_access_key": "B", "tsig": "t"}')
    first = description.ensure_secrets(file, ("app1",))
    second = description.ensure_secrets(file, ("app1", "app2"))
    assert (second.access_key, second.tsig, second.reader) == ("A", "t", first.reader)
    assert second.writers["app1"] == first.writers["app1"] != second.writers["app2"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_store_that_runs_with_other_identities_is_started_anew(tmp_path: Path) -> None:
    kept = store.ObjectStore(Plan(), Places(tmp_path))
    assert kept.outdated()
    kept.prepare()
    assert not kept.outdated()
    names = [one["name"] for one in kept.identities()["identities"]]
    assert names == ["admin", *(f"writer-{host.name}" for host in Plan().hosts), "reader"]
    assert store.ObjectStore(Plan(store=StorePlan(bucket="other")), Places(tmp_path)).outdated()


def letter() -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@phlymail.test", "k@example.org", "Grüße bereit"
    message.set_content("Guten Tag, Herr Müller")
    message.add_alternative("<p>Guten Tag<script>alert(1)</script></p>", subtype="html")
    return message.as_bytes(policy=email.policy.SMTP)


def test_a_mail_is_kept_as_it_came_with_its_envelope(tmp_path: Path) -> None:
    mailbox.put(tmp_path, "bounce@phlymail.test", ["K@example.org", "b@example.org"], letter())
    mailbox.put(tmp_path, "", ["x@example.org"], b"no header at all")
    first, second = mailbox.read_all(tmp_path)
    assert (first.sender, first.recipients) == ("bounce@phlymail.test", ("K@example.org", "b@example.org"))
    assert first.subject == "Grüße bereit"
    assert "Herr Müller" in first.text
    assert "<p>" in first.html
    assert first.message()["To"] == "k@example.org"
    assert (second.sender, second.subject) == ("", "")
    assert mailbox.read_all(tmp_path, "k@EXAMPLE.org") == [first]
    mailbox.clear(tmp_path)
    assert mailbox.read_all(tmp_path) == []


def test_mails_are_shown_without_their_scripts(tmp_path: Path) -> None:
    with TestClient(application(tmp_path)) as browser:
        assert "No mail has arrived" in browser.get("/").text
        name = mailbox.put(tmp_path, "a@b.test", ["<i>@c.test"], letter())
        listing = browser.get("/").text
        assert "Grüße" in listing
        assert "<i>" not in listing
        assert browser.get("/mails.json", params={"to": "nobody@c.test"}).json() == []
        assert browser.get("/mails.json").json()[0]["id"] == name
        assert "Herr Müller" in browser.get(f"/mails/{name}").text
        assert "Müller" in browser.get(f"/mails/{name}/text").text
        assert "sandbox" in browser.get(f"/mails/{name}/html").headers["content-security-policy"]
        assert browser.get(f"/mails/{name}/raw").text.startswith("X-Fleet-Envelope-From: a@b.test")
        assert browser.get(f"/mails/{name}/json").json()["subject"] == "Grüße bereit"
        for wrong in ("/mails/nothing", "/mails/..%2f..%2fetc%2fpasswd", "/mails/0/html"):
            assert browser.get(wrong).status_code == 404


@pytest.mark.parametrize(
    ("address", "code"), [("a@b.test", "250"), ("refused.1@b.test", "550"), ("later@b.test", "451")]
)
def test_some_recipients_are_refused(address: str, code: str) -> None:
    assert verdict(address).startswith(code)


@pytest.mark.parametrize(
    "words", [["cut", "app99"], ["cut"], ["no-such-verb"], ["fill", "app1", "/srv", "--leave-mib", "-1"]]
)
def test_wrong_use_ends_with_code_2(words: list[str]) -> None:
    assert CliRunner().invoke(app, words).exit_code == 2


def test_the_help_names_every_host() -> None:
    for verb in ("up", "cut", "kill"):
        said = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "200"}).output
        assert ", ".join(host.name for host in Plan().hosts) in said


def test_who_is_not_root_asks_sudo_with_the_same_words() -> None:
    command = sudo_command(["cut", "app1"], {"PHM_FLEET_HOME": "/elsewhere", "SECRET": "x"})
    assert command[:2] == ["sudo", "env"]
    assert "PHM_FLEET_HOME=/elsewhere" in command
    assert command[-4:] == ["-m", "fleet", "cut", "app1"]
    assert not any("SECRET" in word for word in command)


@pytest.mark.parametrize(
    ("usual", "spare", "store", "up"),
    [("running", "stopped", True, True), ("cut", "running", True, False), ("running", "running", False, False)],
)
def test_the_fleet_is_up_with_its_usual_servers_and_all_services(usual: str, spare: str, store: bool, up: bool) -> None:
    hosts = (
        HostStatus("app1", "10.77.0.11", usual, 1, {}, True),
        HostStatus("app3", "10.77.0.13", spare, 2, {}, False),
    )
    found = FleetStatus("me", "/home", hosts, (ServiceStatus("s3", "10.77.0.1:19003", store, 3),))
    assert found.up is up
    assert found.as_json()["up"] is up
