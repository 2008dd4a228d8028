"""`phm domain`: what does not fit is refused before anything changes; a key is never kept in the clear (P30, P31)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from fleet import certificates
from hosting.inventory import deeds, domain_invitations, instances, name_certificates, names
from hosting.inventory.session import in_transaction
from hosting.policy.placement import choose_server
from hosting.settings import load_settings
from tests.inventory.words import NOW, RELEASE
from tests.service.relay import Relay

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from tests.deployments.console.conftest import Console

DOMAIN = "Post.müller-söhne.de"


@pytest.fixture
def name(phm: Console) -> str:
    """An instance."""
    phm.with_servers("app1")
    phm.with_order()
    return opened(phm, "A-1")


def opened(phm: Console, order: str) -> str:
    """An order's instance, open."""

    def make(session: Session) -> str:
        made = instances.reserve_instance(session, order, choose_server, release=RELEASE, seal=str, now=NOW)
        return instances.record_active(session, made.name, NOW, {}).name

    return in_transaction(phm.inventory, make)


@pytest.fixture
def folder(phm: Console, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority that the settings trust, with a certificate for the domain."""
    made = tmp_path_factory.mktemp("authority")
    certificates.ensure_authority(made)
    certificates.ensure_leaf(made, "post", [ascii_of()])
    settings = phm.home / "settings.toml"
    trusted = f"authorities_pem = '''\n{(made / 'ca.pem').read_text()}'''\n"
    settings.write_text(trusted + settings.read_text())
    return made


def ascii_of() -> str:
    from hosting.policy.own_domain import check_domain

    found = check_domain(DOMAIN, (), ()).domain
    assert found is not None
    return found.ascii


def given(folder: Path, stem: str = "post") -> tuple[str, ...]:
    return ("--file", str(folder / f"{stem}.pem"), "--file", str(folder / f"{stem}.key"))


def test_what_fits_is_told_and_nothing_is_recorded(phm: Console, name: str, folder: Path) -> None:
    said = phm("domain", "check", DOMAIN, *given(folder))
    assert said.code == 0, said.err
    assert "It fits: issued by phlyMail local fleet CA, good until" in said.out
    with phm.inventory.reading() as session:
        assert names.all_names(session) == []


def test_a_domain_is_recorded_as_ordered_with_its_key_sealed(phm: Console, name: str, folder: Path) -> None:
    said = phm("domain", "connect", name, DOMAIN, *given(folder), "--reason", "by mail", "--yes")
    assert "Prefect at" in said.refusal  # nothing else is missing
    key = (folder / "post.key").read_text()
    sealing = Fernet(load_settings().sealing_key.get_secret_value())
    with phm.inventory.reading() as session:
        (held,) = names.names_of(session, name)
        assert (held.as_ordered, held.a_label, held.state) == (DOMAIN, ascii_of(), "assigning")
        kept = name_certificates.certificate_of(session, held.id)
        assert kept is not None
        sealed = name_certificates.sealed_key(session, held.id, kept.fingerprint)
        told = [one for one in deeds.deeds_of(session, f"instance:{name}") if one.what == "domain approved"]
    assert "BEGIN CERTIFICATE" in kept.certificate_pem
    assert abs(kept.not_after - datetime.now(UTC) - timedelta(days=365)) < timedelta(days=2)
    assert "PRIVATE" not in sealed
    assert b"BEGIN PRIVATE KEY" in sealing.decrypt(sealed)
    assert [(one.by, one.evidence["certificate"]) for one in told] == [(phm.operator, kept.fingerprint)]
    body = key.splitlines()[1]
    assert body not in (phm.home / "inventory.db").read_bytes().decode("latin-1")
    assert body not in said.out + said.err


def test_a_key_of_another_certificate_is_refused_before_anything_changes(phm: Console, name: str, folder: Path) -> None:
    certificates.ensure_leaf(folder, "other", ["other.example"])
    files = ("--file", str(folder / "post.pem"), "--file", str(folder / "other.key"))
    said = phm("domain", "connect", name, DOMAIN, *files, "--reason", "by mail", "--yes")
    assert f"{DOMAIN} can't be connected: " in said.refusal
    with phm.inventory.reading() as session:
        assert names.all_names(session) == []


@pytest.mark.parametrize("wish", ["phlymail.test", "app1.phlymail.test", "https://post.example.de/", "localhost", "de"])
def test_what_is_no_domain_of_a_customer_s_own_is_refused(phm: Console, name: str, folder: Path, wish: str) -> None:
    said = phm("domain", "connect", name, wish, *given(folder), "--reason", "by mail", "--yes")
    assert said.refusal.endswith("Nothing was changed.")


def test_files_that_nobody_can_look_at_in_time_are_given_up(
    phm: Console, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deployments import inspecting

    monkeypatch.setattr(inspecting, "WALL_SECONDS", 0.01)
    said = phm("domain", "check", DOMAIN, *given(folder))
    assert said.refusal.startswith("It can't be connected so.")
    assert "could not be checked in the time there is for it" in said.out


def test_a_domain_that_another_instance_has_is_refused(phm: Console, name: str, folder: Path) -> None:
    phm("domain", "connect", name, DOMAIN, *given(folder), "--reason", "by mail", "--yes")
    phm.with_order("A-2")

    def reserve(session: Session) -> str:
        return instances.reserve_instance(session, "A-2", choose_server, release=RELEASE, seal=str, now=NOW).name

    other = in_transaction(phm.inventory, reserve)
    said = phm("domain", "connect", other, DOMAIN, *given(folder), "--reason", "by mail", "--yes")
    assert "connected to an instance already" in said.refusal
    again = phm("domain", "connect", name, DOMAIN, *given(folder), "--reason", "again", "--yes")
    assert "Prefect at" in again.refusal


@pytest.mark.parametrize(
    ("ordered", "said"), [(DOMAIN, DOMAIN), (ascii_of(), DOMAIN), (DOMAIN, f" {ascii_of().upper()}.")]
)
def test_a_domain_that_is_disconnected_is_on_its_way_out(
    phm: Console, name: str, folder: Path, ordered: str, said: str
) -> None:
    phm("domain", "connect", name, ordered, *given(folder), "--reason", "by mail", "--yes")
    answer = phm("domain", "disconnect", name, said, "--reason", "cancelled", "--yes")
    assert "Prefect at" in answer.refusal
    with phm.inventory.reading() as session:
        assert [one.state for one in names.names_of(session, name)] == ["releasing"]


# --- in the course of time ---


def live(phm: Console, name: str, folder: Path) -> None:
    """The domain is connected, as a run would have done it."""
    phm("domain", "connect", name, DOMAIN, *given(folder), "--reason", "by mail", "--yes")

    def comes_live(session: Session) -> None:
        (held,) = names.names_of(session, name)
        names.record_live(session, held.id, NOW, {})

    in_transaction(phm.inventory, comes_live)


def test_a_live_domain_gets_another_certificate_beside_the_one_in_force(phm: Console, name: str, folder: Path) -> None:
    live(phm, name, folder)
    certificates.ensure_leaf(folder, "next", [ascii_of()])
    files = ("--cert", str(folder / "next.pem"), "--key", str(folder / "next.key"), "--chain", str(folder / "ca.pem"))
    said = phm("domain", "renew", name, DOMAIN.lower(), *files, "--reason", "renewed", "--yes")
    assert "Prefect at" in said.refusal  # nothing else is missing
    (row,) = phm("domain", "list", "--json").json
    assert row["waits"]
    assert row["waits"] != row["fingerprint"]
    shown = phm("domain", "show", name, DOMAIN)
    assert shown.code == 0, shown.err
    assert "domain approved" in shown.out
    assert row["fingerprint"] in shown.out
    assert "It fits" in phm("domain", "check", DOMAIN, *files).out  # what it has may be ordered again
    again = phm("domain", "renew", name, DOMAIN, *given(folder), "--reason", "again", "--yes")
    assert "has this certificate already (unchanged)" in again.out


def test_a_domain_that_is_not_live_is_connected_not_renewed(phm: Console, name: str, folder: Path) -> None:
    phm("domain", "connect", name, DOMAIN, *given(folder), "--reason", "by mail", "--yes")
    said = phm("domain", "renew", name, DOMAIN, *given(folder), "--reason", "again", "--yes")
    assert said.refusal == f"{DOMAIN} of {name} is not live. Hand its certificate over with: phm domain connect."
    other = phm("domain", "show", name, "other.example.de")
    assert other.refusal.startswith(f"{name} does not have the domain other.example.de.")


def test_a_key_s_passphrase_comes_from_a_file_or_the_keyboard(phm: Console, name: str, folder: Path) -> None:
    from tests.policy.certificates import key_bytes

    key = load_pem_private_key((folder / "post.key").read_bytes(), None)
    (folder / "locked.key").write_bytes(key_bytes(key, "Geheim und lang"))
    (folder / "passphrase").write_text("Geheim und lang\n")
    files = ("--cert", str(folder / "post.pem"), "--key", str(folder / "locked.key"))
    assert "It fits" in phm("domain", "check", DOMAIN, *files, "--passphrase-file", str(folder / "passphrase")).out
    said = phm("domain", "check", DOMAIN, *files)
    assert "is protected by a passphrase" in said.out
    assert said.code == 1


def test_no_file_at_all_is_said_before_anything(phm: Console, name: str) -> None:
    assert phm("domain", "check", DOMAIN).refusal.startswith("No file is named. Name them: --cert, --key, --chain")


def test_an_invitation_is_a_letter_with_a_link_for_the_domain_as_ordered(phm: Console, name: str, folder: Path) -> None:
    in_transaction(phm.inventory, lambda session: instances.record_active(session, name, NOW, {}))
    relay = Relay()
    settings = phm.home / "settings.toml"
    settings.write_text(settings.read_text().replace("[mail]", f"[mail]\nport = {relay.port}"))
    with relay.up():
        said = phm("domain", "invite", name, DOMAIN, "--reason", "by phone", "--yes")
    assert said.code == 0, said.err
    assert "its link works once, until" in said.out
    text = relay.text()
    assert DOMAIN in text
    token = re.search(r"https://service\.phlymail\.test/certificate/(\S+)", text)
    assert token is not None
    assert token[1] not in said.out + said.err
    with phm.inventory.reading() as session:
        opened = domain_invitations.open_link(session, token[1], datetime.now(UTC))
        assert (opened.invitation.as_ordered, opened.invitation.made_by) == (DOMAIN, phm.operator)
    refused = phm("domain", "invite", name, "phlymail.test", "--reason", "by phone", "--yes")
    assert refused.refusal.endswith("Nothing was changed.")
