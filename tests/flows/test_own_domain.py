"""A customer's domain is prepared, waited for, switched on once the DNS leads here, removed at once (P30 to P32)."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING

import pytest

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from blocks.web_probe import web_probe
from fleet import certificates
from hosting.inventory import letters, name_orders, names, work
from hosting.inventory.name_certificates import certificate_of, keep
from hosting.policy.availability import BY_DOMAIN, COUNTS_AS_UP, noted_in
from hosting.policy.outage_causes import Cause
from hosting.policy.probe_spans import Answer, Vantage
from hosting.policy.states import NameState, WorkState
from hosting.policy.terms import STANDARD
from hosting.product.layout import NAME_CERTIFICATES
from hosting.product.proof import HEALTH
from tasks.name_records import read_naming
from tasks.names import ensure_no_name_site
from tasks.own_domains import ensure_no_other_certificate, served_fingerprint
from tasks.standing_in import pass_domains_on
from tests.service import moves
from tests.service import names as held
from tests.service.customer import site
from tests.service.moves import Sides, check_moved
from tests.service.names import Asked
from tests.service.own_domains import (
    DOMAIN,
    RESOLVERS,
    asked_resolvers,
    authority_in,
    cancelled,
    lead_to,
    ordered,
    run,
)
from tests.service.plans import Fault, Plan
from tests.service.prober import INTERVAL, probed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.moves import MoveFacts
    from hosting.policy.values import InstanceFacts, NameFacts, ServerFacts
    from tests.service.own_domains import Told
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

CONNECTING = (
    "read_naming", "ensure_names_served", "ensure_name_certificate", "ensure_name_site", "prove_certificate_served",
    "ensure_no_other_certificate", "read_pointing", "prove_name_answers", "record_name_live",
    "tell_customer_name_live", "read_names", "record_name_done",
)  # fmt: skip
WAITING = ("read_pointing", "tell_customer_record", "look_again")
DISCONNECTING = (
    "read_naming", "check_on_its_way_out", "read_names", "ensure_no_name_site", "ensure_name_out_of_zone",
    "ensure_no_other_certificate", "prove_name_gone", "is_cancelled", "tell_customer_name_gone", "record_name_gone",
)  # fmt: skip


@pytest.fixture(scope="module")
def told(service: Service) -> Iterator[Told]:
    """What each of the two resolvers says; the service asks them from now on."""
    with asked_resolvers(service, DOMAIN.ascii) as says:
        yield says


@pytest.fixture(scope="module")
def instance(service: Service) -> InstanceFacts:
    return service.provision()


@pytest.fixture
def authority(service: Service, tmp_path: Path) -> Path:
    return authority_in(service, tmp_path)


def state(service: Service, name: NameFacts) -> NameFacts:
    with service.inventory.reading() as session:
        return next(one for one in names.all_names(session) if one.id == name.id)


def keys_on(service: Service, host: str = "") -> list[str]:
    return service.on(f"stat -c '%a %U %n' {NAME_CERTIFICATES}/* 2>/dev/null || :", host).splitlines()


def fingerprints(*servers: ServerFacts) -> list[str]:
    """Of the certificates that they show to who comes for the domain."""
    return [served_fingerprint(DOMAIN.ascii, one.address) for one in servers]


def letters_to(service: Service, instance: InstanceFacts) -> list[str]:
    """What the instance's customer was written."""
    return [mail.text for mail in service.fleet.mails(f"{instance.order_reference.lower()}@kunde.test")]


def look(service: Service, move: MoveFacts, days: int) -> None:
    """The names are seen to, so many days after a move."""
    ended = moves.facts(service, move).ended_at
    assert ended is not None
    at = (ended + timedelta(days=days, hours=1)).timestamp()
    looked = service.runner.run(Plan(flow="flows.see_to_former_homes.see_to_former_homes", at=at))
    assert looked.completed, looked


def status(host: str, address: str) -> int:
    """What a customer sees who is led there, his browser checking the certificate."""
    with web_probe(load(ServiceSettings).trust, (), {host: address}) as web:
        return web.ask("GET", f"https://{host}/{HEALTH}").status_code


def test_a_domain_waits_for_its_dns_lives_and_goes_with_its_key(
    service: Service, told: Told, instance: InstanceFacts, authority: Path
) -> None:
    server, long_form = service.server(instance.server_name), held.url(service, instance)
    before = held.own(service, "vorher")
    assert held.assign(service, instance, before).completed
    name = ordered(service, instance, authority)
    with Asked(long_form) as asked:
        waiting = run(service, name)
        assert (waiting.state, f"leads nowhere, says {RESOLVERS[0]}" in waiting.message) == ("Waiting", True), waiting
        told[0][DOMAIN.ascii] = [server.address]
        told[1][DOMAIN.ascii] = ["192.0.2.9"]
        waiting = run(service, name)
        assert f"leads to 192.0.2.9, says {RESOLVERS[1]}" in waiting.message
        assert state(service, name).finding in waiting.message
        assert held.held(service, instance) == {before: "live", DOMAIN.ascii: "assigning"}
        with service.inventory.reading() as session:
            (due,) = name_orders.open_works(session, name)
            assert (due.state, due.due_at > datetime.now(UTC)) == (WorkState.OPEN, True)
            assert letters.letter_sent(session, f"domain_waiting:{name.id}:{server.name}")

        told[1][DOMAIN.ascii] = [server.address]
        began = time.monotonic()
        live = run(service, name)
        assert live.completed, live
        seconds = time.monotonic() - began
        assert held.held(service, instance) == {DOMAIN.ascii: "live"}  # a subdomain or a domain, not both
        assert status(DOMAIN.ascii, server.address) == 401
        assert held.answer(f"{before}.phlymail.test", server.address).status_code == 421
        proven = state(service, name)
        assert proven.as_ordered == "Post.Müller.example"
        assert proven.evidence["certificate"] == served_fingerprint(DOMAIN.ascii, server.address)
        assert {one.split()[0] for one in keys_on(service) if ".key" in one} == {"600"}

        cancelled(service, instance)
        gone = run(service, name, "disconnect_domain")
        assert gone.completed, gone
        assert held.answer(DOMAIN.ascii, server.address).status_code == 421
    assert asked.failures(long_form) == []
    assert keys_on(service) == []
    assert state(service, name).state is NameState.GONE
    with service.inventory.reading() as session:
        assert name_orders.open_works(session, name) == []
        assert work.work_in(session, WorkState.FAILED) == []
    sys.stdout.write(f"on {seconds:.1f} s after the DNS led here, gone {gone.seconds:.1f} s after it was cancelled\n")


def test_a_domain_that_leads_astray_is_noted_as_the_customers_dns_and_is_no_outage_of_ours(
    service: Service, told: Told, instance: InstanceFacts, authority: Path
) -> None:
    """Its record taken away, then one that leads elsewhere; over as soon as it leads here again (P11, decision 0038)."""
    address = service.server(instance.server_name).address
    lead_to(told, address)
    name = ordered(service, instance, authority)
    assert run(service, name).completed
    with probed(service) as prober:
        began = datetime.now(UTC)
        for vantage in (Vantage.OUTSIDE, Vantage.DOMAIN):
            prober.seen_at(vantage, instance.name, began, Answer.UP)
        astray = datetime.now(UTC)
        lead_to(told, "")
        astray_seen = prober.seen_at(Vantage.DOMAIN, instance.name, astray, Answer.UNREACHABLE)
        elsewhere = datetime.now(UTC)
        lead_to(told, "192.0.2.9")
        prober.seen_at(Vantage.DOMAIN, instance.name, elsewhere + INTERVAL, Answer.UNREACHABLE)
        back = datetime.now(UTC)
        lead_to(told, address)
        back_seen = prober.seen_at(Vantage.DOMAIN, instance.name, back, Answer.UP)
        prober.seen_at(Vantage.OUTSIDE, instance.name, back, Answer.UP)
        prober.look()
        year = prober.year(instance.name)
        assert (prober.outages(instance.name, began), prober.alarms()) == ([], [])
    assert year.outages == ()
    assert [(one.cause, one.note) for one in noted_in(year.line)] == [(Cause.CUSTOMERS_DNS, BY_DOMAIN)]
    [noted] = noted_in(year.line)
    assert astray <= noted.since <= astray_seen
    assert back <= noted.until <= back_seen
    assert year.line[-1].standing in COUNTS_AS_UP
    cancelled(service, instance)
    assert run(service, name, "disconnect_domain").completed
    sys.stdout.write(f"noted for {noted.length.total_seconds():.1f} s of {(back - astray).total_seconds():.1f} s\n")


def test_a_server_that_stands_in_passes_a_domain_on_with_its_own_certificate(
    service: Service, told: Told, instance: InstanceFacts, authority: Path
) -> None:
    """As `evacuate-server` has it for a retired server's name: the machine never had the instance (P10, P31)."""
    machine, long_form = service.server(service.hosts[0]), held.url(service, instance)
    if machine.name == instance.server_name:
        pytest.skip("needs a second server")
    for one in told:
        one[DOMAIN.ascii] = [service.server(instance.server_name).address]
    name = ordered(service, instance, authority)
    assert run(service, name).completed
    naming = read_naming.fn(name.id)
    assert naming.certificate is not None
    with Asked(long_form) as asked:
        assert pass_domains_on(machine, instance)
        assert not pass_domains_on(machine, instance)
        assert served_fingerprint(DOMAIN.ascii, machine.address) == naming.certificate.fingerprint
        assert status(DOMAIN.ascii, machine.address) == 401
        keys = service.on(f"stat -c '%a %U' {NAME_CERTIFICATES}/{name.id}.*.key", str(machine.name))
        assert keys.split() == ["600", "root"]
        ensure_no_name_site.fn(naming, machine)
        ensure_no_other_certificate.fn(naming, machine, all_gone=True)
        assert held.answer(DOMAIN.ascii, machine.address).status_code == 421
    assert asked.failures(long_form) == []
    cancelled(service, instance)
    assert run(service, name, "disconnect_domain").completed


@pytest.mark.timeout(600)
def test_a_domain_goes_with_its_instance_and_is_passed_on_until_its_dns_leads_there(
    service: Service, told: Told, authority: Path
) -> None:
    """With the customer's certificate on both servers, whichever his visitors' DNS leads to (P10, P24, P30)."""
    instance, others = service.provision(), [host for host in service.hosts if host != service.host]
    if not others:
        pytest.skip("needs a second server")
    moves.known_by_name(service)
    service.all_servers()
    source, target, url = service.server(instance.server_name), service.server(others[0]), f"https://{DOMAIN.ascii}/"
    lead_to(told, source.address)
    name = ordered(service, instance, authority)
    assert run(service, name).completed
    proven = read_naming.fn(name.id).certificate
    assert proven is not None
    move = moves.plan(service, instance, others[0])
    with Asked(url, known={DOMAIN.ascii: source.address}) as asked:
        outcome = moves.run(service, move)
        assert asked.goes_on(url), asked.seen[url][-3:]
    check_moved(Sides(service, instance.server_name, others[0]), instance, outcome, move.id)
    moves.check_stop(moves.facts(service, move), asked, url)
    assert set(asked.failures(url)) <= {"503"}  # closed with the long form, never another one's certificate
    assert fingerprints(source, target) == [proven.fingerprint] * 2
    assert (status(DOMAIN.ascii, source.address), status(DOMAIN.ascii, target.address)) == (401, 401)
    record = [DOMAIN.ordered, f"CNAME  {target.host_name}", f"A      {target.address}"]
    assert all(word in letters_to(service, instance)[-1] for word in record)

    look(service, move, STANDARD.domain_reminder_days[0])
    assert len([one for one in letters_to(service, instance) if all(word in one for word in record)]) == 2
    told[0][DOMAIN.ascii] = [target.address]  # the other resolver is still told the old record
    look(service, move, 10)
    look(service, move, 10 + 2 * STANDARD.passed_on_rests.days)
    assert status(DOMAIN.ascii, source.address) == 401
    lead_to(told, target.address)
    look(service, move, 20)
    assert status(DOMAIN.ascii, source.address) == 401  # who remembers the old record for a while
    look(service, move, 21 + STANDARD.passed_on_rests.days)  # a day more: each look takes its own seconds
    assert held.answer(DOMAIN.ascii, source.address).status_code == 421
    assert keys_on(service, str(source.name)) == []
    assert (status(DOMAIN.ascii, target.address), fingerprints(target)) == (401, [proven.fingerprint])
    assert site(service, instance).ask("api.php").status_code == 401  # the long form is passed on for ever
    cancelled(service, instance)
    assert run(service, name, "disconnect_domain").completed


def test_a_key_of_another_certificate_gets_no_further_than_the_server_s_own_check(
    service: Service, told: Told, instance: InstanceFacts, authority: Path
) -> None:
    name = ordered(service, instance, authority)
    certificates.ensure_leaf(authority, "other", [DOMAIN.ascii])
    sealed = load(ServiceSettings).seal((authority / "other.key").read_text())
    with service.inventory.writing() as session:
        facts = certificate_of(session, name.id)
        assert facts is not None
        keep(session, name.id, facts, sealed, datetime.now(UTC))
    with Asked(held.url(service, instance)) as asked:
        refused = run(service, name)
        assert refused.error == "StepFailed"
        assert "the key is not the certificate's" in refused.message
    assert asked.failures(held.url(service, instance)) == []
    assert keys_on(service) == []


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_run_killed_after_any_step_is_gone_on_with_by_the_next(
    service: Service, told: Told, instance: InstanceFacts, authority: Path
) -> None:
    address, long_form = service.server(instance.server_name).address, held.url(service, instance)
    for one in told:
        one[DOMAIN.ascii] = [address]
    with Asked(long_form) as asked:
        for connecting, disconnecting in zip_longest(CONNECTING, DISCONNECTING, fillvalue="record_name_gone"):
            name = ordered(service, instance, authority)
            assert run(service, name, fault=Fault(connecting, "after")).state == "Killed", connecting
            assert run(service, name).completed, connecting
            assert held.held(service, instance) == {DOMAIN.ascii: "live"}
            assert (status(DOMAIN.ascii, address), len(keys_on(service))) == (401, 2)
            cancelled(service, instance)
            assert run(service, name, "disconnect_domain", Fault(disconnecting, "after")).state == "Killed"
            assert run(service, name, "disconnect_domain").completed, disconnecting
            assert held.answer(DOMAIN.ascii, address).status_code == 421
            assert (keys_on(service), held.held(service, instance)) == ([], {})
            with service.inventory.reading() as session:
                assert name_orders.open_works(session, name) == []
    assert asked.failures(long_form) == []


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_run_killed_while_the_domain_waits_leaves_it_waiting_and_its_customer_told_once(
    service: Service, told: Told, instance: InstanceFacts, authority: Path
) -> None:
    for one in told:
        one[DOMAIN.ascii] = []
    for step in WAITING:
        name = ordered(service, instance, authority)
        assert run(service, name, fault=Fault(step, "after")).state == "Killed", step
        assert run(service, name).state == "Waiting", step
        with service.inventory.reading() as session:
            (due,) = name_orders.open_works(session, name)
            assert letters.letter_sent(session, f"domain_waiting:{name.id}:{instance.server_name}")
        assert (due.state, due.due_at > datetime.now(UTC)) == (WorkState.OPEN, True), step
        cancelled(service, instance)
        assert run(service, name, "disconnect_domain").completed, step
