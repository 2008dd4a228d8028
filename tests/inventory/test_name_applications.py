"""A name waits for a person, who sees what the program found; the lists may change meanwhile (P26, P28)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hosting.inventory import cases, deeds, instances, name_application_rows, name_applications, names, work
from hosting.inventory.instances import InstanceEnded, UnknownInstance
from hosting.inventory.name_application_rows import ApplicationFacts, UnknownApplication
from hosting.inventory.name_applications import AppliedBefore, NameRefused, Recheck
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.labels import NoName
from hosting.policy.listed_names import NameLists, merged, read_list
from hosting.policy.listed_names import Outcome as Found
from hosting.policy.placement import choose_server
from hosting.policy.states import ApplicationState, ForbiddenEdge, NameState, WorkState
from hosting.policy.terms import STANDARD
from tests.inventory.words import (
    HOUR,
    NOW,
    RELEASE,
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
    from datetime import datetime

    from sqlalchemy.orm import Session

ZONE = "phlymail.test"
TITLES = "name,kind,outcome,where,note\n"
LISTS = merged([read_list(TITLES + "bosch,brand,flagged,anywhere,\nphlymail,own,refused,anywhere,\n", "list.csv")])
STRICTER = merged(
    [
        read_list(
            TITLES + "bosch,brand,refused,anywhere,\nphlymail,own,refused,anywhere,\nmuster,word,refused,anywhere,\n",
            "list.csv",
        )
    ]
)


@pytest.fixture
def two(inventory: Inventory) -> tuple[str, str]:
    """Two instances on one server."""
    with_servers(inventory, server("app1", 200, host_name=f"app1.{ZONE}"))
    take(
        inventory,
        *(one for order in ("A-1", "A-2") for one in (placed(order), received(f"money-{order}", order=order))),
    )

    def reserve(session: Session, order: str) -> str:
        made = instances.reserve_instance(session, order, choose_server, release=RELEASE, seal=str, now=NOW)
        return instances.record_active(session, made.name, NOW, {}).name

    first, second = (in_transaction(inventory, partial(reserve, order=order)) for order in ("A-1", "A-2"))
    return first, second


def applied(
    inventory: Inventory, instance: str, wish: str = "Müster", lists: NameLists = LISTS, at: datetime = NOW
) -> ApplicationFacts:
    return in_transaction(
        inventory,
        lambda session: name_applications.apply_for(
            session, instance, wish, lists, zone=ZONE, by="olga", why="mail of today", now=at
        ),
    )


def approved(inventory: Inventory, number: int, lists: NameLists = LISTS, at: datetime = NOW) -> ApplicationFacts:
    return in_transaction(
        inventory,
        lambda session: name_applications.approve(
            session, number, lists, zone=ZONE, by="paul", why="looks good", now=at
        ),
    )


def refused(inventory: Inventory, number: int, reason: str = "A brand.") -> ApplicationFacts:
    return in_transaction(
        inventory, lambda session: name_applications.refuse(session, number, by="paul", reason=reason, now=NOW)
    )


def rechecked(inventory: Inventory, lists: NameLists) -> Recheck:
    return in_transaction(
        inventory, lambda session: name_applications.recheck(session, lists, zone=ZONE, now=NOW + HOUR)
    )


def codes(one: Any) -> list[str]:
    return [finding.code for finding in one.findings]


def queued(inventory: Inventory) -> list[str]:
    with inventory.reading() as session:
        return [one.name for one in name_application_rows.queue(session)]


def test_a_wish_waits_for_a_person_with_what_was_found(inventory: Inventory, two: tuple[str, str]) -> None:
    made = applied(inventory, two[0], " Bosch-Müster ")
    assert (made.wished, made.name, made.a_label) == ("Bosch-Müster", "bosch-müster", "xn--bosch-mster-zhb")
    assert (made.state, made.outcome, codes(made)) == (ApplicationState.WAITING, Found.FLAGGED, ["brand-holds"])
    assert (made.asked_by, made.why, made.asked_at) == ("olga", "mail of today", NOW)
    assert made.version == f"1.{LISTS.version}"
    assert applied(inventory, two[0], "bosch-müster", at=NOW + HOUR) == made
    assert queued(inventory) == ["bosch-müster"]
    with inventory.reading() as session:
        [deed] = [one for one in deeds.deeds_of(session, f"instance:{two[0]}") if one.what == "name applied for"]
    assert deed.evidence == {
        "application": made.id,
        "name": "bosch-müster",
        "outcome": "flagged",
        "version": made.version,
    }


@pytest.mark.parametrize(
    ("wish", "rule"),
    [("abc", "too-short"), ("PhlyMa1l", "own-looks-like"), ("a b c d e f", "sign-not-allowed"), ("app1", "server")],
)
def test_what_is_plainly_wrong_is_refused_at_once_and_kept(
    inventory: Inventory, two: tuple[str, str], wish: str, rule: str
) -> None:
    made = applied(inventory, two[0], wish)
    assert (made.state, made.decided_by) == (ApplicationState.REFUSED, "service")
    assert rule in codes(made)
    assert made.reason
    assert queued(inventory) == []
    assert applied(inventory, two[0], "muster").state is ApplicationState.WAITING  # the next wish is heard


def test_operators_are_told_of_what_waits_by_a_case_that_a_decision_settles(
    inventory: Inventory, two: tuple[str, str]
) -> None:
    first, second = applied(inventory, two[0], "bosch"), applied(inventory, two[1], "muster")
    assert open_kinds(inventory) == [cases.NAME_WAITS] * 2
    assert summaries(inventory)[0] == (
        f"{two[0]} wishes for the name bosch (flagged). The name is bosch (a brand or a name of others)."
    )
    refused(inventory, first.id)
    assert summaries(inventory) == [f"{two[1]} wishes for the name muster (harmless)."]
    approved(inventory, second.id)
    assert open_kinds(inventory) == []
    applied(inventory, two[0], "abc")
    assert open_kinds(inventory) == []


def test_one_name_at_a_time_and_none_for_who_is_not_there(inventory: Inventory, two: tuple[str, str]) -> None:
    applied(inventory, two[0])
    with pytest.raises(AppliedBefore, match="has applied for müster already"):
        applied(inventory, two[0], "anderer")
    with pytest.raises(UnknownInstance):
        applied(inventory, "nobody")
    with pytest.raises(NoName):
        applied(inventory, two[1], "  ")


def test_a_approved_name_is_the_instance_s_and_its_work_is_asked_for(
    inventory: Inventory, two: tuple[str, str]
) -> None:
    made = applied(inventory, two[0])
    done = approved(inventory, made.id)
    assert (done.state, done.decided_by, done.reason) == (ApplicationState.APPROVED, "paul", "looks good")
    with inventory.reading() as session:
        [name] = names.names_of(session, two[0])
        asked = work.work_of(session, work.ASSIGN_SUBDOMAIN, f"{two[0]}#{name.id}")
    assert (name.a_label, name.as_ordered, name.state) == ("xn--mster-kva", "müster", NameState.ASSIGNING)
    assert asked is not None
    assert (asked.state, asked.due_at, asked.asked_by) == (WorkState.OPEN, NOW, "paul")
    assert approved(inventory, made.id, at=NOW + HOUR) == done
    with pytest.raises(ForbiddenEdge):
        refused(inventory, made.id)
    again = applied(inventory, two[0])
    assert (again.state, codes(again)) == (ApplicationState.REFUSED, ["yours"])


def test_a_person_refuses_with_a_reason_once(inventory: Inventory, two: tuple[str, str]) -> None:
    made = applied(inventory, two[0], "bosch")
    done = refused(inventory, made.id)
    assert (done.state, done.decided_by, done.reason) == (ApplicationState.REFUSED, "paul", "A brand.")
    assert refused(inventory, made.id, "Another reason.") == done
    with pytest.raises(ForbiddenEdge):
        approved(inventory, made.id)
    with inventory.reading() as session:
        assert names.names_of(session, two[0]) == []
        assert [one.what for one in deeds.deeds_of(session, f"instance:{two[0]}")][-2:] == [
            "name refused",
            "case settled",
        ]
    with pytest.raises(UnknownApplication, match="There is no application 99"):
        refused(inventory, 99)


def test_a_name_that_somebody_got_meanwhile_is_not_approved_twice(inventory: Inventory, two: tuple[str, str]) -> None:
    first, second = applied(inventory, two[0]), applied(inventory, two[1])
    assert (codes(first), codes(second)) == ([], ["wanted-twice"])
    approved(inventory, first.id)
    with pytest.raises(NameRefused, match="müster is refused: The name is taken") as refusal:
        approved(inventory, second.id)
    assert [one.code for one in refusal.value.findings] == ["taken"]
    assert queued(inventory) == ["müster"]  # a person tells the customer
    assert applied(inventory, two[1]).id == second.id
    refused(inventory, second.id)
    assert codes(applied(inventory, two[1])) == ["taken"]


def test_of_two_operators_at_once_one_gives_the_name_away(inventory: Inventory, two: tuple[str, str]) -> None:
    numbers = [applied(inventory, two[0]).id, applied(inventory, two[1]).id]

    def try_it(number: int) -> str:
        try:
            return str(approved(inventory, number).state)
        except NameRefused:
            return "taken"
        except names.NameTaken:
            return "taken"

    assert sorted(at_once(*(partial(try_it, number) for number in numbers))) == ["approved", "taken"]
    with inventory.reading() as session:
        assert len(names.all_names(session)) == 1


def test_what_can_be_taken_for_another_customer_s_name_is_flagged(inventory: Inventory, two: tuple[str, str]) -> None:
    approved(inventory, applied(inventory, two[0]).id)
    assert codes(applied(inventory, two[1], "muester")) == ["like-another"]


def test_a_name_at_rest_is_refused_to_others_and_not_to_who_had_it(inventory: Inventory, two: tuple[str, str]) -> None:
    approved(inventory, applied(inventory, two[0]).id)

    def give_back(session: Session) -> None:
        [name] = names.names_of(session, two[0])
        names.record_live(session, name.id, NOW, {})
        names.begin_releasing(session, two[0], name.a_label, now=NOW, by="paul", why="cancelled")
        names.record_gone(session, name.id, NOW, {})

    in_transaction(inventory, give_back)
    [rests] = applied(inventory, two[1]).findings
    assert (rests.code, rests.facts["until"]) == ("resting", NOW + timedelta(days=STANDARD.name_rests_days))
    assert applied(inventory, two[0]).state is ApplicationState.WAITING
    later = NOW + timedelta(days=STANDARD.name_rests_days, seconds=1)
    assert applied(inventory, two[1], at=later).state is ApplicationState.WAITING


def test_other_lists_judge_the_queue_again_and_touch_no_name_in_use(inventory: Inventory, two: tuple[str, str]) -> None:
    approved(inventory, applied(inventory, two[0], "bosch").id)
    waiting = applied(inventory, two[1], "muster")
    assert rechecked(inventory, LISTS) == Recheck(waiting.version, 1, (), ())
    found = rechecked(inventory, STRICTER)
    [changed] = found.changed
    assert (changed.before, changed.application.outcome, codes(changed.application)) == (
        Found.HARMLESS,
        Found.REFUSED,
        ["word-is"],
    )
    assert changed.application.state is ApplicationState.WAITING  # a person decides, and tells the customer
    assert changed.application.version == found.version != waiting.version
    [held] = found.no_longer
    assert (held.name.as_ordered, [one.code for one in held.findings]) == ("bosch", ["brand-is"])
    with inventory.reading() as session:
        [name] = names.names_of(session, two[0])
    assert name.state is NameState.ASSIGNING
    with pytest.raises(NameRefused, match="muster"):
        approved(inventory, waiting.id, STRICTER)
    assert rechecked(inventory, LISTS).changed[0].before is Found.REFUSED
    assert approved(inventory, waiting.id).state is ApplicationState.APPROVED


def test_an_instance_that_has_ended_gets_no_name(inventory: Inventory, two: tuple[str, str]) -> None:
    from hosting.inventory.models import Instance
    from hosting.policy.states import InstanceState

    made = applied(inventory, two[0])
    with inventory.writing() as session:
        session.get_one(Instance, two[0]).state = InstanceState.ENDED
    with pytest.raises(InstanceEnded):
        approved(inventory, made.id)
    with pytest.raises(InstanceEnded):
        applied(inventory, two[0], "anderer")


def test_a_long_or_strange_wish_is_kept_as_it_was(inventory: Inventory, two: tuple[str, str]) -> None:
    made = applied(inventory, two[0], "İ" * 150)
    assert (made.state, made.wished) == (ApplicationState.REFUSED, "İ" * 150)
    strange = applied(inventory, two[0], "☃'\"\\ 😀")
    assert strange.wished == "☃'\"\\ 😀"
    assert codes(strange)[0] == "sign-not-allowed"
