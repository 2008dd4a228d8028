"""What tells of a person goes with his instance; agreements, money and deeds stay without his name (decision 0030)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hosting.inventory import (
    campaigns,
    cases,
    deeds,
    endings,
    erasing,
    exports,
    findings,
    instances,
    letters,
    links,
    mends,
    names,
    orders,
    restores,
    servers,
    work,
)
from hosting.inventory.ending_records import record_deleted
from hosting.inventory.exports import ExportWish
from hosting.inventory.import_rows import Import
from hosting.inventory.level_rows import LevelAgreement
from hosting.inventory.models import Instance, Letter, Order, ShopEvent
from hosting.inventory.rent_rows import Arrears
from hosting.inventory.session import Inventory, in_transaction
from hosting.inventory.tables import Base
from hosting.policy.inspection import SERVICE, FleetFinding, Look, Severity
from hosting.policy.leaving import NOTHING
from hosting.policy.states import EndState, InstanceState, OrderState, WorkState
from hosting.policy.terms import STANDARD
from hosting.policy.values import NameKind
from tests.inventory.words import NOW, placed, server, take, with_servers
from tests.service.records import opened, with_backup

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.notices import Notice

LATER = NOW + timedelta(days=400)
REST = timedelta(days=STANDARD.name_rests_days)


def do(inventory: Inventory, function: Callable[..., Any], *args: Any, **more: Any) -> Any:
    return in_transaction(inventory, lambda session: function(session, *args, **more))


def known_of(inventory: Inventory, *words: str) -> set[str]:
    """The tables in which one of these words stands."""
    with inventory.reading() as session:
        return {
            table.name
            for table in Base.metadata.sorted_tables
            for row in session.execute(select(table)).mappings()
            if any(word in str(value) for word in words for value in row.values())
        }


def lived_in(inventory: Inventory, order: str = "A-1") -> str:
    """An instance about which all sorts of things are known."""
    name = opened(inventory, order, NOW)
    with_backup(inventory, name, f"{name}-gen", NOW)

    def live(session: Session) -> None:
        own = names.begin_assigning(
            session, name, NameKind.SUBDOMAIN, f"ada-{order.lower()}", "ada", now=NOW, by="olga"
        )
        names.record_live(session, own.id, NOW, {})
        names.begin_releasing(session, name, own.a_label, now=LATER, by="olga", why="Ada Löwe wrote")
        names.record_gone(session, own.id, LATER, {})
        letters.record_letter(
            session, f"ready:{order}", recipient="ada@example.test", language="de", subject="Ada Löwe", message_id="m",
            now=NOW,
        )  # fmt: skip
        links.make_link(session, name, "first access", NOW, timedelta(days=1))
        deeds.record(session, "olga", "called", f"instance:{name}", why="Ada Löwe rang", now=NOW)
        made = endings.give_notice(session, name, None, by="olga", why="Ada Löwe moves on", now=NOW)
        endings.record_ended(session, made.id, {}, LATER)
        endings.begin_deleting(session, made.id, LATER + timedelta(days=60))

    in_transaction(inventory, live)
    return name


def test_every_table_of_the_inventory_has_its_rule() -> None:
    named = [*erasing.GONE, *erasing.BLANK, *erasing.BY_THEMSELVES, *erasing.STAYS]
    assert sorted(named) == sorted(set(named))
    assert set(named) == set(Base.metadata.tables)
    for table, columns in erasing.BLANK.items():
        assert set(columns) <= set(Base.metadata.tables[table].c.keys()), table


def test_nothing_of_the_person_is_left_but_a_name_that_rests_until_its_rest_is_over(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    name = lived_in(inventory)
    assert {"customers", "letters", "deeds", "endings", "shop_events"} <= known_of(inventory, "Ada", "ada@")
    before, after = do(inventory, erasing.erase, name, LATER)
    assert before.count > 5
    assert after == NOTHING
    assert known_of(inventory, "Ada Löwe", "ada@example.test") == set()
    assert known_of(inventory, "ada-a-1") == {"names", "turns"}
    do(inventory, lambda session: setattr(session.get(Instance, name), "state", InstanceState.ENDED))
    with inventory.reading() as session:
        assert not erasing.has_rested(session, LATER + REST - timedelta(seconds=1))
        assert erasing.has_rested(session, LATER + REST)
    assert do(inventory, erasing.erase_rested, LATER + REST) == 1
    assert known_of(inventory, "ada-a-1") == set()


def test_what_was_agreed_paid_and_done_stays(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    name = lived_in(inventory)
    with inventory.reading() as session:
        done = [(deed.what, deed.by, deed.at) for deed in deeds.deeds_of(session, f"instance:{name}")]
    do(inventory, erasing.erase, name, LATER)
    with inventory.reading() as session:
        assert [(one.what, one.by, one.at) for one in deeds.deeds_of(session, f"instance:{name}")] == done
        assert orders.order_facts(session, "A-1").due_cents == 4900
        assert session.scalars(select(ShopEvent.body_sha256)).all()
        assert instances.instance_facts(session, name).order_reference == "A-1"
        ended = [one for one in deeds.deeds_of(session, f"instance:{name}") if one.what == endings.ENDED]
        assert ended[0].evidence["contract"] == endings.last_ending(session, name).contract_id


def test_a_customer_with_another_instance_keeps_his_name_and_his_letters(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    name, other = lived_in(inventory), opened(inventory, "A-2", NOW)
    do(inventory, erasing.erase, name, LATER)
    with inventory.reading() as session:
        assert orders.order_facts(session, "A-2").email == "ada@example.test"
        assert session.scalars(select(Letter.recipient)).all() == ["ada@example.test"]
        assert instances.instance_facts(session, other).state is InstanceState.ACTIVE


def told_of(order: str, email: str) -> Notice:
    """An order of the same customer as the shop's body tells it, under another address."""
    body = {"data": {"order": order, "customer": {"reference": "C-1", "name": "Ada Löwe", "email": email}}}
    return replace(placed(order, email=email), body=json.dumps(body))


def write_to(inventory: Inventory, *addresses: str) -> None:
    for one in addresses:
        do(
            inventory, letters.record_letter, f"to:{one}", recipient=one, language="de", subject="Ada Löwe",
            message_id="m", now=NOW,
        )  # fmt: skip


def test_letters_to_an_address_that_he_had_before_go_too_and_those_of_others_stay(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    assert take(inventory, told_of("A-0", "ada@old.test"), told_of("A-9", "shared@firm.test"))
    other = replace(placed("B-1", customer="C-2", name="Ben", email="shared@firm.test"), body="{}")
    take(inventory, other)
    name = lived_in(inventory)
    for order in ("A-0", "A-9"):
        do(inventory, lambda session, order=order: setattr(session.get(Order, order), "state", OrderState.CANCELLED))
    write_to(inventory, "ada@old.test", "shared@firm.test")
    before, after = do(inventory, erasing.erase, name, LATER)
    assert (before.count > 5, after) == (True, NOTHING)
    with inventory.reading() as session:
        left = [one for one in session.scalars(select(Letter.recipient)) if one]
    assert left == ["shared@firm.test"]  # it is another customer's by now


def test_who_stays_keeps_letters_to_an_address_of_which_another_order_of_his_told(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    take(inventory, told_of("A-0", "ada@old.test"), told_of("A-1", "ada@older.test"), told_of("A-2", "ada@now.test"))
    name = lived_in(inventory)
    write_to(inventory, "ada@old.test", "ada@older.test", "ada@now.test")
    do(inventory, erasing.erase, name, LATER)
    with inventory.reading() as session:
        left = {one for one in session.scalars(select(Letter.recipient)) if one}
    assert {"ada@old.test", "ada@now.test"} <= left
    assert "ada@older.test" not in left


def test_words_about_its_exports_imports_and_moves_go_and_no_run_goes_on_with_an_export(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    name, other = lived_in(inventory), opened(inventory, "A-2", NOW)
    subjects = []

    def ask(session: Session) -> None:
        exported = exports.order(session, ExportWish(name, only_user="ada.word", why="Ada.Word asks"), "olga", NOW)
        row = Import(
            instance_name=name, server_name="app1", state="refused", only_check=False, sealed_source="", shown_url="",
            declared={}, told_sha256="", by="olga", why="", asked_at=NOW, sha256="", bytes=0, release_id="", stamp="",
            report={}, finding="", evidence={}, approved_by="",
        )  # fmt: skip
        session.add(row)
        session.flush()
        subjects.extend([f"export:{exported.id}", f"work:export-instance:{exported.id}", f"import:{row.id}"])
        for one in subjects:
            deeds.record(session, "olga", "looked", one, why="Ada.Word rang", now=NOW)
            cases.raise_case(session, one, "kind", one, "Ada.Word waits", facts={"user": "ada.word"}, now=NOW)
        mine = exports.order(session, ExportWish(other, why="Ben.Word asks"), "olga", NOW)
        subjects.append(str(mine.id))

    in_transaction(inventory, ask)
    do(inventory, lambda session: setattr(session.get(Instance, name), "state", InstanceState.CLOSED))
    do(inventory, erasing.erase, name, LATER)
    assert known_of(inventory, "Ada.Word", "ada.word") == set()
    assert {"deeds", "exports"} <= known_of(inventory, "Ben.Word")
    with inventory.reading() as session:
        mine = work.work_of(session, work.EXPORT, subjects[0].removeprefix("export:"))
        others = work.work_of(session, work.EXPORT, subjects[-1])
        assert mine is not None
        assert others is not None
        assert (mine.state, others.state) == (WorkState.CANCELLED, WorkState.OPEN)
        assert [one for one in cases.open_cases(session) if one.subject in subjects] == []


def test_what_inspections_runs_and_operators_said_of_it_goes_and_what_they_said_of_others_stays(
    inventory: Inventory,
) -> None:
    with_servers(inventory, server("app1"))
    name, other = lived_in(inventory), opened(inventory, "A-2", NOW)

    def said(session: Session) -> None:
        site = "/etc/apache2/phm/names/ada-a-1.1.conf"
        astray = FleetFinding(SERVICE, Look.DOMAINS, "case 7", Severity.WRONG, "It leads away.", "", f"instance:{name}")
        left = FleetFinding("app1", Look.SITES, site, Severity.WRONG, f"{site} is left.", "")
        theirs = FleetFinding("app1", Look.SITES, other, Severity.WRONG, "Ben.Word", "", f"instance:{other}")
        findings.record_look(session, SERVICE, {Look.DOMAINS}, [astray], NOW)
        findings.record_look(session, "app1", {Look.SITES}, [left, theirs], NOW)
        for whose, word in ((name, "Ada.Word"), (other, "Ben.Word")):
            work.ask_for(session, work.RESUME, f"{whose}@1", NOW, by="olga", now=NOW)
            work.record_failed(session, work.RESUME, f"{whose}@1", f"{word} has none.")
        row = session.get_one(Instance, name)
        session.add_all([
            LevelAgreement(
                contract_id=row.contract_id, level=None, from_day=NOW.date(), agreed_by="olga", agreed_at=NOW,
                reason="with Ada.Word", called_off_at=NOW, called_off_by="olga", called_off_why="Ada.Word rang",
            ),
            Arrears(
                order_reference=row.order_reference, begun_at=NOW, announcements=0, held_by="olga",
                held_why="Ada.Word is ill", ended_at=NOW, ended_why="Ada.Word paid",
            ),
        ])  # fmt: skip

    in_transaction(inventory, said)
    assert known_of(inventory, "Ada.Word") == {"arrears", "level_agreements", "work"}
    assert known_of(inventory, "ada-a-1") == {"deeds", "findings", "names", "turns"}
    before, after = do(inventory, erasing.erase, name, LATER)
    assert (before.count > 5, after) == (True, NOTHING)
    assert known_of(inventory, "Ada.Word") == set()
    assert known_of(inventory, "ada-a-1") == {"names", "turns"}  # it rests
    assert known_of(inventory, "Ben.Word") == {"findings", "work"}
    with inventory.reading() as session:
        assert [one.subject for one in findings.standing(session)] == [f"instance:{other}"]


def test_what_reads_all_restores_and_mends_reads_on_once_an_instance_that_had_some_is_deleted(
    inventory: Inventory,
) -> None:
    with_servers(inventory, server("app1"))
    name = lived_in(inventory)

    def lived(session: Session) -> None:
        subject = f"instance:{name}"
        told = {"point": "p1", "server": "app1", "stamp": "2611270000"}
        deeds.record(session, "olga", restores.BEGUN, subject, evidence=told, now=NOW)
        for what in (mends.BEGUN, mends.MENDED):
            since = {mends.SINCE: NOW.isoformat()}
            deeds.record(session, "olga", what, subject, evidence={"generation": f"{name}-gen", **since}, now=NOW)

    do(inventory, lived)
    with inventory.reading() as session:
        assert (len(restores.begun_restores(session)), len(mends.found_sound(session))) == (1, 1)
    do(inventory, erasing.erase, name, LATER)
    with inventory.reading() as session:
        assert restores.begun_restores(session) == []
        assert (mends.found_sound(session), mends.unfinished_mends(session)) == ({}, set())
        assert [one.name for one in servers.all_servers(session)] == ["app1"]


def test_erased_twice_nothing_changes(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    name = lived_in(inventory)
    do(inventory, erasing.erase, name, LATER)
    assert do(inventory, erasing.erase, name, LATER) == (NOTHING, NOTHING)
    with inventory.reading() as session:
        end = endings.last_ending(session, name)
    assert do(inventory, record_deleted, end.id, LATER).state is EndState.DELETED


def test_the_campaign_tells_who_was_told_who_has_given_notice_and_who_is_left(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    going, staying = lived_in(inventory), opened(inventory, "A-2", NOW)
    key = campaigns.key_of("C-1")
    with inventory.reading() as session:
        found = {one.instance: one for one in campaigns.standings(session)}
    assert (found[going].is_left, found[going].end) == (False, EndState.DELETING)
    assert (found[staying].is_left, found[staying].is_to_be_told) == (True, True)
    told = partial(letters.record_letter, recipient="a", language="de", subject="s", message_id="m", now=NOW)
    in_transaction(inventory, lambda session: told(session, key))
    with inventory.reading() as session:
        assert [one.told_at for one in campaigns.standings(session)] == [NOW, NOW]
        assert not any(one.is_to_be_told for one in campaigns.standings(session))


def test_who_has_exported_one_user_alone_has_not_exported_all_of_his_data(inventory: Inventory) -> None:
    with_servers(inventory, server("app1"))
    name = opened(inventory, "A-1", NOW)

    def exported(session: Session, at: datetime, user: str) -> None:
        made = exports.ask(session, ExportWish(name, only_user=user), "olga", at)
        exports.record_ready(session, made.id, LATER, at)
        exports.record_fetched(session, made.id, 1, at)

    def standing() -> tuple[datetime | None, datetime | None]:
        with inventory.reading() as session:
            (found,) = campaigns.standings(session)
        return found.exported_at, found.fetched_at

    do(inventory, exported, NOW, "ada")
    assert standing() == (None, None)
    do(inventory, exported, NOW + timedelta(days=1), "")
    do(inventory, exported, NOW + timedelta(days=2), "ada")
    assert standing() == (NOW + timedelta(days=1), NOW + timedelta(days=1))
