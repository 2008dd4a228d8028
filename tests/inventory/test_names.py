"""A name belongs to one instance at a time, an instance has one name, and what was given back rests (P26, P29, P30)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hosting.inventory import deeds, instances, names, servers
from hosting.inventory.instances import InstanceEnded
from hosting.inventory.name_rows import UnknownName
from hosting.inventory.names import NameAtRest, NameBeingReleased, NameTaken, NoSuchNameHere, NotOpenYet
from hosting.inventory.servers import HostNameHeld
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.placement import choose_server
from hosting.policy.states import ForbiddenEdge, NameState
from hosting.policy.terms import STANDARD
from hosting.policy.values import NameFacts, NameKind
from tests.inventory.words import HOUR, NOW, RELEASE, at_once, placed, received, server, take, with_servers

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

REST = timedelta(days=STANDARD.name_rests_days)
BOOKS = ("xn--bcher-kva", "bücher")
DOMAIN = "post.example.de"


@pytest.fixture
def two(inventory: Inventory) -> tuple[str, str]:
    """Two instances on one server."""
    with_servers(inventory, server("app1", 200))
    take(
        inventory,
        *(one for order in ("A-1", "A-2") for one in (placed(order), received(f"money-{order}", order=order))),
    )

    def reserve(session: Session, order: str) -> str:
        made = instances.reserve_instance(session, order, choose_server, release=RELEASE, seal=str, now=NOW)
        return instances.record_active(session, made.name, NOW, {}).name

    first, second = (in_transaction(inventory, partial(reserve, order=order)) for order in ("A-1", "A-2"))
    return first, second


def assigning(
    inventory: Inventory, instance: str, a_label: str = "muster", ordered: str = "", *, at: datetime = NOW,
    kind: NameKind = NameKind.SUBDOMAIN,
) -> NameFacts:  # fmt: skip
    return in_transaction(
        inventory,
        lambda session: names.begin_assigning(session, instance, kind, a_label, ordered or a_label, now=at, by="olga"),
    )


def live(inventory: Inventory, name: NameFacts, at: datetime = NOW, **evidence: Any) -> NameFacts:
    return in_transaction(inventory, lambda session: names.record_live(session, name.id, at, evidence))


def releasing(inventory: Inventory, name: NameFacts, at: datetime = NOW) -> NameFacts:
    return in_transaction(
        inventory,
        lambda session: names.begin_releasing(
            session, name.instance_name, name.a_label, now=at, by="olga", why="by mail"
        ),
    )


def gone(inventory: Inventory, name: NameFacts, at: datetime = NOW) -> NameFacts:
    return in_transaction(inventory, lambda session: names.record_gone(session, name.id, at, {}))


def given_back(inventory: Inventory, instance: str, a_label: str = "muster", **more: Any) -> NameFacts:
    name = live(inventory, assigning(inventory, instance, a_label, **more))
    return gone(inventory, releasing(inventory, name))


def own(inventory: Inventory, instance: str) -> dict[str, NameState]:
    with inventory.reading() as session:
        return {one.a_label: one.state for one in names.names_of(session, instance)}


def taken(inventory: Inventory, a_label: str) -> str | None:
    with inventory.reading() as session:
        return names.taken_by(session, a_label)


def rests(inventory: Inventory, a_label: str, at: datetime) -> datetime | None:
    with inventory.reading() as session:
        return names.resting_until(session, a_label, at)


def test_a_name_is_taken_from_the_first_step_to_the_last(inventory: Inventory, two: tuple[str, str]) -> None:
    assert taken(inventory, "muster") is None
    name = assigning(inventory, two[0])
    assert taken(inventory, "muster") == two[0]
    live(inventory, name)
    assert taken(inventory, "muster") == two[0]
    releasing(inventory, name)
    assert taken(inventory, "muster") == two[0]
    gone(inventory, name)
    assert taken(inventory, "muster") is None


def test_a_name_is_ordered_as_unicode_and_known_by_its_a_label(inventory: Inventory, two: tuple[str, str]) -> None:
    name = assigning(inventory, two[0], *BOOKS)
    assert (name.a_label, name.as_ordered, name.kind) == (*BOOKS, NameKind.SUBDOMAIN)
    assert name.host_name("phlymail.test") == "xn--bcher-kva.phlymail.test"
    assert taken(inventory, "xn--bcher-kva") == two[0]
    assert taken(inventory, "bücher") is None


def test_a_domain_is_its_own_whole_name(inventory: Inventory, two: tuple[str, str]) -> None:
    name = assigning(inventory, two[0], DOMAIN, kind=NameKind.DOMAIN)
    assert name.host_name("phlymail.test") == DOMAIN


def test_another_instance_does_not_get_a_name_that_is_taken(inventory: Inventory, two: tuple[str, str]) -> None:
    name = assigning(inventory, two[0])
    for _ in range(3):
        with pytest.raises(NameTaken, match=rf"The name muster belongs to instance {two[0]}\. Take another") as refused:
            assigning(inventory, two[1])
        assert refused.value.instance == two[0]
        name = live(inventory, name) if name.state is NameState.ASSIGNING else releasing(inventory, name)
    assert own(inventory, two[1]) == {}


def test_of_two_that_order_a_name_at_once_one_gets_it(inventory: Inventory, two: tuple[str, str]) -> None:
    def attempt(instance: str) -> NameFacts | None:
        try:
            return assigning(inventory, instance)
        except NameTaken:
            return None

    got = [one for one in at_once(*(partial(attempt, instance) for instance in (*two, *two, *two))) if one]
    assert len({one.id for one in got}) == 1
    assert taken(inventory, "muster") == got[0].instance_name


def test_a_lost_run_finds_the_name_that_it_had_begun_with(inventory: Inventory, two: tuple[str, str]) -> None:
    first = assigning(inventory, two[0])
    assert assigning(inventory, two[0], at=NOW + HOUR) == first
    proven = live(inventory, first, at=NOW + HOUR)
    assert assigning(inventory, two[0], at=NOW + 2 * HOUR) == proven
    assert live(inventory, first, at=NOW + 3 * HOUR).live_at == NOW + HOUR


def test_an_exchange_is_one_step_and_the_old_name_serves_until_then(inventory: Inventory, two: tuple[str, str]) -> None:
    old = live(inventory, assigning(inventory, two[0], "old"))
    new = assigning(inventory, two[0], "new")
    assert own(inventory, two[0]) == {"old": NameState.LIVE, "new": NameState.ASSIGNING}
    live(inventory, new)
    assert own(inventory, two[0]) == {"old": NameState.RELEASING, "new": NameState.LIVE}
    gone(inventory, old)
    assert own(inventory, two[0]) == {"new": NameState.LIVE}


def test_a_subdomain_or_a_domain_but_not_both(inventory: Inventory, two: tuple[str, str]) -> None:
    live(inventory, assigning(inventory, two[0]))
    domain = assigning(inventory, two[0], DOMAIN, kind=NameKind.DOMAIN)
    live(inventory, domain)
    assert own(inventory, two[0]) == {"muster": NameState.RELEASING, DOMAIN: NameState.LIVE}


def test_a_name_that_never_got_live_goes_with_the_one_that_did(inventory: Inventory, two: tuple[str, str]) -> None:
    assigning(inventory, two[0], "typo")
    live(inventory, assigning(inventory, two[0], "right"))
    assert own(inventory, two[0]) == {"typo": NameState.RELEASING, "right": NameState.LIVE}


def test_what_was_ordered_later_waits_for_its_turn(inventory: Inventory, two: tuple[str, str]) -> None:
    first, second = assigning(inventory, two[0], "first"), assigning(inventory, two[0], "second")
    live(inventory, first)
    assert own(inventory, two[0]) == {"first": NameState.LIVE, "second": NameState.ASSIGNING}
    live(inventory, second)
    assert own(inventory, two[0]) == {"first": NameState.RELEASING, "second": NameState.LIVE}


def test_confirming_a_live_name_releases_none(inventory: Inventory, two: tuple[str, str]) -> None:
    name = live(inventory, assigning(inventory, two[0]))
    assigning(inventory, two[0], DOMAIN, kind=NameKind.DOMAIN)
    live(inventory, name, at=NOW + HOUR)
    assert own(inventory, two[0]) == {"muster": NameState.LIVE, DOMAIN: NameState.ASSIGNING}


def test_the_names_of_one_instance_are_no_matter_of_another(inventory: Inventory, two: tuple[str, str]) -> None:
    live(inventory, assigning(inventory, two[0], "one"))
    live(inventory, assigning(inventory, two[1], "two"))
    assert (own(inventory, two[0]), own(inventory, two[1])) == ({"one": NameState.LIVE}, {"two": NameState.LIVE})


def test_a_name_that_was_given_back_rests_for_others(inventory: Inventory, two: tuple[str, str]) -> None:
    name = given_back(inventory, two[0])
    assert name.resting_until == NOW + REST
    for at in (NOW, NOW + REST - HOUR):
        assert rests(inventory, "muster", at) == NOW + REST
        with pytest.raises(NameAtRest, match=r"The name muster rests until 2027-05-22\."):
            assigning(inventory, two[1], at=at)
    assert rests(inventory, "muster", NOW + REST) is None
    assert assigning(inventory, two[1], at=NOW + REST).instance_name == two[1]


def test_its_own_name_an_instance_has_back_at_any_time(inventory: Inventory, two: tuple[str, str]) -> None:
    before = given_back(inventory, two[0])
    again = assigning(inventory, two[0], at=NOW + HOUR)
    assert again.id != before.id
    live(inventory, again)
    assert own(inventory, two[0]) == {"muster": NameState.LIVE}


def test_the_last_to_have_had_a_name_is_who_it_rests_for(inventory: Inventory, two: tuple[str, str]) -> None:
    given_back(inventory, two[0])
    name = assigning(inventory, two[1], at=NOW + REST)
    live(inventory, name, at=NOW + REST)
    releasing(inventory, name, at=NOW + REST)
    gone(inventory, name, at=NOW + REST)
    with pytest.raises(NameAtRest):
        assigning(inventory, two[0], at=NOW + REST + HOUR)


@pytest.mark.parametrize("kind", list(NameKind))
def test_what_was_never_live_does_not_rest(inventory: Inventory, two: tuple[str, str], kind: NameKind) -> None:
    name = assigning(inventory, two[0], DOMAIN, kind=kind)
    assert gone(inventory, releasing(inventory, name)).resting_until is None
    assert assigning(inventory, two[1], DOMAIN, kind=kind).instance_name == two[1]


def test_a_domain_is_the_customer_s_own_and_does_not_rest(inventory: Inventory, two: tuple[str, str]) -> None:
    assert given_back(inventory, two[0], DOMAIN, kind=NameKind.DOMAIN).resting_until is None
    assert rests(inventory, DOMAIN, NOW) is None
    assert assigning(inventory, two[1], DOMAIN, kind=NameKind.DOMAIN).instance_name == two[1]


def test_a_name_on_its_way_out_has_to_be_gone_before_it_comes_back(inventory: Inventory, two: tuple[str, str]) -> None:
    name = releasing(inventory, live(inventory, assigning(inventory, two[0])))
    with pytest.raises(NameBeingReleased):
        assigning(inventory, two[0])
    with pytest.raises(ForbiddenEdge):
        live(inventory, name)
    assert own(inventory, two[0]) == {"muster": NameState.RELEASING}


def test_nothing_is_gone_that_was_not_being_released(inventory: Inventory, two: tuple[str, str]) -> None:
    name = live(inventory, assigning(inventory, two[0]))
    with pytest.raises(ForbiddenEdge):
        gone(inventory, name)
    assert taken(inventory, "muster") == two[0]


def test_releasing_twice_is_releasing_once(inventory: Inventory, two: tuple[str, str]) -> None:
    name = live(inventory, assigning(inventory, two[0]))
    assert releasing(inventory, name).since == releasing(inventory, name, at=NOW + HOUR).since
    assert gone(inventory, name).since == gone(inventory, name, at=NOW + HOUR).since


@pytest.mark.parametrize("a_label", ["other", "theirs"])
def test_a_name_that_the_instance_does_not_have_can_not_be_released(
    inventory: Inventory, two: tuple[str, str], a_label: str
) -> None:
    assigning(inventory, two[1], "theirs")
    with pytest.raises(NoSuchNameHere, match=rf"Instance {two[0]} does not have the name {a_label}\."):
        in_transaction(
            inventory,
            lambda session: names.begin_releasing(session, two[0], a_label, now=NOW, by="olga", why="by mail"),
        )
    assert own(inventory, two[1]) == {"theirs": NameState.ASSIGNING}


def test_an_instance_that_has_ended_gets_no_name(inventory: Inventory, two: tuple[str, str]) -> None:
    take(inventory, placed("A-3"), received("money-A-3", order="A-3"))

    def reserved(session: Session) -> str:
        made = instances.reserve_instance(session, "A-3", choose_server, release=RELEASE, seal=str, now=NOW)
        instances.give_back(session, made.name, "olga", "cancelled", NOW)
        return made.name

    name = in_transaction(inventory, reserved)
    with pytest.raises(InstanceEnded):
        assigning(inventory, name)


def test_an_instance_that_is_not_set_up_yet_gets_no_name(inventory: Inventory, two: tuple[str, str]) -> None:
    take(inventory, placed("A-3"), received("money-A-3", order="A-3"))
    name = in_transaction(
        inventory,
        lambda session: (
            instances.reserve_instance(session, "A-3", choose_server, release=RELEASE, seal=str, now=NOW).name
        ),
    )
    with pytest.raises(NotOpenYet, match="is not set up yet"):
        assigning(inventory, name)
    assert taken(inventory, "muster") is None


def test_a_number_that_no_name_has_is_told(inventory: Inventory, two: tuple[str, str]) -> None:
    with pytest.raises(UnknownName, match="There is no name 7"):
        in_transaction(inventory, lambda session: names.record_live(session, 7, NOW, {}))


def test_what_hinders_a_name_is_kept_until_its_next_state(inventory: Inventory, two: tuple[str, str]) -> None:
    name = assigning(inventory, two[0])
    in_transaction(inventory, lambda session: names.record_finding(session, name.id, "The name server is silent."))
    with inventory.reading() as session:
        assert names.names_of(session, two[0])[0].finding == "The name server is silent."
    assert live(inventory, name).finding == ""


def test_each_state_is_a_deed_once_with_who_and_why(inventory: Inventory, two: tuple[str, str]) -> None:
    name = live(inventory, assigning(inventory, two[0]), url="https://muster.phlymail.test/")
    live(inventory, name)
    releasing(inventory, name)
    gone(inventory, name)
    with inventory.reading() as session:
        told = [one for one in deeds.deeds_of(session, f"instance:{two[0]}") if one.what.startswith("name ")]
    assert [(one.what, one.by) for one in told] == [
        ("name assigning", "olga"), ("name live", "service"), ("name releasing", "olga"), ("name gone", "service"),
    ]  # fmt: skip
    assert {one.evidence["name"] for one in told} == {"muster"}
    assert told[1].evidence["url"] == "https://muster.phlymail.test/"
    assert told[2].why == "by mail"


def test_no_server_gets_a_host_name_that_is_a_customer_s(inventory: Inventory, two: tuple[str, str]) -> None:
    assigning(inventory, two[0])
    assigning(inventory, two[1], DOMAIN, kind=NameKind.DOMAIN)

    def add(host_name: str) -> str:
        one = server(f"s{len(host_name)}", host_name=host_name)
        added = in_transaction(
            inventory, lambda session: servers.add_server(session, one, "olga", NOW, zone="phlymail.test")
        )
        return added.host_name

    for host_name, instance in (("Muster.phlymail.test", two[0]), (DOMAIN, two[1])):
        with pytest.raises(HostNameHeld, match=f"is a name of instance {instance}"):
            add(host_name)
    for host_name in ("muster.other.test", "muster", "app7.phlymail.test"):
        assert add(host_name) == host_name


def test_all_names_are_told_by_instance_and_state(inventory: Inventory, two: tuple[str, str]) -> None:
    given_back(inventory, two[0], "before")
    live(inventory, assigning(inventory, two[0], "now"))
    assigning(inventory, two[1], "soon")
    with inventory.reading() as session:
        assert [one.a_label for one in names.all_names(session, NameState.LIVE)] == ["now"]
        assert {one.a_label for one in names.all_names(session)} == {"before", "now", "soon"}
        assert [one.a_label for one in names.names_of(session, two[0], NameState.GONE)] == ["before"]
