"""A name that was approved or cancelled has its work in the same transaction, once, also when it is ordered again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hosting.inventory import instances, name_orders, names, work
from hosting.inventory.name_orders import NameUnreadable, label_of, parameters_of, work_subject
from hosting.inventory.names import NameBeingReleased, NameTaken, NoSuchNameHere
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.placement import choose_server
from hosting.policy.states import NameState, WorkState
from tests.inventory.words import HOUR, NOW, RELEASE, placed, received, server, take, with_servers

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hosting.policy.values import NameFacts

ZONE = "phlymail.test"


@pytest.fixture
def instance(inventory: Inventory) -> str:
    with_servers(inventory, server("app1", 200))
    take(inventory, placed("A-1"), received("money"))

    def reserve(session: Session) -> str:
        made = instances.reserve_instance(session, "A-1", choose_server, release=RELEASE, seal=str, now=NOW)
        return instances.record_active(session, made.name, NOW, {}).name

    return in_transaction(inventory, reserve)


def ordered(inventory: Inventory, instance: str, wish: str = "Bücher") -> NameFacts:
    label = label_of(wish, ZONE)
    return in_transaction(
        inventory,
        lambda session: name_orders.order_subdomain(session, instance, label.a_label, label.name, by="olga", now=NOW),
    )


def released(inventory: Inventory, name: NameFacts) -> NameFacts:
    return in_transaction(
        inventory,
        lambda session: name_orders.order_release(
            session, name.instance_name, name.a_label, by="olga", why="by mail", now=NOW + HOUR
        ),
    )


def comes_live(inventory: Inventory, name: NameFacts) -> None:
    in_transaction(inventory, lambda session: names.record_live(session, name.id, NOW, {}))
    in_transaction(inventory, lambda session: work.record_done(session, work.ASSIGN_SUBDOMAIN, work_subject(name)))


def works(inventory: Inventory) -> list[tuple[str, str, WorkState]]:
    with inventory.reading() as session:
        found = [(one.kind, one.subject, one.state) for one in work.work_in(session)]
    return [one for one in found if one[0] != work.PROVISION]


def test_an_approved_name_is_due_at_once(inventory: Inventory, instance: str) -> None:
    name = ordered(inventory, instance)
    assert (name.a_label, name.as_ordered, name.state) == ("xn--bcher-kva", "bücher", NameState.ASSIGNING)
    assert works(inventory) == [("assign-subdomain", f"{instance}#{name.id}", WorkState.OPEN)]
    assert parameters_of(f"{instance}#{name.id}") == {"request": {"instance": instance, "number": name.id}}
    with inventory.reading() as session:
        due = [one.due_at for one in work.due_work(session, NOW + HOUR) if one.kind == work.ASSIGN_SUBDOMAIN]
        assert due == [NOW]


def test_ordered_twice_it_is_one_piece_of_work(inventory: Inventory, instance: str) -> None:
    assert ordered(inventory, instance).id == ordered(inventory, instance).id
    assert len(works(inventory)) == 1


def test_a_name_that_is_live_gets_no_work(inventory: Inventory, instance: str) -> None:
    name = ordered(inventory, instance)
    comes_live(inventory, name)
    assert ordered(inventory, instance).id == name.id
    assert [state for _, _, state in works(inventory)] == [WorkState.DONE]


def test_a_name_that_is_cancelled_before_it_is_live_is_brought_up_no_more(inventory: Inventory, instance: str) -> None:
    name = released(inventory, ordered(inventory, instance))
    subject = f"{instance}#{name.id}"
    assert works(inventory) == [
        ("assign-subdomain", subject, WorkState.CANCELLED), ("release-subdomain", subject, WorkState.OPEN),
    ]  # fmt: skip


def test_the_same_name_ordered_again_is_work_of_its_own(inventory: Inventory, instance: str) -> None:
    first = ordered(inventory, instance)
    comes_live(inventory, first)
    released(inventory, first)
    with pytest.raises(NameBeingReleased):
        ordered(inventory, instance)
    in_transaction(inventory, lambda session: names.record_gone(session, first.id, NOW, {}))
    second = ordered(inventory, instance)
    assert second.id != first.id
    assert (work.ASSIGN_SUBDOMAIN, f"{instance}#{second.id}", WorkState.OPEN) in works(inventory)


def test_nothing_is_recorded_of_a_name_that_is_refused(inventory: Inventory, instance: str) -> None:
    ordered(inventory, instance)
    take(inventory, placed("A-2"), received("money-2", order="A-2"))
    other = in_transaction(
        inventory,
        lambda session: (
            instances.reserve_instance(session, "A-2", choose_server, release=RELEASE, seal=str, now=NOW).name
        ),
    )
    with pytest.raises(NameTaken):
        ordered(inventory, other)
    with pytest.raises(NoSuchNameHere):
        in_transaction(
            inventory,
            lambda session: name_orders.order_release(
                session, other, "xn--bcher-kva", by="olga", why="by mail", now=NOW
            ),
        )
    assert len(works(inventory)) == 1


@pytest.mark.parametrize("wish", ["abc", "x" * 49, "-muster", "mus ter", "ﬁrma", "muster." + ZONE + ".", "mus_ter"])
def test_what_is_no_name_is_not_even_recorded(wish: str) -> None:
    with pytest.raises(NameUnreadable, match="is no name for an instance"):
        label_of(wish, ZONE)


@pytest.mark.parametrize(
    ("wish", "a_label"), [("Muster", "muster"), (" bücher ", "xn--bcher-kva"), ("straße", "xn--strae-oqa")]
)
def test_a_wish_becomes_the_one_form_that_is_entered(wish: str, a_label: str) -> None:
    assert label_of(wish, ZONE).a_label == a_label
