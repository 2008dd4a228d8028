"""`phm domain`: what does not fit is refused before anything changes; a key is never kept in the clear (P30, P31)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

from fleet import certificates
from hosting.inventory import deeds, instances, name_certificates, names
from hosting.inventory.session import in_transaction
from hosting.policy.placement import choose_server
from hosting.settings import load_settings
from tests.inventory.words import NOW, RELEASE

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
    return in_transaction(
        phm.inventory,
        lambda session: (
            instances.reserve_instance(session, "A-1", choose_server, release=RELEASE, seal=str, now=NOW).name
        ),
    )


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
        sealed = name_certificates.sealed_key(session, held.id)
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
    from deployments.console import domain

    monkeypatch.setattr(domain, "INSPECT_SECONDS", 0.01)
    said = phm("domain", "check", DOMAIN, *given(folder))
    assert said.refusal.startswith("The files could not be looked at in time.")


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


def test_a_domain_that_is_disconnected_is_on_its_way_out(phm: Console, name: str, folder: Path) -> None:
    phm("domain", "connect", name, DOMAIN, *given(folder), "--reason", "by mail", "--yes")
    said = phm("domain", "disconnect", name, DOMAIN, "--reason", "cancelled", "--yes")
    assert "Prefect at" in said.refusal
    with phm.inventory.reading() as session:
        assert [one.state for one in names.names_of(session, name)] == ["releasing"]
