"""A name ordered in the shop waits for its instance, is judged by itself, and what can't be judged is a person's (P28)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from hosting.inventory import (
    instances,
    name_application_rows,
    name_applications,
    name_orders,
    name_wishes,
    names,
    servers,
    work,
)
from hosting.inventory.cancelling import cancel_order
from hosting.inventory.models import ShopEvent
from hosting.inventory.name_certificates import CertificateFacts
from hosting.inventory.notices import NameNotice, Notice, NoticeType, Taken
from hosting.inventory.releases import current_release
from hosting.inventory.session import in_transaction
from hosting.policy.listed_names import merged, read_list
from hosting.policy.own_domain import check_domain
from hosting.policy.states import ApplicationState, EventState, ForbiddenEdge, NameState
from tests.inventory.words import (
    HOUR,
    NOW,
    at_once,
    open_kinds,
    placed,
    received,
    server,
    summaries,
    take,
    with_servers,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.inventory.name_application_rows import ApplicationFacts
    from hosting.inventory.session import Inventory

LISTS = merged([read_list("name,kind,outcome,where,note\nphlymail,own,refused,anywhere,\n", "list.csv")])
LATER = NOW + 13 * HOUR
MILLISECOND = timedelta(milliseconds=1)


def ordered(name: str, event: str = "name-1", order: str = "A-1") -> Notice:
    body = json.dumps({"type": "name.ordered", "data": {"order": order, "name": name}})
    return Notice(event, NoticeType.NAME_ORDERED, NOW + 12 * HOUR, body, NameNotice(order, name))


def cancelled(name: str, event: str = "gone-1") -> Notice:
    body = json.dumps({"type": "name.cancelled", "data": {"order": "A-1", "name": name}})
    return Notice(event, NoticeType.NAME_CANCELLED, NOW + 12 * HOUR, body, NameNotice("A-1", name))


def opened(inventory: Inventory) -> str:
    """The instance of order A-1 is reserved."""
    with_servers(inventory, server("app1", 1000))
    take(inventory, placed(), received("paid-1"))

    def reserve(session: Session) -> str:
        here, release = servers.server_facts(session, "app1"), current_release(session)
        made = instances.reserve_instance(
            session, "A-1", lambda _pool, _all: here, release=release, seal=str.upper, now=NOW
        )  # fmt: skip
        return str(made.name)

    return in_transaction(inventory, reserve)


def judged(inventory: Inventory) -> list[EventState]:
    """What became of all wishes that waited."""
    with inventory.reading() as session:
        waiting = name_wishes.waiting_wishes(session)

    def judge(wish: name_wishes.Wish) -> EventState:
        return in_transaction(
            inventory,
            lambda session: name_wishes.judge_wish(session, wish, LISTS, zone="phlymail.test", now=LATER),
        )

    return [judge(wish) for wish in waiting]


def applications(inventory: Inventory) -> list[ApplicationFacts]:
    with inventory.reading() as session:
        return name_application_rows.applications(session)


def test_a_name_that_is_ordered_waits_for_a_person_as_the_customer_s_wish(inventory: Inventory) -> None:
    name = opened(inventory)
    assert take(inventory, ordered("Bücher"), ordered("Bücher")) == [Taken.WAITING, Taken.REPEATED]
    assert judged(inventory) == [EventState.APPLIED]
    [made] = applications(inventory)
    assert (made.instance_name, made.wished, made.name, made.state) == (
        name,
        "Bücher",
        "bücher",
        ApplicationState.WAITING,
    )
    assert (made.asked_by, made.why) == ("shop", "ordered in the shop (event name-1)")
    assert open_kinds(inventory) == ["name to decide on"]
    assert judged(inventory) == []


def test_what_the_program_refuses_is_refused_at_once(inventory: Inventory) -> None:
    opened(inventory)
    take(inventory, ordered("phlymail"))
    assert judged(inventory) == [EventState.APPLIED]
    assert [one.state for one in applications(inventory)] == [ApplicationState.REFUSED]
    assert open_kinds(inventory) == []


def test_a_name_that_comes_before_its_order_or_instance_is_kept_for_it(inventory: Inventory) -> None:
    assert take(inventory, ordered("muster")) == [Taken.WAITING]
    assert open_kinds(inventory) == ["order_unknown"]
    assert judged(inventory) == [EventState.WAITING]
    take(inventory, placed())
    assert judged(inventory) == [EventState.WAITING]
    opened(inventory)
    assert judged(inventory) == [EventState.APPLIED]
    assert open_kinds(inventory) == ["name to decide on"]


def test_a_name_for_an_order_that_was_cancelled_is_put_before_a_person(inventory: Inventory) -> None:
    take(inventory, placed(), ordered("muster"))
    in_transaction(inventory, lambda session: cancel_order(session, "A-1", "olga", "withdrawn", NOW))
    assert judged(inventory) == [EventState.FOR_A_PERSON]
    assert "name not judged" in open_kinds(inventory)
    assert any("can't be judged. Order A-1 is cancelled." in one for one in summaries(inventory))


def test_another_wish_while_one_waits_is_put_before_a_person_and_the_same_is_one(inventory: Inventory) -> None:
    opened(inventory)
    take(inventory, ordered("muster"), ordered("MUSTER", "name-2"), ordered("anders", "name-3"))
    assert judged(inventory) == [EventState.APPLIED, EventState.APPLIED, EventState.FOR_A_PERSON]
    assert [one.name for one in applications(inventory)] == ["muster"]
    assert open_kinds(inventory) == ["name not judged", "name to decide on"]


def test_a_text_that_is_no_name_is_put_before_a_person(inventory: Inventory) -> None:
    opened(inventory)
    take(inventory, ordered("\u0958" * 191))  # twice as long in NFC
    assert judged(inventory) == [EventState.FOR_A_PERSON]
    assert open_kinds(inventory) == ["name not judged"]


def test_of_two_who_judge_at_once_one_hands_the_wish_in(inventory: Inventory) -> None:
    opened(inventory)
    take(inventory, ordered("muster"))
    with inventory.reading() as session:
        [wish] = name_wishes.waiting_wishes(session)

    def judge() -> EventState:
        return in_transaction(
            inventory,
            lambda session: name_wishes.judge_wish(session, wish, LISTS, zone="phlymail.test", now=LATER),
        )

    assert at_once(judge, judge) == [EventState.APPLIED, EventState.APPLIED]
    assert len(applications(inventory)) == 1
    with inventory.reading() as session:
        assert session.get_one(ShopEvent, "name-1").state == EventState.APPLIED


HOSTILE = (
    "../../etc/passwd", "a; rm -rf /", "<script>alert(1)</script>", "{{ 7*7 }}", "xn--" * 40, "muster.phlymail.test.evil.example",
    "\u200e\u200f\u200b", "p\u0337h\u0337l\u0337ymail", "*", "@", "-", "\U0001f600" * 48, "a" * 191, "phlymail\u0430", "%s%n",
    "' OR 1=1 --",
)  # fmt: skip


def test_whatever_is_wished_for_is_found_out_and_nobody_s_by_itself(inventory: Inventory) -> None:
    name = opened(inventory)
    for number, hostile in enumerate(HOSTILE):
        take(inventory, ordered(hostile, f"name-{number}"))
    assert set(judged(inventory)) <= {EventState.APPLIED, EventState.FOR_A_PERSON}
    made = applications(inventory)
    waiting = [one for one in made if one.state is ApplicationState.WAITING]
    assert {one.state for one in made} == {ApplicationState.REFUSED, ApplicationState.WAITING}
    assert all(one.findings for one in made)
    assert [one.wished for one in waiting] == ["phlymail\u0430"]  # a person decides; what looks like ours is refused
    with inventory.reading() as session:
        assert name_applications.names_of_others(session, f"not {name}") == ()


@pytest.mark.parametrize("said", ["Bücher", "xn--bcher-kva", "bücher.phlymail.test", "XN--BCHER-KVA.phlymail.test"])
def test_a_name_that_is_cancelled_in_the_shop_is_on_its_way_at_once(inventory: Inventory, said: str) -> None:
    name = opened(inventory)
    in_transaction(inventory, lambda session: instances.record_active(session, name, NOW, {}))
    in_transaction(
        inventory,
        lambda session: name_orders.order_subdomain(session, name, "xn--bcher-kva", "bücher", by="olga", now=NOW),
    )
    assert take(inventory, cancelled(said), cancelled(said)) == [Taken.WAITING, Taken.REPEATED]
    assert judged(inventory) == [EventState.APPLIED]
    with inventory.reading() as session:
        (held,) = names.names_of(session, name)
        kinds = [one.kind for one in name_orders.open_works(session, held)]
    assert (held.state, kinds) == (NameState.RELEASING, [work.RELEASE_SUBDOMAIN])
    assert open_kinds(inventory) == []


@pytest.mark.parametrize(
    ("as_ordered", "said"),
    [
        ("post.xn--mller-kva.example", "Post.Müller.example"),
        ("post.müller.example", "post.xn--mller-kva.example."),
    ],
)
def test_a_domain_that_is_cancelled_is_found_however_it_is_spelled(
    inventory: Inventory, as_ordered: str, said: str
) -> None:
    name, ends = opened(inventory), NOW + 90 * 24 * HOUR
    in_transaction(inventory, lambda session: instances.record_active(session, name, NOW, {}))
    domain, facts = check_domain(as_ordered, (), ()).domain, CertificateFacts("a" * 64, ends, "Beispiel CA", "PEM")
    assert domain is not None
    in_transaction(
        inventory,
        lambda session: name_orders.order_domain(session, name, domain, facts, "sealed", by="olga", now=NOW),
    )
    take(inventory, cancelled(said))
    assert judged(inventory) == [EventState.APPLIED]
    with inventory.reading() as session:
        assert [one.state for one in names.names_of(session, name)] == [NameState.RELEASING]


@pytest.mark.parametrize("said", ["Bücher", "xn--bcher-kva", "bücher.phlymail.test"])
def test_what_is_cancelled_before_anybody_decided_can_not_be_approved_any_more(inventory: Inventory, said: str) -> None:
    name = opened(inventory)
    in_transaction(inventory, lambda session: instances.record_active(session, name, NOW, {}))
    take(inventory, ordered("bücher"))
    assert judged(inventory) == [EventState.APPLIED]
    take(inventory, cancelled("anders", "gone-0"), cancelled(said))
    assert judged(inventory) == [EventState.FOR_A_PERSON, EventState.APPLIED]
    [made] = applications(inventory)
    assert (made.state, made.decided_by, made.decided_at) == (ApplicationState.WITHDRAWN, "shop", LATER)
    assert open_kinds(inventory) == ["name not judged"]  # of the one that nobody ordered
    for decide in (approved, refused):
        with pytest.raises(ForbiddenEdge, match="can't go from withdrawn"):
            in_transaction(inventory, decide)
    with inventory.reading() as session:
        assert names.names_of(session, name) == []
    take(inventory, ordered("bücher", "name-2"))
    assert judged(inventory) == [EventState.APPLIED]
    assert [one.state for one in applications(inventory)] == [ApplicationState.WITHDRAWN, ApplicationState.WAITING]


def approved(session: Session) -> ApplicationFacts:
    return name_applications.approve(session, 1, LISTS, zone="phlymail.test", by="paul", why="fine", now=LATER)


def refused(session: Session) -> ApplicationFacts:
    return name_applications.refuse(session, 1, by="paul", reason="no", now=LATER)


def test_of_a_decision_and_a_cancellation_at_once_the_name_is_nobody_s_in_the_end(inventory: Inventory) -> None:
    name = opened(inventory)
    in_transaction(inventory, lambda session: instances.record_active(session, name, NOW, {}))
    take(inventory, ordered("muster"))
    judged(inventory)
    take(inventory, cancelled("muster"))

    def approve() -> str:
        try:
            return str(in_transaction(inventory, approved).state)
        except ForbiddenEdge:
            return "too late"

    assert [EventState.APPLIED] in at_once(approve, lambda: judged(inventory))
    with inventory.reading() as session:
        assert [one.state for one in names.names_of(session, name)] in ([], [NameState.RELEASING])


def test_wishes_are_seen_to_in_the_order_in_which_they_arrived(inventory: Inventory) -> None:
    """Whatever their events are called, and within one second, in which the shop's stamps are the same."""
    opened(inventory)
    at = NOW + 12 * HOUR
    take(inventory, ordered("muster", "z-first"), now=at)
    take(inventory, cancelled("muster", "a-second"), now=at + MILLISECOND)
    take(inventory, ordered("anders", "0-third"), now=at + 2 * MILLISECOND)
    with inventory.reading() as session:
        assert [one.event for one in name_wishes.waiting_wishes(session)] == ["z-first", "a-second", "0-third"]
    assert judged(inventory) == [EventState.APPLIED] * 3
    assert [(one.name, one.state.value) for one in applications(inventory)] == [
        ("muster", "withdrawn"),
        ("anders", "waiting"),
    ]


def test_a_name_that_the_instance_does_not_have_is_taken_from_nobody(inventory: Inventory) -> None:
    opened(inventory)
    take(inventory, ordered("muster"), cancelled("anders", "name-2"))
    assert judged(inventory) == [EventState.APPLIED, EventState.FOR_A_PERSON]
    assert open_kinds(inventory) == ["name not judged", "name to decide on"]
    assert any("anders was cancelled in the shop and can't be taken away." in one for one in summaries(inventory))
