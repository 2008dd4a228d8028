"""A domain's certificate, the one that is to take its place, and the links by which customers hand them over (P31)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from hosting.errors import DriftFound
from hosting.inventory import certificate_renewals as renewals
from hosting.inventory import deeds, domain_invitations, instances, links, name_certificates, name_orders, names, work
from hosting.inventory.links import LinkExpired, LinkUnknown, LinkUsed
from hosting.inventory.models import CertificateRenewal, NameCertificate
from hosting.inventory.name_certificates import CertificateFacts
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.own_domain import OwnDomain
from hosting.policy.placement import choose_server
from hosting.policy.states import NameState, WorkState
from tests.inventory.words import HOUR, NOW, RELEASE, placed, received, server, take, with_servers

if TYPE_CHECKING:
    from hosting.policy.values import NameFacts

DOMAIN = OwnDomain("Bücher.example", "bücher.example", "xn--bcher-kva.example")
DAY = timedelta(days=1)


def certificate(letter: str, days: int = 90) -> CertificateFacts:
    return CertificateFacts(letter * 64, NOW + timedelta(days=days), "Beispiel CA", f"PEM {letter}")


@pytest.fixture
def instance(inventory: Inventory) -> str:
    with_servers(inventory, server("app1", 200))
    take(inventory, placed("A-1"), received("money"))

    def reserve(session):
        made = instances.reserve_instance(session, "A-1", choose_server, release=RELEASE, seal=str, now=NOW)
        return instances.record_active(session, made.name, NOW, {}).name

    return in_transaction(inventory, reserve)


def ordered(inventory: Inventory, instance: str, letter: str, now=NOW) -> NameFacts:
    return in_transaction(
        inventory,
        lambda session: name_orders.order_domain(
            session, instance, DOMAIN, certificate(letter), f"key {letter}", by="olga", now=now
        ),
    )


def live(inventory: Inventory, instance: str, letter: str = "a") -> NameFacts:
    name = ordered(inventory, instance, letter)
    in_transaction(inventory, lambda session: names.record_live(session, name.id, NOW, {}))
    subject = f"{instance}#{name.id}@{letter * 12}"
    in_transaction(inventory, lambda session: work.record_done(session, work.CONNECT_DOMAIN, subject))
    return name


def works(inventory: Inventory) -> list[tuple[str, WorkState]]:
    with inventory.reading() as session:
        return [(one.subject.partition("@")[2], one.state) for one in work.work_in(session)
                if one.kind == work.RENEW_CERTIFICATE]  # fmt: skip


def in_force(inventory: Inventory, name: NameFacts) -> tuple[str, str]:
    with inventory.reading() as session:
        facts, waiting = name_certificates.certificate_of(session, name.id), renewals.renewal_of(session, name.id)
    return facts.fingerprint[:1] if facts else "", waiting.fingerprint[:1] if waiting else ""


# --- renewal ---


def test_before_it_is_live_a_domain_has_the_certificate_that_was_handed_over_last(
    inventory: Inventory, instance: str
) -> None:
    ordered(inventory, instance, "a")
    name = ordered(inventory, instance, "b")
    assert in_force(inventory, name) == ("b", "")
    assert works(inventory) == []


def test_a_live_domain_keeps_its_certificate_until_the_new_one_is_in_force(inventory: Inventory, instance: str) -> None:
    name = live(inventory, instance)
    assert ordered(inventory, instance, "b").state is NameState.LIVE
    assert in_force(inventory, name) == ("a", "b")
    assert works(inventory) == [(f"{'b' * 12}.{int(NOW.timestamp())}", WorkState.OPEN)]
    with inventory.reading() as session:
        keys = [name_certificates.sealed_key(session, name.id, letter * 64) for letter in "ab"]
    assert keys == ["key a", "key b"]
    in_transaction(inventory, lambda session: names.record_finding(session, name.id, "An earlier one failed."))
    assert in_transaction(inventory, lambda session: renewals.put_in_force(session, name.id, certificate("b"), NOW))
    assert in_force(inventory, name) == ("b", "")
    with inventory.reading() as session:
        assert names.names_of(session, instance)[0].finding == ""
    with inventory.reading() as session:
        assert name_certificates.sealed_key(session, name.id, "b" * 64) == "key b"
        with pytest.raises(DriftFound):
            name_certificates.sealed_key(session, name.id, "a" * 64)
        told = [one for one in deeds.deeds_of(session, f"instance:{instance}") if one.what == "certificate renewed"]
    assert [(one.evidence["before"], one.evidence["certificate"]) for one in told] == [("a" * 64, "b" * 64)]


def test_what_it_has_or_is_about_to_get_is_no_work(inventory: Inventory, instance: str) -> None:
    live(inventory, instance)
    ordered(inventory, instance, "a", NOW + HOUR)
    assert works(inventory) == []
    ordered(inventory, instance, "b", NOW + HOUR)
    ordered(inventory, instance, "b", NOW + 2 * HOUR)
    assert len(works(inventory)) == 1


def test_the_same_certificate_with_other_intermediates_is_another_one(inventory: Inventory, instance: str) -> None:
    name = live(inventory, instance)
    mended = replace(certificate("a"), certificate_pem="PEM a with its intermediate")

    def hand_over(session) -> None:
        name_orders.order_domain(session, instance, DOMAIN, mended, "key a", by="olga", now=NOW + HOUR)

    for _ in range(2):
        in_transaction(inventory, hand_over)
    assert len(works(inventory)) == 1
    assert not in_transaction(inventory, lambda session: renewals.put_in_force(session, name.id, certificate("a"), NOW))
    assert in_transaction(inventory, lambda session: renewals.put_in_force(session, name.id, mended, NOW))
    with inventory.reading() as session:
        assert name_certificates.certificate_of(session, name.id) == mended


def test_another_one_handed_over_meanwhile_is_what_waits(inventory: Inventory, instance: str) -> None:
    name = live(inventory, instance)
    ordered(inventory, instance, "b")
    ordered(inventory, instance, "c", NOW + HOUR)
    assert [state for _, state in works(inventory)] == [WorkState.CANCELLED, WorkState.OPEN]
    assert not in_transaction(inventory, lambda session: renewals.put_in_force(session, name.id, certificate("b"), NOW))
    assert not in_transaction(inventory, lambda session: renewals.give_up(session, name.id, certificate("b"), "", NOW))
    assert in_force(inventory, name) == ("a", "c")


def test_one_that_came_to_nothing_is_forgotten_and_can_be_handed_over_again(
    inventory: Inventory, instance: str
) -> None:
    name = live(inventory, instance)
    ordered(inventory, instance, "b")
    subject = f"{instance}#{name.id}@{'b' * 12}.{int(NOW.timestamp())}"
    assert in_transaction(inventory, lambda session: renewals.give_up(session, name.id, certificate("b"), "why", NOW))
    in_transaction(inventory, lambda session: work.record_failed(session, work.RENEW_CERTIFICATE, subject, "why"))
    assert in_force(inventory, name) == ("a", "")
    ordered(inventory, instance, "b", NOW + HOUR)
    assert in_force(inventory, name) == ("a", "b")
    assert [state for _, state in works(inventory)] == [WorkState.CANCELLED, WorkState.OPEN]


def test_with_the_domain_go_both_certificates_with_their_keys(inventory: Inventory, instance: str) -> None:
    name = live(inventory, instance)
    ordered(inventory, instance, "b")
    in_transaction(
        inventory,
        lambda session: name_orders.order_release(session, instance, DOMAIN.ascii, by="olga", why="", now=NOW),
    )
    assert [state for _, state in works(inventory)] == [WorkState.CANCELLED]
    in_transaction(inventory, lambda session: name_certificates.forget(session, name.id))
    with inventory.reading() as session:
        left = [
            session.scalar(select(func.count()).select_from(kind)) for kind in (NameCertificate, CertificateRenewal)
        ]
    assert left == [0, 0]


# --- invitations ---


def invited(inventory: Inventory, instance: str, ordered_as: str = "Bücher.example") -> str:
    def make(session) -> str:
        made = domain_invitations.ensure_invitation(
            session, instance, DOMAIN.ascii, ordered_as, by="olga", now=NOW, why="by phone"
        )
        return domain_invitations.make_upload_link(session, made, NOW)

    return in_transaction(inventory, make)


def opened(inventory: Inventory, token: str, now=NOW) -> domain_invitations.Opened:
    with inventory.reading() as session:
        return domain_invitations.open_link(session, token, now)


def test_a_link_opens_its_domain_however_often_until_it_is_used_once(inventory: Inventory, instance: str) -> None:
    token = invited(inventory, instance)
    for _ in range(2):
        found = opened(inventory, token)
        assert (found.invitation.a_label, found.invitation.as_ordered) == (DOMAIN.ascii, "Bücher.example")
        assert found.expires_at == NOW + domain_invitations.VALID
    used = in_transaction(inventory, lambda session: domain_invitations.use_link(session, token, NOW))
    assert used.instance_name == instance
    with pytest.raises(LinkUsed):
        opened(inventory, token)
    with pytest.raises(LinkUsed):
        in_transaction(inventory, lambda session: domain_invitations.use_link(session, token, NOW))


def test_the_links_of_several_letters_are_good_until_one_is_used(inventory: Inventory, instance: str) -> None:
    first, second = invited(inventory, instance), invited(inventory, instance)
    assert opened(inventory, first).invitation == opened(inventory, second).invitation
    in_transaction(inventory, lambda session: domain_invitations.use_link(session, second, NOW))
    with pytest.raises(LinkExpired):
        opened(inventory, first)


def test_a_link_ends_after_its_days_and_with_its_domain(inventory: Inventory, instance: str) -> None:
    token = invited(inventory, instance)
    with pytest.raises(LinkExpired):
        opened(inventory, token, NOW + domain_invitations.VALID)
    live(inventory, instance)
    in_transaction(
        inventory,
        lambda session: name_orders.order_release(session, instance, DOMAIN.ascii, by="olga", why="", now=NOW),
    )
    with pytest.raises(LinkExpired):
        opened(inventory, token)


def test_a_link_ends_where_another_name_takes_the_domain_s_place(inventory: Inventory, instance: str) -> None:
    live(inventory, instance)
    token = invited(inventory, instance)

    def exchange(session) -> None:
        new = name_orders.order_subdomain(session, instance, "muster", "muster", by="olga", now=NOW)
        names.record_live(session, new.id, NOW, {})

    in_transaction(inventory, exchange)
    with pytest.raises(LinkExpired):
        opened(inventory, token)


@pytest.mark.parametrize(
    "purpose", ["first access", "certificate:", "certificate:99", "certificate:x", "certificate:²"]
)
def test_a_link_for_something_else_opens_nothing_here(inventory: Inventory, instance: str, purpose: str) -> None:
    token = in_transaction(inventory, lambda session: links.make_link(session, instance, purpose, NOW, DAY))
    with pytest.raises(LinkUnknown):
        opened(inventory, token)
