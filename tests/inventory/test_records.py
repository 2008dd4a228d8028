"""Servers, releases, levels, calendars, cases, letters, operators and orders as the inventory keeps them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from hosting.errors import Refused
from hosting.inventory import calendars, cases, deeds, letters, levels, operators, orders, releases, servers
from hosting.inventory.models import Operator
from hosting.inventory.session import Inventory, in_transaction
from hosting.policy.states import ForbiddenEdge, ServerState
from hosting.policy.terms import STANDARD
from hosting.policy.values import ReleaseFacts, ReleaseId
from tests.inventory.words import HOUR, NOW, RELEASE, STATE, placed, received, server, take, with_servers


def test_a_server_added_twice_is_there_once_and_its_key_never_changes_unnoticed(inventory: Inventory) -> None:
    app1 = server("app1", facts={"data_filesystem": "btrfs"})
    with_servers(inventory, app1)
    with_servers(inventory, app1)
    with inventory.reading() as session:
        assert servers.all_servers(session) == [app1]
        assert servers.server_facts(session, "app1").has_btrfs
        assert len(deeds.deeds_of(session, "server:app1")) == 1
    with pytest.raises(servers.ServerKnown, match="There is a server app1 already"):
        with_servers(inventory, replace(app1, host_key="ssh-ed25519 other"))


def test_a_server_changes_its_state_along_the_edges_with_a_deed(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))

    def become(state: ServerState) -> ServerState:
        return in_transaction(
            inventory,
            lambda session: servers.set_server_state(session, "app1", state, by="olga", why="new disks", now=NOW),
        ).state

    assert become(ServerState.DRAINING) is ServerState.DRAINING
    assert become(ServerState.DRAINING) is ServerState.DRAINING
    with inventory.reading() as session:
        deed = deeds.deeds_of(session, "server:app1")[-1]
    assert (deed.what, deed.by, deed.why, deed.evidence) == ("server draining", "olga", "new disks", {"from": "active"})
    become(ServerState.RETIRED)
    with pytest.raises(ForbiddenEdge):
        become(ServerState.ACTIVE)


def test_facts_found_out_about_a_server_are_kept_beside_the_others(inventory: Inventory) -> None:
    with_servers(inventory, server("app1", facts={"php": "8.2"}))
    in_transaction(inventory, lambda session: servers.record_facts(session, "app1", {"ram_gib": 32}, room_gib=80))
    with inventory.reading() as session:
        facts = servers.server_facts(session, "app1")
        with pytest.raises(servers.UnknownServer, match=r"There is no server app9\. .*phm server list"):
            servers.server_facts(session, "app9")
    assert (facts.facts, facts.room_gib) == ({"php": "8.2", "ram_gib": 32}, 80)


def test_the_first_release_is_current_until_another_is_made_so(inventory: Inventory) -> None:
    with inventory.reading() as session, pytest.raises(releases.NoRelease) as none:
        releases.current_release(session)
    assert str(none.value) == "No release is registered. Register one: phm release add FILE."
    newer = ReleaseFacts(ReleaseId("cd" * 32), 40471, "4.04.71", "free", 2000)
    for release in (RELEASE, newer, newer):
        in_transaction(inventory, lambda session, new=release: releases.add_release(session, new, "olga", NOW))
    with inventory.reading() as session:
        assert releases.current_release(session) == replace(RELEASE, current=True)
    for _ in range(2):
        in_transaction(inventory, lambda session: releases.make_current(session, newer.id, "olga", NOW))
    with inventory.reading() as session:
        assert releases.all_releases(session) == [replace(newer, current=True), RELEASE]
        told = [deed.what for deed in deeds.deeds_of(session, f"release:{newer.id[:12]}")]
        with pytest.raises(releases.UnknownRelease):
            releases.release_facts(session, "ef" * 32)
    assert told == ["release added", "release made current"]


def test_a_level_replaces_numbers_of_the_terms(inventory: Inventory) -> None:
    in_transaction(inventory, lambda session: levels.ensure_level(session, "gold", {"setup_within": 4}))
    in_transaction(inventory, lambda session: levels.ensure_level(session, "gold", {"setup_within": 2}))
    with inventory.reading() as session:
        assert levels.terms_of(session, "gold").setup_within == timedelta(hours=2)
        assert levels.terms_of(session, None) == STANDARD
        with pytest.raises(levels.UnknownLevel, match="There is no service level 'tin'"):
            levels.terms_of(session, "tin")


@pytest.mark.parametrize(
    "overrides", [{"colour": "red"}, {"setup_weekdays": []}, {"setup_opens": "20:00"}, {"setup_within": "soon"}]
)
def test_a_level_that_can_not_be_kept_is_refused(inventory: Inventory, overrides: dict[str, object]) -> None:
    with pytest.raises(Refused):
        in_transaction(inventory, lambda session: levels.ensure_level(session, "odd", overrides))


def test_the_calendar_knows_the_level_the_holidays_and_the_days_of_the_operator(inventory: Inventory) -> None:
    monday, saturday = date(2026, 11, 23), date(2026, 11, 28)

    def enter(session: object) -> None:
        calendars.override_day(session, monday, opened=True, reason="a mistake", by="olga")
        calendars.override_day(session, monday, opened=False, reason="works outing", by="olga")
        calendars.override_day(session, saturday, opened=True, reason="to catch up", by="olga")
        levels.ensure_level(session, "early", {"setup_opens": "06:00"})

    in_transaction(inventory, enter)
    with inventory.reading() as session:
        calendar = calendars.calendar_for(session, None, STATE)
        early = calendars.calendar_for(session, "early", STATE)
    assert (calendar.opens_on(monday), calendar.opens_on(saturday)) == (False, True)
    assert not calendar.opens_on(date(2026, 10, 3))
    assert early.hours.opens == time(6)
    assert calendar.next_open(NOW) == datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_a_matter_is_put_before_a_person_once_and_settled_once(inventory: Inventory) -> None:
    def put(summary: str) -> cases.CaseFacts:
        return in_transaction(
            inventory,
            lambda session: cases.raise_case(
                session, "overpaid:A-1", "overpaid", "order:A-1", summary, facts={"cents": 1}, now=NOW
            ),
        )

    case = put("first")
    assert put("second") == case
    with inventory.reading() as session:
        assert cases.open_cases(session) == cases.cases_of(session, "order:A-1") == [case]
    for by in ("olga", "otto"):
        in_transaction(inventory, lambda session, by=by: cases.settle_case(session, case.id, by, "sent back", NOW))
    with inventory.reading() as session:
        assert cases.open_cases(session) == []
        [settled] = cases.cases_of(session, "order:A-1")
        [deed] = deeds.deeds_of(session, "order:A-1")
        with pytest.raises(cases.UnknownCase):
            cases.settle_case(session, 99, "olga", "", NOW)
    assert (settled.settled_by, settled.decision, settled.settled_at) == ("olga", "sent back", NOW)
    assert (deed.what, deed.by) == ("case settled", "olga")
    assert put("third") == settled


def test_a_letter_is_sent_once_under_its_key(inventory: Inventory) -> None:
    def record(message_id: str) -> None:
        in_transaction(
            inventory,
            lambda session: letters.record_letter(
                session, "ready:A-1", recipient="a@b.test", language="de", subject="Da!", message_id=message_id, now=NOW
            ),
        )

    with inventory.reading() as session:
        assert not letters.letter_sent(session, "ready:A-1")
    record("<1@phlymail.test>")
    record("<2@phlymail.test>")
    with inventory.reading() as session:
        assert letters.letter_sent(session, "ready:A-1")


def test_an_operator_is_there_once_and_what_is_told_is_kept(inventory: Inventory) -> None:
    for told in ({}, {"full_name": "Olga Ö"}, {"email": "olga@b.test"}):
        in_transaction(inventory, lambda session, told=told: operators.ensure_operator(session, "olga", NOW, **told))
    with inventory.reading() as session:
        row = session.get_one(Operator, "olga")
        assert operators.operator_names(session) == ["olga"]
    assert (row.full_name, row.email) == ("Olga Ö", "olga@b.test")


def test_orders_are_listed_and_promises_by_the_moment_they_are_due(inventory: Inventory) -> None:
    take(inventory, placed("A-1"), placed("A-2"), placed("A-3"), placed("A-4", accounts=0))
    take(inventory, received("p2", at=NOW + 2 * HOUR, order="A-2"), received("p3", order="A-3"))
    with inventory.reading() as session:
        assert [one.reference for one in orders.all_orders(session)] == ["A-1", "A-2", "A-3", "A-4"]
        assert [one.reference for one in orders.all_orders(session, open_only=True)] == ["A-1", "A-2", "A-3"]
        assert [one.reference for one in orders.open_promises(session)] == ["A-3", "A-2"]
        with pytest.raises(orders.UnknownOrder, match="There is no order B-1"):
            orders.order_facts(session, "B-1")
