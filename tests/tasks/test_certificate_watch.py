"""Certificates and domains are watched: letters ahead of the end, each once; what has ended or leads elsewhere (P31)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine
from pydantic import SecretStr

from blocks.loading import load, provide
from blocks.service_settings import ServiceSettings
from hosting.errors import DriftFound
from hosting.inventory import cases, certificate_renewals, domain_invitations, name_orders, names, servers
from hosting.inventory.name_certificates import CertificateFacts
from hosting.inventory.session import in_transaction
from hosting.policy.own_domain import OwnDomain
from hosting.policy.pointing import NotPointed, Pointing, Seen
from tasks import certificate_letters, certificate_watch, held_name_letters, own_domains
from tasks.cases import tell_open_cases
from tasks.certificate_watch import (
    read_domains,
    see_to_end,
    see_to_own_certificate,
    see_to_pointing,
    see_to_waiting,
    settle_for_gone,
)
from tasks.name_records import look_again, telling_name_failure
from tests.policy import certificates as made
from tests.policy.certificates import NOW
from tests.service.records import opened, provided
from tests.service.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.session import Inventory

DAY = timedelta(days=1)
ENDS = NOW + 60 * DAY
DOMAIN = OwnDomain("Post.Müller.example", "post.müller.example", "post.xn--mller-kva.example")
LINK = re.compile(r"http://127\.0\.0\.1/certificate/(\S+)")
HERE = Pointing(points=True, told="It leads here.")
ASTRAY = Pointing(points=False, told="It leads to 192.0.2.9, says the system.")
SILENT = Pointing(points=False, told="No resolver says anything.", known=False)


@pytest.fixture
def relay() -> Iterator[Relay]:
    made = Relay()
    with made.up():
        yield made


@pytest.fixture
def inventory(tmp_path: Path, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inventory]:
    """The customer's domain is live, with a certificate that ends in sixty days."""
    monkeypatch.setattr(certificate_letters, "addresses_of", lambda _host: ("192.0.2.1",))
    with provided(tmp_path, relay_port=relay.port) as inventory:
        instance = opened(inventory, "A-1", NOW - 30 * DAY)

        def order(session):
            facts = CertificateFacts("a" * 64, ENDS, "Beispiel CA", "PEM")
            name = name_orders.order_domain(session, instance, DOMAIN, facts, "sealed", by="olga", now=NOW)
            names.record_live(session, name.id, NOW, {})

        in_transaction(inventory, order)
        yield inventory


def looked(at) -> str:
    """What the morning's run does about the end of the domain's certificate."""
    with time_machine.travel(at, tick=False):
        (naming,) = read_domains.fn()
        return see_to_end.fn(naming)


def pointed(at, found: Pointing, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(certificate_watch.read_pointing, "fn", lambda _naming, **_: found)
    with time_machine.travel(at, tick=False):
        (naming,) = read_domains.fn()
        return see_to_pointing.fn(naming)


def open_kinds(inventory: Inventory) -> list[str]:
    with inventory.reading() as session:
        return [one.kind for one in cases.open_cases(session)]


def test_the_customer_is_told_thirty_fourteen_seven_and_one_days_ahead_each_once(
    inventory: Inventory, relay: Relay
) -> None:
    told = [(ahead, said) for ahead in range(60, 0, -1) if (said := looked(ENDS - ahead * DAY))]
    assert told == [(days, f"ends within {days} days") for days in (30, 14, 7, 1)]
    assert len(relay.letters) == 4
    assert (
        relay.subjects[0] == "Das Zertifikat Ihrer Domain Post.Müller.example endet am 30. April 2026 (Bestellung A-1)"
    )
    assert relay.letters[0]["To"] != load(certificate_letters.MailRelay).operator
    tokens = [found[1] for number in range(4) if (found := LINK.search(relay.text(number)))]
    assert len(set(tokens)) == 4
    with inventory.reading() as session:
        invitations = [domain_invitations.open_link(session, one, ENDS - DAY).invitation for one in tokens[1:]]
    assert {one.as_ordered for one in invitations} == {"Post.Müller.example"}


def test_a_renewed_certificate_has_letters_of_its_own(inventory: Inventory, relay: Relay) -> None:
    assert looked(ENDS - DAY)
    facts = CertificateFacts("b" * 64, ENDS + 20 * DAY, "Beispiel CA", "PEM b")

    def renew(session):
        (name,) = names.names_of(session, names.all_names(session)[0].instance_name)
        certificate_renewals.offer(session, name.id, facts, "sealed", NOW)
        certificate_renewals.put_in_force(session, name.id, facts, NOW)

    in_transaction(inventory, renew)
    assert looked(ENDS) == "ends within 30 days"


def test_what_has_ended_is_told_to_customer_and_operator_once_and_settles_itself(
    inventory: Inventory, relay: Relay
) -> None:
    assert [looked(ENDS + days * DAY) for days in (1, 2, 3)] == ["ended", "", ""]
    assert tell_open_cases() == 1
    assert tell_open_cases() == 0
    assert [letter["To"] for letter in relay.letters][1] == load(certificate_letters.MailRelay).operator
    assert "https://app1." in relay.text(0)  # the long form stays
    assert open_kinds(inventory) == [cases.CERTIFICATE_ENDED]

    def renew(session):
        (name,) = names.names_of(session, names.all_names(session)[0].instance_name)
        facts = CertificateFacts("b" * 64, ENDS + 90 * DAY, "Beispiel CA", "PEM b")
        certificate_renewals.offer(session, name.id, facts, "sealed", NOW)
        certificate_renewals.put_in_force(session, name.id, facts, NOW)

    in_transaction(inventory, renew)
    assert looked(ENDS + 4 * DAY) == ""
    assert open_kinds(inventory) == []


def test_a_domain_that_leads_elsewhere_is_told_once_each_time(
    inventory: Inventory, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (1, 2):
        assert pointed(NOW + day * DAY, ASTRAY, monkeypatch) == ASTRAY.told
    assert tell_open_cases() == 1
    assert len(relay.letters) == 2
    assert "CNAME app1." in relay.text(0)
    assert pointed(NOW + 3 * DAY, HERE, monkeypatch) == ""
    assert open_kinds(inventory) == []
    assert pointed(NOW + 4 * DAY, ASTRAY, monkeypatch)
    assert open_kinds(inventory) == [cases.DOMAIN_ASTRAY]
    assert len(relay.letters) == 3


@pytest.mark.parametrize(("leads_to", "astray"), [("192.0.2.2", False), ("192.0.2.9", True)])
def test_a_server_that_the_instance_has_left_passes_the_domain_on(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch, leads_to: str, *, astray: bool
) -> None:
    says = {"app1.phlymail.test": "192.0.2.1", "app2.phlymail.test": "192.0.2.2", DOMAIN.ascii: leads_to}
    monkeypatch.setattr(own_domains, "_seen", lambda resolver, host: Seen(resolver, (says[host],)))
    (naming,) = read_domains.fn()
    with inventory.reading() as session:
        naming = replace(naming, homes=(servers.server_facts(session, "app2"),))
    assert not own_domains.read_pointing.fn(naming).points
    assert bool(see_to_pointing.fn(naming)) is astray


def test_where_no_resolver_answers_nobody_is_told(
    inventory: Inventory, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pointed(NOW + DAY, SILENT, monkeypatch) == SILENT.told
    assert (relay.letters, open_kinds(inventory)) == ([], [])


def test_what_was_told_of_a_domain_that_is_gone_is_settled(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pointed(NOW + DAY, ASTRAY, monkeypatch)
    settle_for_gone.fn(read_domains.fn())
    assert open_kinds(inventory) == [cases.DOMAIN_ASTRAY]

    def release(session):
        (name,) = names.all_names(session)
        name_orders.order_release(session, name.instance_name, name.a_label, by="olga", why="", now=NOW)

    in_transaction(inventory, release)
    settle_for_gone.fn(read_domains.fn())
    assert open_kinds(inventory) == []


# --- a domain that waits for its DNS ---


@pytest.fixture
def waiting(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> str:
    """Another customer's domain, which does not lead here yet; its certificate ends in twenty days."""
    monkeypatch.setattr(held_name_letters, "addresses_of", lambda _host: ("192.0.2.1",))
    monkeypatch.setattr(certificate_watch.read_pointing, "fn", lambda _naming, **_: ASTRAY)
    instance = opened(inventory, "A-2", NOW - 30 * DAY)
    other = OwnDomain("wartet.example", "wartet.example", "wartet.example")
    facts = CertificateFacts("b" * 64, NOW + 20 * DAY, "Beispiel CA", "PEM")
    in_transaction(
        inventory,
        lambda session: name_orders.order_domain(session, instance, other, facts, "sealed", by="olga", now=NOW),
    )
    return instance


def seen_to(at, host: str) -> list[str]:
    """What the morning's run tells of one domain."""
    with time_machine.travel(at, tick=False):
        (naming,) = [one for one in read_domains.fn() if one.host == host]
        return [said for look in (see_to_end, see_to_pointing, see_to_waiting) if (said := look.fn(naming))]


def test_a_domain_that_waits_is_told_of_its_certificate_s_end_and_reminded_of_the_record(
    relay: Relay, waiting: str
) -> None:
    assert waiting
    told = {day: said for day in range(40) if (said := seen_to(NOW + day * DAY, "wartet.example"))}
    assert told == {
        0: ["ends within 30 days"], 3: ["waits for 3 days"], 6: ["ends within 14 days"], 13: ["ends within 7 days"],
        14: ["waits for 14 days"], 19: ["ends within 1 days"], 21: ["ended"], 27: ["waits for 27 days"],
    }  # fmt: skip
    assert len(relay.letters) == 8
    assert "CNAME app1.phlymail.test" in " ".join(relay.text(1).split())
    assert relay.subjects[1] == "Ihre Domain wartet.example führt noch nicht zu uns (Bestellung A-2)"


@pytest.mark.parametrize("found", [SILENT, HERE])
def test_nobody_is_reminded_of_a_record_that_may_be_set(
    relay: Relay, waiting: str, monkeypatch: pytest.MonkeyPatch, found: Pointing
) -> None:
    assert waiting
    with monkeypatch.context() as patched:
        patched.setattr(certificate_watch.read_pointing, "fn", lambda _naming, **_: found)
        told = seen_to(NOW + 3 * DAY, "wartet.example")
    assert told == ["ends within 30 days", *([] if found.known else [SILENT.told])]
    assert len(relay.letters) == 1
    assert seen_to(NOW + 4 * DAY, "wartet.example") == ["waits for 3 days"]


def test_a_domain_that_is_live_is_reminded_of_nothing(inventory: Inventory) -> None:
    assert inventory
    with time_machine.travel(NOW + 5 * DAY, tick=False):
        (naming,) = read_domains.fn()
        assert see_to_waiting.fn(naming) == ""


def test_after_thirty_days_the_operator_is_asked(inventory: Inventory, waiting: str) -> None:
    (naming,) = [one for one in read_domains.fn() if one.instance.name == waiting]

    def flow() -> None:
        with telling_name_failure(waiting) as about:
            about.append(naming.name.id)
            look_again.fn(naming, ASTRAY.told)

    with time_machine.travel(NOW + 29 * DAY, tick=False):
        flow()
    assert open_kinds(inventory) == []
    with time_machine.travel(NOW + 30 * DAY, tick=False), pytest.raises(NotPointed):
        flow()
    assert open_kinds(inventory) == [cases.NOT_DONE]
    assert tell_open_cases() == 1
    with time_machine.travel(NOW + 30 * DAY, tick=False), pytest.raises(NotPointed) as unknown:
        look_again.fn(naming, SILENT.told, known=False)
    assert "has never led here" not in str(unknown.value)
    assert "whether it leads here by now is not known" in str(unknown.value)


# --- our own certificate ---


def own(at, *names_covered: str, chain: bytes = made.MIDDLE.pem, key: bytes | None = None) -> str:
    """What the morning's run says of the zone's certificate."""
    leaf = made.site(*names_covered, by=made.MIDDLE, common=names_covered[0], days=90, starts=0)
    settings = load(ServiceSettings)
    changes = {
        "certificate_pem": (leaf.pem + chain).decode(),
        "certificate_key_pem": SecretStr((key or leaf.key_pem()).decode()),
        "authorities_pem": made.ROOT.pem.decode(),
    }
    provide(ServiceSettings(**{**settings.model_dump(include=set(ServiceSettings.model_fields)), **changes}))
    with time_machine.travel(at, tick=False):
        return see_to_own_certificate.fn()


def test_our_own_certificate_is_told_of_before_it_ends(inventory: Inventory, relay: Relay) -> None:
    zone = ("*.phlymail.test", "phlymail.test")
    assert own(NOW, *zone) == "It is good until 2026-05-30."
    assert relay.letters == []
    ends = NOW + 90 * DAY
    for ahead in (30, 8, 7):
        own(ends - ahead * DAY, *zone)
    # each time a certificate of its own: the letters tell how long each lasts
    assert relay.subjects == [f"The certificate of *.phlymail.test ends within {days} days" for days in (30, 14, 7)]
    assert {letter["To"] for letter in relay.letters} == {load(certificate_letters.MailRelay).operator}


@pytest.mark.parametrize(
    ("covered", "chain", "key", "said"),
    [
        (("app1.phlymail.test",), made.MIDDLE.pem, None, "is not valid for name.phlymail.test"),
        (("*.phlymail.test",), b"", None, "The intermediate certificate “Gute Mitte”"),
        (("*.phlymail.test",), made.MIDDLE.pem, made.key_bytes(made.key("another")), "does not belong"),
    ],
)
def test_what_is_wrong_with_our_own_certificate_is_told_and_fails_the_run(  # noqa: PLR0917  # a table's columns
    inventory: Inventory, relay: Relay, covered: tuple[str, ...], chain: bytes, key: bytes | None, said: str
) -> None:
    with pytest.raises(DriftFound, match=re.escape(said)):
        own(NOW, *covered, chain=chain, key=key)
    assert relay.subjects == ["The certificate of *.phlymail.test is not good"]
    assert said in " ".join(relay.text().split())
