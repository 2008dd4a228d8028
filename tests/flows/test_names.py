"""A name is live at once and gone at once, exchanged without a gap, and never anybody else's (P26, P29)."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest

from blocks.dns_zone import DnsZone, ZoneRecord
from blocks.loading import load
from hosting.inventory import cases, work
from hosting.inventory.name_orders import work_subject
from hosting.policy.labels import read_label
from hosting.policy.states import NameState, WorkState
from tests.service import names
from tests.service.names import Asked
from tests.service.plans import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

ZONE = "phlymail.test"
STEPS = (
    "record_wanted", "read_naming", "ensure_names_served", "ensure_name_site", "ensure_name_in_zone",
    "prove_name_answers", "record_name_live", "tell_customer_name_live", "read_names", "ensure_no_name_site",
    "ensure_name_out_of_zone", "ensure_no_other_certificate", "prove_name_gone", "is_cancelled", "record_name_gone",
    "record_name_done",
)  # fmt: skip
"""The steps of an exchange, which has all of them."""
RELEASING = (
    "record_unwanted", "read_naming", "check_on_its_way_out", "read_names", "ensure_no_name_site",
    "ensure_name_out_of_zone", "ensure_no_other_certificate", "prove_name_gone", "is_cancelled",
    "tell_customer_name_gone", "record_name_gone",
)  # fmt: skip


@pytest.fixture(scope="module")
def instance(service: Service) -> InstanceFacts:
    return service.provision()


@pytest.fixture(scope="module")
def neighbour(service: Service) -> Iterator[InstanceFacts]:
    """Another customer's instance, with a name of its own."""
    made, name = service.provision(), names.own(service, "nachbar")
    assert names.assign(service, made, name).completed
    yield made
    assert names.release(service, made, name).completed


@pytest.fixture(autouse=True)
def _no_name_left(service: Service, instance: InstanceFacts) -> Iterator[None]:
    yield
    for name in names.held(service, instance):
        names.release(service, instance, name)


def host(a_label: str) -> str:
    return f"{a_label}.{ZONE}"


def check_live(service: Service, instance: InstanceFacts, a_label: str) -> None:
    """It is the one name of the instance, in the inventory, in the zone and on the server."""
    server = service.server(instance.server_name)
    assert names.held(service, instance) == {a_label: "live"}
    assert names.in_zone(a_label) == [f"CNAME {server.host_name}"]
    name = names.last(service, a_label)
    mine = [one for one in names.files(service) if not one.startswith("nachbar-")]
    assert mine == [f"{host(a_label)}.{name.id}.conf"]
    with service.inventory.reading() as session:
        done = work.work_of(session, work.ASSIGN_SUBDOMAIN, work_subject(name))
        assert done is not None
        assert done.state is WorkState.DONE


def check_gone(service: Service, instance: InstanceFacts, a_label: str) -> None:
    """Nobody knows it, and who comes gets no content."""
    server, name = service.server(instance.server_name), names.last(service, a_label)
    assert name.state is NameState.GONE
    assert names.in_zone(a_label) == []
    assert not [one for one in names.files(service) if one.startswith(host(a_label))]
    for scheme in ("https", "http"):
        said = names.answer(host(a_label), server.address, scheme)
        assert said.status_code == 421
        assert "authform" not in said.text


def test_a_name_lives_is_exchanged_and_goes_while_the_long_form_is_asked_without_a_failure(
    service: Service, instance: InstanceFacts, neighbour: InstanceFacts
) -> None:
    wished, exchanged_for, neighbours = (names.own(service, word) for word in ("Bücher", "buchladen", "nachbar"))
    before = read_label(wished).a_label
    assert before.startswith("xn--")
    mine, *others = (
        names.url(service, instance),
        *(f"https://{host(one)}/" for one in (neighbours, before, exchanged_for)),
    )
    theirs, first, second = others
    with Asked(mine, theirs, first, second) as asked:
        began = time.monotonic()
        assigned = names.assign(service, instance, wished)
        assert assigned.completed, assigned
        check_live(service, instance, before)
        live_after = asked.first_good(first) - began
        began = time.monotonic()
        exchanged = names.assign(service, instance, exchanged_for)
        assert exchanged.completed, exchanged
        exchanged_after = asked.first_good(second) - began
        check_live(service, instance, exchanged_for)
        check_gone(service, instance, before)
        began = time.monotonic()
        released = names.release(service, instance, exchanged_for)
        assert released.completed, released
        gone_after = asked.last_good(second) - began
        check_gone(service, instance, exchanged_for)
        assert names.held(service, instance) == {}
        time.sleep(0.5)
    assert asked.failures(mine) == []
    assert asked.failures(theirs) == []
    assert asked.first_good(second) < asked.last_good(first), "for a moment there was neither name"
    assert names.held(service, neighbour) == {neighbours: "live"}
    sys.stdout.write(
        f"live {live_after:.1f} s after approval, exchanged after {exchanged_after:.1f} s, gone after {gone_after:.1f} s; "
        f"{len(asked.seen[mine])} requests to the long form, none failed\n"
    )
    assert max(live_after, exchanged_after, gone_after) < 30
    again = names.assign(service, neighbour, exchanged_for)
    assert (again.error, "rests until" in again.message) == ("NameRefused", True)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("step", ["ensure_name_in_zone", "record_name_live"])
def test_a_run_killed_after_a_step_is_gone_on_with_by_the_next(
    service: Service, instance: InstanceFacts, step: str
) -> None:
    old, new = (names.own(service, f"{word}-{step.replace('_', '-')}") for word in ("alt", "neu"))
    assert names.assign(service, instance, old).completed
    killed = names.assign(service, instance, new, Fault(step, "after"))
    assert killed.state == "Killed", killed
    again = names.assign(service, instance, new)
    assert again.completed, again
    check_live(service, instance, new)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("moment", ["before", "command", "after"])
def test_a_run_killed_at_any_step_is_gone_on_with_by_the_next(
    service: Service, instance: InstanceFacts, moment: str
) -> None:
    assert names.assign(service, instance, names.own(service, f"vorher-{moment}")).completed
    times = 0
    for number, step in enumerate(STEPS):
        new = names.own(service, f"name-{moment}-{number}")
        killed = names.assign(service, instance, new, Fault(step, moment))  # type: ignore[arg-type]  # one of the three
        if killed.state != "Killed":
            assert moment == "command", (step, killed)  # a step without a remote command
            continue
        assert names.assign(service, instance, new).completed
        check_live(service, instance, new)
        times += 1
    for number, step in enumerate(RELEASING):
        name = names.own(service, f"weg-{moment}-{number}")
        assert names.assign(service, instance, name).completed
        killed = names.release(service, instance, name, Fault(step, moment))  # type: ignore[arg-type]  # likewise
        assert killed.state == "Killed" or moment == "command", (step, killed)
        if killed.state == "Killed" and names.last(service, name).state is not NameState.GONE:
            assert names.release(service, instance, name).completed
        check_gone(service, instance, name)
        times += killed.state == "Killed"
    sys.stdout.write(f"killed and gone on with {times} times ({moment} a step)\n")


def test_what_somebody_else_entered_in_the_zone_stays_and_a_person_is_asked(
    service: Service, instance: InstanceFacts
) -> None:
    zone, theirs, name = load(DnsZone), ZoneRecord("A", "192.0.2.9"), names.own(service, "fremd")
    zone.ensure(name, [theirs], replacing=())
    refused = names.assign(service, instance, name)
    assert refused.error == "DriftFound", refused
    assert "A 192.0.2.9" in refused.message
    assert names.in_zone(name) == ["A 192.0.2.9"]
    with service.inventory.reading() as session:
        case = cases.cases_of(session, f"instance:{instance.name}")[-1]
        assert name in case.summary
    zone.ensure(name, [], replacing=[theirs])
    assert names.assign(service, instance, name).completed
    check_live(service, instance, name)
    with service.inventory.reading() as session:
        assert cases.cases_of(session, f"instance:{instance.name}")[-1].settled_at is not None
